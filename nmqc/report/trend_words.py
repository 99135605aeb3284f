"""The words of the trend report, whatever shows them: the page, the PDF, the terminal."""

from __future__ import annotations

import re
from typing import Any, cast

from nmqc.model import Verdict
from nmqc.report import wording
from nmqc.report.dates import date_words

Json = dict[str, Any]

MOST_FINDINGS, MOST_ALSO = 4, 3
STATE_WORDS = {"steady": "steady", "collecting": "collecting", "watch": "WATCH", "changed": "CHANGED"}
TWO_VERDICTS = (
    "The limit decides, the trend informs: a notice is no verdict, "
    "and no trend makes a value out of limits good."
)
_ISO_DATE = re.compile(r"\b\d{4}-\d\d-\d\d\b")


def subtitle(document: Json, language: str) -> str:
    """Return which cameras the report is of, and of which time."""
    cameras = ", ".join(one["unit"] for one in document["systems"])
    first, last = (document["period"][name] for name in ("from", "to"))
    if first is None or not document["systems"]:
        return "The history holds no result that fits."
    acquired = f"from {day(first, language)} to {day(last, language)}"
    return f"{cameras}. Acquired {acquired}; as of {day(document['today'], language)}."


def day(moment: str | None, language: str) -> str:
    """Return the day of a time in words of a language; "-" where there is none."""
    return "-" if moment is None else date_words(moment[:10], language)


def dated(words: str, language: str) -> str:
    """Return a sentence with its ISO dates in words of a language."""
    return _ISO_DATE.sub(lambda found: date_words(found.group(), language), words)


def row(system: Json, test: Json, language: str) -> Json:
    """Return the state of one test of one system in words."""
    return {
        "system": system["unit"],
        "kind": system["system"] or "",
        "test": test["title"],
        "last": day(test["last"], language),
        "verdict": test["verdict"],
        "verdict_word": wording.VERDICT_WORDS[cast(Verdict, test["verdict"])],
        "notes": notes(test, language),
        "state": test["state"],
        "state_word": STATE_WORDS[test["state"]],
        "findings": findings(test, language),
        "next": dated(test["next"], language),
    }


def notes(test: Json, language: str) -> list[str]:
    """Return what is to be said of the results beside the last one."""
    found = []
    failed = test["out_of_limits"]
    if failed["count"]:
        found.append(
            f"{failed['count']} of {test['results']} results out of limits, last {day(failed['last'], language)}"
        )
    if test["overdue"] is not None:
        found.append(f"OVERDUE since {day(test['overdue']['due'], language)}")
    elif test["silent_days"] is not None:
        found.append(f"nothing for {test['silent_days']} days")
    if test["gaps"]:
        gap, more = test["gaps"][0], len(test["gaps"]) - 1
        found.append(f"none from {day(gap['from'], language)} to {day(gap['to'], language)}")
        found += [f"and {more} shorter gap{'s' if more > 1 else ''}"] if more else []
    return found


def findings(test: Json, language: str) -> list[str]:
    """Return what is not as the baselines, in a sentence each."""
    told = [_finding(one, language) for one in test["findings"][:MOST_FINDINGS]]
    more = len(test["findings"]) - len(told)
    return told + ([f"and {more} more: see its page"] if more else [])


def _finding(one: Json, language: str) -> str:
    where = ", ".join(part for part in (detector(one), quantity(one)) if part)
    also = one["also"][:MOST_ALSO]
    more = len(one["also"]) - len(also)
    listed = ", ".join(also) + (f" and {more} more" if more else "")
    return f"{where}: {dated(one['words'], language)}" + (f" (likewise {listed})" if also else "")


def detector(one: Json) -> str:
    """Return the detector of a series or a finding; "" where it is of none."""
    return "" if one["detector"] is None else f"detector {one['detector']}"


def quantity(one: Json) -> str:
    """Return what was measured, and which of several alike."""
    return f"{one['label']}, {one['of']}" if one["of"] else str(one["label"])


def heading(one: Json, windows: bool) -> str:
    """Return what a chart shows, with its unit; `windows` names the energy window too."""
    named = wording.with_unit("", one["unit"]).strip()
    parts = (
        detector(one),
        quantity(one),
        one["window"] if windows else None,
        one["conditions"] if one["beside"] else None,
    )
    words = ", ".join(part for part in parts if part)
    return f"{words} / {named}" if named else words


def image_words(one: Json, windows: bool, language: str) -> str:
    """Return what an image is of, when it was acquired, and which result it belongs to."""
    parts = detector(one), one["window"] if windows else None, day(one["acquired"], language)
    return ", ".join(part for part in parts if part) + f" (no. {one['number']})"


def number(value: float | None, one: Json) -> str:
    """Return a value of a series with as many decimals as its scatter or its uncertainty gives sense to."""
    if value is None:
        return "-"
    sigma = next(
        (base["sigma"] for base in one["baselines"] if base["sigma"] and not base["logarithms"]), None
    )
    spread = sigma or one["summary"]["last"]["uncertainty"]
    return wording.number(value, wording.decimals(value, spread))
