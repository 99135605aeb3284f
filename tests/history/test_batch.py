"""Chunks of a nightly run: all of one is written or nothing, twice is once, and files are known again."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nmqc.errors import HistoryUnavailable
from nmqc.history import Address, Batched, Filters, History, find_address, path_digest
from nmqc.history import schema as schema_module
from nmqc.model import Measurement, Metric, Refusal
from tests.history.conftest import Server
from tests.history.samples import a_mark, a_result, an_input, an_item, payload_of, sha

TABLES = ("results", "inputs", "measurements", "conditions", "judgements", "refusals", "files")
REFUSAL = Refusal("bars.dcm", "not_a_flood", "this is not a flood", detector=2)
REFUSED = (REFUSAL, sha("bars"), "nmqc 0.1.0", "rules")


@pytest.fixture
def history(address: Address) -> Iterator[History]:
    with History.open(address) as opened:
        yield opened


def rows(history: History) -> dict[str, list[Any]]:
    """Every row of every table that a chunk may fill, but for the time at which it was recorded."""
    found = {}
    for table in TABLES:
        table_rows = history._database.rows(f"SELECT * FROM nmqc_{table} ORDER BY 1, 2, 3")
        place = {"results": 2, "refusals": 2, "files": 12}.get(table)
        found[table] = [row if place is None else row[:place] + row[place + 1 :] for row in table_rows]
    return found


def sizes(history: History) -> dict[str, int]:
    return {table: len(found) for table, found in rows(history).items()}


# --- recording ------------------------------------------------------------------------------------------


def test_a_chunk_holds_what_the_same_calls_one_by_one_hold(history: History, tmp_path: Path) -> None:
    """Also where a chunk holds a result twice, an altered file, a refusal twice and a known result."""
    altered = a_result(3, inputs=(an_input(3, pixels="altered"),))
    two_heads = tuple((r, payload_of(r)) for r in (a_result(5, detector=1), a_result(5, detector=2)))
    items = [
        an_item(1),
        an_item(2),
        an_item(1),
        an_item(3),
        Batched(results=((altered, payload_of(altered)),)),
        Batched(refusals=(REFUSED, REFUSED, (*REFUSED[:2], "nmqc 0.2.0", "rules"))),
        Batched(results=two_heads, refusals=(REFUSED,), marks=(a_mark(5),)),
        Batched(),
    ]
    (known,) = history.record_batch(items[1:2])
    filed = history.record_batch(items)
    with History.open(find_address(str(tmp_path / "singly.sqlite"))) as singly:
        singly.record_batch(items[1:2])
        for item in items:
            recorded = [singly.record(result, payload) for result, payload in item.results]
            for refusal, digest, tool, configuration in item.refusals:
                singly.record_refusal(refusal, sha256=digest, tool=tool, configuration=configuration)
            numbers = tuple(one.number for one in recorded)
            singly.record_batch([Batched(marks=tuple(replace(m, results=numbers) for m in item.marks))])
        assert rows(history) == rows(singly)
    assert sizes(history) == {
        "results": 6, "inputs": 6, "measurements": 18, "conditions": 6, "judgements": 6, "refusals": 2, "files": 4,
    }  # fmt: skip
    assert [[(r.number, r.new) for r in one.results] for one in filed] == [
        [(2, True)], [(1, False)], [(2, False)], [(3, True)], [(4, True)], [], [(5, True), (6, True)], [],
    ]  # fmt: skip
    assert known.results[0].number == 1
    assert filed[4].results[0].same_uid_other_pixels
    assert "result 3 " in filed[4].results[0].remark.text  # type: ignore[union-attr]
    assert history.get(4).payload["remarks"][-1]["code"] == "same_uid_other_pixels"
    assert [one.refusals for one in filed[5:7]] == [(True, False, True), (False,)]


def test_a_chunk_again_adds_nothing(history: History) -> None:
    chunk = [an_item(n) for n in range(5)] + [
        Batched(refusals=(REFUSED,), marks=(a_mark(9, state="refused"),))
    ]
    first = history.record_batch(chunk)
    before = rows(history)
    again = history.record_batch(chunk)
    assert rows(history) == before
    assert [one.marks for one in again] == [one.marks for one in first]
    assert [[r.number for r in one.results] for one in again] == [
        [r.number for r in one.results] for one in first
    ]
    assert not any(r.new for one in again for r in one.results)
    assert not any(new for one in again for new in one.refusals)


def test_no_items_are_nothing(history: History) -> None:
    assert history.record_batch([]) == []
    assert (
        history.record_batch([Batched(), Batched()])
        == [replace(f) for f in history.record_batch([Batched()])] * 2
    )
    assert set(sizes(history).values()) == {0}


def test_more_than_one_query_can_ask_for(history: History) -> None:
    """Each of the queries for a chunk takes 500 values: none is lost at their borders."""
    numbers = range(1201)
    chunk = [an_item(n) for n in numbers]
    history.record_batch(chunk)
    again = history.record_batch(chunk)
    assert [one.results[0].number for one in again] == [n + 1 for n in numbers]
    marks = history.marks([a_mark(n).path for n in numbers])
    assert {mark.results for mark in marks.values()} == {(n + 1,) for n in numbers}
    altered = [a_result(n, inputs=(an_input(n, pixels="altered"),)) for n in numbers]
    filed = history.record_batch([Batched(results=((r, payload_of(r)),)) for r in altered])
    assert all(one.results[0].same_uid_other_pixels for one in filed)
    briefs = history.briefs([n + 1 for n in numbers] + [10**6])
    assert set(briefs) == {n + 1 for n in numbers}
    assert briefs[1201] == ("uniformity.planar", 1, "pass")


# --- nothing or all -------------------------------------------------------------------------------------


def test_nan_in_one_payload_costs_the_chunk_and_nothing_else(history: History) -> None:
    bad = Batched(results=((a_result(3), payload_of(a_result(3)) | {"parameters": {"x": float("nan")}}),))
    with pytest.raises(ValueError, match="JSON"):
        history.record_batch([an_item(1), bad])
    assert set(sizes(history).values()) == {0}
    assert history.record_batch([an_item(1)])[0].results[0].number == 1


def test_a_chunk_that_fails_at_its_last_row_leaves_nothing(history: History) -> None:
    history.record_batch([an_item(9)])
    before = rows(history)
    odd = Measurement(Metric("uniformity.tilt", None, "nmqc"), 1.0)  # type: ignore[arg-type]  # unit: NOT NULL
    bad = [Batched(refusals=(REFUSED,)), *(an_item(n) for n in range(8)), an_item(20, measurements=(odd,))]
    worse = [*bad[:-1], Batched(marks=(a_mark(30, state="lost"),))]
    for chunk in (bad, worse):
        with pytest.raises(HistoryUnavailable):
            history.record_batch(chunk)
        assert rows(history) == before
    history.record_batch(bad[:-1])
    assert sizes(history)["results"] == 9


def test_a_full_disk_leaves_nothing_and_the_chunk_can_be_given_again(file_address: Address) -> None:
    with History.open(file_address) as history:
        history.record_batch([an_item(0)])
        before = rows(history)
        pages = history._database.rows("PRAGMA page_count")[0][0]
        history._database.rows(f"PRAGMA max_page_count = {pages + 3}")
        chunk = [an_item(n) for n in range(100)]
        with pytest.raises(HistoryUnavailable) as refusal:
            history.record_batch(chunk)
        assert refusal.value.code == "history_full"
        assert "nothing was recorded" in refusal.value.reason
        assert rows(history) == before
        history._database.rows("PRAGMA max_page_count = 1000000")
        history.record_batch(chunk)
        assert history.count() == 100


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own of 1 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a small disk can only be mounted by root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_is_really_full(small_disk: Path) -> None:
    """Chunk after chunk until it is full: whole chunks are there; after making room it goes on where it stopped."""
    (small_disk / "other").write_bytes(b"x" * 300_000)
    address = find_address(str(small_disk / "history.sqlite"))
    chunks = [[an_item(n) for n in range(10 * c, 10 * c + 10)] for c in range(40)]
    filed: list[Any] = []
    with History.open(address) as history, pytest.raises(HistoryUnavailable) as refusal:
        filed.extend(history.record_batch(chunk) for chunk in chunks)
    done = len(filed)
    assert refusal.value.code == "history_full"
    assert 0 < done < 40
    with History.open(address, read_only=True) as history:
        assert sizes(history) == {
            "results": 10 * done, "inputs": 10 * done, "measurements": 30 * done, "conditions": 10 * done,
            "judgements": 10 * done, "refusals": 0, "files": 10 * done,
        }  # fmt: skip
        assert history._database.rows("PRAGMA integrity_check") == [("ok",)]
    (small_disk / "other").unlink()
    with History.open(address) as history:
        assert not history.record_batch(chunks[0])[0].results[0].new
        assert history.record_batch(chunks[done])[0].results[0].number == 10 * done + 1


def test_a_history_that_is_read_while_it_is_committed(file_address: Address) -> None:
    """A reader that does not end holds the commit up, the last moment at which a chunk can fail."""
    with History.open(file_address) as history:
        history.record_batch([an_item(0)])
    reader = sqlite3.connect(file_address.target, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM nmqc_results").fetchone()
    chunk = [an_item(n) for n in range(20)]
    with History.open(file_address, timeout_s=0.2) as history:
        with pytest.raises(HistoryUnavailable) as refusal:
            history.record_batch(chunk)
        assert refusal.value.code == "history_locked"
        assert "try again" in refusal.value.reason
        assert reader.execute("SELECT COUNT(*) FROM nmqc_results").fetchone() == (1,)
        reader.execute("ROLLBACK")
        assert history.count() == 1
        history.record_batch(chunk)
        assert history.count() == 20
    reader.close()


def test_a_folder_that_becomes_read_only_in_between(
    open_folder: Path, as_ordinary_user: Callable[[], AbstractContextManager[None]]
) -> None:
    open_folder.chmod(0o777)
    with as_ordinary_user():
        history = History.open(find_address(str(open_folder / "history.sqlite")))
        history.record_batch([an_item(0)])
    open_folder.chmod(0o555)
    with as_ordinary_user(), history:
        with pytest.raises(HistoryUnavailable) as refusal:
            history.record_batch([an_item(0), an_item(1)])
        assert refusal.value.code in ("history_read_only", "history_no_permission")
        assert "permission" in refusal.value.reason
        assert history.count() == 1
        assert not history.record_batch([an_item(0)])[0].results[0].new  # known: nothing to write


def test_a_history_opened_for_reading(address: Address) -> None:
    with History.open(address) as history:
        first = history.record_batch([an_item(1)])
    with History.open(address, read_only=True) as history:
        (known,) = history.record_batch([an_item(1)])
        assert known.marks == first[0].marks
        for new in (an_item(2), Batched(marks=(a_mark(1),)), Batched(refusals=(REFUSED,))):
            with pytest.raises(HistoryUnavailable) as refusal:
                history.record_batch([new])
            assert refusal.value.code == "history_read_only"
        assert sizes(history)["files"] == 1


def test_a_server_that_goes_away_in_the_middle(server: Server) -> None:
    address = find_address(server.url(server.new_database()))
    chunk = [an_item(n) for n in range(20)]
    with History.open(address) as history, History.open(address) as other:
        history.record_batch(chunk[:1])
        me = history._database.rows("SELECT pg_backend_pid()")[0][0]
        run_each = history._database.run_each

        def cut(statement: str, values: Any) -> None:
            run_each(statement, values)
            other._database.rows("SELECT pg_terminate_backend(?)", (me,))

        history._database.run_each = cut  # type: ignore[method-assign]
        with pytest.raises(HistoryUnavailable) as refusal:
            history.record_batch(chunk)
        assert refusal.value.code == "history_unreachable"
        assert sizes(other)["results"] == 1
    with History.open(address) as history:
        history.record_batch(chunk)
        assert sizes(history) == {
            "results": 20, "inputs": 20, "measurements": 60, "conditions": 20, "judgements": 20, "refusals": 0,
            "files": 20,
        }  # fmt: skip


# --- marks ----------------------------------------------------------------------------------------------


def test_a_mark_comes_back_as_it_was(history: History) -> None:
    marks = [
        a_mark(1),
        a_mark(
            2, state="unknown", code="not_dicom", reason="Größe ≥ 5 %, {} %s ? \\", group=sha("g"), sha256=""
        ),
        a_mark(
            3, state="refused", code="truncated", reason="cut off", modified_ns=-1, size=0, configuration=""
        ),
    ]
    (filed,) = history.record_batch([Batched(marks=tuple(marks))])
    assert filed.marks == tuple(marks)
    assert history.marks() == {mark.path: mark for mark in marks}
    assert history.marks([marks[1].path, sha("elsewhere")]) == {marks[1].path: marks[1]}
    assert history.marks([]) == {}


def test_text_that_no_database_can_keep(history: History) -> None:
    odd = a_mark(1, state="refused", code="odd", reason="half \ud800 of a pair, \0")
    for _ in range(2):
        history.record_batch([Batched(marks=(odd,))])
    assert history.marks()[odd.path].reason == "half ? of a pair, \ufffd"
    assert sizes(history)["files"] == 1


def test_the_latest_mark_of_a_path_counts_and_the_earlier_stay(history: History) -> None:
    first, second = a_mark(1, state="unknown", code="other"), a_mark(1, size=5)
    for mark in (first, a_mark(2), second):
        history.record_batch([Batched(marks=(mark,))])
    assert history.marks() == {first.path: second, a_mark(2).path: a_mark(2)}
    assert history.marks([first.path]) == {first.path: second}
    assert sizes(history)["files"] == 3
    history.record_batch([Batched(marks=(first,))])  # as it was before: an older row does not count
    assert history.marks()[first.path] == first
    assert sizes(history)["files"] == 4


@pytest.mark.parametrize("field", [f for f in a_mark().__slots__ if f not in ("path", "results")])
def test_a_mark_that_differs_in_anything_is_a_new_one(file_address: Address, field: str) -> None:
    value = {"size": 7, "modified_ns": 7, "state": "refused"}.get(field, "other")
    with History.open(file_address) as history:
        for mark in (a_mark(1), a_mark(1, **{field: value})):
            history.record_batch([Batched(marks=(mark,))])
        assert sizes(history)["files"] == 2


def test_the_numbers_of_the_results_are_filled_in(history: History) -> None:
    """Each mark of an acquisition gets all of its results, and keeps those that it had."""
    history.record_batch([an_item(8), an_item(9)])
    results = tuple((r, payload_of(r)) for r in (a_result(1, detector=d) for d in (1, 2)))
    marks = (a_mark(1, group=sha("pair")), a_mark(2, group=sha("pair"), results=(2, 3)))
    (filed,) = history.record_batch([Batched(results=results, marks=marks)])
    assert [mark.results for mark in filed.marks] == [(3, 4), (2, 3, 4)]
    assert [history.marks()[mark.path] for mark in marks] == list(filed.marks)


def test_a_path_is_known_by_a_digest_alone(history: History, tmp_path: Path, monkeypatch: Any) -> None:
    """The same file by another spelling is the same path; nothing of the path is kept."""
    named = tmp_path / "Müller^Anna" / "IM0001"
    named.parent.mkdir()
    monkeypatch.chdir(named.parent)
    spellings = [named, "IM0001", "./IM0001", "../Müller^Anna/IM0001", str(named)]
    assert len({path_digest(spelling) for spelling in spellings}) == 1
    assert path_digest(named) == hashlib.sha256(os.fsencode(str(named))).hexdigest()
    assert path_digest(named) != path_digest(named.parent)
    history.record_batch([Batched(marks=(a_mark(1, path=path_digest(named)),))])
    assert "Müller" not in str(rows(history))


# --- what is known of a file ----------------------------------------------------------------------------


def test_traces_of_a_file(history: History) -> None:
    copy = a_mark(7, sha256=a_mark(1).sha256, results=(1,))
    old = a_mark(1, sha256=sha("as it was"), state="refused", code="truncated")
    refused = (REFUSAL, a_mark(1).sha256, "nmqc 0.1.0", "")
    history.record_batch([Batched(marks=(old,))])
    history.record_batch([replace(an_item(1), refusals=(refused,)), an_item(2), Batched(marks=(copy,))])
    found = history.traces(a_mark(1).path, a_mark(1).sha256)
    whole = replace(a_mark(1), results=(1,))
    assert [one.mark for one in found.marks] == [whole, copy]
    assert [one.number for one in found.marks] == [2, 4]
    assert found.marks[0].recorded.endswith("Z")
    assert [entry.number for entry in found.results] == [1]
    assert [(one.code, one.detector) for one in found.refusals] == [("not_a_flood", 2)]
    gone = history.traces(a_mark(1).path, "")
    assert gone == found
    changed = history.traces(a_mark(1).path, sha("new bytes"))
    assert ([one.mark for one in changed.marks], changed.results, changed.refusals) == ([whole], (), ())
    elsewhere = history.traces(sha("elsewhere"), a_mark(1).sha256)
    assert elsewhere == found
    nothing = history.traces(sha("elsewhere"), "")
    assert (nothing.marks, nothing.results, nothing.refusals) == ((), (), ())


def test_traces_of_a_file_that_was_not_read(history: History) -> None:
    """Files without a hash of their bytes have nothing in common."""
    history.record_batch([Batched(marks=(a_mark(1, sha256="", code="x"), a_mark(2, sha256="")))])
    assert [one.mark.code for one in history.traces(a_mark(1).path, "").marks] == ["x"]


# --- a history of the first schema ----------------------------------------------------------------------

#: SHA-256 of the statements of the steps that were released: they can never be changed again
RELEASED = {
    "sqlite": (
        "e01057d9a411761e1d6d7e8e676ac446fd3e2aadbc6945f7762c904f1db5fffe",
        "35662f26a252738fa513d43eee6ab533d8480f0b512979782f471e9b78f75848",
        "e340f8e30d649106e88da0e70c5f0a8dd1f985591d8509eb83a4763986d18359",
        "43c2f316cc150a1ab6c6f00d739230f9fc60e9b17b21585eec480c1f8bb3bb9d",
    ),
    "postgresql": (
        "47d0d2a58f2c85ab56c13520e0ae5b9c043f8eb6a3dc59e5f81c77863f954c0c",
        "a62aa627af3a7306bebd1b350cba6fd82b5e618880835e62125d1cabfda94508",
        "9b0bf7524556cd40fa9b7bc33409c19d6dc503445d0db21931e6e9f7669ef813",
        "472a35853dbbf4793b7c943af4c05a9a036a492f4b7eaf88a823c41c13628676",
    ),
}


@pytest.mark.parametrize("engine", RELEASED)
def test_a_step_that_was_released_stays_as_it_is(engine: str) -> None:
    steps = [";".join(" ".join(one.split()) for one in step()) for step in schema_module.STEPS[engine]]
    assert tuple(sha(statements) for statements in steps)[: len(RELEASED[engine])] == RELEASED[engine]


_OBJECT = (
    '{{"test": "{0}", "algorithm": "{0}/1", "inputs": [], "system": {{}}, "parameters": {{}}, "measurements": [], '
    '"not_measured": [], "remarks": []}}'
)
OLD_ROWS = {
    "schema": [(1, "2026-11-16T07:15:02Z", "0.1.0")],
    "results": [
        (1, sha("key 1"), "2026-11-16T07:15:02Z", "0.1.0", "uniformity.planar", "uniformity.planar/1", "intevo",
         "NM-1", 2, "99m Technetium", "2026-11-16T07:12:00", "pass", "LEHR", "Tc-99m",
         _OBJECT.format("uniformity.planar")),
        (2, sha("key 2"), "2026-11-17T07:15:02Z", "0.1.0", "resolution.bars", "resolution.bars/1", "brivo",
         "NM-2", None, None, None, "unjudged", "NONE", "", _OBJECT.format("resolution.bars")),
    ],
    "inputs": [(1, sha("uid"), sha("pixels"), sha("bytes")), (2, None, sha("bars"), sha("bars"))],
    "measurements": [(1, 0, "uniformity.tilt", "", -1.25e-17, "%", None, "pass")],
    "events": [(1, 1, "excluded", "leak", "2026-11-18T07:15:02Z", "0.1.0")],
    "refusals": [
        (1, sha("key"), "2026-11-16T07:15:02Z", "0.1.0", sha("x"), "x.dcm", None, None, "not_dicom", "no DICOM",
         "nmqc 0.1.0", ""),
    ],
}  # fmt: skip


@pytest.fixture
def old(address: Address) -> Address:
    """A history as the first version left it."""
    with _raw(address) as run:
        for statement in schema_module.STEPS[address.engine][0]():
            run(statement, ())
        for table, table_rows in OLD_ROWS.items():
            for row in table_rows:
                run(f"INSERT INTO nmqc_{table} VALUES ({', '.join('?' for _ in row)})", row)
    return address


def _raw(address: Address) -> Any:
    from contextlib import contextmanager

    @contextmanager
    def opened() -> Iterator[Callable[[str, Any], list[Any]]]:
        if address.engine == "sqlite":
            connection: Any = sqlite3.connect(address.target, isolation_level=None)
            place = "?"
        else:
            import psycopg

            connection, place = psycopg.connect(address.target, autocommit=True), "%s"

        def run(statement: str, values: Any) -> list[Any]:
            cursor = connection.execute(statement.replace("?", place), values)
            return list(cursor.fetchall()) if cursor.description else []

        yield run
        connection.close()

    return opened()


def old_rows(address: Address) -> dict[str, list[Any]]:
    with _raw(address) as run:
        return {table: run(f"SELECT * FROM nmqc_{table} ORDER BY 1, 2, 3", ()) for table in OLD_ROWS}


def test_a_history_of_the_first_schema_is_upgraded_when_it_is_written(old: Address) -> None:
    assert old_rows(old) == OLD_ROWS
    with pytest.raises(HistoryUnavailable, match="with this version") as refusal:
        History.open(old, read_only=True)
    assert refusal.value.code == "history_older"
    assert "nmqc batch" in refusal.value.reason
    assert old_rows(old) == OLD_ROWS  # looking changed nothing
    with History.open(old) as history:
        assert history.get(1).excluded == "leak"
        assert [r.code for r in history.refusals()] == ["not_dicom"]
        assert history.marks() == {}
        filed = history.record_batch([an_item(1), Batched(refusals=(REFUSED,))])
        assert filed[0].results[0].number == 3
        assert filed[0].marks[0].results == (3,)
    after = old_rows(old)
    assert after["schema"][0] == OLD_ROWS["schema"][0]
    assert [row[0] for row in after["schema"]] == [1, 2, 3, 4]
    for table in OLD_ROWS:
        assert after[table][: len(OLD_ROWS[table])] == OLD_ROWS[table], table
    with History.open(old, read_only=True) as history:
        assert history.count(Filters(excluded=False)) == 2
        assert [entry.number for entry in history.traces(sha("elsewhere"), sha("bytes")).results] == [1]


def test_an_upgrade_that_is_cut_off_can_be_done_again(old: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = schema_module.STEPS[old.engine]
    cut = (steps[0], lambda: (*steps[1](), "no statement at all"))
    with monkeypatch.context() as patch:
        patch.setitem(schema_module.STEPS, old.engine, cut)
        with pytest.raises(HistoryUnavailable):
            History.open(old)
    assert old_rows(old) == OLD_ROWS
    with History.open(old) as history:
        history.record_batch([an_item(1)])


def test_an_upgrade_by_one_who_may_only_append_says_who_can(server: Server) -> None:
    import psycopg

    database = server.new_database()
    address = find_address(server.url(database))
    with _raw(address) as run:
        for statement in schema_module.STEPS["postgresql"][0]():
            run(statement, ())
        run("INSERT INTO nmqc_schema VALUES (?, ?, ?)", OLD_ROWS["schema"][0])
    with psycopg.connect(address.target, autocommit=True) as owner:
        owner.execute(f"CREATE ROLE clerk_{database} LOGIN")
        owner.execute(f"GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO clerk_{database}")
    clerk = find_address(server.url(database).replace("user=nmqc", f"user=clerk_{database}"))
    with pytest.raises(HistoryUnavailable) as refusal:
        History.open(clerk)
    assert refusal.value.code == "history_no_permission"
    assert "owner" in refusal.value.reason
    History.open(address).close()
    with pytest.raises(HistoryUnavailable) as refusal, History.open(clerk) as history:
        history.record_batch([an_item(1)])  # the new table needs its own grant
    assert refusal.value.code == "history_no_permission"
    with psycopg.connect(address.target, autocommit=True) as owner:
        for table in ("files", "conditions", "judgements"):
            owner.execute(f"GRANT SELECT, INSERT ON nmqc_{table} TO clerk_{database}")
    with History.open(clerk) as history:
        assert history.record_batch([an_item(1)])[0].results[0].new
