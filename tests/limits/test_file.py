"""A limits file: what is read from it, and every mistake in it with its line."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from nmqc.errors import BadConfiguration
from nmqc.limits import Conditions, check, load
from nmqc.model import Ends, Limits
from nmqc.toml_reader import BadFile

from .makers import INTEGRAL, OFFSET, UNITS, written

GOOD = [
    "[[limit]]",
    f'metric = "{INTEGRAL}"',
    'unit = "%"',
    'on = "value"',
    "fail = { high = 5.0 }",
    'source = "a source"',
]


def changed(line: int, *new: str) -> list[str]:
    """Return the good entry with one line (from 1) replaced."""
    return [*GOOD[: line - 1], *new, *GOOD[line:]]


def mistakes(folder: Path, lines: Sequence[str]) -> list[tuple[int, str]]:
    path = written(folder, lines)
    found = check(path, UNITS)
    assert all(mistake.file == str(path) for mistake in found)
    return [(mistake.line, mistake.text) for mistake in found]


def test_an_entry_is_read_as_it_is_written(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        [
            "# a comment",
            "",
            "[[limit]]",
            f'metric = "{OFFSET}"',
            'of = "source 1"',
            'unit = "mm"',
            'on = "magnitude"',
            "warn = { low = 0, high = 1 }",
            "fail.high = 2.5",
            'system = "intevo"',
            'unit_name = "Gamma 2"',
            "detector = 2",
            'collimator = "ANY"',
            'nuclide = "Tc-99m"',
            'source = "acceptance, 2024"',
            "verified = true",
            *GOOD,
        ],
    )
    first, second = load(path, UNITS).entries
    limits = Limits(Ends(0.0, 1.0), Ends(None, 2.5), "magnitude", "mm", "acceptance, 2024", verified=True)
    assert (first.metric, first.of, first.limits) == (OFFSET, "source 1", limits)
    assert first.conditions == Conditions("intevo", "Gamma 2", 2, "ANY", "Tc-99m")
    assert (first.origin, first.file, first.line) == ("site", "limits.toml", 3)
    assert (second.line, second.of, second.conditions, second.limits.verified) == (
        17,
        "",
        Conditions(),
        False,
    )


@pytest.mark.parametrize(
    ("lines", "line", "words"),
    [
        (changed(2, 'metric = "uniformity.integral.ufow"'), 2, 'did you mean "uniformity.integral.ufov"?'),
        (changed(2), 1, "metric is missing"),
        (changed(3, 'unit = "mm"'), 3, f'{INTEGRAL} is in "%", not in "mm"'),
        (changed(3, 'unit = ""'), 3, f'{INTEGRAL} is in "%", not in ""'),
        (changed(3, "unit = 5"), 3, "unit: expected text, found a number"),
        (changed(3), 1, "unit is missing"),
        (changed(4, 'on = "magnitud"'), 4, 'did you mean "magnitude"?'),
        (changed(4), 1, 'on is missing: expected "value" or "magnitude"'),
        (changed(5), 1, "nothing is limited"),
        (changed(5, "fail = 5.0"), 5, "fail: expected a table such as { high = 4.0 }, found a number"),
        (changed(5, "fail = {}"), 5, "fail: expected low or high or both"),
        (changed(5, 'fail = { high = "5" }'), 5, "high: expected a number, found text"),
        (changed(5, "fail = { high = true }"), 5, "high: expected a number, found true or false"),
        (changed(5, "fail = { high = nan }"), 5, "high: expected a finite number"),
        (changed(5, "fail = { high = inf }"), 5, "high: expected a finite number"),
        (changed(5, "fail = { hihg = 5.0, low = 1 }"), 5, 'unknown key "hihg"; did you mean "high"?'),
        (changed(5, "fail = { low = 6, high = 5 }"), 5, "fail: low 6 is above high 5"),
        (
            changed(5, "fail = { high = 5 }", "warn = { high = 5.1 }"),
            6,
            "warn: high 5.1 is beyond the fail limit 5",
        ),
        (changed(5, "warn.low = -3", "fail.low = -2"), 5, "warn: low -3 is beyond the fail limit -2"),
        (changed(5, "warn.low = 3", "fail.high = 2"), 6, "no value could pass"),
        (
            [*changed(4, 'on = "magnitude"')[:4], "fail.high = -2", GOOD[5]],
            4,
            "a magnitude is never negative",
        ),
        (changed(6), 1, "source is missing"),
        (changed(6, 'source = ""'), 6, "source: expected one line of text, not empty"),
        (changed(6, "source = 2026-01-01"), 6, "source: expected text, found a date or time"),
        ([*GOOD, 'verified = "no"'], 7, "verified: expected true or false, found text"),
        ([*GOOD, "detector = 0"], 7, "detector: expected a whole number from 1, found 0"),
        ([*GOOD, "detector = 1.0"], 7, "detector: expected a whole number from 1, found a number"),
        ([*GOOD, 'nuclide = "99mTc"'], 7, 'expected it written as "Tc-99m"'),
        ([*GOOD, 'systm = "intevo"'], 7, 'unknown key "systm"; did you mean "system"?'),
        ([*GOOD, 'camera = "intevo"'], 7, 'unknown key "camera"; known here: collimator, detector, fail'),
        (["limits = 3", *GOOD], 1, 'unknown key "limits"; did you mean "limit"?'),
        (["limit = 3"], 1, "limit: expected tables [[limit]], found a number"),
        (["limit = [3]"], 1, "limit: expected tables [[limit]]"),
        ([*GOOD, "unit = 'mm'"], 7, "not TOML: Cannot overwrite a value"),
        ([*GOOD, "", "detector 1"], 8, "not TOML: Expected '='"),
        ([*GOOD, 'of = """'], 7, "not TOML"),
    ],
)
def test_each_mistake_is_found_once_with_its_line(
    tmp_path: Path, lines: list[str], line: int, words: str
) -> None:
    ((where, text),) = mistakes(tmp_path, lines)
    assert where == line
    assert words in text


