"""Two timings beside each other: their ratio, and the target that it is to reach."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from benchmarks.clock import Timing


@dataclass(frozen=True, slots=True)
class Comparison:
    """A piece of nmqc's work beside another program's.

    Attributes
    ----------
    what : nmqc's work
    beside : the other work
    ours, theirs : their times
    faster : the ratio says how many times as fast ours is; else which part of theirs ours takes
    target : least ratio (`faster`) or largest; None: for information
    most_s : instead of a target: the CPU time that ours may take at most
    """

    what: str
    beside: str
    ours: Timing
    theirs: Timing
    faster: bool
    target: float | None
    most_s: float | None = None

    @property
    def ratio(self) -> float:
        """Ratio of the medians of the CPU times: it decides."""
        return self._ratio(self.ours.cpu_s, self.theirs.cpu_s)

    @property
    def ratio_of_least(self) -> float:
        """Ratio of the least CPU times."""
        return self._ratio(self.ours.least_cpu_s, self.theirs.least_cpu_s)

    @property
    def ratio_of_walls(self) -> float:
        """Ratio of the medians of the wall times."""
        return self._ratio(self.ours.wall_s, self.theirs.wall_s)

    @property
    def reached(self) -> bool | None:
        """Whether the target is reached; None where there is none."""
        if self.most_s is not None:
            return self.ours.cpu_s <= self.most_s
        if self.target is None:
            return None
        return self.ratio >= self.target if self.faster else self.ratio <= self.target

    def _ratio(self, ours: float, theirs: float) -> float:
        return theirs / ours if self.faster else ours / theirs


def ratio_text(comparison: Comparison, ratio: float) -> str:
    """Return a ratio for people: "21 times as fast" or "0.31 of it"."""
    if comparison.faster:
        return f"{three_digits(ratio)} times as fast"
    return f"{ratio:.2f} of it" if ratio < 10 else f"{ratio:.0f} times as long"


def target_text(comparison: Comparison) -> str:
    """Return the target and whether it is reached, for people."""
    if comparison.reached is None:
        return ""
    bound = "at least" if comparison.faster else "at most"
    wanted = (
        f"{bound} {comparison.target:g}" if comparison.most_s is None else f"at most {comparison.most_s:g} s"
    )
    return f"{wanted}: {'reached' if comparison.reached else 'missed'}"


def milliseconds(timing: Timing) -> str:
    """Return the median and the least CPU time, and the median wall time, in ms."""
    return " / ".join(three_digits(1000 * time) for time in (timing.cpu_s, timing.least_cpu_s, timing.wall_s))


def three_digits(value: float) -> str:
    """Return a number with three digits, and no exponent where it is large."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def as_json(comparison: Comparison) -> dict[str, Any]:
    """Return a comparison with every sample, as JSON values; seconds."""
    return {
        "what": comparison.what,
        "beside": comparison.beside,
        "ratio_means": "theirs / ours" if comparison.faster else "ours / theirs",
        "ratio_cpu_median": comparison.ratio,
        "ratio_cpu_least": comparison.ratio_of_least,
        "ratio_wall_median": comparison.ratio_of_walls,
        "target": comparison.target,
        "most_s": comparison.most_s,
        "reached": comparison.reached,
        "ours": timing_json(comparison.ours),
        "theirs": timing_json(comparison.theirs),
    }


def timing_json(timing: Timing) -> list[dict[str, float]]:
    """Return the samples of a timing, in seconds."""
    return [{"cpu_s": sample.cpu_s, "wall_s": sample.wall_s} for sample in timing.samples]
