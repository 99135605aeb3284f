"""A history whose bytes were changed: found, said in one line with the next step, and never written over."""

from __future__ import annotations

import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from nmqc.history import Batched, History, find_address
from nmqc.history.care import back_up, problems
from tests.cli.running import ROOT, Run, call, environment
from tests.history.samples import a_result, payload_of

RESULTS = 60
SEED = 20261123
READING = (
    ("history", "list"),
    ("history", "list", "--json"),
    ("history", "show", "30"),
    ("history", "export", "--csv", "-"),
    ("history", "export", "--json", "-"),
    ("trend",),
    ("trend", "--json"),
)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("good") / "history.sqlite"
    with History.open(find_address(str(path))) as history:
        results = [a_result(number) for number in range(1, RESULTS + 1)]
        history.record_batch([Batched(results=tuple((one, payload_of(one)) for one in results))])
        history.exclude(7, "leak")
    return path


@pytest.fixture
def db(good: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(good, tmp_path / "history.sqlite"))


def overwritten(content: bytes) -> bytes:
    at = len(content) // 2
    return content[:at] + b"\xee" * 5000 + content[at + 5000 :]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "overwritten in the middle": overwritten,
    "cut": lambda content: content[: len(content) // 2 // 4096 * 4096],
    "cut within a page": lambda content: content[: len(content) * 2 // 3 + 100],
    "zeros at the end": lambda content: content[: len(content) // 2] + bytes(len(content) // 2),
    "no database": lambda _: b"Dear colleague,\n" * 400,
    "zeros": lambda content: bytes(len(content)),
    "first page": lambda content: content[:100] + bytes(3996) + content[4096:],
}


def said(run: Run) -> str:
    """The one line that tells what is wrong and what to do."""
    (line,) = (one for one in run.said if one.startswith("nmqc: "))
    assert any(words in line for words in ("put its last copy back", "choose another", "--db"))
    return line


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_history_is_found_and_left_as_it_is(
    damage: str, db: Path, flood: Path, tmp_path: Path
) -> None:
    db.write_bytes(DAMAGES[damage](db.read_bytes()))
    before = db.read_bytes()
    run = call("history", "check", "--db", db)
    assert run.status == 3
    said(run)
    kept = tmp_path / "copy.sqlite"
    kept.write_bytes(b"an earlier copy")
    run = call("history", "backup", kept, "--force", "--db", db)
    assert run.status == 3
    said(run)
    assert kept.read_bytes() == b"an earlier copy"
    assert db.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir() if path not in (db, kept)] == []


@pytest.mark.parametrize("damage", ["overwritten in the middle", "cut", "no database", "zeros", "first page"])
def test_the_numbers_are_told_where_they_cannot_be_recorded(damage: str, db: Path, flood: Path) -> None:
    db.write_bytes(DAMAGES[damage](db.read_bytes()))
    before = db.read_bytes()
    run = call("uniformity", flood, "--replicates", "0", "--db", db, "--json")
    assert len(run.results) == 2
    if run.status == 3:
        assert said(run).startswith("nmqc: not recorded: ")
        assert db.read_bytes() == before
    else:  # the damage is where recording neither reads nor writes
        assert call("history", "check", "--db", db).status == 3


def test_a_history_of_no_bytes_is_a_new_one(db: Path) -> None:
    """As SQLite leaves a file that was made and never written; nothing is lost by writing into it."""
    db.write_bytes(b"")
    run = call("history", "check", "--db", db)
    assert (run.status, "nothing is recorded" in run.err) == (3, True)


def test_wherever_bytes_change_it_is_found_or_changes_nothing(good: Path, tmp_path: Path) -> None:
    """At random places in the file: no command tells a number that was not recorded without `check` knowing."""
    chance, content = random.Random(SEED), good.read_bytes()
    (count, nothing), truth = problems(find_address(str(good))), _told(good)
    assert (count, nothing) == (RESULTS, [])
    found = 0
    for number in range(60):
        db = tmp_path / f"{number}.sqlite"
        at, length = chance.randrange(100, len(content) - 600), chance.choice([1, 8, 64, 512])
        db.write_bytes(content[:at] + chance.randbytes(length) + content[at + length :])
        run = call("history", "check", "--db", db)
        assert run.status in (0, 3)
        assert "Traceback" not in run.err
        found += run.status == 3
        assert run.status == 3 or _told(db) == truth, (at, length)
        for command in READING if number < 30 else ():
            assert "Traceback" not in (ran := call(*command, "--db", db)).err
            assert ran.status in (0, 3)
    assert (
        found > 20
    )  # the rest was in free space, in indices that are rebuilt, or in words that stand there once


def _told(db: Path) -> list[tuple[object, ...]]:
    """What results and measurements say."""
    with sqlite3.connect(db) as opened:
        asked = (
            "SELECT number, test, algorithm, verdict, acquired FROM nmqc_results ORDER BY number",
            'SELECT result, name, "of", value, unit, uncertainty FROM nmqc_measurements ORDER BY result, position',
            "SELECT number, result, event FROM nmqc_events",
        )
        found = [row for one in asked for row in opened.execute(one).fetchall()]
    opened.close()
    return found


def test_a_row_that_was_changed_by_another_program_is_found(db: Path) -> None:
    """A valid file, whose guards somebody took away to make a failed flood pass."""
    with sqlite3.connect(db) as opened:
        opened.execute("DROP TRIGGER nmqc_measurements_no_update")
        opened.execute("UPDATE nmqc_measurements SET value = 1.0 WHERE result = 30 AND position = 0")
        opened.execute("DROP TRIGGER nmqc_events_no_delete")
        opened.execute("DELETE FROM nmqc_events")
    opened.close()
    _, found = problems(find_address(str(db)))
    assert found == [
        "nmqc_events_no_delete: this guard against changes is missing",
        "nmqc_measurements_no_update: this guard against changes is missing",
        "result 30: its stored object and its rows do not agree",
    ]


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("results", "system_unit = 'NM-2' WHERE number = 30"),
        ("results", "detector = 2 WHERE number = 30"),
        ("results", "energy_window = 'I-131' WHERE number = 30"),
        ("results", "collimator = 'MEGP' WHERE number = 30"),
        ("results", "nuclide = 'I-131' WHERE number = 30"),
        ("inputs", "sha256 = 'f00' WHERE result = 30"),
        ("conditions", "setting = 'f00' WHERE result = 30"),
        ("conditions", "counts = 1.0 WHERE result = 30"),
        ("judgements", "fail_high = 50.0 WHERE result = 30"),
        ("judgements", "floor_mean = NULL WHERE result = 30"),
    ],
)
def test_what_a_trend_reads_is_held_against_the_stored_object(db: Path, table: str, change: str) -> None:
    with sqlite3.connect(db) as opened:
        opened.execute(f"DROP TRIGGER nmqc_{table}_no_update")
        assert opened.execute(f"UPDATE nmqc_{table} SET {change}").rowcount > 0
    opened.close()
    _, found = problems(find_address(str(db)))
    assert found[1:] == ["result 30: its stored object and its rows do not agree"]


