"""Files that nmqc must refuse, each with what has to be said of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder
from scipy.ndimage import gaussian_filter

from phantoms.cor import Orbit, one_source
from phantoms.flood import Flood
from phantoms.nm import datasets, write, write_cor
from tests.cli.conftest import TWO, brivo

CT, PET, SCREEN = (f"1.2.840.10008.5.1.4.1.1.{end}" for end in ("2", "128", "7"))
DICOMDIR = "1.2.840.10008.1.3.10"
JPEG_LOSSLESS, JPEG_BASELINE = "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.50"
MPEG = "1.2.840.10008.1.2.4.100"
_PIXEL_DATA = b"\xe0\x7f\x10\x00OW\0\0"

Maker = Callable[[Path, Path], Path]


@dataclass(frozen=True)
class Bad:
    """A bad input: how it is made of a good flood, the code, what is wrong, and what to do next.

    `make` takes a folder and a good flood, and returns the path to give to nmqc. `command` is the one that takes it,
    if any does.
    """

    make: Maker
    code: str
    wrong: str
    next_step: str
    command: str | None = None


def file_of(content: Callable[[bytes], bytes]) -> Maker:
    """A file made of the bytes of the good flood."""

    def make(folder: Path, good: Path) -> Path:
        path = folder / "bad.dcm"
        path.write_bytes(content(good.read_bytes()))
        return path

    return make


def dataset_of(change: Callable[[Dataset], None]) -> Maker:
    """The good flood with a header that was changed."""

    def make(folder: Path, good: Path) -> Path:
        ds = dcmread(good)
        change(ds)
        dcmwrite(folder / "bad.dcm", ds)
        return folder / "bad.dcm"

    return make


def pixels_of(image: Callable[[np.ndarray], np.ndarray]) -> Maker:
    """The good flood with other counts: `image` takes distances from the middle in mm, (y, x)."""

    def make(folder: Path, good: Path) -> Path:
        ds = datasets(brivo(matrix=256), seed=1)[0]
        places = (np.mgrid[:256, :256] - 127.5) * np.asarray(ds.PixelSpacing, float)[:, None, None]
        ds.PixelData = np.random.default_rng(4).poisson(image(places)).astype("<u2").tobytes()
        dcmwrite(folder / "bad.dcm", ds, enforce_file_format=True)
        return folder / "bad.dcm"

    return make


def _object(uid: str) -> Maker:
    def change(ds: Dataset) -> None:
        ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = uid

    return dataset_of(change)


def _syntax(uid: str) -> Maker:
    def change(ds: Dataset) -> None:
        ds.file_meta.TransferSyntaxUID = uid
        ds.PixelData = encapsulate([b"\xff\xd8\xff\xd9"])
        ds["PixelData"].VR, ds["PixelData"].is_undefined_length = "OB", True

    return dataset_of(change)


def _changed(**values: object) -> Maker:
    def change(ds: Dataset) -> None:
        for keyword, value in values.items():
            setattr(ds, keyword, value)

    return dataset_of(change)


def _deflated(folder: Path, _good: Path) -> Path:
    (path,) = write(brivo(), folder / "bad.dcm", seed=1, transfer_syntax="deflated")
    return path


def _endless_pixels(data: bytes) -> bytes:
    """The length of the pixels, four bytes after their tag, says 4 GB."""
    at = data.rindex(_PIXEL_DATA) + len(_PIXEL_DATA)
    return data[:at] + b"\xf0\xff\xff\xff" + data[at + 4 : at + 8192]


def _short_vector(ds: Dataset) -> None:
    ds.DetectorVector = [1, 1, 1]


def _saturated(folder: Path, _good: Path) -> Path:
    (path,) = write(brivo(counts=750e6), folder / "bad.dcm", seed=1, saturate=True)
    return path


def _zoomed(folder: Path, _good: Path) -> Path:
    """So much that even the central field is cut off."""
    flood = Flood("intevo", matrix=128, zoom=2.5, heads=TWO[:1])
    (path,) = write(flood, folder / "bad.dcm", seed=1)
    return path


def _bars(places: np.ndarray) -> np.ndarray:
    """A four-quadrant phantom: bars of 5 to 8 mm, seen with a modulation of 0.6, on the whole field."""
    y, x = places
    across = np.where(x * y > 0, x, y)
    period = np.where(x > 0, np.where(y > 0, 10.0, 12.0), np.where(y > 0, 14.0, 16.0))
    inside = (abs(x) < 270) & (abs(y) < 200)
    return np.where(inside, 900 * (1 + 0.6 * np.sin(2 * np.pi * across / period)), 0)


def _point(places: np.ndarray) -> np.ndarray:
    """A point source on a collimator, 9 mm wide, away from the middle."""
    y, x = places
    return 0.5 + 4000 * np.exp(-((x - 31) ** 2 + (y + 17) ** 2) / (2 * 9.0**2))


def _cylinder(places: np.ndarray) -> np.ndarray:
    """A cylinder of 200 mm, seen from the side with 10 mm FWHM: bright in the middle."""
    y, x = places
    depth = np.sqrt(np.clip(1 - ((x - 12) / 100) ** 2, 0, None))
    sigma_px = 10 / 2.3548 / (x[0, 1] - x[0, 0])
    return np.asarray(gaussian_filter(3000 * depth * (abs(y) < 95), sigma_px))


def _orbit(folder: Path, _good: Path) -> Path:
    """A point source on a tomographic orbit: many frames, of which one line has to speak."""
    (path,) = write_cor(Orbit(system="brivo", sources=one_source(), views=12), folder / "bad.dcm", seed=1)
    return path


def _folder(folder: Path, good: Path) -> Path:
    (folder / "a folder").mkdir()
    return folder / "a folder"


def _loop(folder: Path, good: Path) -> Path:
    (folder / "loop.dcm").symlink_to(folder / "loop.dcm")
    return folder / "loop.dcm"


def _dangling(folder: Path, good: Path) -> Path:
    (folder / "link.dcm").symlink_to(folder / "gone.dcm")
    return folder / "link.dcm"


EXPORT = "export|copy|acquire"
OTHER = "give|use|analyse|nmqc"

BAD: dict[str, Bad] = {
    "empty": Bad(file_of(lambda _: b""), "not_dicom", "empty", EXPORT),
    "text": Bad(file_of(lambda _: b"Dear colleague,\n" * 40), "not_dicom", "not a DICOM file", EXPORT),
    "short": Bad(file_of(lambda data: data[:131]), "not_dicom", "not a DICOM file", EXPORT),
    "cut in the meta group": Bad(file_of(lambda data: data[:200]), "truncated", "header", EXPORT),
    "cut in the header": Bad(file_of(lambda data: data[:1000]), "truncated", "header", EXPORT),
    "cut in the pixels": Bad(file_of(lambda data: data[:-1000]), "truncated", "bytes of pixels", EXPORT),
    "no pixels": Bad(dataset_of(lambda ds: ds.pop("PixelData")), "no_pixels", "no pixels", EXPORT),
    "CT": Bad(_object(CT), "not_an_nm_image", "CT image", OTHER),
    "PET": Bad(_object(PET), "not_an_nm_image", "PET image", OTHER),
    "screen": Bad(_object(SCREEN), "not_an_nm_image", "screen", OTHER),
    "DICOMDIR": Bad(_object(DICOMDIR), "not_an_nm_image", "DICOMDIR", OTHER),
    "lossless": Bad(_syntax(JPEG_LOSSLESS), "compressed", "JPEG Lossless", "pip install"),
    "lossy": Bad(_syntax(JPEG_BASELINE), "compressed", "with loss", EXPORT),
    "video": Bad(_syntax(MPEG), "transfer_syntax", "MPEG2", EXPORT),
    "deflated": Bad(_deflated, "deflated", "deflated", EXPORT),
    "many frames": Bad(_changed(NumberOfFrames=30_000), "too_large", "30000 frames", EXPORT),
    "large frames": Bad(_changed(Rows=65535, Columns=65535), "too_large", "65535 x 65535", EXPORT),
    "larger than its data": Bad(_changed(Rows=4096, Columns=4096), "truncated", "announces", EXPORT),
    "endless pixels": Bad(file_of(_endless_pixels), "truncated", "bytes of pixels", EXPORT),
    "vector": Bad(dataset_of(_short_vector), "vector_mismatch", "DetectorVector", EXPORT),
    "no pixel size": Bad(_changed(PixelSpacing=None), "pixel_size_missing", "pixel size", "--pixel-mm"),
    "pixel size zero": Bad(_changed(PixelSpacing=[0, 0]), "pixel_size_missing", "pixel size", "--pixel-mm"),
    "dark": Bad(pixels_of(lambda places: 0 * places[0]), "no_counts", "no counts", "check"),
    "saturated": Bad(_saturated, "saturated", "65535", "acquire"),
    "zoomed": Bad(_zoomed, "zoomed_field", "cut off", "acquire"),
    "bars": Bad(pixels_of(_bars), "not_a_flood", "not a flood", "give", command="resolution"),
    "point source": Bad(pixels_of(_point), "not_a_flood", "not a flood", "give"),
    "cylinder": Bad(pixels_of(_cylinder), "not_a_flood", "not a flood", "give"),
    "orbit": Bad(_orbit, "not_a_flood", "TOMO", "nmqc identify", command="cor"),
    "folder": Bad(_folder, "folder", "is a folder", "nmqc batch"),
}
if os.name == "posix":
    BAD["link to itself"] = Bad(_loop, "unreadable", "symbolic links", "give|correct|check")
    BAD["link to nothing"] = Bad(_dangling, "missing", "does not exist", "check|correct")


def unusable_here(name: str) -> str:
    """Say why a case cannot be tried here, or return nothing."""
    if name == "lossless" and get_decoder(JPEG_LOSSLESS).is_available:
        return "a decoder for JPEG Lossless is installed here"
    return ""
