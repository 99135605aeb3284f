"""Cells that a spreadsheet cannot take for formulas."""

from __future__ import annotations

import pytest

from nmqc.csv_cells import cell


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_what_would_be_a_formula_is_text(text: str) -> None:
    assert cell(text) == "'" + text


@pytest.mark.parametrize("value", ["flood.dcm", "", "a=b", -1.5, 2, None])
def test_all_else_stays(value: object) -> None:
    assert cell(value) is value
