"""What an image shows, where nobody says it: quickly where it is plain."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nmqc import catalogue
from nmqc.catalogue import Test
from nmqc.model import Acquisition, Frame, Refusal, Scan

FLOOD = "flood"
PIXEL_MM = 2.4  # to which pixels are summed at most: no pattern that a camera resolves is finer
MIDDLE = 0.5  # of either side: what is looked at
LEAST_COUNTS, LEAST_PIXELS = 4.0, 1024
COARSEST_MM = 18.0  # period beyond which waves are those of photomultipliers and sources
#: power of a wave, over that of counting noise; noise alone exceeds it in one image of some thousands
STRONGEST = 18.0
#: what a test of a pattern says of an image that shows it, though not well enough to be measured
SEEN = ("too_few_quadrants",)


def recognised(data: Acquisition | Scan) -> tuple[Test | None, tuple[Refusal, ...]]:
    """Return the test that data are for, and where there is none what the tests say of them.

    An image without any wave that stands out of its counting noise shows no pattern: the tests of patterns need not
    be asked. One in which such a test sees its pattern is no flood, however weak the pattern is.
    """
    if isinstance(data, Acquisition) and data.kind == "STATIC" and all(_is_plain(one) for one in data.frames):
        flood = next(test for test in catalogue.TESTS if test.shows == FLOOD)
        if not flood.check(data):
            return flood, ()
    found = catalogue.recognise(data, catalogue.TESTS)
    if found.test is not None and found.test.shows == FLOOD and isinstance(data, Acquisition):
        weak = _weak_patterns(data, found.test)
        return (None, weak) if weak else (found.test, found.refused)
    return found.test, found.refused


def _weak_patterns(data: Acquisition, flood: Test) -> tuple[Refusal, ...]:
    """Return what the tests that come before a flood's see in an image without being able to measure it."""
    before = catalogue.TESTS[: catalogue.TESTS.index(flood)]
    return tuple(
        refusal for test in before if test.takes(data) for refusal in test.check(data) if refusal.code in SEEN
    )


def _is_plain(frame: Frame) -> bool:
    """Say whether the middle of an image holds no wave as fine as a pattern's, but those of counting noise.

    The power of a wave, |sum of w (c - mean) exp(-2 pi i k r)|^2 / (mean sum of w^2), is distributed as exp(-p) for
    Poisson counts c of one mean; w is a Hann window, which keeps the slow waves of a flood to themselves.
    """
    if not frame.raw_counts or not np.issubdtype(frame.counts.dtype, np.integer):
        return False
    middle, pitches_mm = _middle(frame)
    mean = float(middle.mean()) if middle.size else 0.0
    if mean < LEAST_COUNTS or middle.size < LEAST_PIXELS:
        return False
    down, along = (np.hanning(side) for side in middle.shape)
    waves = np.fft.rfft2((middle - mean) * np.outer(down, along))
    power = np.abs(waves) ** 2 / (mean * float((down**2).sum() * (along**2).sum()))
    y = np.fft.fftfreq(middle.shape[0], pitches_mm[0])
    x = np.fft.rfftfreq(middle.shape[1], pitches_mm[1])
    fine = np.hypot(x, y[:, None]) > 1 / COARSEST_MM
    return bool(power[fine].max(initial=0.0) <= STRONGEST)


def _middle(frame: Frame) -> tuple[NDArray[np.float64], tuple[float, float]]:
    """Return the middle of an image, summed to pixels of at most 2.4 mm where they are smaller, and their size."""
    factors = tuple(max(1, int(PIXEL_MM / pitch)) for pitch in frame.spacing_mm)
    counts = [round(MIDDLE * side / factor) for side, factor in zip(frame.counts.shape, factors, strict=True)]
    first = [
        (side - count * factor) // 2
        for side, count, factor in zip(frame.counts.shape, counts, factors, strict=True)
    ]
    part = frame.counts[
        first[0] : first[0] + counts[0] * factors[0], first[1] : first[1] + counts[1] * factors[1]
    ]
    summed = part.reshape(counts[0], factors[0], counts[1], factors[1]).sum(axis=(1, 3), dtype=np.float64)
    return summed, (factors[0] * frame.spacing_mm[0], factors[1] * frame.spacing_mm[1])
