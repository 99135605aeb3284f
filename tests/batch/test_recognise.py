"""What an image shows: plain floods at once, and nothing with a pattern for a flood."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nmqc import catalogue
from nmqc.batch import recognise
from nmqc.batch.recognise import recognised
from nmqc.dicom import ReadOptions, read_nm, read_pet
from nmqc.model import Acquisition, Scan
from phantoms.bars import Bars
from phantoms.cor import Orbit, one_source
from phantoms.defects import TubeLattice, WeakTube
from phantoms.flood import Flood, Head
from phantoms.lines import Lines
from phantoms.nm import write, write_cor, write_planar
from phantoms.slits import Slits

ROOT = os.environ.get("NMQC_REFERENCE_DATA")


def read(path: Path) -> Acquisition:
    (found,) = read_nm([path], ReadOptions()).acquisitions
    return found


def shows(data: Acquisition | Scan) -> str | None:
    test, refused = recognised(data)
    assert (test is None) == any(True for _ in refused) or test is not None
    return None if test is None else test.shows


def bars(folder: Path, seed: int, **settings: Any) -> Acquisition:
    write_planar(Bars(**settings), folder / f"{seed}.dcm", seed=seed)
    return read(folder / f"{seed}.dcm")


def flood(
    folder: Path, seed: int, counts: float = 15e6, amplitude: float = 0.02, **settings: Any
) -> Acquisition:
    defects = (TubeLattice(amplitude=amplitude, angle_deg=7.0), WeakTube(x_mm=-90.0, y_mm=50.0, depth=0.3))
    head = Head(counts=counts, offset_mm=(2.1, -1.3), edge_fwhm_mm=3.6, defects=defects)
    write(Flood("brivo", heads=(head,), **{"matrix": 256, **settings}), folder / f"{seed}.dcm", seed=seed)
    return read(folder / f"{seed}.dcm")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tests that are asked of an image, but that of floods."""
    names: list[str] = []
    original = catalogue.Test.check

    def check(test: catalogue.Test, data: Acquisition | Scan) -> Any:
        names.append(test.shows)
        return original(test, data)

    monkeypatch.setattr(catalogue.Test, "check", check)
    return names


def test_a_flood_needs_one_look_whatever_its_tubes_do(tmp_path: Path, asked: list[str]) -> None:
    """Photomultipliers make waves of 40 mm and more: they shall not cost the tests of fine patterns."""
    for seed, (matrix, amplitude) in enumerate([(128, 0.02), (256, 0.1), (512, 0.02), (512, 0.05)]):
        assert shows(flood(tmp_path, seed, matrix=matrix, amplitude=amplitude)) == "flood"
    assert asked == ["flood"] * 4


def test_noise_alone_is_plain_in_nearly_every_image() -> None:
    """exp(-18) in each of some thousand waves of an image: none of 60 images."""
    frame = _frame()
    random = np.random.default_rng(3)
    images = [random.poisson(mean, (192, 160)) for mean in (5.0, 40.0, 900.0) for _ in range(20)]
    assert all(recognise._is_plain(replace(frame, counts=image)) for image in images)


def test_a_weak_wave_is_seen_in_whichever_direction_it_runs() -> None:
    """3 % in one of four quadrants.

    The Hann window gives the quadrant a quarter of its sum of weights n / 4: the power is
    (m / 2 * mean * n / 16)^2 / (mean * n * 9 / 64) = m^2 mean n / 144, about 150 over n = 128 x 128 pixels.
    """
    frame = replace(_frame(), spacing_mm=(2.2, 2.2))
    random = np.random.default_rng(4)
    y, x = (axis * frame.spacing_mm[0] for axis in np.mgrid[:256, :256])
    quarter = (x > x.mean()) & (y > y.mean())
    for period_mm, angle in ((6.0, 0.1), (7.0, 1.5), (9.0, 2.4)):
        wave = np.sin(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / period_mm)
        image = random.poisson(1500 * (1 + 0.03 * wave * quarter))
        assert not recognise._is_plain(replace(frame, counts=image))


def _frame() -> Any:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        return flood(Path(folder), 1, matrix=64).frames[0]


