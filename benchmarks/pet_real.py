"""Real IEC series for the validation, found without a hint, beside what other programs and our own trial say."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.pet_scans import SPHERES, Floats, Looked, looked_at, places_mm
from nmqc.dicom import ReadOptions, read_pet
from nmqc.model import Volume
from nmqc.pet.fit import Estimate, FitOptions, SphereFit, SphereFits, fit_spheres
from nmqc.pet.options import Options
from nmqc.pet.truth import given

WHERE = "NMQC_REFERENCE_DATA"
SMOOTHED_MM, PEER_WALL_MM = 5.0, 1.5


@dataclass(frozen=True, slots=True)
class Series:
    """A real series. Six numbers are of 10 to 37 mm; `ratio` is that of the record, no fill is known.

    Attributes
    ----------
    centres_mm : in the patient's axes, by the record
    recorded : short name -> six numbers; "contrast, own" on the slice nearest to each sphere
    lung : % of the background with 10 and 30 mm left out
    """

    folder: str
    ratio: float
    background: float
    centres_mm: tuple[tuple[float, float, float], ...]
    recorded: Mapping[str, tuple[float, ...]]
    lung: tuple[float, float]


SERIES = (
    Series(
        "iec-recon",
        9.926,
        1662.0,
        (
            (28.7, -46.8, -4.8),
            (-29.0, -48.8, -4.0),
            (-59.3, -0.4, -4.1),
            (-32.1, 49.8, -4.9),
            (25.2, 51.7, -2.1),
            (55.0, 3.7, -5.5),
        ),
        {
            "contrast, own": (63.3, 72.5, 76.4, 84.2, 87.1, 88.7),
            "contrast, common": (63.3, 68.0, 78.2, 84.2, 86.3, 88.7),
            "variability": (8.47, 6.52, 5.08, 4.29, 3.27, 2.52),
            "maximum": (16889, 21029, 20544, 23470, 26466, 24179),
            "A50": (12821, 14108, 14658, 15989, 17064, 16460),
            "peak, on voxels": (7344, 11328, 14848, 16313, 17430, 17331),
        },
        (0.95, 0.75),
    ),
    Series(
        "earl-mct",
        9.622,
        2630.0,
        (
            (-59.1, -205.0, 284.6),
            (-28.7, -256.8, 284.3),
            (29.7, -255.7, 284.4),
            (57.8, -205.6, 283.6),
            (28.4, -156.3, 284.2),
            (-30.3, -154.4, 284.2),
        ),
        {
            "contrast, own": (46.6, 62.1, 69.7, 75.9, 81.7, 82.6),
            "variability": (6.63, 5.93, 4.99, 4.05, 3.29, 2.76),
            "maximum": (20572, 26115, 32019, 30949, 29497, 29182),
            "A50": (15668, 20934, 23063, 22928, 23232, 22835),
            "peak, on voxels": (9614, 14368, 23014, 25551, 25404, 25464),
        },
        (17.8, 18.1),
    ),
)
#: pynemaiqpet on iec-recon smoothed by 5 mm: signal of all, FWHM of 10 to 37 mm, background
PEER = (16878.0, (6.47, 6.67, 6.92, 6.79, 6.78, 7.31), 1679.0)


def folder() -> Path | None:
    """Return the folder of the real series, or None where the environment does not name one."""
    where = os.environ.get(WHERE)
    path = Path(where, "pet") if where else None
    return path if path and path.is_dir() else None


def read(where: Path, name: str) -> Volume:
    """Return a series as nmqc reads it."""
    (found,) = read_pet([where / name], ReadOptions()).volumes
    return found


def looked(scan: Volume, series: Series, options: Options) -> Looked:
    """Return what nmqc says of a series.

    Its values are taken as Bq/mL with 1 Bq/mL in the spheres, so that recovery is in the image's own unit: no fill is
    known of either series, and one has no unit.
    """
    taken = replace(scan, unit="Bq/mL", quantitative=True)
    return looked_at(taken, given(sphere_bqml=1.0, background_bqml=1 / series.ratio), options)


def in_patient_mm(scan: Volume, found: Looked) -> Floats:
    """Return x, y, z of the spheres in the patient's axes."""
    half = (np.array(scan.values.shape[::-1]) - 1) / 2 * np.array(scan.spacing_mm[::-1])
    return np.asarray(np.add(scan.origin_mm, (places_mm(found.found) + half) @ np.array(scan.directions)))


INTRODUCTION = """Public series, {where} of the reference data. Recorded: our own trial (another implementation of
the same definitions), and for the fit pynemaiqpet. No fill is known of either: contrast is by the recorded ratio.

"""
DIFFERENCES = """Differences: centres, maxima and isocontours agree to the digits recorded. Contrast differs by the
places of the background (a few tenths of a point). Variability differs by up to two of its standard errors (9 % each
at least): the twelve places are others. Peaks on voxels differ by how a voxel's part in 1 mL is computed.
"""
PEER_HEAD = """
`iec-recon` smoothed by 5 mm, wall 1.5 mm, one signal: nmqc fits the width across and along apart, with equal weights
for all voxels within 10 mm of the surface; pynemaiqpet one FWHM to a radial profile that weights every shell alike,
with the signal of the largest sphere for all.

"""


