"""`nmqc limits`: which limits apply to which system, where each comes from; the check of a limits file."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from nmqc import __version__, config
from nmqc.limits import NUCLIDE, Conditions, Limit, LimitSet, check, load, load_builtin
from nmqc.model import Ends, Limits, SiteSystem

SCHEMA = "nmqc.limits/1"
WIDTH = 80

#: The conditions as a reader sees them.
CONDITIONS = {
    "system": "system {}",
    "unit_name": "camera {}",
    "detector": "detector {}",
    "collimator": "collimator {}",
    "nuclide": "{}",
}


@dataclass(frozen=True, slots=True)
class Applicable:
    """What can apply to one system; `unit` and `name` are None for systems that are not configured."""

    unit: str | None
    name: str | None
    entries: tuple[Limit, ...]

    @property
    def title(self) -> str:
        """The system, for people."""
        if self.unit and self.name:
            return f"{self.unit} ({self.name})"
        return self.unit or self.name or "any other system"


@click.group(invoke_without_command=True)
@click.option("--system", metavar="NAME", help="Only this camera, or this kind of system.")
@click.option("--collimator", metavar="NAME", help="Only with this collimator; NONE: intrinsic.")
@click.option("--nuclide", metavar="NAME", help='Only with this nuclide, such as "Tc-99m".')
@click.option(
    "--config",
    "config_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The site's configuration (default: NMQC_CONFIG, or nmqc.toml in the user's configuration folder).",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def command(
    ctx: click.Context,
    system: str | None,
    collimator: str | None,
    nuclide: str | None,
    config_file: Path | None,
    as_json: bool,
) -> None:
    """Show which limits apply, and check a limits file.

    A measurement is judged by the narrowest entry that applies to it; at equal narrowness a site's entry goes
    before the built-in one. What is shown are the entries that can judge, each with what else it depends on.
    """
    if ctx.invoked_subcommand is not None:
        return
    if nuclide and not NUCLIDE.fullmatch(nuclide):
        raise click.BadParameter('write it as "Tc-99m" or "Co-57"', ctx, param_hint="--nuclide")
    site = config.load(config.find(config_file, os.environ))
    limits = _limits(site.limits_file)
    known = Conditions(collimator=collimator, nuclide=nuclide)
    chosen = _asked_for(site.systems, system) if system else (*site.systems, None)
    shown = [_applicable(limits, known, one, site.systems) for one in chosen]
    click.echo(_json(shown) if as_json else _text(shown))


@command.command("check")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_context
def check_command(ctx: click.Context, file: Path) -> None:
    """Say what is wrong in a limits file, one line per mistake; exit status 3 where there is any."""
    mistakes = check(file, _units())
    for mistake in mistakes:
        click.echo(str(mistake))
    if mistakes:
        ctx.exit(3)
    click.echo(f"{file}: no mistakes")


def _units() -> dict[str, str]:
    from nmqc.catalogue import metric_units

    return metric_units()


def _limits(site_file: Path | None) -> LimitSet:
    builtin = load_builtin()
    return builtin if site_file is None else builtin.with_site(load(site_file, _units()))


def _asked_for(systems: Sequence[SiteSystem], wanted: str) -> tuple[SiteSystem, ...]:
    """Return the cameras of that name or kind, or else a kind of system that the site did not configure."""
    folded = wanted.casefold()
    cameras = [one for one in systems if one.unit.casefold() == folded]
    kinds = [one for one in systems if one.name.casefold() == folded]
    return tuple(cameras or kinds) or (SiteSystem(unit="", name=wanted),)


def _applicable(
    limits: LimitSet, known: Conditions, system: SiteSystem | None, systems: Sequence[SiteSystem]
) -> Applicable:
    """Return what can apply to one system; None: to any that is not among the site's."""
    if system is None:
        configured = {one.unit.casefold() for one in systems}
        entries = limits.possible(known)
        others = [e for e in entries if (e.conditions.unit_name or "").casefold() not in configured]
        return Applicable(None, None, tuple(others))
    conditions = Conditions(
        system=system.name or None,
        unit_name=system.unit or None,
        collimator=known.collimator,
        nuclide=known.nuclide,
    )
    return Applicable(system.unit or None, system.name or None, limits.possible(conditions))


# --- JSON -----------------------------------------------------------------------------------------------


def _json(shown: Sequence[Applicable]) -> str:
    from nmqc.report.document import dump

    systems = [
        {"unit": one.unit, "name": one.name, "limits": [_entry_json(entry) for entry in one.entries]}
        for one in shown
    ]
    return dump({"schema": SCHEMA, "nmqc": __version__, "systems": systems})


def _entry_json(entry: Limit) -> dict[str, Any]:
    return {
        "name": entry.metric,
        "of": entry.of,
        "conditions": asdict(entry.conditions),
        "limits": asdict(entry.limits),
        "origin": entry.origin,
        "file": entry.file,
        "line": entry.line,
    }


# --- text -----------------------------------------------------------------------------------------------


def _text(shown: Sequence[Applicable]) -> str:
    """Return the limits for people; systems to which the same entries apply share one list."""
    titles: dict[tuple[Limit, ...], list[str]] = {}
    for one in shown:
        titles.setdefault(one.entries, []).append(one.title)
    alone = len(shown) == 1 and shown[0].unit is shown[0].name is None
    blocks = [
        _block("every system" if alone else ", ".join(names), entries) for entries, names in titles.items()
    ]
    return "\n\n".join(blocks)


def _block(title: str, entries: Sequence[Limit]) -> str:
    lines = textwrap.wrap(f"Limits for {title}", WIDTH)
    for entry in entries:
        lines += [
            "",
            *_wrapped(f"{entry.metric}{f' [{entry.of}]' if entry.of else ''}: {_ends(entry.limits)}", 2),
        ]
        conditions = [CONDITIONS[name].format(value) for name, value in entry.conditions.items()]
        if conditions:
            lines += _wrapped(f"only with: {', '.join(conditions)}", 4)
        lines += _wrapped(_origin(entry), 4)
    return "\n".join(lines if entries else [*lines, "", "  none: nothing is judged"])


def _wrapped(text: str, indent: int) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=" " * indent, subsequent_indent=" " * (indent + 2))


def _ends(limits: Limits) -> str:
    parts = []
    for word, ends in (("warn", limits.warn), ("fail", limits.fail)):
        parts += [f"{word} {side} {end:g} {limits.unit}".rstrip() for side, end in _sides(ends)]
    return ("magnitude, " if limits.of == "magnitude" else "") + ", ".join(parts)


def _sides(ends: Ends) -> list[tuple[str, float]]:
    return [(side, end) for side, end in (("below", ends.low), ("above", ends.high)) if end is not None]


def _origin(entry: Limit) -> str:
    where = "built-in" if entry.origin == "built-in" else f"{entry.file}:{entry.line}"
    verified = "verified" if entry.limits.verified else "unverified"
    return f"{where}, {verified}: {entry.limits.source}"
