"""The four quadrants of a bar phantom, each with its disc, its wave and its modulation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from nmqc.errors import CannotMeasure
from nmqc.model import Frame
from nmqc.resolution.bar_cross import Pattern, refine_cross
from nmqc.resolution.bar_discs import largest_disc, strongest_wave, whole_periods
from nmqc.resolution.bar_image import BarImage
from nmqc.resolution.bar_layout import NAMES, Cross, Layout, Mask
from nmqc.resolution.bar_sets import Match, match_bars
from nmqc.resolution.modulation import Disc, Modulation, Patch, frequency_sigma, modulation, refine, search

MARGIN_MM, FIRST_MARGIN_MM = 10.0, 14.0  # inside the borders of a quadrant; before the cross is known well
FEWEST_PERIODS = 5
SEEN = 5.0  # modulation over its standard deviation, from which a wave is taken to be there
COARSE = 0.8  # pixel over bar, from which a quadrant is not measured


@dataclass(frozen=True, slots=True)
class Quadrant:
    """One quadrant as measured.

    Attributes
    ----------
    number : 0 to 3, clockwise from the top left as displayed
    nominal_mm : width of its bars by the set
    fx, fy : frequency vector, cycles per mm of the image
    seen : True where the frequency was measured; False where it was inferred from the other quadrants
    disc : where it was measured
    found : its modulation
    """

    number: int
    nominal_mm: float
    fx: float
    fy: float
    seen: bool
    disc: Disc
    found: Modulation

    @property
    def frequency(self) -> float:
        """Cycles per mm."""
        return float(np.hypot(self.fx, self.fy))

    @property
    def width_mm(self) -> float:
        """Width of a bar by the frequency: half a period."""
        return 0.5 / self.frequency

    @property
    def frequency_sigma(self) -> float:
        """Standard deviation of the frequency, cycles per mm."""
        return frequency_sigma(self.found, self.disc)

    @property
    def name(self) -> str:
        """Place of the quadrant, in words."""
        return NAMES[self.number]


@dataclass(frozen=True, slots=True, eq=False)
class Bars:
    """A bar phantom as found on an image.

    Attributes
    ----------
    cross : the dividing lines; `angle_deg` is theirs, `rotation_deg` that of the bars
    rotation_deg, rotation_sigma_deg : in [-45, 45), counter-clockwise as displayed
    centre_sigma_mm : (x, y)
    match : the set of bars, and the measured scale
    quadrants : those that could be measured, clockwise from the top left
    unmeasured : number, code and reason of the others
    bars : shape of the cells: where bars are
    """

    cross: Cross
    rotation_deg: float
    rotation_sigma_deg: float
    centre_sigma_mm: tuple[float, float]
    match: Match
    quadrants: tuple[Quadrant, ...]
    unmeasured: tuple[tuple[int, str, str], ...]
    bars: Mask

    @property
    def unmeasured_mm(self) -> tuple[float, ...]:
        """Nominal widths of the bars that could not be measured."""
        return tuple(self.match.widths_mm[number] for number, _, _ in self.unmeasured)


def find_bars(frame: Frame, image: BarImage, layout: Layout, given_mm: Sequence[float] | None) -> Bars:
    """Measure cross, waves and modulations from a first layout.

    Raises
    ------
    CannotMeasure
        ``too_few_quadrants``, ``quadrant_missing``, ``unknown_bars``, ``ambiguous_bars``, ``pixels_too_coarse``,
        ``quadrant_too_small``.
    """
    patterns = _patterns(frame, image, layout, layout.cross, FIRST_MARGIN_MM)
    _require_three(patterns)
    angle, _ = _rotation(patterns)
    cross = replace(layout.cross, angle_deg=_nearest(angle, layout.cross.angle_deg))
    cross, sigma_u, sigma_v = refine_cross(image, cross, layout.bars, tuple(patterns))
    patterns = _patterns(frame, image, layout, cross, MARGIN_MM, patterns)
    angle, angle_sigma = _rotation(patterns)
    cross = replace(cross, angle_deg=_nearest(angle, cross.angle_deg))
    patterns = _fine_enough(frame, patterns)
    widths: list[float | None] = [None] * 4
    for one in patterns:
        widths[one.quadrant] = 0.5 / float(np.hypot(one.fx, one.fy))
    match = match_bars(widths, given_mm)
    _require_plausible(match, patterns)
    quadrants, unmeasured = _measured(frame, image, layout.bars, cross, match, patterns, angle)
    cos, sin = abs(np.cos(np.radians(cross.angle_deg))), abs(np.sin(np.radians(cross.angle_deg)))
    centre_sigma = (
        float(np.hypot(cos * sigma_u, sin * sigma_v)),
        float(np.hypot(sin * sigma_u, cos * sigma_v)),
    )
    return Bars(
        cross,
        angle,
        angle_sigma,
        centre_sigma,
        match,
        tuple(quadrants),
        tuple(unmeasured),
        layout.bars,
    )


def _patterns(
    frame: Frame,
    image: BarImage,
    layout: Layout,
    cross: Cross,
    margin_mm: float,
    known: Sequence[Pattern] = (),
) -> list[Pattern]:
    """Measure the wave of every quadrant that shows one."""
    found = []
    start = {one.quadrant: (one.fx, one.fy) for one in known}
    for number in range(4):
        disc = largest_disc(image, layout.bars, cross, number, margin_mm)
        if disc is None:
            continue
        patch = Patch.of(frame, disc)
        if number in start:
            fx, fy = refine(patch, *start[number])
        else:
            vector = strongest_wave(image, disc, layout.waves, raw_counts=frame.raw_counts)
            if vector is None:
                continue
            fx, fy = search(patch, *vector)
        disc = whole_periods(disc, float(np.hypot(fx, fy)))
        there = modulation(Patch.of(frame, disc), fx, fy, raw_counts=frame.raw_counts)
        if there.snr >= SEEN:
            found.append(Pattern(number, fx, fy, there, disc))
    return found


def _require_three(patterns: Sequence[Pattern]) -> None:
    if len(patterns) < 3:
        there = ", ".join(NAMES[one.quadrant] for one in patterns) or "none"
        raise CannotMeasure(
            "too_few_quadrants",
            f"bars are seen in fewer than three quadrants ({there}): acquire more counts, a finer matrix or wider "
            "bars, with the whole phantom in the field",
        )


def _rotation(patterns: Sequence[Pattern]) -> tuple[float, float]:
    """Return the common direction of the waves modulo 90 degrees, and its standard deviation."""
    angles = np.array([np.degrees(np.arctan2(-one.fy, one.fx)) for one in patterns])
    sigmas = np.array(
        [np.degrees(frequency_sigma(one.found, one.disc) / np.hypot(one.fx, one.fy)) for one in patterns]
    )
    weight = sigmas**-2
    off = (angles - angles[0] + 45) % 90 - 45
    mean = float((weight * off).sum() / weight.sum())
    scatter = float((weight * (off - mean) ** 2).sum() / (len(patterns) - 1))
    sigma = float((max(scatter, 1.0) / weight.sum()) ** 0.5)
    return float((angles[0] + mean + 45) % 90 - 45), sigma


def _nearest(angle_deg: float, cross_deg: float) -> float:
    """Return the angle of the cross by the bars' angle: parallel to them or at 45 degrees, whichever is nearer."""
    steps = round((cross_deg - angle_deg) / 45)
    return angle_deg + 45 * steps


