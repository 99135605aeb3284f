"""The ACR's grades: widest bars that are still satisfactory, and marginal (gamma-camera.md, 2.6)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nmqc.resolution.acr import grade
from tests.resolution.barring import WIDE, noisy

# nuclides, collimator, satisfactory from and to, marginal from and to
CRITERIA = (
    (("Tc-99m", "Co-57"), "NONE", (2.5, 2.9), (3.0, 3.4)),
    (("Tc-99m", "Co-57"), "LEHR", (3.0, 3.4), (3.5, 3.9)),
    (("Tl-201", "Ga-67", "In-111"), "NONE", (3.0, 3.4), (3.5, 3.9)),
    (("Tl-201", "Ga-67", "In-111"), "LEHR", (3.5, 3.9), (4.0, 4.4)),
)


@pytest.mark.parametrize(("nuclides", "collimator", "satisfactory", "marginal"), CRITERIA)
def test_every_row_of_the_table(
    nuclides: tuple[str, ...],
    collimator: str,
    satisfactory: tuple[float, float],
    marginal: tuple[float, float],
) -> None:
    for nuclide in nuclides:
        for width in (2.0, *satisfactory):
            assert grade(width, nuclide, collimator) == "satisfactory"
        for width in marginal:
            assert grade(width, nuclide, collimator) == "marginal"
        for width in (marginal[1] + 0.1, 6.35):
            assert grade(width, nuclide, collimator) == "unsatisfactory"


def test_widths_are_compared_as_they_are_printed() -> None:
    assert grade(3.97, "Tc-99m", "LEHR") == "unsatisfactory"  # 4.0
    assert grade(3.94, "Tc-99m", "LEHR") == "marginal"
    assert grade(2.94, "Co-57", "NONE") == "satisfactory"


@pytest.mark.parametrize(("nuclide", "collimator"), [("I-131", "NONE"), ("", "NONE"), ("Tc-99m", "")])
def test_no_grade_where_the_criteria_do_not_reach(nuclide: str, collimator: str) -> None:
    assert grade(2.5, nuclide, collimator) is None


@pytest.mark.parametrize(
    ("collimator", "fwhm", "expected"),
    [("LEHR", 4.2, "satisfactory"), (None, 4.2, "marginal"), ("LEHR", 5.6, "unsatisfactory")],
)
def test_grade_of_an_image(collimator: str | None, fwhm: float, expected: str) -> None:
    """Bars of 3.18 mm are resolved at 4.2 mm, of 3.97 mm alone at 5.6 mm."""
    result = noisy(replace(WIDE, collimator=collimator, fwhm_mm=(fwhm, fwhm)), 2)
    assert result.parameters["acr_grade"] == expected
    (remark,) = [one for one in result.remarks if one.code == "acr_grade"]
    assert expected in remark.text
    assert ("intrinsic" in remark.text) == (collimator is None)
