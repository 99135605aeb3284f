"""What happened in a period, as the lists of the trend report: the latest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nmqc.report.trend_words import dated, day, detector, number, quantity

Json = dict[str, Any]

MOST_LISTED, MOST_TOGETHER = 10, 3


def lists(test: Json, language: str) -> tuple[list[Json], list[Json]]:
    """Return what happened in the period, in two columns: what the trend says, and what happened to results."""
    series = test["series"]
    trends = {"Changes": _changes(series), "Notices of the rules": _notices(series)}
    results = {
        "Out of limits": _special(series, "fail"),
        "Excluded results": _special(series, "excluded"),
        "Left out of the trend": _special(series, "left_out"),
        "Stated baselines": _stated(series),
    }
    return _titled(trends, language), _titled(results, language)


def _titled(found: Mapping[str, list[tuple[str, str]]], language: str) -> list[Json]:
    return [
        {
            "title": title,
            "rows": [
                ("" if at is None else day(at, language), dated(words, language)) for at, words in _cut(rows)
            ],
        }
        for title, rows in found.items()
        if rows
    ]


def _cut(rows: list[tuple[str, str]]) -> list[tuple[str | None, str]]:
    ordered = sorted(rows, reverse=True)
    more = len(ordered) - MOST_LISTED
    cut: list[tuple[str | None, str]] = [*ordered[:MOST_LISTED]]
    return [*cut, (None, f"and {more} earlier: see the attached JSON")] if more > 0 else cut


def _of(one: Json) -> str:
    return ", ".join(part for part in (detector(one), quantity(one)) if part)


def _changes(series: Sequence[Json]) -> list[tuple[str, str]]:
    """Return the steps, those of one day and detector together."""
    found: dict[tuple[str, int | None], list[str]] = {}
    for one in series:
        for change in one["changes"]:
            before, after = (number(change[name], one) for name in ("before", "after"))
            words = f"{quantity(one)} {before} to {after} {one['unit']}".rstrip()
            found.setdefault((change["acquired"], one["detector"]), []).append(words)
    return [(at, _together(detector({"detector": head}), words)) for (at, head), words in found.items()]


def _together(head: str, words: Sequence[str]) -> str:
    more = f" and {len(words) - MOST_TOGETHER} more" if len(words) > MOST_TOGETHER else ""
    return f"{head}: {'; '.join(words[:MOST_TOGETHER])}{more}".removeprefix(": ")


def _notices(series: Sequence[Json]) -> list[tuple[str, str]]:
    found = []
    for one in series:
        for notice in one["notices"]:
            until = "it lasts" if notice["until"] is None else f"over by {notice['until'][:10]}"
            found.append((notice["acquired"], f"{_of(one)}: {notice['text']} ({notice['rule']}; {until})"))
    return found


def _special(series: Sequence[Json], what: str) -> list[tuple[str, str]]:
    """Return the results that are out of limits, excluded, or left out of the trend: one line each."""
    found: dict[tuple[str, int | None], list[str]] = {}
    for one in series:
        points = one["points"]
        reasons = points["excluded" if what == "fail" else what]
        for at, value, verdict, reason in zip(
            points["acquired"], points["value"], points["verdict"], reasons, strict=True
        ):
            if what != "fail" and reason is not None:
                found.setdefault((at, one["detector"]), []).append(reason)
            elif what == "fail" and verdict == "fail" and reason is None:
                found.setdefault((at, one["detector"]), []).append(
                    f"{quantity(one)} {number(value, one)} {one['unit']}".rstrip()
                )
    return [
        (at, _together(detector({"detector": head}), list(dict.fromkeys(words))))
        for (at, head), words in found.items()
    ]


def _stated(series: Sequence[Json]) -> list[tuple[str, str]]:
    """Return the stated baselines, each once."""
    found = {
        (base["first"][:10], f"{base['kind']}, to {base['last'][:10]}: {base['note']}")
        for one in series
        for base in one["baselines"]
        if base["source"] == "stated"
    }
    return sorted(found)
