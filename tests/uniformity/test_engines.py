"""NumPy and Numba give the same numbers, bit for bit; which one works is chosen by NMQC_ENGINE and the work."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nmqc.errors import BadConfiguration, CannotMeasure
from nmqc.measure.engine import WORTHWHILE_PIXELS, _cache_folder, use_numba
from nmqc.uniformity import noise
from nmqc.uniformity.indices import Fields, all_indices, smooth
from nmqc.uniformity.noise import index_measure, shape_measure
from nmqc.uniformity.planar import Options, analyse
from nmqc.uniformity.structure import shapes
from phantoms.defects import WeakTube
from phantoms.fields import Rectangle
from phantoms.flood import Flood, Head
from tests.exam.acquisitions import acquisition

Masks = tuple[NDArray[np.bool_], NDArray[np.bool_]]
ROOT = Path(__file__).parents[2]


def full(rows: int, columns: int) -> Masks:
    return np.ones((rows, columns), bool), np.ones((rows, columns), bool)


def ragged(rows: int, columns: int, seed: int) -> Masks:
    """Return a round field with holes, and a part of it; both hold runs of five."""
    random = np.random.default_rng(seed)
    row, column = np.indices((rows, columns))
    distance = (2 * (row + 0.6) / rows - 1) ** 2 + (2 * (column + 0.4) / columns - 1) ** 2
    ufov = (distance < 1) & (random.random(distance.shape) > 0.02)
    ufov[rows // 2, 2 : columns - 2] = ufov[2 : rows - 2, columns // 2] = True
    cfov = ufov & (distance < 0.6)
    return ufov, cfov


def stripes(rows: int, columns: int) -> Masks:
    """Return a field of one row and one column: most pixels lie outside."""
    ufov = np.zeros((rows, columns), bool)
    ufov[rows // 3] = ufov[:, columns // 4] = True
    return ufov, ufov.copy()


SHAPES: dict[str, Masks] = {
    "all of it": full(12, 17),
    "smallest": full(5, 5),
    "one row more": full(5, 6),
    "ragged": ragged(23, 31, 1),
    "ragged, upright": ragged(37, 14, 2),
    "stripes": stripes(19, 26),
    "touches one corner": (np.pad(np.ones((6, 7), bool), ((0, 9), (8, 0))),) * 2,
}


@pytest.mark.parametrize("kind", [np.int32, np.int64])
@pytest.mark.parametrize("mean", [0.8, 25.0, 10_000.0, 3_000_000.0])
@pytest.mark.parametrize("name", SHAPES)
def test_both_engines_give_the_same_bits(
    name: str, mean: float, kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = Fields(*SHAPES[name])
    stack = np.random.default_rng(5).poisson(mean, (7, *fields.ufov.shape)).astype(kind)
    stack[3, :, ::2] = 0  # zero counts, whole runs of them
    stack[4] = np.where(fields.ufov, stack[4], 10**6)  # what lies outside does not matter
    stack[:, *np.argwhere(fields.cfov)[0]] += 1  # some count in every field
    monkeypatch.setenv("NMQC_ENGINE", "numpy")
    plain = index_measure(fields, 0)(stack)
    monkeypatch.setenv("NMQC_ENGINE", "numba")
    compiled = index_measure(fields, 0)(stack)
    assert list(plain) == list(compiled)
    for index, values in plain.items():
        assert values.dtype == compiled[index].dtype
        np.testing.assert_array_equal(values, compiled[index], err_msg=index)
        assert np.isfinite(values).all()
    # Both are the double-precision indices, to the seven digits of single precision.
    exact = all_indices(smooth(stack, fields.ufov), fields)
    for index, values in exact.items():
        np.testing.assert_allclose(plain[index], values, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("name", SHAPES)
def test_both_engines_give_the_same_bits_of_images_with_a_field_each(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ufov, cfov = SHAPES[name]
    fewer = ufov.copy()
    fewer[np.unravel_index(np.flatnonzero(ufov)[-1], ufov.shape)] = False
    fields = Fields(np.stack([ufov, fewer, ufov]), np.stack([cfov, cfov & fewer, cfov]))
    light = np.random.default_rng(8).normal(900.0, 60.0, fields.ufov.shape)
    found = []
    for engine in ("numpy", "numba"):
        monkeypatch.setenv("NMQC_ENGINE", engine)
        found.append(index_measure(fields, 0, np.float64)(light))
    for index, values in found[0].items():
        assert values.dtype == np.float64
        np.testing.assert_array_equal(values, found[1][index], err_msg=index)
    # The second image has a field of its own: what it has not does not enter.
    alone = all_indices(smooth(light[1], fields.ufov[1]), Fields(fields.ufov[1], fields.cfov[1]))
    assert {index: values[1] for index, values in found[0].items()} == alone


@pytest.mark.parametrize("kind", [np.int32, np.int64])
@pytest.mark.parametrize("name", ["ragged", "ragged, upright"])
def test_both_engines_give_the_same_shapes(name: str, kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    fields = Fields(*SHAPES[name])
    stack = np.random.default_rng(9).poisson(3_000_000.0, (7, *fields.ufov.shape)).astype(kind)
    stack[4] = np.where(fields.ufov, stack[4], 0)
    found = []
    for engine in ("numpy", "numba"):
        monkeypatch.setenv("NMQC_ENGINE", engine)
        found.append(shape_measure(fields, 0)(stack))
    for figure, values in found[0].items():
        np.testing.assert_array_equal(values, found[1][figure], err_msg=figure)
        alone = float(shapes(stack[4], fields)[figure])
        assert values[4] == pytest.approx(alone, rel=1e-12)  # arithmetic only


@pytest.mark.parametrize("engine", ["numpy", "numba"])
def test_both_engines_refuse_alike(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NMQC_ENGINE", engine)
    fields = Fields(*full(8, 9))
    stack = np.random.default_rng(6).poisson(50.0, (3, 8, 9))
    stack[1] = 0
    with pytest.raises(CannotMeasure) as empty:
        index_measure(fields, 0)(stack)
    assert empty.value.code == "no_counts"
    narrow = Fields(*full(4, 9))
    with pytest.raises(CannotMeasure) as short:
        index_measure(narrow, 0)(stack[2:, :4])
    assert short.value.code == "no_window"


def test_both_engines_make_the_same_noise_floor(monkeypatch: pytest.MonkeyPatch) -> None:
    fields = Fields(*SHAPES["ragged"])
    found = []
    for engine in ("numpy", "numba"):
        monkeypatch.setenv("NMQC_ENGINE", engine)
        noise._simulated_floor.cache_clear()
        found.append([noise.noise_floor(fields, mean) for mean in (40.0, 3000.0)])
    assert found[0] == found[1]


def small_flood() -> Flood:
    head = Head(
        field=Rectangle(211.0, 163.0),
        offset_mm=(9.1, -14.3),
        edge_fwhm_mm=3.6,
        counts_per_pixel=310.0,
        defects=(WeakTube(31.0, -22.0, 0.06, 15.0),),
    )
    return Flood(matrix=(96, 112), pixel_mm=(2.4, 2.3), heads=(head, head))


def numbers(engine: str, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    monkeypatch.setenv("NMQC_ENGINE", engine)
    noise._simulated_floor.cache_clear()
    analysis = analyse(acquisition(small_flood(), seed=3), Options(replicates=30))
    assert not analysis.refused
    return [
        (m.metric.name, m.of, m.value, dict(m.uncertainty_parts), m.noise_floor)
        for result in analysis.results
        for m in result.measurements
    ]


def test_whole_analysis_is_the_same_by_either_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    assert numbers("numpy", monkeypatch) == numbers("numba", monkeypatch)


# --- which engine ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["fortran", "NUMPY", " numba"])
def test_another_engine_is_refused(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NMQC_ENGINE", value)
    with pytest.raises(BadConfiguration, match="auto, numpy, numba") as refusal:
        use_numba(1)
    assert refusal.value.code == "engine"


@pytest.mark.parametrize("value", ["numpy", "numba"])
def test_engine_that_was_asked_for_does_any_amount_of_work(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NMQC_ENGINE", value)
    assert {use_numba(pixels) for pixels in (1, 10**12)} == {value == "numba"}


@pytest.mark.parametrize("value", ["auto", "", None])
def test_engine_is_chosen_by_the_work(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NMQC_ENGINE", raising=False)
    if value is not None:
        monkeypatch.setenv("NMQC_ENGINE", value)
    monkeypatch.delitem(sys.modules, "nmqc.uniformity._kernels", raising=False)
    assert use_numba(WORTHWHILE_PIXELS)
    assert not use_numba(WORTHWHILE_PIXELS - 1)
    monkeypatch.setitem(sys.modules, "nmqc.uniformity._kernels", sys)  # loaded already: it costs nothing
    assert use_numba(1)


IMPORT = """
import json, sys, nmqc.uniformity._kernels
print(json.dumps(["numba" in sys.modules, {}]))
"""
PROGRAM = """
import json, sys
import numpy as np
from nmqc.uniformity.indices import Fields
from nmqc.uniformity.noise import index_measure, shape_measure
from nmqc.uniformity.structure import shapes
mask = np.ones((9, 11), bool)
stack = np.random.default_rng(5).poisson(300.0, (4, 9, 11))
found = index_measure(Fields(mask, mask), 0)(stack)
loaded = "numba" in sys.modules
print(json.dumps([loaded, {name: [float(v).hex() for v in values] for name, values in found.items()}]))
"""


def run(folder: Path, program: str = PROGRAM, **environment: str) -> tuple[bool, dict[str, list[str]]]:
    """Run a program in a folder, in an environment of its own; nothing may be left on standard error."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "NUMBA_"))}
    own |= {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **environment}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=folder,
        env=own,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    loaded, found = json.loads(done.stdout)
    return loaded, found


