"""The report of one call as PDF/A-3a, with its results attached as JSON.

The same results give the same bytes: the time stamp is the latest acquisition, and the attached document says
nothing of when it was analysed. What a header says is data: it reaches the template as JSON text.
"""

from __future__ import annotations

import json
import re
from bisect import bisect
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path
from typing import Any

from nmqc import __version__
from nmqc.errors import NmqcError
from nmqc.model import Curve, Figure, Refusal, Result, Table
from nmqc.report import document, fonts, tables, wording
from nmqc.report.descriptions import describe
from nmqc.report.header import LOGO, Header, packed, require_drawable
from nmqc.whole_file import write_whole

AUTHOR = f"nmqc {__version__}"
ATTACHMENT = "results.json"
LONGEST_PARAMETERS = 480  # characters: three lines
NO_TIME = datetime(2000, 1, 1, tzinfo=UTC)

_TEMPLATE = Path(__file__).with_name("report.typ")
_SHARED = ("house.typ", "result.typ")
_OURS = re.compile(rb"<dc:creator>\s*<rdf:Seq>\s*<rdf:li>nmqc \d")

Pairs = Sequence[tuple[Result, int | None]]
Data = dict[str, Any]


def write_pdf(
    path: Path,
    results: Pairs,
    refused: Sequence[Refusal],
    header: Header | None = None,
    *,
    force: bool = False,
) -> None:
    """Write the report, whole or not at all: an interrupted run leaves the old file as it was.

    Parameters
    ----------
    path : Path
        Its folder has to be there.
    header : Header or None
        What the site puts on the first page.
    force : bool
        Replace a file that nmqc did not write.

    Raises
    ------
    NmqcError
        As `check_target` and `build_pdf` say, or if the file cannot be written.
    """
    check_target(path, force=force)
    save(path, build_pdf(results, refused, header))


def save(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all.

    Raises
    ------
    NmqcError
        If it cannot be written.
    """
    try:
        write_whole(path, content)
    except OSError as error:
        raise NmqcError("pdf_not_written", f"{path}: cannot be written ({error.strerror})") from error


def check_target(path: Path, *, force: bool = False) -> None:
    """Make sure, before any work, that a report may be written there.

    Raises
    ------
    NmqcError
        If the folder is missing, the path is a folder or a device, or a file is there that nmqc did not write and
        `force` is not given.
    """
    if path.is_dir():
        raise NmqcError("pdf_is_a_folder", f"{path} is a folder: give the name of a file in it")
    if path.exists() and not path.is_file():
        raise NmqcError("pdf_no_file", f"{path} is no ordinary file: give another name")
    if not path.resolve().parent.is_dir():
        raise NmqcError("pdf_no_folder", f"{path}: its folder does not exist: make it first")
    if path.exists() and not force and not _is_ours(path):
        raise NmqcError(
            "pdf_exists", f"{path} was not written by nmqc: give another name, or --force to replace it"
        )


def _is_ours(path: Path) -> bool:
    """Say whether a file is a PDF whose metadata name nmqc as its creator."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise NmqcError(
            "pdf_exists", f"{path} cannot be read ({error.strerror}): give another name"
        ) from error
    return content.startswith(b"%PDF-") and _OURS.search(content) is not None


def build_pdf(results: Pairs, refused: Sequence[Refusal], header: Header | None = None) -> bytes:
    """Return the report as the bytes of a PDF/A-3a file.

    Parameters
    ----------
    results : pairs of a result and the number of its entry in the history, or None
        With their evidence, in the order of the JSON.
    refused : the inputs that gave no result, shown on the first page
    header : what the site puts on the first page, and how it writes dates

    Raises
    ------
    NmqcError
        If the header's logo cannot be drawn.
    """
    header = header or Header()
    files, data = contents(results, refused, header)
    attached = document.dump(document.results_document(results, refused, None))
    time = latest_acquisition([result for result, _ in results])
    return compiled(_TEMPLATE, {ATTACHMENT: attached.encode(), **files}, data, header, time)


