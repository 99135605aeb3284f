"""Phantoms that were written as DICOM files of the four systems, and read again as a user's files are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from nmqc.dicom import ReadOptions, read_nm, read_pet
from nmqc.errors import UnusableInput
from nmqc.model import Acquisition, Scan
from phantoms import nm, pt
from phantoms.cor import Orbit
from phantoms.flood import Flood
from phantoms.pet_volume import PetPhantom
from phantoms.planar import Planar


def flood(phantom: Flood, seed: int) -> Acquisition:
    """Return a flood with noise, of all its heads."""
    return _read(lambda folder: nm.write(phantom, folder / "flood.dcm", seed=seed))


def planar(phantom: Planar, seed: int) -> Acquisition:
    """Return an image of one detector with noise."""
    return _read(lambda folder: [nm.write_planar(phantom, folder / "image.dcm", seed=seed)])


def orbit(phantom: Orbit, seed: int) -> Acquisition:
    """Return an orbit with noise."""
    return _read(lambda folder: nm.write_cor(phantom, folder / "cor.dcm", seed=seed))


def scan(phantom: PetPhantom, seed: int) -> Scan:
    """Return a PET scan with noise, as the Vereos writes it.

    Raises
    ------
    UnusableInput
        If the reader refuses what the phantom wrote.
    """
    with TemporaryDirectory(prefix="nmqc-validate-") as folder:
        pt.write_series(phantom, Path(folder) / "pet", seed=seed, units="BQML")
        found = read_pet([Path(folder) / "pet"], ReadOptions())
    for refusal in found.refused:
        raise UnusableInput(refusal.code, refusal.reason)
    return Scan(found.volumes, "pet")


def _read(write: Callable[[Path], Sequence[Path]]) -> Acquisition:
    """Return what was written into a folder of its own, as the reader gives it.

    Raises
    ------
    UnusableInput
        If the reader refuses what the phantom wrote.
    """
    with TemporaryDirectory(prefix="nmqc-validate-") as folder:
        found = read_nm(write(Path(folder)), ReadOptions())
    for refusal in found.refused:
        raise UnusableInput(refusal.code, refusal.reason)
    (acquisition,) = found.acquisitions
    return acquisition
