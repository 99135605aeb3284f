"""The trend report to sign, as PDF/A-3a with its data attached as JSON.

It is made of the object of ``docs/schema/nmqc.trend-1.json`` alone, and the same object gives the same bytes.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from nmqc.model import Verdict
from nmqc.report import pdf, wording
from nmqc.report.chart import chart, legend, spark
from nmqc.report.document import dump, library_version, versions
from nmqc.report.header import LOGO, Header, packed
from nmqc.report.trend_lists import lists
from nmqc.report.trend_words import (
    STATE_WORDS,
    TWO_VERDICTS,
    dated,
    day,
    detector,
    findings,
    heading,
    image_words,
    notes,
    number,
    quantity,
    row,
    subtitle,
)

Json = dict[str, Any]

ATTACHMENT = "trend.json"
#: charts of one test: of all; of those without limits that are to be looked at; of a test without either
MOST_CHARTS, MOST_UNJUDGED, MOST_PLAIN = 12, 4, 8
#: state -> how it is shown, as the verdict of this name
STATE_LOOKS = {"steady": "pass", "collecting": "unjudged", "watch": "warn", "changed": "warn"}
IMAGES = "small ones, as recorded with the results; their files: nmqc history show NUMBER"
_TEMPLATE = Path(__file__).with_name("trend.typ")


def write_pdf(path: Path, document: Json, header: Header | None = None, *, force: bool = False) -> None:
    """Write the report, whole or not at all.

    Raises
    ------
    NmqcError
        If a file that nmqc did not write is there and `force` is not given, the folder is missing, the file cannot be
        written, or the header's logo cannot be drawn.
    """
    pdf.check_target(path, force=force)
    pdf.save(path, build_pdf(document, header))


def build_pdf(document: Json, header: Header | None = None) -> bytes:
    """Return the report as the bytes of a PDF/A-3a file.

    Parameters
    ----------
    document : of `nmqc.trend/1`
    header : what the site puts on the first page, and how it writes dates
    """
    header = header or Header()
    files: dict[str, bytes] = {ATTACHMENT: dump(document).encode(), "legend.svg": legend().encode()}
    data = {
        "lines": list(header.lines),
        "logo": None if header.logo is None else LOGO,
        "title": "Trend of quality control",
        "subtitle": subtitle(document, header.language),
        "author": pdf.AUTHOR,
        "keywords": [document["schema"], *(one["unit"] for one in document["systems"])],
        "attachment": f"All values and what was found in them as a JSON object, {document['schema']}",
        "verdicts": TWO_VERDICTS,
        "rows": list(_rows(document, header.language)),
        "pages": [
            page
            for system in document["systems"]
            for page in _pages(system, document, files, header.language)
        ],
        "provenance": _provenance(document, header.language),
    }
    return pdf.compiled(_TEMPLATE, files, data, header, _time(document))


def _time(document: Json) -> datetime:
    last = document["period"]["to"]
    return pdf.NO_TIME if last is None else datetime.fromisoformat(last).replace(tzinfo=UTC, microsecond=0)


# --- the first page -------------------------------------------------------------------------------------


def _rows(document: Json, language: str) -> Iterator[Json]:
    """Yield the lines of the first page: one for each test of each system."""
    for system in document["systems"]:
        for place, test in enumerate(system["tests"]):
            shown = {
                "key": _key(system, test),
                "state": STATE_LOOKS[test["state"]],
                "page": bool(test["series"]),
            }
            yield {**row(system, test, language), **shown, "system": system["unit"] if place == 0 else ""}


def _key(system: Json, test: Json) -> str:
    return f"{system['unit']} / {test['test']}"


# --- a page of a test -----------------------------------------------------------------------------------


def _pages(system: Json, document: Json, files: dict[str, bytes], language: str) -> Iterator[Json]:
    period = document["period"]["from"], document["period"]["to"]
    for place, test in enumerate(one for one in system["tests"] if one["series"]):
        charted = worth_a_chart(test["series"])
        listed = worth_a_line(test["series"])
        several = len({one["window"] for one in test["series"]}) > 1
        yield {
            "key": _key(system, test),
            "system": ", ".join(part for part in (system["unit"], system["system"]) if part),
            "test": test["title"],
            "name": test["test"],
            "verdict": test["verdict"],
            "verdict_word": wording.VERDICT_WORDS[cast(Verdict, test["verdict"])],
            "state": STATE_LOOKS[test["state"]],
            "state_word": STATE_WORDS[test["state"]],
            "findings": findings(test, language) + notes(test, language),
            "next": dated(test["next"], language),
            "images": [_image(one, several, files, language) for one in test["images"]],
            "charts": [_chart(one, system, period, files, several, language) for one in charted],
            "table": _table(listed, period, files, several, language),
            "left_out": _left_out(test["series"], listed),
            "events": [_event(one, language) for one in system["events"]] if place == 0 or charted else [],
            "lists": lists(test, language),
        }


def _image(one: Json, windows: bool, files: dict[str, bytes], language: str) -> Json:
    file = f"{len(files)}.json"
    files[file] = packed(b64decode(one["png"]))
    return {"file": file, "words": image_words(one, windows, language)}


def worth_a_chart(series: Sequence[Json]) -> list[Json]:
    """Return the series that are drawn large, in the order of their metrics, detectors side by side.

    Those with limits, and some of those with something to look at; where there are neither, the first. Those to
    look at go before those that are steady where they are too many. One value is no chart, and a variant without
    limits has its line in the table beside the whole.
    """
    whole = _wholes(series)
    drawn = [
        one
        for one in series
        if one["summary"]["count"] > 1 and (one["judged"] or not _is_variant(one, whole))
    ]
    judged = sorted((one for one in drawn if one["judged"]), key=lambda one: not _to_look_at(one))[
        :MOST_CHARTS
    ]
    others = [one for one in drawn if not one["judged"] and _to_look_at(one)][:MOST_UNJUDGED]
    chosen = {id(one) for one in (judged + others)[:MOST_CHARTS] or drawn[:MOST_PLAIN]}
    return [one for one in series if id(one) in chosen]


def _wholes(series: Sequence[Json]) -> set[tuple[str, int | None, str | None]]:
    return {(one["metric"], one["detector"], one["window"]) for one in series if not one["of"]}


def _is_variant(one: Json, whole: set[tuple[str, int | None, str | None]]) -> bool:
    """Say whether a series is one of several of a quantity that is given as a whole too."""
    return bool(one["of"]) and (one["metric"], one["detector"], one["window"]) in whole


def _to_look_at(one: Json) -> bool:
    return one["state"] in ("watch", "changed")


def worth_a_line(series: Sequence[Json]) -> list[Json]:
    """Return the series of the table: all but the unjudged variants of a quantity that stands in it, while steady."""
    whole = _wholes(series)
    return [one for one in series if one["judged"] or _to_look_at(one) or not _is_variant(one, whole)]


def _left_out(series: Sequence[Json], listed: Sequence[Json]) -> str:
    names = dict.fromkeys(one["of"] for one in series if not any(one is other for other in listed))
    if not names:
        return ""
    count = len(series) - len(listed)
    variants = f"{count} variants ({', '.join(names)}) that no limit judges are steady"
    return f"{variants}: their values stand in the attached JSON."


def _chart(
    one: Json, system: Json, period: tuple[str, str], files: dict[str, bytes], windows: bool, language: str
) -> Json:
    file = f"{len(files)}.svg"
    files[file] = chart(one, period, system["events"], language).encode()
    return {
        "file": file,
        "title": heading(one, windows),
        "state": STATE_LOOKS[one["state"]],
        "state_word": STATE_WORDS[one["state"]],
        "words": dated(one["words"], language) if _to_look_at(one) or one["state"] == "collecting" else "",
        "alt": _alt(one, language),
    }


def _alt(one: Json, language: str) -> str:
    """Return a chart in words, for those who cannot see it."""
    summary = one["summary"]
    low, high = (number(summary[name], one) for name in ("low", "high"))
    values = f"{summary['count']} values from {low} to {high} {one['unit']}".rstrip()
    return (
        f"Chart over time: {detector(one)} {quantity(one)}. {values}. Trend: {dated(one['words'], language)}."
    )


def _event(one: Json, language: str) -> tuple[str, str, str]:
    return one["mark"], day(one["date"], language), f"{one['kind']}: {one['text']}"


# --- the table of the period ----------------------------------------------------------------------------


def _table(
    series: Sequence[Json], period: tuple[str, str], files: dict[str, bytes], windows: bool, language: str
) -> list[Json]:
    rows = []
    for one in series:
        summary, last = one["summary"], one["summary"]["last"]
        file = ""
        if summary["count"] > 1:
            file = f"{len(files)}.svg"
            files[file] = spark(one, period).encode()
        rows.append(
            {
                "metric": _line(one, windows),
                "detector": "-" if one["detector"] is None else str(one["detector"]),
                "count": f"{summary['count']}"
                + (f" ({summary['excluded']} excluded)" if summary["excluded"] else ""),
                "out": _out(summary),
                "median": number(summary["median"], one),
                "range": f"{number(summary['low'], one)} to {number(summary['high'], one)}",
                "baseline": _baseline(one),
                "last": _last(last, one),
                "verdict": last["verdict"],
                "state": STATE_LOOKS[one["state"]],
                "state_word": STATE_WORDS[one["state"]],
                "spark": file,
                "alt": _alt(one, language),
            }
        )
    return rows


def _line(one: Json, windows: bool) -> str:
    """Return what a line of the table is of, the detector aside."""
    return heading({**one, "detector": None}, windows)


def _out(summary: Json) -> str:
    parts = [f"{summary[name]} {name}" for name in ("fail", "warn") if summary[name]]
    return ", ".join(parts) or "-"


def _last(last: Json, one: Json) -> str:
    words = number(last["value"], one)
    return words if last["excluded"] is None else f"({words}, excluded)"


def _baseline(one: Json) -> str:
    """Return the baseline that holds, with its standard deviation and number of values."""
    current = [base for base in one["baselines"] if base["role"] == "current"]
    if not current:
        return "none"
    base = current[-1]
    spread = f" ± {wording.significant(base['sigma'], 2)}" if base["sigma"] and not base["logarithms"] else ""
    count = str(base["count"]) if base["state"] == "frozen" else f"{base['count']}, {base['state']}"
    return f"{number(base['centre'], one)}{spread} ({count})"


# --- provenance -----------------------------------------------------------------------------------------


def _provenance(document: Json, language: str) -> list[tuple[str, str]]:
    first, last = document["entries"] or (None, None)
    used = {"nmqc": document["nmqc"], **versions(), "typst": library_version("typst")}
    return [
        ("values", f"{document['values']}, of results {first} to {last} of the history" if first else "none"),
        ("rules", ", ".join(document["rules"])),
        ("overdue by", day(document["today"], language)),
        ("software", ", ".join(f"{name} {version}" for name, version in used.items())),
        ("images", IMAGES),
        ("data", f"{ATTACHMENT}, attached to this file"),
    ]
