"""The rules of control charts: what they notice in the values that a baseline judges."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from nmqc.trend import runs
from nmqc.trend.baseline import Baseline, moving_ranges
from nmqc.trend.control import (
    CUSUM_LIMIT,
    CUSUM_SLACK,
    SIGMAS,
    Average,
    Side,
    averages,
    cumulated,
    score,
    single_distance,
    watched,
)
from nmqc.trend.points import Series, Value

#: the repeat is the next acquisition within this time
REPEAT_WITHIN = timedelta(hours=36)
#: an excursion of single values is over after so many values without another
QUIET_VALUES = 10
#: moving ranges beyond 3.267 times their mean, in their own sigma (mean / 1.128)
RANGE_SIGMAS = 3.267 * 1.128


@dataclass(frozen=True, slots=True)
class Notice:
    """What a rule noticed: one notice for an excursion, however long.

    Attributes
    ----------
    rule : its name
    number, acquired : of the value with which it was noticed
    text : what and how much, in words
    size : that value, or the EWMA, less the centre of the baseline, in their unit
    until : acquisition with which the excursion was over; None where it lasts
    """

    rule: str
    number: int
    acquired: datetime
    text: str
    size: float
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Chart:
    """The values that a baseline judges, and what a rule needs to know beside them."""

    series: Series
    baseline: Baseline
    values: tuple[Value, ...]
    side: Side
    fail: float | None

    @property
    def scores(self) -> list[float]:
        """The distances from the centre in sigmas."""
        return [score(one, self.baseline) for one in self.values]

    @property
    def signs(self) -> tuple[int, ...]:
        """The directions that are watched: 1 above, -1 below the centre."""
        return {"both": (1, -1), "high": (1,), "low": (-1,)}[self.side]

    def words(self, value: float) -> str:
        """Return a value with its unit."""
        return f"{value:.4g} {self.series.unit_of_value}".rstrip()

    def size(self, value: float) -> float:
        """Return a value less the centre."""
        return value - (self.baseline.centre or 0.0)


def notices(
    series: Series,
    baseline: Baseline,
    rules: Sequence[str] | None = None,
    side: Side = "both",
    fail: float | None = None,
) -> tuple[Notice, ...]:
    """Return what rules notice after a baseline, in order of time.

    A baseline that is not frozen notices nothing. Where all its values are equal there are no sigmas: then two
    values in turn on one side, the second within 36 hours, are noticed by "three-sigma", and nothing by others.

    Parameters
    ----------
    rules : names of `RULES`; by default `DEFAULT_RULES`
    side : which side is watched
    fail : the fail limit, for what matters (`control.relevant_distance`)

    Raises
    ------
    ValueError
        If there is no such rule.
    """
    wanted = DEFAULT_RULES if rules is None else tuple(rules)
    unknown = sorted(set(wanted) - set(RULES))
    if unknown:
        raise ValueError(f"no rule {unknown[0]!r}; there are {', '.join(RULES)}")
    values = watched(series, baseline)
    if baseline.state != "frozen" or not values:
        return ()
    chart = Chart(series, baseline, values, side, fail)
    found = [one for name in dict.fromkeys(wanted) for one in RULES[name](chart)]
    return tuple(sorted(found, key=lambda one: (one.acquired, one.number)))


# --- single values --------------------------------------------------------------------------------------


def single_signs(chart: Chart) -> list[int]:
    """Return for each value 1 above the limits of single values, -1 below them, 0 within.

    The limits hold for a value as certain as those of the baseline, and are wider for others.
    """
    baseline = chart.baseline
    if not baseline.sigma:
        return [_sign_of_other(chart, one.value) for one in chart.values]
    most = single_distance(baseline, chart.side) / baseline.sigma
    return [next((sign for sign in chart.signs if sign * one > most), 0) for one in chart.scores]


def _sign_of_other(chart: Chart, value: float) -> int:
    """Return on which side of equal values another one lies, rounding apart."""
    centre = chart.baseline.centre or 0.0
    return next((sign for sign in chart.signs if sign * (value - centre) > 1e-9 * abs(centre)), 0)


def _three_sigma(chart: Chart) -> Iterator[Notice]:
    """Notice a value beyond the limits whose repeat is beyond them on the same side."""
    signs, values = single_signs(chart), chart.values
    for sign in chart.signs:
        hits = [
            place
            for place in range(1, len(values))
            if signs[place] == signs[place - 1] == sign
            and values[place].acquired - values[place - 1].acquired <= REPEAT_WITHIN
        ]
        yield from _excursions(
            "three-sigma", chart, hits, lambda place: _repeated(chart, values[place - 1], values[place])
        )


def _repeated(chart: Chart, first: Value, repeat: Value) -> str:
    limits = "three sigma" if chart.baseline.sigma else "the baseline, whose values are all equal"
    return (
        f"{chart.words(first.value)}, in the repeat {chart.words(repeat.value)}: beyond {limits} "
        f"about {chart.words(chart.baseline.centre or 0.0)}"
    )


def _excursions(
    rule: str, chart: Chart, hits: Sequence[int], text: Callable[[int], str], quiet: int = QUIET_VALUES
) -> Iterator[Notice]:
    """Yield a notice for each run of hits with no more than `quiet` values between them."""
    for group in _groups(hits, quiet):
        value, over = chart.values[group[0]], group[-1] + quiet + 1
        until = chart.values[over].acquired if over < len(chart.values) else None
        yield Notice(rule, value.number, value.acquired, text(group[0]), chart.size(value.value), until)


def _groups(hits: Sequence[int], quiet: int) -> list[list[int]]:
    """Return hits in groups whose neighbours have no more than `quiet` values between them."""
    groups: list[list[int]] = []
    for place in hits:
        if groups and place - groups[-1][-1] <= quiet + 1:
            groups[-1].append(place)
        else:
            groups.append([place])
    return groups


def _xmr(chart: Chart) -> Iterator[Notice]:
    """Notice values beyond mean +- 2.66 mean moving ranges, and moving ranges beyond 3.267 of them."""
    sigma = chart.baseline.moving_sigma
    if not sigma:
        return
    away = [chart.baseline.distance(one.value) for one in chart.values]
    beyond = [
        place for place, one in enumerate(away) if any(sign * one > SIGMAS * sigma for sign in chart.signs)
    ]
    yield from _excursions(
        "xmr",
        chart,
        beyond,
        lambda place: f"{chart.words(chart.values[place].value)} is beyond the XmR limits",
        0,
    )
    ranges = moving_ranges(chart.values, away)
    jumps = [place for place, one in enumerate(ranges, 1) if one is not None and one > RANGE_SIGMAS * sigma]
    yield from _excursions("xmr", chart, jumps, lambda _: "the moving range is beyond its limit", 0)


def _runs(
    rule: str, sided: Mapping[str, runs.Test], unsided: Mapping[str, runs.Test], chart: Chart
) -> Iterator[Notice]:
    if not chart.baseline.sigma:
        return
    scores = chart.scores
    for name, test in sided.items():
        for sign in chart.signs:
            yield from _pattern(rule, name, chart, test([sign * one for one in scores]))
    for name, test in unsided.items():
        yield from _pattern(rule, name, chart, test(scores))


def _pattern(rule: str, name: str, chart: Chart, places: Iterable[int]) -> Iterator[Notice]:
    return _excursions(rule, chart, list(places), lambda _: name)


# --- averages -------------------------------------------------------------------------------------------


def _ewma(chart: Chart) -> Iterator[Notice]:
    """Notice an EWMA beyond its limits; it is over when the EWMA is back within half of them."""
    if not chart.baseline.sigma:
        return
    path = averages(chart.series, chart.baseline, chart.side, chart.fail)
    for start, over in crossings([one.part for one in path], 1.0, 0.5):
        one = path[start]
        text = f"the EWMA, {chart.words(one.average)}, is beyond {chart.words(_nearer(one))}"
        yield _lasting("ewma", chart, start, over, text, one.average)


def _nearer(one: Average) -> float:
    ends = [end for end in (one.limits.low, one.limits.high) if end is not None]
    return min(ends, key=lambda end: abs(one.average - end))


def crossings(path: Sequence[float], limit: float, back: float) -> Iterator[tuple[int, int | None]]:
    """Yield where a path goes above a limit, and where it is below another again: None where it is not."""
    start: int | None = None
    for place, one in enumerate(path):
        if start is None and one > limit:
            start = place
        elif start is not None and one < back:
            yield start, place
            start = None
    if start is not None:
        yield start, None


def _cusum(chart: Chart) -> Iterator[Notice]:
    """Notice a CUSUM (k 0.5, h 4.77) beyond its limit; it is over when it is 0 again."""
    if not chart.baseline.sigma:
        return
    sums = list(cumulated(chart.scores, CUSUM_SLACK))
    for sign in chart.signs:
        path = [high if sign == 1 else low for high, low in sums]
        for start, over in crossings(path, CUSUM_LIMIT, 1e-12):
            text = f"the CUSUM, {path[start]:.3g} sigma, is beyond {CUSUM_LIMIT:g}"
            yield _lasting("cusum", chart, start, over, text, chart.values[start].value)


def _lasting(rule: str, chart: Chart, start: int, over: int | None, text: str, value: float) -> Notice:
    first = chart.values[start]
    until = None if over is None else chart.values[over].acquired
    return Notice(rule, first.number, first.acquired, text, chart.size(value), until)


def _western_electric(chart: Chart) -> Iterator[Notice]:
    return _runs("western-electric", runs.WESTERN_ELECTRIC, {}, chart)


def _nelson(chart: Chart) -> Iterator[Notice]:
    return _runs("nelson", runs.NELSON, runs.NELSON_OF_NO_SIDE, chart)


RULES: dict[str, Callable[[Chart], Iterator[Notice]]] = {
    "three-sigma": _three_sigma,
    "ewma": _ewma,
    "xmr": _xmr,
    "cusum": _cusum,
    "western-electric": _western_electric,
    "nelson": _nelson,
}
DEFAULT_RULES = ("three-sigma", "ewma")
