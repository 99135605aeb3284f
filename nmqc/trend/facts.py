"""What was found in a series, and what of it matters."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from nmqc.trend.baseline import Baseline
from nmqc.trend.changes import Change
from nmqc.trend.control import Side, relevant_distance, watched
from nmqc.trend.drift import Drift
from nmqc.trend.points import Series
from nmqc.trend.rules import Chart, Notice, single_signs

State = Literal["collecting", "steady", "watch", "changed"]

#: a drift that reaches the limit sooner is to be watched
SOON = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Facts:
    """What was found, and what follows from it.

    Attributes
    ----------
    baseline : the one that holds
    changes, drift : of the whole series
    fail : the fail limit, for what matters
    limit : the one that a drift is followed to
    """

    series: Series
    baseline: Baseline
    notices: tuple[Notice, ...]
    changes: tuple[Change, ...]
    drift: Drift | None
    side: Side
    fail: float | None
    limit: float | None

    @property
    def state(self) -> State:
        """The state of the series; a notice or a step before drifts, these before a steady state."""
        if self.baseline.state != "frozen":
            return "collecting"
        if self.lasting or self.step_matters:
            return "changed"
        return "watch" if self.drift_matters or self.unrepeated else "steady"

    @property
    def lasting(self) -> tuple[Notice, ...]:
        """The notices that are not over."""
        return tuple(one for one in self.notices if one.until is None)

    @property
    def step(self) -> Change | None:
        """The last step after the baseline began."""
        first = self.baseline.first
        later = [one for one in self.changes if first is not None and one.acquired > first]
        return later[-1] if later else None

    @property
    def step_matters(self) -> bool:
        """Whether the level after the last step is farther from the baseline than what matters."""
        return self.step is not None and self._matters(self.step.after)

    @property
    def drift_matters(self) -> bool:
        """Whether a drift goes to the bad side, and is far already or reaches the limit within a year."""
        drift = self.drift
        if drift is None or not self._bad(drift.per_month):
            return False
        last = self.series.valid[-1].acquired
        soon = drift.reaches_limit is not None and drift.reaches_limit - last.date() < SOON
        return soon or self._matters((self.baseline.centre or 0.0) + drift.come_by(last))

    @property
    def unrepeated(self) -> bool:
        """Whether the last value is beyond three sigma, and no notice tells so."""
        values = watched(self.series, self.baseline)
        if self.baseline.state != "frozen" or not values or self.lasting:
            return False
        return single_signs(Chart(self.series, self.baseline, values, self.side, self.fail))[-1] != 0

    def _matters(self, level: float) -> bool:
        baseline = self.baseline
        if baseline.centre is None or baseline.sigma is None:
            return False
        away = baseline.distance(level)
        return self._bad(away) and abs(away) > relevant_distance(baseline, self.fail)

    def _bad(self, difference: float) -> bool:
        return self.side == "both" or (difference > 0) == (self.side == "high")
