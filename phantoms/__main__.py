"""``python -m phantoms flood ... -o flood.dcm``: write a digital phantom as DICOM.

Also bars, slits, lines, cor, iec, cylinder, and site: a whole site's year.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import NoReturn

from phantoms import cor_options, nm, pet_options, planar_options, site_options
from phantoms.arguments import (
    add_file_options,
    add_noise_options,
    field,
    matrix,
    numbers,
    some_numbers,
)
from phantoms.defects import (
    Crack,
    DeadPatch,
    Defect,
    DriftedTube,
    EdgePacking,
    FailedTube,
    HydrationSpots,
    LinearGradient,
    NearSource,
    TubeLattice,
    WeakTube,
)
from phantoms.fields import Circle, Rectangle
from phantoms.flood import Flood, Head, HeadTruth, default_heads, default_windows
from phantoms.systems import RADIONUCLIDES, SYSTEMS

_EPILOG = """\
Lengths are millimetres, x to the right and y down as displayed. Positions of defects are measured from the
centre of the detector's field. HEAD is 1, 2 or "all". Depths, amplitudes and gains are parts of 1: a depth of
0.08 is 8 %%. Options for defects can be given several times.

example: two detectors, the second with a photomultiplier 8 %% weak
  %(prog)s --system intevo --counts 60e6 --seed 1 --weak-tube 2,-96,57,0.08 -o flood.dcm
