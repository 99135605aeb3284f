"""Of an acquisition that several versions of an algorithm analysed, the latest result counts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from nmqc.history.series import SeriesPoint, SeriesRows


def without_superseded(rows: Iterable[SeriesRows]) -> Iterator[SeriesRows]:
    """Yield series without the results that a later one of another algorithm, at the same time, has superseded.

    Why a superseded result was excluded holds of the acquisition, and so of the result that counts.
    """
    alike: dict[tuple[object, ...], list[SeriesRows]] = {}
    for one in rows:
        key = one.key
        same = (key.unit, key.test, key.detector, key.window, key.metric, key.of, key.unit_of_value)
        alike.setdefault((*same, key.collimator, key.nuclide), []).append(one)
    for group in alike.values():
        algorithms = {one.key.algorithm for one in group}
        yield from group if len(algorithms) == 1 else _latest(group)


def _latest(group: Sequence[SeriesRows]) -> Iterator[SeriesRows]:
    last: dict[datetime, tuple[int, str]] = {}
    reasons: dict[datetime, str] = {}
    for one in group:
        for point in one.points:
            made = point.number, one.key.algorithm
            last[point.acquired] = max(made, last.get(point.acquired, made))
            if point.excluded is not None:
                reasons[point.acquired] = point.excluded
    for one in group:
        own = [point for point in one.points if last[point.acquired][1] == one.key.algorithm]
        yield replace(one, points=tuple(_excluded(point, reasons.get(point.acquired)) for point in own))


def _excluded(point: SeriesPoint, reason: str | None) -> SeriesPoint:
    return point._replace(excluded=point.excluded or reason)
