"""How numbers, limits and facts are worded, the same on the terminal and in the PDF."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from math import floor, log10
from typing import Any

from nmqc.model import Ends, EnergyWindow, Limits, Measurement, Metric, Position, Refusal, Result, Verdict
from nmqc.report.dates import ISO, date_words

VERDICT_WORDS: dict[Verdict, str] = {
    "pass": "pass",
    "warn": "WARN",
    "fail": "FAIL",
    "unjudged": "unjudged",
}
UNPRINTABLE = "\ufffd"

_DETECTOR_SOURCES = {
    "vector": "as the file says",
    "user": "as the user says",
    "pattern": "by the site's pattern",
    "single-head": "the only head of this system",
}
#: The parameter that names the detectors of a result that is of a pair of them.
_PAIR = "detectors"
#: What stands for the unit of an image whose values have none.
_RELATIVE = "relative"
_SMALLEST_PLAIN = 1e-4
_MOST_DIGITS = 6
_REASONS_SHOWN = 3
MOST_FILES = 6  # of a result, named one by one
_LONGEST_LIST = 120  # characters of a parameter
#: Ends of the names of parameters whose numbers are the sizes of one thing.
_SIZES = ("matrix", "pixel_mm", "voxel_mm", "field_mm", "lit_mm")
#: The parameter that names the series of PET images that a result is of.
_SERIES = "series"


def clean(text: str) -> str:
    """Return the text in one line, with every character that has no printed form made visible."""
    return "".join(_printed(character) for character in text)


def _printed(character: str) -> str:
    category = unicodedata.category(character)
    if character in "\t\n\r" or category.startswith("Z"):
        return " "
    return UNPRINTABLE if category.startswith("C") else character


def columns(rows: Sequence[Sequence[str]], gap: str) -> Iterator[str]:
    """Yield rows of cells as lines of text, each column as wide as its widest cell, with a gap before each."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        yield "".join(gap + cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


# --- numbers --------------------------------------------------------------------------------------------


def decimals(value: float, uncertainty: float | None) -> int:
    """Return how many decimals of a value mean something; negative for tens, hundreds and so on.

    Two significant digits of the uncertainty, where there is one; else three of the value; never more than
    six digits of the value.
    """
    if uncertainty:
        most = _MOST_DIGITS - 1 - _exponent(value) if value else _MOST_DIGITS
        return min(_decimals_for(uncertainty, 2), most)
    return _decimals_for(value, 3) if value else 0


def _exponent(value: float) -> int:
    return floor(log10(abs(value)))


def _decimals_for(value: float, digits: int) -> int:
    """Return the decimals that show so many significant digits, after rounding (0.0996 is 0.10)."""
    wanted = digits - 1 - _exponent(value)
    rounded = round(value, wanted)
    return digits - 1 - _exponent(rounded) if rounded else wanted


def number(value: float, places: int) -> str:
    """Return a number with so many decimals (negative: rounded to tens, hundreds); never "-0"."""
    if 0 < abs(value) < _SMALLEST_PLAIN and places > _MOST_DIGITS:
        return f"{value:.1e}"
    return f"{round(value, places) + 0.0:.{max(places, 0)}f}"


def significant(value: float, digits: int = 3) -> str:
    """Return a number with so many significant digits."""
    return number(value, _decimals_for(value, digits) if value else 0)


def places_of(measurement: Measurement) -> int:
    """Return the decimals to show of a measured value.

    Values are judged unrounded: where rounding would put the value on the other side of a limit, decimals
    are added until it does not.
    """
    value, limits = measurement.value, measurement.limits
    places = decimals(value, measurement.uncertainty)
    if limits is None:
        return places
    while places < 15 and _sides(round(value, places), limits) != _sides(value, limits):
        places += 1
    return places


def _sides(value: float, limits: Limits) -> tuple[bool, bool]:
    judged = abs(value) if limits.of == "magnitude" else value
    return limits.warn.holds(judged), limits.fail.holds(judged)


