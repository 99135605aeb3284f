"""The last image of each detector, beside what the trend says of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

Json = dict[str, Any]

#: images of one test
MOST_IMAGES = 6


def add_images(document: Json, read: Callable[[Collection[int]], Mapping[int, str]]) -> None:
    """Add to each test of an object of `nmqc.trend/1` the last image of each detector and energy window.

    Parameters
    ----------
    read : returns the images of results that have one, as PNG files in base64, by number
    """
    tests = [test for system in document["systems"] for test in system["tests"]]
    wanted = [list(_latest(test)) for test in tests]
    images = read({one["number"] for each in wanted for one in each})
    for test, each in zip(tests, wanted, strict=True):
        shown = [{**one, "png": images[one["number"]]} for one in each if one["number"] in images]
        test["images"] = shown[:MOST_IMAGES]


def _latest(test: Json) -> Iterator[Json]:
    """Yield the last result of each detector and window that is not excluded, detectors in their order."""
    last: dict[tuple[int, str], Json] = {}
    for one in test["series"]:
        place = one["detector"] or 0, one["window"] or ""
        points = one["points"]
        for number, acquired, excluded in zip(
            reversed(points["number"]),
            reversed(points["acquired"]),
            reversed(points["excluded"]),
            strict=True,
        ):
            if excluded is None:
                found = {"number": number, "acquired": acquired}
                if place not in last or last[place]["acquired"] < acquired:
                    last[place] = {**found, "detector": one["detector"], "window": one["window"]}
                break
    for place in sorted(last):
        yield last[place]
