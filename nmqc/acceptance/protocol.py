"""Protocols of acceptance: which tests, on which acquisitions, against which specifications; in TOML.

The built-in ones lie in `nmqc/data/protocols`. A protocol is read whole before anything is analysed, and any mistake
in it stops the command.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from nmqc import catalogue
from nmqc.acceptance.judge import CONFIDENCE, Judged, Specification
from nmqc.catalogue import Test
from nmqc.config import Rule
from nmqc.limits import JUDGED, NUCLIDE, Conditions
from nmqc.model import Ends, Metric
from nmqc.toml_reader import BadFile, Document, Mistake, Table, nearest, read_text_file, shown

BUILT_IN = Path(__file__).parents[1] / "data" / "protocols"
#: a name of two detectors, as pairs of them are called
PAIR = re.compile(r"[1-9][0-9]*-[1-9][0-9]*")
_PLAIN_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_MOST_ELSEWHERE = 40

#: (test, option, value as written) -> value as it is used; or ValueError, which says what is wrong.
ReadOption = Callable[[str, str, Any], Any]


@dataclass(frozen=True, slots=True)
class Requirement:
    """One quantity that a test must deliver.

    Attributes
    ----------
    metric, of : which measurement
    specification : what is required of it; None: it is recorded and not judged
    further_uncertainty : standard uncertainty that the measurement does not know of, in its unit
    line : where it stands in the file
    """

    metric: Metric
    of: str
    specification: Specification | None
    further_uncertainty: float
    line: int

    @property
    def of_a_pair(self) -> bool:
        """Say whether it is of two detectors."""
        return PAIR.fullmatch(self.of) is not None


@dataclass(frozen=True, slots=True)
class Need:
    """What an acquisition must be, to be of a test, by a number measured on it: such as its counts per pixel."""

    metric: Metric
    ends: Ends


@dataclass(frozen=True, slots=True)
class Part:
    """One test of a protocol.

    Attributes
    ----------
    name, title : of this test in this protocol
    test : of the catalogue
    clause : which clauses of which standards it follows
    acquire : how it is acquired, in words
    conditions : collimator and nuclide of its acquisitions
    description : a regular expression searched in the series description, without regard to case; "": any
    parameters : what a result's parameters must be, such as slits_along "y"
    needs : what must hold of measured numbers
    options : of the test, as in a rule of the site's configuration
    requirements : at least one
    """

    name: str
    title: str
    test: Test
    clause: str
    acquire: str
    conditions: Conditions
    description: str
    parameters: Mapping[str, Any]
    needs: tuple[Need, ...]
    options: Mapping[str, Any]
    requirements: tuple[Requirement, ...]


@dataclass(frozen=True, slots=True)
class Protocol:
    """A protocol.

    Attributes
    ----------
    title : for people
    system : kind of system that it is for
    heads : detectors each of which must meet each requirement; () where the system has none
    confidence : probability of conformity, or of the contrary, from which on something is decided
    parts : the tests, at least one
    elsewhere : what belongs to an acceptance and is not in this protocol, in words
    file : name of the file; sha256 : of its bytes
    """

    title: str
    system: str
    heads: tuple[int, ...]
    confidence: float
    parts: tuple[Part, ...]
    elsewhere: tuple[str, ...]
    file: str
    sha256: str

    def rules(self) -> tuple[Rule, ...]:
        """Return the rules that make a batch analyse the acquisitions as the protocol asks for it."""
        return tuple(
            Rule(part.test.name, system=self.system, description=part.description, options=part.options)
            for part in self.parts
            if part.options
        )


@dataclass(frozen=True, slots=True)
class Options:
    """The options that each test may be given, and what reads their values."""

    known: Mapping[str, frozenset[str]] = field(default_factory=dict)
    read: ReadOption = lambda _test, _option, value: value


def built_in() -> tuple[str, ...]:
    """Return the names of the protocols that come with nmqc."""
    return tuple(sorted(path.stem for path in BUILT_IN.glob("*.toml")))


def built_in_file(name: str) -> Path:
    """Return the file of a protocol that comes with nmqc."""
    return BUILT_IN / f"{name}.toml"


def load(path: Path, options: Options) -> Protocol:
    """Return the protocol in a file.

    Raises
    ------
    BadFile
        If it holds mistakes: all of them, each with its line.
    BadConfiguration
        If it cannot be read.
    """
    document = Document.open(path)
    protocol = _protocol(document, path, options)
    document.finish()
    return protocol


def check(path: Path, options: Options) -> tuple[Mistake, ...]:
    """Return every mistake in a protocol, in order of the lines; () where there is none.

    Raises
    ------
    BadConfiguration
        If the file cannot be read at all.
    """
    try:
        load(path, options)
    except BadFile as bad:
        return bad.mistakes
    return ()


# --- reading --------------------------------------------------------------------------------------------


def _protocol(document: Document, path: Path, options: Options) -> Protocol:
    root = document.root
    title, system = root.text("title", required=True) or "", root.text("system", required=True) or ""
    heads, confidence = _heads(root), _confidence(root)
    tables = root.tables("test")
    if not tables:
        root.mistake(None, "there is no test: expected at least one [[test]]")
    parts = [_part(table, heads, options) for table in tables]
    _refuse_same_names(parts, tables)
    words = "an array of texts"
    elsewhere = root.texts("elsewhere", words, most=_MOST_ELSEWHERE)
    digest = sha256(read_text_file(path)).hexdigest()
    known = tuple(part for part in parts if part is not None)
    return Protocol(title, system, heads, confidence, known, elsewhere, path.name, digest)


def _heads(root: Table) -> tuple[int, ...]:
    words = "an array of the numbers of its detectors, such as [1, 2]"
    values = root.value("heads", list, words, required=False)
    if values is None:
        return ()
    known = tuple(one for one in values if isinstance(one, int) and not isinstance(one, bool) and one >= 1)
    if not known or len(set(known)) < len(values):
        root.mistake("heads", f"heads: expected {words}")
    return tuple(dict.fromkeys(known))


def _confidence(root: Table) -> float:
    value = root.number("confidence")
    if value is not None and not 0.5 < value < 1:
        root.mistake("confidence", f"confidence: expected a number above 0.5 and below 1, found {value:g}")
        return CONFIDENCE
    return CONFIDENCE if value is None else value


def _refuse_same_names(parts: Sequence[Part | None], tables: Sequence[Table]) -> None:
    lines: dict[str, int] = {}
    for part, table in zip(parts, tables, strict=True):
        if part is not None and lines.setdefault(part.name, table.line()) != table.line():
            table.mistake("name", f"name: {shown(part.name)} is the test of line {lines[part.name]} already")


def _part(table: Table, heads: Sequence[int], options: Options) -> Part | None:
    name, test = _name(table), _test(table)
    title, clause = table.text("title", required=True) or "", table.text("clause", required=True) or ""
    acquire = table.text("acquire") or ""
    conditions = Conditions(collimator=table.text("collimator"), nuclide=_nuclide(table))
    description = _pattern(table)
    parameters = _parameters(table.table("parameters", '{ slits_along = "y" }'))
    inner = table.table("options", "[test.options] with replicates = 0")
    chosen = _options(inner, test, options)
    if inner is not None and not table.holds("description"):
        text = "options: they need a description, which says of which acquisitions they hold"
        table.mistake("options", text)
    needs = tuple(one for one in (_need(each, test) for each in table.tables("need")) if one is not None)
    requirements = _requirements(table, test, heads)
    if test is None:
        return None
    return Part(
        *(name, title, test, clause, acquire, conditions),
        *(description, parameters, needs, chosen, requirements),
    )


def _name(table: Table) -> str:
    name = table.text("name", required=True) or ""
    if name and not _PLAIN_NAME.fullmatch(name):
        table.mistake("name", 'name: expected small letters, digits and "-", such as "intrinsic-uniformity"')
    return name


def _test(table: Table) -> Test | None:
    name = table.text("test", required=True)
    found = next((test for test in catalogue.TESTS if test.name == name), None)
    if name is not None and found is None:
        names = [test.name for test in catalogue.TESTS]
        table.mistake("test", f"test: there is no test {shown(name)}{nearest(name, names) or _known(names)}")
    return found


def _known(names: Sequence[str]) -> str:
    return f"; known here: {', '.join(names)}"


def _nuclide(table: Table) -> str | None:
    nuclide = table.text("nuclide")
    if nuclide and not NUCLIDE.fullmatch(nuclide):
        table.mistake("nuclide", 'nuclide: expected it written as "Tc-99m" or "Co-57"')
    return nuclide


def _pattern(table: Table) -> str:
    pattern = table.text("description") or ""
    try:
        re.compile(pattern)
    except re.error as problem:
        table.mistake("description", f"description: no regular expression ({problem})")
        return ""
    return pattern


def _parameters(table: Table | None) -> dict[str, Any]:
    names = () if table is None else table.keys()
    return {name: table.plain(name) for name in names} if table is not None else {}


def _options(table: Table | None, test: Test | None, options: Options) -> dict[str, Any]:
    """Return the options of a test, each read as its command would read it."""
    if table is None:
        return {}
    known = sorted(options.known.get(test.name, ())) if test is not None else None
    found = {}
    names = table.keys()
    for key in names:
        value = table.plain(key)
        if known is not None and test is not None and value is not None:
            if key not in known:
                table.mistake(
                    key, f"{test.name} has no option {shown(key)}{nearest(key, known) or _known(known)}"
                )
                continue
            try:
                found[key] = options.read(test.name, key, value)
            except ValueError as problem:
                table.mistake(key, f"{key}: {problem}")
    return found


def _metric(table: Table, test: Test | None) -> Metric | None:
    """Return the metric that a table names, of a test, in its unit."""
    name, unit = table.text("metric", required=True), table.text("unit", required=True, blank=True)
    if name is None or test is None:
        return None
    found = next((metric for metric in test.metrics if metric.name == name), None)
    if found is None:
        table.mistake("metric", _no_metric(name, test))
    elif unit is not None and unit != found.unit:
        table.mistake("unit", f'unit: {name} is in "{found.unit}", not in {shown(unit)}')
    return found


def _no_metric(name: str, test: Test) -> str:
    other = next((one.name for one in catalogue.TESTS if name in {m.name for m in one.metrics}), None)
    if other is not None:
        return f"metric: {name} is measured by {other}, not by {test.name}"
    return f"metric: unknown metric {shown(name)}{nearest(name, [metric.name for metric in test.metrics])}"


def _need(table: Table, test: Test | None) -> Need | None:
    metric = _metric(table, test)
    ends = Ends(table.number("low"), table.number("high"))
    if ends == Ends():
        table.mistake(None, "need: expected low or high or both")
    return None if metric is None else Need(metric, ends)


def _requirements(table: Table, test: Test | None, heads: Sequence[int]) -> tuple[Requirement, ...]:
    tables = table.tables("requirement")
    if not tables:
        table.mistake(None, "this test requires nothing: expected at least one [[test.requirement]]")
    lines: dict[tuple[str, str], int] = {}
    found = []
    for inner in tables:
        one = _requirement(inner, test, heads)
        if one is None:
            continue
        first = lines.setdefault((one.metric.name, one.of), one.line)
        if first != one.line:
            inner.mistake("metric", f"metric: the same is required in line {first} already")
        found.append(one)
    return tuple(found)


def _requirement(table: Table, test: Test | None, heads: Sequence[int]) -> Requirement | None:
    metric, of = _metric(table, test), table.text("of") or ""
    on: Judged = "value"
    if table.holds("on"):
        on = table.choice("on", JUDGED) or "value"
    specification = _specification(table, metric, on)
    further = table.number("further_uncertainty")
    if further is not None and further < 0:
        table.mistake("further_uncertainty", "further_uncertainty: expected a number of 0 or more")
    if metric is not None:
        _check_pair(table, metric, of, heads)
    return None if metric is None else Requirement(metric, of, specification, further or 0.0, table.line())


def _check_pair(table: Table, metric: Metric, of: str, heads: Sequence[int]) -> None:
    pairs = catalogue.pair_metrics()
    if metric.name in pairs and not PAIR.fullmatch(of):
        table.mistake("of", f'of: {metric.name} is of two detectors: expected of = "1-2"')
    elif PAIR.fullmatch(of) and metric.name not in pairs:
        table.mistake("of", f"of: {metric.name} is not of two detectors")
    elif PAIR.fullmatch(of) and not {int(part) for part in of.split("-")} <= set(heads):
        table.mistake("of", f"of: {shown(of)} is of detectors that heads does not name")


def _specification(table: Table, metric: Metric | None, on: Judged) -> Specification | None:
    inner = table.table("limit", "{ high = 3.7 }")
    source = table.text("source", required=inner is not None)
    verified = table.flag("verified", default=False)
    if inner is None:
        if verified or table.holds("on"):
            table.mistake(
                None, "without a limit there is nothing to be verified or to hold: leave out on, verified"
            )
        return None
    ends = Ends(inner.number("low"), inner.number("high"))
    if ends == Ends():
        table.mistake("limit", "limit: expected low or high or both, such as limit = { high = 3.7 }")
    elif ends.low is not None and ends.high is not None and ends.low > ends.high:
        table.mistake("limit", f"limit: low {ends.low:g} is above high {ends.high:g}")
    elif on == "magnitude" and ends.high is not None and ends.high < 0:
        table.mistake("limit", "limit: a magnitude is never negative: no value could pass")
    return Specification(ends, on, metric.unit if metric else "", source or "", verified)