def contents(results: Pairs, refused: Sequence[Refusal], header: Header) -> tuple[dict[str, bytes], Data]:
    """Return what a template reads and says of some results: their figures by name, and the words."""
    figures = {f"{number}.svg": _svg(item).encode() for number, item in enumerate(_all_figures(results))}
    return figures, _report(results, refused, header)


def compiled(template: Path, files: dict[str, bytes], data: Data, header: Header, time: datetime) -> bytes:
    """Return a report as the bytes of a PDF/A-3a file.

    Parameters
    ----------
    template : a Typst file; it may import "house.typ" and "result.typ"
    files : name -> content, of what the template reads
    data : what it says, as JSON values: `sys.inputs.data`; every character that the fonts lack is made visible
    header : whose logo, if there is one, becomes a further file
    time : the time stamp

    Raises
    ------
    NmqcError
        If the header's logo cannot be drawn.
    """
    import typst

    logo = {} if header.logo is None else {LOGO: packed(header.logo)}
    shared = {name: Path(__file__).with_name(name).read_bytes() for name in _SHARED}
    files = {"main.typ": template.read_bytes(), **shared, **files, **logo}

    compile_files: Any = typst.compile
    try:
        content = compile_files(
            files,
            sys_inputs={"data": json.dumps(fonts.printable(data))},
            font_paths=fonts.for_pdf(),
            format="pdf",
            pdf_standards="a-3a",
            timestamp=time,
        )
    except typst.TypstError:
        if header.logo is not None:
            require_drawable(header.logo)
        raise
    return bytes(content)


def latest_acquisition(results: Iterable[Result]) -> datetime:
    """Return the latest time of acquisition, in whole seconds as a PDF has it; a fixed time where none is known.

    A time without an offset, the scanner's local time, is taken as if it were UTC.
    """
    times = [datetime.fromisoformat(r.source.acquired) for r in results if r.source.acquired is not None]
    known = (time if time.tzinfo else time.replace(tzinfo=UTC) for time in times)
    return max(known, default=NO_TIME).replace(microsecond=0)


# --- evidence -------------------------------------------------------------------------------------------


def _all_figures(results: Pairs) -> list[Figure]:
    return [item for result, _ in results for item in _in_order(result)]


def _in_order(result: Result) -> list[Figure]:
    """Return the figures of a result as they are laid out: what is tall first, then curves."""
    figures = [item for item in result.evidence if not isinstance(item, Table)]
    return sorted(figures, key=lambda item: isinstance(item, Curve))


def _svg(item: Figure) -> str:
    from nmqc.report import figures

    return figures.svg(item)


# --- the words of the report ----------------------------------------------------------------------------


def _report(results: Pairs, refused: Sequence[Refusal], header: Header) -> Data:
    found = [result for result, _ in results]
    numbers = iter(range(len(_all_figures(results))))
    return {
        "lines": list(header.lines),
        "logo": None if header.logo is None else LOGO,
        "title": _title(found),
        "subtitle": _subtitle(found, header.language),
        "author": AUTHOR,
        "keywords": list(dict.fromkeys([document.SCHEMA, *(result.test for result in found)])),
        "attachment": f"The results as a JSON object, {document.SCHEMA}",
        "overview": asdict(tables.overview(found)),
        "refused": [wording.refusal(item) for item in refused],
        "results": [_result(result, history, numbers, header.language) for result, history in results],
    }


def _title(results: Sequence[Result]) -> str:
    tests = dict.fromkeys(result.test for result in results)
    return f"Quality control: {', '.join(tests)}" if tests else "Quality control: nothing could be measured"


def _subtitle(results: Sequence[Result], language: str) -> str:
    cameras = ", ".join(dict.fromkeys(wording.camera(result) for result in results))
    times = ", ".join(dict.fromkeys(wording.acquired(result, language) for result in results))
    return f"{cameras}. Acquired: {times}." if results else ""


