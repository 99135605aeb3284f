"""Which entry judges: the narrowest alone, a site's before a built-in one."""

from typing import Any

import pytest

from nmqc.errors import BadConfiguration
from nmqc.limits import Conditions, Limit
from nmqc.model import Ends

from .makers import INTEGRAL, limit, limit_set

FACTS = Conditions("intevo", "Gamma 2", 2, "LEHR", "Tc-99m")


def high(value: float, **conditions: Any) -> Limit:
    """Return an entry that is told by its fail end."""
    return limit(fail=Ends(high=value), **conditions)


def found(*entries: Limit, facts: Conditions = FACTS) -> float | None:
    """Return the fail end of the entry that judges, whatever the order of the entries."""
    limits = {limit_set(*order).find(INTEGRAL, "", facts) for order in (entries, entries[::-1])}
    (only,) = limits
    return only.fail.high if only else None


@pytest.mark.parametrize(
    "conditions",
    [
        {"system": "intevo"},
        {"unit_name": "Gamma 2"},
        {"detector": 2},
        {"collimator": "LEHR"},
        {"collimator": "ANY"},
        {"nuclide": "Tc-99m"},
    ],
)
def test_any_condition_that_is_met_goes_before_none(conditions: dict[str, Any]) -> None:
    assert found(high(5.0), high(4.0, **conditions)) == 4.0


@pytest.mark.parametrize(
    "conditions",
    [
        {"system": "brivo"},
        {"unit_name": "Gamma 1"},
        {"detector": 1},
        {"collimator": "NONE"},
        {"collimator": "HE"},
        {"nuclide": "Co-57"},
        {"system": "intevo", "nuclide": "Co-57"},
    ],
)
def test_a_condition_that_is_not_met_takes_the_entry_away(conditions: dict[str, Any]) -> None:
    assert found(high(5.0), high(4.0, **conditions)) == 5.0
    assert found(high(4.0, **conditions)) is None


@pytest.mark.parametrize(
    ("wider", "narrower"),
    [
        ({"system": "intevo"}, {"unit_name": "Gamma 2"}),
        ({"system": "intevo"}, {"system": "intevo", "detector": 2}),
        ({"collimator": "ANY"}, {"collimator": "LEHR"}),
        ({"collimator": "ANY"}, {"collimator": "LEHR", "nuclide": "Tc-99m"}),
        ({"system": "intevo", "nuclide": "Tc-99m"}, {"unit_name": "Gamma 2", "nuclide": "Tc-99m"}),
    ],
)
def test_the_narrower_entry_judges(wider: dict[str, Any], narrower: dict[str, Any]) -> None:
    assert found(high(5.0, **wider), high(4.0, **narrower)) == 4.0


def test_the_winner_wins_wholly() -> None:
    """Nothing of a wider entry is kept: a narrower one without a warn end does not warn."""
    wide = limit(fail=Ends(high=5.0), warn=Ends(high=4.0))
    narrow = high(9.0, system="intevo")
    limits = limit_set(wide, narrow).find(INTEGRAL, "", FACTS)
    assert limits == narrow.limits
    assert limits is not None
    assert limits.warn == Ends()


@pytest.mark.parametrize(
    ("site", "builtin", "expected"),
    [
        ({}, {}, 4.0),
        ({"system": "intevo"}, {"system": "intevo"}, 4.0),
        ({"nuclide": "Tc-99m"}, {"system": "intevo"}, 4.0),  # neither is narrower
        ({}, {"system": "intevo"}, 5.0),  # the built-in one is narrower
    ],
)
def test_at_equal_narrowness_the_site_goes_before(
    site: dict[str, Any], builtin: dict[str, Any], expected: float
) -> None:
    assert found(high(5.0, origin="built-in", **builtin), high(4.0, origin="site", **site)) == expected


def test_an_entry_for_both_settles_two_of_which_neither_is_narrower() -> None:
    one, other = high(5.0, system="intevo"), high(4.5, nuclide="Tc-99m")
    assert found(one, other, high(4.0, system="intevo", nuclide="Tc-99m")) == 4.0


def test_two_that_nothing_settles_are_never_chosen_between() -> None:
    entries = high(5.0, system="intevo", line=3), high(4.5, nuclide="Tc-99m", line=9)
    with pytest.raises(BadConfiguration, match=r"limits\.toml:3 and limits\.toml:9 both apply") as refusal:
        limit_set(*entries).find(INTEGRAL, "", FACTS)
    assert refusal.value.code == "bad_limits"


@pytest.mark.parametrize("unknown", [None, "NONE", "UNKN", "Unknown"])
def test_any_collimator_is_one_that_is_mounted_and_known(unknown: str | None) -> None:
    assert found(high(4.0, collimator="any"), facts=Conditions(collimator=unknown)) is None


def test_what_is_not_known_meets_no_condition() -> None:
    nothing = Conditions()
    for conditions in ({"system": "intevo"}, {"detector": 2}, {"collimator": "NONE"}, {"nuclide": "Tc-99m"}):
        assert found(high(4.0, **conditions), facts=nothing) is None
    assert found(high(4.0, system="intevo"), facts=Conditions(unit_name="Gamma 2")) is None


def test_text_is_compared_without_regard_to_case() -> None:
    assert found(high(4.0, system="Intevo", unit_name="gamma 2", collimator="lehr")) == 4.0


def test_metric_and_variant_must_be_the_same() -> None:
    entries = limit_set(high(4.0), high(6.0, name="uniformity.integral.cfov"), high(7.0, of="strict"))
    for name, of, expected in (
        (INTEGRAL, "", 4.0),
        ("uniformity.integral.cfov", "", 6.0),
        (INTEGRAL, "strict", 7.0),
    ):
        limits = entries.find(name, of, FACTS)
        assert limits is not None
        assert limits.fail.high == expected
    assert entries.find(INTEGRAL, "near-source", FACTS) is None


def test_what_can_judge_leaves_out_what_cannot_apply_and_what_always_loses() -> None:
    builtin = high(5.0, origin="built-in", line=1)
    general = high(4.9, line=2)
    cobalt = high(4.8, nuclide="Co-57", line=3)
    brivo = high(4.7, system="brivo", line=4)
    limits = limit_set(builtin, general, cobalt, brivo)
    assert limits.possible(Conditions(system="intevo")) == (general, cobalt)
    assert limits.possible(Conditions(system="brivo", nuclide="Tc-99m")) == (brivo,)
    assert limits.possible(Conditions()) == (general, cobalt, brivo)


def test_what_can_judge_keeps_a_narrower_builtin_entry_beside_a_general_one_of_the_site() -> None:
    """Which of the two judges depends on the collimator, which is not known."""
    limits = limit_set(high(5.0, origin="built-in", collimator="NONE"), high(4.9))
    assert limits.possible(Conditions()) == limits.entries
