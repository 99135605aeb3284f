"""From the rows of the history to what is watched."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from nmqc.history import BaselineEntry, Note, SeriesPoint, SeriesRows, without_superseded
from nmqc.model import Ends
from nmqc.trend.baseline import Stated
from nmqc.trend.points import Series, Value
from nmqc.trend.watch import Found, Judged, Watched, in_turn, watch

_NONE = Judged()


def gathered(
    rows: Iterable[SeriesRows],
    baselines: Sequence[BaselineEntry],
    notes: Sequence[Note],
    rules: Sequence[str] | None = None,
) -> list[Watched]:
    """Return everything that the history holds of some series, assessed; what has no date is left out.

    Of an acquisition that several versions of an algorithm analysed the latest result counts.

    Parameters
    ----------
    baselines : those that hold, of any camera
    notes : events, of any camera
    rules : of the control charts; None: the default ones
    """
    alike: dict[tuple[object, ...], list[Found]] = {}
    for one in without_superseded(rows):
        if one.points:
            alike.setdefault(_quantity(one), []).append(_found(one))
    return [
        watch(group, _stated(group[0].series, baselines), _events(group[0].series, notes), rules)
        for found in alike.values()
        for group in in_turn(found)
    ]


def _quantity(one: SeriesRows) -> tuple[object, ...]:
    key = one.key
    return key.unit, key.test, key.detector, key.window, key.metric, key.of, key.unit_of_value


def _found(one: SeriesRows) -> Found:
    key = one.key
    series = Series(
        unit=key.unit,
        system=key.system,
        test=key.test,
        detector=key.detector,
        window=key.window,
        metric=key.metric,
        of=key.of,
        unit_of_value=key.unit_of_value,
        setting=key.setting,
        values=tuple(_value(point) for point in one.points),
    )
    conditions = ", ".join(part for part in (key.nuclide, key.collimator) if part)
    return Found(series, tuple(_judged(point) for point in one.points), conditions)


def _value(point: SeriesPoint) -> Value:
    return Value(
        number=point.number,
        acquired=point.acquired,
        value=point.value,
        uncertainty=point.uncertainty,
        floor_mean=point.floor_mean,
        floor_p95=point.floor_p95,
        counts=point.counts,
        verdict=point.verdict,
        excluded=point.excluded,
    )


def _judged(point: SeriesPoint) -> Judged:
    if point.limits_of is None:
        return _NONE
    return Judged(point.warn or Ends(), point.fail or Ends(), point.limits_of)


def _stated(series: Series, baselines: Sequence[BaselineEntry]) -> list[Stated]:
    return [
        Stated(one.begins, one.ends, one.note, one.kind)
        for one in baselines
        if one.unit == series.unit and one.is_for(series.test, series.metric, series.detector)
    ]


def _events(series: Series, notes: Sequence[Note]) -> list[datetime]:
    return [one.at for one in notes if one.unit == series.unit]
