"""The site's program is told once for each change, whatever it does, and nothing it does stops anything."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from nmqc.batch import notify as notifying
from nmqc.batch.notify import Notified, notify

WRONG, WORSE = "a" * 64, "b" * 64
DOCUMENT = '{"schema": "nmqc.batch/1", "items": [{"reason": "zu wenig Zählimpulse"}]}'
KEEPS = "import sys; open(sys.argv[1], 'ab').write(sys.stdin.buffer.read() + b'\\n')"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "history.sqlite.batch-state"


def program(code: str, *arguments: str | Path) -> list[str]:
    return [sys.executable, "-c", code, *map(str, arguments)]


def told(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def test_each_change_is_told_once_and_the_end_of_it_too(tmp_path: Path, place: Path) -> None:
    letters = tmp_path / "letters"
    command = program(KEEPS, letters)
    states = ["", WRONG, WRONG, WORSE, WORSE, WRONG, "", "", WRONG]
    answers = [notify(command, f"{number} {DOCUMENT}", place, state) for number, state in enumerate(states)]
    assert [one.told for one in answers] == [False, True, False, True, False, True, True, False, True]
    assert all(one.problem == "" for one in answers)
    assert told(letters) == [f"{number} {DOCUMENT}" for number in (1, 3, 5, 6, 8)]


def test_arguments_are_given_as_they_are_and_no_shell_reads_them(tmp_path: Path, place: Path) -> None:
    odd = ["a b", "$HOME", "; touch x", "*", "", "'\""]
    code = "import sys; open(sys.argv[1], 'w').write(repr(sys.argv[2:]))"
    assert notify(program(code, tmp_path / "seen", *odd), DOCUMENT, place, WRONG).told
    assert (tmp_path / "seen").read_text() == repr(odd)


def test_what_failed_is_told_again(tmp_path: Path, place: Path) -> None:
    fails = program("import sys; print('no such\\x1b[31m mailbox\\nmore', file=sys.stderr); sys.exit(3)")
    first = notify(fails, DOCUMENT, place, WRONG)
    name = Path(sys.executable).name
    assert first == Notified(
        False, f"on_problem: {name} ended with status 3 (no such?[31m mailbox): it will be told again"
    )
    assert not place.exists()
    assert notify(program(KEEPS, tmp_path / "letters"), DOCUMENT, place, WRONG).told


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["/nowhere/tell", "secret"], "tell cannot be run (No such file or directory)"),
        ([os.sep], "cannot be run (Permission denied)"),
        (["a\0b"], "a?b cannot be run (embedded null byte)"),
    ],
    ids=["missing", "folder", "null"],
)
def test_a_program_that_cannot_be_run_is_one_line(place: Path, command: list[str], words: str) -> None:
    answer = notify(command, DOCUMENT, place, WRONG)
    assert not answer.told
    assert words in answer.problem
    assert "\n" not in answer.problem
    assert "secret" not in answer.problem


def test_a_program_that_does_not_read_is_no_failure(place: Path) -> None:
    """More than a pipe holds: nobody waits for the program to read it."""
    assert notify(program("pass"), "x" * 1_000_000, place, WRONG) == Notified(True)


def test_what_it_prints_is_kept_from_our_output(place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code = "import sys; print('{}'); print('chatter', file=sys.stderr)"
    assert notify(program(code), DOCUMENT, place, WRONG) == Notified(True)
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(sys.platform == "win32", reason="groups of processes and flock are of POSIX")
def test_a_program_that_hangs_is_ended_with_what_it_started(
    tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The grandchild holds a lock, which the system gives back when it is gone."""
    import fcntl

    monkeypatch.setattr(notifying, "LONGEST_S", 3.0)
    held = tmp_path / "held"
    grandchild = (
        "import fcntl, sys, time; f = open(sys.argv[1], 'w'); fcntl.flock(f, fcntl.LOCK_EX);"
        "f.write('held'); f.flush(); time.sleep(600)"
    )
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', *sys.argv[1:]])"
    answer = notify(program(code, grandchild, held), DOCUMENT, place, WRONG)
    assert answer.problem.endswith("was ended after 3 s: it will be told again")
    assert held.read_text() == "held"
    with held.open() as file:
        for _ in range(1000):  # until the system has taken it away
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(0.01)
        else:
            pytest.fail("what the program started is still there")


def test_a_state_that_cannot_be_kept_is_said_and_told_again(tmp_path: Path) -> None:
    place = tmp_path / "no folder" / "state"
    letters = tmp_path / "letters"
    for count in (1, 2):
        answer = notify(program(KEEPS, letters), DOCUMENT, place, WRONG)
        assert answer.told
        assert answer.problem == (
            f"on_problem: {place} cannot be written (No such file or directory): it will be told again"
        )
        assert len(told(letters)) == count


@pytest.mark.parametrize("content", [b"\xff\xfe", b"x" * 10_000, b"\0"], ids=["bytes", "long", "null"])
def test_a_state_file_that_is_damaged_is_told_and_mended(tmp_path: Path, place: Path, content: bytes) -> None:
    place.write_bytes(content)
    assert notify(program(KEEPS, tmp_path / "letters"), DOCUMENT, place, "").told
    assert place.read_bytes() == b"\n"
    assert not notify(program(KEEPS, tmp_path / "letters"), DOCUMENT, place, "").told
    assert sorted(path.name for path in tmp_path.iterdir()) == [place.name, "letters"]


def test_a_folder_in_the_place_of_the_state_stops_nothing(tmp_path: Path, place: Path) -> None:
    place.mkdir()
    answer = notify(program(KEEPS, tmp_path / "letters"), DOCUMENT, place, WRONG)
    assert answer.told
    assert "cannot be written" in answer.problem
