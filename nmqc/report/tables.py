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
_SERIES_ABREAST, _SERIES_NARROW = 6, 4


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
    """Return one row for each result: its verdict, which detector, test, window and file, and why.

    Without a column that would be empty.
    """
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
    header = ("verdict", "detector", "test", "window", "file", "why")
    kept = [n for n in range(len(header)) if any(row[n].text != _NOTHING for row in rows)]
    return Table(tuple(header[n] for n in kept), tuple(tuple(row[n] for n in kept) for row in rows))


def plain(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """Return a table of texts, without verdicts."""
    return Table(tuple(header), tuple(tuple(Cell(words) for words in row) for row in rows))


def measurements(result: Result, abreast: bool) -> list[Table]:
    """Return the tables of what was measured: first what has a limit, then the rest in the order of the test.

    Metrics with a limit or a noise floor have a row each with both. Of the others, those that were measured of the
    same things, quadrants or lines, share a table with a row for each thing. So does what each thing adds to the
    figure of all of them; where that is the same number, of one thing alone, it is not shown again.

    Parameters
    ----------
    abreast : bool
        True puts the two fields of view of a judged metric beside each other, False one below the other.
    """
    main = [m for m in result.measurements if not _is_variant(m, result)]
    parts_of = {id(m) for m in main if _is_part(m, result)}
    main = [m for m in main if id(m) not in parts_of or not _is_the_whole(m, result)]
    judged = [m for m in main if _has_row(m) and id(m) not in parts_of]
    others = [m for m in main if not _has_row(m) or id(m) in parts_of]
    series = _series(others)
    shared = {id(m) for members in series for m in members}
    single = [m for m in others if id(m) not in shared]
    most = _SERIES_ABREAST if abreast else _SERIES_NARROW
    drawn = [
        (judged, _judged_abreast(judged) if abreast else [_judged_below(judged)]),
        (single, _unjudged(single)),
        *((members, _series_tables(members, most)) for members in series),
    ]

    def place(part: tuple[Sequence[Measurement], list[Table]]) -> tuple[bool, bool, int]:
        measured = part[0]
        unlimited = all(m.limits is None for m in measured)
        return unlimited, any(id(m) in parts_of for m in measured), main.index(measured[0])

    parts = sorted((part for part in drawn if part[0]), key=place)
    return [table for _, tables in parts for table in tables if table.rows]


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
    names: dict[str, dict[str, list[str]]] = {}
    for missing in result.not_measured:
        if missing.code not in EXPECTED_ABSENCES:
            alike = names.setdefault(f"{missing.reason} [{missing.code}]", {})
            alike.setdefault(missing.name, []).append(missing.of)
    return [
        (", ".join(_named(name, ofs) for name, ofs in alike.items()), reason)
        for reason, alike in names.items()
    ]


def _named(name: str, ofs: Sequence[str]) -> str:
    """Return "name", or "name (3.18 mm, 3.97 mm)" where only some things of it are meant."""
    return name if list(ofs) == [""] else f"{name} ({', '.join(of or 'default' for of in ofs)})"


def _has_row(measurement: Measurement) -> bool:
    return measurement.limits is not None or measurement.noise_floor is not None


def _is_variant(measurement: Measurement, result: Result) -> bool:
    """Say whether it is another reading, without a limit, of a metric that has a main one."""
    return _is_second(measurement, result) and measurement.of not in _things(result)


def _is_part(measurement: Measurement, result: Result) -> bool:
    """Say whether it is the figure of one thing, without a limit, where the metric has one of all things."""
    return _is_second(measurement, result) and measurement.of in _things(result)


def _is_second(measurement: Measurement, result: Result) -> bool:
    return bool(measurement.of) and measurement.limits is None and _main(measurement, result) is not None


def _main(measurement: Measurement, result: Result) -> Measurement | None:
    name = measurement.metric.name
    return next((m for m in result.measurements if m.of == "" and m.metric.name == name), None)


def _is_the_whole(measurement: Measurement, result: Result) -> bool:
    main = _main(measurement, result)
    return main is not None and main.value == measurement.value and len(_things_of(measurement, result)) == 1


def _things_of(measurement: Measurement, result: Result) -> set[str]:
    return {m.of for m in result.measurements if m.of and m.metric.name == measurement.metric.name}


def _things(result: Result) -> set[str]:
    """Return the things that some metric has a figure of, or should have, without one of all: sources, quadrants."""
    known = {(m.metric.name, m.of) for m in result.measurements}
    known |= {(missing.name, missing.of) for missing in result.not_measured}
    whole = {name for name, of in known if of == ""}
    return {of for name, of in known if name not in whole}


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


# --- several metrics of the same things -----------------------------------------------------------------


def _series(measured: Sequence[Measurement]) -> list[list[Measurement]]:
    """Return groups of measurements: two metrics or more of the same two things or more, or of some of them."""
    things: dict[str, list[str]] = {}
    for measurement in measured:
        if measurement.of:
            things.setdefault(measurement.metric.name, []).append(measurement.of)
    groups: list[list[str]] = []
    for name in sorted(things, key=lambda name: -len(things[name])):
        home = next((group for group in groups if set(things[name]) <= set(things[group[0]])), None)
        if home is None:
            groups.append([name])
        else:
            home.append(name)
    return [
        [m for m in measured if m.of and m.metric.name in group]
        for group in groups
        if len(group) > 1 and len(things[group[0]]) > 1
    ]


def _series_tables(members: Sequence[Measurement], most: int) -> list[Table]:
    """Return a table of one series; several alike where it has more metrics than fit beside each other."""
    metrics = list(dict.fromkeys(m.metric for m in members))
    things = list(dict.fromkeys(m.of for m in members))
    known = {(m.metric.name, m.of): wording.plain_quantity(m) for m in members}
    number = -(-len(metrics) // most)
    abreast = -(-len(metrics) // number)
    tables = []
    for part in (metrics[start : start + abreast] for start in range(0, len(metrics), abreast)):
        rows = [(Cell(of), *(Cell(known.get((one.name, of), _NOTHING)) for one in part)) for of in things]
        tables.append(Table(("", *(wording.column_of(metric) for metric in part)), tuple(rows)))
    return tables


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
