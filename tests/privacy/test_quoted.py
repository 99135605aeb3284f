"""No library's warning or exception is passed on: they quote what they could not read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset, dcmread
from pydicom.datadict import tag_for_keyword
from pydicom.tag import Tag

from nmqc.dicom import values
from phantoms.cor import Orbit, one_source
from phantoms.flood import Flood, Head
from phantoms.nm import write, write_cor
from phantoms.pet import Cylinder
from phantoms.pt import write_series
from tests.cli.planted import KEYWORDS
from tests.cli.running import call
from tests.privacy.folder import asking
from tests.privacy.planting import PERSONAL, TEXT, written

#: what the makers' own words are, and nobody's name: shown as they stand
SHOWN = {
    *("Manufacturer", "ManufacturerModelName", "SoftwareVersions", "CollimatorGridName", "CollimatorType"),
    *("EnergyWindowName", "ReconstructionMethod"),
}
NAME = f"{TEXT}000001"
QUICK = ("--no-record", "--json")


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("NMQC_DB", "NMQC_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))


def _flood(folder: Path) -> Path:
    heads = (Head(counts=20e6, offset_mm=(1.3, -2.1)), Head(counts=15e6, offset_mm=(-2.7, 1.6)))
    (path,) = write(Flood("intevo", matrix=64, heads=heads), folder / "x.dcm", seed=1, flavour="scanner")
    return path


def _orbit(folder: Path) -> Path:
    orbit = Orbit(sources=one_source(), views=12, matrix=(68, 64), pixel_mm=(4.6, 4.8), system="intevo")
    (path,) = write_cor(orbit, folder / "x.dcm", seed=1)
    return path


def _cylinder(folder: Path) -> Path:
    """The second slice of three: what it says is held against the others."""
    phantom = Cylinder(matrix=(24, 26), slices=3, voxel_mm=(12.0, 11.8, 9.0))
    return sorted(write_series(phantom, folder / "x", "ge", seed=1))[1]


#: what it is, and a command that reads all of it and takes little time
KINDS: dict[str, tuple[Callable[[Path], Path], tuple[str, ...]]] = {
    "flood": (_flood, ("identify",)),
    "orbit": (_orbit, ("cor", *QUICK)),
    "cylinder": (_cylinder, ("pet", "--phantom", "cylinder", *QUICK)),
}


def _given(path: Path) -> Path:
    """What is typed: the file, or the folder of its series."""
    return path.parent if path.parent.name == "x" else path


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_is_asked_for_is_not_quoted_where_it_cannot_be_read(kind: str, tmp_path: Path) -> None:
    """Each element that the reader asks for, wherever it stands, holds a name instead of its value."""
    make, (command, *options) = KINDS[kind]
    path = make(tmp_path)
    with asking() as asked:
        call(command, _given(path), *options)
    good = path.read_bytes()
    spoilt, shown = 0, set()
    for keyword in sorted(asked):
        dataset = dcmread(path)
        spoilt += _spoil(dataset, keyword)
        path.write_bytes(written(dataset))
        assert NAME.encode() in path.read_bytes(), keyword
        run = call(command, _given(path), *options)
        assert run.status in (0, 3, 4), keyword
        shown |= {keyword} if TEXT.lower() in (run.text + run.err).lower() else set()
        path.write_bytes(good)
    assert shown <= SHOWN
    assert spoilt > len(asked) > 30


def test_nothing_that_is_shown_names_a_person() -> None:
    """By PS3.15, Table E.1-1."""
    assert not SHOWN & {*KEYWORDS, *PERSONAL}


def _spoil(dataset: Dataset, keyword: str) -> int:
    """Put a name into every element of this keyword, or a new one; return into how many."""
    tag = Tag(tag_for_keyword(keyword) or 0)
    holders = [item for item in _items(dataset) if tag in item] or [dataset]
    for item in holders:
        item.pop(tag, None)
        item.add_new(tag, "LO", NAME)
    return len(holders)


def _items(dataset: Dataset) -> list[Dataset]:
    inside = [item for element in dataset if element.VR == "SQ" for item in element.value]
    return [dataset, *(one for item in inside for one in _items(item))]


def _raises(*_: Any, **__: Any) -> Any:
    raise ValueError(f"could not convert '{NAME}'")


@pytest.mark.parametrize("kind", KINDS)
def test_an_exception_of_a_library_is_not_quoted(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line that says that the file is damaged, and no traceback."""
    make, (command, *options) = KINDS[kind]
    path = make(tmp_path)
    monkeypatch.setattr(values.Header, "numbers", _raises)
    said = []
    for run in (call("identify", path, "--json"), call(command, _given(path), *options)):
        assert run.status in (0, 3)
        assert TEXT not in run.text + run.err
        assert "Traceback" not in run.err
        said.append("damaged" in run.text + run.err)
    assert any(said)