def quantity(measurement: Measurement) -> str:
    """Return a value with its uncertainty and unit: "2.41 ± 0.14 %"."""
    return with_unit(plain_quantity(measurement), measurement.metric.unit)


def plain_quantity(measurement: Measurement) -> str:
    """Return a value with its uncertainty, for a column that names the unit: "2.41 ± 0.14"."""
    places, uncertainty = places_of(measurement), measurement.uncertainty
    words = number(measurement.value, places)
    return words if uncertainty is None else f"{words} ± {_uncertainty(uncertainty, places)}"


def column_of(metric: Metric) -> str:
    """Return the heading of a column of plain quantities: "bar width / mm"."""
    name = metric.label or metric.name
    if metric.unit == _RELATIVE:
        return with_unit(name, metric.unit)
    return f"{name} / {metric.unit}" if with_unit("", metric.unit) else name


def _uncertainty(uncertainty: float, places: int) -> str:
    if uncertainty == 0:
        return "0"
    return (
        significant(uncertainty, 2) if places < _decimals_for(uncertainty, 2) else number(uncertainty, places)
    )


def with_unit(words: str, unit: str) -> str:
    """Return a number followed by its unit; a ratio has none, and that of a relative value is said in brackets."""
    if unit == _RELATIVE:
        return f"{words} ({unit})"
    return words if unit in ("", "1", "ratio") else f"{words} {unit}"


def noise_floor(measurement: Measurement) -> str:
    """Return the noise floor as "mean (95th percentile)", or "" where there is none."""
    noise = measurement.noise_floor
    if noise is None:
        return ""
    places = min(places_of(measurement), _decimals_for(noise.p95, 3)) if noise.p95 else 0
    return f"{number(noise.mean, places)} ({number(noise.p95, places)})"


# --- limits ---------------------------------------------------------------------------------------------


def limits_words(limits: Limits | None) -> str:
    """Return "warn / fail" as "≤4 / ≤5"; an asterisk marks limits that are not verified."""
    if limits is None:
        return ""
    both = " / ".join(ends_words(ends, limits.of == "magnitude") for ends in (limits.warn, limits.fail))
    return both if limits.verified else f"{both} *"


def ends_words(ends: Ends, magnitude: bool) -> str:
    """Return what is permitted: "≤4", "0.9 to 1.1", "±2", "magnitude ≥1"; "none" without an end."""
    if ends.low is None and ends.high is None:
        return "none"
    if ends.low is None:
        return f"{'±' if magnitude else '≤'}{ends.high:g}"
    words = f"≥{ends.low:g}" if ends.high is None else f"{ends.low:g} to {ends.high:g}"
    return f"magnitude {words}" if magnitude else words


def limit_sources(result: Result, verified: bool) -> list[str]:
    """Return where the limits of a result come from, those that are verified or those that are not."""
    limits = [m.limits for m in result.measurements if m.limits is not None]
    return list(dict.fromkeys(item.source for item in limits if item.verified == verified))


# --- sentences ------------------------------------------------------------------------------------------


def label(measurement: Measurement) -> str:
    """Return what was measured, for people: "integral uniformity, UFOV, strict"."""
    name = measurement.metric.label or measurement.metric.name
    return f"{name}, {measurement.of}" if measurement.of else name


def reasons(result: Result) -> list[str]:
    """Return why the verdict is what it is: the worst values first, a few of them."""
    broken = [m for verdict in ("fail", "warn") for m in result.measurements if m.verdict == verdict]
    words = [_broken(measurement) for measurement in broken[:_REASONS_SHOWN]]
    if len(broken) > _REASONS_SHOWN:
        words.append(
            f"and {_count(len(broken) - _REASONS_SHOWN, 'more value')} beyond a limit: see the table"
        )
    return words + _judgement(result, bool(broken))


