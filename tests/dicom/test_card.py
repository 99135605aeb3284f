"""The card of a file whose header is longer than what is read of it at first: as that without the rest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import FileDataset

from nmqc.dicom import ReadOptions, card
from nmqc.errors import UnusableInput
from tests.dicom.build import nm, save
from tests.dicom.pet_build import pet_slice

HEAD = 1 << 18  # bytes that are read at first
STUDY = b"\x20\x00\x0d\x00UI"


def with_private(ds: FileDataset, sizes: list[int]) -> FileDataset:
    """Put private elements before everything that a card needs but the class."""
    block = ds.private_block(0x0009, "SOMEBODY", create=True)
    for number, size in enumerate(sizes):
        block.add_new(0x10 + number, "OB", bytes(size))
    return ds


@pytest.mark.parametrize("make", [nm, lambda: pet_slice(0)])
@pytest.mark.parametrize("sizes", [[200 << 10], [300 << 10], [60 << 10] * 6])
def test_a_long_header(tmp_path: Path, make: Callable[[], FileDataset], sizes: list[int]) -> None:
    short = card(save(tmp_path / "short.dcm", make()), ReadOptions())
    assert short.series
    assert card(save(tmp_path / "long.dcm", with_private(make(), sizes)), ReadOptions()) == short


@pytest.mark.parametrize("beyond", [-2, 0, 2, 8])
def test_the_first_bytes_end_between_two_elements_or_beside(tmp_path: Path, beyond: int) -> None:
    short = card(save(tmp_path / "short.dcm", nm()), ReadOptions())
    filled = [60_000] * 4
    begins = save(tmp_path / "a.dcm", with_private(nm(), [*filled, 0])).read_bytes().index(STUDY)
    long = save(tmp_path / "b.dcm", with_private(nm(), [*filled, HEAD + beyond - begins]))
    assert long.read_bytes().index(STUDY) == HEAD + beyond
    assert card(long, ReadOptions()) == short


@pytest.mark.parametrize("length", [200_000, 250_000, HEAD, 300_000])
def test_a_file_that_was_cut_within_its_header(tmp_path: Path, length: int) -> None:
    path = save(tmp_path / "flood.dcm", with_private(nm(), [60 << 10] * 6))
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(UnusableInput, match="middle of its header"):
        card(path, ReadOptions())
