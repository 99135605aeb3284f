"""NumPy against Numba, on whole commands: from how many pixels on the compiled kernels win."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.clock import Timing


@dataclass(frozen=True, slots=True)
class EngineRun:
    """One command under both engines.

    Attributes
    ----------
    replicates : splits for the uncertainty
    pixels : re-binned pixels that the splits go through in all, two halves each
    numpy, numba : times of the whole command; the kernels were compiled before
    """

    replicates: int
    pixels: int
    numpy: Timing
    numba: Timing


def break_even(runs: Sequence[EngineRun]) -> int | None:
    """Return the number of pixels from which Numba wins, or None where it wins nowhere among the runs.

    The difference of the median CPU times is taken as linear in the pixels between neighbouring runs. Where Numba
    wins in the first run already, that run's pixels.
    """
    lost = [(run.pixels, run.numba.cpu_s - run.numpy.cpu_s) for run in runs]
    if lost[-1][1] >= 0:
        return None
    last_lost = max((place for place, (_, loss) in enumerate(lost) if loss >= 0), default=-1)
    if last_lost < 0:
        return lost[0][0]
    (few, loss), (many, gain) = lost[last_lost], lost[last_lost + 1]
    return round(few + (many - few) * loss / (loss - gain))
