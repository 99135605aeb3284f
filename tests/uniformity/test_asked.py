"""What makes two results different entries of the history: all that changes a value."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from nmqc.config import load
from nmqc.history import key_of
from nmqc.model import FieldHint
from nmqc.uniformity.flood import Options
from nmqc.uniformity.planar import analyse
from phantoms.fields import Rectangle
from tests.uniformity.floods import expected, flood, measurement, noisy, result

ONE = expected(flood(Rectangle(533.0, 387.0), 128, 4.7952))
QUICK = Options(replicates=0)


def test_a_field_stated_by_the_site_is_part_of_the_key(tmp_path: Path) -> None:
    keys = set()
    for width in (533, 536):
        path = tmp_path / "nmqc.toml"
        path.write_text(
            f'[[system]]\nunit = "A"\nmodel = "x"\nfield = {{ shape = "RECTANGLE", extents_mm = [{width}, 387] }}\n'
        )
        (system,) = load(path).systems
        assert isinstance(system.field, FieldHint)
        frame = replace(ONE.frames[0], field_hints=(system.field,))
        (found,) = analyse(replace(ONE, frames=(frame,)), QUICK).results
        assert found.parameters["field_source"] == system.field.source
        keys.add(key_of(found).digest)
    assert len(keys) == 2


def test_the_effective_distance_of_the_source_is_part_of_the_key() -> None:
    keys = set()
    for name in ("intevo", "unknown"):
        source = replace(ONE.source, system=replace(ONE.source.system, name=name))
        (found,) = analyse(
            replace(ONE, source=source), Options(source_distance_mm=1500.0, replicates=0)
        ).results
        keys.add(key_of(found).digest)
    assert len(keys) == 2


def test_all_that_is_asked_stands_under_its_name() -> None:
    """Another name is another key: each image would be recorded a second time."""
    assert set(result(ONE, QUICK).asked) == {
        *("pixel_mm", "edge_policy", "edge_margin_mm", "rebin", "source_distance_mm", "reference", "field"),
    }


def test_where_the_field_lies_is_told_along_its_own_axis() -> None:
    found = result(
        expected(flood(Rectangle(533.0, 387.0), (128, 140), (4.7952, 4.4), offset_mm=(9.0, -4.0))), QUICK
    )
    # Of a noise-free image: edges to a hundredth of a pixel or two.
    assert found.parameters["centre_x_mm"] == pytest.approx(9.0, abs=0.05)
    assert found.parameters["centre_y_mm"] == pytest.approx(-4.0, abs=0.05)
    assert found.parameters["lit_mm"] == pytest.approx(
        [533.0, 387.0], abs=0.2
    )  # two edges, four hundredths each
    assert found.parameters["native_pixel_mm"] == [4.7952, 4.4]
    assert found.parameters["matrix"] == [128, 140]


def test_replicates_are_not() -> None:
    one, other = result(ONE, QUICK), result(ONE, Options(replicates=3))
    assert key_of(one).digest == key_of(other).digest


def test_strict_where_it_is_judged_has_its_uncertainty_and_noise_floor() -> None:
    counted = noisy(flood(Rectangle(533.0, 387.0), 128, 4.7952, counts=30e6), seed=1)
    found = result(counted, Options(edge_policy="strict", replicates=5))
    judged = measurement(found)
    assert judged.noise_floor is not None
    assert judged.uncertainty is not None
    assert found.parameters["edge_policy"] == "strict"
    assert measurement(found, of="whole-pixels").noise_floor is not None


def test_a_wide_margin_is_remarked() -> None:
    found = result(ONE, Options(edge_margin_mm=30.0, replicates=0))
    assert "wide_margin" in {remark.code for remark in found.remarks}
    assert "wide_margin" not in {remark.code for remark in result(ONE, QUICK).remarks}
