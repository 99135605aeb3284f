"""The validation of the real code: every metric holds, and none may be off by 1 % without being noticed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from nmqc.catalogue import TESTS, metric_units
from nmqc.cor import point_sources
from nmqc.model import Analysis, Result
from nmqc.resolution import lines
from nmqc.validate.case import Case
from nmqc.validate.grid import FAMILIES, Piece, family_of, pieces
from nmqc.validate.judge import judged, unmet_trials
from nmqc.validate.outcome import Outcome
from nmqc.validate.requirements import Requirement, load
from nmqc.validate.run import Collected, Reading, biased, work

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


def of_noise(least: Collected, metric: str) -> list[Reading]:
    """Readings with noise of a metric, ten times over: of four acquisitions chance alone would allow too much."""
    own = [one for one in least.readings if one.metric == metric and one.seed is not None]
    return [replace(one, seed=100 * copy + (one.seed or 0)) for copy in range(10) for one in own]


def scattered(readings: list[Reading], factor: float) -> list[Reading]:
    """The same mean errors, and more scatter about them."""
    groups: dict[object, list[float]] = {}
    for one in readings:
        groups.setdefault((one.case, one.detector, one.of), []).append(one.measured)
    means = {group: sum(values) / len(values) for group, values in groups.items()}
    return [
        replace(one, measured=mean + factor * (one.measured - mean))
        for one in readings
        for mean in [means[one.case, one.detector, one.of]]
    ]


@pytest.mark.parametrize(
    ("what", "metric", "change"),
    [
        ("bias", "resolution.bars.fwhm", lambda one: replace(one, measured=one.measured + 0.1 * one.true)),
        ("bias", "resolution.bars.fwhm", lambda one: replace(one, measured=one.measured - 0.1 * one.true)),
        ("sd", "resolution.bars.fwhm", None),
        ("stated", "resolution.lines.fwhm", lambda one: replace(one, uncertainty=3 * one.uncertainty)),
        ("stated", "resolution.lines.fwhm", lambda one: replace(one, uncertainty=one.uncertainty / 3)),
        ("within_1", "cor.offset", lambda one: replace(one, uncertainty=one.uncertainty / 5)),
        ("within_2", "cor.offset", lambda one: replace(one, uncertainty=one.uncertainty / 5)),
    ],
)
def test_each_kind_of_requirement_with_noise_can_fail(
    least: Collected, what: str, metric: str, change: Callable[[Reading], Reading] | None
) -> None:
    """Ten bounds of bias, five times the scatter, uncertainties three and five times off."""
    own = Requirement(
        (metric,), (), "within_1", 0.6, None, "part", "68 % of normal errors"
    )  # nothing asks it else
    asked = [one for one in (*load(), own) if one.what == what and metric in one.metrics]
    right = of_noise(least, metric)
    wrong = scattered(right, 5.0) if change is None else [change(one) for one in right]
    said = [
        {f.said for one in judged(asked, readings, []) for f in one.findings if f.group[1] == metric}
        for readings in (right, wrong)
    ]
    assert said == [{"met"}, {"not met"}]


def test_an_uncertainty_that_is_lost_is_noticed(least: Collected) -> None:
    """In a single reading of many: what the others say is not what is asked."""
    for metric in ("cor.offset", "resolution.lines.fwhm"):
        readings = of_noise(least, metric)
        readings[3] = replace(readings[3], uncertainty=None)
        (found,) = [one for one in judged(load(), readings, []) if one.metric.name == metric]
        lost = {
            f.requirement.what for f in found.findings if f.group == readings[3].group and f.said != "met"
        }
        asked = {one.what for one in load() if metric in one.metrics} & {"stated", "within_1", "within_2"}
        assert asked <= lost
        outcome = Outcome("least", (found,), (), ())
        assert any("one without an uncertainty" in line for line in outcome.unmet())


def test_a_family_that_no_reading_has_is_not_tested(least: Collected) -> None:
    """Such as one that is misspelt, beside others that are there."""
    metric = "resolution.slits.fwhm"
    wrong = [
        replace(one, ofs=("ufov", "cvof")) if metric in one.metrics and one.what == "bias" else one
        for one in load()
    ]
    (found,) = [one for one in judged(wrong, least.readings, least.absent) if one.metric.name == metric]
    assert found.said == "untested"
    assert [(f.requirement.what, f.group[2]) for f in found.findings if f.said != "met"] == [("bias", "cvof")]


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


def changed(monkeypatch: pytest.MonkeyPatch, module: Any, change: Callable[[Analysis], Analysis]) -> None:
    """Let a test of the catalogue give something else."""
    right = module.analyse
    monkeypatch.setattr(module, "analyse", lambda made, options: change(right(made, options)))


@pytest.mark.parametrize("gone", [2, None])
def test_a_result_that_is_dropped_without_a_word_fails(
    monkeypatch: pytest.MonkeyPatch, gone: int | None
) -> None:
    """Of one head, and of the pair: every requirement could be met by what is left."""
    changed(
        monkeypatch,
        point_sources,
        lambda found: replace(found, results=tuple(one for one in found.results if one.detector != gone)),
    )
    case = next(family_of("cor.point-sources").cases("least"))
    done = work(Piece(case, (None,)))
    (trial,) = done.trials
    assert (trial.code, trial.as_due, done.readings) == ("not_told", False, ())
    assert ("detector 2" in trial.reason) == (gone == 2)


@pytest.mark.parametrize(
    ("module", "test", "count"),
    [(point_sources, "cor.point-sources", 2 * 4), (lines, "resolution.lines", 4)],
)
def test_a_source_or_line_that_is_dropped_without_a_word_fails(
    monkeypatch: pytest.MonkeyPatch, module: Any, test: str, count: int
) -> None:
    """The result names them: one that it does not name is missed all the same."""

    def without(result: Result) -> Result:
        kept = tuple(one for one in result.measurements if one.of not in ("source 2", "line 2"))
        told = [one for one in result.parameters.get("lines", ()) if one["name"] != "line 2"]
        used = {**result.parameters, "lines": told} if told else result.parameters
        return replace(result, measurements=kept, parameters=used)

    changed(
        monkeypatch,
        module,
        lambda found: replace(found, results=tuple(without(one) for one in found.results)),
    )
    done = work(Piece(next(family_of(test).cases("least")), (None,)))
    assert {one.code for one in done.absent} == {"not_told"}
    assert {one.family for one in done.absent} == {"each source" if module is point_sources else "each line"}
    assert len(done.absent) == count


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


def test_both_heads_are_measured_and_unlike(least: Collected) -> None:
    """A truth of the first head for the second would be noticed."""
    true: dict[tuple[str, str, int | None], dict[int | None, float]] = {}
    for one in least.readings:
        if one.test == "uniformity.planar" and "symbia-t2" in one.case and one.of != "reference":
            true.setdefault((one.metric, one.case, one.seed), {})[one.detector] = one.true
    # one source shines on both heads from one distance
    alike = ("uniformity.near_source_distance", "uniformity.centre_to_edge")
    own = {key: values for key, values in true.items() if key[0] not in alike}
    assert {metric for metric, _, _ in own} >= {
        "uniformity.integral.ufov",
        "uniformity.tilt",
        "uniformity.rows",
    }
    for key, values in own.items():
        assert abs(values[1] / values[2] - 1) > 0.02, key


def test_levels_grow() -> None:
    counts = [sum(len(piece.seeds) for piece in pieces(level)) for level in ("least", "quick", "whole")]
    assert counts == sorted(counts)
    assert counts[2] > 5 * counts[1]
