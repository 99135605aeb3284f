"""`nmqc push qatrack`, against a server of our own."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nmqc.history import History, find_address
from nmqc.model import EnergyWindow
from tests.cli.running import Run, call
from tests.history.samples import a_result, an_input, payload_of
from tests.neighbours.qatrack_fake import INSIDE, TOKEN, QaTrack, running

IU1, IU2 = "uniformity_integral_ufov_d1", "uniformity_integral_ufov_d2"
LIST = {IU1: "simple", IU2: "simple", "looks_well": "boolean", "sum": "composite"}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[QaTrack]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("QATRACK_TOKEN", TOKEN)
    with running(QaTrack(tests=dict(LIST))) as state:
        yield state


@pytest.fixture
def db(tmp_path: Path) -> Path:
    """Three days of two heads, the second day excluded, a camera more, and a result without a date."""
    path = tmp_path / "h.sqlite"
    results = [
        a_result(day, detector=head, unit="Gamma 2", inputs=(an_input(day),))
        for day in (1, 2, 3)
        for head in (1, 2)
    ]
    results += [a_result(4, unit="Gamma 3"), a_result(5, unit="Gamma 2", acquired=None, acquired_from=None)]
    with History.open(find_address(f"sqlite:///{path}")) as history:
        for result in results:
            history.record(result, payload_of(result))
        for number in (3, 4):
            history.exclude(number, "source leaked")
    return path


def push(server: QaTrack, db: Path, *options: str, **changed: str) -> Run:
    asked = {
        "--url": server.address,
        "--token-env": "QATRACK_TOKEN",
        "--unit": "Gamma 2",
        "--test": "uniformity.planar",
        "--test-list": "NM daily flood",
        "--db": str(db),
    } | {f"--{name.replace('_', '-')}": value for name, value in changed.items()}
    run = call("push", "qatrack", *(word for pair in asked.items() for word in pair), *options)
    assert TOKEN not in run.text + run.err
    return run


def test_two_days_become_two_sessions(server: QaTrack, db: Path) -> None:
    run = push(server, db, "--json")
    assert (run.status, run.err) == (0, "")
    assert [one["status"] for one in run.document["sessions"]] == ["pushed", "pushed"]
    assert [one["acquired"][:10] for one in run.document["sessions"]] == ["2026-11-04", "2026-11-02"]
    first, second = server.sessions
    assert first["user_key"] == f"nmqc:uniformity.planar:{an_input(3).sha256}"
    assert first["tests"][IU1]["value"] == 2.3 + 1 / 3
    assert first["tests"]["looks_well"]["skipped"] is True
    assert first["unit_test_collection"] == f"{INSIDE}/qa/unittestcollections/327/"
    assert second["work_started"] == "2026-11-02T07:12:01"


def test_a_second_run_sends_nothing(server: QaTrack, db: Path) -> None:
    push(server, db)
    run = push(server, db, "--json")
    assert run.status == 0
    assert [one["status"] for one in run.document["sessions"]] == ["already_there"] * 2
    assert len(server.sessions) == 2
    assert sum(method == "POST" for method, _, _ in server.asked) == 2


def test_a_session_that_arrived_meanwhile(server: QaTrack, db: Path) -> None:
    """Between the look and the post another run has sent it: the server's refusal of the key says so."""
    push(server, db, "--last", "1")
    hidden = server.sessions[0]["user_key"]
    server.broken = lambda _method, path: (
        (200, b'{"count": 0, "next": null, "results": []}', {}) if f"user_key={hidden[:4]}" in path else None
    )
    run = push(server, db, "--last", "1", "--json")
    assert run.status == 0
    assert [one["status"] for one in run.document["sessions"]] == ["already_there"]
    assert len(server.sessions) == 1


