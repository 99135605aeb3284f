"""The trend report as one page of HTML that holds all it needs: it works offline and asks nothing of any server."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from html import escape
from pathlib import Path
from typing import Any

from nmqc.errors import NmqcError
from nmqc.report import wording
from nmqc.report.axes import EPOCH
from nmqc.report.header import Header
from nmqc.report.pdf import AUTHOR, save
from nmqc.report.trend import worth_a_chart
from nmqc.report.trend_words import STATE_WORDS, TWO_VERDICTS, dated, day, heading, image_words, row, subtitle

Json = dict[str, Any]

_FOLDER = Path(__file__).parent
_BEGINNING = f'<meta name="generator" content="{AUTHOR.partition(" ")[0]} '
#: as much of a file is looked at to know whether it is ours
_LOOKED_AT = 1000
#: verdict -> its letter
_LETTERS = {"pass": "p", "warn": "w", "fail": "f", "unjudged": "u"}


def write_page(path: Path, document: Json, header: Header | None = None, *, force: bool = False) -> None:
    """Write the page, whole or not at all.

    Raises
    ------
    NmqcError
        If a file that is no such page is there and `force` is not given, or the file cannot be written.
    """
    check_page(path, force=force)
    save(path, build_page(document, header).encode())


def check_page(path: Path, *, force: bool = False) -> None:
    """Make sure, before any work, that a page may be written there.

    Raises
    ------
    NmqcError
        If the folder is missing, or a file is there that is no such page and `force` is not given.
    """
    if not path.resolve().parent.is_dir():
        raise NmqcError("cannot_write", f"{path}: its folder does not exist: make it first")
    if path.exists() and not force and not _is_ours(path):
        raise NmqcError(
            "file_exists", f"{path} is no earlier page of nmqc: give another name, or --force to replace it"
        )


def _is_ours(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return _BEGINNING.encode() in file.read(_LOOKED_AT)
    except OSError as problem:
        raise NmqcError(
            "cannot_write", f"{path} cannot be read ({problem.strerror}): give another name"
        ) from None


def build_page(document: Json, header: Header | None = None) -> str:
    """Return the page of an object of `nmqc.trend/1`."""
    header = header or Header()
    text = json.dumps(_data(document, header), ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    page = (_FOLDER / "trend.html").read_text(encoding="utf-8")
    script = (_FOLDER / "trend.js").read_text(encoding="utf-8")
    page = page.replace("@AUTHOR@", escape(AUTHOR)).replace("@SCRIPT@", script)
    return page.replace("@DATA@", text.replace("<", "\\u003c"))


def _data(document: Json, header: Header) -> Json:
    systems = [one for one in document["systems"] if any(test["series"] for test in one["tests"])]
    return {
        "lines": list(header.lines),
        "title": "Trend of quality control",
        "subtitle": subtitle(document, header.language),
        "verdicts": TWO_VERDICTS,
        "rows": [
            _row(system, test, systems, header.language)
            for system in document["systems"]
            for test in system["tests"]
        ],
        "systems": [_system(one, header.language) for one in systems],
    }


def _row(system: Json, test: Json, systems: Sequence[Json], language: str) -> Json:
    place = None
    if test["series"]:
        place = [systems.index(system), [one for one in system["tests"] if one["series"]].index(test)]
    return {**row(system, test, language), "system": system["unit"], "state": test["state"], "place": place}


def _system(one: Json, language: str) -> Json:
    return {
        "name": one["unit"],
        "events": [
            {
                "mark": event["mark"],
                "at": _minutes(event["date"]),
                "day": day(event["date"], language),
                "text": event["text"],
            }
            for event in one["events"]
        ],
        "tests": [_test(test, language) for test in one["tests"] if test["series"]],
    }


def _test(test: Json, language: str) -> Json:
    metrics = list(dict.fromkeys(one["label"] for one in test["series"]))
    large = {id(one) for one in worth_a_chart(test["series"])}
    ends = [_minutes(one["points"]["acquired"][place]) for one in test["series"] for place in (0, -1)]
    several = len({one["window"] for one in test["series"]}) > 1
    return {
        "title": test["title"],
        "metrics": metrics,
        "first": min(ends),
        "last": max(ends),
        "images": [
            {"source": f"data:image/png;base64,{one['png']}", "words": image_words(one, several, language)}
            for one in test["images"]
        ],
        "series": [_series(one, metrics, id(one) in large, several, language) for one in test["series"]],
    }


def _series(one: Json, metrics: Sequence[str], large: bool, several: bool, language: str) -> Json:
    points = one["points"]
    places = {number: place for place, number in enumerate(points["number"])}
    minutes = [_minutes(moment) for moment in points["acquired"]]
    drift = one["drift"]
    return {
        "title": heading(one, several),
        "metric": metrics.index(one["label"]),
        "large": large,
        "unit": wording.with_unit("", one["unit"]).strip(),
        "state": one["state"],
        "state_word": STATE_WORDS[one["state"]],
        "words": dated(one["words"], language),
        "t": [after - before for before, after in zip([0, *minutes], minutes, strict=False)],
        "v": [_short(value, 5) for value in points["value"]],
        "u": [_short(value or 0.0, 2) for value in points["uncertainty"]],
        "f": "".join(_LETTERS[verdict] for verdict in points["verdict"]),
        "n": points["number"],
        "x": {place: reason for place, reason in enumerate(points["excluded"]) if reason is not None},
        "o": {place: reason for place, reason in enumerate(points["left_out"]) if reason is not None},
        "limits": [_limit(span) for span in one["limits"]],
        "levels": [level for base in one["baselines"] for level in _levels(base)],
        "bands": [
            _band(base)
            for base in one["baselines"]
            if base["role"] == "current" and base["state"] == "frozen"
        ],
        "notices": sorted(
            {places[notice["number"]] for notice in one["notices"] if notice["number"] in places}
        ),
        "changes": [
            [_minutes(change[name]) for name in ("acquired", "low", "high")] for change in one["changes"]
        ],
        "parts": [_minutes(part["from"]) for part in one["parts"][1:]],
        "drift": None
        if drift is None
        else [_minutes(drift["from"][0]), drift["from"][1], _minutes(drift["to"][0]), drift["to"][1]],
    }


def _short(value: float, digits: int) -> float | int:
    """Return a number with so many significant digits, as short as it can be written."""
    rounded = float(f"{value:.{digits - 1}e}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 1e15 else rounded


def _minutes(moment: str) -> int:
    """Return the minutes from 1970 to an ISO date or time, an offset dropped."""
    return (datetime.fromisoformat(moment).replace(tzinfo=None) - EPOCH) // timedelta(minutes=1)


def _limit(span: Json) -> Json:
    ends = [
        {"level": level, "value": end} for level in ("fail", "warn") for end in span[level] if end is not None
    ]
    return {"from": _minutes(span["from"]), "to": _minutes(span["to"]), "ends": ends}


def _levels(base: Json) -> list[Json]:
    """Return the lines of a baseline; none while it is collected."""
    if base["centre"] is None or base["state"] == "collecting":
        return []
    span = {"from": _minutes(base["from"]), "to": _minutes(base["to"])}
    if base["role"] == "acceptance":
        return [{"look": "acceptance", "word": base["kind"], "value": base["centre"], **span}]
    word = "baseline" if base["state"] == "frozen" else "provisional"
    ends = [
        {"look": "control", "word": "control", "value": end, **span}
        for end in (base["low"], base["high"])
        if end is not None
    ]
    return [{"look": word, "word": word, "value": base["centre"], **span}, *ends]


def _band(base: Json) -> Json:
    return {
        "from": _minutes(base["from"]),
        "to": _minutes(base["to"]),
        "low": base["low"],
        "high": base["high"],
    }
