"""Which bars are these: measured widths against known sets and given ones."""

from __future__ import annotations

import itertools

import pytest

from nmqc.errors import CannotMeasure
from nmqc.resolution.bar_sets import KNOWN_SETS_MM, match_bars

# gamma-camera.md, 2.1
CATALOGUE = ((2.0, 2.5, 3.0, 3.5), (3.18, 3.97, 4.76, 6.35), (2.12, 2.54, 3.18, 4.23), (3.0, 3.5, 4.0, 4.5))


def code_of(measured: tuple[float | None, ...], given: tuple[float, ...] | None = None) -> str:
    with pytest.raises(CannotMeasure) as refusal:
        match_bars(measured, given)
    assert len(refusal.value.reason) > 20
    return refusal.value.code


@pytest.mark.parametrize("widths", CATALOGUE)
def test_every_set_is_known_in_every_order_at_every_scale(widths: tuple[float, ...]) -> None:
    assert widths in KNOWN_SETS_MM
    for order in itertools.permutations(widths):
        for scale in (0.985, 1.0, 1.004, 1.018):
            match = match_bars([scale * one for one in order])
            assert match.widths_mm == order
            assert match.scale == pytest.approx(scale, rel=1e-12)  # arithmetic only
            assert match.rms < 1e-12


def test_measured_widths_of_real_phantoms() -> None:
    """An Intevo (3.191, 3.981, 4.774, 6.383 mm) and a Mediso (2.105, 2.540, 3.177, 4.242 mm)."""
    match = match_bars((4.774, 3.191, 6.383, 3.981))
    assert match.widths_mm == (4.76, 3.18, 6.35, 3.97)
    assert match.scale == pytest.approx(1.0035, abs=2e-3)
    assert match_bars((4.242, 2.105, 2.540, 3.177)).widths_mm == (4.23, 2.12, 2.54, 3.18)


def test_one_quadrant_without_bars_is_told_by_the_others() -> None:
    assert match_bars((3.97, None, 4.76, 6.35)).widths_mm == (3.97, 3.18, 4.76, 6.35)
    assert match_bars((2.5, 3.5, None, 3.0)).widths_mm == (2.5, 3.5, 2.0, 3.0)


def test_three_widths_of_two_sets_are_ambiguous() -> None:
    """3.0 and 3.5 belong to two sets: with a third bar between 2.5 and 4.0 mm of neither, the fourth is open."""
    two = (3.0, 3.5, 4.0, 4.5), (2.5, 3.0, 3.5, 4.0)
    assert code_of((3.0, 3.5, 4.0, None), (3.0, 3.5, 4.0, 4.0 * 1.012)) == "ambiguous_bars"
    for widths in two:
        assert match_bars((3.0, 3.5, 4.0, None), widths).widths_mm[:3] == (3.0, 3.5, 4.0)


def test_nearly_equal_widths_cannot_be_told_apart_by_chance() -> None:
    """Exchanged, bars 1.2 % apart still fit: what is which is not known."""
    assert code_of((3.18, 3.219, 4.76, 6.35), (3.18, 3.219, 4.76, 6.35)) == "ambiguous_bars"


@pytest.mark.parametrize(
    "measured",
    [
        (3.3, 4.1, 5.2, 6.0),
        (3.18, 3.97, 4.76, 4.76),
        (
            1.05 * 3.18,
            1.05 * 3.97,
            1.05 * 4.76,
            1.05 * 6.35,
        ),  # a scale of 1.05 is another phantom, or wrong pixels
        (3.18, 3.97, 4.76, 6.62),  # one 4 % off
    ],
)
def test_unknown_bars_are_refused_and_told_what_to_give(measured: tuple[float, ...]) -> None:
    assert code_of(measured) == "unknown_bars"
    with pytest.raises(CannotMeasure, match="--bars"):
        match_bars(measured)


def test_given_widths_hold_at_a_wrong_pixel_size_but_not_at_any() -> None:
    measured = tuple(1.06 * one for one in (6.0, 3.3, 5.2, 4.1))
    match = match_bars(measured, (3.3, 4.1, 5.2, 6.0))
    assert match.widths_mm == (6.0, 3.3, 5.2, 4.1)
    assert match.scale == pytest.approx(1.06)
    assert code_of(tuple(1.12 * one for one in (6.0, 3.3, 5.2, 4.1)), (3.3, 4.1, 5.2, 6.0)) == "unknown_bars"


def test_given_widths_that_are_not_there_are_refused() -> None:
    assert code_of((3.97, 6.35, 3.18, 4.76), (2.0, 2.5, 3.0, 3.5)) == "unknown_bars"


def test_equal_widths_may_be_given() -> None:
    match = match_bars((3.51, 2.49, 3.5, 2.5), (3.5, 3.5, 2.5, 2.5))
    assert match.widths_mm == (3.5, 2.5, 3.5, 2.5)
