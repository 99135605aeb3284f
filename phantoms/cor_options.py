"""The command that writes point sources on a tomographic orbit: cor."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
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
    matrix,
    numbers,
    some_numbers,
)
from phantoms.cor import (
    Orbit,
    OrbitHead,
    OrbitTruth,
    PointSource,
    default_orbit_heads,
    five_sources,
    nema_sources,
    one_source,
)
from phantoms.flood import default_windows
from phantoms.systems import RADIONUCLIDES, SYSTEMS

_EPILOG = """\
Lengths are millimetres. Sources: x to the patient's left, y to the back, z to the head. What is wrong with a
detector displaces its image to the right and down; such an option takes one number for all detectors, or one for
each, with a comma between. Give a list that starts with a minus sign as --offset=-1.2,0.8.

example: two detectors, the second 1.9 mm off its axis
  %(prog)s --sources five --views 60 --offset 0.3,1.9 --counts 2e4 --seed 1 -o cor.dcm
"""
_SETS = {"nema": nema_sources, "five": five_sources, "one": one_source}
_OF_HEADS = (
    ("--offset", "offset_mm", "MM", "right: the centre-of-rotation offset"),
    ("--axial", "axial_mm", "MM", "down"),
    ("--tilt", "tilt_deg", "DEG", "a source farther from the detector appears lower"),
    ("--turn", "turn_deg", "DEG", "of the image, counter-clockwise as displayed"),
    ("--sag", "sag_mm", "MM", "right by so much x cos(2 theta - phase)"),
    ("--sag-phase", "sag_phase_deg", "DEG", "the phase of the sag"),
    ("--drift", "drift_mm", "MM", "right by so much more in each view"),
    ("--angle-error", "angle_error_deg", "DEG", "the detector stands at the header's angle plus this"),
    ("--sensitivity", "sensitivity", "PART", "counts relative to the sources'"),
)


def add_command(commands: Commands) -> None:
    """Add the command to those of the command line."""
    command = commands.add_parser(
        "cor",
        help="point sources on a tomographic orbit, for the centre of rotation",
        description="Write point sources on the orbit of a gamma camera, and print what is true of them.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_sources(command.add_argument_group("the sources"))
    _add_orbit(command.add_argument_group("the orbit"))
    _add_heads(command.add_argument_group("the detectors"))
    _add_acquisition(command.add_argument_group("the acquisition"))
    _add_file(command.add_argument_group("the file"))


def make(options: argparse.Namespace) -> Orbit:
    """Return the phantom that was asked for: options that were not given keep its own defaults."""
    given = vars(options)
    names = {item.name for item in dataclasses.fields(Orbit)} - {"heads", "sources", "windows"}
    settings: dict[str, Any] = {name: value for name, value in given.items() if name in names}
    orbit = Orbit(**settings, heads=_heads(given), sources=_sources(given))
    windows = default_windows(orbit.system, orbit.radionuclide, given.get("window_count", 1))
    return dataclasses.replace(orbit, windows=windows)


def write(orbit: Orbit, options: argparse.Namespace) -> list[Path]:
    """Write the phantom as the options say, and return the paths."""
    return nm.write_cor(
        orbit,
        options.output,
        seed=None if options.noise_free else options.seed,
        flavour=options.flavour,
        transfer_syntax=options.transfer_syntax,
        split_heads=options.split_heads,
        overwrite=options.force,
    )


def truths(orbit: Orbit) -> list[str]:
    """Return what is true of the acquisition, in lines of text."""
    (rows, columns), (down, along) = orbit.shape, orbit.spacing_mm
    sense = "clockwise" if orbit.clockwise else "counter-clockwise"
    size = f"{rows} x {columns} pixels of {down:.7g} x {along:.7g} mm (down x along)"
    lines = [f"{size}, {orbit.views} views of {orbit.step_deg:.6g} deg {sense}"]
    for truth in orbit.truth():
        lines += _head_truth(truth)
    return lines


def _add_sources(group: Group) -> None:
    which = group.add_mutually_exclusive_group()
    which.add_argument(
        "--sources",
        choices=sorted(_SETS),
        default="nema",
        help="one, the three of NEMA, or five along the axis; default: %(default)s",
    )
    several = "instead: a source, from the axis; can be given several times"
    add_option(which, "--source", "placed", _source, "X,Y[,Z]", several, several=True)
    add_option(
        group, "--counts", "counts", float, "N", "of each source in the first view; default: about 20000"
    )
    add_option(group, "--half-life", "half_life_s", float, "S", "seconds; default: no decay")


def _add_orbit(group: Group) -> None:
    add_option(group, "--views", "views", int, "N", "of each detector", Orbit)
    add_option(group, "--arc", "arc_deg", float, "DEG", "views times the step", Orbit)
    sense = group.add_mutually_exclusive_group()
    add_flag(sense, "--clockwise", "clockwise", True, "seen from the feet: angles decrease; the default")
    add_flag(sense, "--counter-clockwise", "clockwise", False, "angles increase")
    add_flag(
        group,
        "--continuous",
        "continuous",
        True,
        "the detectors move while they count; default: step and shoot",
    )
    radii = "from the axis to the collimator: one, or one for each view"
    add_option(group, "--radius", "radius_mm", _radius, "MM[,MM...]", radii, Orbit)
    add_option(group, "--rotations", "rotations", int, "N", "every second one turns back", Orbit)


def _add_heads(group: Group) -> None:
    group.add_argument(
        "--heads", dest="head_count", type=int, metavar="N", help="default: all that the system has"
    )
    add_option(
        group, "--start", "start_deg", float, "DEG", "angle of the first, 0 behind the patient's back; 180"
    )
    add_option(group, "--separation", "separation_deg", float, "DEG", "from the first to the second; 180")
    for option, name, metavar, text in _OF_HEADS:
        add_option(group, option, name, _one_or_two, f"{metavar}[,{metavar}]", text)
    slip = "a view that is displaced to the right and down, of detector 1 unless said; can be given several times"
    add_option(group, "--slip", "slips", _slip, "VIEW,MM[,MM,HEAD]", slip, several=True)
    group.add_argument(
        "--mirrored", choices=("1", "2", "all"), help="detectors that store their columns reversed"
    )


def _add_acquisition(group: Group) -> None:
    add_option(group, "--system", "system", str, "NAME", f"one of {', '.join(SYSTEMS)}", Orbit)
    add_option(group, "--matrix", "matrix", matrix, "N", "N, or ROWSxCOLUMNS", Orbit)
    add_option(group, "--zoom", "zoom", float, "FACTOR", "divides the system's pixels", Orbit)
    add_option(group, "--pixel-mm", "pixel_mm", numbers(2), "DOWN,ALONG", "default: the system's")
    add_option(group, "--fwhm", "fwhm_mm", float, "MM", "blur 200 mm from the collimator", Orbit)
    add_option(group, "--fwhm-per-mm", "fwhm_per_mm", float, "MM", "how much more for each mm", Orbit)
    add_option(group, "--background", "background", float, "N", "counts in each pixel of each view", Orbit)
    add_option(group, "--windows", "window_count", int, "N", "energy windows, 1 or 2; default: 1")
    add_option(
        group, "--radionuclide", "radionuclide", str, "NAME", f"one of {', '.join(RADIONUCLIDES)}", Orbit
    )
    add_option(group, "--collimator", "collimator", str, "NAME", "its name", Orbit)
    add_option(group, "--duration", "duration_s", float, "S", "seconds of a view", Orbit)
    add_option(
        group, "--acquired", "acquired", datetime.fromisoformat, "TIME", "local time, 2026-01-05T07:12:00"
    )
    add_noise_options(group)


def _add_file(group: Group) -> None:
    add_file_options(group)
    group.add_argument("--split-heads", action="store_true", help="one file for each detector")


def _sources(given: dict[str, Any]) -> tuple[PointSource, ...]:
    placed = tuple(PointSource(*place) for place in given.get("placed", ())) or _SETS[given["sources"]]()
    if "counts" in given:
        placed = tuple(dataclasses.replace(source, counts=given["counts"]) for source in placed)
    return placed


def _heads(given: dict[str, Any]) -> tuple[OrbitHead, ...]:
    """Return the system's heads with what was asked for."""
    heads = default_orbit_heads(given.get("system", Orbit().system))
    count = len(heads) if given["head_count"] is None else given["head_count"]
    if not 1 <= count <= len(heads):
        raise ValueError(f"--heads: the system has {len(heads)}")
    for option, name, _, _ in _OF_HEADS:
        if len(given.get(name, ())) > count:
            raise ValueError(f"{option}: {len(given[name])} numbers for {count} detector(s)")
    if any(not 1 <= head <= count for head, _ in given.get("slips", ())):
        raise ValueError(f"--slip: HEAD must be 1 to {count}")
    if given["mirrored"] == "2" and count < 2:
        raise ValueError("--mirrored: there is no detector 2")
    return tuple(_head(given, number, head) for number, head in enumerate(heads[:count]))


