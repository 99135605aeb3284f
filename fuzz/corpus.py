"""What the breaking begins with: small good files of every kind that nmqc reads, made of the phantoms."""

from __future__ import annotations

import shutil
import struct
import sys
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from fuzz.elements import PIXEL_DATA, parse, write
from phantoms.__main__ import main as phantom

_ROOT = Path(__file__).parents[1]
_SEED_PX = 8
_IMAGES: dict[str, tuple[str, ...]] = {
    "flood.dcm": ("flood", "--system", "intevo", "--matrix", "64", "--windows", "2"),
    "good.dcm": (
        "flood",
        "--system",
        "symbia-t2",
        "--matrix",
        "64",
        "--seed",
        "5",
        "--acquired",
        "2026-02-03T08:00:00",
    ),
    "brivo.dcm": ("flood", "--system", "brivo", "--matrix", "64", "--counts", "4e6", "--pixel-scale", "0.5"),
    "bars.dcm": ("bars", "--matrix", "256", "--zoom", "2", "--widths", "4.5,4,3.5,3"),
    "slits.dcm": ("slits", "--matrix", "512", "--fwhm", "4"),
    "lines.dcm": ("lines", "--square", "100", "--matrix", "128"),
    "cor.dcm": ("cor", "--sources", "one", "--views", "12", "--matrix", "40"),
}
_SERIES: dict[str, tuple[str, ...]] = {
    "iec": ("iec", "--matrix", "72x66", "--slices", "32", "--voxel-mm", "7,5.5,5.2", "--ratio", "8"),
    "cylinder": (
        "cylinder",
        "--matrix",
        "40",
        "--slices",
        "16",
        "--voxel-mm",
        "12,8,8",
        "--vendor",
        "siemens",
    ),
    "ge": ("cylinder", "--matrix", "40", "--slices", "16", "--voxel-mm", "12,8,8", "--vendor", "ge"),
}
_TEXTS: dict[str, str] = {
    "fill.toml": "docs/examples/fill.toml",
    "fill-cylinder.toml": "docs/examples/fill-cylinder.toml",
    "background.toml": "docs/examples/background.toml",
    "limits.toml": "nmqc/data/limits.toml",
    "protocol.toml": "nmqc/data/protocols/brivo.toml",
}
_TABLE = "date,system,detector,metric,of,value,unit\n" + "".join(
    f"2026-01-{day:02},intevo,1,uniformity.integral.ufov,,{2 + day / 50},%\n" for day in range(1, 20)
)


@dataclass(frozen=True)
class Corpus:
    """Good files: single images, folders of PET series, and text files, each by its name."""

    images: dict[str, Path]
    series: dict[str, Path]
    texts: dict[str, Path]

    def contents(self) -> list[bytes]:
        """Return the bytes of each image, and of one slice of each series."""
        slices = [sorted(folder.iterdir())[0] for folder in self.series.values()]
        return [path.read_bytes() for path in (*self.images.values(), *slices)]


def made(folder: Path) -> Corpus:
    """Write the good files into a folder; those that are there already are left."""
    folder.mkdir(parents=True, exist_ok=True)
    images = {name: folder / name for name in _IMAGES}
    series = {name: folder / name for name in _SERIES}
    for name, arguments in (_IMAGES | _SERIES).items():
        if not (folder / name).exists():
            with redirect_stdout(StringIO()):
                status = phantom([*arguments, "-o", str(folder / name)])
            if status:
                raise RuntimeError(f"the phantom {name} could not be made")
    for name, source in _TEXTS.items():
        shutil.copy(_ROOT / source, folder / name)
    (folder / "table.csv").write_text(_TABLE, encoding="utf-8")
    (folder / "nmqc.toml").write_text(_configuration(), encoding="utf-8")
    texts = {name: folder / name for name in (*_TEXTS, "table.csv", "nmqc.toml")}
    return Corpus(images, series, texts)


def _configuration() -> str:
    """Return the template of a site's configuration with every setting switched on but those that name a file."""
    lines = (_ROOT / "nmqc" / "data" / "nmqc.toml").read_text(encoding="utf-8").splitlines()
    kept = [line[1:] if line.startswith("#") and not line.startswith("# ") else line for line in lines]
    files = ("database", "limits", "logo", "on_problem")
    return "\n".join(line for line in kept if not line.startswith(files)) + "\n"


def write_seeds(folder: Path, work: Path) -> None:
    """Write the images, and one slice of each series, cut to few pixels, as a fuzzer of bytes wants them."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, content in enumerate(made(work).contents()):
        (folder / f"{number}.dcm").write_bytes(cut_to(content, _SEED_PX))


def cut_to(content: bytes, side_px: int) -> bytes:
    """Return an image with square frames of few pixels."""
    tree = parse(content)
    told = {element.tag: element.value for element in tree.dataset}
    frames = int(told.get(0x00280008, b"1"))
    for element in tree.dataset:
        if element.tag in (0x00280010, 0x00280011):
            element.value = struct.pack("<H", side_px)
        elif element.tag == PIXEL_DATA:
            element.value = element.value[: 2 * frames * side_px**2]
    return write(tree)


if __name__ == "__main__":
    write_seeds(Path(sys.argv[1]), Path(sys.argv[1] + "-made"))
