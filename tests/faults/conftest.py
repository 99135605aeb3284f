"""A home of its own for every test, floods that take little time, and the histories of the tests of the history."""

from __future__ import annotations

from pathlib import Path

import pytest

from phantoms.flood import Flood, Head
from phantoms.nm import write
from tests.cli.running import SETTINGS
from tests.history.conftest import address, server, url

__all__ = ["address", "server", "url"]


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, caches: Path) -> Path:
    home = tmp_path_factory.mktemp("home")
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(home))
    for name in ("XDG_CACHE_HOME", "MPLCONFIGDIR"):
        monkeypatch.setenv(name, str(caches))
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    return home


@pytest.fixture(scope="session")
def caches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("caches")


@pytest.fixture(scope="session")
def flood(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two detectors of unlike counts."""
    heads = (Head(counts=20e6, offset_mm=(1.3, -2.1)), Head(counts=15e6, offset_mm=(-2.7, 1.6)))
    folder = tmp_path_factory.mktemp("flood")
    (path,) = write(Flood("intevo", matrix=64, heads=heads), folder / "flood.dcm", seed=1)
    return path
