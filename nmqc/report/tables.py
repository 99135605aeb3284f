"""What stands in the tables of a report, whatever draws them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nmqc.model import EXPECTED_ABSENCES, Measurement, Metric, Result, Verdict
from nmqc.report import wording

FIELDS = ("ufov", "cfov")
_COLUMNS = ("value ± 1 SD", "noise (p95)", "warn/fail", "verdict")
_WITHOUT_LIMIT = "metric without a limit"
_NOTHING = "-"
_VARIANTS_ABREAST = 3


@dataclass(frozen=True, slots=True)
class Cell:
    """The text of a cell; with a verdict, it is shown so that the verdict is seen."""

    text: str
    verdict: Verdict | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A table: `groups` are headings above the header, each over so many columns."""

    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    groups: tuple[tuple[str, int], ...] = ()


def overview(results: Sequence[Result]) -> Table:
    """Return one row for each result: its verdict, which detector, test, window and file, and why."""
    rows = [
        (
            Cell(wording.VERDICT_WORDS[result.verdict], result.verdict),
            Cell(wording.detector(result) or _NOTHING),
            Cell(result.test),
            Cell(result.energy_window.name if result.energy_window else _NOTHING),
            Cell(wording.files(result)),
            Cell("; ".join(wording.reasons(result))),
        )
        for result in results
    ]
    return Table(("verdict", "detector", "test", "window", "file", "why"), tuple(rows))


def measurements(result: Result, abreast: bool) -> list[Table]:
    """Return the tables of what was measured: first what has a limit or a noise floor, then the rest.

    Parameters
    ----------
    abreast : bool
        True puts the two fields of view of a judged metric beside each other, False one below the other.
    """
    main = [m for m in result.measurements if not _is_variant(m, result)]
    judged = [m for m in main if m.limits is not None or m.noise_floor is not None]
    others = [m for m in main if m.limits is None and m.noise_floor is None]
    first = _judged_abreast(judged) if abreast else [_judged_below(judged)]
    return [table for table in (*first, *_unjudged(others)) if table.rows]


def comparisons(result: Result, abreast: bool) -> list[Table]:
    """Return the tables of variants, shown for comparison and judged by no limit."""
    variants = [m for m in result.measurements if _is_variant(m, result)]
    names = list(dict.fromkeys(m.of for m in variants))
    groups = [names[start : start + _VARIANTS_ABREAST] for start in range(0, len(names), _VARIANTS_ABREAST)]
    return [_variants([m for m in variants if m.of in group], group, abreast) for group in groups]


def places(result: Result) -> list[tuple[str, str]]:
    """Return where extremes and worst windows lie, as (metric, positions); each set of positions once."""
    seen: dict[str, str] = {}
    for measurement in result.measurements:
        if measurement.at and not _is_variant(measurement, result):
            words = ", ".join(wording.position(place) for place in measurement.at)
            seen.setdefault(words, wording.label(measurement))
    return [(name, words) for words, name in seen.items()]


def not_measured(result: Result) -> list[tuple[str, str]]:
    """Return what could not be measured and why, as (metrics, reason); what nobody asked for is left out."""
    names: dict[str, list[str]] = {}
    for missing in result.not_measured:
        if missing.code not in EXPECTED_ABSENCES:
            name = f"{missing.name} ({missing.of})" if missing.of else missing.name
            names.setdefault(f"{missing.reason} [{missing.code}]", []).append(name)
    return [(", ".join(alike), reason) for reason, alike in names.items()]


def _is_variant(measurement: Measurement, result: Result) -> bool:
    """Say whether it is a second figure, without a limit, for a metric that has a main one."""
    if not measurement.of or measurement.limits is not None:
        return False
    return any(m.of == "" and m.metric.name == measurement.metric.name for m in result.measurements)


# --- rows -----------------------------------------------------------------------------------------------


def _judged_below(measured: Sequence[Measurement]) -> Table:
    fields = {id(m): field for pair in _pairs(measured) for m, field in zip(pair, FIELDS, strict=True)}
    rows, above = [], ""
    for measurement in measured:
        field = fields.get(id(measurement), "").upper()
        words = _shared_label(measurement) if field else wording.label(measurement)
        rows.append((Cell("" if field and words == above else words), Cell(field), *_cells(measurement)))
        above = words
    return Table(("metric", "", *_COLUMNS), tuple(rows))


