"""`nmqc history show N --rerun FILE...`: a recorded result made again, and whether it is the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nmqc import __version__
from nmqc.cli import common
from nmqc.cli.opened import opened
from nmqc.errors import NmqcError
from nmqc.limits import Conditions, Limit, LimitSet, judge
from nmqc.model import Limits, Result, Verdict

if TYPE_CHECKING:
    from nmqc.history import Entry
    from nmqc.revalidate.rerun import Number, Rerun

SCHEMA = "nmqc.rerun/1"
_MOST_SAID = 10
_VERDICTS = ("recorded", "then", "today")


@dataclass(frozen=True, slots=True)
class Judgement:
    """How a measurement was judged, and how its number of today is: by the limits of then, and of today."""

    metric: str
    of: str
    recorded: Verdict
    then: Verdict
    today: Verdict
    limits_recorded: Limits | None
    limits_today: Limits | None

    @property
    def other_limits(self) -> bool:
        """True where the limits have changed: where they are from, and whether verified, counts too."""
        return self.limits_recorded != self.limits_today


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What came of making a result again; `judged` is that of today, by the limits of today."""

    found: Rerun
    judgements: tuple[Judgement, ...]
    judged: Result | None

    @property
    def status(self) -> int:
        """The exit status: 4 where a number, or the verdict by the limits of then, is another."""
        other = any(one.recorded != one.then for one in self.judgements)
        return 4 if other or self.found.status == "differs" else 0


def run(number: int, files: Sequence[Path], db: str | None, config: Path | None, as_json: bool) -> int:
    """Make a result again and say what came of it; return the exit status.

    Raises
    ------
    NmqcError
        If it cannot be made again, with the reason.
    """
    where: str | None = None
    entry: Entry | None = None
    try:
        with opened(db, config, read_only=True) as (address, history):
            where, entry = address.shown, history.get(number)
        outcome = _made_again(entry, files, common.open_site(config))
    except NmqcError as reason:
        if as_json:
            _print(_document(where, number, entry, None, reason))
        raise
    if as_json:
        _print(_document(where, number, entry, outcome))
    else:
        click.echo("\n".join(_text(number, outcome)))
    for refusal in outcome.found.refused:
        common.say(f"{refusal.file}: {refusal.reason}")
    return outcome.status


def _made_again(entry: Entry, files: Sequence[Path], site: common.Site) -> Outcome:
    from nmqc.dicom import ReadOptions
    from nmqc.revalidate.rerun import rerun

    read = ReadOptions(site=site.config.systems, show_file_names=site.config.show_file_names)
    found = rerun(entry, files, read)
    if found.result is None:
        return Outcome(found, (), None)
    from nmqc.report.document import result_from_json

    recorded = result_from_json(found.stored)
    then = judge(found.result, _limits_of(recorded))
    today = judge(found.result, site.with_limits(_asked_for(recorded)).limits)
    return Outcome(found, tuple(_judgements(recorded, then, today)), today)


def _limits_of(recorded: Result) -> LimitSet:
    """Return the limits that judged a result, as they are recorded with it."""
    return LimitSet(
        tuple(
            Limit(one.metric.name, one.of, one.limits, Conditions(), "built-in", "", 0)
            for one in recorded.measurements
            if one.limits is not None
        )
    )


def _asked_for(recorded: Result) -> LimitSet | None:
    """Return the limits that were asked for when the result was made: bands of EARL."""
    standard = recorded.asked.get("earl")
    if standard is None:
        return None
    from nmqc.earl import earl_limits

    return earl_limits(standard)


def _judgements(recorded: Result, then: Result, today: Result) -> Iterator[Judgement]:
    """Yield the judgements of what was judged then, or is today."""
    by_then, by_today = ({(m.metric.name, m.of): m for m in one.measurements} for one in (then, today))
    for was in recorded.measurements:
        key = was.metric.name, was.of
        if key in by_today and (was.limits or by_today[key].limits):
            verdicts = was.verdict, by_then[key].verdict, by_today[key].verdict
            yield Judgement(*key, *verdicts, was.limits, by_today[key].limits)


# --- JSON -----------------------------------------------------------------------------------------------


