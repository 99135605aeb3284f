"""What a reader of the figures of line sources has to know of the image that they come from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from nmqc.measure.profile import FINE_SAMPLING
from nmqc.model import Frame, Remark
from nmqc.resolution.line_pairs import Pair
from nmqc.resolution.line_study import MeasuredLine

NEMA_COUNTS = 10_000
TILT_DEG = 3.0
UNEVEN = 1.5  # the brightest strip of a line over its dimmest
BENT_MM = 0.25
BACKGROUND = 0.01  # of the height of a line
NOT_PARALLEL_DEG = 0.5


def remarks(frame: Frame, lines: Sequence[MeasuredLine], found: Mapping[str, Sequence[Pair]]) -> list[Remark]:
    """Return the remarks on one image of line sources."""
    measured = [line for line in lines if line.strips]
    said = [
        _low_counts(frame, measured),
        _not_raw(frame),
        _coarse(frame, measured),
        _tilt(measured),
        _background(measured),
        _uneven(measured),
        _bent(measured),
        _cut(lines),
        _not_parallel(found),
    ]
    return [remark for remark in said if remark is not None]


def _names(lines: Iterable[str]) -> str:
    return ", ".join(lines)


def _low_counts(frame: Frame, lines: Sequence[MeasuredLine]) -> Remark | None:
    lowest = min(strip.widths.peak for line in lines for strip in line.strips)
    if not frame.raw_counts or lowest >= NEMA_COUNTS:
        return None
    return Remark(
        "low_counts",
        f"{lowest:,.0f} counts in the peak channel of the dimmest strip: the standard asks for {NEMA_COUNTS:,d}",
    )


def _not_raw(frame: Frame) -> Remark | None:
    if frame.raw_counts:
        return None
    return Remark("not_raw_counts", "the values are not raw counts: no uncertainties can be given")


def _coarse(frame: Frame, lines: Sequence[MeasuredLine]) -> Remark | None:
    sampling = max(line.sampling(frame) for line in lines)
    if sampling <= FINE_SAMPLING:
        return None
    return Remark(
        "coarse_sampling",
        f"the pixel is {sampling:.2f} of the FWHM, the standard asks for {FINE_SAMPLING:g} at most: both widths "
        "read too large, by 3 to 6 % at 0.33 and 6 to 14 % at 0.5; the Gaussian fit does not",
    )


def _tilt(lines: Sequence[MeasuredLine]) -> Remark | None:
    tilts = {}
    for line in lines:
        assert line.straight is not None
        angle = abs(line.straight.angle_deg)
        tilts[line.name] = min(angle, 90 - angle)
    tilted = [f"{name} by {tilt:.1f} degrees" for name, tilt in tilts.items() if tilt > TILT_DEG]
    if not tilted:
        return None
    return Remark("tilt", f"{_names(tilted)} off the axes of the image: corrected for, align them next time")


def _background(lines: Sequence[MeasuredLine]) -> Remark | None:
    parts = {line.name: max(strip.background for strip in line.strips) for line in lines}
    high = [f"{100 * part:.0f} % of {name}" for name, part in parts.items() if part > BACKGROUND]
    if not high:
        return None
    return Remark(
        "background",
        f"the background is {_names(high)}; the standard subtracts nothing: "
        "1 % adds about 0.7 % to FWHM and 2 % to FWTM",
    )


def _uneven(lines: Sequence[MeasuredLine]) -> Remark | None:
    heights = {line.name: [strip.strip.height for strip in line.strips] for line in lines}
    ratios = {name: max(values) / min(values) for name, values in heights.items()}
    uneven = [f"{name} by a factor of {ratio:.1f}" for name, ratio in ratios.items() if ratio > UNEVEN]
    return Remark("uneven_filling", f"the filling varies along {_names(uneven)}") if uneven else None


def _bent(lines: Sequence[MeasuredLine]) -> Remark | None:
    bends = {line.name: line.straight.bend_mm for line in lines if line.straight is not None}
    bent = [f"{name} by {bend:.1f} mm (RMS)" for name, bend in bends.items() if bend > BENT_MM]
    if not bent:
        return None
    return Remark("bent_line", f"{_names(bent)} off a straight line; each strip is taken along its own")


def _cut(lines: Sequence[MeasuredLine]) -> Remark | None:
    cut = [line.name for line in lines if line.cut]
    return Remark("cut_by_matrix", f"the border of the image cuts {_names(cut)}") if cut else None


def _not_parallel(found: Mapping[str, Sequence[Pair]]) -> Remark | None:
    turned = [
        f"{' and '.join(pair.names)} by {pair.turn_deg:.1f} degrees"
        for several in found.values()
        for pair in several
        if pair.turn_deg > NOT_PARALLEL_DEG
    ]
    if not turned:
        return None
    return Remark("not_parallel", f"not parallel: {_names(turned)}; the separation is that of their middles")
