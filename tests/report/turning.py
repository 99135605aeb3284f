"""Results made by hand of five point sources on a turning gantry: one detector, and a pair of them.

Nothing is centred or alike: the axis lies off the matrix's centre, each source has its own radius, phase and counts,
the head starts at 37 degrees and turns clockwise, and a view has slipped.
"""

from dataclasses import replace

import numpy as np

from nmqc.model import (
    Curve,
    Ends,
    Limits,
    Line,
    Measurement,
    Metric,
    NoiseFloor,
    NotMeasured,
    Polar,
    Remark,
    Sinogram,
)
from tests.report import samples

VIEWS, COLUMNS, PIXEL_MM = 90, 128, 4.8
OFFSET_MM = 3.1
RADII_MM = (31.0, 84.0, 120.0, 57.0, 150.0)
PHASES_DEG = (20.0, 115.0, 201.0, 290.0, 333.0)
COUNTS = (21000.0, 15000.0, 9000.0, 18000.0, 12000.0)
SLIPPED, SLIP_MM = 34, 3.0
VIEW = np.arange(1.0, VIEWS + 1)
ANGLE_DEG = (37.0 - 4.0 * (VIEW - 1)) % 360
NAMES = tuple(f"source {number}" for number in range(1, 6))

#: metric -> label, unit, value over all sources, uncertainty, noise floor or None, whether given of each source
OF_HEAD = {
    "offset": ("centre-of-rotation offset", "mm", 3.0987, 0.0031, None, True),
    "offset_px": ("centre-of-rotation offset, pixels", "px", 0.64556, 0.00065, None, True),
    "residual_max": ("largest residual", "mm", 2.9113, 0.061, (0.142, 0.171), True),
    "residual_rms": ("residual, RMS", "mm", 0.1413, 0.0021, (0.0412, 0.0431), True),
    "radius": ("distance from the axis", "mm", None, 0.0042, None, True),
    "axial_mean": ("axial position, mean", "mm", -7.1234, 0.0033, None, True),
    "axial_range": ("axial position, range", "mm", 0.3411, 0.058, (0.2411, 0.3122), True),
    "tilt": ("tilt of the detector", "deg", 0.0412, 0.0087, None, True),
    "sag": ("sag, second harmonic", "mm", 0.0931, 0.0043, None, False),
    "drift": ("drift", "mm/view", 0.000213, 0.000121, None, True),
    "offset_opposed": ("offset by opposed views", "mm", 3.1021, 0.0033, None, True),
    "offset_slope": ("slope of the offset along the axis", "mm/mm", -0.000412, 0.000087, None, False),
    "nema_offset": ("offset of the worst source", "mm", None, None, None, False),
    "resolution": ("FWHM", "mm", None, 0.021, None, False),
}
OF_PAIR = {
    "axial_shift": ("axial shift between detectors", "mm", -1.2031, 0.0045),
    "offset_difference": ("difference of the offsets", "mm", 0.4113, 0.0044),
    "phase_difference": ("relative phase of the detectors", "deg", 0.0513, 0.0041),
}


def positions_mm(number):
    """Where a source is seen in each view; the second crosses another from view 60 to 66 and is not seen there."""
    phase = np.radians(ANGLE_DEG - PHASES_DEG[number])
    x_mm = OFFSET_MM + RADII_MM[number] * np.cos(phase)
    return x_mm + SLIP_MM * (VIEW == SLIPPED)


def sinogram():
    at_mm = (np.arange(COLUMNS) - (COLUMNS - 1) / 2) * PIXEL_MM
    rows = [
        counts
        * np.exp(-((at_mm[None, :] - positions_mm(number)[:, None]) ** 2) / 2 / 4.2**2)
        * PIXEL_MM
        / 10.5
        for number, counts in enumerate(COUNTS)
    ]
    image = np.random.default_rng(8).poisson(sum(rows) + 3.0)
    seen = [np.ones(VIEWS, dtype=bool) for _ in COUNTS]
    seen[1][59:66] = False
    tracks = tuple(
        Line(name, positions_mm(number)[seen[number]], VIEW[seen[number]])
        for number, name in enumerate(NAMES)
    )
    return Sinogram("sinogram, with the centroids found", image, PIXEL_MM, "counts", tracks)


def residuals_mm(number):
    noise = np.random.default_rng(number).normal(0.0, 0.05, VIEWS)
    return noise + 0.09 * np.cos(2 * np.radians(ANGLE_DEG)) + 0.9 * SLIP_MM * (VIEW == SLIPPED)


def polar():
    order = np.argsort(ANGLE_DEG)
    lines = tuple(
        Line(name, ANGLE_DEG[order], residuals_mm(number)[order]) for number, name in enumerate(NAMES)
    )
    return Polar("residuals about the gantry", "residual / mm", lines)


