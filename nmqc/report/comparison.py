"""The report of a comparison of cameras as PDF/A-3a: a block for each quantity, a chart beside its table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nmqc.report.axes import Scale, tick_words, value_range, value_ticks
from nmqc.report.fonts import FAMILY
from nmqc.report.header import LOGO, Header
from nmqc.report.pdf import AUTHOR, NO_TIME, check_target, compiled, save

ATTACHMENT = "comparison.json"
_TEMPLATE = Path(__file__).with_name("comparison.typ")
#: points: the room of a chart, of a row in it as the table beside it has them, of its head and foot
WIDTH, ROW, HEAD, FOOT, SIDE = 190.0, 11.0, 12.0, 12.0, 6.0


@dataclass(frozen=True, slots=True)
class Dot:
    """A median, the spread of single values, and its expanded uncertainty."""

    median: float
    spread: float
    expanded: float


def write(
    path: Path,
    data: Mapping[str, Any],
    charts: Sequence[tuple[Sequence[Dot], Sequence[float]]],
    attached: bytes,
    last: datetime | None,
    header: Header,
    *,
    force: bool = False,
) -> None:
    """Write the report, whole or not at all.

    Parameters
    ----------
    data : what it says, as `comparison.typ` reads it
    charts : of each block, its medians in the order of the table, and the limits
    attached : the JSON object of the comparison
    last : the latest acquisition, which is the time stamp; None: a fixed time
    force : replace a file that nmqc did not write

    Raises
    ------
    NmqcError
        If it cannot be written there, or the header's logo cannot be drawn.
    """
    check_target(path, force=force)
    files = {f"{number}.svg": dot_plot(*one).encode() for number, one in enumerate(charts)}
    files[ATTACHMENT] = attached
    words = {
        "lines": list(header.lines),
        "logo": None if header.logo is None else LOGO,
        "author": AUTHOR,
        **data,
    }
    time = NO_TIME if last is None else last.replace(microsecond=0, tzinfo=UTC)
    save(path, compiled(_TEMPLATE, files, words, header, time))


def dot_plot(dots: Sequence[Dot], limits: Sequence[float]) -> str:
    """Return a chart as SVG: in each row a median, its expanded uncertainty (thick), the spread (thin).

    Limits are upright lines.
    """
    reach = [dot.median + sign * max(dot.spread, dot.expanded) for dot in dots for sign in (-1, 1)]
    low, high = value_range(reach, limits)
    scale = Scale(low, high, SIDE, WIDTH - SIDE)
    height = HEAD + ROW * len(dots) + FOOT
    parts = [_axis(scale, height)]
    parts += [_upright(scale.at(limit), height) for limit in limits if scale.holds(limit)]
    parts += [_row(dot, scale, HEAD + ROW * (place + 0.5)) for place, dot in enumerate(dots)]
    shape = f'width="{WIDTH:g}pt" height="{height:g}pt" viewBox="0 0 {WIDTH:g} {height:g}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {shape}>{"".join(parts)}</svg>'


def _row(dot: Dot, scale: Scale, y: float) -> str:
    x = scale.at(dot.median)
    lines = [
        f'<path d="M{scale.at(dot.median - half):.2f} {y:.2f}H{scale.at(dot.median + half):.2f}" stroke="#000" '
        f'stroke-width="{width}"/>'
        for half, width in ((dot.spread, 0.5), (dot.expanded, 2.4))
    ]
    diamond = f'<path d="M{x - 3:.2f} {y:.2f}l3 -3l3 3l-3 3z" fill="#fff" stroke="#000" stroke-width="0.9"/>'
    return "".join(lines) + diamond


def _axis(scale: Scale, height: float) -> str:
    ticks, bottom = value_ticks(scale.low, scale.high, 6), height - FOOT
    frame = f'<path d="M{scale.start} {bottom:g}H{scale.end}" stroke="#000" stroke-width="0.5"/>'
    marks = [
        f'<path d="M{scale.at(tick):.2f} {HEAD / 2:g}V{bottom + 2:g}" stroke="#c8c8c8" stroke-width="0.4"/>'
        f'<text x="{scale.at(tick):.2f}" y="{height - 2:g}" font-family="{FAMILY}" font-size="6" '
        f'text-anchor="middle">{word}</text>'
        for tick, word in zip(ticks, tick_words(ticks), strict=True)
    ]
    return "".join([*marks, frame])


def _upright(x: float, height: float) -> str:
    look = 'stroke="#9b0000" stroke-width="1" stroke-dasharray="4 1.5"'
    return f'<path d="M{x:.2f} {HEAD / 2:g}V{height - FOOT:g}" {look}/>'
