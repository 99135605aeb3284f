"""Verdicts: both ends belong to what is permitted, and noise never passes for a verdict."""

import math
from dataclasses import replace
from typing import Any

import pytest

from nmqc.errors import BadConfiguration
from nmqc.limits import judge
from nmqc.model import Ends, Remark

from .makers import INTEGRAL, OFFSET, limit, limit_set, measurement, result

UP_TO_FIVE = limit_set(limit(fail=Ends(high=5.0), warn=Ends(high=4.0)))
BOTH_SIDES = limit_set(limit(fail=Ends(-2.0, 3.0), warn=Ends(-1.0, 1.5), name=OFFSET))


def verdict(value: float, limits: object = UP_TO_FIVE, name: str = INTEGRAL, p95: float | None = None) -> str:
    judged = judge(result(measurement(value, name, p95=p95)), limits)  # type: ignore[arg-type]
    assert judged.verdict == judged.measurements[0].verdict
    return judged.verdict


# --- ends


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (4.0, "pass"),
        (math.nextafter(4.0, 5.0), "warn"),  # a value rounded for show before judging would pass here
        (5.0, "warn"),
        (math.nextafter(5.0, 6.0), "fail"),
        (-7.0, "pass"),  # no low end
    ],
)
def test_a_value_at_an_end_is_permitted_and_the_next_number_is_not(value: float, expected: str) -> None:
    assert verdict(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (-1.0, "pass"),
        (math.nextafter(-1.0, -2.0), "warn"),
        (-2.0, "warn"),
        (math.nextafter(-2.0, -3.0), "fail"),
        (1.5, "pass"),
        (3.0, "warn"),
        (math.nextafter(3.0, 4.0), "fail"),
    ],
)
def test_low_ends_count_as_high_ends_do(value: float, expected: str) -> None:
    assert verdict(value, BOTH_SIDES, OFFSET) == expected


@pytest.mark.parametrize(
    ("value", "on", "expected"),
    [
        (-2.5, "magnitude", "fail"),
        (2.5, "magnitude", "fail"),
        (-2.0, "magnitude", "warn"),
        (-1.0, "magnitude", "pass"),
        (-2.5, "value", "pass"),
    ],
)
def test_a_magnitude_is_judged_without_its_sign(value: float, on: str, expected: str) -> None:
    entry = limit(fail=Ends(high=2.0), warn=Ends(high=1.0), name=OFFSET, on=on)  # type: ignore[arg-type]
    judged = judge(result(measurement(value, OFFSET)), limit_set(entry))
    assert judged.verdict == expected
    assert judged.measurements[0].value == value


def test_warn_alone_never_fails_and_fail_alone_never_warns() -> None:
    assert verdict(1e6, limit_set(limit(fail=Ends(), warn=Ends(high=4.0)))) == "warn"
    assert verdict(4.9, limit_set(limit(fail=Ends(high=5.0)))) == "pass"
    assert verdict(5.1, limit_set(limit(fail=Ends(high=5.0)))) == "fail"


# --- which are judged


def test_without_a_limit_a_value_is_unjudged_and_never_passes() -> None:
    judged = judge(result(measurement(2.0)), limit_set())
    assert (judged.verdict, judged.measurements[0].limits, judged.remarks) == ("unjudged", None, ())


def test_an_entry_judges_its_own_variant_alone() -> None:
    given = result(measurement(2.0), measurement(99.0, of="strict"))
    assert [m.verdict for m in judge(given, UP_TO_FIVE).measurements] == ["pass", "unjudged"]
    strict = limit_set(limit(fail=Ends(high=5.0), of="strict"))
    assert [m.verdict for m in judge(given, strict).measurements] == ["unjudged", "fail"]


def test_the_limits_that_judged_stay_with_the_value() -> None:
    entry = limit(fail=Ends(high=5.0))
    assert judge(result(measurement(2.0)), limit_set(entry)).measurements[0].limits == entry.limits


@pytest.mark.parametrize(
    ("values", "expected"),
    [((1.0, 2.0), "pass"), ((1.0, 4.5), "warn"), ((5.5, 4.5), "fail"), ((), "unjudged")],
)
def test_the_worst_judged_value_is_the_verdict_of_the_result(
    values: tuple[float, ...], expected: str
) -> None:
    unjudged = measurement(50.0, OFFSET)
    assert judge(result(*map(measurement, values), unjudged), UP_TO_FIVE).verdict == expected


def test_judging_again_replaces_the_earlier_judgement() -> None:
    noisy = judge(result(measurement(5.5, p95=6.0)), UP_TO_FIVE)
    assert [remark.code for remark in noisy.remarks] == ["limit_below_noise"]
    assert [remark.code for remark in judge(noisy, UP_TO_FIVE).remarks] == ["limit_below_noise"]
    other = judge(noisy.with_remarks(Remark("low_counts", "few")), limit_set())
    assert [remark.code for remark in other.remarks] == ["low_counts"]
    assert other.measurements[0].limits is None


