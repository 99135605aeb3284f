"""A chart of one quantity over time as SVG: small, drawn at once, and legible in black and white.

No more is drawn than print shows: where several values fall on one column of 0.2 mm, their extremes, their median
and the ends of their error bars. What is out of limits, excluded or noticed is drawn by itself in any case. Lengths
are points.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

from nmqc.report.axes import (
    EARLIEST,
    LATEST,
    Scale,
    columns,
    date_ticks,
    days_of,
    tick_words,
    value_range,
    value_ticks,
)
from nmqc.report.dates import ISO
from nmqc.report.fonts import FAMILY

Json = dict[str, Any]

COLUMN = 0.6
CELL = 2.0
TEXT = 5.2
#: lines of text at the right are so far apart
APART = 5.6
INK, MIDDLE, LIGHT, BAND, UNSURE = "#16305c", "#5a6f93", "#b9c4d6", "#ececec", "#d9d9d9"
RED, AMBER, GREY, PALE = "#9b0000", "#8a5a00", "#606060", "#a0a0a0"

#: what is drawn -> attributes of its line: told apart by its strokes, then by its colour
LINES = {
    "fail": f'stroke="{RED}" stroke-width="1.1"',
    "warn": f'stroke="{AMBER}" stroke-width="0.8" stroke-dasharray="4 1.5"',
    "baseline": 'stroke="#000" stroke-width="0.5"',
    "control": 'stroke="#000" stroke-width="0.5" stroke-dasharray="0.6 1.2"',
    "acceptance": 'stroke="#000" stroke-width="0.5" stroke-dasharray="6 1.5 0.6 1.5"',
    "drift": 'stroke="#000" stroke-width="1.2"',
    "change": 'stroke="#000" stroke-width="0.7"',
    "event": f'stroke="{GREY}" stroke-width="0.5" stroke-dasharray="2 1.5"',
    "part": f'stroke="{GREY}" stroke-width="0.4" stroke-dasharray="0.5 1.5"',
}


@dataclass(frozen=True, slots=True)
class Size:
    """Width and height of a chart, and the room about its plot."""

    width: float = 252.0
    height: float = 100.0
    left: float = 27.0
    right: float = 37.0
    top: float = 9.0
    bottom: float = 10.0


@dataclass(frozen=True, slots=True)
class Frame:
    """The plot: its two scales, in points from the top left of the chart."""

    x: Scale
    y: Scale

    def inside(self, value: float) -> float:
        """Return where a value lies, at the nearer end where it is outside."""
        return self.y.at(min(max(value, self.y.low), self.y.high))


SPARK = Size(64.0, 9.0, 1.5, 1.5, 1.5, 1.5)


def chart(
    series: Json,
    period: tuple[str, str],
    events: Sequence[Json] = (),
    language: str = ISO,
    size: Size | None = None,
) -> str:
    """Return the chart of a series.

    Parameters
    ----------
    series : a series of `nmqc.trend/1`, with one value or more
    period : first and last day of the axis, as ISO dates or times
    events : of the camera, each with the `mark` by which the page names it
    language : of the dates, one of `nmqc.report.dates.LANGUAGES`
    """
    size = size or Size()
    frame = frame_of(series, period, size)
    parts = [
        *_ground(series, frame),
        *_upright(series, events, frame),
        *_axes(frame, language),
        *_levels(series, frame),
        *_values(series["points"], frame),
        *_special(series, frame),
    ]
    return _svg(size, parts)


def spark(series: Json, period: tuple[str, str]) -> str:
    """Return a chart without axes that is as high as a line of text."""
    frame = frame_of({**series, "limits": [], "baselines": []}, period, SPARK)
    points = series["points"]
    days, values = [days_of(one) for one in points["acquired"]], points["value"]
    found = columns(days, values, [0.0] * len(days), frame.x, COLUMN)
    line = "L".join(f"{one.x:.1f} {frame.inside(one.middle):.1f}" for one in found)
    strokes = "".join(_upright_stroke(one.x, one.low, one.high, frame) for one in found)
    last = f"M{frame.x.at(days[-1]):.1f} {frame.inside(values[-1]):.1f}h0.01"
    return _svg(
        SPARK,
        [
            _path(strokes, f'stroke="{LIGHT}" stroke-width="0.6"'),
            _path(f"M{line}", f'fill="none" stroke="{INK}" stroke-width="0.5"') if len(found) > 1 else "",
            _path(last, f'stroke="{INK}" stroke-width="2" stroke-linecap="round"'),
        ],
    )


def frame_of(series: Json, period: tuple[str, str], size: Size) -> Frame:
    """Return the scales of a chart: the whole period, and the values with what they are judged by."""
    first, last = (_shown(days_of(one)) for one in period)
    room = 0.005 * (last - first) or 0.5
    low, high = value_range(series["points"]["value"], _wanted(series))
    return Frame(
        Scale(_shown(first - room), _shown(last + room), size.left, size.width - size.right),
        Scale(low, high, size.height - size.bottom, size.top),
    )


def _shown(day: float) -> float:
    return min(max(day, EARLIEST), LATEST)


def _wanted(series: Json) -> list[float]:
    """Return the levels that a chart should show."""
    ends = [end for span in series["limits"] for level in ("fail", "warn") for end in span[level]]
    levels = [one[name] for one in series["baselines"] for name in ("centre", "low", "high")]
    return [one for one in (*ends, *levels) if one is not None]


# --- behind the values ----------------------------------------------------------------------------------


def _ground(series: Json, frame: Frame) -> Iterator[str]:
    """Yield the band between the control limits of each current baseline, over the days that it judges."""
    for one in series["baselines"]:
        ends = one["low"], one["high"]
        if one["role"] != "acceptance" and one["state"] == "frozen" and ends != (None, None):
            foot, top = (frame.y.start if ends[0] is None else frame.inside(ends[0])), frame.y.end
            yield _area(*_extent(one, frame), foot, top if ends[1] is None else frame.inside(ends[1]), BAND)
    for change in series["changes"]:
        left, right = (_clamped(days_of(change[name]), frame) for name in ("low", "high"))
        if left < right:
            yield _area(left, right, frame.y.start, frame.y.end, UNSURE)


def _area(left: float, right: float, foot: float, top: float, fill: str) -> str:
    place = f'x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{foot - top:.1f}"'
    return f'<rect {place} fill="{fill}"/>'


def _extent(one: Json, frame: Frame) -> tuple[float, float]:
    """Return where a span of days lies in the plot."""
    return _clamped(days_of(one["from"]), frame), _clamped(days_of(one["to"]), frame)


def _clamped(day: float, frame: Frame) -> float:
    return frame.x.at(min(max(day, frame.x.low), frame.x.high))


def _upright(series: Json, events: Sequence[Json], frame: Frame) -> Iterator[str]:
    """Yield upright lines: events with their marks, changes with an arrow, and where a series begins anew."""
    for part in series["parts"][1:]:
        yield _line_at(days_of(part["from"]), "part", frame)
    for event in events:
        if frame.x.holds(days_of(event["date"])):
            yield _line_at(days_of(event["date"]), "event", frame)
            yield _text(frame.x.at(days_of(event["date"])) - 2.6, frame.y.end - 2, event["mark"], "end")
    for change in series["changes"]:
        if frame.x.holds(days_of(change["acquired"])):
            x = frame.x.at(days_of(change["acquired"]))
            yield _line_at(days_of(change["acquired"]), "change", frame)
            yield _path(f"M{x:.1f} {frame.y.end:.1f}l-2.4 -4h4.8z", 'fill="#000"')


def _line_at(day: float, look: str, frame: Frame) -> str:
    return _path(f"M{frame.x.at(day):.1f} {frame.y.start:.1f}V{frame.y.end:.1f}", LINES[look])


def _axes(frame: Frame, language: str) -> Iterator[str]:
    foot, left, right = frame.y.start, frame.x.start, frame.x.end
    yield _path(
        f"M{left:.1f} {frame.y.end:.1f}V{foot:.1f}H{right:.1f}",
        'fill="none" stroke="#000" stroke-width="0.5"',
    )
    ticks = value_ticks(frame.y.low, frame.y.high)
    for tick, word in zip(ticks, tick_words(ticks), strict=True):
        yield _path(f"M{left:.1f} {frame.y.at(tick):.1f}h-2", 'stroke="#000" stroke-width="0.5"')
        yield _text(left - 3, frame.y.at(tick) + 1.8, word, "end")
    most = max(2, int((right - left) / 36))
    for day, word in date_ticks(frame.x.low, frame.x.high, most, language):
        yield _path(f"M{frame.x.at(day):.1f} {foot:.1f}v2", 'stroke="#000" stroke-width="0.5"')
        yield _text(frame.x.at(day), foot + 7.5, word, "middle")


# --- levels ---------------------------------------------------------------------------------------------


def _levels(series: Json, frame: Frame) -> Iterator[str]:
    """Yield what the values are held against, each line with its words at the right."""
    named: list[tuple[float, str]] = []
    for look, left, right, value, words in _level_lines(series, frame):
        if frame.y.holds(value):
            y = frame.y.at(value)
            yield _path(f"M{left:.1f} {y:.1f}H{right:.1f}", LINES[look])
            if words and right >= frame.x.end - 3:
                named.append((y, words))
        elif words and right >= frame.x.end - 3:
            above = value > frame.y.high
            named.append((frame.y.end if above else frame.y.start, f"{words} {'↑' if above else '↓'}"))
    for y, words in _spread(named, frame):
        yield _text(frame.x.end + 2, y + 1.8, words, "start")


def _level_lines(series: Json, frame: Frame) -> Iterator[tuple[str, float, float, float, str]]:
    """Yield for each level its look, where it begins and ends, its value, and its words."""
    for span in series["limits"]:
        for level in ("fail", "warn"):
            for end in span[level]:
                if end is not None:
                    yield level, *_extent(span, frame), end, f"{level} {end:g}"
    for one in series["baselines"]:
        if one["centre"] is not None and one["state"] != "collecting":
            yield from _baseline_lines(one, _extent(one, frame))


def _baseline_lines(one: Json, extent: tuple[float, float]) -> Iterator[tuple[str, float, float, float, str]]:
    """Yield the level of a baseline, and of the current one its control limits; that of few values is dashed."""
    if one["role"] == "acceptance":
        yield "acceptance", *extent, one["centre"], one["kind"] if one["kind"] != "first" else "first values"
        return
    frozen = one["state"] == "frozen"
    yield "baseline" if frozen else "part", *extent, one["centre"], "baseline" if frozen else "provisional"
    for end in (one["low"], one["high"]):
        if end is not None:
            yield "control", *extent, end, "control"


def _spread(named: Sequence[tuple[float, str]], frame: Frame) -> list[tuple[float, str]]:
    """Return words with their heights moved apart: downwards, and up again at the foot; no word twice at a height."""
    placed: list[tuple[float, str]] = []
    for y, words in sorted(dict.fromkeys(named)):
        placed.append((max(y, placed[-1][0] + APART) if placed else y, words))
    foot = frame.y.start
    for place in range(len(placed) - 1, -1, -1):
        placed[place] = (min(placed[place][0], foot), placed[place][1])
        foot = placed[place][0] - APART
    return placed


def _drift(drift: Json, frame: Frame) -> str:
    (first, low), (last, high) = drift["from"], drift["to"]
    left, right = _clamped(days_of(first), frame), _clamped(days_of(last), frame)
    sure, unsure = (_clamped(days_of(drift[name]), frame) for name in ("onset_low", "onset_high"))
    y = frame.inside(low)
    line = f"M{left:.1f} {y:.1f}L{right:.1f} {frame.inside(high):.1f}"
    path = f"{line}M{sure:.1f} {y - 2:.1f}v4M{sure:.1f} {y:.1f}H{unsure:.1f}m0 -2v4"
    return _path(path, f'fill="none" {LINES["drift"]}')


# --- values ---------------------------------------------------------------------------------------------


def _values(points: Json, frame: Frame) -> Iterator[str]:
    """Yield the values that count, with their error bars: each by itself, or those of a column together."""
    reasons = zip(points["excluded"], points["left_out"], strict=True)
    kept = [place for place, both in enumerate(reasons) if both == (None, None)]
    days = [days_of(points["acquired"][place]) for place in kept]
    values = [points["value"][place] for place in kept]
    bars = [points["uncertainty"][place] or 0.0 for place in kept]
    if len(values) <= (frame.x.end - frame.x.start) / COLUMN:
        yield _path("".join(_bar(*one, frame) for one in zip(days, values, bars, strict=True)), _bars())
        shown = [(day, one) for day, one in zip(days, values, strict=True) if frame.y.holds(one)]
        dots = "".join(f"M{frame.x.at(day):.1f} {frame.y.at(one):.1f}h0.01" for day, one in shown)
        yield _path(
            dots, f'stroke="{INK}" stroke-width="{1.7 if len(values) < 150 else 1.2}" stroke-linecap="round"'
        )
        return
    found = columns(days, values, bars, frame.x, COLUMN)
    yield _path(
        "".join(_upright_stroke(one.x, one.bar_low, one.bar_high, frame) for one in found), _bars(COLUMN)
    )
    strokes = "".join(_upright_stroke(one.x, one.low, one.high, frame) for one in found)
    yield _path(strokes, f'stroke="{MIDDLE}" stroke-width="{COLUMN}"')
    dots = "".join(f"M{one.x:.1f} {frame.inside(one.middle):.1f}h0.01" for one in found)
    yield _path(dots, f'stroke="{INK}" stroke-width="1" stroke-linecap="round"')


def _bars(width: float = 0.35) -> str:
    return f'stroke="{LIGHT}" stroke-width="{width}"'


def _bar(day: float, value: float, half: float, frame: Frame) -> str:
    return _upright_stroke(frame.x.at(day), value - half, value + half, frame) if half else ""


def _upright_stroke(x: float, low: float, high: float, frame: Frame) -> str:
    foot, top = frame.inside(low), frame.inside(high)
    return f"M{x:.1f} {foot + 0.2:.1f}V{top - 0.2:.1f}"


def _special(series: Json, frame: Frame) -> Iterator[str]:
    """Yield what is drawn by itself: out of limits a square, a warning a diamond, excluded a cross, noticed a ring.

    What is left out of baseline and trend for its counts has a pale cross, and its mark by the limits all the same.
    What lies outside the axis stands at its end as a triangle.
    """
    points = series["points"]
    names = ("acquired", "value", "verdict", "excluded", "left_out")
    marks: dict[str, dict[tuple[int, int], str]] = {name: {} for name in _MARKS}
    for acquired, value, verdict, excluded, left_out in zip(*(points[name] for name in names), strict=True):
        kinds = {"excluded" if excluded is not None else verdict}
        if not frame.y.holds(value):
            kinds = {"above" if value > frame.y.high else "below"}
        elif left_out is not None:
            kinds.add("left out")
        for kind in kinds & set(marks):
            marks[kind].setdefault(
                _cell(acquired, value, frame), _at(acquired, value, frame) + _MARKS[kind][0]
            )
    by_number = dict(
        zip(points["number"], zip(points["acquired"], points["value"], strict=True), strict=True)
    )
    noticed = {one["number"] for one in series["notices"]} & set(by_number)
    for one in sorted(noticed):
        at, value = by_number[one]
        marks["noticed"][_cell(at, value, frame)] = _at(at, value, frame) + _MARKS["noticed"][0]
    for name, paths in marks.items():
        yield _path("".join(paths.values()), _MARKS[name][1])
    if series["drift"] is not None:
        yield _drift(series["drift"], frame)


def _cell(acquired: str, value: float, frame: Frame) -> tuple[int, int]:
    """Return which square of the plot a value lies in: marks of one kind in one square cover each other."""
    return round(frame.x.at(days_of(acquired)) / CELL), round(frame.inside(value) / CELL)


#: name -> path from the point, attributes
_MARKS = {
    "excluded": ("m-1.5 -1.5l3 3m0 -3l-3 3", f'fill="none" stroke="{GREY}" stroke-width="0.5"'),
    "left out": ("m-1.2 -1.2l2.4 2.4m0 -2.4l-2.4 2.4", f'fill="none" stroke="{PALE}" stroke-width="0.5"'),
    "warn": ("m0 -1.9l1.9 1.9l-1.9 1.9l-1.9 -1.9z", f'fill="none" stroke="{AMBER}" stroke-width="0.6"'),
    "fail": ("m-1.4 -1.4h2.8v2.8h-2.8z", f'fill="{RED}"'),
    "above": ("m0 -1l1.8 3h-3.6z", f'fill="{RED}"'),
    "below": ("m0 1l1.8 -3h-3.6z", f'fill="{RED}"'),
    "noticed": ("m-3 0a3 3 0 1 0 6 0a3 3 0 1 0 -6 0", 'fill="none" stroke="#000" stroke-width="0.8"'),
}


def _at(acquired: str, value: float, frame: Frame) -> str:
    return f"M{frame.x.at(days_of(acquired)):.1f} {frame.inside(value):.1f}"


# --- SVG ------------------------------------------------------------------------------------------------


def legend() -> str:
    """Return the key to all charts, in rows as wide as a page."""
    drawn, x, y = [], 0.0, 5.0
    for sample, words in _KEYS:
        width = _KEY + 3 + 0.58 * TEXT * len(words) + 9
        if x + width > _PAGE:
            x, y = 0.0, y + 8.5
        drawn += [
            f'<g transform="translate({x:.1f} {y:.1f})">{sample}</g>',
            _text(x + _KEY + 3, y + 1.8, words, "start"),
        ]
        x += width
    return _svg(Size(_PAGE, y + 4.5), drawn)


_KEY, _PAGE = 16.0, 508.0


def _path(d: str, attributes: str) -> str:
    return f'<path d="{d}" {attributes}/>' if d else ""


def _text(x: float, y: float, words: str, anchor: str) -> str:
    style = f'font-family="{FAMILY}" font-size="{TEXT}" text-anchor="{anchor}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(words)}</text>'


def _svg(size: Size, parts: Sequence[str]) -> str:
    shape = (
        f'width="{size.width:g}pt" height="{size.height:g}pt" viewBox="0 0 {size.width:g} {size.height:g}"'
    )
    return f'<svg xmlns="http://www.w3.org/2000/svg" {shape}>{"".join(parts)}</svg>'


def _key_line(look: str, d: str = f"M0 0h{_KEY}") -> str:
    return _path(d, LINES[look])


def _key_mark(name: str) -> str:
    d, attributes = _MARKS[name]
    return _path(f"M{_KEY / 2} 0{d}", attributes)


_DOT = _path(f"M{_KEY / 2} 0h0.01", f'stroke="{INK}" stroke-width="1.8" stroke-linecap="round"')
_KEYS = (
    (_path(f"M{_KEY / 2} -3.5v7", _bars(0.8)) + _DOT, "value ± 1 SD; many: range and median"),
    (_key_mark("warn"), "warning"),
    (_key_mark("fail"), "out of limits"),
    (_key_mark("above"), "beyond the axis"),
    (_key_mark("excluded"), "excluded"),
    (_key_mark("left out"), "left out: other counts"),
    (_key_mark("noticed"), "notice of a rule"),
    (_key_line("fail"), "fail limit"),
    (_key_line("warn"), "warn limit"),
    (_key_line("baseline"), "baseline"),
    (
        f'<rect y="-3" width="{_KEY}" height="6" fill="{BAND}"/>'
        + _key_line("control", f"M0 -3h{_KEY}M0 3h{_KEY}"),
        "control limits",
    ),
    (_key_line("acceptance"), "acceptance baseline"),
    (
        f'<rect x="4" y="-3" width="8" height="6" fill="{UNSURE}"/>'
        + _key_line("change", "M8 3.5v-7")
        + _path("M8 -1l-2.4 -3h4.8z", 'fill="#000"'),
        "change, 95 % of its date",
    ),
    (_path("M0 2H8L16 -2M1 0v4M8 0v4", f'fill="none" {LINES["drift"]}'), "drift, 95 % of its onset"),
    (_key_line("event", "M8 3.5v-7"), "event, by its letter"),
    (_key_line("part", "M8 3.5v-7"), "other counts or settings"),
)
