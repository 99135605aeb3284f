"""A validation in words and tables: the same for the terminal, the report and the page of the documents.

Everything is made of the object of ``docs/schema/nmqc.validate-1.json``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nmqc.model import Verdict
from nmqc.report.tables import Cell, Table

Json = Mapping[str, Any]

NOTHING = "-"
NO_MORE_THAN_ROUNDING = 1e-6
VERDICTS: dict[str, str] = {"met": "met", "not_met": "NOT MET", "untested": "not tested"}
LOOKS: dict[str, Verdict] = {"met": "pass", "not_met": "fail", "untested": "warn"}
OVERALL = {
    "met": "every requirement is met",
    "not_met": "requirements are NOT MET",
    "untested": "not everything could be tested",
}
GRIDS = {"least": "the smallest grid", "quick": "the quick grid (--quick)", "whole": "the whole grid"}
METRIC_COLUMNS = (
    "metric",
    "of",
    "truth",
    "cases",
    "error without noise",
    "bias with noise",
    "SD",
    "stated / SD",
    "in 1, 2 SD",
    "required",
    "verdict",
)
RULE = (
    "Error without noise: the largest of all cases. Bias: the mean error over acquisitions with noise, with its own "
    "standard error; it is held against its requirement with three of these allowed. SD: the standard deviation over "
    "acquisitions. Stated / SD: the stated uncertainty over it. In 1, 2 SD: the part of the truths that lie within "
    "one and two stated uncertainties; of extreme values, which noise raises, it says nothing. Letters at the metric "
    "say what its truth rests on: P the phantom's own parameter, F a formula, R another reading of the same pixels, "
    "N a number that nmqc itself gave before."
)
_BASES = {"parameter": "P", "closed form": "F", "independent reading": "R", "recorded number": "N"}
_ASKED = {
    "exact": "error",
    "bias": "bias",
    "sd": "SD",
    "stated": "stated / SD",
    "within_1": "in 1 SD",
    "within_2": "in 2 SD",
    "measured": "measured",
}


def title(document: Json) -> str:
    """Return what is validated."""
    return f"Validation of nmqc {document['nmqc']}"


def lead(document: Json) -> str:
    """Return one sentence: on what, how much, and how it ended."""
    tests = document["tests"]
    rows = [row for test in tests for row in test["metrics"]]
    names = {(test["test"], row["name"]) for test in tests for row in test["metrics"]}
    asked = [one for row in rows for one in row["requirements"]]
    met = sum(one["said"] == "met" for one in asked)
    return (
        f"{len(names)} metrics of {len(tests)} tests were measured on {document['cases']} cases of digital phantoms "
        f"({document['acquisitions']:,d} acquisitions, {GRIDS[document['grid']]}): {met:,d} of {len(asked):,d} "
        f"requirements are met; {OVERALL[document['verdict']]}"
    )


def overview(document: Json) -> Table:
    """Return a row for each test."""
    header = (
        "test",
        "of",
        "metrics",
        "cases",
        "acquisitions",
        "requirements",
        "not met",
        "not tested",
        "verdict",
    )
    rows = []
    for test in document["tests"]:
        asked = [one["said"] for row in test["metrics"] for one in row["requirements"]]
        counts = (
            len({row["name"] for row in test["metrics"]}),
            test["cases"],
            test["acquisitions"],
            len(asked),
            asked.count("not_met"),
            asked.count("untested"),
        )
        words = (test["test"], test["title"], *(f"{count:,d}" for count in counts))
        rows.append((*map(Cell, words), verdict(test["verdict"])))
    return Table(header, tuple(rows))


def verdict(said: str) -> Cell:
    """Return a verdict as a cell that shows it."""
    return Cell(VERDICTS[said], LOOKS[said])


def metrics(test: Json) -> Table:
    """Return the rows of a test's metrics."""
    rows = []
    above = ""
    for row in test["metrics"]:
        letters = "".join(_BASES[basis] for basis in row["basis"])
        name = f"{row['label'] or row['name']}, {row['unit']}" + (f" [{letters}]" if letters else "")
        words = (
            "" if name == above else name,
            row["of"] or NOTHING,
            _truths(row["truths"]),
            str(row["cases"]),
            _exact(row["exact"]),
            *_noisy(row["noisy"]),
            "; ".join(_required(row)) or NOTHING,
        )
        rows.append((*map(Cell, words), verdict(row["verdict"])))
        above = name
    return Table(METRIC_COLUMNS, tuple(rows))


def ranges(test: Json) -> list[tuple[str, str]]:
    """Return what the grid of a test covers, and what it refuses as it must."""
    found = [(name, "; ".join(values)) for name, values in test["range"].items() if values]
    found += [
        (f"refused: {one['case']}", f"{one['reason']} [{one['code']}]") for one in test["refused_as_due"]
    ]
    return found


