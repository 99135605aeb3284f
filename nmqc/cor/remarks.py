"""What a reader of the numbers of one detector has to know."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

import numpy as np

from nmqc.cor import detector
from nmqc.cor.blur import Blur, is_reversed
from nmqc.cor.detector import Value
from nmqc.cor.sinusoid import Turn
from nmqc.errors import CannotMeasure
from nmqc.model import Remark

TOLD_SIGMAS = 3.0
SAG_MM, DRIFT_MM, TILT_DEG = 0.5, 0.5, 0.5
SAG_BIAS = 1.43  # of the offset on an arc of 180 degrees, at the worst phase, for a sag of 1
MOST_SLIPS = 5
SPREAD_MM, SPREAD_SIGMAS = 0.5, 5.0  # of the offsets of the sources
AT_REST_MM = 1.0  # radius
ROTATIONS_MM = 0.3  # difference of the offsets of two rotations


def remarks(turns: Sequence[Turn], blur: Blur | CannotMeasure) -> list[Remark]:
    """Return the remarks on one detector."""
    return [
        *_arc(turns),
        *_slips(turns),
        *_crossing(turns),
        *_sag(turns),
        *_drift(turns),
        *_tilt(turns),
        *_rotations(turns),
        *_depth(blur),
        *_spread(turns),
        *_at_rest(turns),
    ]


def _arc(turns: Sequence[Turn]) -> Iterator[Remark]:
    head = turns[0].head
    if head.full_circle:
        return
    widening = max(_widening(turn) for turn in turns)
    yield Remark(
        "arc_180",
        f"the views cover {head.arc_deg:.0f} degrees, not 360: the offset is {widening:.1f} times as uncertain as "
        "from a full circle, and a sag of the gantry, which this arc does not tell, moves it by up to "
        f"{SAG_BIAS:g} times its size",
    )


def _widening(turn: Turn) -> float:
    """Return the uncertainty of the offset over that of as many views around a full circle."""
    return float((np.linalg.inv(turn.waves.T @ turn.waves)[0, 0] * turn.theta.size) ** 0.5)


def _slips(turns: Sequence[Turn]) -> Iterator[Remark]:
    head = turns[0].head
    found: dict[int, list[tuple[str, float]]] = {}
    for turn in turns:
        views = np.flatnonzero(turn.source.used)
        for ways, spikes, slips in (
            (("right", "left"), turn.spikes, turn.slips_mm),
            (("down", "up"), turn.axial_spikes, turn.axial_slips_mm),
        ):
            for number, size in zip(spikes, slips, strict=True):
                found.setdefault(int(views[number]), []).append(
                    (ways[0 if size > 0 else 1], abs(float(size)))
                )
    ranked = sorted(found.items(), key=lambda item: -max(size for _, size in item[1]))
    for view, own in ranked[:MOST_SLIPS]:
        yield Remark(
            "slipped_view",
            f"{head.names([view])} stands out by {_slip_words(own, len(turns))}: the head or a source slipped; see "
            "the residuals",
        )
    if len(found) > MOST_SLIPS:
        yield Remark("slipped_view", f"{len(found) - MOST_SLIPS} further views stand out: see the residuals")


def _slip_words(slips: Sequence[tuple[str, float]], sources: int) -> str:
    """Return the mean of the slips each way: "3.02 mm to the right (5 of 5 sources)"."""
    words = []
    for way in dict.fromkeys(way for way, _ in slips):
        sizes = [size for other, size in slips if other == way]
        whose = f" ({len(sizes)} of {sources} sources)" if sources > 1 else ""
        where = f"to the {way}" if way in ("right", "left") else way
        words.append(f"{sum(sizes) / len(sizes):.2f} mm {where}{whose}")
    return " and ".join(words)


def _crossing(turns: Sequence[Turn]) -> Iterator[Remark]:
    left_out = [int((~turn.source.used).sum()) for turn in turns]
    if any(left_out):
        words = ", ".join(f"source {number + 1}: {count}" for number, count in enumerate(left_out) if count)
        yield Remark(
            "crossing_views",
            f"views in which two sources come near each other were left out ({words} of {turns[0].head.views})",
        )


def _sag(turns: Sequence[Turn]) -> Iterator[Remark]:
    try:
        value, phase_deg = detector.sag(turns)
    except CannotMeasure:
        return
    if value.value > max(SAG_MM, TOLD_SIGMAS * value.sigma):
        yield Remark(
            "sag",
            f"the axis moves by {value.value:.2f} mm twice a turn (second harmonic, phase {phase_deg:.0f} degrees): "
            "the gantry or the detector sags",
        )


def _drift(turns: Sequence[Turn]) -> Iterator[Remark]:
    value = detector.mean_of([detector.drift(turn) for turn in turns])
    whole = value.value * turns[0].head.views
    if abs(whole) > DRIFT_MM and abs(value.value) > TOLD_SIGMAS * value.sigma:
        yield Remark(
            "drift", f"the centroids drift by {whole:+.2f} mm over all views: a source or the axis moves"
        )


def _tilt(turns: Sequence[Turn]) -> Iterator[Remark]:
    off = []
    for turn in turns:
        with suppress(CannotMeasure):
            off.append(detector.tilt(turn))
    if not off:
        return
    value: Value = detector.weighted_mean_of(off)
    if abs(value.value) > max(TILT_DEG, TOLD_SIGMAS * value.sigma):
        away = "lower" if value.value > 0 else "higher"
        yield Remark(
            "tilt",
            f"the detector is tilted by {value.value:+.2f} degrees: farther sources lie {away} on the image",
        )


def _rotations(turns: Sequence[Turn]) -> Iterator[Remark]:
    """Remark where the rotations of one acquisition do not agree on the axis."""
    head = turns[0].head
    numbers = np.array([frame.rotation for frame in head.frames])
    if numbers.min() == numbers.max():
        return
    means, sigmas = [], []
    for rotation in np.unique(numbers):
        off = [
            (turn.residuals_mm[mine], turn.sigma_x_mm[mine])
            for turn in turns
            if (mine := numbers[turn.source.used] == rotation).any()
        ]
        residuals, sigma = (np.concatenate([pair[part] for pair in off]) for part in (0, 1))
        means.append(float(residuals.mean()))
        sigmas.append(float(np.sqrt((sigma**2).sum())) / sigma.size)
    apart = max(means) - min(means)
    if apart > max(ROTATIONS_MM, TOLD_SIGMAS * 2**0.5 * max(sigmas)):
        yield Remark(
            "rotations_differ",
            f"the rotations put the axis {apart:.2f} mm apart; the offset given is that of all together: "
            "analyse each by itself",
        )


def _depth(blur: Blur | CannotMeasure) -> Iterator[Remark]:
    if isinstance(blur, Blur) and is_reversed(blur):
        yield Remark(
            "depth_reversed",
            "sources look sharper the farther they are by the header: its angles or its direction of rotation "
            "are wrong, or the columns are mirrored; the offset holds, tilt and phase may have the wrong sign",
        )


def _spread(turns: Sequence[Turn]) -> Iterator[Remark]:
    """Remark where the sources do not agree on the axis, a turn of the head apart where three or more tell it."""
    offsets = [detector.offset(turn) for turn in turns]
    values = np.array([one.value for one in offsets])
    if len(turns) > 2:
        with suppress(CannotMeasure):
            at = np.array([detector.axial_mean(turn).value for turn in turns])
            values = values - detector.offset_slope(turns).value * (at - at.mean())
    low, high = int(values.argmin()), int(values.argmax())
    sigma = float(np.hypot(offsets[low].sigma, offsets[high].sigma))
    if values[high] - values[low] > max(SPREAD_MM, SPREAD_SIGMAS * sigma):
        words = ", ".join(f"{one.value:+.2f}" for one in offsets)
        yield Remark(
            "offsets_differ",
            f"the sources put the axis at {words} mm: a turned head, holes of the collimator that are not parallel, "
            "or a spot that is no source",
        )


def _at_rest(turns: Sequence[Turn]) -> Iterator[Remark]:
    """Remark where the only spot does not move: contamination on the detector looks like a source on the axis."""
    if len(turns) == 1 and turns[0].radius_mm < AT_REST_MM:
        yield Remark(
            "source_at_rest",
            "the only spot does not move: a source on the axis, or contamination on the detector; place a source 50 "
            "mm or more from the axis",
        )
