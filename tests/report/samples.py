"""Results made by hand for the tests of the reports: two detectors of one synthetic flood.

Nothing is square, centred or alike: non-square matrix and pixels, a field off the centre, a second detector
that differs from the first.
"""

from dataclasses import replace

import numpy as np

from nmqc.model import (
    Curve,
    Ends,
    EnergyWindow,
    InputFile,
    Label,
    Limits,
    Line,
    Measurement,
    Metric,
    NoiseFloor,
    NotMeasured,
    Picture,
    Position,
    Refusal,
    Region,
    Remark,
    Result,
    Source,
    System,
)

UNVERIFIED = "common clinical practice"
NEMA = "NEMA NU 1, 2.4"
CENTRE_MM = (14.0, -23.0)
INDICES = {
    "integral": "integral uniformity",
    "differential_x": "differential uniformity x",
    "differential_y": "differential uniformity y",
    "differential": "differential uniformity",
}
STRUCTURE = {
    "uniformity.rows": "row uniformity",
    "uniformity.columns": "column uniformity",
    "uniformity.tilt": "tilt of the fitted plane",
    "uniformity.centre_to_edge": "centre to edge",
}


def system():
    return System("intevo", "NM-1", "SIEMENS NM", "Symbia Intevo Bold")


def source(**changes):
    files = (InputFile("flood.dcm", "1f" * 32, "2e" * 32, uid="1.2.3"),)
    plain = Source(
        files,
        system(),
        "2026-11-16T07:12:00",
        "AcquisitionDateTime",
        radionuclide="Tc-99m",
        software="VB22B",
        corrected=("UNIF", "LIN"),
        synthetic=True,
    )
    return replace(plain, **changes)


def limits(warn=4.0, fail=5.0, verified=False):
    return Limits(Ends(None, warn), Ends(None, fail), "value", "%", UNVERIFIED, verified)


def index_measurement(index, field, value, of="", verdict="pass", limit=None):
    metric = Metric(f"uniformity.{index}.{field}", "%", NEMA, f"{INDICES[index]}, {field.upper()}")
    at = (Position("max", 12.0, -80.5), Position("min", -143.25, 61.0))
    if "differential" in index:
        at = (Position(f"worst window, {index[-1] if index[-1] in 'xy' else 'x'}", 101.5, 77.25),)
    return Measurement(
        metric,
        value,
        of,
        {"counting": 0.11, "grid": 0.08},
        NoiseFloor(1.5 if index == "integral" else 1.1, 1.71),
        at if not of else (),
        limit,
        verdict,
    )


def measurements(integral_ufov, verdict):
    values = {
        "integral": integral_ufov,
        "differential_x": 1.93,
        "differential_y": 2.1499,
        "differential": 2.1499,
    }
    found = []
    for of in ("", "strict", "near-source"):
        for index, value in values.items():
            for field, part in (("ufov", 1.0), ("cfov", 0.8)):
                judged = verdict if (index, field) == ("integral", "ufov") else "pass"
                limit = limits() if of == "" else None
                extra = {"": 0.0, "strict": 2.7, "near-source": -0.2}[of]
                found.append(
                    index_measurement(
                        index, field, (value + extra) * part, of, judged if limit else "unjudged", limit
                    )
                )
    return (*found, *structure_measurements())


def structure_measurements():
    found = [
        Measurement(Metric(f"uniformity.{name}.{field}", "%", "nmqc", f"{words}, {field.upper()}"), value)
        for name, words in (("cov", "coefficient of variation"), ("structural_cov", "structural variation"))
        for field, value in (("ufov", 1.2345), ("cfov", 0.98765))
    ]
    found += [Measurement(Metric(name, "%", "nmqc", words), 0.4567) for name, words in STRUCTURE.items()]
    counts = Metric("uniformity.counts_per_pixel", "counts", "nmqc", "counts per pixel, CFOV")
    distance = Metric("uniformity.near_source_distance", "mm", "nmqc", "distance of the source, fitted")
    return [
        *found,
        Measurement(counts, 10234.7, "", {"counting": 1.6}),
        Measurement(distance, 1043.7, "", {"fit": 31.0}),
    ]


def rectangle(label, width_mm, height_mm, style="main", centre=CENTRE_MM):
    x = centre[0] + width_mm / 2 * np.array([-1.0, 1.0, 1.0, -1.0, -1.0])
    y = centre[1] + height_mm / 2 * np.array([-1.0, -1.0, 1.0, 1.0, -1.0])
    return Region(label, (np.stack([x, y], axis=1),), style)


