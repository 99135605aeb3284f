"""The limits that come with nmqc: what they are, and that none claims more than is known."""

from pathlib import Path

import pytest

import nmqc
from nmqc.limits import Conditions, LimitSet, check, load_builtin
from nmqc.model import Ends

#: Typed from the values that the methods' own pages suggest: warn, fail and unit.
SUGGESTED = {
    "uniformity.integral.ufov": (Ends(high=4.0), Ends(high=5.0), "%"),
    "uniformity.integral.cfov": (Ends(high=3.5), Ends(high=4.0), "%"),
    "uniformity.differential.ufov": (Ends(), Ends(high=3.5), "%"),
    "uniformity.differential.cfov": (Ends(), Ends(high=3.0), "%"),
    "resolution.bars.linearity_sd": (Ends(high=0.3), Ends(), "mm"),
    "resolution.bars.linearity_max": (Ends(high=1.0), Ends(), "mm"),
    "resolution.bars.pixel_scale": (Ends(0.99, 1.01), Ends(0.98, 1.02), "ratio"),
}


@pytest.fixture(scope="module")
def builtin() -> LimitSet:
    return load_builtin()


def test_the_values_are_the_suggested_ones(builtin: LimitSet) -> None:
    found = {e.metric: (e.limits.warn, e.limits.fail, e.limits.unit, e.limits.of) for e in builtin.entries}
    assert found == {name: (*suggested, "value") for name, suggested in SUGGESTED.items()}


def test_none_is_verified_because_none_was_read_in_a_standard(builtin: LimitSet) -> None:
    assert [entry.metric for entry in builtin.entries if entry.limits.verified] == []


def test_none_is_narrowed_so_that_the_most_general_entry_of_a_site_goes_before(builtin: LimitSet) -> None:
    assert {entry.conditions for entry in builtin.entries} == {Conditions()}


def test_only_the_default_variant_is_judged(builtin: LimitSet) -> None:
    assert {entry.of for entry in builtin.entries} == {""}
    assert builtin.find("uniformity.integral.ufov", "", Conditions()) is not None
    assert builtin.find("uniformity.integral.ufov", "strict", Conditions()) is None


def test_the_file_stands_its_own_check_against_the_catalogue(builtin: LimitSet) -> None:
    catalogue = pytest.importorskip("nmqc.catalogue", reason="there is no catalogue of tests yet")
    path = Path(nmqc.__file__).parent / "data" / "limits.toml"
    assert check(path, catalogue.metric_units()) == ()
    assert {entry.origin for entry in builtin.entries} == {"built-in"}
