"""Requirements as data: what is asked of each metric, in TOML, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from nmqc.catalogue import metric_units
from nmqc.errors import BadConfiguration
from nmqc.toml_reader import Document, Table, nearest
from nmqc.validate.statistics import Group

What = Literal["exact", "bias", "sd", "stated", "within_1", "within_2", "measured"]
WHATS: tuple[What, ...] = get_args(What)
OF_TRUTH = "% of truth"
ALL = "*"
#: what -> its unit, where that is not the metric's
UNITS: Mapping[What, str] = {"stated": "ratio", "within_1": "part", "within_2": "part", "measured": "part"}
BUILT_IN = Path(__file__).parents[1] / "data" / "requirements.toml"


@dataclass(frozen=True, slots=True)
class Requirement:
    """What is asked of some metrics.

    Attributes
    ----------
    metrics : names; () for all
    ofs : families of each; () for all
    what : see the head of ``nmqc/data/requirements.toml``
    low, high : the value must lie between them, ends included; None: no end on that side
    unit : of the ends: that of the metric, "% of truth", "ratio" or "part"
    """

    metrics: tuple[str, ...]
    ofs: tuple[str, ...]
    what: What
    low: float | None
    high: float | None
    unit: str
    why: str

    def is_of(self, group: Group) -> bool:
        """Say whether it is asked of a group."""
        _, metric, family = group
        return (not self.metrics or metric in self.metrics) and (not self.ofs or family in self.ofs)

    @property
    def bound(self) -> str:
        """The ends in words."""
        shown = "" if self.unit in ("ratio", "part") else f" {self.unit}"
        if self.low is not None and self.high is not None:
            return f"{self.low:g} to {self.high:g}{shown}"
        return f"at least {self.low:g}{shown}" if self.low is not None else f"at most {self.high:g}{shown}"


def load(path: Path = BUILT_IN) -> tuple[Requirement, ...]:
    """Return the requirements in a file.

    Raises
    ------
    BadFile
        With every mistake: an unknown metric, a unit that is not the metric's, a row without a reason.
    BadConfiguration
        If it cannot be read, or holds no requirement.
    """
    document = Document.open(path)
    found = [_requirement(table) for table in document.root.tables("requirement")]
    document.finish()
    kept = tuple(one for one in found if one is not None)
    if not kept:
        raise BadConfiguration(
            "no_requirements",
            f"{path.name} holds no [[requirement]]: begin with the file that comes with nmqc",
        )
    return kept


def _requirement(table: Table) -> Requirement | None:
    metrics, ofs = _names(table, "metric"), _names(table, "of", blank=True)
    what = table.choice("what", WHATS)
    unit, why = table.text("unit", required=True), table.text("why", required=True)
    low, high = _ends(table, what)
    if what is None or unit is None or why is None or (low is None and high is None):
        return None
    _check(table, metrics, what, unit)
    return Requirement(metrics, ofs, what, low, high, unit, why)


def _names(table: Table, key: str, *, blank: bool = False) -> tuple[str, ...]:
    """Return one name or several; () where all are meant."""
    if not table.holds(key):
        table.mistake(None, f'{key} is missing: expected a name, names in brackets, or "*"')
        return ()
    value = table.plain(key) if table.holds(key) else None
    listed = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str) and (one or blank) for one in listed):
        table.mistake(key, f'{key}: expected a name, names in brackets, or "*"')
        return ()
    names = tuple(str(one) for one in listed)
    return () if names == (ALL,) else names


def _ends(table: Table, what: What | None) -> tuple[float | None, float | None]:
    """Return the ends of what is permitted."""
    value = table.plain("bound") if table.holds("bound") else None
    numbers = [_number(one) for one in (value if isinstance(value, list) else [value])]
    low, high = numbers[0], numbers[-1]
    if what == "stated":
        if (
            isinstance(value, list)
            and len(value) == 2
            and low is not None
            and high is not None
            and low <= high
        ):
            return low, high
        table.mistake("bound", "bound: expected the lowest and the highest ratio, such as [0.7, 1.5]")
    elif isinstance(value, list) or low is None:
        table.mistake("bound", "bound: expected a number of 0 or more")
    elif what is None or UNITS.get(what) != "part":
        return None, low
    elif low <= 1:
        return low, None
    else:
        table.mistake("bound", "bound: expected a part from 0 to 1")
    return None, None


def _number(value: object) -> float | None:
    """Return a number of 0 or more; None where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        return None
    return float(value)


def _check(table: Table, metrics: Iterable[str], what: What, unit: str) -> None:
    """Note unknown metrics, and units that cannot be."""
    units = metric_units()
    for metric in metrics:
        if metric not in units:
            table.mistake("metric", f"metric: there is no {metric}{nearest(metric, list(units))}")
        elif what in UNITS and unit != UNITS[what]:
            table.mistake("unit", f'unit: expected "{UNITS[what]}" for "{what}"')
        elif what not in UNITS and unit not in (OF_TRUTH, units[metric]):
            table.mistake("unit", f'unit: expected "{units[metric]}", that of {metric}, or "{OF_TRUTH}"')
    if not tuple(metrics) and what != "measured":
        table.mistake(
            "metric", 'metric: "*" is for "measured" alone: what else is asked differs between metrics'
        )