def _require_plausible(match: Match, patterns: Sequence[Pattern]) -> None:
    """Refuse a phantom whose missing bars are not its narrowest: that quadrant is not merely unresolved."""
    there = {one.quadrant for one in patterns}
    for number, width in enumerate(match.widths_mm):
        if number not in there and any(width > match.widths_mm[one] * 1.001 for one in there):
            raise CannotMeasure(
                "quadrant_missing",
                f"the {NAMES[number]} quadrant shows no bars, although narrower ones than its {width:g} mm are seen: "
                "put the whole phantom in the field, or check it",
            )


def _measured(
    frame: Frame,
    image: BarImage,
    bars: Mask,
    cross: Cross,
    match: Match,
    patterns: Sequence[Pattern],
    angle_deg: float,
) -> tuple[list[Quadrant], list[tuple[int, str, str]]]:
    """Return the quadrants measured, and (number, code, reason) of those that are not."""
    seen = {one.quadrant: one for one in patterns}
    quadrants, unmeasured = [], []
    for number, nominal in enumerate(match.widths_mm):
        try:
            _require_fine(frame, nominal * match.scale)
            if number in seen:
                one = seen[number]
                disc, fx, fy, found = one.disc, one.fx, one.fy, one.found
            else:
                disc, fx, fy, found = _inferred(frame, image, bars, cross, match, patterns, number, angle_deg)
            if 2 * disc.radius_mm * np.hypot(fx, fy) < FEWEST_PERIODS - 0.01:
                raise CannotMeasure(
                    "quadrant_too_small",
                    f"the {NAMES[number]} quadrant has no room for {FEWEST_PERIODS} periods of its bars: "
                    "centre the phantom",
                )
        except CannotMeasure as reason:
            unmeasured.append((number, reason.code, reason.reason))
            continue
        quadrants.append(Quadrant(number, nominal, fx, fy, number in seen, disc, found))
    return quadrants, unmeasured


