"""The site's configuration: where it is found, what is read, and every mistake with its line."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import platformdirs
import pytest

from nmqc.config import KINDS, Config, Expectation, ReportHeader, Rule, find, load
from nmqc.dicom.systems import KNOWN_SYSTEMS
from nmqc.errors import BadConfiguration
from nmqc.model import FieldHint, HeadPattern, SiteSystem
from nmqc.toml_reader import BadFile

GOOD = [
    "[[system]]",
    'unit = "Gamma 2"',
    'unit_id = "1F2e3d4c"',
    'name = "intevo"',
]
KNOWN = {
    "uniformity.planar": frozenset({"replicates", "edge_policy"}),
    "resolution.bars": frozenset({"bars"}),
}
PNG, JPEG, SVG = (
    b"\x89PNG\r\n\x1a\n...",
    b"\xff\xd8\xff\xe0...",
    b'<?xml version="1.0"?>\n<!-- a > b -->\n<svg >',
)
HEAD = ["[[system.head]]", "detector = 2", 'attribute = "SeriesDescription"', "pattern = 'det(ector)? 2'"]


def written(folder: Path, lines: Sequence[str]) -> Path:
    path = folder / "nmqc.toml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def read_option(test: str, option: str, value: object) -> object:
    """What stands for the command line here: "strict" is the only policy, numbers are doubled."""
    if option == "edge_policy" and value != "strict":
        raise ValueError(f"{test} knows one policy")
    return value * 2 if isinstance(value, int) else value


def mistakes(folder: Path, lines: Sequence[str]) -> list[tuple[int, str]]:
    with pytest.raises(BadFile) as caught:
        load(written(folder, lines), KNOWN, read_option)
    return [(mistake.line, mistake.text) for mistake in caught.value.mistakes]


# --- where it is


@pytest.fixture
def usual(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    folder = tmp_path / "home" / "nmqc"
    folder.mkdir(parents=True)
    monkeypatch.setattr(platformdirs, "user_config_dir", lambda name: str(folder.parent / name))
    return folder / "nmqc.toml"


def test_the_option_goes_before_the_variable_and_that_before_the_folder(usual: Path) -> None:
    usual.touch()
    environment = {"NMQC_CONFIG": "/variable.toml"}
    assert find(Path("option.toml"), environment) == Path("option.toml")
    assert find(None, environment) == Path("/variable.toml")
    assert find(None, {"NMQC_CONFIG": ""}) == usual


def test_no_configuration_is_no_mistake(usual: Path) -> None:
    assert find(None, {}) is None
    usual.mkdir()  # a folder of that name is no configuration
    assert find(None, {}) is None
    assert load(None) == Config((), None, None, True, None)


def test_a_configuration_that_may_not_be_looked_at_is_not_taken_for_none(
    usual: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "is_file", refused)
    with pytest.raises(BadConfiguration, match=r"cannot be read \(Permission denied\): give --config"):
        find(None, {})


def test_one_that_was_asked_for_must_exist(tmp_path: Path) -> None:
    with pytest.raises(BadConfiguration, match=r"asked\.toml cannot be read: No such file"):
        load(tmp_path / "asked.toml")


# --- what it says


def test_everything_is_read_as_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "limits.toml").touch()
    path = written(
        tmp_path,
        [
            "show_file_names = false",
            'database = "postgresql://user:secret@host/nmqc"',
            'limits = "site/limits.toml"',
            *GOOD,
            'field = { shape = "RECTANGLE", extents_mm = [533, 387.5] }',
            *HEAD,
            "[[system.head]]",
            "detector = 1",
            'attribute = "ImageID"',
            'pattern = "one"',
            "[[system]]",
            'unit = "Gamma 1"',
            "model = '^Brivo'",
            "[system.field]",
            'shape = "ROUND"',
            "extents_mm = [400]",
        ],
    )
    heads = (HeadPattern(2, "SeriesDescription", "det(ector)? 2"), HeadPattern(1, "ImageID", "one"))
    source = "site configuration"
    rectangle, circle = FieldHint("RECTANGLE", (533.0, 387.5), source), FieldHint("ROUND", (400.0,), source)
    assert load(path) == Config(
        systems=(
            SiteSystem("Gamma 2", "intevo", "1f2e3d4c", "", rectangle, heads),
            SiteSystem("Gamma 1", "", "", "^Brivo", circle, ()),
        ),
        limits_file=tmp_path / "site" / "limits.toml",
        database="postgresql://user:secret@host/nmqc",
        show_file_names=False,
        file=path,
    )


def test_an_empty_file_is_the_defaults(tmp_path: Path) -> None:
    path = written(tmp_path, [])
    assert load(path) == Config(file=path)


def test_the_limits_may_lie_anywhere(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.toml"
    elsewhere.touch()
    folder = tmp_path / "config"
    folder.mkdir()
    assert load(written(folder, [f"limits = '{elsewhere}'"])).limits_file == elsewhere


# --- mistakes


@pytest.mark.parametrize(
    ("lines", "line", "words"),
    [
        (["show_filenames = true"], 1, 'unknown key "show_filenames"; did you mean "show_file_names"?'),
        (['show_file_names = "no"'], 1, "expected true or false, found text"),
        (["", 'limits = "missing.toml"'], 2, "limits: there is no file"),
        (['database = "/data/nmqc.db"'], 1, 'database: expected "sqlite:///FILE" or "postgresql://..."'),
        (["database = 1"], 1, "database: expected text"),
        (["[system]", 'unit = "Gamma 2"'], 1, "system: expected tables [[system]], found a table"),
        (["[[system]]", "unit_id = '12345678'"], 1, "unit is missing"),
        ([*GOOD[:2], 'name = "intevo"'], 1, "nothing recognises this camera"),
        ([*GOOD, *GOOD[:1], 'unit = "GAMMA 2"', "model = 'x'"], 6, "unit: the same as in line 2"),
        ([*GOOD, *GOOD[:1], 'unit = "Gamma 1"', GOOD[2].lower()], 7, "unit_id: the same as in line 3"),
        ([*GOOD[:2], 'unit_id = "1f2e3d4"'], 3, "the 8 hexadecimal digits that `nmqc identify` shows"),
        ([*GOOD[:2], "unit_id = 12345678"], 3, "unit_id: expected text, found a number"),
        ([GOOD[0], 'unit = "Unidentified"', GOOD[2]], 2, "this word stands for cameras that are not known"),
        ([GOOD[0], 'unit = "Gamma 2 "', GOOD[2]], 2, "without blanks at its ends"),
        ([*GOOD, "model = '('"], 5, "model: not a regular expression: missing )"),
        ([*GOOD, "model = '.*'"], 5, "model: this expression is found in every text"),
        ([*GOOD, 'field = "round"'], 5, "field: expected a table such as { shape ="),
        (
            [*GOOD, 'field = { shape = "SQUARE", extents_mm = [3] }'],
            5,
            'shape: expected "RECTANGLE" or "ROUND"',
        ),
        ([*GOOD, 'field = { shape = "ROUND" }'], 5, "extents_mm is missing"),
        (
            [*GOOD, "[system.field]", "", 'shape = "ROUND"', "extents_mm = [1, 2]"],
            8,
            "takes one diameter, not 2",
        ),
        ([*GOOD, 'field = { shape = "RECTANGLE", extents_mm = [540] }'], 5, "takes two sides, not 1"),
        ([*GOOD, 'field = { shape = "ROUND", extents_mm = [0] }'], 5, "extents_mm: expected lengths in mm"),
        (
            [*GOOD, 'field = { shape = "ROUND", extents_mm = [true] }'],
            5,
            "extents_mm: expected lengths in mm",
        ),
        ([*GOOD, *HEAD[:3]], 5, "pattern is missing"),
        ([*GOOD, HEAD[0], *HEAD[2:]], 5, "detector is missing: expected a whole number from 1"),
        ([*GOOD, *HEAD[:2], 'attribute = "ImageId"', HEAD[3]], 7, 'did you mean "ImageID"?'),
        ([*GOOD, *HEAD[:3], "pattern = '[2'"], 8, "pattern: not a regular expression: unterminated"),
        ([*GOOD, *HEAD, "", *HEAD, "side = 1"], 14, 'unknown key "side"'),
        ([*GOOD, "[[system.heads]]", "detector = 1"], 5, 'unknown key "heads"; did you mean "head"?'),
        (["a = 1", "a = 2"], 2, "not TOML: Cannot overwrite a value"),
    ],
)
def test_each_mistake_is_found_once_with_its_line(
    tmp_path: Path, lines: list[str], line: int, words: str
) -> None:
    ((where, text),) = mistakes(tmp_path, lines)
    assert where == line
    assert words in text


def test_all_mistakes_are_found_at_once_in_order(tmp_path: Path) -> None:
    lines = ["database = 1", "colour = 2", *GOOD, "model = '['", *HEAD, *GOOD, "detector = 1"]
    assert [line for line, _ in mistakes(tmp_path, lines)] == [1, 2, 7, 13, 14, 16]


def test_a_mistake_never_shows_the_address_of_the_database(tmp_path: Path) -> None:
    with pytest.raises(BadFile) as caught:
        load(written(tmp_path, ['database = "mysql://user:secret@host/nmqc"']))
    assert "secret" not in caught.value.reason


# --- rules, what is expected, reports


def test_rules_are_read_in_order_as_they_are_used(tmp_path: Path) -> None:
    lines = [
        *GOOD,
        "[[rule]]",
        'unit = "GAMMA 2"',
        "description = 'daily|täglich'",
        'test = "uniformity.planar"',
        "[rule.options]",
        "replicates = 50",
        'edge_policy = "strict"',
        "[[rule]]",
        'unit = "1f2E3d4c"',
        'test = "resolution.bars"',
        "options = { bars = [2.0, 2.5, 3, 3.5] }",
        "[[rule]]",
        'unit = "ABCDEF01"',
        'system = "Vereos"',
        'test = "ignore"',
    ]
    assert load(written(tmp_path, lines), KNOWN, read_option).rules == (
        Rule(
            "uniformity.planar",
            "Gamma 2",
            description="daily|täglich",
            options={"replicates": 100, "edge_policy": "strict"},
        ),
        Rule("resolution.bars", "Gamma 2", options={"bars": [2.0, 2.5, 3, 3.5]}),
        Rule("ignore", "abcdef01", "vereos"),
    )


def test_where_tests_are_not_known_their_names_are_left_to_whoever_runs_them(tmp_path: Path) -> None:
    lines = ["[[rule]]", 'system = "intevo"', 'test = "mine"', "options = { any = true }"]
    assert load(written(tmp_path, lines)).rules == (Rule("mine", system="intevo", options={"any": True}),)


def test_a_rule_may_be_for_a_kind_of_the_sites_own(tmp_path: Path) -> None:
    lines = [*GOOD[:3], 'name = "Mobile"', "[[rule]]", 'system = "mobile"', 'test = "ignore"']
    assert load(written(tmp_path, lines)).rules == (Rule("ignore", system="Mobile"),)


def test_the_kinds_of_system_are_those_that_the_reader_knows() -> None:
    assert list(KINDS) == [*(known.name for known in KNOWN_SYSTEMS), "unknown"]


def test_what_is_expected(tmp_path: Path) -> None:
    lines = [
        *GOOD,
        "[[expect]]",
        'unit = "gamma 2"',
        'test = "uniformity.planar"',
        'every = "1 day"',
        'days_off = ["Sunday", "saturday", "Sunday"]',
        "[[expect]]",
        'unit = "0a0b0c0d"',
        'test = "uniformity.planar"',
        "every = 28",
        'grace = "3 days"',
        "[calendar]",
        "holidays = [2027-01-01, 2026-12-25, 2027-01-01]",
    ]
    config = load(written(tmp_path, lines), KNOWN)
    assert config.expected == (
        Expectation("Gamma 2", "uniformity.planar", 1, 0, (5, 6)),
        Expectation("0a0b0c0d", "uniformity.planar", 28, 3, ()),
    )
    assert config.holidays == (date(2026, 12, 25), date(2027, 1, 1))


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("tell", "tell"),
        ("./tell", "{folder}/tell"),
        ("bin/tell", "{folder}/bin/tell"),
        ("/usr/bin/tell", "/usr/bin/tell"),
    ],
)
def test_a_program_with_a_folder_is_looked_for_beside_the_configuration(
    tmp_path: Path, program: str, expected: str
) -> None:
    """Cron starts in another folder than a person."""
    path = written(tmp_path, [f'on_problem = ["{program}", " a b", "", "$x"]'])
    assert load(path).on_problem == (expected.format(folder=tmp_path), " a b", "", "$x")


@pytest.mark.parametrize(
    "content", [PNG, JPEG, SVG, b"\xef\xbb\xbf <svg\n"], ids=["png", "jpeg", "svg", "bare"]
)
def test_the_head_of_reports(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "our logo").write_bytes(content)
    lines = ["[report]", 'hospital = ["Uniklinik", "Station 7"]', 'logo = "our logo"', 'dates = "de"']
    report = load(written(tmp_path, lines)).report
    assert report == ReportHeader(("Uniklinik", "Station 7"), tmp_path / "our logo", "de")


def test_without_them_reports_have_no_head_and_dates_of_iso(tmp_path: Path) -> None:
    assert load(written(tmp_path, ["[report]", "[calendar]"])).report == ReportHeader((), None, "iso")


RULE = ["[[rule]]", 'system = "intevo"', 'test = "uniformity.planar"']
EXPECT = ["[[expect]]", 'unit = "1f2e3d4c"', 'test = "uniformity.planar"', "every = 1"]


@pytest.mark.parametrize(
    ("lines", "line", "words"),
    [
        (
            [*RULE[:2], 'test = "uniformity.plane"'],
            3,
            'no test "uniformity.plane"; did you mean "uniformity.planar"?',
        ),
        ([*RULE[:2], 'test = "x"'], 3, 'no test "x"; known here: uniformity.planar, resolution.bars, ignore'),
        (RULE[:2], 1, "test is missing: expected text"),
        ([RULE[0], RULE[2]], 1, "this rule is for every file: give unit, system or description"),
        ([*RULE, "description = '('"], 4, "description: not a regular expression: missing )"),
        ([*RULE, "description = 'a*'"], 4, "description: this expression is found in every text"),
        ([*RULE, 'unit = "Gamma 3"'], 4, 'unit: no [[system]] has the unit "Gamma 3"; none is known here'),
        (
            [*GOOD, *RULE, 'unit = "Gama 2"'],
            8,
            'no [[system]] has the unit "Gama 2"; did you mean "Gamma 2"?',
        ),
        (
            [RULE[0], 'system = "intavo"', RULE[2]],
            2,
            'no camera is of the kind "intavo"; did you mean "intevo"?',
        ),
        (
            [*RULE, "[rule.options]", "", "replicate = 1"],
            6,
            'has no option "replicate"; did you mean "replicates"?',
        ),
        (
            [*RULE, "options = { bars = [1] }"],
            4,
            'uniformity.planar has no option "bars"; known here: edge_policy',
        ),
        (
            [*RULE, "options = { replicates = {} }"],
            4,
            "replicates: expected text, a number, true or false, or an",
        ),
        (
            [*RULE, "options = { replicates = [] }"],
            4,
            "replicates: expected text, a number, true or false, or an",
        ),
        (
            [*RULE, "options = { replicates = nan }"],
            4,
            "replicates: expected text, a number, true or false, or an",
        ),
        (
            [*RULE, "options = { replicates = [inf] }"],
            4,
            "replicates: expected text, a number, true or false, or",
        ),
        (
            [*RULE, "[rule.options]", 'edge_policy = "none"'],
            5,
            "edge_policy: uniformity.planar knows one policy",
        ),
        ([*RULE, "options = 1"], 4, "options: expected a table such as [rule.options] with replicates = 0"),
        ([*RULE[:2], 'test = "ignore"', "options = { bars = [1] }"], 4, 'options: "ignore" takes none'),
        ([*EXPECT[:2], 'test = "ignore"', EXPECT[3]], 3, 'there is no test "ignore"'),
        ([EXPECT[0], *EXPECT[2:]], 1, "unit is missing"),
        ([*EXPECT[:3]], 1, 'every is missing: expected whole days such as "7 days" or 7, from 1 to 3660'),
        ([*EXPECT[:3], "every = 0"], 4, 'every: expected whole days such as "7 days" or 7, from 1 to 3660'),
        ([*EXPECT[:3], "every = 3661"], 4, "every: expected whole days"),
        ([*EXPECT[:3], "every = 1.5"], 4, "every: expected whole days"),
        ([*EXPECT[:3], "every = true"], 4, "every: expected whole days"),
        ([*EXPECT[:3], 'every = "1 week"'], 4, "every: expected whole days"),
        ([*EXPECT[:3], 'every = "-1 days"'], 4, "every: expected whole days"),
        ([*EXPECT, "grace = -1"], 5, 'grace: expected whole days such as "7 days" or 7, from 0 to 3660'),
        ([*EXPECT, 'days_off = ["Caturday"]'], 5, 'there is no day "Caturday"; did you mean "Saturday"?'),
        (
            [*EXPECT, "days_off = [6]"],
            5,
            'days_off: expected days of the week such as ["Saturday", "Sunday"]',
        ),
        ([*EXPECT, 'days_off = "Sunday"'], 5, "days_off: expected days of the week such as"),
        (
            [*EXPECT, 'days_off = ["Monday","Tuesday","Wednesday","Thursday","Friday","Saturday","Sunday"]'],
            5,
            "days_off: on no day of the week could anything be due",
        ),
        (
            [*EXPECT, *EXPECT[:3], "every = 7"],
            5,
            "uniformity.planar of this camera is expected in line 1 already",
        ),
        ([*GOOD, *EXPECT, EXPECT[0], GOOD[1], *EXPECT[2:]], 9, "is expected in line 5 already"),
        (
            ["[calendar]", 'holidays = ["2026-12-25"]'],
            2,
            "holidays: expected dates such as [2026-12-25, 2027-01-01]",
        ),
        (["[calendar]", "holidays = [2026-12-25T00:00:00]"], 2, "holidays: expected dates such as"),
        (["[calendar]", "holydays = []"], 2, 'unknown key "holydays"; did you mean "holidays"?'),
        (["[[calendar]]"], 1, "calendar: expected a table such as [calendar] with holidays"),
        (
            ['on_problem = "mail me"'],
            1,
            "on_problem: expected a command and its arguments, each a text of its own",
        ),
        (["on_problem = []"], 1, "on_problem: expected a command and its arguments"),
        (['on_problem = ["mail", 1]'], 1, "on_problem: expected a command and its arguments"),
        (['on_problem = ["", "x"]'], 1, "on_problem: expected a command and its arguments"),
        (['on_problem = ["mail", "a\\nb"]'], 1, "on_problem: expected a command and its arguments"),
        (["[report]", 'hospital = "Uniklinik"'], 2, "hospital: expected 1 to 6 lines of text, not empty"),
        (["[report]", 'hospital = [""]'], 2, "hospital: expected 1 to 6 lines of text, not empty"),
        (["[report]", f"hospital = {['x'] * 7}"], 2, "hospital: expected 1 to 6 lines of text, not empty"),
        (["[report]", 'logo = "no.png"'], 2, "logo: there is no file"),
        (["[report]", 'logo = "nmqc.toml"'], 2, "nmqc.toml is no PNG, SVG or JPEG image"),
        (["[report]", 'logo = "."'], 2, "logo: there is no file"),
        (["[report]", 'dates = "german"'], 2, 'dates: expected "iso" or "de" or "en"'),
    ],
)
def test_each_mistake_of_rules_expectations_and_reports(
    tmp_path: Path, lines: list[str], line: int, words: str
) -> None:
    ((where, text),) = mistakes(tmp_path, lines)
    assert words in text
    assert where == line


def test_mistakes_of_all_parts_come_together(tmp_path: Path) -> None:
    lines = [
        "on_problem = 1",
        *RULE[:2],
        'test = "x"',
        *EXPECT[:3],
        "every = 0",
        "[report]",
        "dates = 1",
        "x = 1",
    ]
    assert [line for line, _ in mistakes(tmp_path, lines)] == [1, 4, 8, 10, 11]


def test_a_logo_too_large_for_every_report_is_a_mistake(tmp_path: Path) -> None:
    for size, right in ((1_000_000, True), (1_000_001, False)):
        (tmp_path / "logo.png").write_bytes(PNG.ljust(size, b"."))
        lines = ["[report]", 'logo = "logo.png"']
        if right:
            assert load(written(tmp_path, lines)).report.logo == tmp_path / "logo.png"
        else:
            assert mistakes(tmp_path, lines) == [
                (
                    2,
                    f"logo: {tmp_path / 'logo.png'} is larger than 1 MB: make it smaller, it goes into every report",
                )
            ]


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"<html>our svg ", b"<" * 900_000, b"<!--" * 200_000])
def test_no_logo_and_no_long_search_for_one(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "logo.png").write_bytes(content)
    ((_, text),) = mistakes(tmp_path, ["[report]", 'logo = "logo.png"'])
    assert "is no PNG, SVG or JPEG image" in text
