"""`nmqc baseline` and `nmqc event`, as they are typed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nmqc.history import History, find_address
from tests.cli.running import ROOT, Run, call
from tests.history.samples import INTEGRAL, an_item

REFUSED, USAGE = 3, 2
SET = ("baseline", "set", "--kind", "service", "--note", "PMT 23 replaced")


@pytest.fixture(autouse=True)
def db(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """A history of two heads of one camera over 25 days, and of one flood of another."""
    place = str(tmp_path / "history.sqlite")
    monkeypatch.setenv("NMQC_DB", place)
    monkeypatch.delenv("NMQC_CONFIG", raising=False)
    monkeypatch.setattr("platformdirs.user_config_dir", lambda *_, **__: str(tmp_path / "none"))
    with History.open(find_address(place)) as history:
        for head in (1, 2):
            history.record_batch(
                [
                    an_item(100 * head + day, acquired=f"2026-10-{day:02d}T07:12:00", detector=head)
                    for day in range(1, 26)
                ]
            )
        history.record_batch([an_item(900, unit="Gamma 2", name="brivo", acquired="2026-10-03T07:12:00")])
    return place


def done(*arguments: str) -> Run:
    run = call(*arguments)
    assert run.status == 0, run.err
    return run


def test_set_list_and_end_a_baseline() -> None:
    whole = done(*SET, "--system", "intevo", "--from", "2026-10-02", "--to", "2026-10-11").text
    assert whole.splitlines() == [
        "baseline 1: NM-1, from 2026-10-02 to 2026-10-11, service: PMT 23 replaced",
        "  uniformity.planar, detector 1: 10 valid results so far (frozen from 20 on)",
        "  uniformity.planar, detector 2: 10 valid results so far (frozen from 20 on)",
    ]
    narrow = ("--test", "uniformity.planar", "--metric", INTEGRAL.name, "--detector", "2")
    opened = done(*SET, "--unit", "NM-1", "--from", "2026-10-05 07:00", *narrow).text
    assert opened.splitlines() == [
        "baseline 2: NM-1, uniformity.planar, uniformity.integral.ufov, detector 2, the first 20 valid results from "
        "2026-10-05 07:00 on, service: PMT 23 replaced",
        "  uniformity.planar, detector 2: 20 valid results so far",
    ]
    assert "already" in done(*SET, "--system", "intevo", "--from", "2026-10-02", "--to", "2026-10-11").text
    assert done("baseline", "end", "1", "--note", "wrong span").text == "baseline 1 no longer holds\n"
    assert "already" in done("baseline", "end", "1", "--note", "wrong span").text
    listed = done("baseline", "list").text
    assert listed.split()[:2] == ["(1)", "NM-1,"]
    assert "no longer: wrong span" in " ".join(listed.split())
    assert max(len(line) for line in listed.splitlines()) <= 80


def test_a_baseline_that_waits_and_none_at_all() -> None:
    assert "first 20 valid results" in done("baseline", "list").text
    assert done("event", "list").text == "no event is kept\n"
    assert "waits for the first" in done(*SET, "--unit", "Gamma 2", "--from", "2026-10-04").text


def test_the_lists_as_json() -> None:
    done(*SET, "--unit", "NM-1", "--from", "2026-10-02", "--to", "2026-10-11")
    done(*SET, "--unit", "Gamma 2", "--from", "2026-10-02T07:00", "--detector", "1")
    done("baseline", "end", "2", "--note", "wrong")
    done(
        "event", "add", "--unit", "NM-1", "--date", "2026-10-20 14:30", "--text", "=1+1", "--kind", "software"
    )
    done("event", "add", "--unit", "Gamma 2", "--date", "2026-10-03", "--text", "x")
    done("event", "withdraw", "2", "--note", "no")
    first, second = done("baseline", "list", "--json").document["baselines"]
    assert (first["from"], first["to"], first["test"], first["detector"], first["ended"]) == (
        "2026-10-02",
        "2026-10-11",
        None,
        None,
        None,
    )
    assert (second["to"], second["detector"], second["ended"]) == (None, 1, "wrong")
    assert [
        one["number"] for one in done("baseline", "list", "--unit", "brivo", "--json").document["baselines"]
    ] == [2]
    events = done("event", "list", "--json").document["events"]
    assert [(one["number"], one["unit"], one["withdrawn"]) for one in events] == [
        (2, "Gamma 2", "no"),
        (1, "NM-1", None),
    ]
    assert (events[1]["date"], events[1]["text"], events[1]["kind"]) == (
        "2026-10-20T14:30",
        "=1+1",
        "software",
    )


def test_an_event_is_kept_once() -> None:
    add = ("event", "add", "--system", "intevo", "--date", "2026-10-20", "--text", "PMT 23 replaced")
    assert done(*add).text == "event 1: 2026-10-20, NM-1, service: PMT 23 replaced\n"
    assert "already" in done(*add).text
    assert done("event", "list", "--unit", "NM-1").text.split()[0] == "1"
    assert done("event", "withdraw", "1", "--note", "other camera").text == "event 1 is withdrawn\n"
    assert "already" in done("event", "withdraw", "1", "--note", "other camera").text
    assert "(1)" in done("event", "list").text


def test_a_baseline_across_an_event_is_said_on_standard_error() -> None:
    done("event", "add", "--unit", "NM-1", "--date", "2026-10-05", "--text", "PMT\x1b[31m 23")
    run = done(*SET, "--unit", "NM-1", "--from", "2026-10-02", "--to", "2026-10-11")
    (line,) = run.said
    assert "event 1 (2026-10-05, service: PMT" in line
    assert "two states" in line
    assert "\x1b" not in run.text + run.err + done("event", "list").text
    assert len(done("baseline", "list", "--json").document["baselines"]) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((*SET, "--unit", "NM-7", "--from", "2026-10-02"), "the history knows Gamma 2, NM-1"),
        ((*SET, "--unit", "NM-1", "--from", "2099-10-02"), "future"),
        (
            (*SET, "--unit", "NM-1", "--from", "2020-10-02", "--to", "2020-11-01"),
            "from 2026-10-01 to 2026-10-25",
        ),
        (("baseline", "end", "4", "--note", "x"), "nmqc baseline list"),
        (("baseline", "list", "--unit", "NM-7"), "NM-1"),
        (("event", "add", "--unit", "NM-7", "--date", "2026-10-02", "--text", "x"), "Gamma 2, NM-1"),
        (("event", "add", "--unit", "NM-1", "--date", "2099-10-02", "--text", "x"), "2099-10-02"),
        (("event", "withdraw", "4", "--note", "x"), "nmqc event list"),
    ],
    ids=lambda given: " ".join(given[:2]) if isinstance(given, tuple) else "",
)
def test_what_makes_no_sense_is_one_line(arguments: tuple[str, ...], words: str) -> None:
    run = call(*arguments)
    assert (run.status, run.out) == (REFUSED, b"")
    (line,) = run.said
    assert words in line


@pytest.mark.parametrize(
    "arguments",
    [
        ("baseline", "set", "--unit", "NM-1", "--from", "2026-10-02", "--note", "x"),
        ("baseline", "set", "--unit", "NM-1", "--kind", "tune", "--note", "x"),
        (*SET, "--unit", "NM-1", "--from", "2026-10"),
        (*SET, "--unit", "NM-1", "--from", "2026-10-32"),
        (*SET, "--from", "2026-10-02"),
        (*SET, "--unit", "NM-1", "--from", "2026-10-02", "--kind", "party"),
        ("event", "add", "--unit", "NM-1", "--text", "x"),
        ("event", "add", "--unit", "NM-1", "--date", "tomorrow", "--text", "x"),
    ],
    ids=lambda given: " ".join(given[-2:]),
)
def test_wrong_usage(arguments: tuple[str, ...]) -> None:
    assert call(*arguments).status == USAGE


@pytest.mark.parametrize("command", ["baseline", "event"])
def test_a_list_that_cannot_be_had_is_an_object_with_the_reason(command: str, tmp_path: Path) -> None:
    run = call(command, "list", "--json", "--db", str(tmp_path / "none.sqlite"))
    assert run.status == REFUSED
    (refused,) = run.refused
    assert refused["code"] == "history_missing"
    assert run.document[f"{command}s"] == []


@pytest.mark.parametrize("command", ["baseline", "event"])
def test_nothing_heavy_is_imported(command: str, db: str) -> None:
    done(*SET, "--unit", "NM-1", "--from", "2026-10-02")
    done("event", "add", "--unit", "NM-1", "--date", "2026-10-03", "--text", "x")
    program = (
        "import sys; from nmqc.cli import run; run(sys.argv[1:]); sys.stderr.write(' '.join(sys.modules))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program, command, "list"], env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "NM-1" in ran.stdout
    imported = set(ran.stderr.split())
    assert imported & {"numpy", "pydicom", "scipy", "matplotlib", "rich", "psycopg"} == set()


@pytest.mark.parametrize("command", ["baseline", "event"])
def test_help_shows_examples(command: str) -> None:
    below = {"baseline": ["set", "list", "end"], "event": ["add", "list", "withdraw"]}[command]
    for arguments in ([], *([one] for one in below)):
        out = done(command, *arguments, "--help").text
        assert f"nmqc {command}" in out.split("Usage:")[1].split("\n", 1)[1]
        assert max(len(line) for line in out.splitlines()) <= 80