def test_judgements_that_vanished_are_missed(db: Path) -> None:
    with sqlite3.connect(db) as opened:
        for table in ("conditions", "judgements"):
            opened.execute(f"DROP TRIGGER nmqc_{table}_no_delete")
        opened.execute("DELETE FROM nmqc_judgements WHERE result = 30")
        opened.execute("DELETE FROM nmqc_conditions WHERE result = 31")
    opened.close()
    _, found = problems(find_address(str(db)))
    assert found[2:] == [
        f"result {number}: its stored object and its rows do not agree" for number in (30, 31)
    ]


# --- copies ---------------------------------------------------------------------------------------------


def test_a_copy_holds_everything(db: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy.sqlite"
    run = call("history", "backup", target, "--db", db)
    assert (run.status, run.text) == (0, f"{target}: {RESULTS} results\n")
    assert _told(target) == _told(db)
    assert call("history", "check", "--db", target).text == f"{target}: whole, {RESULTS} results\n"
    assert call("history", "backup", target, "--db", db).status == 0  # an earlier copy is replaced


def test_a_copy_is_whole_while_another_program_records(tmp_path: Path) -> None:
    db, code = (
        tmp_path / "history.sqlite",
        (
            "import sys, time\nfrom nmqc.history import History, find_address\n"
            "from tests.history.samples import a_result, payload_of\n"
            "with History.open(find_address(sys.argv[1])) as history:\n"
            "    for number in range(10**6):\n"
            "        history.record(a_result(number), payload_of(a_result(number)))\n"
            "        print(number, flush=True)\n"
            "        time.sleep(0.02)\n"
        ),
    )
    writer = subprocess.Popen(
        [sys.executable, "-c", code, str(db)], stdout=subprocess.PIPE, env=environment(), cwd=ROOT, text=True
    )
    try:
        assert writer.stdout is not None
        counts = []
        for number in range(3):
            while int(writer.stdout.readline()) < 20 * number:
                pass
            target = tmp_path / f"{number}.sqlite"
            counts.append(back_up(find_address(str(db)), target))
            assert problems(find_address(str(target))) == (counts[-1], [])
    finally:
        writer.kill()
        writer.communicate()
    assert counts == sorted(counts)
    assert counts[-1] > counts[0] > 0


def test_nothing_that_is_worth_more_is_replaced(good: Path, db: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.sqlite"
    with History.open(find_address(str(other))) as history:
        history.record(a_result(1), payload_of(a_result(1)))
    text = tmp_path / "letter.txt"
    text.write_text("Dear colleague")
    for target, words in (
        (db, "holds 60 results and the history 1"),
        (text, "no earlier copy"),
        (other, "itself"),
    ):
        before = target.read_bytes()
        run = call("history", "backup", target, "--db", other)
        assert (run.status, words in run.err) == (3, True)
        assert target.read_bytes() == before
    assert call("history", "backup", text, "--db", other, "--force").text == f"{text}: 1 results\n"


def test_a_copy_of_a_server_is_made_by_its_own_program() -> None:
    run = call("history", "backup", "x.sqlite", "--db", "postgresql://user:secret@server/qc")
    assert (run.status, "pg_dump" in run.err, "secret" in run.err) == (3, True, False)
