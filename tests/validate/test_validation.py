"""The validation of the real code: every metric holds, and none may be off by 1 % without being noticed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nmqc.catalogue import TESTS, metric_units
from nmqc.validate.case import Case
from nmqc.validate.grid import FAMILIES, Piece, family_of, pieces
from nmqc.validate.judge import judged, unmet_trials
from nmqc.validate.outcome import Outcome
from nmqc.validate.requirements import load
from nmqc.validate.run import Collected, biased, work

METRICS = sorted(metric_units())


def outcome_of(collected: Collected) -> Outcome:
    metrics = judged(load(), collected.readings, collected.absent)
    return Outcome("least", metrics, (), tuple(collected.trials))


def test_every_requirement_is_met(least: Collected) -> None:
    outcome = outcome_of(least)
    assert list(outcome.unmet()) == []
    assert outcome.status == 0


def test_every_test_of_the_catalogue_has_one_family() -> None:
    assert sorted(family.test for family in FAMILIES) == sorted(test.name for test in TESTS)


@pytest.mark.parametrize("factor", [0.99, 1.01])
@pytest.mark.parametrize("metric", METRICS)
def test_a_bias_of_one_per_cent_in_any_metric_is_noticed(
    least: Collected, metric: str, factor: float
) -> None:
    """By a requirement that is not met, of that metric and of no other."""
    own = [one for one in least.readings if one.metric == metric]
    assert own
    found = judged(load(), biased(own, metric, factor), [one for one in least.absent if one.metric == metric])
    failed = {f.group[1] for one in found for f in one.findings if f.said == "not met"}
    assert failed == {metric}


def test_what_is_as_good_as_exact_is_noticed_at_a_tenth_of_that(least: Collected) -> None:
    """Requirements of arithmetic are far tighter than 1 %."""
    for metric in ("uniformity.integral.ufov", "cor.offset", "pet.contrast_hot", "resolution.bars.fwhm"):
        own = [one for one in least.readings if one.metric == metric]
        found = judged(load(), biased(own, metric, 1.002), [])
        assert any(f.said == "not met" for one in found for f in one.findings), metric


def test_a_metric_without_a_requirement_fails(least: Collected) -> None:
    kept = [
        replace(one, metrics=tuple(name for name in one.metrics if name != "cor.sag"))
        for one in load()
        if one.metrics != ("cor.sag",)
    ]
    outcome = replace(outcome_of(least), metrics=judged(kept, least.readings, least.absent))
    assert outcome.status == 4
    (line,) = [line for line in outcome.unmet() if "cor.sag" in line]
    assert "nothing is asked" in line


def test_a_requirement_too_wide_to_notice_one_per_cent_fails(least: Collected) -> None:
    loose = [
        replace(one, high=2.0) if one.what == "exact" and "cor.resolution" in one.metrics else one
        for one in load()
    ]
    (found,) = [
        one for one in judged(loose, least.readings, least.absent) if one.metric.name == "cor.resolution"
    ]
    assert found.said == "not met"
    assert "would not be noticed" in found.lacks


def test_a_metric_that_was_never_measured_fails(least: Collected) -> None:
    readings = [one for one in least.readings if one.metric != "pet.noise"]
    outcome = replace(outcome_of(least), metrics=judged(load(), readings, least.absent))
    assert outcome.status == 4
    assert any("pet.noise" in line and "not tested" in line for line in outcome.unmet())


def test_one_value_that_is_gone_is_told_with_its_code(least: Collected) -> None:
    case = next(one for one in family_of("resolution.slits").cases("least") if not one.refused)
    poor = replace(case, phantom=replace(case.phantom, counts=4e4), acquisitions=1)
    done = work(Piece(poor, (1,)))
    assert {one.code for one in done.absent} == {"too_few_counts"}
    found = judged(load(), least.readings, [*least.absent, *done.absent])
    failed = {f.requirement.what for one in found for f in one.findings if f.said == "not met"}
    assert failed == {"measured"}


def test_what_must_be_refused_is(least: Collected) -> None:
    """At least one case of every test but one lies beyond what it can do; the two tests of one phantom share it."""
    beyond = {trial.test for trial in least.trials if trial.expected}
    assert beyond == {test.name for test in TESTS}
    assert unmet_trials(least.trials) == ()


def test_what_is_measured_though_it_must_be_refused_fails(least: Collected) -> None:
    trials = [replace(one, code="", reason="") if one.expected else one for one in least.trials]
    outcome = replace(outcome_of(least), trials=tuple(trials))
    assert outcome.status == 4
    assert sum("must be refused" in line for line in outcome.unmet()) >= len(TESTS)


def test_what_is_refused_though_it_must_be_measured_fails() -> None:
    case = next(one for one in family_of("cor.point-sources").cases("least") if not one.refused)
    (trial,) = work(
        Piece(replace(case, phantom=replace(case.phantom, arc_deg=150.0, views=50)), (None,))
    ).trials
    assert trial.code == "arc_too_short"
    assert not trial.as_due


def test_the_same_seeds_give_the_same_readings() -> None:
    piece = next(one for one in pieces("least") if one.case.test == "resolution.lines" and one.seeds[0])
    assert work(piece) == work(piece)


def test_the_grid_is_never_square_alone_and_has_every_system() -> None:
    cases: list[Case] = [case for family in FAMILIES for case in family.cases("quick")]
    systems = {case.about["system"] for case in cases}
    assert systems == {"intevo", "symbia-t2", "brivo", "vereos"}
    for family in FAMILIES:
        own = list(family.cases("quick"))
        assert len({case.about["pixels"] for case in own}) > 1
        assert len({case.about["position"] for case in own}) > 1
        assert any(case.acquisitions > 1 for case in own)
        assert any(case.acquisitions == 0 and not case.refused for case in own)
        assert len({case.name for case in own}) == len(own)


def test_levels_grow() -> None:
    counts = [sum(len(piece.seeds) for piece in pieces(level)) for level in ("least", "quick", "whole")]
    assert counts == sorted(counts)
    assert counts[2] > 5 * counts[1]
