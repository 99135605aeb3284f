"""What nmqc can do: one row for each test. Nothing is discovered; a new test is a new row.

Importing this module costs nothing: a test's code is imported when it is called.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from nmqc.model import Acquisition, Analysis, Metric, Refusal
from nmqc.uniformity import metrics as uniformity


@dataclass(frozen=True, slots=True)
class Test:
    """A test: its name, the command that runs it, what it needs, what it measures, and where its code is.

    Attributes
    ----------
    name : "uniformity.planar"
    command : the nmqc command that runs it
    title : for people
    kinds : third values of ImageType that it takes
    shows : what its images show: "flood", "bars", ...
    metrics : every quantity that it delivers or lists as not measured
    module : the module with `Options`, `analyse(acquisition, options)`, `check(acquisition)`, `warm_up()`
    """

    name: str
    command: str
    title: str
    kinds: tuple[str, ...]
    shows: str
    metrics: tuple[Metric, ...]
    module: str

    def analyse(self, acquisition: Acquisition, options: Any) -> Analysis:
        """Run the test: a pure function of its arguments."""
        analysis = import_module(self.module).analyse(acquisition, options)
        assert isinstance(analysis, Analysis)
        return analysis

    def check(self, acquisition: Acquisition) -> tuple[Refusal, ...]:
        """Say what the test would refuse, without measuring anything."""
        refused: tuple[Refusal, ...] = import_module(self.module).check(acquisition)
        return refused

    def warm_up(self) -> None:
        """Compile what the test compiles."""
        import_module(self.module).warm_up()

    def options(self, **chosen: Any) -> Any:
        """Return the test's options with some of them chosen."""
        return import_module(self.module).Options(**chosen)


TESTS: tuple[Test, ...] = (
    Test(
        name=uniformity.TEST,
        command="uniformity",
        title="flood uniformity",
        kinds=("STATIC",),
        shows="flood",
        metrics=tuple(uniformity.METRICS.values()),
        module="nmqc.uniformity.planar",
    ),
)


def find(name: str) -> Test:
    """Return the test of a name."""
    return next(test for test in TESTS if test.name == name)


def metric_units() -> dict[str, str]:
    """Return the unit of every metric of every test, by name."""
    return {metric.name: metric.unit for test in TESTS for metric in test.metrics}