def _judgement(result: Result, broken: bool) -> list[str]:
    limited = [m for m in result.measurements if m.limits is not None]
    judged = [m for m in limited if m.verdict != "unjudged"]
    words = []
    if judged and not broken:
        verb = "lies within its" if len(judged) == 1 else "lie within their"
        unverified = sum(1 for m in judged if m.limits is not None and not m.limits.verified)
        note = (
            f" ({'' if unverified == len(judged) else f'{unverified} of them '}unverified)"
            if unverified
            else ""
        )
        words.append(f"{_count(len(judged), 'judged value')} {verb} limits{note}")
    if len(judged) < len(limited):
        count = _count(len(limited) - len(judged), "value")
        words.append(f"{count} with a limit could not be judged: see the remarks")
    return words if limited else ["no limit applies: nothing was judged"]


def _broken(measurement: Measurement) -> str:
    limits = measurement.limits
    if limits is None:
        return f"{label(measurement)}: {_bare(measurement)}"
    ends = limits.fail if measurement.verdict == "fail" else limits.warn
    below = limits.of == "value" and ends.low is not None and measurement.value < ends.low
    magnitude = limits.of == "magnitude"
    end = f"{'±' if magnitude else ''}{ends.low if below else ends.high:g}"
    side = "below" if below else "beyond" if magnitude else "above"
    limit = with_unit(end, limits.unit) + ("" if limits.verified else " (unverified)")
    return f"{label(measurement)}: {_bare(measurement)} is {side} the {measurement.verdict} limit {limit}"


def _bare(measurement: Measurement) -> str:
    return with_unit(number(measurement.value, places_of(measurement)), measurement.metric.unit)


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def position(place: Position) -> str:
    """Return "max (+12.0, -80.5)": x to the right and y down, in mm from the centre of the matrix."""
    x_mm, y_mm = (round(value, 1) + 0.0 for value in (place.x_mm, place.y_mm))
    return f"{place.what} ({x_mm:+.1f}, {y_mm:+.1f})"


def refusal(refused: Refusal) -> str:
    """Return what was refused and why, in one line."""
    which = [f"detector {refused.detector}"] if refused.detector is not None else []
    if refused.energy_window is not None:
        which.append(window(refused.energy_window))
    inside = f" ({', '.join(which)})" if which else ""
    return f"{refused.file}{inside}: {refused.reason}"


# --- facts ----------------------------------------------------------------------------------------------


def detector(result: Result) -> str:
    """Return "detector 1", "detectors 1 and 2", "detector unknown", or "" where the result is of no head."""
    if result.detector is not None:
        return f"detector {result.detector}"
    if _PAIR in result.parameters:
        return f"detectors {_paired(result.parameters[_PAIR])}"
    return "detector unknown" if any(remark.code == "head_unknown" for remark in result.remarks) else ""


def _paired(numbers: Sequence[int]) -> str:
    return " and ".join(str(number) for number in numbers)


def parameter(name: str, value: Any) -> str:
    """Return a parameter and its value in words: "rebin: 11"."""
    return f"{name}: {_paired(value) if name == _PAIR else value_words(value, name)}"


def window(energy_window: EnergyWindow | None) -> str:
    """Return the energy window's name and ranges, or "" where there is none."""
    if energy_window is None:
        return ""
    ranges = " and ".join(f"{low:g} to {high:g} keV" for low, high in energy_window.ranges_kev)
    return ", ".join(part for part in (energy_window.name, ranges) if part)


def camera(result: Result) -> str:
    """Return which camera it is: its unit, its kind, and what the maker calls it."""
    system = result.source.system
    made = " ".join(part for part in (system.manufacturer, system.model) if part)
    return ", ".join(part for part in (system.unit, system.name, made) if part)


def files(result: Result) -> str:
    """Return the names of the files of a result; of many those of their series, or the first and the last."""
    names = [source.file for source in result.source.inputs]
    series = result.parameters.get(_SERIES)
    if len(names) > MOST_FILES and series:
        return f"{len(names)} files of series {' and '.join(series)}"
    return first_to_last(result)