def tables(where: Path) -> tuple[str, Floats]:
    """Return the text of all series, and the distances of the spheres from the recorded places in mm."""
    text, off = INTRODUCTION.format(where="`pet/iec-recon` and `pet/earl-mct`"), []
    for series in SERIES:
        scan = read(where, series.folder)
        own, common = (looked(scan, series, Options(slice=choice)) for choice in ("own", "common"))
        off.append(np.linalg.norm(in_patient_mm(scan, own) - series.centres_mm, axis=1))
        text += _text(scan, series, own, common) + "\n"
    return text + DIFFERENCES + PEER_HEAD + _peer_text(read(where, SERIES[0].folder)), np.concatenate(off)


def _text(scan: Volume, series: Series, own: Looked, common: Looked) -> str:
    off = np.linalg.norm(in_patient_mm(scan, own) - series.centres_mm, axis=1)
    ring = own.found.ring
    lines = [
        f"`{series.folder}`: {' x '.join(str(n) for n in scan.values.shape)} voxels of "
        f"{' x '.join(f'{s:.4g}' for s in scan.spacing_mm)} mm (slices, down, along); unit {scan.unit}. Ring: radius "
        f"{ring.radius_mm:.2f} mm, 37 mm sphere at {ring.phase_deg:.1f} degrees, sense {ring.sense:+d}, tilt "
        f"{np.hypot(ring.tilt_x_deg, ring.tilt_y_deg):.2f} degrees, residual {ring.residual_mm:.2f} mm; the volume "
        f"{'cuts' if own.found.truncated else 'holds'} the body. Background {own.value('background'):.1f} (trial: "
        f"{series.background:.0f}); ratio taken: {series.ratio:g}.",
        "",
        "| of 10, 13, 17, 22, 28, 37 mm | nmqc | recorded | largest difference |",
        "|---|---|---|---|",
        f"| centres, distance from the recorded / mm | {_six(off, 2)} | 0 | {off.max():.2f} |",
    ]
    for what, recorded in series.recorded.items():
        values = _values(what, own, common)
        digits = 2 if what == "variability" else 1 if what.startswith("contrast") else 0
        most = np.abs(np.subtract(values, recorded)).max()
        share = np.abs(np.divide(values, recorded) - 1).max()
        apart = f"{most:.1f} points" if digits == 1 else f"{100 * share:.1f} %"
        lines.append(f"| {what} | {_six(values, digits)} | {_six(recorded, digits)} | {apart} |")
    peaks = _values("peak, anywhere", own, common)
    lines.append(f"| peak, anywhere | {_six(peaks, 0)} | | |")
    lung = [
        looked(scan, series, Options(lung_exclusion_mm=exclusion)).value("lung_residual")
        for exclusion in (10.0, 30.0)
    ]
    found, recorded_ = (" / ".join(f"{one:.2f}" for one in some) for some in (lung, series.lung))
    apart_ = np.abs(np.subtract(lung, series.lung)).max()
    lines.append(f"| lung residual / %, 10 / 30 mm left out | {found} | {recorded_} | {apart_:.2f} points |")
    return "\n".join(lines) + "\n"


def _values(what: str, own: Looked, common: Looked) -> list[float]:
    """Return six numbers by the name that they have in the records."""
    names = {
        "contrast, own": (own, "contrast_hot"),
        "contrast, common": (common, "contrast_hot"),
        "variability": (own, "background_variability"),
        "maximum": (own, "rc_max"),
        "A50": (own, "rc_mean"),
        "peak, anywhere": (own, "rc_peak"),
    }
    if what in names:
        looked_, name = names[what]
        return [looked_.value(name, of) for of in SPHERES]
    assert own.recovered is not None
    peaks = [one.peak for one in own.recovered.spheres if one is not None]
    return [float("nan") if one is None else one.at_voxel for one in peaks]


def _six(values: Sequence[float] | Floats, digits: int) -> str:
    return " ".join(f"{one:.{digits}f}" for one in values)


# --- beside pynemaiqpet ---------------------------------------------------------------------------------


def peer_fits(scan: Volume) -> SphereFits:
    """Return nmqc's fit as near to pynemaiqpet's as it goes: smoothed by 5 mm, wall 1.5 mm, one signal, samples."""
    from scipy.ndimage import gaussian_filter

    from nmqc.pet.phantom import Hints, find_phantom
    from phantoms.pixels import FWHM_PER_SIGMA

    sigmas = [SMOOTHED_MM / FWHM_PER_SIGMA / size for size in scan.spacing_mm]
    smooth = replace(scan, values=gaussian_filter(np.asarray(scan.values, np.float64), sigmas))
    options = FitOptions(wall_mm=PEER_WALL_MM, voxels="sampled", common_signal=True)
    return fit_spheres(smooth, find_phantom(smooth, Hints()), options)


def _peer_text(scan: Volume) -> str:
    fits = peer_fits(scan)
    signal, widths, _ = PEER
    rows = [
        "| of 10, 13, 17, 22, 28, 37 mm | nmqc | pynemaiqpet |",
        "|---|---|---|",
        f"| FWHM across / mm, each alone | {_each(fits, 'fwhm_transaxial_mm')} | {_six(widths, 2)} |",
        f"| FWHM along / mm, each alone | {_each(fits, 'fwhm_axial_mm')} | the same (one FWHM) |",
        f"| signal, each alone | {_each(fits, 'signal', 0)} | {signal:.0f} (that of 37 mm, for all) |",
    ]
    return "\n".join(rows) + "\n"


def _each(fits: SphereFits, name: str, digits: int = 2) -> str:
    texts = []
    for one in fits.spheres:
        estimate: Estimate | None = getattr(one, name) if isinstance(one, SphereFit) else None
        texts.append("-" if estimate is None else f"{estimate.value:.{digits}f}")
    return " ".join(texts)