def _document(
    where: str | None, number: int, entry: Entry | None, outcome: Outcome | None, *refused: NmqcError
) -> dict[str, Any]:
    """Return the object of the JSON Schema ``docs/schema/nmqc.rerun-1.json``."""
    from nmqc.history.export import entry_json
    from nmqc.report.document import result_json

    found = outcome.found if outcome else None
    judged = outcome.judged if outcome else None
    reasons: list[Any] = [*(found.refused if found else ()), *refused]
    return {
        "schema": SCHEMA,
        "nmqc": __version__,
        "history": where,
        "number": number,
        "status": found.status if found else None,
        "why": _why(found) if found else None,
        "numbers": found.numbers if found else 0,
        "differences": [{**asdict(one), "rounding": one.is_rounding} for one in found.differences]
        if found
        else [],
        "gone": list(found.gone) if found else [],
        "new": list(found.new) if found else [],
        "changed": [asdict(one) for one in found.changed] if found else [],
        "judgements": [asdict(one) for one in outcome.judgements] if outcome else [],
        "entry": entry_json(entry) if entry else None,
        "result": result_json(judged, None) if judged else None,
        "refused": [{"code": one.code, "reason": one.reason} for one in reasons],
    }


def _print(document: Mapping[str, Any]) -> None:
    from nmqc.report.document import dump

    click.echo((dump(document) + "\n").encode(), nl=False)


# --- text -----------------------------------------------------------------------------------------------


def _text(number: int, outcome: Outcome) -> Iterator[str]:
    found = outcome.found
    yield f"result {number}, {found.stored['algorithm']}: {_how(found)}"
    for one in found.differences[:_MOST_SAID]:
        yield f"  {_named(one.metric, one.of)}, {one.what}: {_step(one)}"
    if len(found.differences) > _MOST_SAID:
        yield f"  and {len(found.differences) - _MOST_SAID} more numbers: --json lists all"
    for name in found.gone[:_MOST_SAID]:
        yield f"  {name}: recorded, and not had today"
    for name in found.new[:_MOST_SAID]:
        yield f"  {name}: measured today, and not recorded"
    why = _why(found)
    if why:
        yield f"  {why}"
    yield from _judged(outcome.judgements)


def _how(found: Rerun) -> str:
    if found.result is None:
        return "it is refused today"
    if found.status == "identical":
        return f"the same to the last bit ({found.numbers} numbers)"
    count = f"{len(found.differences)} of {found.numbers} numbers differ"
    largest = max((one.relative for one in found.differences if one.relative is not None), default=None)
    most = "" if largest is None else f", by {largest:.1e} of the number at most"
    if found.status == "rounding":
        return f"the same but for the last digits: {count}{most}"
    return f"not the same: {count}{most}" + (f"; {len(found.gone)} are gone" if found.gone else "")


def _step(one: Number) -> str:
    sigmas = "" if one.sigmas is None else f" ({one.sigmas:.2g} uncertainties)"
    return f"{one.recorded!r} then, {one.now!r} now, {one.unit}{sigmas}"


def _why(found: Rerun) -> str | None:
    """Return why numbers may differ; None where none does and nothing has changed."""
    if found.changed:
        return "not as it was: " + "; ".join(
            f"{one.what} {one.then or 'not recorded'}, now {one.now or 'not there'}" for one in found.changed
        )
    if found.status == "identical":
        return None
    return (
        "nothing that is recorded has changed: the record was altered, or this is a defect of nmqc; report it "
        "with both numbers"
    )


def _judged(judgements: Sequence[Judgement]) -> Iterator[str]:
    """Yield how it is judged, where limits or verdicts are not as they were."""
    others = [one for one in judgements if one.other_limits or len({one.recorded, one.then, one.today}) > 1]
    for one in others[:_MOST_SAID]:
        verdicts = ", ".join(
            f"{getattr(one, name)} {words}"
            for name, words in zip(
                _VERDICTS, ("then", "today by the limits of then", "by those of today"), strict=True
            )
        )
        changed = "its limits have changed: " if one.other_limits else ""
        yield f"  {_named(one.metric, one.of)}: {changed}{verdicts}"
    if len(others) > _MOST_SAID:
        yield f"  and {len(others) - _MOST_SAID} more verdicts: --json lists all"


def _named(metric: str, of: str) -> str:
    return f"{metric} {of}".strip()