@pytest.mark.parametrize("change", [{"raw_counts": False}, {"counts": np.full((200, 200), 3)}])
def test_what_has_no_counting_statistics_is_looked_at_closely(change: dict[str, Any]) -> None:
    frame = replace(_frame(), counts=np.full((200, 200), 500))
    assert recognise._is_plain(frame)
    assert not recognise._is_plain(replace(frame, **change))


#: (matrix, FWHM in mm, scatter, counts): bars that are seen in four quadrants, in one, and hardly at all
BARS = [
    (512, 3.9, 0.22, 2.1e6),
    (512, 4.3, 5.6, 17e6),
    (256, 3.9, 1.66, 5.2e6),
    (256, 6.9, 0.42, 21e6),
    (512, 6.0, 0.15, 19e6),
    (512, 5.2, 1.35, 6.8e6),
]


@pytest.mark.parametrize("case", BARS)
def test_bars_are_never_taken_for_a_flood_however_weak(tmp_path: Path, case: tuple[Any, ...]) -> None:
    """Bars too weak to be measured are refused: a flood's figures of them would be wrong ones."""
    matrix, fwhm_mm, scatter, counts = case
    for seed, rotation in enumerate((-7.0, 3.0)):
        image = bars(
            tmp_path,
            seed,
            matrix=matrix,
            fwhm_mm=(fwhm_mm, fwhm_mm + 0.2),
            scatter=scatter,
            counts=counts,
            rotation_deg=rotation,
        )
        test, refused = recognised(image)
        assert test is None or test.shows == "bars"
        assert test is not None or [one.code for one in refused] == ["too_few_quadrants"]


def test_whatever_the_fast_look_takes_for_a_flood_the_tests_do_too(tmp_path: Path) -> None:
    """Over bars of all contrasts: where no wave stands out, no test of a pattern would have seen one."""
    random = np.random.default_rng(20261122)
    plain = 0
    for seed in range(12):
        image = bars(
            tmp_path,
            seed,
            matrix=int(random.choice([192, 256])),
            fwhm_mm=(float(random.uniform(5, 9)), float(random.uniform(5, 9))),
            scatter=float(random.uniform(0.1, 4)),
            counts=float(10 ** random.uniform(6, 7)),
            rotation_deg=float(random.uniform(-20, 20)),
        )
        if recognise._is_plain(image.frames[0]):
            plain += 1
            found = [test.check(image) for test in catalogue.TESTS[:3]]
            assert all(one.code.startswith("not_") for refused in found for one in refused)
            assert all(found)
    assert plain >= 3  # else nothing was tried


def test_other_phantoms(tmp_path: Path) -> None:
    write_planar(Slits(), tmp_path / "slits.dcm", seed=1)
    write_planar(Lines(matrix=512), tmp_path / "lines.dcm", seed=1)
    orbit = Orbit(sources=one_source(), views=24, matrix=(68, 64), pixel_mm=(4.6, 4.8), system="brivo")
    write_cor(orbit, tmp_path / "cor.dcm", seed=1)
    for name in ("slits", "lines", "cor"):
        assert shows(read(tmp_path / f"{name}.dcm")) == name


def test_of_two_detectors_one_with_bars_is_no_flood(tmp_path: Path) -> None:
    """The flood of one head does not make the other's image one."""
    one = flood(tmp_path, 1)
    other = bars(tmp_path, 2, matrix=256)
    both = replace(one, frames=(*one.frames, *other.frames))
    assert shows(both) == "bars"


@pytest.mark.skipif(not ROOT, reason="NMQC_REFERENCE_DATA does not name the folder of real files")
def test_real_files() -> None:
    """A dish and a background are none of the phantoms; everything else is what its name says."""
    folder = Path(ROOT or ".")
    found = {path.stem: shows(read(path)) for path in sorted((folder / "nm").glob("*.dcm"))}
    assert found == {
        "flood-mediso": "flood",
        "bars-intevo16": "bars",
        "line-source-symbia-t2": "lines",
        "four-line-mediso": "lines",
        "two-line-mediso": "lines",
        "slit-mask-mediso": "slits",
        "petri-dish-ecam": None,
        "background-two-heads-ecam": None,
    }
    for name in ("iec-recon", "earl-mct"):
        (volume,) = read_pet([folder / "pet" / name], ReadOptions()).volumes
        assert shows(Scan((volume,), name)) == "iec"
