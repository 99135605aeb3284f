"""Numbers with as many digits as mean something, limits and reasons in words."""

from dataclasses import replace

import pytest

from nmqc.model import Ends, InputFile, Limits, Measurement, Metric, NoiseFloor, Position, Remark
from nmqc.report import document, wording
from tests.report import samples


def measured(value, uncertainty=None, unit="%", limit=None, verdict="unjudged", of="", noise=None):
    parts = {} if uncertainty is None else {"counting": uncertainty}
    return Measurement(Metric("a.b", unit, "x", "a thing"), value, of, parts, noise, (), limit, verdict)


def high(warn, fail, of="value", verified=True):
    return Limits(Ends(None, warn), Ends(None, fail), of, "%", "a book", verified)


@pytest.mark.parametrize(
    ("value", "uncertainty", "words"),
    [
        (2.4137, 0.1423, "2.41 ± 0.14 %"),
        (2.4137, 0.0996, "2.41 ± 0.10 %"),  # rounding the uncertainty carries: not 0.100
        (2.4137, 0.00996, "2.414 ± 0.010 %"),
        (56789.0, 1234.0, "56800 ± 1200 %"),
        (0.3, 12.3, "0 ± 12 %"),
        (-0.0004, 0.12, "0.00 ± 0.12 %"),  # never "-0.00"
        (5.0, 0.0, "5.00 ± 0 %"),
        (123.456789, 1e-9, "123.457 ± 1.0e-09 %"),  # never more than six digits
        (2.41378, None, "2.41 %"),
        (0.00123456, None, "0.00123 %"),
        (-12.0, None, "-12.0 %"),
        (0.0, None, "0 %"),
        (30012345.0, None, "30000000 %"),
        (9.996, None, "10.0 %"),
        (3e-15, None, "3.0e-15 %"),
    ],
)
def test_quantities(value, uncertainty, words):
    assert wording.quantity(measured(value, uncertainty)) == words


def test_a_ratio_has_no_unit():
    assert wording.quantity(measured(0.9812, 0.012, "ratio")) == "0.981 ± 0.012"


@pytest.mark.parametrize(
    ("value", "of", "words"),
    [
        (5.0004, "value", "5.0004 %"),
        (4.9996, "value", "4.9996 %"),
        (5.0, "value", "5.00 %"),
        (-5.0004, "magnitude", "-5.0004 %"),
    ],
)
def test_rounding_never_hides_on_which_side_of_a_limit_a_value_lies(value, of, words):
    limit = (
        high(4.0, 5.0, of) if value != 4.9996 else Limits(Ends(), Ends(5.0, None), of, "%", "a book", True)
    )
    assert wording.quantity(measured(value, None, limit=limit)) == words


def test_noise_floors_have_no_more_decimals_than_the_value():
    assert wording.noise_floor(measured(2.4, 0.14, noise=NoiseFloor(1.5123, 1.7098))) == "1.51 (1.71)"
    assert wording.noise_floor(measured(24.0, 3.0, noise=NoiseFloor(15.123, 17.098))) == "15.1 (17.1)"
    assert wording.noise_floor(measured(24.0, 34.0, noise=NoiseFloor(15.123, 17.098))) == "15 (17)"
    assert wording.noise_floor(measured(1.0)) == ""


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        (None, ""),
        (high(4.0, 5.0), "≤4 / ≤5"),
        (high(4.0, 5.0, verified=False), "≤4 / ≤5 *"),
        (high(1.0, 2.5, "magnitude"), "±1 / ±2.5"),
        (Limits(Ends(), Ends(0.9, None), "value", "%", "x", True), "none / ≥0.9"),
        (Limits(Ends(-1.0, 1.0), Ends(-2.0, 2.5), "value", "%", "x", True), "-1 to 1 / -2 to 2.5"),
    ],
)
def test_limits(limit, words):
    assert wording.limits_words(limit) == words


def test_reasons_name_the_value_the_limit_and_whether_it_is_verified():
    fail = measured(5.6137, 0.1, limit=high(4.0, 5.0, verified=False), verdict="fail")
    warn = measured(4.5, 0.1, limit=high(4.0, 5.0), verdict="warn")
    low = measured(0.5, limit=Limits(Ends(), Ends(0.9, 1.1), "value", "%", "x", True), verdict="fail")
    far = measured(-3.0, limit=high(1.0, 2.0, "magnitude"), verdict="fail")
    expected = {
        "fail": "a thing: 5.61 % is above the fail limit 5 % (unverified)",
        "warn": "a thing: 4.50 % is above the warn limit 4 %",
        "low": "a thing: 0.500 % is below the fail limit 0.9 %",
        "far": "a thing: -3.00 % is beyond the fail limit ±2 %",
    }
    found = {
        name: wording.reasons(samples.result(measurements=(item,)))
        for name, item in {"fail": fail, "warn": warn, "low": low, "far": far}.items()
    }
    assert found == {name: [words] for name, words in expected.items()}


def test_fails_come_before_warnings_and_few_are_shown():
    warn = [measured(4.5, 0.1, limit=high(4.0, 5.0), verdict="warn", of=str(n)) for n in range(4)]
    fail = measured(7.0, 0.1, limit=high(4.0, 5.0), verdict="fail", of="last")
    found = wording.reasons(samples.result(measurements=(*warn, fail)))
    assert found[0].startswith("a thing, last: 7.00 %")
    assert found[3] == "and 2 more values beyond a limit: see the table"
    assert len(found) == 4


