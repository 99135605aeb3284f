"""One image of a slit mask made ready and measured: what all parts of the analysis share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmqc.errors import CannotMeasure
from nmqc.measure.profile import FINE_SAMPLING
from nmqc.model import Frame
from nmqc.resolution.slit_field import CENTRAL, SlitField, find_slit_field
from nmqc.resolution.slit_mask import FEWEST_STRIPS, Mask, find_mask
from nmqc.resolution.slit_spread import (
    HIGHEST_BETWEEN,
    Bools,
    Cells,
    Floats,
    Spread,
    clear_cells,
    cut_cells,
    inside_field,
    largest,
    lit_cells,
    mean_over,
    measurable_lines,
    measure,
    neighbour_distance,
    residuals,
    straightness,
)

COARSEST_SAMPLING = 0.5  # pixel over FWHM, from which the rule is wrong by 5 % and more
FEWEST_LINES = 3
MOST_WITHOUT_TENTH = 0.1  # of the line-spread functions of a field
MOST_BRIGHT = 0.5  # of the strips of a field, between which there may be too much light
FEWEST_COUNTS = 300  # in the peak channel
MOST_BELOW = 0.1  # of the line-spread functions of a field may have fewer


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """A slit mask, its field, and its line-spread functions.

    Attributes
    ----------
    cells, spread : every slit in every strip, shape (slits, strips)
    expected : field name -> the cells that the field holds, lit or not
    used : field name -> those of them that were measured
    cut : cells of the UFOV so near to its border that this cuts their line-spread functions: in no field
    bright : lit cells beside which there is more light than 5 % of their peak: in no field's `used`
    fine : the highest channel was taken for the height of a peak
    """

    frame: Frame
    mask: Mask
    field: SlitField
    cells: Cells
    spread: Spread
    expected: dict[str, Bools]
    used: dict[str, Bools]
    cut: Bools
    bright: Bools
    fine: bool

    @property
    def usable(self) -> Bools:
        """The cells measured in the UFOV as far as it is seen."""
        return self.used["ufov"]

    @property
    def scale_mm(self) -> float:
        """Millimetres of one channel across the slits, by the slits' spacing."""
        return self.mask.spacing_mm / float(neighbour_distance(self.spread.position, self.usable))

    @property
    def sampling(self) -> float:
        """The pixel over the mean FWHM."""
        return 1 / float(mean_over(self.spread.fwhm, self.usable))

    def residuals_px(self, used: Bools) -> Floats:
        """Return how far the slits lie from the lines that fit the cells used, in channels."""
        return residuals(self.spread.position, used)

    def figures(self, fields: tuple[str, ...], counts: NDArray[Any] | None = None) -> dict[str, Floats]:
        """Return every figure in mm, by short name and field ("fwhm.ufov"), and "pixel_size".

        Parameters
        ----------
        fields : names of the fields to measure
        counts : windows of other acquisitions of the same mask, shape (n, slits, strips, channels); None: its own
        """
        spread = self.spread
        if counts is not None:
            spread = measure(counts, self.cells.first_px, fine=self.fine)
        found = {"pixel_size": self.mask.spacing_mm / neighbour_distance(spread.position, self.usable)}
        for name in fields:
            used = self.used[name]
            values = {
                "fwhm": mean_over(spread.fwhm, used),
                "fwtm": mean_over(spread.fwtm, used),
                "linearity_differential": straightness(spread.position, used),
                "linearity_absolute": largest(residuals(spread.position, used)),
            }
            found |= {f"{short}.{name}": found["pixel_size"] * value for short, value in values.items()}
        return found

    def lacks_tenth(self, name: str) -> bool:
        """Say whether too many line-spread functions of a field do not come down to a tenth."""
        missing = ~np.isfinite(self.spread.fwtm[self.used[name]])
        return bool(missing.mean() > MOST_WITHOUT_TENTH)

    def is_bright(self, name: str) -> bool:
        """Say whether there is too much light between the slits in most of a field."""
        return _mostly(self.bright, self.expected[name])

    def lacks_counts(self, name: str) -> bool:
        """Say whether too many line-spread functions of a field have fewer than 300 counts in the peak channel."""
        heights = self.spread.height[self.used[name]]
        return self.frame.raw_counts and bool((heights < FEWEST_COUNTS).mean() > MOST_BELOW)

    def has_lines(self, name: str) -> bool:
        """Say whether a field holds enough slits, long enough, to speak of straight lines."""
        return measurable_lines(self.used[name]) >= FEWEST_LINES


