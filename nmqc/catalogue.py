"""What nmqc can do: one row for each test. Nothing is discovered; a new test is a new row.

Importing this module costs nothing: a test's code is imported when it is called.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from importlib import import_module
from typing import Any

from nmqc.cor import metrics as cor
from nmqc.model import Acquisition, Analysis, Beside, InputFile, Metric, Refusal, Result, Scan
from nmqc.pet import metrics as pet
from nmqc.resolution import metrics as resolution
from nmqc.uniformity import metrics as uniformity


@dataclass(frozen=True, slots=True)
class Test:
    """A test: its name, the command that runs it, what it needs, what it measures, and where its code is.

    Attributes
    ----------
    name : "uniformity.planar"
    command : the nmqc command that runs it
    title : for people
    kinds : third values of ImageType of the acquisitions that it takes; () where it takes PET scans
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

    def takes(self, data: Acquisition | Scan) -> bool:
        """Say whether data are of the kind that the test takes; an acquisition whose kind is not known may be any."""
        if isinstance(data, Scan):
            return not self.kinds
        return bool(self.kinds) and data.kind in (*self.kinds, "")

    def analyse(self, data: Acquisition | Scan, options: Any) -> Analysis:
        """Run the test, a pure function of its arguments; each result says what it was called with."""
        analysis = import_module(self.module).analyse(data, options)
        assert isinstance(analysis, Analysis)
        called_with, files = plain_options(options), _files(data, options)
        results = [
            replace(result, options=called_with, beside=_beside(result, files)) for result in analysis.results
        ]
        return replace(analysis, results=tuple(results))

    def check(self, data: Acquisition | Scan) -> tuple[Refusal, ...]:
        """Say what the test would refuse, without measuring anything."""
        refused: tuple[Refusal, ...] = import_module(self.module).check(data)
        return refused

    def warm_up(self) -> None:
        """Compile what the test compiles."""
        import_module(self.module).warm_up()

    def options(self, **chosen: Any) -> Any:
        """Return the test's options with some of them chosen."""
        return import_module(self.module).Options(**chosen)

    def option_names(self) -> tuple[str, ...]:
        """Return the names of the test's options."""
        return tuple(one.name for one in fields(import_module(self.module).Options))


#: In the order in which images are tried: what has a pattern before a flood, which a weak pattern looks like.
TESTS: tuple[Test, ...] = (
    Test(
        name=resolution.LINES,
        command="resolution",
        title="line sources",
        kinds=("STATIC",),
        shows="lines",
        metrics=tuple(resolution.LINES_METRICS.values()),
        module="nmqc.resolution.lines",
    ),
    Test(
        name=resolution.SLITS,
        command="resolution",
        title="slit mask",
        kinds=("STATIC",),
        shows="slits",
        metrics=tuple(resolution.SLITS_METRICS.values()),
        module="nmqc.resolution.slits",
    ),
    Test(
        name=resolution.BARS,
        command="resolution",
        title="four-quadrant bars",
        kinds=("STATIC",),
        shows="bars",
        metrics=tuple(resolution.BARS_METRICS.values()),
        module="nmqc.resolution.bars",
    ),
    Test(
        name=uniformity.TEST,
        command="uniformity",
        title="flood uniformity",
        kinds=("STATIC",),
        shows="flood",
        metrics=tuple(uniformity.METRICS.values()),
        module="nmqc.uniformity.planar",
    ),
    Test(
        name=cor.TEST,
        command="cor",
        title="point sources on an orbit",
        kinds=("TOMO",),
        shows="cor",
        metrics=tuple(cor.METRICS.values()),
        module="nmqc.cor.point_sources",
    ),
    Test(
        name=pet.IMAGE_QUALITY,
        command="pet",
        title="IEC body phantom",
        kinds=(),
        shows="iec",
        metrics=tuple(pet.IMAGE_QUALITY_METRICS.values()),
        module="nmqc.pet.image_quality",
    ),
    Test(
        name=pet.RECOVERY,
        command="pet",
        title="recovery in the IEC body phantom",
        kinds=(),
        shows="iec",
        metrics=tuple(pet.RECOVERY_METRICS.values()),
        module="nmqc.pet.recovery_test",
    ),
    Test(
        name=pet.RESOLUTION,
        command="pet",
        title="resolution by the spheres of the IEC body phantom",
        kinds=(),
        shows="iec",
        metrics=tuple(pet.RESOLUTION_METRICS.values()),
        module="nmqc.pet.resolution_fit",
    ),
    Test(
        name=pet.UNIFORMITY,
        command="pet",
        title="uniform cylinder",
        kinds=(),
        shows="cylinder",
        metrics=tuple(pet.UNIFORMITY_METRICS.values()),
        module="nmqc.pet.uniformity",
    ),
)


