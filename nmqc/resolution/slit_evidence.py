"""What a report draws of a slit mask: the image with its fields and lines, linearity, line-spread functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nmqc.model import Curve, Evidence, Line, Picture, Region
from nmqc.resolution.slit_field import CENTRAL
from nmqc.resolution.slit_spread import Bools, Floats

if TYPE_CHECKING:
    from nmqc.resolution.slit_study import Study

LSF_REACH_MM, LSF_STEP_PIXELS = 9.0, 0.25


def evidence(study: Study) -> tuple[Evidence, ...]:
    """Return the image, the map of linearity, the mean line-spread function and the FWHM by position."""
    return _image(study), _linearity(study), _line_spread(study), _by_position(study)


def as_displayed(study: Study, points: Floats) -> Floats:
    """Return points (across, along) as (x, y): the last axis is turned where the slits run along x."""
    return points if study.mask.across == "x" else points[..., ::-1]


def _image(study: Study) -> Picture:
    ufov, cfov = (as_displayed(study, study.field.outline_mm(scale)) for scale in (1.0, CENTRAL))
    return Picture(
        title="image",
        image=study.frame.counts,
        spacing_mm=study.frame.spacing_mm,
        unit="counts",
        regions=(
            Region("UFOV", (ufov,), "main"),
            Region("CFOV", (cfov,), "second"),
            Region("lines fitted", _fitted_lines(study), "box"),
        ),
    )


def _fitted_lines(study: Study) -> tuple[NDArray[np.float64], ...]:
    """Return each of the parallel, equally spaced lines over the strips of its slit."""
    used = study.usable
    u = study.mask.across_position_mm(study.spread.position - study.residuals_px(used))
    v = study.mask.along_position_mm(study.cells.along_px)
    lines = []
    for slit in np.flatnonzero(used.any(axis=1)):
        ends = np.flatnonzero(used[slit])[[0, -1]]
        lines.append(as_displayed(study, np.column_stack([u[slit, ends], v[ends]])))
    return tuple(lines)


def _linearity(study: Study) -> Picture:
    """Return how far each slit lies from the fitted lines in each strip, as a picture in its place."""
    used, mask, cells = study.usable, study.mask, study.cells
    away = study.scale_mm * study.residuals_px(used)
    pitch, strip = mask.pitch_px * mask.across_mm, cells.pixels * mask.along_mm
    u = float(mask.across_position_mm(cells.expected_px.mean()))
    v = float(mask.along_position_mm(cells.along_px.mean()))
    turned = mask.across == "x"
    return Picture(
        title="distance of the slits from equally spaced lines",
        image=away.T if turned else away,
        spacing_mm=(strip, pitch) if turned else (pitch, strip),
        unit="mm",
        centre_mm=(u, v) if turned else (v, u),
        shown=used.T if turned else used,
        scale="diverging",
    )


def _line_spread(study: Study) -> Curve:
    """Return the mean of all line-spread functions, each over its height and about its own middle."""
    used, cells, spread = study.usable, study.cells, study.spread
    channel = cells.first_px[..., None] + np.arange(cells.counts.shape[-1])
    away = (channel - spread.position[..., None])[used]
    height = (cells.counts / np.maximum(spread.height, 1e-300)[..., None])[used]
    near = np.abs(away) * study.scale_mm <= LSF_REACH_MM
    index = np.rint(away[near] / LSF_STEP_PIXELS).astype(np.int64)
    index -= index.min()
    number = np.bincount(index)
    filled = number > 0
    x = np.bincount(index, away[near])[filled] / number[filled] * study.scale_mm
    y = np.bincount(index, height[near])[filled] / number[filled]
    ends = np.array([x[0], x[-1]])
    levels = (
        Line(label, ends, np.full(2, level), "guide") for label, level in (("half", 0.5), ("tenth", 0.1))
    )
    return Curve(
        "mean line-spread function",
        f"{study.mask.across} from the middle of the slit (mm)",
        "counts over the peak",
        (Line("mean of the strips", x, y), *levels),
    )


def _by_position(study: Study) -> Curve:
    """Return the mean FWHM of each slit against where it is, and of each strip."""
    used, mask = study.usable, study.mask
    fwhm = study.scale_mm * study.spread.fwhm
    across = mask.across_position_mm(study.cells.expected_px.mean(axis=1))
    along = mask.along_position_mm(study.cells.along_px)
    other = "y" if mask.across == "x" else "x"
    lines = (
        _means(f"each slit, by its {mask.across}", across, fwhm, used),
        _means(f"each strip, by its {other}", along, fwhm.T, used.T),
    )
    return Curve("FWHM by position", "position (mm)", "FWHM (mm)", lines)


def _means(label: str, position: Floats, values: Floats, used: Bools) -> Line:
    """Return means over the second axis with their standard errors, where there are two values or more."""
    rows = np.flatnonzero(used.sum(axis=1) > 1)
    mean = np.array([values[row, used[row]].mean() for row in rows])
    error = np.array([values[row, used[row]].std(ddof=1) / used[row].sum() ** 0.5 for row in rows])
    return Line(label, position[rows], mean, "points", error)
