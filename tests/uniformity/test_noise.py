"""The uncertainty against the scatter of repeated floods, and the noise floor against simulated perfect detectors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nmqc.uniformity.indices import Fields
from nmqc.uniformity.noise import Numbers, index_stack, thinning
from phantoms.defects import DeadPatch, Defect, LinearGradient, WeakTube
from phantoms.fields import Outline, Rectangle
from phantoms.flood import Flood, Head

DEFECTS: dict[str, tuple[Defect, ...]] = {
    "flat": (),
    "gradient": (LinearGradient(2.0e-4, -1.1e-4),),
    "weak tube": (WeakTube(-71.0, 43.0, 0.08, 25.0),),
    "dead patch": (DeadPatch(Rectangle(13.5, 11.0), 62.0, -37.0),),
}
SCATTER_SEEDS, SCATTER_SPLITS = 1000, 50  # 50 splits: u is half a per cent low for the root of a mean square


def re_binned(field: Outline, shape: tuple[int, int], counts: float, *defects: Defect) -> tuple[Any, Fields]:
    """Return a flood on pixels of 6.6 x 6.3 mm (down x along), off centre, with its whole pixels and its CFOV."""
    head = Head(field=field, offset_mm=(1.7, -1.1), counts_per_pixel=counts, defects=defects)
    flood = Flood(matrix=shape, pixel_mm=(6.6, 6.3), heads=(head,))
    x, y = flood._edges_mm(0)
    whole = field.coverage(x, y) > 1 - 1e-9
    scale = 1 / 0.75
    central = field.coverage(x * scale, y * scale) >= 0.5
    return flood.expected()[0, 0], Fields(whole, whole & central)


def scatter_and_uncertainty(
    expected: NDArray[np.float64], fields: Fields, seeds: range, splits: int
) -> dict[str, tuple[float, float]]:
    """Return, for each index, its standard deviation over Poisson floods and the mean uncertainty by thinning."""

    def measure(stack: NDArray[Any]) -> Numbers:
        return index_stack(stack, fields, 0)

    values: dict[str, list[float]] = {}
    stated: dict[str, list[float]] = {}
    for seed in seeds:
        counts = np.random.default_rng(seed).poisson(expected)
        for name, value in measure(counts[None]).items():
            values.setdefault(name, []).append(float(value[0]))
        for name, spread in thinning(counts, measure, splits).items():
            stated.setdefault(name, []).append(spread)
    return {name: (float(np.std(values[name], ddof=1)), float(np.mean(stated[name]))) for name in values}


@pytest.mark.slow
@pytest.mark.parametrize("counts", [600, 4_000, 30_000])
@pytest.mark.parametrize("defect", DEFECTS)
def test_uncertainty_is_the_scatter_over_a_thousand_floods(defect: str, counts: int) -> None:
    expected, fields = re_binned(Rectangle(533.0, 387.0), (61, 88), counts, *DEFECTS[defect])
    found = scatter_and_uncertainty(expected, fields, range(SCATTER_SEEDS), SCATTER_SPLITS)
    ratios = {name: stated / scatter for name, (scatter, stated) in found.items()}
    print(defect, counts, *(f"{name} {ratio:.3f}" for name, ratio in ratios.items()), sep=" | ")
    # The requirement itself; the scatter of 1,000 floods is known to 2 to 3 % (extreme values).
    assert {name: ratio for name, ratio in ratios.items() if not 0.85 <= ratio <= 1.15} == {}
