"""The site's configuration: where it is found, what is read, and every mistake with its line."""

from collections.abc import Sequence
from pathlib import Path

import platformdirs
import pytest

from nmqc.config import Config, find, load
from nmqc.errors import BadConfiguration
from nmqc.model import FieldHint, HeadPattern, SiteSystem
from nmqc.toml_reader import BadFile

GOOD = [
    "[[system]]",
    'unit = "Gamma 2"',
    'unit_id = "1F2e3d4c"',
    'name = "intevo"',
]
HEAD = ["[[system.head]]", "detector = 2", 'attribute = "SeriesDescription"', "pattern = 'det(ector)? 2'"]


def written(folder: Path, lines: Sequence[str]) -> Path:
    path = folder / "nmqc.toml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def mistakes(folder: Path, lines: Sequence[str]) -> list[tuple[int, str]]:
    with pytest.raises(BadFile) as caught:
        load(written(folder, lines))
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