"""

Placed = tuple[int | None, Defect]


class _Parser(argparse.ArgumentParser):
    """A parser whose mistakes are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def parser(prog: str = "python -m phantoms") -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    top = _Parser(prog=prog, description="Write digital phantoms, whose truth is known, as DICOM files.")
    commands = top.add_subparsers(dest="phantom", required=True, metavar="PHANTOM")
    flood = commands.add_parser(
        "flood",
        help="a flood of a gamma camera",
        description="Write a flood of a gamma camera with known defects, and print what is true of it.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_acquisition(flood.add_argument_group("the acquisition"))
    _add_detectors(flood.add_argument_group("the detectors"))
    _add_defects(flood.add_argument_group("defects"))
    _add_file(flood.add_argument_group("the file"))
    planar_options.add_commands(commands)
    cor_options.add_command(commands)
    pet_options.add_commands(commands)
    site_options.add_command(commands)
    return top


def main(argv: Sequence[str] | None = None, prog: str = "python -m phantoms") -> int:
    """Run the command line and return its exit status: 0, or 2 for a mistake, which is one line."""
    try:
        options = parser(prog).parse_args(argv)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 2
    try:
        write = _WRITERS.get(options.phantom, _planar_written)
        lines = write(options)
    except (ValueError, OSError) as error:
        print(f"{prog} {options.phantom}: {_reason(error)}", file=sys.stderr)
        return 2
    for line in lines:
        print(line)
    return 0


def _flood_written(options: argparse.Namespace) -> list[str]:
    """Write the flood that was asked for, and return what is to be said of it."""
    flood = _flood(options)
    return [*_written(_write(flood, options)), *_truths(flood)]


def _planar_written(options: argparse.Namespace) -> list[str]:
    """Write the image of one detector that was asked for, and return what is to be said of it."""
    phantom = planar_options.make(options)
    said = planar_options.truths(phantom)
    return [*_written(planar_options.write(phantom, options)), *said]


def _orbit_written(options: argparse.Namespace) -> list[str]:
    """Write the point sources that were asked for, and return what is to be said of them."""
    orbit = cor_options.make(options)
    return [*_written(cor_options.write(orbit, options)), *cor_options.truths(orbit)]


def _volume_written(options: argparse.Namespace) -> list[str]:
    """Write the PET phantom that was asked for, and return what is to be said of it."""
    phantom = pet_options.make(options)
    folders = pet_options.write(phantom, options)
    wrote = [f"wrote {folder} ({phantom.slices} files)" for folder in folders]
    return [*wrote, *pet_options.truths(phantom)]


_WRITERS: dict[str, Callable[[argparse.Namespace], list[str]]] = {
    "flood": _flood_written,
    "cor": _orbit_written,
    "iec": _volume_written,
    "cylinder": _volume_written,
    "site": site_options.write,
}


def _add_acquisition(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--system", choices=sorted(SYSTEMS), default="intevo", help="default: %(default)s")
    group.add_argument(
        "--matrix", type=matrix, default=1024, metavar="N", help="N, or ROWSxCOLUMNS; default: 1024"
    )
    group.add_argument("--zoom", type=float, default=1.0, help="default: 1")
    group.add_argument("--pixel-mm", type=numbers(2), metavar="DOWN,ALONG", help="default: the system's")
    group.add_argument("--windows", type=int, choices=(1, 2), default=1, help="energy windows; default: 1")
    group.add_argument("--radionuclide", choices=RADIONUCLIDES, default="Tc-99m", help="default: %(default)s")
    group.add_argument("--collimator", metavar="NAME", help="LEHR, ...; default: none, an intrinsic flood")
    group.add_argument("--duration", type=float, default=1500.0, metavar="S", help="seconds; default: 1500")
    group.add_argument(
        "--acquired", type=datetime.fromisoformat, metavar="TIME", help="local time, 2026-01-05T07:12:00"
    )
    counts = group.add_mutually_exclusive_group()
    counts.add_argument(
        "--counts", type=float, metavar="N", help="expected total per detector; default: about 30e6"
    )
    counts.add_argument("--counts-per-pixel", type=float, metavar="N", help="of a whole pixel without defect")
    add_noise_options(group)


def _add_detectors(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--detectors", type=int, metavar="N", help="default: all that the system has")
    group.add_argument(
        "--field",
        type=field,
        metavar="SHAPE",
        help="rectangle:WxH, cut:WxHxCUT, circle:DIAMETER, hexagon:FLATS, octagon:FLATS; default: as built",
    )
    group.add_argument("--offset", type=_offset, action="append", default=[], metavar="HEAD,X,Y")
    group.add_argument("--edge-fwhm", type=float, metavar="MM", help="blur of the field's edge, 0 for none")
    group.add_argument(
        "--background", type=float, metavar="PART", help="counts outside the field; default: 0"
    )


def _add_defects(group: argparse._ArgumentGroup) -> None:
    def add(name: str, metavar: str, least: int, make: Callable[..., Defect], text: str) -> None:
        most = len(metavar.replace("[", "").split(",")) - 1
        group.add_argument(
            name, dest="defects", action="append", type=_placed(least, most, make), metavar=metavar, help=text
        )

    add("--weak-tube", "HEAD,X,Y,DEPTH[,SIGMA]", 3, WeakTube, "weak photomultiplier; sigma 25 mm")
    add("--failed-tube", "HEAD,X,Y[,GAIN,RADIUS]", 2, FailedTube, "dead photomultiplier; gain 0, 38 mm")
    add("--drifted-tube", "HEAD,X,Y,DEPTH[,SIGMA]", 3, DriftedTube, "displaced counts; sigma 22 mm")
    add("--dead-patch", "HEAD,X,Y,WIDTH,HEIGHT[,GAIN]", 4, _patch, "rectangle with a gain of 0 to 1; 0")
    add("--dead-disc", "HEAD,X,Y,DIAMETER[,GAIN]", 3, _disc, "disc with a gain of 0 to 1; 0")
    add("--gradient", "HEAD,X,Y", 2, LinearGradient, "rise of the gain per mm to the right and down")
    add("--lattice", "HEAD,AMPLITUDE[,PITCH]", 1, TubeLattice, "pattern of photomultipliers; pitch 76 mm")
    add("--edge-packing", "HEAD,AMPLITUDE[,WIDTH]", 1, EdgePacking, "bright ring along the edge; 6 mm")
    add("--crack", "HEAD,X,Y,ANGLE,DEPTH[,SIGMA,FLANKS]", 4, Crack, "cold line; sigma 2.5 mm, flanks 0 to 1")
    add("--spots", "HEAD,COUNT[,DEPTH,SIGMA,SEED]", 1, _spots, "crystal hydration; 0.08, 5 mm, 1")
    add("--point-source", "HEAD,DISTANCE[,X,Y]", 1, NearSource, "near point source above (x, y)")
    group.add_argument(
        "--near-source",
        dest="defects",
        action="append",
        type=lambda text: (None, NearSource(*numbers(1)(text))),
        metavar="MM",
        help="near point source on the axis of every detector",
    )


def _add_file(group: argparse._ArgumentGroup) -> None:
    add_file_options(group)
    group.add_argument("--split-heads", action="store_true", help="one file for each detector")
    group.add_argument("--no-field-tags", action="store_true", help="leave out the field of view")
    group.add_argument("--pixel-scale", type=float, metavar="SCALE", help="GE: store counts / SCALE")
    group.add_argument("--saturate", action="store_true", help="allow counts that do not fit in 16 bits")


def _flood(options: argparse.Namespace) -> Flood:
    acquired = {} if options.acquired is None else {"acquired": options.acquired}
    return Flood(
        system=options.system,
        matrix=options.matrix,
        zoom=options.zoom,
        pixel_mm=options.pixel_mm,
        heads=_heads(options),
        windows=default_windows(options.system, options.radionuclide, options.windows),
        duration_s=options.duration,
        radionuclide=options.radionuclide,
        collimator=options.collimator,
        **acquired,
    )


def _heads(options: argparse.Namespace) -> tuple[Head, ...]:
    """Return the system's detectors with what was asked for."""
    heads = default_heads(options.system)
    count = len(heads) if options.detectors is None else options.detectors
    if not 1 <= count <= len(heads):
        raise ValueError(f"--detectors: {options.system} has {len(heads)}")
    placed: list[Placed] = options.defects or []
    named = [head for head, _ in (*placed, *options.offset) if head is not None]
    if any(not 1 <= head <= count for head in named):
        raise ValueError(f"HEAD must be 1 to {count}, or all")
    return tuple(_head(options, number, head) for number, head in enumerate(heads[:count], start=1))


def _head(options: argparse.Namespace, number: int, head: Head) -> Head:
    offsets = [place for named, place in options.offset if named in (None, number)]
    placed: list[Placed] = options.defects or []
    head = replace(
        head,
        field=options.field,
        offset_mm=offsets[-1] if offsets else head.offset_mm,
        defects=tuple(defect for named, defect in placed if named in (None, number)),
    )
    if options.edge_fwhm is not None:
        head = replace(head, edge_fwhm_mm=options.edge_fwhm)
    if options.background is not None:
        head = replace(head, background=options.background)
    if options.counts is not None or options.counts_per_pixel is not None:
        head = replace(head, counts=options.counts, counts_per_pixel=options.counts_per_pixel)
    return head


def _write(flood: Flood, options: argparse.Namespace) -> list[Path]:
    return nm.write(
        flood,
        options.output,
        seed=None if options.noise_free else options.seed,
        flavour=options.flavour,
        transfer_syntax=options.transfer_syntax,
        split_heads=options.split_heads,
        field_tags=not options.no_field_tags,
        pixel_scale=options.pixel_scale,
        saturate=options.saturate,
        overwrite=options.force,
    )


def _written(paths: list[Path]) -> list[str]:
    return [f"wrote {path} ({path.stat().st_size:,} bytes)" for path in paths]


def _truths(flood: Flood) -> list[str]:
    (rows, columns), (down, along) = flood.shape, flood.spacing_mm
    lines = [f"{rows} x {columns} pixels of {down:.7g} x {along:.7g} mm (down x along)"]
    for truth in flood.truth():
        lines += _head_truth(truth)
    return lines


def _head_truth(truth: HeadTruth) -> list[str]:
    width, height = truth.extents_mm
    counts = ", ".join(f"{total:,.0f}" for total in truth.counts)
    levels = ", ".join(f"{level:.5g}" for level in truth.counts_per_pixel)
    cut = "" if truth.inside_matrix else ", cut off by the matrix"
    field = f"field {width:g} x {height:g} mm centred on {_place(truth.centre_mm)}{cut}"
    return [
        f"detector {truth.detector}: {field}",
        f"  expected counts per window: {counts}; of a whole pixel without defect: {levels}",
        f"  {_uniformity(truth)}",
    ]


def _uniformity(truth: HeadTruth) -> str:
    if truth.integral_uniformity is None:
        return "integral uniformity of the gain: no closed form"
    text = f"integral uniformity of the gain over the field: {truth.integral_uniformity:.4f} %"
    for name, place in (("lowest", truth.low_at_mm), ("highest", truth.high_at_mm)):
        text += "" if place is None else f"; {name} at {_place(place)}"
    return text


def _place(place: tuple[float, float]) -> str:
    return f"({place[0]:.2f}, {place[1]:.2f}) mm"


def _reason(error: ValueError | OSError) -> str:
    """Return one line that says what is wrong and what to do."""
    if isinstance(error, FileExistsError):
        return f"{error.args[-1]}: give another name, or --force"
    if isinstance(error, OSError):
        return f"cannot write: {error.strerror}"
    return str(error)


def _split_head(text: str) -> tuple[int | None, list[str]]:
    head, *others = text.split(",")
    if head != "all" and not head.isdecimal():
        raise argparse.ArgumentTypeError('the first part is HEAD: 1, 2 or "all"')
    return (None if head == "all" else int(head)), others


def _placed(least: int, most: int, make: Callable[..., Defect]) -> Callable[[str], Placed]:
    """Return a converter of HEAD and numbers to a defect of that detector."""

    def convert(text: str) -> Placed:
        head, others = _split_head(text)
        try:
            return head, make(*some_numbers(others, least, most))
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return convert


def _patch(x: float, y: float, width: float, height: float, gain: float = 0.0) -> DeadPatch:
    return DeadPatch(Rectangle(width, height), x, y, gain)


def _disc(x: float, y: float, diameter: float, gain: float = 0.0) -> DeadPatch:
    return DeadPatch(Circle(diameter), x, y, gain)


def _spots(count: float, depth: float = 0.08, sigma: float = 5.0, seed: float = 1) -> HydrationSpots:
    return HydrationSpots(int(count), depth, sigma, int(seed))


def _offset(text: str) -> tuple[int | None, tuple[float, ...]]:
    head, others = _split_head(text)
    return head, tuple(some_numbers(others, 2, 2))


if __name__ == "__main__":
    raise SystemExit(main())
