"""The site's configuration as the commands use it."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pikepdf
import pytest

from tests.cli.conftest import Floods
from tests.cli.running import call

QUICK = ("--replicates", "0")
PERSON = "Mueller^Hannelore"


@pytest.fixture
def discreet(tmp_path: Path) -> Path:
    """A configuration that shows no file names."""
    path = tmp_path / "nmqc.toml"
    path.write_text("show_file_names = false\n")
    return path


def named(folder: Path, floods: Floods) -> list[Path]:
    """A good, an unreadable and a missing file, each with the name of a person."""
    good, text, missing = (folder / f"{PERSON} {what}.dcm" for what in ("good", "text", "missing"))
    shutil.copy(floods.good, good)
    text.write_text("no image")
    return [good, text, missing]


def test_no_file_name_is_shown_or_kept(floods: Floods, tmp_path: Path, discreet: Path) -> None:
    files, db, out = named(tmp_path, floods), tmp_path / "h.sqlite", tmp_path / "report.pdf"
    options = (*QUICK, "--config", discreet, "--db", db)
    printed = [call("uniformity", *files, *options, "--json", "--pdf", out)]
    digest = printed[0].results[0]["inputs"][0]["sha256"]
    assert printed[0].results[0]["inputs"][0]["file"] == digest[:12]
    assert [refusal["code"] for refusal in printed[0].refused] == ["not_dicom", "missing"]
    printed += [
        call("uniformity", *files, *options),  # known already: that is said on standard error
        call("uniformity", *files, *options, "--quiet"),
        call("uniformity", files[0], *QUICK, "--config", discreet, "--db", tmp_path),  # cannot be recorded
        call("identify", *files, "--config", discreet),
        call("identify", *files, "--config", discreet, "--json"),
        call("history", "list", "--db", db),
        call("history", "show", "1", "--db", db),
        call("history", "export", "--csv", "-", "--db", db),
        call("history", "export", "--json", "-", "--db", db),
    ]
    assert all(run.status in (0, 3) for run in printed)
    for run in printed:
        assert "Mueller" not in run.text + run.err
    for path in tmp_path.glob("h.sqlite*"):
        assert b"Mueller" not in path.read_bytes()
    assert b"Mueller" not in out.read_bytes()
    with pikepdf.open(out) as file:
        (name,) = file.attachments
        attached = file.attachments[name].get_file().read_bytes()
    assert b"Mueller" not in attached
    assert json.loads(attached)["results"][0]["inputs"][0]["file"] == digest[:12]


def test_a_single_missing_file_is_not_named_either(tmp_path: Path, discreet: Path) -> None:
    run = call("uniformity", tmp_path / f"{PERSON}.dcm", "--config", discreet)
    assert run.status == 2
    assert "Mueller" not in run.err


def test_file_names_are_shown_else(floods: Floods, tmp_path: Path) -> None:
    """That the name can be found where it is looked for above."""
    run = call("uniformity", *named(tmp_path, floods), *QUICK, "--db", tmp_path / "h.sqlite")
    assert run.text.count("Mueller") >= 3
    assert run.err.count("Mueller") == 2
    assert b"Mueller" in (tmp_path / "h.sqlite").read_bytes()


def test_history_is_by_camera(floods: Floods, tmp_path: Path) -> None:
    site = tmp_path / "nmqc.toml"
    cameras = (("Gamma 1", "intevo"), ("Gamma 2", "brivo"))
    site.write_text("".join(f'[[system]]\nunit = "{unit}"\nmodel = "{model}"\n' for unit, model in cameras))
    call("uniformity", floods.heads, floods.good, *QUICK, "--config", site)
    found = call("history", "list", "--unit", "Gamma 2", "--json").document
    assert [entry["result"]["inputs"][0]["file"] for entry in found["entries"]] == ["good.dcm"]
    assert call("history", "list", "--unit", "Gamma 1", "--json").document["found"] == 2


def test_the_configuration_is_found_by_its_variable(
    floods: Floods, tmp_path: Path, discreet: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NMQC_CONFIG", str(discreet))
    (described,) = call("identify", floods.good, "--json").document["files"]
    assert re.fullmatch("[0-9a-f]{12}", described["file"])
    monkeypatch.setenv("NMQC_CONFIG", str(tmp_path / "missing.toml"))
    assert call("identify", floods.good).status == 3


MISTAKES = 'show_file_names = "no"\nsytsem = 1\n[[system]]\nunit = "NM-1"\n'


@pytest.mark.parametrize("command", ["uniformity", "identify"])
def test_every_mistake_stops_the_command(floods: Floods, tmp_path: Path, command: str) -> None:
    site = tmp_path / "nmqc.toml"
    site.write_text(MISTAKES)
    run = call(command, floods.good, "--config", site)
    assert (run.status, run.out) == (3, b"")
    for words in ("show_file_names", "sytsem", "unit_id"):
        assert words in run.err
    assert "Traceback" not in run.err


def test_json_is_there_also_where_the_configuration_is_wrong(floods: Floods, tmp_path: Path) -> None:
    """Standard output holds exactly one object, also with status 3."""
    site = tmp_path / "nmqc.toml"
    site.write_text(MISTAKES)
    run = call("uniformity", floods.good, "--config", site, "--json")
    assert run.status == 3
    assert run.document["results"] == []


def test_a_password_is_never_shown(floods: Floods, tmp_path: Path) -> None:
    site = tmp_path / "nmqc.toml"
    site.write_text('database = "postgresql://nmqc:s3cret@127.0.0.1:1/qc"\n')
    run = call("uniformity", floods.good, *QUICK, "--config", site, "--json")
    assert run.status == 3
    assert len(run.results) == 1
    assert "s3cret" not in run.err + run.text
    (line,) = run.said
    assert line.startswith("nmqc: not recorded: ")
