"""Several acquisitions as one."""

from dataclasses import replace

import numpy as np
import pytest

from nmqc.errors import CannotMeasure
from nmqc.measure.frames import Findings
from nmqc.model import Measurement, NotMeasured
from nmqc.pet.metrics import IMAGE_QUALITY_METRICS
from nmqc.pet.nema import image_quality
from nmqc.pet.options import Options
from nmqc.pet.replicates import mean_of, together
from nmqc.pet.truth import given
from tests.pet.by_hand import ByHand, noise, of

HAND = ByHand(shape=(45, 130, 162))


def one(value: float, of_: str = "10 mm", **parts: float) -> Measurement:
    return Measurement(IMAGE_QUALITY_METRICS["contrast_hot"], value, of_, parts)


def test_mean_scatter_and_uncertainty_by_hand() -> None:
    """Parts that are new every time: sqrt((3^2 + 5^2 + 4^2) / 3) / sqrt(3); common ones stay."""
    each = [
        [one(50.0, counting=3.0, fill=2.0)],
        [one(56.0, counting=5.0, fill=2.0)],
        [one(53.0, counting=4.0, fill=2.0), one(60.0, "13 mm")],
    ]
    lacking = [[NotMeasured("pet.contrast_hot", "13 mm", "sphere_absent", "not seen")]] * 2 + [[]]
    found = together(each, lacking)
    assert [(m.of, m.value) for m in found.measurements] == [("10 mm", 53.0)]
    assert found.measurements[0].uncertainty_parts == pytest.approx(
        {"counting": (50 / 9) ** 0.5, "fill": 2.0}
    )
    assert found.scatter == {("pet.contrast_hot", "10 mm"): pytest.approx(3.0)}
    assert [m.of for m in found.not_measured] == ["13 mm"]


def test_one_alone_is_itself() -> None:
    found = together([[one(50.0, counting=3.0)]], [[]])
    assert found.measurements[0].uncertainty == 3.0
    assert found.scatter == {}


def test_the_phantom_is_placed_once_for_all() -> None:
    clean = HAND.values()
    volumes = [
        HAND.volume((clean + 50 * noise(clean.shape, 2.0, seed)).astype(np.float32)) for seed in range(3)
    ]
    whole = mean_of(volumes)
    assert whole.values.mean() == pytest.approx(np.mean([v.values.mean() for v in volumes]), rel=1e-6)
    placement, each, lacking = None, [], []
    for volume in volumes:
        findings = Findings(IMAGE_QUALITY_METRICS)
        placed = image_quality(volume, HAND.phantom(), given(ratio=4.0), Options(), findings, placement)
        assert placed is not None
        placement = placed.placement
        each.append(findings.measurements)
        lacking.append(findings.not_measured)
    found = together(each, lacking)
    mean = next(m for m in found.measurements if (m.metric.name, m.of) == ("pet.contrast_hot", "37 mm"))
    alone = [of(Findings(IMAGE_QUALITY_METRICS, list(some)), "pet.contrast_hot", "37 mm") for some in each]
    assert mean.value == pytest.approx(np.mean([m.value for m in alone]))
    assert mean.uncertainty is not None
    assert mean.uncertainty < min(m.uncertainty or 0.0 for m in alone)


def test_replicates_that_are_none() -> None:
    volume = HAND.volume(np.ones(HAND.shape, np.float32))
    for other in (
        replace(volume, origin_mm=(0.0, 0.0, 2.0)),
        replace(volume, unit="counts"),
        replace(volume, spacing_mm=(2.0, 2.0, 2.1)),
        replace(volume, values=np.ones((45, 130, 161))),
    ):
        with pytest.raises(CannotMeasure) as refusal:
            mean_of([volume, other])
        assert refusal.value.code == "replicates_differ"
