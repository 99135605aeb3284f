"""A folder with every kind of file that a camera, an archive or a person leaves, filled with what names a person."""

from __future__ import annotations

import gzip
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread

from nmqc.dicom.values import Header
from phantoms.bars import Bars
from phantoms.cor import Orbit, one_source
from phantoms.flood import Flood, Head
from phantoms.lines import Lines, two_parallel
from phantoms.nm import write, write_cor, write_planar
from phantoms.pet import Cylinder, IecBody
from phantoms.pt import write_series
from phantoms.slits import Slits
from tests.cli.running import call
from tests.privacy.planting import TEXT, Marks, plant, plant_file, written

#: path of an image, or of the folder of a series -> the command that analyses it, with options that take little time
IMAGES: dict[str, tuple[str, ...]] = {
    "intevo.dcm": ("uniformity", "--replicates", "8"),
    "brivo1.dcm": ("uniformity", "--replicates", "0"),
    "brivo2.dcm": ("uniformity", "--replicates", "0"),
    "t2.dcm": ("uniformity", "--replicates", "0"),
    "bars.dcm": ("resolution",),
    "slits.dcm": ("resolution",),
    "lines.dcm": ("resolution",),
    "cor.dcm": ("cor",),
    "iec": ("pet", "--sphere-bqml", "20400", "--background-bqml", "5100"),
    "cylinder": ("pet", "--phantom", "cylinder", "--background-bqml", "5300"),
}
#: images whose header has every element of the dictionary; the others have those of PS3.15, Table E.1-1
WHOLE = ("intevo.dcm", "cor.dcm", "iec/PT0001.dcm")
#: objects that are no image of quality control: file -> class
OBJECTS = {
    "screen.dcm": "1.2.840.10008.5.1.4.1.1.7",
    "ct.dcm": "1.2.840.10008.5.1.4.1.1.2",
    "report.dcm": "1.2.840.10008.5.1.4.1.1.88.11",
    "pdf.dcm": "1.2.840.10008.5.1.4.1.1.104.1",
    "enhanced.dcm": "1.2.840.10008.5.1.4.1.1.130",
    "raw.dcm": "1.2.840.10008.5.1.4.1.1.66",
    "DICOMDIR": "1.2.840.10008.1.3.10",
    "maker.dcm": f"1.2.840.5550123.{5 * '9'}",
}
OLD_S = 3600
_COARSE = {"matrix": (84, 90), "slices": 54, "voxel_mm": (4.0, 3.9, 3.7)}
_TWO = (Head(counts=20e6, offset_mm=(1.3, -2.1)), Head(counts=15e6, offset_mm=(-2.7, 1.6)))


@dataclass(frozen=True)
class Incoming:
    """The folder: `usable` and `unusable` hold the images of IMAGES, `other` what is none."""

    path: Path
    marks: int
    asked: frozenset[str]

    def images(self, filled: str) -> list[Path]:
        return [self.path / filled / name for name in IMAGES]

    @property
    def others(self) -> list[Path]:
        return sorted((self.path / "other").iterdir())


def draw(folder: Path) -> None:
    """Write the images as the phantoms write them: nobody is named in them."""
    folder.mkdir(parents=True)
    write(Flood("intevo", matrix=64, heads=_TWO), folder / "intevo.dcm", seed=1, flavour="scanner")
    for number in (1, 2):
        day = datetime(2026, 3, number, 7, 12)
        head = Head(counts=20e6, offset_mm=(2.2, -1.4))
        brivo = Flood("brivo", matrix=64, heads=(head,), acquired=day)
        write(brivo, folder / f"brivo{number}.dcm", seed=number)
    write(Flood("symbia-t2", matrix=64, heads=_TWO), folder / "t2.dcm", seed=4)
    write_planar(Bars(matrix=512), folder / "bars.dcm", seed=1)
    write_planar(Slits(matrix=512), folder / "slits.dcm", seed=1)
    write_planar(Lines(lines=two_parallel()), folder / "lines.dcm", seed=1)
    orbit = Orbit(sources=one_source(), views=24, matrix=(68, 64), pixel_mm=(4.6, 4.8), system="intevo")
    write_cor(orbit, folder / "cor.dcm", seed=1)
    write_series(IecBody(**_COARSE), folder / "iec", seed=1)
    write_series(Cylinder(**_COARSE), folder / "cylinder", "ge", seed=1)


@contextmanager
def asking() -> Iterator[set[str]]:
    """Collect the keywords that nmqc asks headers for meanwhile."""
    asked: set[str] = set()
    original = Header._fetched

    def fetched(self: Header, keyword: str) -> object:
        asked.add(keyword)
        return original(self, keyword)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Header, "_fetched", fetched)
        yield asked


def asked_for(folder: Path) -> frozenset[str]:
    """Return what the commands that read images ask their headers for."""
    with asking() as asked:
        call("identify", folder / "intevo.dcm", folder / "iec")
        for name in ("intevo.dcm", "brivo1.dcm", "lines.dcm", "cor.dcm", "iec", "cylinder"):
            command, *options = IMAGES[name]
            call(command, folder / name, *options, "--no-record", "--json")
    return frozenset(asked)


def fill(folder: Path) -> Incoming:
    """Make the folder, every file an hour old."""
    plain = folder.with_name("plain")
    draw(plain)
    asked = asked_for(plain)
    marks = sum(_planted(plain, folder / name, asked) for name in ("usable", "unusable"))
    _fill_others(plain / "brivo1.dcm", folder / "other", asked)
    shutil.rmtree(plain)
    then = time.time() - OLD_S
    for path in folder.rglob("*"):
        os.utime(path, (then, then))
    return Incoming(folder, marks, asked)


def _planted(plain: Path, folder: Path, asked: frozenset[str]) -> int:
    """Copy the images and fill their headers."""
    shutil.copytree(plain, folder)
    usable, marks = folder.name == "usable", 0
    for path in sorted(folder.rglob("*.dcm")):
        marks += plant_file(path, asked, usable=usable, whole=path.relative_to(folder).as_posix() in WHOLE)
    return marks


def _fill_others(flood: Path, folder: Path, asked: frozenset[str]) -> None:
    folder.mkdir()
    for name, sop_class in OBJECTS.items():
        (folder / name).write_bytes(_object(flood, sop_class, asked))
    good = _object(flood, "", asked)
    broken = {
        "cut.dcm": good[:-1000],
        "header.dcm": good[:3000],
        "meta.dcm": good[:250],
        "mark.dcm": good[:128] + b"DICX" + good[132:],
        "endless.dcm": _endless(good),
        "packed.dcm": gzip.compress(good)[:-2000],
        "text.dcm": f"{TEXT}000000 of the ward, born 19110713\n".encode() * 40,
    }
    for name, content in broken.items():
        (folder / name).write_bytes(content)
    (folder / "packed-whole.dcm").write_bytes(gzip.compress(good))


def _object(flood: Path, sop_class: str, asked: frozenset[str]) -> bytes:
    dataset: Dataset = dcmread(flood)
    plant(dataset, Marks(), asked, usable=bool(sop_class), whole=False)
    if sop_class:
        dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = sop_class
    return written(dataset)


def _endless(content: bytes) -> bytes:
    """The name of the patient is said to be longer than the file."""
    at = content.index(b"\x10\x00\x10\x00PN") + 6
    return content[:at] + b"\xff\xff" + content[at + 2 :]
