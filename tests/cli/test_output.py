"""What reaches the terminal, the pipe and the file: columns, colours, encodings."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from nmqc.report.terminal import columns
from tests.cli.conftest import Floods
from tests.cli.running import Run, call, child, environment, finished

QUICK = ("--rebin", "2", "--replicates", "0", "--no-record")
ESCAPE = "\x1b"


@pytest.mark.parametrize("name", ["good", "weak", "windows", "few"])
def test_text_fits_80_columns(floods: Floods, tmp_path: Path, name: str) -> None:
    (tmp_path / ("a" * 200)).write_text("no image")
    run = call("uniformity", getattr(floods, name), tmp_path / ("a" * 200), *QUICK)
    too_long = [line for line in run.text.splitlines() if columns(line) > 80]
    assert too_long == []
    assert len(run.text.splitlines()) > 20


def test_no_colour_where_the_output_is_no_terminal(floods: Floods) -> None:
    assert ESCAPE not in call("uniformity", floods.weak, *QUICK).text


def at_a_terminal(width: int, *arguments: str | Path, **settings: str) -> str:
    """What a person sees at a terminal of so many columns."""
    import fcntl
    import pty
    import termios

    master, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    command = [sys.executable, "-m", "nmqc", *map(str, arguments)]
    env = environment(**{"TERM": "xterm-256color", **settings})
    process = subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, env=env)
    os.close(terminal)
    seen = bytearray()
    try:
        while piece := os.read(master, 65536):
            seen += piece
    except OSError:  # Linux says so where the other end is closed
        pass
    process.wait()
    os.close(master)
    return seen.decode("utf-8").replace("\r\n", "\n")


@pytest.mark.skipif(os.name != "posix", reason="terminals are those of POSIX")
class TestTerminal:
    def test_colour(self, floods: Floods) -> None:
        seen = at_a_terminal(80, "uniformity", floods.good, *QUICK)
        assert ESCAPE in seen
        assert "integral uniformity" in seen
        assert "Traceback" not in seen

    @pytest.mark.parametrize("settings", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
    def test_no_colour_where_it_is_not_wanted(self, floods: Floods, settings: dict[str, str]) -> None:
        seen = at_a_terminal(80, "uniformity", floods.good, *QUICK, **settings)
        assert "uniformity" in seen
        assert ESCAPE not in seen

    def test_width(self, floods: Floods) -> None:
        """A terminal that is narrower than 80 columns."""
        seen = at_a_terminal(64, "uniformity", floods.weak, *QUICK, NO_COLOR="1")
        assert [line for line in seen.splitlines() if columns(line) > 64] == []
        assert max(columns(line) for line in seen.splitlines()) > 56


# --- encodings -------------------------------------------------------------------------------------------

ENCODINGS = {
    "cp1252": {"PYTHONIOENCODING": "cp1252"},
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "C locale": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}


@pytest.fixture(params=ENCODINGS)
def encoded(
    request: pytest.FixtureRequest, floods: Floods, tmp_path: Path
) -> tuple[dict[str, str], Path, Path]:
    """The settings, a flood and a bad file, with names that no old encoding holds."""
    flood, text = tmp_path / "Fluß 漢字.dcm", tmp_path / "kein Bild 漢字.dcm"
    shutil.copy(floods.good, flood)
    text.write_text("no image")
    return environment(**ENCODINGS[request.param]), flood, text


def test_text_in_an_old_encoding(encoded: tuple[dict[str, str], Path, Path]) -> None:
    env, flood, text = encoded
    process = child("uniformity", flood, text, *QUICK, env=env)
    run = finished(process)
    assert run.status == 3
    assert len(run.said) == 1
    words = process.stdout.decode("ascii")  # a stand-in for each sign, not a question mark for some of them
    assert "+/-" in words
    assert "<=5" in words


def test_json_is_utf_8_in_every_encoding(encoded: tuple[dict[str, str], Path, Path]) -> None:
    env, flood, text = encoded
    run = finished(child("uniformity", flood, text, *QUICK, "--json", env=env))
    assert run.status == 3
    names = (run.results[0]["inputs"][0]["file"], run.refused[0]["file"])
    if "PYTHONIOENCODING" in env:  # in the C locale a name beyond ASCII is no text
        assert names == ("Fluß 漢字.dcm", "kein Bild 漢字.dcm")


def test_other_commands_in_an_old_encoding(floods: Floods, tmp_path: Path) -> None:
    env, flood, db = environment(PYTHONIOENCODING="cp1252"), tmp_path / "Fluß 漢字.dcm", tmp_path / "h.sqlite"
    shutil.copy(floods.good, flood)
    call("uniformity", flood, "--replicates", "0", "--db", db)
    for arguments in (("identify", flood), ("history", "show", "1", "--db", db)):
        run = finished(child(*map(str, arguments), env=env))
        assert (run.status, run.err) == (0, "")
    listed = finished(child("history", "list", "--db", str(db), "--json", env=env))
    assert listed.document["entries"][0]["result"]["inputs"][0]["file"] == "Fluß 漢字.dcm"


def test_the_same_text_in_a_file_as_in_a_pipe(floods: Floods, tmp_path: Path) -> None:
    with (tmp_path / "out.txt").open("wb") as file:
        child("limits", stdout=file)
    piped: Run = finished(child("limits"))
    assert (tmp_path / "out.txt").read_bytes() == piped.out
