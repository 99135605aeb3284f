"""What an image shows, where nobody says it: quickly where it is plain."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmqc import catalogue
from nmqc.catalogue import Test
from nmqc.model import Acquisition, Frame, Refusal, Scan

FLOOD = "flood"
#: distances, in pixels, at which a pattern would make pixels differ
APART = (1, 2, 3, 5, 8, 13)
MIDDLE = 0.5  # of either side: what is looked at
LEAST_COUNTS, LEAST_PIXELS = 4.0, 1024
#: standard errors by which the squared differences may exceed counting noise
ABOVE = 4.0


def recognised(data: Acquisition | Scan) -> tuple[Test | None, tuple[Refusal, ...]]:
    """Return the test that data are for, and where there is none what the tests say of them.

    An image whose pixels differ by counting noise alone, at every distance, shows no pattern: the tests of patterns
    need not be asked.
    """
    if isinstance(data, Acquisition) and data.kind == "STATIC" and all(_is_plain(one) for one in data.frames):
        flood = next(test for test in catalogue.TESTS if test.shows == FLOOD)
        if not flood.check(data):
            return flood, ()
    found = catalogue.recognise(data, catalogue.TESTS)
    return found.test, found.refused


def _is_plain(frame: Frame) -> bool:
    """Say whether the middle of an image holds counting noise and nothing else.

    For Poisson counts the mean squared difference of two pixels is twice the mean, with a relative standard error of
    sqrt((2 + 1 / mean) / n) over n independent pairs; neighbouring pairs share a pixel, which about doubles the
    variance.
    """
    if not frame.raw_counts or not np.issubdtype(frame.counts.dtype, np.integer):
        return False
    middle = _middle(frame.counts)
    mean = float(middle.mean()) if middle.size else 0.0
    if mean < LEAST_COUNTS or middle.size < LEAST_PIXELS:
        return False
    values = middle.astype(np.float64)
    return all(
        _excess(first - second, mean) <= ABOVE
        for apart in APART
        for first, second in ((values[apart:], values[:-apart]), (values[:, apart:], values[:, :-apart]))
    )


def _excess(differences: NDArray[Any], mean: float) -> float:
    """Return by how many standard errors squared differences exceed those of counting noise."""
    flat = differences.ravel()
    square = float(np.dot(flat, flat)) / flat.size
    error = 2 * mean * (2 * (2 + 1 / mean) / flat.size) ** 0.5
    return float((square - 2 * mean) / error)


def _middle(counts: NDArray[Any]) -> NDArray[Any]:
    rows, columns = (round(side * (1 - MIDDLE) / 2) for side in counts.shape)
    return counts[rows : counts.shape[0] - rows, columns : counts.shape[1] - columns]