def study(frame: Frame, spacing_mm: float) -> Study:
    """Find the mask and its field and measure every line-spread function.

    Raises
    ------
    CannotMeasure
        ``not_a_slit_mask``, ``mask_tilted``, ``zoomed_field``, ``field_incomplete``, ``high_background``,
        ``coarse_pixels``, ``too_few_strips``.
    """
    mask = find_mask(frame, spacing_mm)
    field = find_slit_field(mask, frame.field_hints)
    cells = cut_cells(mask, field)
    inside = inside_field(mask, field, cells, cells.expected_px, 1.0)
    if measurable_lines(inside) < FEWEST_LINES:
        raise CannotMeasure(
            "too_few_strips",
            f"fewer than {FEWEST_LINES} slits have {FEWEST_STRIPS} strips of 30 mm in the field: "
            "give a mask that covers the detector",
        )
    lit = lit_cells(cells, inside)
    bright = lit & (cells.between_part > HIGHEST_BETWEEN)
    if _mostly(bright, lit & inside):
        raise CannotMeasure("high_background", too_bright(float(np.median(cells.between_part[lit & inside]))))
    lit &= ~bright
    spread, fine, fwhm_px = _spread(cells, lit & inside)
    clear = clear_cells(mask, field, cells, fwhm_px)
    measured = lit & np.isfinite(spread.position)
    at = np.where(measured, spread.position, cells.expected_px)
    expected = {
        name: clear & inside_field(mask, field, cells, at, scale)
        for name, scale in (("ufov", 1.0), ("cfov", CENTRAL))
    }
    used = {name: cells_inside & measured for name, cells_inside in expected.items()}
    _require_neighbours(used["ufov"])
    return Study(frame, mask, field, cells, spread, expected, used, inside & ~clear, bright, fine)


def _mostly(bright: Bools, of: Bools) -> bool:
    return bool(bright[of].sum() > MOST_BRIGHT * of.sum())


def too_bright(part: float) -> str:
    """Return why there is too much light between the slits, and what to do next."""
    return (
        f"the light between the slits is {100 * part:.0f} % of their peak, {100 * HIGHEST_BETWEEN:.0f} % at most "
        "leaves the widths right: check that the mask is of 3 mm of lead and covers the detector, that no other "
        "source is near, and the energy window"
    )


def _spread(cells: Cells, used: Bools) -> tuple[Spread, bool, float]:
    """Measure by the vertex of a parabola; where the pixel proves to be fine, by the highest channel.

    Returns the line-spread functions, whether the pixel is fine, and their mean FWHM in channels.
    """
    spread = measure(cells.counts, cells.first_px, fine=False)
    widths = spread.fwhm[used & np.isfinite(spread.fwhm)]
    if widths.size == 0:
        raise CannotMeasure(
            "not_a_slit_mask", "no slit stands out by twice what lies between: give an image of a slit mask"
        )
    sampling = 1 / float(widths.mean())
    if sampling > COARSEST_SAMPLING:
        raise CannotMeasure(
            "coarse_pixels",
            f"the pixel is {sampling:.2f} of the FWHM, where at most {FINE_SAMPLING:g} is asked for and above "
            f"{COARSEST_SAMPLING:g} nothing can be said: acquire on a finer matrix or with zoom",
        )
    if sampling > FINE_SAMPLING:
        return spread, False, 1 / sampling
    return measure(cells.counts, cells.first_px, fine=True), True, 1 / sampling


def _require_neighbours(used: Bools) -> None:
    if not (used[1:] & used[:-1]).any():
        raise CannotMeasure(
            "too_few_strips", "no two neighbouring slits could be measured: check the mask and the counts"
        )
