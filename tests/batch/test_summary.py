"""What is told of a pass: by the schema, with the right status, one line for each thing to look at."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nmqc.batch.summary import Brief, Night, Told
from nmqc.model import Verdict
from tests.cli.running import validator

OVERDUE = {
    "unit": "Gamma 2",
    "test": "uniformity.planar",
    "last": None,
    "due": "2026-11-16",
    "days_late": 2,
}


def told(
    verdict: Verdict | None = None, state: str = "analysed", code: str = "", name: str = "a.dcm"
) -> Told:
    results = () if verdict is None else (Brief("uniformity.planar", 2, verdict, 12),)
    return Told((name,), "flood", state, results, code, "the reason" if code else "")  # type: ignore[arg-type]


STATUSES: list[tuple[list[Told], int, int]] = [
    ([], 0, 0),
    ([told("pass")], 0, 0),
    ([told("unjudged")], 0, 0),
    ([told("warn")], 0, 4),
    ([told("fail")], 4, 4),
    ([told("pass", code="no_counts")], 3, 3),
    ([told(state="refused", code="truncated")], 3, 3),
    ([told(state="unknown", code="not_dicom")], 0, 0),
    ([told("fail"), told(state="refused", code="truncated")], 4, 4),
    ([told("fail", "already_done")], 0, 0),
    ([told("warn", "already_done")], 0, 0),
    ([told(state="already_done", code="truncated")], 0, 0),
    ([told(state="pending")], 0, 0),
]


@pytest.mark.parametrize(("items", "usual", "strict"), STATUSES)
def test_the_status_is_that_of_this_run(items: list[Told], usual: int, strict: int) -> None:
    night = Night(tuple(items))
    assert (night.status(), night.status(strict=True)) == (usual, strict)


def test_a_problem_is_status_3_and_never_hides_a_failure() -> None:
    assert Night((told("pass"),), ("the disk is full",)).status() == 3
    assert Night((told("fail"),), ("the disk is full",)).status() == 4
    assert Night((), (), (OVERDUE,)).status() == 0


ALL = (
    told("pass"),
    told("fail", name="b.dcm"),
    told("warn", name="c.dcm"),
    told(state="refused", code="truncated", name="d.dcm"),
    told(state="unknown", code="not_dicom", name="e.txt"),
    told("fail", "already_done", name="f.dcm"),
    told(state="pending", name="g.dcm"),
    told("pass", code="no_counts", name="h.dcm"),
)


def test_the_document_is_by_its_schema_and_its_counts_are_its_items() -> None:
    document = Night(ALL, ("a problem",), (OVERDUE,)).document()
    validator("nmqc.batch/1").validate(document)
    assert document["found"] == len(document["items"]) == 8
    counts = ("analysed", "already_done", "unknown", "refused", "pending")
    assert {name: document[name] for name in counts} == {
        "analysed": 4,
        "already_done": 1,
        "unknown": 1,
        "refused": 1,
        "pending": 1,
    }
    assert document["failed_limits"] == 1  # of this run
    assert sum(document[name] for name in counts) == document["found"]
    first = document["items"][0]
    assert (first["code"], first["reason"], first["verdict"]) == (None, None, "pass")
    assert first["results"] == [
        {"test": "uniformity.planar", "detector": 2, "verdict": "pass", "history": 12}
    ]


def test_one_line_for_each_thing_to_look_at() -> None:
    lines = Night(ALL, ("a problem",), (OVERDUE,)).lines()
    assert lines == [
        "b.dcm: uniformity.planar, detector 2: fail (nmqc history show 12)",
        "c.dcm: uniformity.planar, detector 2: warn (nmqc history show 12)",
        "d.dcm: the reason",
        "h.dcm: the reason",
        "overdue: Gamma 2, uniformity.planar, due 2026-11-16 (none recorded)",
        "a problem",
    ]
    assert all("\n" not in line for line in lines)


def test_many_files_are_not_all_named_in_a_line() -> None:
    series = replace(told(state="refused", code="one_slice"), files=tuple(f"{n:03d}" for n in range(89)))
    assert Night((series,)).lines() == ["000 and 88 more: the reason"]
    assert Night((replace(series, files=("a", "b")),)).lines() == ["a, b: the reason"]


def test_the_worst_verdict_is_that_of_an_acquisition() -> None:
    verdicts: tuple[Verdict, ...] = ("unjudged", "pass", "warn", "fail")
    for worst in range(1, 5):
        results = tuple(Brief("t", n, verdict, n) for n, verdict in enumerate(verdicts[:worst]))
        assert Told(("a",), "flood", "analysed", results[::-1]).verdict == verdicts[worst - 1]
    assert Told(("a",), "flood", "unknown").verdict is None


def test_the_state_changes_with_what_is_wrong_and_with_nothing_else() -> None:
    assert Night((told("pass"), told("warn"), told(state="pending"))).state() == ""
    nights: list[dict[str, Any]] = [
        {"told": (told("fail"),)},
        {"told": (told("fail", name="b.dcm"),)},
        {"told": (told(state="refused", code="truncated"),)},
        {"told": (), "problems": ("a problem",)},
        {"told": (), "overdue": (OVERDUE,)},
    ]
    states = [Night(**night).state() for night in nights]
    assert len(set(states) - {""}) == len(states)
    # the next morning the same failure is an old one, and another day late: nothing new
    assert Night((told("fail", "already_done"),)).state() == states[0]
    assert Night((), (), (OVERDUE | {"days_late": 3},)).state() == states[4]
    pair = (told("fail"), told("fail", name="b.dcm"))
    assert Night(pair).state() == Night(pair[::-1]).state()


def test_the_sentence_counts_what_there_is() -> None:
    assert Night(()).sentence() == "0 found"
    assert Night(ALL, (), (OVERDUE,)).sentence() == (
        "8 found, 4 analysed, 1 done before, 1 to do, 1 unknown, 1 refused, 1 out of limits, 1 overdue"
    )