def agreement(document: Json) -> Table:
    """Return a row for each number of another program."""
    header = (
        "file",
        "command",
        "metric",
        "of",
        "nmqc",
        "other",
        "apart",
        "allowed",
        "program",
        "why",
        "verdict",
    )
    rows = []
    for one in document["agreement"]:
        known = one["measured"] is not None
        words = (
            one["file"],
            one["command"],
            f"{one['metric']}, {one['unit']}",
            one["of"] or NOTHING,
            f"{one['measured']:.4g}" if known else "not measured",
            f"{one['value']:g}",
            f"{one['measured'] - one['value']:+.3g}" if known else NOTHING,
            f"{one['tolerance']:g}",
            one["program"],
            one["why"],
        )
        rows.append((*map(Cell, words), verdict(one["said"])))
    return Table(header, tuple(rows))


def reasons(test: Json) -> list[tuple[str, str]]:
    """Return each requirement of a test with the reason for its bound, those alike together."""
    alike: dict[tuple[str, str], list[str]] = {}
    for row in test["metrics"]:
        for one in row["requirements"]:
            names = alike.setdefault((f"{_ASKED[one['what']]} {_bound(one)}", one["why"]), [])
            name = row["name"] + (f" ({row['of']})" if row["of"] else "")
            if name not in names:
                names.append(name)
    return [(asked, f"{why}. Of: {_shortened(names)}") for (asked, why), names in alike.items()]


def text(document: Json) -> str:
    """Return what the terminal shows: the sentence, a line for each test, and what is not met."""
    lines = [title(document), lead(document), ""]
    table = overview(document)
    rows = [table.header, *([cell.text for cell in row] for row in table.rows)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(table.header))]
    lines += [
        "  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    if document["agreement"]:
        apart = [one["said"] for one in document["agreement"]]
        lines += ["", f"{len(apart)} numbers of other programs: {apart.count('met')} within their tolerance"]
    if document["not_met"]:
        lines += ["", "Not met, or not tested:", *(f"  {line}" for line in document["not_met"])]
    return "\n".join(lines)


def markdown(document: Json, made_by: str) -> str:
    """Return the page of the documents: every table, with nothing that differs between two runs."""
    parts = [
        f"# {title(document)}\n\n{made_by}\n\n{lead(document)}.\n\n{RULE}\n\n{_markdown(overview(document))}"
    ]
    if document["not_met"]:
        parts.append("## Not met, or not tested\n\n" + "".join(f"* {line}\n" for line in document["not_met"]))
    for test in document["tests"]:
        parts.append(f"## `{test['test']}`: {test['title']}\n\n{_markdown(metrics(test))}")
        parts.append(
            "Range: what of the grid was measured, and what was refused as it must be.\n\n"
            + _listed(ranges(test))
        )
        parts.append("Why these bounds:\n\n" + _listed(reasons(test)))
    if document["agreement"]:
        parts.append(f"## Other programs\n\n{_markdown(agreement(document))}")
    return "\n".join(parts)


def _markdown(table: Table) -> str:
    rows = [[_escaped(cell.text) for cell in row] for row in table.rows]
    lines = [list(table.header), ["---"] * len(table.header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _listed(pairs: Sequence[tuple[str, str]]) -> str:
    return "".join(f"* **{_escaped(name)}**: {_escaped(words)}\n" for name, words in pairs)


def _escaped(words: str) -> str:
    return words.replace("|", "\\|").replace("*", "\\*").replace("<", "&lt;")


def _truths(ends: Sequence[float] | None) -> str:
    if ends is None:
        return NOTHING
    low, high = (f"{end:.4g}" for end in ends)
    return low if low == high else f"{low} to {high}"


def _exact(found: Json | None) -> str:
    if found is None:
        return NOTHING
    percent = found["largest_percent"]
    if found["largest"] < NO_MORE_THAN_ROUNDING:
        return f"< {NO_MORE_THAN_ROUNDING:.0e}".replace("e-0", "e-")
    return f"{found['largest']:.2g}" + ("" if percent is None else f" ({percent:.2g} %)")


def _noisy(found: Json | None) -> Iterator[str]:
    if found is None:
        yield from (NOTHING,) * 4
        return
    percent = found["bias_percent"]
    shown = "" if percent is None else f" ({percent:+.2g} %)"
    yield f"{found['bias']:+.2g} ± {found['bias_error']:.1g}{shown}"
    yield f"{found['sd']:.2g}"
    yield NOTHING if found["ratio"] is None else f"{found['ratio']:.2f}"
    parts = found["within_1"], found["within_2"]
    yield NOTHING if None in parts else f"{100 * parts[0]:.0f}, {100 * parts[1]:.0f} %"


def _required(row: Json) -> Iterator[str]:
    if row["lacks"]:
        yield row["lacks"]
    for one in row["requirements"]:
        if one["what"] != "measured" or one["said"] != "met":
            mark = "" if one["said"] == "met" else f" ({VERDICTS[one['said']]})"
            yield f"{_ASKED[one['what']]} {_bound(one)}{mark}"


def _bound(one: Json) -> str:
    unit = "" if one["unit"] in ("ratio", "part") else f" {one['unit']}".replace(" % of truth", " %")
    if one["low"] is not None and one["high"] is not None:
        return f"{one['low']:g} to {one['high']:g}{unit}"
    return f"≥ {one['low']:g}{unit}" if one["low"] is not None else f"≤ {one['high']:g}{unit}"


def _shortened(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 6 else f"{', '.join(names[:5])} and {len(names) - 5} more"