@pytest.fixture(scope="module")
def by_numpy(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    loaded, found = run(tmp_path_factory.mktemp("plain"), NMQC_ENGINE="numpy")
    assert not loaded
    return found


def not_a_folder(tmp_path: Path) -> Path:
    """Return a path in which nobody, not even root, can make a folder."""
    blocked = tmp_path / "blocked"
    blocked.write_text("")
    return blocked / "below"


def test_compiled_kernels_are_kept_in_the_cache_folder(
    tmp_path: Path, by_numpy: dict[str, list[str]]
) -> None:
    cache = tmp_path / "cache"
    assert run(tmp_path, NMQC_ENGINE="numba", NUMBA_CACHE_DIR=str(cache)) == (True, by_numpy)
    assert list(cache.rglob("*.nbi"))


def test_cache_folder_that_cannot_be_written(tmp_path: Path, by_numpy: dict[str, list[str]]) -> None:
    cache = str(not_a_folder(tmp_path))
    assert run(tmp_path, NMQC_ENGINE="numba", NUMBA_CACHE_DIR=cache) == (True, by_numpy)


def test_home_that_does_not_exist(tmp_path: Path) -> None:
    home = str(not_a_folder(tmp_path))
    assert run(tmp_path, IMPORT, HOME=home) == (True, {})  # Numba refuses, if at all, when it is imported
    assert [path.name for path in tmp_path.iterdir()] == ["blocked"]


def test_user_without_account_and_home_gets_no_folder_where_he_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HOME", "XDG_CACHE_HOME", "NUMBA_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", lambda number: {}[number])
    monkeypatch.chdir(tmp_path)
    folder = _cache_folder()
    assert list(tmp_path.iterdir()) == []
    assert folder is None or folder.is_absolute()