def test_what_was_not_judged_is_said():
    free, judged = measured(1.0), measured(1.0, limit=high(4.0, 5.0), verdict="pass")
    unjudged = measured(1.0, limit=high(4.0, 5.0))
    assert wording.reasons(samples.result(measurements=(free,))) == ["no limit applies: nothing was judged"]
    assert wording.reasons(samples.result(measurements=(free, judged))) == [
        "1 judged value lies within its limits"
    ]
    assert wording.reasons(samples.result(measurements=(judged, unjudged))) == [
        "1 judged value lies within its limits",
        "1 value with a limit could not be judged: see the remarks",
    ]


def test_unverified_limits_are_told_also_of_what_passes():
    passes = measured(1.0, limit=high(4.0, 5.0, verified=False), verdict="pass")
    assert wording.reasons(samples.result(measurements=(passes,)))[0].endswith("limits (unverified)")


def test_positions_have_signs():
    assert wording.position(Position("min", -143.25, 0.04)) == "min (-143.2, +0.0)"
    assert wording.position(Position("max", -0.04, 7.0)) == "max (+0.0, +7.0)"


def test_a_head_that_is_not_known_is_called_so():
    unknown = samples.result(detector=None, detector_source=None, remarks=(Remark("head_unknown", "x"),))
    volume = samples.result(detector=None, detector_source=None, remarks=())
    assert wording.detector(unknown) == "detector unknown"
    assert wording.detector(volume) == ""
    assert wording.detector(samples.result(2)) == "detector 2"


def test_a_pair_of_heads_is_named_by_both():
    """A pair has no single head, and is not unknown; read back from the history it says the same."""
    pair = samples.result(detector=None, detector_source=None, parameters={"detectors": [1, 2]})
    assert wording.detector(pair) == "detectors 1 and 2"
    assert dict(wording.facts(pair))["detectors"] == "1 and 2"
    read = document.result_from_json(document.result_json(pair, None))
    assert wording.detector(read) == "detectors 1 and 2"
    one = samples.result(2, parameters={"detectors": [1, 2]})
    assert wording.detector(one) == "detector 2"
    assert dict(wording.facts(one))["detector"] == "2 (as the file says)"


def test_control_characters_are_made_visible():
    assert wording.clean("a\x1b[31mb\u202ec\nd\te\u00a0f\udcff") == "a\ufffd[31mb\ufffdc d e f\ufffd"


def test_parameters_in_words():
    value = {"pixel_mm": [6.59341, 6.5], "names": ["a", "b"], "on": True, "no": None, "k": 11}
    assert wording.value_words(value) == "pixel_mm 6.59341 x 6.5; names a, b; on yes; no none; k 11"


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("voxel_mm", [2.78, 2.0833333, 2.0], "2.78 x 2.08333 x 2"),
        ("tilt_deg", [0.5, 0.15], "0.5, 0.15"),
        ("centre_mm", [-0.19, 23.06, -0.27], "-0.19, 23.06, -0.27"),
        ("reconstruction", "", "none"),
        ("predicted", [], "none"),
        ("sd", {}, "none"),
        ("slices", [43] * 6, "43, 43, 43, 43, 43, 43"),
        ("each", [0.5 * n for n in range(60)], "60 numbers from 0 to 29.5"),
        ("centres_mm", [[1.25 * n, -99.5] for n in range(12)], "12, given in the JSON"),
        ("field", [["ROUND", 533.0], ["RECTANGLE", 533, 387]], "(ROUND, 533), (RECTANGLE, 533, 387)"),
        ("truth", {"ratio": 4.0, "sheet": {"cold_mm": [28.0, 37.0]}}, "ratio 4; sheet (cold_mm 28, 37)"),
        ("spheres", [{"voxels": 5}, None], "(voxels 5), none"),
    ],
)
def test_a_parameter_is_worded_by_its_name_and_kept_short(name, value, words):
    assert wording.parameter(name, value) == f"{name}: {words}"


def test_a_relative_value_has_no_unit():
    relative = measured(1667.7, 8.1, "relative")
    assert wording.quantity(relative) == "1667.7 ± 8.1 (relative)"
    assert wording.column_of(relative.metric) == "a thing (relative)"
    assert wording.column_of(measured(1.0, unit="ratio").metric) == "a thing"


def test_counts_and_matrix_stand_in_the_facts():
    facts = dict(wording.facts(samples.result()))
    assert facts["image"] == "30 012 345 counts in 600 s, matrix 1024 x 1024"
    assert facts["window"] == "99m Technetium, 129.5 to 150.5 keV"
    assert facts["acquired"] == "2026-11-16 07:12:00"
    assert "window" not in dict(wording.facts(samples.result(energy_window=None)))


def test_many_files_are_counted():
    inputs = tuple(InputFile(f"IM{number:04d}.dcm", "0" * 64) for number in range(1, 90))
    few, many = (samples.result(source=samples.source(inputs=inputs[:count])) for count in (6, 89))
    assert wording.files(few).count("IM") == 6
    assert wording.files(many) == "89 files, IM0001.dcm to IM0089.dcm"
    of_series = [replace(one, parameters={"series": ["9fbdb2dc", "00c0ffee"]}) for one in (few, many)]
    assert wording.files(of_series[0]) == wording.files(few)
    assert wording.files(of_series[1]) == "89 files of series 9fbdb2dc and 00c0ffee"