def test_all_mistakes_are_found_at_once_in_order(tmp_path: Path) -> None:
    lines = [*GOOD, 'nuclide = "Tc"', "", *changed(3, 'unit = "mm"'), "", *changed(2), "colour = 1"]
    assert [line for line, _ in mistakes(tmp_path, lines)] == [7, 11, 16, 21]
    with pytest.raises(BadFile) as caught:
        load(written(tmp_path, lines), UNITS)
    assert len(caught.value.mistakes) == 4
    assert "\n" not in caught.value.reason
    assert all(str(mistake) in caught.value.reason for mistake in caught.value.mistakes)


def test_a_file_without_mistakes_has_none(tmp_path: Path) -> None:
    assert mistakes(tmp_path, GOOD) == []
    assert mistakes(tmp_path, ["# nothing yet"]) == []


def test_ends_may_coincide(tmp_path: Path) -> None:
    assert mistakes(tmp_path, changed(5, "warn = { high = 5 }", "fail = { low = 5, high = 5 }")) == []


def test_metrics_without_a_unit_can_be_limited(tmp_path: Path) -> None:
    lines = ["[[limit]]", 'metric = "resolution.bars.contrast"', 'unit = ""', *GOOD[3:]]
    assert mistakes(tmp_path, lines) == []


def test_without_a_table_of_metrics_names_and_units_are_left_to_judging(tmp_path: Path) -> None:
    path = written(tmp_path, changed(2, 'metric = "anything"'))
    assert load(path).entries[0].metric == "anything"