def _result(result: Result, history: int | None, numbers: Iterable[int], language: str) -> Data:
    facts = wording.facts(result, language) + ([("summary", result.summary)] if result.summary else [])
    unverified = wording.limit_sources(result, verified=False)
    return {
        "title": ", ".join(part for part in (wording.detector(result), result.test) if part),
        "camera": f"{wording.camera(result)}, acquired {wording.acquired(result, language)}",
        "verdict": result.verdict,
        "verdict_word": wording.VERDICT_WORDS[result.verdict],
        "synthetic": result.source.synthetic,
        "reasons": wording.reasons(result),
        "facts": facts,
        "figures": _figures(result, numbers),
        "tables": [asdict(table) for table in tables.measurements(result, abreast=True)],
        "notes": [f"* limit not verified: {'; '.join(unverified)}"] if unverified else [],
        "comparisons": [asdict(table) for table in tables.comparisons(result, abreast=True)],
        "further": _further(result),
        "lists": _lists(result),
        "provenance": _provenance(result, history, language),
    }


def _figures(result: Result, numbers: Iterable[int]) -> list[list[Data]]:
    """Return the figures as the cells of two columns: one in each, and two curves beside a tall one left over."""
    items = _in_order(result)
    drawn = [
        {"file": f"{number}.svg", "caption": item.title, "alt": describe(item)}
        for item, number in zip(items, numbers, strict=False)
    ]
    tall = sum(not isinstance(item, Curve) for item in items)
    stacked = tall + 2 if tall % 2 else tall
    cells = [[one] for one in drawn[:tall]] + [drawn[tall:stacked]] + [[one] for one in drawn[stacked:]]
    return [cell for cell in cells if cell]


def _further(result: Result) -> list[Data]:
    """Return the tables of the evidence, each with its title."""
    found = [item for item in result.evidence if isinstance(item, Table)]
    return [{"title": item.title, **asdict(tables.plain(item.columns, item.rows))} for item in found]


def _lists(result: Result) -> list[Data]:
    lists = {
        "Where (mm from the centre, x right, y down)": tables.places(result),
        "Not measured": tables.not_measured(result),
        "Remarks": [(remark.code, remark.text) for remark in result.remarks],
    }
    return [{"title": title, "rows": rows} for title, rows in lists.items() if rows]


def _parameters(result: Result) -> str:
    """Return the parameters in words, as many as there is room for: all of them stand in the attached JSON."""
    words = [wording.parameter(name, value) for name, value in result.parameters.items()]
    lengths = list(accumulate(len(one) + 2 for one in words))
    shown = bisect(lengths, LONGEST_PARAMETERS) or 1
    more = [f"{len(words) - shown} more in the attached JSON"] if len(words) > shown else []
    return "; ".join([*words[:shown], *more])


def _provenance(result: Result, history: int | None, language: str) -> list[tuple[str, str]]:
    source = result.source
    time = wording.acquired(result, language)
    rows = wording.file_hashes(result)
    scanner = [f"software {source.software}"] if source.software else []
    scanner += [f"corrected {', '.join(source.corrected)}"] if source.corrected else []
    versions = {"nmqc": __version__, **document.versions(), "typst": document.library_version("typst")}
    rows += [
        ("acquired", f"{time}, from {source.acquired_from or 'nothing in the file'}"),
        ("algorithm", result.algorithm),
        ("software", ", ".join(f"{name} {version}" for name, version in versions.items())),
        ("parameters", _parameters(result)),
        ("defined in", "; ".join(dict.fromkeys(m.metric.defined_in for m in result.measurements))),
        ("limits, verified", "; ".join(wording.limit_sources(result, verified=True))),
        ("limits, unverified", "; ".join(wording.limit_sources(result, verified=False))),
        ("scanner", "; ".join(scanner)),
        ("history", "not recorded" if history is None else f"entry {history}"),
    ]
    return [(name, words) for name, words in rows if words]