def raw_picture():
    rows, columns, spacing = 240, 320, (2.4, 2.0)
    y = (np.arange(rows) - (rows - 1) / 2)[:, None] * spacing[0]
    x = (np.arange(columns) - (columns - 1) / 2)[None, :] * spacing[1]
    inside = (abs(x - CENTRE_MM[0]) < 266.5) & (abs(y - CENTRE_MM[1]) < 193.5)
    weak = 1 - 0.12 * np.exp(-((x + 143) ** 2 + (y - 61) ** 2) / 2 / 27**2)
    counts = np.random.default_rng(5).poisson(np.where(inside, 690 * weak, 2.0))
    return Picture(
        "counts",
        counts,
        spacing,
        "counts",
        regions=(rectangle("UFOV", 533, 387), rectangle("CFOV", 400, 290, "second")),
        marks=(
            Position("max UFOV", 12.0, -80.5),
            Position("max CFOV", 12.0, -80.5),
            Position("min", -143.25, 61.0),
        ),
    )


def smooth_picture():
    rows, columns, pixel = 58, 80, 6.6
    y = (np.arange(rows) - (rows - 1) / 2)[:, None] * pixel
    x = (np.arange(columns) - (columns - 1) / 2)[None, :] * pixel
    weak = -4.5 * np.exp(-((x + CENTRE_MM[0] + 143) ** 2 + (y + CENTRE_MM[1] - 61) ** 2) / 2 / 27**2)
    image = 100 + weak + 0.8 * np.sin(x / 30) * np.cos(y / 40)
    shown = np.ones(image.shape, dtype=bool)
    shown[:6, :6] = shown[:6, -6:] = False
    return Picture(
        "smoothed, in per cent of the mean",
        image,
        (pixel, pixel),
        "%",
        CENTRE_MM,
        shown,
        "diverging",
        100.0,
        regions=(
            rectangle("CFOV", 400, 290, "second"),
            rectangle("worst windows", 33, 6.6, "box", (101.5, 77.25)),
        ),
        marks=(
            Position("max", 12.0, -80.5),
            Position("min", -143.25, 61.0),
            Position("worst x", 101.5, 77.25),
            Position("worst y", 108.1, 83.85),
        ),
    )


def profile(axis):
    x = np.linspace(-266, 266, 82)
    return Curve(
        f"{axis} profile",
        f"{'x' if axis == 'row' else 'y'} / mm",
        "mean counts / %",
        (
            Line("UFOV", x, 100 + np.sin(x / 60)),
            Line("CFOV", x[10:-10], 100 + 0.7 * np.sin(x[10:-10] / 60), "second"),
            Line("mean", x[[0, -1]], np.array([100.0, 100.0]), "guide"),
        ),
    )


def result(detector=1, integral_ufov=5.6137, verdict="fail", **changes):
    plain = Result(
        "uniformity.planar",
        "uniformity.planar/1",
        source(),
        detector,
        "vector",
        EnergyWindow("99m Technetium", ((129.5, 150.5),)),
        {
            "matrix": [1024, 1024],
            "rebin": 11,
            "pixel_mm": [6.5934, 6.5934],
            "edge_policy": "whole-pixels",
            "edge_margin_mm": 3.1,
            "outline": "rectangle 533 x 387 mm, as the table of the system says",
            "replicates": 200,
        },
        {"edge_policy": "whole-pixels"},
        measurements(integral_ufov, verdict),
        (
            NotMeasured("uniformity.rows", "", "zoomed_field", "acquire the flood without zoom"),
            NotMeasured("uniformity.columns", "", "zoomed_field", "acquire the flood without zoom"),
            NotMeasured(
                "uniformity.integral.ufov", "reference", "no_reference", "give a flood with --reference"
            ),
        ),
        (
            Remark(
                "edge_limited",
                "the strict reading differs by 2.7 points: an extreme lies in the outermost ring",
            ),
            Remark("low_counts", "8 200 counts per pixel; NEMA NU 1 asks for 10 000"),
        ),
        (raw_picture(), smooth_picture(), profile("row"), profile("column")),
        "NONE",
        600.0,
        30_012_345,
        "a flood of 82 by 58 pixels of 6.59 mm",
    )
    return replace(plain, **changes)


def both():
    return [(result(), 1234), (result(2, 2.4137, "pass", remarks=(), not_measured=()), 1235)]


def refusals():
    window = EnergyWindow("scatter", ((108.0, 129.5),))
    return [
        Refusal("x.dcm", "not_an_nm_image", "this is a CT image: give an NM image"),
        Refusal(
            "zoomed.dcm", "zoomed_field", "the field is cut by the zoom: acquire without zoom", 2, window
        ),
    ]


# --- four quadrants -------------------------------------------------------------------------------------

