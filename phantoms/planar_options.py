"""The commands that write one image of one detector: bars, slits, lines."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from phantoms import nm
from phantoms.arguments import (
    Commands,
    Group,
    add_file_options,
    add_flag,
    add_noise_options,
    add_option,
    field,
    matrix,
    numbers,
    some_numbers,
)
from phantoms.bars import Bars, Quadrant
from phantoms.defects import DeadPatch
from phantoms.fields import Rectangle
from phantoms.lines import Lines, LineSource, LineTruth, square_of_lines, two_parallel, two_perpendicular
from phantoms.planar import Planar, Wave
from phantoms.slits import Slits
from phantoms.systems import RADIONUCLIDES, SYSTEMS

_EPILOG = """\
Lengths are millimetres, x to the right and y down as displayed, from the centre of the matrix. Angles are
degrees, counter-clockwise as displayed. Give a list that starts with a minus sign as --centre=-3,4.

example: %(example)s
"""
_EXAMPLES = {
    "bars": "--system intevo --matrix 512 --widths 3.5,3,2.5,2 --rotation 7 --seed 1 -o bars.dcm",
    "slits": "--matrix 1024 --along y --fwhm 3.7,3.9 --tails 0.05,12 --seed 1 -o slits.dcm",
    "lines": "--pixel-mm 1.03,1.03 --square 100 --turned 2 --fwhm 7.5 --seed 1 -o lines.dcm",
}


def add_commands(commands: Commands) -> None:
    """Add the commands to those of the command line."""
    about: tuple[tuple[str, str, type[Planar], Callable[[Group], None]], ...] = (
        ("bars", "a four-quadrant bar phantom", Bars, _add_bars),
        ("slits", "a slit mask", Slits, _add_slits),
        ("lines", "line sources", Lines, _add_lines),
    )
    for name, text, kind, add_object in about:
        command = commands.add_parser(
            name,
            help=text,
            description=f"Write an image of {text} on a gamma camera, and print what is true of it.",
            epilog=_EPILOG.replace("%(example)s", f"%(prog)s {_EXAMPLES[name]}"),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        add_object(command.add_argument_group("the object"))
        _add_acquisition(command.add_argument_group("the acquisition"), kind)
        _add_file(command.add_argument_group("the file"))
        command.set_defaults(kind=kind)


def make(options: argparse.Namespace) -> Planar:
    """Return the phantom that was asked for: options that were not given keep its own defaults."""
    given = dict(vars(options))
    for name in ("fwhm_mm", "line_square", "line_parallel", "line_perpendicular", "tails"):
        if name in given:
            given |= _expanded(name, given[name], given.get("turned_deg", 0.0))
    kind: type[Planar] = options.kind
    names = {item.name for item in dataclasses.fields(kind)}
    settings: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in given.items()
        if name in names
    }
    return kind(**settings)


def write(phantom: Planar, options: argparse.Namespace) -> list[Path]:
    """Write the phantom as the options say, and return the paths."""
    path = nm.write_planar(
        phantom,
        options.output,
        seed=None if options.noise_free else options.seed,
        flavour=options.flavour,
        transfer_syntax=options.transfer_syntax,
        field_tags=not options.no_field_tags,
        saturate=options.saturate,
        overwrite=options.force,
    )
    return [path]


def truths(phantom: Planar) -> list[str]:
    """Return what is true of the image, in lines of text."""
    (rows, columns), (down, along) = phantom.shape, phantom.spacing_mm
    size = f"{rows} x {columns} pixels of {down:.7g} x {along:.7g} mm (down x along)"
    lines = [f"{size}, detector {phantom.detector}, {phantom.counts:,.0f} counts expected"]
    if isinstance(phantom, Bars):
        return [*lines, *_bars_truth(phantom)]
    if isinstance(phantom, Slits):
        return [*lines, *_slits_truth(phantom)]
    if isinstance(phantom, Lines):
        return [*lines, *_lines_truth(phantom)]
    return lines


def _add_bars(group: Group) -> None:
    add_option(
        group, "--widths", "widths_mm", numbers(4), "A,B,C,D", "of the bars, clockwise from top left", Bars
    )
    add_option(
        group, "--across", "across", _across, "XYXY", "direction of each quadrant's modulation: x or y, xyxy"
    )
    add_option(group, "--rotation", "rotation_deg", float, "DEG", "of the bars", Bars)
    add_option(group, "--centre", "centre_mm", numbers(2), "X,Y", "of the cross", Bars)
    add_flag(group, "--mirrored", "mirrored", True, "left and right exchanged, before the rotation")
    add_option(group, "--fwhm", "fwhm_mm", _one_or_two, "X[,Y]", "of the camera", Bars)
    add_option(group, "--duty", "duty", float, "PART", "open part of a period", Bars)
    add_option(group, "--transmission", "transmission", float, "PART", "of the lead", Bars)
    add_option(
        group, "--phases", "phases", numbers(4), "A,B,C,D", "periods from the cross to the first bar; 0"
    )
    add_option(group, "--cross", "cross_mm", float, "MM", "width of the strip between the quadrants", Bars)
    add_flag(group, "--cross-lead", "cross_open", False, "the strip is lead; default: open")
    add_option(group, "--dividing", "dividing_deg", float, "DEG", "angle of the cross to the bars", Bars)
    add_option(group, "--size", "size_mm", float, "MM", "side or diameter; default: it covers the field")
    add_flag(group, "--round", "round_phantom", True, "a round phantom; default: square")
    add_flag(group, "--surround-lead", "surround_open", False, "lead around the phantom; default: open")
    add_option(group, "--scatter", "scatter", float, "PART", "uniform background", Bars)
    add_option(
        group, "--broad-scatter", "broad_scatter", float, "PART", "background highest at the cross", Bars
    )


def _add_slits(group: Group) -> None:
    group.add_argument(
        "--along", choices=("x", "y"), default=argparse.SUPPRESS, help="direction of the slits; default: y"
    )
    add_option(group, "--pitch", "pitch_mm", float, "MM", "distance between slits", Slits)
    add_option(group, "--slit", "slit_mm", float, "MM", "width of a slit", Slits)
    add_option(group, "--tilt", "tilt_deg", float, "DEG", "of the slits", Slits)
    add_option(group, "--offset", "offset_mm", float, "MM", "of the middle slit", Slits)
    add_option(group, "--fwhm", "fwhm_mm", _one_or_two, "X[,Y]", "of the camera", Slits)
    add_option(group, "--tails", "tails", numbers(2), "PART,FWHM", "a second Gaussian; default: none")
    add_option(group, "--transmission", "transmission", float, "PART", "of the lead", Slits)
    add_option(
        group,
        "--shift",
        "shifts_mm",
        _shift,
        "NUMBER,MM",
        "displaced slit; 0 is the middle one",
        several=True,
    )
    add_option(group, "--dead-patch", "defects", _patch, "X,Y,WIDTH,HEIGHT", "without counts", several=True)


def _add_lines(group: Group) -> None:
    which = group.add_mutually_exclusive_group()
    several = "a tube; can be given several times"
    add_option(which, "--line", "lines", _line, "X,Y,LENGTH,ANGLE[,ACTIVITY,SLOPE]", several, several=True)
    add_option(which, "--square", "line_square", float, "MM", "four lines, opposite ones at this distance")
    add_option(which, "--parallel", "line_parallel", float, "MM", "two parallel lines at this distance")
    add_flag(which, "--perpendicular", "line_perpendicular", True, "two lines at a right angle")
    add_option(group, "--turned", "turned_deg", float, "DEG", "rotation of the three above; default: 0")
    add_option(group, "--fwhm", "fwhm_mm", _one_or_two, "X[,Y]", "of the camera", Lines)
    add_option(group, "--tails", "tails", numbers(2), "PART,FWHM", "a second Gaussian; default: none")
    add_option(
        group, "--background", "background", float, "PART", "even counts, as a part of the lines'", Lines
    )


def _add_acquisition(group: Group, kind: type[Planar]) -> None:
    add_option(group, "--system", "system", str, "NAME", f"one of {', '.join(SYSTEMS)}", kind)
    add_option(group, "--detector", "detector", int, "N", "1 or 2", kind)
    add_option(group, "--matrix", "matrix", matrix, "N", "N, or ROWSxCOLUMNS", kind)
    add_option(group, "--zoom", "zoom", float, "FACTOR", "divides the system's pixels", kind)
    add_option(group, "--pixel-mm", "pixel_mm", numbers(2), "DOWN,ALONG", "default: the system's")
    shapes = "rectangle:WxH, cut:WxHxCUT, circle:DIAMETER, hexagon:FLATS, octagon:FLATS; default: as built"
    add_option(group, "--field", "field", field, "SHAPE", shapes)
    add_option(group, "--field-offset", "field_offset_mm", numbers(2), "X,Y", "of the field", kind)
    add_option(group, "--edge-fwhm", "edge_fwhm_mm", float, "MM", "blur of the field's edge", kind)
    add_option(
        group,
        "--gradient",
        "gradient_per_mm",
        numbers(2),
        "X,Y",
        "rise of the source's strength per mm",
        kind,
    )
    add_option(group, "--counts", "counts", float, "N", "expected total", kind)
    waved = "AMPLITUDE,WAVELENGTH,DIRECTION[,PHASE,TRAVEL]"
    add_option(group, "--wave", "wave", _wave, waved, "distortion; angles in degrees; default: none")
    add_option(
        group, "--radionuclide", "radionuclide", str, "NAME", f"one of {', '.join(RADIONUCLIDES)}", kind
    )
    add_option(
        group,
        "--collimator",
        "collimator",
        _collimator,
        "NAME",
        "LEHR, ..., or none for an intrinsic image",
        kind,
    )
    add_option(group, "--duration", "duration_s", float, "S", "seconds", kind)
    add_option(
        group, "--acquired", "acquired", datetime.fromisoformat, "TIME", "local time, 2026-01-05T07:12:00"
    )
    add_noise_options(group)


def _add_file(group: Group) -> None:
    add_file_options(group)
    group.add_argument("--no-field-tags", action="store_true", help="leave out the field of view")
    group.add_argument("--saturate", action="store_true", help="allow counts that do not fit in 16 bits")


def _expanded(name: str, value: Any, turned_deg: float) -> dict[str, Any]:
    """Return the attributes that a shorter way of saying them stands for."""
    if name == "fwhm_mm":
        return {"fwhm_mm": (value[0], value[-1])}
    if name == "tails":
        return {"tail_part": value[0], "tail_fwhm_mm": value[1]}
    if name == "line_square":
        return {"lines": square_of_lines(value, length_mm=0.8 * value, rotation_deg=turned_deg)}
    if name == "line_parallel":
        return {"lines": two_parallel(value, angle_deg=turned_deg)}
    return {"lines": two_perpendicular(angle_deg=turned_deg)}


def _bars_truth(bars: Bars) -> list[str]:
    truth = bars.truth()
    lines = [
        f"cross at {_place(truth.centre_mm)}, turned {truth.cross_deg:.4g} deg",
        f"bars turned {truth.rotation_deg:.4g} deg",
        f"camera FWHM {bars.fwhm_mm[0]:g} mm (x), {bars.fwhm_mm[1]:g} mm (y)",
    ]
    names = ("top left", "top right", "bottom right", "bottom left")
    return lines + [_quadrant_truth(name, each) for name, each in zip(names, truth.quadrants, strict=True)]


def _quadrant_truth(name: str, quadrant: Quadrant) -> str:
    return (
        f"{name}: bars of {quadrant.width_mm:g} mm at {quadrant.bars_deg:.4g} deg, modulation "
        f"{quadrant.modulation:.5f}, MTF {quadrant.mtf:.5f}, of the pixel {quadrant.pixel_mtf:.5f}, "
        f"contrast {quadrant.contrast:.5f}"
    )


def _slits_truth(slits: Slits) -> list[str]:
    truth = slits.truth()
    half, tenth = (
        "not reached" if width is None else f"{width:.4f} mm" for width in (truth.fwhm_mm, truth.fwtm_mm)
    )
    places = ", ".join(f"{position:.3f}" for position in truth.positions_mm)
    numbers_seen = f"slits {truth.numbers[0]} to {truth.numbers[-1]}, {truth.spacing_mm:g} mm apart"
    axis = "x" if slits.along == "y" else "y"
    return [
        f"FWHM {half}, FWTM {tenth} (camera, slit and pixel; {truth.camera_fwhm_mm:.4f} mm camera)",
        f"{numbers_seen}, {axis} at the middle: {places} mm",
    ]


def _lines_truth(lines: Lines) -> list[str]:
    return [_line_truth(number, line) for number, line in enumerate(lines.truth().lines, start=1)]


def _line_truth(number: int, line: LineTruth) -> str:
    return (
        f"line {number}: FWHM {line.fwhm_mm:.4f} mm, FWTM {line.fwtm_mm:.4f} mm (camera and pixel), "
        f"at {line.angle_deg:.4g} deg, middle at {_place(line.middle_mm)}"
    )


def _place(place: tuple[float, float]) -> str:
    return f"({place[0]:.2f}, {place[1]:.2f}) mm"


def _one_or_two(text: str) -> tuple[float, ...]:
    return tuple(some_numbers(text.split(","), 1, 2))


def _collimator(text: str) -> str | None:
    return None if text.lower() == "none" else text


def _across(text: str) -> tuple[bool, ...]:
    if len(text) != 4 or not set(text.lower()) <= {"x", "y"}:
        raise argparse.ArgumentTypeError("four letters expected, each x or y")
    return tuple(letter == "x" for letter in text.lower())


def _shift(text: str) -> tuple[int, float]:
    number, shift = some_numbers(text.split(","), 2, 2)
    return int(number), shift


def _patch(text: str) -> DeadPatch:
    x, y, width, height = some_numbers(text.split(","), 4, 4)
    try:
        return DeadPatch(Rectangle(width, height), x, y)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _line(text: str) -> LineSource:
    values = some_numbers(text.split(","), 4, 6)
    x, y, length, angle, activity, slope = (*values, *(1.0, 0.0)[len(values) - 4 :])
    try:
        return LineSource(x, y, length, angle, activity, slope)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _wave(text: str) -> Wave:
    return Wave(*some_numbers(text.split(","), 3, 5))
