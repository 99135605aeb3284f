"""Run rules: patterns of scores, values less the centre in sigmas, that chance seldom makes.

Each function yields the place of the last value of every pattern. Western Electric's (1956): one beyond 3 sigma, two
of three beyond 2, four of five beyond 1, eight on one side. Nelson's (Journal of Quality Technology 16, 237, 1984):
one beyond 3 sigma, nine on one side, six rising or falling, fourteen alternating, two of three beyond 2, four of
five beyond 1, fifteen within 1, eight beyond 1 on either side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

Test = Callable[[Sequence[float]], Iterator[int]]


def beyond(scores: Sequence[float], sigmas: float, wanted: int = 1, of: int = 1) -> Iterator[int]:
    """Yield values above so many sigmas, `wanted` of the last `of` values being so."""
    for place, one in enumerate(scores):
        window = scores[max(place - of + 1, 0) : place + 1]
        if one > sigmas and sum(other > sigmas for other in window) >= wanted:
            yield place


def rising(scores: Sequence[float], values: int) -> Iterator[int]:
    """Yield values at the end of so many in turn, each above the one before it."""
    length = 1
    for place in range(1, len(scores)):
        length = length + 1 if scores[place] > scores[place - 1] else 1
        if length >= values:
            yield place


def alternating(scores: Sequence[float], values: int) -> Iterator[int]:
    """Yield values at the end of so many in turn that go up and down alternately."""
    length = min(len(scores), 2)
    for place in range(2, len(scores)):
        turned = (scores[place] - scores[place - 1]) * (scores[place - 1] - scores[place - 2]) < 0
        length = length + 1 if turned else 2
        if length >= values:
            yield place


def within(scores: Sequence[float], sigmas: float, values: int) -> Iterator[int]:
    """Yield values at the end of so many in turn that are nearer to the centre than so many sigmas."""
    yield from _in_turn([abs(one) < sigmas for one in scores], values)


def outside(scores: Sequence[float], sigmas: float, values: int) -> Iterator[int]:
    """Yield values at the end of so many in turn that are farther from the centre, on whichever side."""
    yield from _in_turn([abs(one) > sigmas for one in scores], values)


def _in_turn(which: Sequence[bool], values: int) -> Iterator[int]:
    length = 0
    for place, one in enumerate(which):
        length = length + 1 if one else 0
        if length >= values:
            yield place


#: name -> patterns on the high side; on the low side they are those of the scores with the other sign
WESTERN_ELECTRIC: dict[str, Test] = {
    "one beyond 3 sigma": partial(beyond, sigmas=3),
    "two of three beyond 2 sigma": partial(beyond, sigmas=2, wanted=2, of=3),
    "four of five beyond 1 sigma": partial(beyond, sigmas=1, wanted=4, of=5),
    "eight on one side": partial(beyond, sigmas=0, wanted=8, of=8),
}
NELSON: dict[str, Test] = {
    "one beyond 3 sigma": partial(beyond, sigmas=3),
    "nine on one side": partial(beyond, sigmas=0, wanted=9, of=9),
    "six rising or falling": partial(rising, values=6),
    "two of three beyond 2 sigma": partial(beyond, sigmas=2, wanted=2, of=3),
    "four of five beyond 1 sigma": partial(beyond, sigmas=1, wanted=4, of=5),
}
#: of no side
NELSON_OF_NO_SIDE: dict[str, Test] = {
    "fourteen alternating": partial(alternating, values=14),
    "fifteen within 1 sigma": partial(within, sigmas=1, values=15),
    "eight beyond 1 sigma": partial(outside, sigmas=1, values=8),
}