QUADRANTS = {
    "3.18 mm": (-70.0, -52.0),
    "3.97 mm": (84.0, -47.0),
    "4.76 mm": (79.0, 61.0),
    "6.35 mm": (-66.0, 58.0),
}
#: metric of a quadrant -> label, unit, values in the order of the quadrants; what is not there was not measured
OF_QUADRANTS = {
    "modulation": ("modulation", "ratio", (0.1287, 0.3114, 0.4921, 0.7038)),
    "mtf": ("MTF", "ratio", (0.1264, 0.3058, 0.4832, 0.6911)),
    "fwhm_moments": ("FWHM, moments as published", "mm", (None, 4.441, 4.236, 3.9)),
    "fwhm_moments_pi4": ("FWHM, moments with pi/4", "mm", (None, 4.9012, 4.7461, 5.0127)),
    "width": ("bar width", "mm", (3.1911, 3.9812, 4.7743, 6.3834)),
}


def bars_measurements():
    """What four quadrants give: a fit over all, x and y apart, and five metrics of each quadrant."""
    fwhm = Metric("resolution.bars.fwhm", "mm", "nmqc", "FWHM, joint fit")
    found = [
        Measurement(fwhm, value, of, {"fit": 0.041}) for of, value in (("", 4.13), ("x", 4.19), ("y", 4.07))
    ]
    for name, (label, unit, values) in OF_QUADRANTS.items():
        metric = Metric(f"resolution.bars.{name}", unit, "nmqc", label)
        parts = {"counting": 0.0031 if unit == "ratio" else 0.0174}
        found += [
            Measurement(metric, value, of, parts)
            for of, value in zip(QUADRANTS, values, strict=True)
            if value is not None
        ]
    rotation = Metric("resolution.bars.rotation", "deg", "nmqc", "rotation of the phantom")
    return (*found, Measurement(rotation, -1.27, "", {"fit": 0.02}))


def bars_picture():
    """A bar phantom off the centre with a disc and a label in each quadrant, on pixels that are not square."""
    rows, columns, spacing = 220, 256, (1.6, 1.5)
    y = (np.arange(rows) - (rows - 1) / 2)[:, None] * spacing[0] - 4.0
    x = (np.arange(columns) - (columns - 1) / 2)[None, :] * spacing[1] - 7.0
    width = np.where(y < 0, np.where(x < 0, 3.18, 3.97), np.where(x < 0, 6.35, 4.76))
    across = np.where(x * y > 0, x, y)
    inside = (abs(x) < 170) & (abs(y) < 150)
    counts = np.where(inside, 60 * (1 + 0.6 * np.sign(np.sin(np.pi * across / width))), 1.0)
    turn = np.linspace(0, 2 * np.pi, 73)
    discs = tuple(
        Region("ROI", (np.stack([cx + 41 * np.cos(turn), cy + 41 * np.sin(turn)], axis=1),), "main")
        for cx, cy in QUADRANTS.values()
    )
    strips = tuple(rectangle(f"strip {n}", 4.0, 90.0, "box", (-160 + 8.0 * n, 130.0)) for n in range(40))
    cross = Region(
        "quadrants",
        (np.array([[-160.0, 4.0], [180.0, 4.0]]), np.array([[7.0, -140.0], [7.0, 150.0]])),
        "second",
    )
    labels = tuple(Label(text, *place) for text, place in QUADRANTS.items())
    image = np.random.default_rng(2).poisson(counts)
    return Picture("bars", image, spacing, "counts", regions=(*discs, cross, *strips), labels=labels)


def mtf_curve():
    """Points with errors, the fit through them with its band, and a guide."""
    frequency = np.array([0.1571, 0.1259, 0.105, 0.0787])
    points = np.array([0.1264, 0.3058, 0.4832, 0.6911])
    grid = np.linspace(0.0, 0.2, 60)
    fit = 0.84 * np.exp(-((np.pi * 4.13 * grid) ** 2) / 4 / np.log(2))
    return Curve(
        "MTF",
        "frequency / (1/mm)",
        "MTF",
        (
            Line("bars along x", frequency[::2], points[::2], "points", np.array([0.02, 0.03])),
            Line("bars along y", frequency[1::2], points[1::2], "points", np.array([0.025, 0.02])),
            Line("joint fit, 1 SD", grid, fit, "main", 0.02 + 0 * grid),
            Line("resolved above 0.08", grid[[0, -1]], np.array([0.08, 0.08]), "guide"),
        ),
    )


def bars_result(**changes):
    missing = (
        NotMeasured(
            "resolution.bars.fwhm_moments", "3.18 mm", "low_modulation", "below 0.1: give more counts"
        ),
        NotMeasured(
            "resolution.bars.fwhm_moments_pi4", "3.18 mm", "low_modulation", "below 0.1: give more counts"
        ),
    )
    linearity = replace(smooth_picture(), title="displacement of the bars", unit="mm", midpoint=100.0)
    evidence = (bars_picture(), linearity, mtf_curve(), profile("row"), profile("column"), profile("row"))
    plain = result(
        test="resolution.bars",
        algorithm="resolution.bars/1",
        measurements=bars_measurements(),
        not_measured=missing,
        evidence=evidence,
        summary="bars of 3.18, 3.97, 4.76 and 6.35 mm; all are resolved",
    )
    return replace(plain, **changes)