def test_a_limit_in_another_unit_is_an_error_that_names_both() -> None:
    with pytest.raises(BadConfiguration, match=r"cor\.offset is in mm, its limit in px"):
        judge(result(measurement(1.0, OFFSET)), limit_set(limit(fail=Ends(high=0.5), name=OFFSET, unit="px")))


def test_what_is_known_of_a_result_narrows_its_limits() -> None:
    """Each fact once right and once wrong: a fact that is read from the wrong place is seen."""
    right: dict[str, Any] = {
        "system": "intevo",
        "unit_name": "Gamma 2",
        "detector": 2,
        "collimator": "NONE",
        "nuclide": "Tc-99m",
    }
    wrong: dict[str, Any] = {
        "system": "brivo",
        "unit_name": "Gamma 1",
        "detector": 1,
        "collimator": "LEHR",
        "nuclide": "Co-57",
    }
    for name in right:
        for facts, expected in ((right, "fail"), (wrong, "unjudged")):
            entry = limit(fail=Ends(high=1.0), **{name: facts[name]})
            assert judge(result(measurement(2.0)), limit_set(entry)).verdict == expected, name


# --- the noise floor


@pytest.mark.parametrize(
    ("value", "p95", "expected"),
    [
        (4.5, 4.9, "warn"),  # floor below the limit, value below both
        (5.5, 4.9, "fail"),  # floor below the limit, value above
        (4.5, 6.0, "unjudged"),  # floor above the limit, value below both: not a pass
        (5.5, 6.0, "unjudged"),  # above the limit, within noise: not a fail
        (6.0, 6.0, "unjudged"),  # at the floor is not above it
        (6.1, 6.0, "fail"),  # above both
        (3.0, 5.0, "pass"),  # a floor at the limit does not exceed it
        (3.0, 4.5, "pass"),  # a floor between warn and fail hides nothing
    ],
)
def test_a_floor_above_the_fail_limit_leaves_fail_or_nothing(value: float, p95: float, expected: str) -> None:
    judged = judge(result(measurement(value, p95=p95)), UP_TO_FIVE)
    assert judged.verdict == expected
    codes = ["limit_below_noise"] if expected == "unjudged" else []
    assert [remark.code for remark in judged.remarks] == codes
    assert judged.measurements[0].limits == UP_TO_FIVE.entries[0].limits  # never widened


def test_a_floor_without_a_fail_limit_hides_nothing() -> None:
    assert verdict(4.5, limit_set(limit(fail=Ends(), warn=Ends(high=4.0))), p95=9.0) == "warn"


def test_the_remark_says_which_counts_would_do() -> None:
    """By hand: (7 / (0.7 x 5))^2 = 4 times 600 counts a pixel, 3,000,000 in all and 90 s: 6 minutes."""
    counts = measurement(600.0, "uniformity.counts_per_pixel")
    given = result(
        measurement(5.5, p95=7.0, label="integral uniformity, UFOV"),
        counts,
        total_counts=3_000_000,
        duration_s=90.0,
    )
    (remark,) = judge(given, UP_TO_FIVE).remarks
    assert remark.text == (
        "at 600 counts a pixel a perfect detector would read up to 7 % "
        "(integral uniformity, UFOV; limit 5 %): 2,400 counts a pixel "
        "(12 million in all, 6 minutes at this rate) would bring that to 0.7 of the limit"
    )


def test_one_remark_names_every_metric_and_the_counts_of_the_most_demanding() -> None:
    """By hand: the UFOV needs (6 / 3.5)^2 = 2.94 times the counts, the CFOV (5.6 / 2.8)^2 = 4 times."""
    cfov = "uniformity.integral.cfov"
    limits = limit_set(limit(fail=Ends(high=5.0)), limit(fail=Ends(high=4.0), name=cfov))
    counts = measurement(500.0, "uniformity.counts_per_pixel")
    judged = judge(result(measurement(5.5, p95=6.0), measurement(4.5, cfov, p95=5.6), counts), limits)
    (remark,) = judged.remarks
    assert (
        f"6 % ({INTEGRAL}; limit 5 %), 5.6 % ({cfov}; limit 4 %): 2,000 counts a pixel would" in remark.text
    )


def test_a_value_that_fails_above_the_floor_is_not_in_the_remark() -> None:
    cfov = "uniformity.integral.cfov"
    limits = limit_set(limit(fail=Ends(high=5.0)), limit(fail=Ends(high=4.0), name=cfov))
    judged = judge(result(measurement(9.0, p95=6.0), measurement(4.5, cfov, p95=5.6)), limits)
    assert [m.verdict for m in judged.measurements] == ["fail", "unjudged"]
    assert judged.verdict == "fail"
    assert INTEGRAL not in judged.remarks[0].text


