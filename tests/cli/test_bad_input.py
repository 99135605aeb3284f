"""Bad input: one line that says what is wrong and what to do, status 3, and the others are still analysed."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from tests.cli.bad import BAD, Bad, unusable_here
from tests.cli.conftest import Floods
from tests.cli.running import Run, call, child, codes, finished, unprivileged

QUICK = ("--replicates", "0", "--no-record", "--json")


def uniformity(*arguments: str | Path) -> Run:
    return call("uniformity", *QUICK, *arguments)


@pytest.fixture(params=BAD)
def bad(request: pytest.FixtureRequest, floods: Floods, tmp_path: Path) -> tuple[Path, Bad]:
    if reason := unusable_here(request.param):
        pytest.skip(reason)
    case = BAD[request.param]
    return case.make(tmp_path, floods.good), case


def test_one_line_and_the_others_are_still_analysed(floods: Floods, bad: tuple[Path, Bad]) -> None:
    path, case = bad
    run = uniformity(path, floods.good)
    assert run.status == 3
    (line,) = run.said
    assert line.startswith(f"nmqc: {path.name}")
    assert re.search(case.wrong, line)
    assert [(refusal["file"], refusal["code"]) for refusal in run.refused] == [(path.name, case.code)]
    assert [result["inputs"][0]["file"] for result in run.results] == ["good.dcm"]


def test_the_line_says_what_to_do_next(bad: tuple[Path, Bad]) -> None:
    """Not only what is wrong."""
    path, case = bad
    (refusal,) = uniformity(path, path).refused[:1]
    assert re.search(case.next_step, refusal["reason"])


def test_alone(bad: tuple[Path, Bad]) -> None:
    """Nothing is left to analyse; where there is not even a file, the call itself was wrong."""
    path, _ = bad
    run = call("uniformity", *QUICK[:-1], path)
    assert run.status == (3 if path.exists() else 2)
    assert path.name in run.said[-1]
    verdicts = [line for line in run.text.splitlines() if line.startswith(("pass", "warn", "fail"))]
    assert verdicts == []


def test_identify_says_the_same(floods: Floods, bad: tuple[Path, Bad]) -> None:
    path, case = bad
    (described, good) = call("identify", path, floods.good, "--json").document["files"]
    assert described["file"] == path.name
    assert described["command"] == case.command
    assert case.command or case.code in codes(described["refused"])
    assert (good["kind"], good["command"], good["refused"]) == ("flood", "uniformity", [])


def test_all_at_once(floods: Floods, tmp_path: Path) -> None:
    """One line for each, and nothing else."""
    names = [name for name in BAD if not unusable_here(name)]
    paths = []
    for number, name in enumerate(names):
        folder = tmp_path / str(number)
        folder.mkdir()
        made = BAD[name].make(folder, floods.good)
        paths.append(made.rename(folder / f"{number}{made.suffix}") if made.exists() else made)
    run = uniformity(*paths, floods.good)
    assert sorted(codes(run.refused)) == sorted(BAD[name].code for name in names)
    assert len(run.said) == len(names)
    assert len(run.results) == 1


# --- what is no ordinary file ----------------------------------------------------------------------------


@pytest.mark.skipif(os.name != "posix", reason="a FIFO is of POSIX")
@pytest.mark.parametrize("command", ["uniformity", "identify"])
def test_a_fifo_is_not_waited_for(tmp_path: Path, floods: Floods, command: str) -> None:
    os.mkfifo(tmp_path / "fifo")
    run = finished(child(command, tmp_path / "fifo", "--json", timeout=60))
    (refused,) = run.refused if command == "uniformity" else run.document["files"][0]["refused"]
    assert (run.status, refused["code"]) == (3, "unreadable")


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
def test_permission_denied(floods: Floods) -> None:
    uniformity(floods.good)  # so that all modules are there: nobody may read no other's installation
    flood = floods.good.read_bytes()
    with unprivileged() as folder:
        for name in ("good.dcm", "secret.dcm"):
            (folder / name).write_bytes(flood)
        (folder / "secret.dcm").chmod(0)
        run = uniformity(folder / "secret.dcm", folder / "good.dcm")
        assert (run.status, codes(run.refused), len(run.results)) == (3, ["unreadable"], 1)
        assert "permission" in run.said[0]
        (folder / "locked").mkdir()
        (folder / "locked").chmod(0)
        run = uniformity(folder / "locked" / "flood.dcm")
        assert run.status in (2, 3)
        assert "flood.dcm" in run.said[-1]
        (folder / "locked").chmod(0o700)


# --- names -----------------------------------------------------------------------------------------------

NAMES = {
    "spaces": "my flood of today.dcm",
    "newline": "two\nlines.dcm",
    "escape": "red\x1b[31m.dcm",
    "unicode": "Flut äöü 漢字 🧪.dcm",
    "right to left": "flood\u202emcd.exe",
    "quotes": "a'b\"c`d$(e).dcm",
    "markup": "#strong[x] <b> [red]x.dcm",
    "formula": "=1+1.dcm",
    "long": "a" * 240 + ".dcm",
    "no suffix": "flood",
}


@pytest.mark.skipif(os.name != "posix", reason="file systems of POSIX permit these names")
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_names(floods: Floods, tmp_path: Path, name: str) -> None:
    """Shown so that they can do no harm, and in one line each."""
    path, text = tmp_path / name, tmp_path / f"text {name}"[:250]
    shutil.copy(floods.good, path)
    text.write_text("no image")
    run = uniformity(path, text)
    assert run.status == 3
    assert len(run.said) == 1
    shown = (run.results[0]["inputs"][0]["file"], run.refused[0]["file"])
    assert shown[0] == " ".join("".join(c if c.isprintable() else " " for c in name).split())
    assert shown[1].startswith("text ")
    printed = call("uniformity", *QUICK[:-1], path, text).text + call("identify", path).text
    assert printed.replace("\n", "").isprintable()


@pytest.mark.skipif(os.name != "posix", reason="file systems of POSIX permit these names")
def test_a_missing_name_does_no_harm(tmp_path: Path) -> None:
    run = call("uniformity", tmp_path / "two\nlines\x1b[31m.dcm")
    assert run.status == 2
    assert "\x1b" not in run.err
    assert run.said[-1].startswith("Error: two lines")


@pytest.mark.skipif(os.name != "posix", reason="names of bytes are of POSIX")
def test_a_name_that_is_no_text(floods: Floods, tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/\xff\xfe.dcm"
    try:
        shutil.copy(floods.good, path)
    except OSError:
        pytest.skip("this file system permits only names that are UTF-8")
    run = finished(child("uniformity", path, *QUICK))
    assert run.status == 0
    assert run.results[0]["inputs"][0]["file"] == ".dcm"
    assert finished(child("identify", path)).status == 0


def test_a_name_like_an_option(floods: Floods, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("--help", "-h", "--no-record"):
        shutil.copy(floods.good, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    run = uniformity("--", "--help", "-h", "--no-record")
    assert (run.status, run.results[0]["inputs"][0]["file"]) == (0, "--help")  # one image, given three times
    run = uniformity("./-h")
    assert (run.status, run.results[0]["inputs"][0]["file"]) == (0, "-h")


def test_a_path_of_more_than_300_characters(floods: Floods, tmp_path: Path) -> None:
    folder = tmp_path / ("b" * 150) / ("c" * 150)
    folder.mkdir(parents=True)
    shutil.copy(floods.good, folder / "flood.dcm")
    run = uniformity(folder / "flood.dcm")
    assert (run.status, run.results[0]["inputs"][0]["file"]) == (0, "flood.dcm")


def test_a_name_of_300_characters_among_others(floods: Floods, tmp_path: Path) -> None:
    run = uniformity(tmp_path / ("a" * 300), floods.good)
    assert (run.status, len(run.refused), len(run.results)) == (3, 1, 1)