@dataclass(frozen=True, slots=True)
class Recognition:
    """What an image shows, as far as the tests can tell.

    Attributes
    ----------
    test : the first test that accepts a frame, or the scan; None where none does
    refused : the frames that this test refuses; without a test, what each of them says
    """

    test: Test | None
    refused: tuple[Refusal, ...]


def recognise(data: Acquisition | Scan, tests: Sequence[Test]) -> Recognition:
    """Say which of some tests an acquisition is for: the first that accepts one of its frames; or a PET scan.

    An acquisition whose header does not say of which kind it is may be for any of them.
    """
    refused: list[Refusal] = []
    images = 1 if isinstance(data, Scan) else len(data.frames)
    for test in tests:
        if not test.takes(data):
            continue
        found = test.check(data)
        if len(found) < images:
            return Recognition(test, found)
        refused += found
    return Recognition(None, tuple(dict.fromkeys(refused)))


def find(name: str) -> Test:
    """Return the test of a name."""
    return next(test for test in TESTS if test.name == name)


def is_warm() -> bool:
    """Say whether compiled kernels are kept from before, so that `Test.warm_up` takes a moment alone."""
    from nmqc.uniformity.planar import is_warm

    return is_warm()


def of_command(command: str) -> tuple[Test, ...]:
    """Return the tests that a command runs."""
    return tuple(test for test in TESTS if test.command == command)


def pair_metrics() -> frozenset[str]:
    """Return the names of the metrics that are of two detectors: their `of` names both, such as "1-2"."""
    return frozenset(metric.name for metric in cor.PAIR_METRICS.values())


def metric_units() -> dict[str, str]:
    """Return the unit of every metric of every test, by name."""
    return {metric.name: metric.unit for test in TESTS for metric in test.metrics}


# --- what an analysis was called with ---------------------------------------------------------------------


def plain_options(options: Any) -> dict[str, Any]:
    """Return the options of a test as JSON values, unrounded; images among them are null.

    Which detector alone was asked for is left out: it chooses among results, and changes none.
    """
    values = {one.name: getattr(options, one.name) for one in fields(options) if one.name != "only_detector"}
    return {name: None if isinstance(value, Acquisition) else _plain(value) for name, value in values.items()}


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _files(data: Acquisition | Scan, options: Any) -> tuple[Beside, ...]:
    """Return all files that a test got: of the images, and of images among the options."""
    volumes = data.volumes if isinstance(data, Scan) else (data,)
    own = [Beside("image", one) for volume in volumes for one in volume.source.inputs]
    values = {one.name: getattr(options, one.name) for one in fields(options)}
    given = {name: value for name, value in values.items() if isinstance(value, Acquisition)}
    return (
        *own,
        *(Beside(name, one) for name, value in given.items() for one in value.source.inputs),
    )


def _beside(result: Result, files: Sequence[Beside]) -> tuple[Beside, ...]:
    """Return the files that are none of the result's own."""
    own: set[InputFile] = set(result.source.inputs)
    return tuple(one for one in files if one.role != "image" or one.input not in own)
