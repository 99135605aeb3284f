"""The exam that every row of the catalogue passes, with the phantoms of table.py.

Objects are drawn from a generator, a few or twenty for a row (three with every change, the others with the slow
tests), seeded by NMQC_EXAM_SEED, which stands in the name of each case.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nmqc import catalogue
from nmqc.catalogue import Test as Row
from nmqc.history import History, find_address
from nmqc.model import Analysis, Measurement, Result
from nmqc.report.document import dump, result_from_json, result_json
from tests.exam.table import EXAMINATIONS, Candidate, Examination, Key, Made

SEED = int(os.environ.get("NMQC_EXAM_SEED") or 20260105)
NOISY_IMAGES = 20
#: of each row so many drawn objects are examined with every change, the others with the slow tests
EVERY_TIME = 3
#: of these rows twenty images with noise are taken with the slow tests: `pet.image-quality` takes some every time
SELDOM_REPEATED = ("pet.recovery", "pet.resolution-fit")


def examination(test: Row) -> Examination:
    (found,) = [one for one in EXAMINATIONS if one.test == test.name]
    return found


def random_of(test: Row, *numbers: int) -> np.random.Generator:
    """Return the generator of one case: no case depends on which others are run."""
    return np.random.default_rng([SEED, *test.name.encode(), *numbers])


rows = pytest.mark.parametrize(
    "test", [pytest.param(test, id=f"{test.name}, seed {SEED}") for test in catalogue.TESTS]
)
repeated_rows = pytest.mark.parametrize(
    "test",
    [
        pytest.param(
            test,
            id=f"{test.name}, seed {SEED}",
            marks=[pytest.mark.slow] if test.name in SELDOM_REPEATED else [],
        )
        for test in catalogue.TESTS
    ],
)
cases = pytest.mark.parametrize(
    ("test", "number"),
    [
        pytest.param(
            test,
            number,
            id=f"{test.name}, seed {SEED}, draw {number}",
            marks=[pytest.mark.slow] if number >= EVERY_TIME else [],
        )
        for test in catalogue.TESTS
        for number in range(examination(test).draws)
    ],
)


sweeps = pytest.mark.parametrize(
    ("test", "series"),
    [
        pytest.param(test, series, id=f"{test.name}, seed {SEED}, series {series}")
        for test in catalogue.TESTS
        for series in range(examination(test).sweeps)
    ],
)


@cache
def drawn(test: Row, number: int) -> Candidate:
    return examination(test).nth(number, random_of(test, number))


def analyse(test: Row, made: Made, options: dict[str, Any]) -> Analysis:
    return test.analyse(made, test.options(**options))


def without_noise(test: Row, candidate: Candidate, made: Made | None = None) -> tuple[Result, ...]:
    """Return the results of an object without noise; none is refused."""
    one = examination(test)
    analysis = analyse(test, made or one.acquire(candidate), {**one.quick, **candidate.options})
    assert analysis.refused == ()
    return analysis.results


@cache
def exact(test: Row, number: int) -> tuple[Result, ...]:
    return without_noise(test, drawn(test, number))


@cache
def noisy(test: Row, number: int) -> tuple[Made, tuple[Result, ...]]:
    """Return a drawn object with noise, and its results with their uncertainties."""
    one, candidate = examination(test), drawn(test, number)
    made = one.acquire(candidate, seed=number)
    analysis = analyse(test, made, {**one.noisy, **candidate.options})
    assert analysis.refused == ()
    return made, analysis.results


def measured(result: Result) -> dict[Key, Measurement]:
    return {(m.metric.name, m.of): m for m in result.measurements}


def text_of(results: Iterable[Result]) -> list[str]:
    return [dump(result_json(result, None)) for result in results]


def test_every_row_has_one_examination() -> None:
    assert sorted(one.test for one in EXAMINATIONS) == sorted(test.name for test in catalogue.TESTS)


# --- a pure function ------------------------------------------------------------------------------------


@cases
def test_same_input_gives_the_same_result(test: Row, number: int) -> None:
    one, (made, first) = examination(test), noisy(test, number)
    again = one.acquire(drawn(test, number), seed=number)
    assert one.arrays(again)[0] is not one.arrays(made)[0]
    second = analyse(test, again, {**one.noisy, **drawn(test, number).options})
    assert text_of(second.results) == text_of(first)


@cases
def test_nothing_is_refused_beforehand_that_can_be_analysed(test: Row, number: int) -> None:
    assert test.check(noisy(test, number)[0]) == ()


@cases
def test_input_is_untouched(test: Row, number: int) -> None:
    one, (made, _) = examination(test), noisy(test, number)
    again = one.acquire(drawn(test, number), seed=number)
    for analysed, untouched in zip(one.arrays(made), one.arrays(again), strict=True):
        np.testing.assert_array_equal(analysed, untouched)
        assert not analysed.flags.writeable


# --- what must not change the answer, and how it must -----------------------------------------------------


@cases
def test_input_in_a_mirror_gives_the_answer_in_that_mirror(test: Row, number: int) -> None:
    one, candidate = examination(test), drawn(test, number)
    turned = without_noise(test, candidate, one.in_mirror(one.acquire(candidate)))
    for result, other in zip(exact(test, number), turned, strict=True):
        before, after = measured(result), measured(other)
        expected = {key: one.mirrored(key, m, after) for key, m in before.items()}
        assert {key for key, _ in expected.values()} == set(after)
        for key, m in before.items():
            image = after[expected[key][0]]
            # No noise: outlines and waves are fitted, by steps that are the same in the mirror to rounding.
            within = {"rel": one.symmetry(key), "abs": 0.1 * one.symmetry(key)}
            assert image.value == pytest.approx(expected[key][1], **within), key
            places = sorted((p.y_mm, p.x_mm) for p in image.at if "window" not in p.what)
            there = sorted((p.x_mm, p.y_mm) for p in m.at if "window" not in p.what)
            np.testing.assert_allclose(places, there, atol=one.place_mm, err_msg=str(key))


@cases
def test_lengths_are_true(test: Row, number: int) -> None:
    check_lengths(examination(test), drawn(test, number), exact(test, number))


@cases
def test_same_object_on_other_pixels_has_the_same_lengths(test: Row, number: int) -> None:
    one = examination(test)
    other = one.on_other_pixels(drawn(test, number), random_of(test, number, 1))
    made = one.acquire(other)
    assert one.spacings_mm(made) != one.spacings_mm(one.acquire(drawn(test, number)))
    check_lengths(one, other, without_noise(test, other, made))


def check_lengths(one: Examination, candidate: Candidate, results: Iterable[Result]) -> None:
    for result in results:
        lengths = list(one.lengths(candidate, result))
        assert lengths
        for what, found, true, within in lengths:
            assert found == pytest.approx(true, abs=within), what


@cases
def test_input_doubled_doubles_what_is_in_its_unit_alone(test: Row, number: int) -> None:
    one = examination(test)
    candidate = drawn(test, number)
    doubled = without_noise(test, candidate, one.with_arrays(one.acquire(candidate), lambda array: 2 * array))
    for result, other in zip(exact(test, number), doubled, strict=True):
        before, after = measured(result), measured(other)
        assert before.keys() == after.keys()
        for key, m in before.items():
            # No noise: doubling is exact, fits by least squares are not quite.
            expected = one.when_doubled(m) * m.value
            assert after[key].value == pytest.approx(expected, **one.steadiness(key)), key


# --- known truths ---------------------------------------------------------------------------------------


@sweeps
def test_defect_from_none_to_total_follows_its_closed_form(test: Row, series: int) -> None:
    steps = list(examination(test).sweep(random_of(test, 100, series)))
    found: list[dict[Key, Measurement]] = []
    for candidate, expected, within in steps:
        results = without_noise(test, candidate)
        assert len(results) == 1
        found.append(measured(results[0]))
        for key, value in expected.items():
            off = within[key] if isinstance(within, Mapping) else within
            assert found[-1][key].value == pytest.approx(value, abs=off), key
    for key in steps[0][1]:
        way = np.diff([one[key].value for one in found])
        assert (way > 0).all() or (way < 0).all(), key


@cache
def repeated(test: Row) -> tuple[Candidate, tuple[Result, ...]]:
    """Return one object with nothing but noise, acquired twenty times."""
    one = examination(test)
    candidate = one.noise(random_of(test, 200))
    results = []
    for seed in range(NOISY_IMAGES):
        analysis = analyse(test, one.acquire(candidate, seed), dict(candidate.options))
        assert analysis.refused == ()
        results += analysis.results
    return candidate, tuple(results)


@repeated_rows
def test_pure_noise_gives_the_predicted_mean_and_spread(test: Row) -> None:
    candidate, results = repeated(test)
    predicted = examination(test).predicted(candidate, results[0])
    assert predicted
    for key, (mean, spread) in predicted.items():
        values = [measured(result)[key].value for result in results]
        assert np.mean(values) == pytest.approx(mean, abs=3.5 * spread / NOISY_IMAGES**0.5), key
        # The scatter of 20 normal numbers: three and a half standard errors of it.
        assert np.std(values, ddof=1) == pytest.approx(spread, rel=3.5 / (2 * NOISY_IMAGES) ** 0.5), key


@repeated_rows
def test_pure_noise_scatters_as_the_stated_uncertainty(test: Row) -> None:
    one, (_, results) = examination(test), repeated(test)
    stated: dict[Key, list[float]] = {}
    values: dict[Key, list[float]] = {}
    for result in results:
        for key, m in measured(result).items():
            by_noise = one.by_noise(m)
            if by_noise is not None and key[0] not in one.irregular:
                stated.setdefault(key, []).append(by_noise)
                values.setdefault(key, []).append(m.value)
    assert stated
    ratios = {key: np.mean(stated[key]) / np.std(values[key], ddof=1) for key in stated}
    # The scatter of 20 (kurtosis about 4: 19 %) on either side of a ratio of 0.85 to 1.15, three standard errors.
    limit = 1 + 3 * 0.19
    assert {key: float(r) for key, r in ratios.items() if not 0.85 / limit < r < 1.15 * limit} == {}


@repeated_rows
def test_pure_noise_reads_as_its_noise_floor(test: Row) -> None:
    _, results = repeated(test)
    floors = {key: m.noise_floor for key, m in measured(results[0]).items() if m.noise_floor is not None}
    for key, floor in floors.items():
        values = [measured(result)[key].value for result in results]
        error = np.std(values, ddof=1) / NOISY_IMAGES**0.5
        # Student's t of 19 degrees of freedom, several metrics: beyond 5 once in ten thousand.
        assert np.mean(values) == pytest.approx(floor.mean, abs=5 * error), key
        assert floor.mean < floor.p95
    told = [m["noise_floor"] for m in result_json(results[0], None)["measurements"]]
    assert sum(floor is not None for floor in told) == len(floors)


# --- what leaves the program ----------------------------------------------------------------------------


@cases
def test_result_comes_back_from_json_number_for_number(test: Row, number: int) -> None:
    for result in noisy(test, number)[1]:
        text = dump(result_json(result, None))
        back = result_from_json(json.loads(text))
        assert dump(result_json(back, None)) == text
        assert [(m.value, m.uncertainty, m.noise_floor, m.at) for m in back.measurements] == [
            (m.value, m.uncertainty, m.noise_floor, m.at) for m in result.measurements
        ]
        assert back.not_measured == result.not_measured
        assert back.remarks == result.remarks


@rows
def test_result_comes_back_from_the_history_number_for_number(test: Row, tmp_path: Path) -> None:
    with History.open(find_address(str(tmp_path / "exam.sqlite"))) as history:
        for number in range(min(examination(test).draws, EVERY_TIME)):
            for result in noisy(test, number)[1]:
                payload = result_json(result, None)
                recorded = history.record(result, payload)
                assert recorded.new
                stored = history.get(recorded.number).payload
                assert stored == {**json.loads(dump(payload)), "history": recorded.number}
                back = result_from_json(stored)
                assert [m.value for m in back.measurements] == [m.value for m in result.measurements]
        for result in noisy(test, 0)[1]:
            assert not history.record(result, result_json(result, None)).new


# --- what is delivered, and what is refused ---------------------------------------------------------------


@cases
def test_every_declared_metric_is_delivered_or_said_to_be_absent(test: Row, number: int) -> None:
    check_metrics(test, (*exact(test, number), *noisy(test, number)[1]))


@repeated_rows
def test_every_declared_metric_is_there_whatever_is_asked_for(test: Row) -> None:
    check_metrics(test, repeated(test)[1])
    made = examination(test).acquire(drawn(test, 0), seed=0)
    check_metrics(test, analyse(test, made, {**examination(test).quick}).results)


def check_metrics(test: Row, results: Iterable[Result]) -> None:
    declared = {metric.name: metric for metric in test.metrics}
    for result in results:
        delivered = {m.metric.name for m in result.measurements}
        absent = {item.name for item in result.not_measured}
        assert delivered | absent == examination(test).declared(result, frozenset(declared))
        assert all(declared[m.metric.name] == m.metric for m in result.measurements)
        keys = [(m.metric.name, m.of) for m in result.measurements]
        keys += [(item.name, item.of) for item in result.not_measured]
        assert len(keys) == len(set(keys))
        assert all(item.code and item.reason for item in result.not_measured)
        for m in result.measurements:
            assert math.isfinite(m.value)
            assert m.uncertainty is None or (math.isfinite(m.uncertainty) and m.uncertainty >= 0)
        assert (result.test, result.algorithm.partition("/")[0]) == (test.name, test.name)
        assert result.verdict == "unjudged"


unusable = pytest.mark.parametrize(
    ("test", "what"),
    [
        pytest.param(test, what, id=f"{test.name}, seed {SEED}, {what}")
        for test in catalogue.TESTS
        for what in examination(test).unusable
    ],
)


@unusable
def test_input_without_anything_to_measure_is_refused(test: Row, what: str) -> None:
    one = examination(test)
    made = one.with_arrays(one.acquire(drawn(test, 0), seed=0), one.unusable[what])
    analysis = analyse(test, made, {**one.quick})
    assert analysis.results == ()
    # An image that is one of many of a detector is not refused by itself.
    told = [(refusal.file, refusal.energy_window, refusal.detector) for refusal in analysis.refused]
    assert told == list(dict.fromkeys(one.parts(made)))
    for refusal in analysis.refused:
        assert refusal.code
        assert len(refusal.reason) > 20
        assert "\n" not in refusal.reason
    beforehand = test.check(made)
    assert len(beforehand) == len(one.parts(made))
    assert tuple(dict.fromkeys(beforehand)) == analysis.refused


@rows
def test_input_without_images_gives_no_result(test: Row) -> None:
    one = examination(test)
    analysis = analyse(test, one.emptied(one.acquire(drawn(test, 0), seed=0)), {})
    assert analysis.results == ()
    assert [refusal.reason for refusal in analysis.refused if "None" in refusal.reason] == []


@rows
def test_test_is_found_by_name_and_its_metrics_have_names_of_their_own(test: Row) -> None:
    assert catalogue.find(test.name) is test
    names = [metric.name for metric in test.metrics]
    assert len(names) == len(set(names))
    assert all(catalogue.metric_units()[metric.name] == metric.unit for metric in test.metrics)