def test_a_dry_run_posts_nothing(server: QaTrack, db: Path) -> None:
    run = push(server, db, "--dry-run")
    assert run.status == 0
    assert f"sent: {IU1}, {IU2}" in run.text
    assert "skipped: looks_well" in run.text
    assert {method for method, _, _ in server.asked} == {"GET"}
    assert [one["status"] for one in push(server, db, "--dry-run", "--json").document["sessions"]] == [
        "would_push"
    ] * 2


def test_the_latest_alone(server: QaTrack, db: Path) -> None:
    assert len(push(server, db, "--last", "1", "--json").document["sessions"]) == 1
    assert len(push(server, db, "--last", "0", "--json").document["sessions"]) == 2


def test_one_head_to_a_list_with_names_of_its_own(server: QaTrack, db: Path) -> None:
    server.tests = {"iu": "simple"}
    run = push(server, db, "--detector", "2", "--macro", f"iu={IU2}", "--last", "1", "--json")
    assert run.status == 0
    (session,) = server.sessions
    assert session["tests"]["iu"]["value"] == 2.3 + 1 / 3
    assert session["user_key"].endswith(":d2")


@pytest.mark.parametrize("left_out", ["excluded", "detector"])
def test_a_window_that_is_left_out_gives_its_macro_to_no_other(
    server: QaTrack, tmp_path: Path, left_out: str
) -> None:
    """The values of the upper window do not go to the tests of the lower one."""
    db, other = tmp_path / "h.sqlite", 2 if left_out == "detector" else 1
    low, high = (
        EnergyWindow(name, (ends,)) for name, ends in (("I", (143.0, 175.0)), ("In", (220.0, 270.0)))
    )
    with History.open(find_address(f"sqlite:///{db}")) as history:
        for detector, window in ((other, low), (1, high)):
            result = a_result(
                1, detector=detector, energy_window=window, unit="Gamma 2", inputs=(an_input(1),)
            )
            history.record(result, payload_of(result))
        if left_out == "excluded":
            history.exclude(1, "source leaked")
    server.tests = {IU1: "simple", f"{IU1}_w2": "simple"}
    (session,) = push(server, db, "--detector", "1", "--json").document["sessions"]
    assert (session["status"], session["results"]) == ("pushed", [2])
    assert (session["sent"], session["skipped"]) == ([f"{IU1}_w2"], [IU1])


def test_the_token_goes_to_the_address_that_was_typed(server: QaTrack, db: Path) -> None:
    """The server calls itself by a name that nobody could ask, as behind a proxy."""
    push(server, db)
    assert {authorisation for _, _, authorisation in server.asked} == {f"Token {TOKEN}"}


def test_pages_are_followed(server: QaTrack, db: Path) -> None:
    """A server that ignores the filter gives all sessions, one to a page: ours is on the last."""
    push(server, db, "--last", "1")
    server.page, server.deaf = 1, True
    server.sessions[:0] = [{"user_key": "other"}, {"user_key": None}]
    (session,) = push(server, db, "--last", "1", "--json").document["sessions"]
    assert session["status"] == "already_there"
    assert session["url"].endswith("/details/1/")


# --- what goes wrong ------------------------------------------------------------------------------------


def refusal(run: Run) -> str:
    assert run.status == 3
    (reason,) = run.document["refused"]
    assert reason["reason"] in run.err
    return str(reason["code"])


