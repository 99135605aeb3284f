"""Every speed benchmark in one run, and docs/performance.md: `python -m benchmarks performance`.

What each of them times, see there. pylinac runs in a virtual environment of its own, which is made at the first call.
Takes about twenty minutes; --quick, some. Linux and macOS alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks import bars, cor, runner, uniformity


def main(arguments: Sequence[str]) -> int:
    """Run the benchmarks; return 0, or 3 where something could not be measured."""
    return runner.run("performance", __doc__, (uniformity.part, bars.part, cor.part), arguments)