def _judged_abreast(measured: Sequence[Measurement]) -> list[Table]:
    pairs = _pairs(measured)
    rows = [(Cell(_shared_label(first)), *_cells(first), *_cells(second)) for first, second in pairs]
    groups = (("", 1), *((field.upper(), len(_COLUMNS)) for field in FIELDS))
    single = [(Cell(wording.label(m)), *_cells(m)) for m in _unpaired(measured, pairs)]
    return [
        Table(("metric", *_COLUMNS, *_COLUMNS), tuple(rows), groups),
        Table(("metric", *_COLUMNS), tuple(single)),
    ]


def _unjudged(measured: Sequence[Measurement]) -> list[Table]:
    pairs = _pairs(measured)
    rows = [(Cell(_shared_label(pair[0])), *(Cell(wording.quantity(m)) for m in pair)) for pair in pairs]
    single = [(Cell(wording.label(m)), Cell(wording.quantity(m))) for m in _unpaired(measured, pairs)]
    header = (_WITHOUT_LIMIT, *(field.upper() for field in FIELDS))
    return [Table(header, tuple(rows)), Table((_WITHOUT_LIMIT, "value ± 1 SD"), tuple(single))]


def _cells(measurement: Measurement) -> tuple[Cell, ...]:
    return (
        Cell(wording.quantity(measurement)),
        Cell(wording.noise_floor(measurement) or _NOTHING),
        Cell(wording.limits_words(measurement.limits) or _NOTHING),
        Cell(wording.VERDICT_WORDS[measurement.verdict], measurement.verdict),
    )


def _variants(variants: Sequence[Measurement], names: Sequence[str], abreast: bool) -> Table:
    known = {(m.metric.name, m.of): wording.quantity(m) for m in variants}
    metrics = list(dict.fromkeys(m.metric for m in variants))
    stems = dict.fromkeys(_stem(metric) for metric in metrics)
    if abreast and all(f"{stem}.{field}" in {m.name for m in metrics} for stem in stems for field in FIELDS):
        return _variants_abreast(metrics, names, known)
    rows = [
        (Cell(metric.label or metric.name), *(Cell(known.get((metric.name, of), _NOTHING)) for of in names))
        for metric in metrics
    ]
    return Table(("metric", *names), tuple(rows))


def _variants_abreast(
    metrics: Sequence[Metric], names: Sequence[str], known: dict[tuple[str, str], str]
) -> Table:
    rows = []
    for metric in (m for m in metrics if m.name.endswith(f".{FIELDS[0]}")):
        keys = [(f"{_stem(metric)}.{field}", of) for of in names for field in FIELDS]
        rows.append((Cell(_shorter(metric)), *(Cell(known.get(key, _NOTHING)) for key in keys)))
    header = ("metric", *(field.upper() for _ in names for field in FIELDS))
    return Table(header, tuple(rows), (("", 1), *((of, len(FIELDS)) for of in names)))


# --- pairs of fields of view ----------------------------------------------------------------------------


def _pairs(measured: Sequence[Measurement]) -> list[tuple[Measurement, Measurement]]:
    """Return the measurements of one metric and `of` in the two fields of view, in their order."""
    by_key = {(m.metric.name, m.of): m for m in measured}
    firsts = [m for m in measured if m.metric.name.endswith(f".{FIELDS[0]}")]
    seconds = [by_key.get((f"{_stem(m.metric)}.{FIELDS[1]}", m.of)) for m in firsts]
    return [(one, other) for one, other in zip(firsts, seconds, strict=True) if other is not None]


def _unpaired(
    measured: Sequence[Measurement], pairs: Sequence[tuple[Measurement, Measurement]]
) -> list[Measurement]:
    paired = {id(measurement) for pair in pairs for measurement in pair}
    return [measurement for measurement in measured if id(measurement) not in paired]


def _stem(metric: Metric) -> str:
    return metric.name.rpartition(".")[0]


def _shared_label(measurement: Measurement) -> str:
    name = _shorter(measurement.metric)
    return f"{name}, {measurement.of}" if measurement.of else name


def _shorter(metric: Metric) -> str:
    """Return a label without the field of view at its end."""
    name, ending = metric.label or metric.name, metric.name.rpartition(".")[2]
    return name[: -len(ending)].rstrip(" ,.") if name.lower().endswith(ending) else name