def _fine_enough(frame: Frame, patterns: Sequence[Pattern]) -> list[Pattern]:
    """Return the quadrants whose bars are wide enough for the pixels: finer ones may be mirages of the sampling.

    Raises
    ------
    CannotMeasure
        ``pixels_too_coarse``: fewer than three are left.
    """
    widths = {one.quadrant: 0.5 / float(np.hypot(one.fx, one.fy)) for one in patterns}
    fine = [one for one in patterns if max(frame.spacing_mm) < COARSE * widths[one.quadrant]]
    if len(fine) < 3 <= len(patterns):
        _require_fine(frame, min(widths.values()))
    _require_three(fine)
    return fine


def _require_fine(frame: Frame, width_mm: float) -> None:
    pixel = max(frame.spacing_mm)
    if pixel >= COARSE * width_mm:
        raise CannotMeasure(
            "pixels_too_coarse",
            f"pixels of {pixel:.2f} mm are too coarse for bars of {width_mm:.2f} mm: at most "
            f"{COARSE * width_mm:.1f} mm; use a finer matrix or a zoom",
        )


def _inferred(
    frame: Frame,
    image: BarImage,
    bars: Mask,
    cross: Cross,
    match: Match,
    patterns: Sequence[Pattern],
    number: int,
    angle_deg: float,
) -> tuple[Disc, float, float, Modulation]:
    """Measure a quadrant whose bars are not seen, where they must be by the other three."""
    disc = largest_disc(image, bars, cross, number, MARGIN_MM)
    if disc is None:
        raise CannotMeasure(
            "quadrant_missing",
            f"the {NAMES[number]} quadrant is not in the field: put the whole phantom in the field",
        )
    frequency = 0.5 / (match.widths_mm[number] * match.scale)
    direction = np.radians(angle_deg + (0 if _along_first(patterns, number, angle_deg) else 90))
    fx, fy = float(frequency * np.cos(direction)), float(-frequency * np.sin(direction))
    disc = whole_periods(disc, frequency)
    return disc, fx, fy, modulation(Patch.of(frame, disc), fx, fy, raw_counts=frame.raw_counts)


def _along_first(patterns: Sequence[Pattern], number: int, angle_deg: float) -> bool:
    """Say whether the wave of an unseen quadrant points along the rotated x axis.

    Neighbours stand at right angles to each other, or all bars are parallel.

    Raises
    ------
    CannotMeasure
        ``direction_unknown``: the quadrants that are seen follow neither rule.
    """
    first = {}
    for one in patterns:
        off = (np.degrees(np.arctan2(-one.fy, one.fx)) - angle_deg + 45) % 180
        first[one.quadrant] = bool(off < 90)
    beside = [first[one] for one in ((number + 1) % 4, (number + 3) % 4)]
    opposite = first[(number + 2) % 4]
    if beside[0] == beside[1]:
        return bool(not beside[0] if opposite != beside[0] else opposite)
    raise CannotMeasure(
        "direction_unknown",
        f"the {NAMES[number]} quadrant shows no bars, and the others do not tell which way they run: "
        "check the phantom",
    )