def test_a_bad_token(server: QaTrack, db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QATRACK_TOKEN", "wrong-token")
    run = push(server, db, "--json")
    assert refusal(run) == "qatrack_unauthorized"
    assert "wrong-token" not in run.text + run.err


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"qatrack_unit": "Gamma 9"}, "knows no unit Gamma 9"),
        ({"test_list": "Monthly"}, "has no active test list Monthly"),
    ],
)
def test_a_unit_or_list_that_is_not_there(
    server: QaTrack, db: Path, changed: dict[str, str], words: str
) -> None:
    run = push(server, db, "--json", **changed)
    assert refusal(run) == "qatrack_no_such_list"
    assert words in run.err


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ((403, b'{"detail": "You do not have permission"}', {}), "qatrack_forbidden"),
        ((404, b"<h1>Not Found</h1>", {}), "qatrack_other_server"),
        ((500, b"Traceback ... Token " + TOKEN.encode(), {}), "qatrack_error"),
        ((200, b"<html>login</html>", {}), "qatrack_other_server"),
        ((200, b"[1, 2]", {}), "qatrack_other_server"),
        ((200, b'{"count": 0}', {}), "qatrack_other_server"),
        ((302, b"", {"Location": "http://127.0.0.1:9/api/"}), "qatrack_redirect"),
    ],
)
def test_answers_that_are_of_no_use(
    server: QaTrack, db: Path, answer: tuple[int, bytes, dict[str, str]], code: str
) -> None:
    server.broken = lambda _method, _path: answer
    assert refusal(push(server, db, "--json")) == code
    assert len(server.asked) == 1  # there is no use in asking again


def test_a_server_that_fails_at_the_post_is_not_asked_for_the_next(server: QaTrack, db: Path) -> None:
    server.broken = lambda method, _path: (500, b"", {}) if method == "POST" else None
    assert refusal(push(server, db, "--json")) == "qatrack_error"
    assert sum(method == "POST" for method, _, _ in server.asked) == 1


def test_a_refused_session_stops_no_other(server: QaTrack, db: Path) -> None:
    broken = iter([(400, b'{"tests": ["bad \\u001b[31m data for ' + TOKEN.encode() + b'"]}', {})])
    server.broken = lambda method, _path: next(broken, None) if method == "POST" else None
    run = push(server, db, "--json")
    assert run.status == 3
    assert [one["status"] for one in run.document["sessions"]] == ["refused", "pushed"]
    first = run.document["sessions"][0]
    assert first["code"] == "qatrack_refused"
    assert "bad" in first["reason"]


def test_a_server_that_does_not_answer(server: QaTrack, db: Path) -> None:
    def wait(method: str, path: str) -> Any:
        time.sleep(0.6)

    server.broken = wait
    assert refusal(push(server, db, "--json", "--timeout", "0.2")) == "qatrack_timeout"


def test_nobody_there(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QATRACK_TOKEN", TOKEN)
    with running(QaTrack()) as gone:
        pass
    assert refusal(push(gone, db, "--json")) == "qatrack_unreachable"


def test_a_list_without_a_test_of_ours(server: QaTrack, db: Path) -> None:
    server.tests = {"dose": "simple"}
    run = push(server, db, "--json")
    assert run.status == 3
    assert {one["code"] for one in run.document["sessions"]} == {"no_macro_fits"}
    assert server.sessions == []


def test_nothing_recorded(server: QaTrack, db: Path) -> None:
    assert refusal(push(server, db, "--json", unit="Gamma 8", qatrack_unit="Gamma 2")) == "no_results"


@pytest.mark.parametrize(
    "options",
    [
        ("--macro", "iu"),
        ("--macro", "a b=c"),
        ("--token-file", __file__),  # both: which holds?
    ],
)
def test_wrong_usage(server: QaTrack, db: Path, options: tuple[str, ...]) -> None:
    assert push(server, db, *options).status == 2
    assert server.asked == []


def test_a_token_that_was_typed_for_its_name(server: QaTrack, db: Path) -> None:
    """Somebody writes the token itself: it is not repeated."""
    assert push(server, db, token_env=TOKEN).status == 2


def test_a_token_in_a_file(server: QaTrack, db: Path, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    words = ["push", "qatrack", "--url", server.address, "--token-file", str(path), "--unit", "Gamma 2"]
    words += ["--test", "uniformity.planar", "--test-list", "NM daily flood", "--db", str(db), "--json"]
    run = call(*words)
    assert run.status == 0
    assert json.loads(run.text)["sessions"][0]["status"] == "pushed"