def _head(given: dict[str, Any], number: int, head: OrbitHead) -> OrbitHead:
    """Return a head, counted from 0, with what was asked for."""
    faults = {name: given[name][number % len(given[name])] for _, name, _, _ in _OF_HEADS if name in given}
    return dataclasses.replace(
        head,
        start_deg=(given.get("start_deg", 180.0) + number * given.get("separation_deg", 180.0)) % 360,
        slips=tuple(slip for slipped, slip in given.get("slips", ()) if slipped == number + 1),
        mirrored=given["mirrored"] in ("all", str(number + 1)),
        **faults,
    )


def _head_truth(truth: OrbitTruth) -> list[str]:
    head = truth.head
    first = (
        f"detector {truth.detector}: starts at {head.start_deg:g} deg, axis at column {truth.axis_column:.4f} "
        f"(offset {head.offset_mm:g} mm), axial {head.axial_mm:g} mm, tilt {head.tilt_deg:g} deg"
    )
    return [first, *_more_of(head), *_sources_truth(truth)]


def _more_of(head: OrbitHead) -> list[str]:
    """Return the line that names what else is wrong with a head, if anything is."""
    said = [
        f"turned {head.turn_deg:g} deg" if head.turn_deg else "",
        f"sag {head.sag_mm:g} mm at {head.sag_phase_deg:g} deg" if head.sag_mm else "",
        f"drift {head.drift_mm:g} mm a view" if head.drift_mm else "",
        f"stands {head.angle_error_deg:g} deg further than it says" if head.angle_error_deg else "",
        "mirrored" if head.mirrored else "",
        *(f"view {view} displaced by ({right:g}, {down:g}) mm" for view, right, down in head.slips),
    ]
    more = ", ".join(text for text in said if text)
    return [f"  {more}"] if more else []


def _sources_truth(truth: OrbitTruth) -> list[str]:
    return [
        f"  source {number}: radius {source.radius_mm:.3f} mm, phase {source.phase_deg:.3f} deg, "
        f"mean at ({source.offset_mm:.3f}, {source.axial_mm:.3f}) mm"
        for number, source in enumerate(truth.sources, start=1)
    ]


def _one_or_two(text: str) -> Sequence[float]:
    return some_numbers(text.split(","), 1, 2)


def _source(text: str) -> Sequence[float]:
    return some_numbers(text.split(","), 2, 3)


def _radius(text: str) -> float | tuple[float, ...]:
    values = some_numbers(text.split(","), 1, 4096)
    return values[0] if len(values) == 1 else tuple(values)


def _slip(text: str) -> tuple[int, tuple[int, float, float]]:
    """Return the head, and the view with its displacement."""
    values = some_numbers(text.split(","), 2, 4)
    view, right, down, head = (*values, *(0.0, 1.0)[len(values) - 2 :])
    if view % 1 or head % 1:
        raise argparse.ArgumentTypeError("VIEW and HEAD are whole numbers")
    return int(head), (int(view), right, down)
