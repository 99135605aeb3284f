"""`nmqc config`: what it writes is valid whatever is switched on, mistakes are explained, no secret is shown."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from nmqc import catalogue
from nmqc.cli import rule_options
from nmqc.cli.common import load_config
from nmqc.config import Config, usual_file
from tests.cli.conftest import Floods
from tests.cli.running import call, unprivileged
from tests.report.test_header import SVG, raster

#: A setting that is switched off; a sentence has a blank after its sign.
SETTING = re.compile(r"^#(?=[^ #\n])", re.MULTILINE)


@pytest.fixture
def usual(home: Path) -> Path:
    return usual_file()


def switched_on(text: str) -> str:
    return SETTING.sub("", text)


def written(folder: Path, text: str) -> Path:
    """A configuration with the files beside it that it names."""
    (folder / "limits.toml").touch()
    (folder / "logo.png").write_bytes(raster("png"))
    path = folder / "nmqc.toml"
    path.write_text(text, encoding="utf-8")
    return path


def template(folder: Path) -> str:
    path = folder / "made.toml"
    assert call("config", "init", path).status == 0
    return path.read_text(encoding="utf-8")


# --- init -----------------------------------------------------------------------------------------------


def test_it_goes_where_nmqc_finds_it(usual: Path) -> None:
    run = call("config", "init")
    assert run.status == 0
    assert f"wrote {usual}" in run.text
    assert "--config" not in run.text
    assert call("config", "check").text == f"{usual}: no mistakes\n"


def test_elsewhere_it_says_how_it_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "our.toml"
    assert (
        f"nmqc reads it with --config, or where the variable NMQC_CONFIG is {path}"
        in call("config", "init", path).text
    )
    monkeypatch.setenv("NMQC_CONFIG", str(path))
    assert "nmqc reads it with" not in call("config", "init", path, "--force").text


def test_a_file_that_is_there_is_kept(usual: Path) -> None:
    usual.parent.mkdir(parents=True)
    usual.write_text("# mine")
    run = call("config", "init")
    assert run.status == 3
    assert run.said == [f"nmqc: {usual} is there already: name another file, or give --force to replace it"]
    assert usual.read_text() == "# mine"
    assert call("config", "init", "--force").status == 0
    assert usual.read_text(encoding="utf-8").startswith("# The configuration of this site")
    assert [path.name for path in usual.parent.iterdir()] == ["nmqc.toml"]


def test_a_link_to_nothing_is_kept_too(tmp_path: Path) -> None:
    (tmp_path / "link.toml").symlink_to(tmp_path / "elsewhere.toml")
    assert call("config", "init", tmp_path / "link.toml").status == 3
    assert not (tmp_path / "elsewhere.toml").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are of POSIX")
@pytest.mark.parametrize("force", [(), ("--force",)], ids=["new", "force"])
def test_a_folder_that_cannot_be_written_to(force: tuple[str, ...]) -> None:
    with unprivileged() as folder:
        folder.chmod(0o555)
        run = call("config", "init", folder / "nmqc.toml", *force)
        assert run.status == 3
        assert "nmqc.toml cannot be written (Permission denied): name another file" in run.said[0]


def test_a_folder_that_is_missing_is_not_made(tmp_path: Path) -> None:
    run = call("config", "init", tmp_path / "no" / "nmqc.toml")
    assert run.status == 3
    assert "cannot be written (No such file or directory)" in run.said[0]
    assert not (tmp_path / "no").exists()


def test_as_it_is_written_nothing_changes(tmp_path: Path) -> None:
    path = written(tmp_path, template(tmp_path))
    assert load_config(path) == Config(file=path)


def test_everything_in_it_switched_on_is_valid(tmp_path: Path) -> None:
    path = written(tmp_path, switched_on(template(tmp_path)))
    assert call("config", "check", path).text == f"{path}: no mistakes\n"
    config = load_config(path)
    assert (len(config.systems), len(config.systems[0].heads), len(config.rules)) == (1, 1, 3)
    assert (len(config.expected), len(config.holidays), len(config.on_problem)) == (2, 2, 3)
    assert config.report.text
    assert config.report.logo == tmp_path / "logo.png"
    assert (config.report.language, config.show_file_names) == ("en", False)
    assert config.limits_file == tmp_path / "limits.toml"
    assert config.database == f"sqlite:///{tmp_path / 'history.sqlite'}"


def test_each_setting_in_it_switched_on_alone_is_valid(tmp_path: Path) -> None:
    """Each line before the tables, and each of their paragraphs; what is expected is so of a camera."""
    text = template(tmp_path)
    tables = {"system", "system.head", "rule", "expect"}
    found = 0
    for paragraph in text.split("\n\n"):
        first = next((line for line in paragraph.splitlines() if SETTING.match(line)), "")
        lines = [paragraph] if first.strip("#[]") in tables else SETTING.findall(paragraph)
        for number in range(len(lines)):
            alone = text.replace(paragraph, _with_one_on(paragraph, None if len(lines) == 1 else number))
            if "#[[system]]" in alone:
                alone += switched_on("\n#[[system]]\n#unit = 'Gamma 2'\n#model = 'x'\n")
            written(tmp_path, _later(alone))
            load_config(tmp_path / "nmqc.toml")
            found += 1
    assert found == 7 + 1 + 7  # four before the tables, three of reports, holidays; and seven tables


def _with_one_on(paragraph: str, number: int | None) -> str:
    if number is None:
        return switched_on(paragraph)
    seen = -1

    def one(match: re.Match[str]) -> str:
        nonlocal seen
        seen += 1
        return "" if seen == number else match.group()

    return SETTING.sub(one, paragraph)


def _later(text: str) -> str:
    """A head stands below a camera: where it is on and the camera off, the camera comes before it."""
    if "\n[[system.head]]" in text and "#[[system]]" in text:
        text = text.replace(
            "\n[[system.head]]", "\n[[system]]\nunit = 'Gamma 3'\nmodel = 'y'\n[[system.head]]"
        )
    return text


def test_everything_that_there_is_stands_in_it(tmp_path: Path) -> None:
    """A key that the reader knows and the file does not explain would not be found by anybody."""
    text = switched_on(template(tmp_path))
    for key in (
        "grace",
        "days_off",
        "attribute",
        "extents_mm",
        "holidays",
        "hospital",
        "logo",
        "dates",
        "on_problem",
    ):
        assert re.search(rf"\b{key} = ", text), key


# --- check ----------------------------------------------------------------------------------------------


def test_every_mistake_with_file_and_line(tmp_path: Path) -> None:
    lines = ["shw = 1", "[[rule]]", 'system = "intevo"', 'test = "uniformity.planar"', "[rule.options]"]
    lines += [
        "replicates = -1",
        "edge_margin = 99",
        'edge_policy = "loose"',
        'reference = "no.dcm"',
        "bars = 1",
    ]
    path = written(tmp_path, "\n".join(lines))
    run = call("config", "check", path)
    assert run.status == 3
    assert [line.removeprefix(f"{path}:").split(":")[0] for line in run.text.splitlines()] == [
        "1",
        "6",
        "7",
        "8",
        "9",
        "10",
    ]
    for words in (
        "-1 is not in the range",
        "99.0 is not in the range 0<=x<=50",
        "is not one of 'whole-pixels', 'strict'",
        f"there is no file {tmp_path / 'no.dcm'}",
        'uniformity.planar has no option "bars"',
    ):
        assert words in run.text


def test_what_the_configuration_names_is_checked_too(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        '\nlimits = "limits.toml"\ndatabase = "postgresql://me:p@ss@word@host/nmqc"\n[report]\nlogo = "logo.png"\n',
    )
    (tmp_path / "limits.toml").write_text('[[limit]]\nmetric = "x"\n')
    (tmp_path / "logo.png").write_bytes(raster("png")[:200])
    run = call("config", "check", path)
    assert run.status == 3
    assert re.search(rf"^{re.escape(str(tmp_path))}/limits\.toml:1: ", run.text, re.MULTILINE)
    assert f"{path}:3: database: the address of the PostgreSQL history cannot be read" in run.text
    assert f"{path}:5: logo: the logo cannot be drawn" in run.text
    assert "ss@word" not in run.text + run.err


def test_no_configuration_is_no_mistake() -> None:
    run = call("config", "check")
    assert run.status == 0
    assert "nmqc config init" in run.text


def test_a_file_that_is_missing_is_wrong_usage(tmp_path: Path) -> None:
    assert call("config", "check", tmp_path / "no.toml").status == 2


def test_one_that_the_variable_names_must_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NMQC_CONFIG", str(tmp_path / "no.toml"))
    assert call("config", "check").status == 3


# --- show -----------------------------------------------------------------------------------------------


def test_what_holds_is_shown_without_a_secret(tmp_path: Path) -> None:
    text = switched_on(template(tmp_path)).replace(
        '"sqlite:///history.sqlite"', '"postgresql://anna:geheim@db.example:5432/nmqc"'
    )
    text = text.replace('"--subject", "nmqc"', '"--token", "geheim"')
    run = call("config", "show", "--config", written(tmp_path, text))
    assert run.status == 0
    assert "geheim" not in run.text + run.err
    assert "anna" not in run.text
    shown = " ".join(run.text.split())
    for words in (
        "history postgresql://db.example:5432/nmqc",
        f"limits built-in, and {tmp_path / 'limits.toml'}",
        "file names not shown",
        "camera Gamma 2 (intevo): unit_id 1f2e3d4c; field RECTANGLE 533 x 387 mm",
        "detector 2 by SeriesDescription 'det(ector)? 2'",
        "system 'intevo', description 'daily|intrinsic flood': uniformity.planar with replicates = 200",
        "description 'patient|training': ignore",
        "Gamma 2: cor.point-sources every 7 days, 2 days of grace, not on Saturday, Sunday",
        "Gamma 2: uniformity.planar every 1 day, not on Saturday, Sunday",
        "holidays 2026-12-25, 2027-01-01",
        "on a problem /usr/local/bin/tell-physics (no such program is found from here) with 2 arguments, not shown",
        "report University Hospital",
        f"logo {tmp_path / 'logo.png'}",
        "dates en",
    ):
        assert words in shown, words
    assert max(map(len, run.text.splitlines())) <= 80 + len(str(tmp_path))


def test_the_program_that_is_there_is_not_called_missing(tmp_path: Path) -> None:
    path = written(tmp_path, f'on_problem = ["{sys.executable}", "x"]\n')
    shown = " ".join(call("config", "show", "--config", path).text.split())
    assert f"{sys.executable} with 1 argument, not shown" in shown


def test_without_a_configuration_what_is_built_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert "none: what is built in holds" in call("config", "show").text
    monkeypatch.setenv("NMQC_DB", str(tmp_path / "h.sqlite"))
    assert f"by NMQC_DB: {tmp_path / 'h.sqlite'}" in " ".join(call("config", "show").text.split())


# --- the options of rules -------------------------------------------------------------------------------


def test_every_option_of_a_rule_is_one_of_the_command_that_runs_the_test() -> None:
    assert set(rule_options.OPTIONS) == {test.name for test in catalogue.TESTS}
    for test, options in rule_options.OPTIONS.items():
        for option in options:
            rule_options._parameter(test, option)


@pytest.mark.parametrize(
    ("test", "option", "value", "read"),
    [
        ("uniformity.planar", "replicates", 0, 0),
        ("uniformity.planar", "edge_margin", 4, 4.0),
        ("resolution.bars", "bars", [2, 2.5, 3, 3.5], [2.0, 2.5, 3.0, 3.5]),
        ("resolution.lines", "separation", 100, 100.0),
        ("pet.image-quality", "ratio", 4, 4.0),
        ("pet.image-quality", "edition", "2018", "2018"),
        ("pet.image-quality", "earl", 2, 2),
        ("pet.image-quality", "sense", -1, -1),
        ("pet.image-quality", "header_dose", True, True),
    ],
)
def test_a_value_is_read_as_on_the_command_line(
    tmp_path: Path, test: str, option: str, value: object, read: object
) -> None:
    """4 and 4.0 are one value: else the same file would have two keys in the history."""
    found = rule_options.reader(tmp_path)(test, option, value)
    assert (found, type(found)) == (read, type(read))


@pytest.mark.parametrize(
    ("test", "option", "value", "words"),
    [
        ("uniformity.planar", "replicates", "50", "expected a number"),
        ("uniformity.planar", "replicates", 1.5, "is not a valid integer"),
        ("uniformity.planar", "replicates", True, "expected a number"),
        ("resolution.bars", "bars", [2.0, 2.5], "give four bar widths"),
        ("resolution.bars", "bars", "2,2.5,3,3.5", "expected an array of numbers"),
        ("resolution.bars", "bars", [2, True, 3, 3.5], "expected an array of numbers"),
        ("pet.image-quality", "earl", 3, "is not one of '1', '2'"),
        ("pet.image-quality", "edition", 2018, "expected text"),
        ("pet.image-quality", "header_dose", 1, "expected true or false"),
        ("pet.image-quality", "fill", "no.toml", "there is no file"),
    ],
)
def test_a_value_that_the_command_would_not_take(
    tmp_path: Path, test: str, option: str, value: object, words: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        rule_options.reader(tmp_path)(test, option, value)


def test_a_file_is_looked_for_beside_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "fill.toml").touch()
    monkeypatch.chdir(tmp_path)
    read = rule_options.reader(Path("site"))
    assert read("pet.image-quality", "fill", "fill.toml") == str(folder / "fill.toml")


# --- what the configuration does to an analysis ---------------------------------------------------------


def test_a_mistake_in_a_rule_stops_an_analysis(floods: Floods, tmp_path: Path) -> None:
    path = written(tmp_path, '[[rule]]\nsystem = "brivo"\ntest = "uniformity.planr"\n')
    run = call("uniformity", floods.good, "--no-record", "--config", path)
    assert run.status == 3
    assert f"{path}:3: test: there is no test" in run.said[0]


def test_the_report_has_the_head_and_the_dates_and_the_json_has_not(floods: Floods, tmp_path: Path) -> None:
    (tmp_path / "logo.svg").write_bytes(SVG)
    text = '[report]\nhospital = ["Uniklinik"]\nlogo = "logo.svg"\ndates = "de"\n'
    path = written(tmp_path, text)
    asked = ("uniformity", floods.good, "--replicates", "0", "--no-record")
    plain = call(*asked, "--pdf", tmp_path / "plain.pdf")
    headed = call(*asked, "--pdf", tmp_path / "headed.pdf", "--config", path)
    day = re.search(r"acquired +(\d{4})-\d\d-(\d\d) ", plain.text)
    assert day is not None
    assert re.search(rf"acquired +{int(day[2])}\. \w+ {day[1]}, ", headed.text)
    names = [name for name in ("plain", "headed") if "Logo" in _alternatives(tmp_path / f"{name}.pdf")]
    assert names == ["headed"]
    found = [call(*asked, "--json", *more).results[0] for more in ((), ("--config", path))]
    assert found[0]["acquired"] == found[1]["acquired"]


def _alternatives(path: Path) -> set[str]:
    import pikepdf

    with pikepdf.open(path) as file:
        found = (one.get("/Alt") for one in file.objects if isinstance(one, pikepdf.Dictionary))
        return {str(one) for one in found if one is not None}


def test_a_logo_that_is_gone_costs_the_report_alone(
    floods: Floods, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was there when the configuration was read."""
    from nmqc import config as site_config

    path = written(tmp_path, '[report]\nlogo = "logo.png"\n')
    (tmp_path / "logo.png").unlink()
    monkeypatch.setattr(site_config, "_unlike_a_logo", lambda _path: "")
    pdf = tmp_path / "report.pdf"
    run = call(
        "uniformity",
        floods.good,
        "--replicates",
        "0",
        "--no-record",
        "--json",
        "--pdf",
        pdf,
        "--config",
        path,
    )
    assert run.status == 3
    assert len(run.results) == 1
    assert "the logo logo.png cannot be read (No such file or directory)" in run.said[-1]
    assert not pdf.exists()