def fits():
    lines = []
    grid = np.linspace(0.0, 360.0, 181)
    for number, name in enumerate(NAMES):
        lines.append(Line(name, ANGLE_DEG, positions_mm(number), "points"))
        fit = OFFSET_MM + RADII_MM[number] * np.cos(np.radians(grid - PHASES_DEG[number]))
        lines.append(Line("", grid, fit, "guide"))
    return Curve("position and fitted sinusoid", "angle of the head / deg", "x / mm", tuple(lines))


def series(title, label):
    lines = tuple(Line(name, VIEW, residuals_mm(number)) for number, name in enumerate(NAMES))
    return Curve(title, "view", label, lines)


def blur():
    distance = np.linspace(90.0, 330.0, VIEWS)
    return Curve(
        "resolution against distance",
        "distance from the collimator / mm",
        "FWHM / mm",
        (
            Line("views", distance, 4.2 + 0.026 * distance + 0.1 * np.sin(distance), "points"),
            Line("straight line", distance[[0, -1]], 4.2 + 0.026 * distance[[0, -1]]),
        ),
    )


def limits(warn, fail):
    return Limits(Ends(None, warn), Ends(None, fail), "magnitude", "mm", samples.UNVERIFIED, False)


def head_measurements(sources):
    found = []
    for name, (label, unit, value, spread, floor, each) in OF_HEAD.items():
        metric = Metric(f"cor.{name}", unit, "nmqc", label)
        parts = {"counting": spread}
        noise = None if floor is None else NoiseFloor(*floor)
        if value is not None:
            judged = name == "offset"
            limit, verdict = (limits(1.0, 2.0), "fail") if judged else (None, "unjudged")
            found.append(Measurement(metric, value, "", parts, noise, (), limit, verdict))
        if each:
            own = (
                RADII_MM if value is None else [value * (1 + 0.1 * n * (sources > 1)) for n in range(sources)]
            )
            found += [
                Measurement(
                    metric, own[n], NAMES[n], {"counting": 2 * spread} if value is None else parts, noise
                )
                for n in range(sources)
            ]
    return (*found, Measurement(metric, 9.4113, "200 mm", {"fit": 0.021}))


def head_result(sources=5, **changes):
    evidence = (
        sinogram(),
        fits(),
        series("residuals of the sinusoid", "residual / mm"),
        series("axial position, less its mean", "y / mm"),
        polar(),
        blur(),
    )
    parameters = {
        "matrix": [128, 128],
        "pixel_mm": [PIXEL_MM, PIXEL_MM],
        "views": VIEWS,
        "arc_deg": 360.0,
        "direction": "clockwise",
        "sources": [
            {"name": name, "x_mm": 11.3, "y_mm": -71.25, "phase_deg": 20.113, "counts": 21034, "background": 0.0,
             "fwhm_mm": 9.88, "views_used": 90, "noise": 1.013, "views_that_stand_out": [SLIPPED]}
            for name in NAMES[:sources]
        ],
    }  # fmt: skip
    plain = samples.result(
        test="cor.point-sources",
        algorithm="cor.point-sources/1",
        parameters=parameters,
        asked={},
        measurements=head_measurements(sources),
        not_measured=tuple(
            NotMeasured(f"cor.{name}", "", "not_nema_arrangement", "NEMA NU 1, 4.1 asks for 3 sources, not 5")
            for name in ("nema_offset", "nema_axial")
        ),
        remarks=(Remark("slipped_view", "view 34 stands out by 3.0 mm in all sources: look at the gantry"),),
        evidence=evidence,
        collimator="LEHR",
        duration_s=None,
        summary="5 point sources, 90 views over 360 degrees, clockwise",
    )
    return replace(plain, **changes)


def pair_result(**changes):
    measured = tuple(
        Measurement(Metric(f"cor.{name}", unit, "nmqc", label), value, "1-2", {"counting": spread})
        for name, (label, unit, value, spread) in OF_PAIR.items()
    )
    missing = tuple(
        NotMeasured(f"cor.{name}", "1-2", "not_nema_arrangement", "NEMA NU 1, 4.1 asks for 3 sources, not 5")
        for name in ("nema_pair_offset", "nema_pair_axial")
    )
    plain = head_result(
        detector=None,
        detector_source=None,
        parameters={"detectors": [1, 2], "separation_deg": 180.0},
        asked={"detectors": [1, 2]},
        measurements=measured,
        not_measured=missing,
        remarks=(),
        evidence=(),
        total_counts=None,
        summary="detectors 1 and 2 beside each other",
    )
    return replace(plain, **changes)


def study():
    return [(head_result(), 7), (head_result(detector=2, remarks=()), 8), (pair_result(), 9)]