# --- entries that contradict each other


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ([], [], "the same metric with the same conditions as in line 1"),
        (['system = "intevo"'], ['system = "INTEVO"'], "the same conditions as in line 1"),
        (["detector = 1"], ['nuclide = "Co-57"'], "(detector 1, nuclide Co-57)"),
        (['unit_name = "Gamma 2"'], ['nuclide = "Co-57"'], "(unit_name Gamma 2, nuclide Co-57)"),
        (['collimator = "ANY"', "detector = 1"], ['collimator = "LEHR"'], "(detector 1, collimator LEHR)"),
        (['collimator = "LEHR"'], ['collimator = "ANY"', "detector = 1"], "(detector 1, collimator LEHR)"),
    ],
)
def test_a_tie_is_a_mistake_of_the_second_entry(
    tmp_path: Path, first: list[str], second: list[str], words: str
) -> None:
    ((line, text),) = mistakes(tmp_path, [*GOOD, *first, *GOOD, *second])
    assert line == 7 + len(first)
    assert words in text


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (["detector = 1"], ["detector = 2", 'nuclide = "Co-57"']),  # cannot meet
        (['collimator = "NONE"'], ['collimator = "ANY"', "detector = 1"]),  # cannot meet
        (['system = "brivo"'], ['unit_name = "Gamma 2"']),  # the camera is narrower
        ([], ["detector = 1"]),
        (["detector = 1"], ['of = "strict"', 'nuclide = "Co-57"']),  # not the same variant
    ],
)
def test_entries_that_one_result_cannot_tie_are_no_mistake(
    tmp_path: Path, first: list[str], second: list[str]
) -> None:
    assert mistakes(tmp_path, [*GOOD, *first, *GOOD, *second]) == []


def test_an_entry_with_the_conditions_of_both_settles_a_tie(tmp_path: Path) -> None:
    both = ["detector = 1", 'nuclide = "Co-57"']
    assert mistakes(tmp_path, [*GOOD, both[0], *GOOD, both[1], *GOOD, *both]) == []
    for more in ('of = "strict"', 'collimator = "LEHR"'):
        assert len(mistakes(tmp_path, [*GOOD, both[0], *GOOD, both[1], *GOOD, *both, more])) == 1


# --- the file itself


def test_lines_are_right_after_text_that_looks_like_entries(tmp_path: Path) -> None:
    tricky = ["source = '''words", "[[limit]]", "unit = 3", "'''  # ends"]
    found = mistakes(tmp_path, [*changed(6, *tricky), *changed(4, 'on = "?"')])
    assert [(line, text.split(":")[0]) for line, text in found] == [(6, "source"), (13, "on")]
    ((line, _),) = mistakes(
        tmp_path, ["# [[limit]]", *GOOD, "", "  [[ limit ]] # two", *GOOD[1:], "detector = 1.5"]
    )
    assert line == 15


def test_windows_line_ends_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    path = tmp_path / "limits.toml"
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join([*GOOD, "detector = 0"]).encode())
    assert [mistake.line for mistake in check(path, UNITS)] == [7]


def test_a_file_in_another_encoding_is_one_mistake_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "limits.toml"
    path.write_bytes("\n".join([*GOOD[:5], 'source = "Gerät"']).encode("latin-1"))
    (mistake,) = check(path, UNITS)
    assert (mistake.line, mistake.text) == (6, "not UTF-8 text: save the file as UTF-8")


def test_what_cannot_be_read_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(BadConfiguration, match=r"missing\.toml cannot be read: No such file"):
        load(tmp_path / "missing.toml")
    with pytest.raises(BadConfiguration, match="cannot be read"):
        check(tmp_path, UNITS)


@pytest.mark.parametrize(
    "ends",
    [
        'warn = { low = -2.0 }\nfail = { low = -2.0 }\non = "value"',
        'fail = { high = 0.0 }\non = "magnitude"',
    ],
)
def test_ends_at_which_something_can_still_pass(ends: str, tmp_path: Path) -> None:
    lines = [*GOOD[:3], *ends.split("\n"), GOOD[5]]
    assert mistakes(tmp_path, lines) == []


def test_a_tie_is_found_behind_entries_of_another_metric(tmp_path: Path) -> None:
    """The first and the second are of two metrics: the tie of the second and the third is seen all the same."""
    other = [line.replace(INTEGRAL, "uniformity.integral.cfov") for line in GOOD]
    found = mistakes(tmp_path, [*other, *GOOD, *other])
    assert [line for line, _ in found] == [13]