def first_to_last(result: Result) -> str:
    """Return the names of the files of a result; of many, the first and the last."""
    names = [source.file for source in result.source.inputs]
    return ", ".join(names) if len(names) <= MOST_FILES else f"{len(names)} files, {names[0]} to {names[-1]}"


def file_hashes(result: Result) -> list[tuple[str, str]]:
    """Return the files with their hashes; of many, one hash of all hashes in their order."""
    inputs = result.source.inputs
    if len(inputs) <= MOST_FILES:
        return [("file", f"{item.file}, SHA-256 {item.sha256}") for item in inputs]
    together = sha256("".join(item.sha256 for item in inputs).encode()).hexdigest()
    return [("files", f"{first_to_last(result)}; SHA-256 of their SHA-256s, joined: {together}")]


def acquired(result: Result, language: str = ISO) -> str:
    """Return when the data were acquired, in the scanner's local time, with the date in a language."""
    if result.source.acquired is None:
        return "time unknown"
    return date_words(result.source.acquired, language)


def facts(result: Result, language: str = ISO) -> list[tuple[str, str]]:
    """Return what a reader wants to know of the acquisition, as names and values; unknown ones left out."""
    source = result.source
    heads, _, head = detector(result).partition(" ")
    if result.detector is not None and result.detector_source is not None:
        head += f" ({_DETECTOR_SOURCES[result.detector_source]})"
    rows = [
        ("camera", camera(result)),
        (heads, head),
        ("acquired", acquired(result, language)),
        ("window", window(result.energy_window)),
        ("image", _image(result)),
        ("source", ", ".join(part for part in (source.radionuclide, _collimator(result)) if part)),
        ("file", files(result)),
    ]
    return [(name, words) for name, words in rows if words]


def _collimator(result: Result) -> str:
    if result.collimator == "NONE":
        return "no collimator"
    return f"collimator {result.collimator}" if result.collimator else ""


def _image(result: Result) -> str:
    counts, duration = result.total_counts, result.duration_s
    parts = [f"{counts:,} counts".replace(",", " ")] if counts is not None else []
    if duration is not None:
        parts.append(f"in {duration:g} s" if counts is not None else f"{duration:g} s for a bed position")
    matrix, voxel = result.parameters.get("matrix"), result.parameters.get("voxel_mm")
    shape = f"matrix {value_words(matrix)}" if matrix is not None else ""
    if voxel is not None:
        shape += f", voxels of {' x '.join(f'{width:.4g}' for width in voxel)} mm"
    return ", ".join(part for part in (" ".join(parts), shape) if part)


def value_words(value: Any, name: str = "matrix") -> str:
    """Return the value of a parameter in words: numbers to six digits, sizes with "x" between them.

    What is inside another value stands in brackets. A list that would take many words is counted instead.

    Parameters
    ----------
    name : of the parameter, by which two or three numbers are known for sizes; by default they are
    """
    return _words(value, name, inside=False)


def _words(value: Any, name: str, inside: bool) -> str:
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Mapping):
        words = "; ".join(f"{key} {_words(item, key, inside=True)}" for key, item in value.items())
        return f"({words})" if inside and words else words or "none"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return _list_words(value, name)
    return str(value) or "none"


def _list_words(value: Sequence[Any], name: str) -> str:
    numbers = bool(value) and all(isinstance(item, int | float) for item in value)
    separator = " x " if numbers and len(value) in (2, 3) and name.endswith(_SIZES) else ", "
    each = (_words(item, "", inside=True) for item in value)
    words = separator.join(
        f"({one})" if isinstance(item, list | tuple) else one for item, one in zip(value, each, strict=True)
    )
    if len(words) <= _LONGEST_LIST:
        return words or "none"
    if numbers:
        return f"{len(value)} numbers from {_words(min(value), '', True)} to {_words(max(value), '', True)}"
    return f"{len(value)}, given in the JSON"
