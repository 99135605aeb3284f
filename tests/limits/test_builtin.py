"""The limits that come with nmqc: what they are, and that none claims more than is known."""

from pathlib import Path

import pytest

import nmqc
from nmqc.cor.metrics import METRICS
from nmqc.limits import Conditions, LimitSet, check, judge, load_builtin
from nmqc.model import Ends, Measurement

from .makers import result

#: Typed from the values that the methods' own pages suggest: variant, warn, fail, unit and what they hold for.
SUGGESTED = {
    "uniformity.integral.ufov": ("", Ends(high=4.0), Ends(high=5.0), "%", "value"),
    "uniformity.integral.cfov": ("", Ends(high=3.5), Ends(high=4.0), "%", "value"),
    "uniformity.differential.ufov": ("", Ends(), Ends(high=3.5), "%", "value"),
    "uniformity.differential.cfov": ("", Ends(), Ends(high=3.0), "%", "value"),
    "resolution.bars.linearity_sd": ("", Ends(high=0.3), Ends(), "mm", "value"),
    "resolution.bars.linearity_max": ("", Ends(high=1.0), Ends(), "mm", "value"),
    "resolution.bars.pixel_scale": ("", Ends(0.99, 1.01), Ends(0.98, 1.02), "ratio", "value"),
    "cor.offset": ("", Ends(high=1.0), Ends(high=2.0), "mm", "magnitude"),
    "cor.residual_max": ("", Ends(high=1.0), Ends(high=2.4), "mm", "value"),
    "cor.residual_rms": ("", Ends(), Ends(high=1.0), "mm", "value"),
    "cor.tilt": ("", Ends(high=0.5), Ends(), "deg", "magnitude"),
    "cor.axial_shift": ("1-2", Ends(high=1.0), Ends(high=2.0), "mm", "magnitude"),
}


@pytest.fixture(scope="module")
def builtin() -> LimitSet:
    return load_builtin()


def test_the_values_are_the_suggested_ones(builtin: LimitSet) -> None:
    found = {
        e.metric: (e.of, e.limits.warn, e.limits.fail, e.limits.unit, e.limits.of) for e in builtin.entries
    }
    assert found == SUGGESTED
    assert len(builtin.entries) == len(SUGGESTED)


def test_none_is_verified_because_none_was_read_in_a_standard(builtin: LimitSet) -> None:
    assert [entry.metric for entry in builtin.entries if entry.limits.verified] == []


def test_none_is_narrowed_so_that_the_most_general_entry_of_a_site_goes_before(builtin: LimitSet) -> None:
    assert {entry.conditions for entry in builtin.entries} == {Conditions()}


def test_only_the_default_variant_is_judged(builtin: LimitSet) -> None:
    """A pair of detectors has no other variant than its name."""
    assert {entry.metric for entry in builtin.entries if entry.of} == {"cor.axial_shift"}
    assert builtin.find("cor.offset", "source 1", Conditions()) is None
    assert builtin.find("uniformity.integral.ufov", "", Conditions()) is not None
    assert builtin.find("uniformity.integral.ufov", "strict", Conditions()) is None


def test_the_file_stands_its_own_check_against_the_catalogue(builtin: LimitSet) -> None:
    catalogue = pytest.importorskip("nmqc.catalogue", reason="there is no catalogue of tests yet")
    path = Path(nmqc.__file__).parent / "data" / "limits.toml"
    assert check(path, catalogue.metric_units()) == ()
    assert {entry.origin for entry in builtin.entries} == {"built-in"}


@pytest.mark.parametrize(
    ("name", "of", "value", "verdict"),
    [
        ("cor.offset", "", -1.0, "pass"),
        ("cor.offset", "", -1.3, "warn"),
        ("cor.offset", "", -2.1, "fail"),
        ("cor.offset", "", 2.1, "fail"),
        ("cor.offset", "source 2", 9.0, "unjudged"),
        ("cor.offset_difference", "1-2", 9.0, "unjudged"),
        ("cor.axial_shift", "1-2", -2.5, "fail"),
        ("cor.tilt", "", -0.6, "warn"),
        ("cor.residual_max", "", 2.9, "fail"),
    ],
)
def test_the_centre_of_rotation_is_judged_on_both_sides_of_zero(
    builtin: LimitSet, name: str, of: str, value: float, verdict: str
) -> None:
    """On the value alone every negative offset would pass."""
    measured = Measurement(METRICS[name.removeprefix("cor.")], value, of)
    assert judge(result(measured), builtin).measurements[0].verdict == verdict
