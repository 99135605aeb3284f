"""What the sources say of one detector together: the sinusoids in order, tilt, drift, sag, opposed views, slope."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from nmqc.cor.centroids import measure_sources
from nmqc.cor.paths import find_paths
from nmqc.cor.sinusoid import COUNTING, VIEWS_FOR_SHAPE, Fit, Turn, fitted
from nmqc.cor.spots import find_spots
from nmqc.cor.views import Floats, Head
from nmqc.errors import CannotMeasure
from nmqc.measure.chance import scatter_by_noise
from nmqc.measure.gaussian import FWHM_PER_SIGMA

SAME_LEVEL_MM = 15.0  # axial distance, up to which sources count as lying at one level
OPPOSED_DEG = 0.6  # by which two views may fail to be opposed
SLOPE_SPAN_MM = 20.0  # of the axial positions, for a slope
DISAGREE_MM = 10.0  # of the offsets of two sources
SAMPLING = "coarse pixels"  # part of uncertainties
LEAST_SAMPLING_MM = 1e-4
AT_REST_MM = 3.0  # by which a spot near the axis may disagree with the sources off it
UNSTEADY_MM = 0.5  # RMS along the axis


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """A number, the parts of its uncertainty."""

    value: float
    parts: dict[str, float]

    @property
    def sigma(self) -> float:
        """One standard deviation."""
        return float(sum(part**2 for part in self.parts.values()) ** 0.5)


def find_turns(head: Head) -> list[Turn]:
    """Return the sources of a detector, measured and fitted: from the top down, at one level from the axis outwards.

    Raises
    ------
    CannotMeasure
        What `find_paths` and `measure_sources` raise, and ``sources_disagree``.
    """
    spots = find_spots(head)
    turns = [Turn(head, source) for source in measure_sources(head, spots, find_paths(head, spots))]
    _require_agreement(turns)
    return in_order(turns)


def in_order(turns: Sequence[Turn]) -> list[Turn]:
    """Return sources from the top down; those within 15 mm of each other from the axis outwards."""
    down = sorted(turns, key=lambda turn: float(turn.y_mm.mean()))
    levels: list[list[Turn]] = []
    for turn in down:
        if levels and turn.y_mm.mean() - levels[-1][-1].y_mm.mean() < SAME_LEVEL_MM:
            levels[-1].append(turn)
        else:
            levels.append([turn])
    return [turn for level in levels for turn in sorted(level, key=lambda one: one.radius_mm)]


def _require_agreement(turns: Sequence[Turn]) -> None:
    offsets = [float(turn.fit.values[0]) for turn in turns]
    if max(offsets) - min(offsets) > DISAGREE_MM:
        words = ", ".join(f"{offset:.1f}" for offset in offsets)
        raise CannotMeasure(
            "sources_disagree",
            f"the sources put the axis at {words} mm from the middle of the matrix, which one axis cannot be: one of "
            "them was moved, or is contamination; acquire anew",
        )
    off = [float(turn.fit.values[0]) for turn in turns if not turn.on_axis]
    for turn in turns:
        if off and turn.on_axis and abs(float(turn.fit.values[0]) - np.mean(off)) > AT_REST_MM:
            raise CannotMeasure(
                "sources_disagree",
                f"a spot that hardly moves puts the axis {abs(turn.fit.values[0] - np.mean(off)):.1f} mm from where "
                "the others do: contamination on the detector, or a hot pixel; remove it, and acquire anew",
            )


def mean_of(values: Sequence[Value]) -> Value:
    """Return the mean, all values counting alike.

    Counting errors are independent; what moves the views moves all sources of a detector alike.
    """
    weight = np.full(len(values), 1 / len(values))
    return _mean(values, weight)


def weighted_mean_of(values: Sequence[Value]) -> Value:
    """Return the mean by the inverse variances; errors as of `mean_of`."""
    weight = np.array([max(one.sigma, 1e-12) ** -2 for one in values])
    return _mean(values, weight / weight.sum())


def _mean(values: Sequence[Value], weight: Floats) -> Value:
    parts = {}
    for name in dict.fromkeys(name for one in values for name in one.parts):
        each = weight * np.array([one.parts.get(name, 0.0) for one in values])
        parts[name] = float(np.sqrt((each**2).sum()) if name == COUNTING else each.sum())
    return Value(float(weight @ np.array([one.value for one in values])), parts)


def difference(one: Value, other: Value) -> Value:
    """Return the difference of two values whose errors are independent."""
    names = dict.fromkeys([*one.parts, *other.parts])
    parts = {name: float(np.hypot(one.parts.get(name, 0.0), other.parts.get(name, 0.0))) for name in names}
    return Value(one.value - other.value, parts)


def offset(turn: Turn) -> Value:
    """Return the distance of the projected axis from the middle of the matrix, to the right, in mm.

    Over the views the error of the sampling goes as J0(2 pi r / p): at most as sqrt(2 / (pi z)), z its argument.
    """
    pitch_mm = turn.head.first.spacing_mm[1]
    turns = 2 * np.pi * turn.radius_mm * turn.head.blur / pitch_mm
    left = min(1.0, float(np.sqrt(2 / (np.pi * max(turns, 1e-9)))))
    parts = turn.fit.parts(float(turn.fit.covariance[0, 0]))
    return Value(float(turn.fit.values[0]), parts | _sampling(turn, pitch_mm, left))


def _sampling(turn: Turn, pitch_mm: float, left: float = 1.0) -> dict[str, float]:
    """Return what coarse pixels p make of a centroid, as a part of the uncertainty; nothing below 0.1 um.

    A Gaussian of sigma s is displaced by p / pi exp(-2 pi^2 s^2 / p^2) sin(2 pi x / p): the RMS over x, times what a
    mean over views leaves of it. At an FWHM of two pixels it is nothing, at one 0.006 of a pixel.
    """
    sigma_mm = float(np.median(turn.source.fwhm_mm)) / FWHM_PER_SIGMA
    own = max(sigma_mm**2 - pitch_mm**2 / 12, 0.0)
    rms_mm = left * pitch_mm / np.pi * float(np.exp(-2 * np.pi**2 * own / pitch_mm**2)) / 2**0.5
    return {SAMPLING: rms_mm} if rms_mm > LEAST_SAMPLING_MM else {}


def radius(turn: Turn) -> Value:
    """Return the distance of a source from the axis, in mm."""
    return Value(turn.radius_mm, turn.fit.parts(turn.radius_variance))


def drift(turn: Turn) -> Value:
    """Return the drift in mm a view, fitted together with the sinusoid and what else the arc can tell."""
    return Value(float(turn.shape.values[3]), turn.shape.parts(float(turn.shape.covariance[3, 3])))


def sag(turns: Sequence[Turn]) -> tuple[Value, float]:
    """Return the amplitude of the second harmonic, the mean of all sources, in mm, and its phase in degrees.

    The square of the amplitude is lessened by what noise adds to it.

    Raises
    ------
    CannotMeasure
        ``partial_arc``.
    """
    if not turns[0].head.full_circle:
        raise CannotMeasure("partial_arc", "a second harmonic is told by a full circle alone")
    each = [
        tuple(
            Value(
                float(turn.shape.values[number]),
                turn.shape.parts(float(turn.shape.covariance[number, number])),
            )
            for number in (4, 5)
        )
        for turn in turns
    ]
    cosine, sine = (mean_of([pair[part] for pair in each]) for part in (0, 1))
    amplitude = float(np.hypot(cosine.value, sine.value))
    noise = (cosine.sigma**2 + sine.sigma**2) / 2
    parts = {
        name: float(
            np.hypot(cosine.value * cosine.parts.get(name, 0.0), sine.value * sine.parts.get(name, 0.0))
        )
        / max(amplitude, 1e-12)
        for name in dict.fromkeys([*cosine.parts, *sine.parts])
    }
    blurred = float(np.sinc(turns[0].head.step / np.pi)) if turns[0].head.moving else 1.0
    value = max(amplitude**2 - 2 * noise, 0.0) ** 0.5
    scaled = {name: part / blurred for name, part in parts.items()}
    return Value(value / blurred, scaled), float(np.degrees(np.arctan2(sine.value, cosine.value)))


def tilt(turn: Turn) -> Value:
    """Return the tilt in degrees: positive where a source lies lower on the image the farther it is.

    The rows are fitted by 1, the distance from the detector, and the columns (which a turned image mixes in).

    Raises
    ------
    CannotMeasure
        ``on_axis``, ``axial_unsteady``.
    """
    _require_off_axis(turn)
    _require_steady(turn)
    fit = along_axis(turn)
    slope, variance = float(fit.values[1]), float(fit.covariance[1, 1])
    to_deg = float(np.degrees(1 / (1 + slope**2)))
    parts = {name: part * to_deg for name, part in fit.parts(variance).items()}
    return Value(float(np.degrees(np.arctan(slope))), parts)


def along_axis(turn: Turn) -> Fit:
    """Return the fit of the rows: mean, slope against the distance from the detector, slope against the columns."""
    sideways = turn.sinusoid_mm - turn.fit.values[0]
    design = np.column_stack([np.ones(turn.theta.size), -turn.depth_mm, sideways])
    return fitted(design, turn.y_mm, turn.sigma_y_mm, counting=turn.counting)


def _require_off_axis(turn: Turn) -> None:
    if turn.on_axis:
        raise CannotMeasure(
            "on_axis",
            f"the source lies {turn.radius_mm:.1f} mm from the axis: it tells the offset, and no tilt and no phase; "
            "place one 50 mm or more from the axis",
        )


def _require_steady(turn: Turn) -> None:
    """Refuse a tilt where something else than a tilt moves the source along the axis."""
    kept = np.delete(np.arange(turn.y_mm.size), turn.axial_spikes)
    rms = float(np.sqrt((turn.axial_residuals_mm[kept] ** 2).mean()))
    noise = float(np.sqrt((turn.sigma_y_mm**2).mean())) if turn.counting else 0.0
    if rms > max(UNSTEADY_MM, 5 * noise):
        raise CannotMeasure(
            "axial_unsteady",
            f"the source moves along the axis in another way than a tilt does ({rms:.1f} mm RMS): it was moved, or "
            "the bed or the head was; acquire anew",
        )


def axial_mean(turn: Turn) -> Value:
    """Return the mean position along the axis, down on the image, in mm from the middle of the matrix."""
    if turn.on_axis:
        fit = fitted(turn.waves[:, :1], turn.y_mm, turn.sigma_y_mm, counting=turn.counting)
    else:
        fit = along_axis(turn)
    return Value(
        float(fit.values[0]),
        fit.parts(float(fit.covariance[0, 0])) | _sampling(turn, turn.head.first.spacing_mm[0]),
    )


def axial_range(turn: Turn) -> Value:
    """Return the range of the positions along the axis over the views, in mm."""
    off = turn.y_mm - turn.y_mm.mean()
    return with_noise(off, turn.sigma_y_mm, turn.counting, lambda some: np.ptp(some, axis=1))


def with_noise(values: Floats, sigma: Floats, counting: bool, statistic: Callable[[Floats], Floats]) -> Value:
    """Return a statistic of values, with how noise scatters it."""
    parts = {"counting": scatter_by_noise(values, sigma, statistic)} if counting else {}
    return Value(float(statistic(values[None, :])[0]), parts)


def opposed(turn: Turn) -> Value:
    """Return the mean over all pairs of opposed views of (x(theta) + x(theta + 180 deg)) / 2, in mm.

    Where there are pairs enough a second harmonic is fitted too, and left out of the mean.

    Raises
    ------
    CannotMeasure
        ``partial_arc``, ``no_opposed_views``.
    """
    if not turn.head.full_circle:
        raise CannotMeasure("partial_arc", "opposed views need a full circle")
    first, second = _opposed_views(turn.theta)
    if not first.size:
        raise CannotMeasure(
            "no_opposed_views", "no two views are opposed: acquire an even number of views over 360 degrees"
        )
    values = (turn.x_mm[first] + turn.x_mm[second]) / 2
    sigma = np.sqrt(turn.sigma_x_mm[first] ** 2 + turn.sigma_x_mm[second] ** 2) / 2
    columns = [np.ones(values.size)]
    if values.size >= VIEWS_FOR_SHAPE // 2:
        columns += [np.cos(2 * turn.theta[first]), np.sin(2 * turn.theta[first])]
    fit = fitted(np.column_stack(columns), values, sigma, counting=turn.counting)
    return Value(float(fit.values[0]), fit.parts(float(fit.covariance[0, 0])))


def _opposed_views(theta: Floats) -> tuple[np.ndarray, np.ndarray]:
    """Return pairs of views that stand opposite to each other; each view is in one pair at the most."""
    apart = np.abs((theta[:, None] - theta[None, :]) % (2 * np.pi) - np.pi)
    nearest = apart.argmin(axis=1)
    each = np.arange(theta.size)
    good = (apart[each, nearest] < np.radians(OPPOSED_DEG)) & (nearest[nearest] == each) & (each < nearest)
    return each[good], nearest[good]


def offset_slope(turns: Sequence[Turn]) -> Value:
    """Return the slope of the offset against the position along the axis, mm per mm.

    Raises
    ------
    CannotMeasure
        ``one_level``.
    """
    at = np.array([axial_mean(turn).value for turn in turns])
    if np.ptp(at) < SLOPE_SPAN_MM:
        raise CannotMeasure(
            "one_level",
            "a slope along the axis needs sources at different places along it, 20 mm apart or more",
        )
    offsets = [offset(turn) for turn in turns]
    sigma = np.array([max(one.sigma, 1e-9) for one in offsets])
    design = np.column_stack([np.ones(at.size), at - at.mean()])
    fit = fitted(design, np.array([one.value for one in offsets]), sigma)
    return Value(float(fit.values[1]), fit.parts(float(fit.covariance[1, 1])))