def test_the_counts_are_rounded_up_so_that_they_do() -> None:
    """(6.3 / 3.5)^2 = 3.24; 3.24 x 621 = 2,012.04, which 2,000 would miss."""
    counts = measurement(621.0, "uniformity.counts_per_pixel")
    text = judge(result(measurement(5.5, p95=6.3), counts), UP_TO_FIVE).remarks[0].text
    assert "2,100 counts a pixel would" in text


def test_the_last_bit_of_a_number_does_not_ask_for_more_counts() -> None:
    """(6.3 / 3.5)^2 x 2,500 is 8,100 by hand, and 8,100.000000000001 in binary."""
    counts = measurement(2_500.0, "uniformity.counts_per_pixel")
    text = judge(result(measurement(5.5, p95=6.3), counts), UP_TO_FIVE).remarks[0].text
    assert "8,100 counts a pixel would" in text


def test_counts_that_are_not_known_are_left_out() -> None:
    """Counts a pixel of another variant or family are not this image's."""
    wrong = replace(measurement(600.0, "uniformity.counts_per_pixel"), of="strict")
    (remark,) = judge(result(measurement(5.5, p95=7.0), wrong), UP_TO_FIVE).remarks
    assert remark.text.endswith("limit 5 %): 4 times the counts would bring that to 0.7 of the limit")
    assert remark.text.startswith("at these counts a")


def test_the_metric_that_gives_the_counts_can_be_named() -> None:
    counts = measurement(600.0, "uniformity.counts_per_pixel")
    (remark,) = judge(
        result(measurement(5.5, p95=7.0), counts), UP_TO_FIVE, "resolution.counts_per_pixel"
    ).remarks
    assert "4 times the counts" in remark.text


def test_a_limit_of_nothing_cannot_be_met_by_counting() -> None:
    (remark,) = judge(result(measurement(0.0, p95=1.0)), limit_set(limit(fail=Ends(high=0.0)))).remarks
    assert remark.text.endswith("no number of counts would do")


def test_the_floor_of_a_magnitude_is_compared_with_the_magnitude() -> None:
    entry = limit(fail=Ends(high=5.0), on="magnitude", name=OFFSET)
    assert verdict(-6.5, limit_set(entry), OFFSET, p95=6.0) == "fail"
    assert verdict(-5.5, limit_set(entry), OFFSET, p95=6.0) == "unjudged"


def test_the_remark_on_the_floor_leaves_the_other_remarks_and_takes_its_own_predecessor() -> None:
    earlier = (Remark("low_counts", "few"), Remark("limit_below_noise", "old"), Remark("tilt", "much"))
    judged = judge(replace(result(measurement(4.0, p95=6.0)), remarks=earlier), UP_TO_FIVE)
    assert [one.code for one in judged.remarks] == ["low_counts", "tilt", "limit_below_noise"]
    assert "old" not in [one.text for one in judged.remarks]


def test_without_its_limit_an_earlier_verdict_is_gone() -> None:
    failed = judge(result(measurement(6.0)), UP_TO_FIVE)
    assert failed.verdict == "fail"
    (again,) = judge(failed, limit_set()).measurements
    assert (again.limits, again.verdict) == (None, "unjudged")


def test_a_limit_in_another_unit_has_its_code() -> None:
    with pytest.raises(BadConfiguration, match=r"in %, its limit in mm") as refusal:
        judge(result(measurement(3.0)), limit_set(limit(fail=Ends(high=5.0), unit="mm")))
    assert refusal.value.code == "bad_limits"


def test_the_remark_names_the_variant() -> None:
    limits = limit_set(limit(fail=Ends(high=5.0), of="strict"))
    (remark,) = judge(result(measurement(4.0, of="strict", p95=6.0, label="integral")), limits).remarks
    assert "integral, strict; limit 5 %" in remark.text


@pytest.mark.parametrize("high", [0.5, 1.0])
def test_a_limit_of_one_or_less_can_be_met_by_counting(high: float) -> None:
    """The floor falls with the root: from twice the limit to 0.7 of it takes (2 / 0.7)^2 = 8.163 times the counts."""
    limits = limit_set(limit(fail=Ends(high=high)))
    (remark,) = judge(result(measurement(0.1, p95=2 * high)), limits).remarks
    assert "8.2 times the counts" in remark.text


def test_a_minute_has_sixty_seconds() -> None:
    """Twice the limit: 8.1633 times 7350 s are 1000.0 minutes, which 61 seconds to a minute would make 990."""
    judged = judge(result(measurement(0.1, p95=10.0), duration_s=7350.0), UP_TO_FIVE)
    assert "(1,000 minutes at this rate)" in judged.remarks[0].text


def test_a_million_is_written_as_such() -> None:
    """(p95 / (0.7 limit))^2 = 4 for a floor of 1.4 limits: 250 000 counts become exactly a million."""
    judged = judge(result(measurement(0.1, p95=7.0), total_counts=250_000), UP_TO_FIVE)
    assert "(1 million in all)" in judged.remarks[0].text
