"""A home of its own for every test of the command line, and floods to give to it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from phantoms.defects import WeakTube
from phantoms.flood import Flood, Head, default_windows
from phantoms.nm import write
from tests.cli.running import SETTINGS


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, caches: Path) -> Path:
    """An empty home: nothing of the person who runs the tests is read or written."""
    home = tmp_path_factory.mktemp("home")
    for name, folder in (
        ("HOME", home),
        ("XDG_CONFIG_HOME", home / "config"),
        ("XDG_DATA_HOME", home / "data"),
    ):
        monkeypatch.setenv(name, str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(caches))
    monkeypatch.setenv("MPLCONFIGDIR", str(caches))
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    return home


@pytest.fixture(scope="session")
def caches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What libraries keep for their next start, shared by all tests."""
    return tmp_path_factory.mktemp("caches")


@dataclass(frozen=True)
class Floods:
    """Files to read, never to write.

    Attributes
    ----------
    good : one detector, one window, within limits
    heads : two detectors of unlike counts, within limits
    weak : two detectors, the second out of limits
    windows : two windows of two detectors in one file
    pair : one file for each of two windows of one acquisition
    split : one file for each of two detectors; both say detector 1
    few : so few counts that no limit can be judged
    """

    good: Path
    heads: Path
    weak: Path
    windows: Path
    pair: tuple[Path, Path]
    split: tuple[Path, Path]
    few: Path


TWO = (
    Head(offset_mm=(1.3, -2.1), edge_fwhm_mm=3.5, counts=90e6),
    Head(offset_mm=(-2.7, 1.6), edge_fwhm_mm=3.8, counts=70e6),
)


def brivo(counts: float = 100e6, **settings: object) -> Flood:
    """A flood of one detector that takes little time to analyse."""
    head = Head(offset_mm=(2.2, -1.4), edge_fwhm_mm=3.6, counts=counts)
    return Flood(**{"system": "brivo", "matrix": 128, "heads": (head,), **settings})


@pytest.fixture(scope="session")
def floods(tmp_path_factory: pytest.TempPathFactory) -> Floods:
    folder = tmp_path_factory.mktemp("floods")
    tube = Head(edge_fwhm_mm=3.8, counts=70e6, defects=(WeakTube(x_mm=-96.0, y_mm=57.0, depth=0.2),))
    two = Flood("intevo", matrix=128, heads=TWO)
    windows = {system: default_windows(system, "Tc-99m", 2) for system in ("intevo", "brivo")}
    (good,) = write(brivo(), folder / "good.dcm", seed=5)
    (heads,) = write(two, folder / "heads.dcm", seed=6)
    (weak,) = write(Flood("intevo", matrix=128, heads=(TWO[0], tube)), folder / "weak.dcm", seed=7)
    (both,) = write(
        Flood("intevo", matrix=128, heads=TWO, windows=windows["intevo"]), folder / "windows.dcm", seed=8
    )
    first, second = write(brivo(windows=windows["brivo"]), folder / "pair.dcm", seed=9)
    one, other = write(two, folder / "split.dcm", seed=10, split_heads=True)
    (few,) = write(brivo(counts=1e6), folder / "few.dcm", seed=11)
    return Floods(good, heads, weak, both, (first, second), (one, other), few)
