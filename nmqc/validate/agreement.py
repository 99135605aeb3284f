"""Real files, and what other programs say of them: `agreement.toml` beside the files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nmqc.catalogue import metric_units
from nmqc.errors import BadConfiguration
from nmqc.toml_reader import Document, Table, nearest
from nmqc.validate.judge import Said

FILE_NAME = "agreement.toml"
#: commands that may stand there, and the options that they may have: what says how to measure, and writes nothing
COMMANDS = ("uniformity", "resolution", "cor", "pet")
OPTIONS = frozenset(
    {
        "--phantom",
        "--bars",
        "--separation",
        "--detector",
        "--only-detector",
        "--edge-policy",
        "--edge-margin",
        "--rebin",
        "--source-distance",
        "--ratio",
        "--ratio-uncertainty",
        "--sphere-bqml",
        "--background-bqml",
        "--slice",
        "--edition",
        "--lung-exclusion",
        "--lung-background",
        "--series",
        "--pixel-mm",
        "--sense",
        "--sphere-phase",
        "--header-dose",
        "--system",
    }
)
#: of them those that no value follows
FLAGS = frozenset({"--header-dose"})


@dataclass(frozen=True, slots=True)
class Recorded:
    """What another program says of a file.

    Attributes
    ----------
    file : relative to the folder
    command : words after `nmqc`, without the file
    detector : None where the result has none, or any will do
    """

    file: str
    command: tuple[str, ...]
    metric: str
    of: str
    detector: int | None
    value: float
    unit: str
    tolerance: float
    program: str
    why: str


@dataclass(frozen=True, slots=True)
class Compared:
    """A recorded number beside ours; `measured` is None where there is none, and `reason` says why."""

    file: str
    command: str
    metric: str
    of: str
    unit: str
    program: str
    value: float
    measured: float | None
    uncertainty: float | None
    tolerance: float
    why: str
    reason: str

    @property
    def said(self) -> Said:
        """Whether the two agree."""
        if self.measured is None:
            return "untested"
        return "met" if abs(self.measured - self.value) <= self.tolerance else "not met"

    def sentence(self) -> str:
        """Say what was compared, and what came of it."""
        what = f"{self.file}: {self.metric}{f' ({self.of})' if self.of else ''}"
        if self.measured is None:
            return f"{what}: not compared with {self.program}: {self.reason}"
        return (
            f"{what}: {self.measured:.4g} {self.unit}, {self.program} has {self.value:g}: "
            f"{abs(self.measured - self.value):.3g} apart, {self.tolerance:g} allowed"
        )


def read(folder: Path) -> tuple[Recorded, ...]:
    """Return what stands in a folder's `agreement.toml`.

    Raises
    ------
    BadFile
        With every mistake.
    BadConfiguration
        ``no_agreement``: there is no such file, or nothing in it.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        raise BadConfiguration(
            "no_agreement",
            f"there is no {FILE_NAME} in the folder of --data: write one as docs/validation-data.md shows",
        )
    document = Document.open(path)
    found = [_recorded(table) for table in document.root.tables("agreement")]
    document.finish()
    kept = tuple(one for one in found if one is not None)
    if not kept:
        raise BadConfiguration(
            "no_agreement", f"{FILE_NAME} holds no [[agreement]]: see docs/validation-data.md"
        )
    return kept


def arguments(recorded: Recorded, folder: Path) -> list[str]:
    """Return what is typed after `nmqc` to measure a file."""
    return [*recorded.command, str(folder / recorded.file), "--json", "--no-record"]


def compared(recorded: Recorded, printed: Mapping[str, Any]) -> Compared:
    """Lay a recorded number beside the object that the command printed; beside none where anything was refused."""
    for one in printed["refused"]:
        return laid_beside(recorded, None, None, one["reason"])
    results = printed["results"]
    found = [
        m
        for result in results
        if recorded.detector in (None, result["detector"])
        for m in result["measurements"]
        if (m["name"], m["of"]) == (recorded.metric, recorded.of)
    ]
    if len(found) == 1:
        return laid_beside(recorded, found[0]["value"], found[0]["uncertainty"], "")
    if found:
        return laid_beside(recorded, None, None, f"{len(found)} results have this metric: name the detector")
    told = [
        one["reason"]
        for result in results
        for one in result["not_measured"]
        if (one["name"], one["of"]) == (recorded.metric, recorded.of)
    ]
    return laid_beside(recorded, None, None, told[0] if told else "the command gives no such number")


def laid_beside(
    recorded: Recorded, measured: float | None, uncertainty: float | None, reason: str
) -> Compared:
    """Return a comparison."""
    return Compared(
        file=recorded.file,
        command=" ".join(("nmqc", *recorded.command)),
        metric=recorded.metric,
        of=recorded.of,
        unit=recorded.unit,
        program=recorded.program,
        value=recorded.value,
        measured=measured,
        uncertainty=uncertainty,
        tolerance=recorded.tolerance,
        why=recorded.why,
        reason=reason,
    )


def _recorded(table: Table) -> Recorded | None:
    texts = {
        key: table.text(key, required=True) for key in ("file", "command", "metric", "unit", "program", "why")
    }
    of = table.text("of", blank=True) or ""
    detector = table.from_one("detector")
    numbers = {key: table.number(key) for key in ("value", "tolerance")}
    for key, value in numbers.items():
        if value is None and not table.holds(key):
            table.mistake(None, f"{key} is missing: expected a number")
    if numbers["tolerance"] is not None and numbers["tolerance"] < 0:
        table.mistake("tolerance", "tolerance: expected a number of 0 or more")
    metric, unit, file = texts["metric"], texts["unit"], texts["file"]
    command = tuple((texts["command"] or "").removeprefix("nmqc ").split())
    _check(table, metric, unit, file, command)
    if None in (*texts.values(), *numbers.values()):
        return None
    return Recorded(
        file or "",
        command,
        metric or "",
        of,
        detector,
        numbers["value"] or 0.0,
        unit or "",
        numbers["tolerance"] or 0.0,
        texts["program"] or "",
        texts["why"] or "",
    )


def _check(
    table: Table, metric: str | None, unit: str | None, file: str | None, command: tuple[str, ...]
) -> None:
    """Note an unknown metric, another unit, a file outside the folder, and what no command should be asked."""
    units = metric_units()
    if metric is not None and metric not in units:
        table.mistake("metric", f"metric: there is no {metric}{nearest(metric, list(units))}")
    elif metric is not None and unit is not None and unit != units[metric]:
        table.mistake("unit", f'unit: expected "{units[metric]}", that of {metric}')
    if file is not None and (Path(file).is_absolute() or ".." in Path(file).parts):
        table.mistake("file", "file: expected a path in the folder of this file")
    if command and command[0] not in COMMANDS:
        table.mistake("command", f"command: expected one of {', '.join(COMMANDS)}, with its options")
    for mistake in _misused(command[1:]):
        table.mistake("command", f"command: {mistake}")


def _misused(words: Sequence[str]) -> Iterator[str]:
    """Yield what is no option with its value: a file would be measured in the place of the one that is named."""
    waiting = ""
    for word in words:
        name, equals, _ = word.partition("=")
        if word.startswith("-") and name not in OPTIONS:
            yield f"{word} is not an option that may stand here"
        elif not word.startswith("-") and not waiting:
            yield f"{word} follows no option: the file stands in file"
        waiting = name if word.startswith("-") and not equals and name not in FLAGS else ""
    if waiting:
        yield f"{waiting} has no value"
