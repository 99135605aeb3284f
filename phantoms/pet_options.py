"""The commands that write PET phantoms: iec, cylinder."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from phantoms import pt
from phantoms.arguments import Commands, Group, add_flag, add_option, matrix, numbers
from phantoms.dicom import FLAVOURS, TRANSFER_SYNTAXES
from phantoms.pet import ABSENT, COLD, HOT, SPHERES_MM, Cylinder, IecBody
from phantoms.pet_scan import DECAY_CORRECTIONS, ISOTOPES, PET_SYSTEMS, STARTS, Scan
from phantoms.pet_volume import NOISE_FOLLOWS, PetPhantom

_EPILOG = """\
Lengths are millimetres from the centre of the volume: x grows with columns, y with rows, z with slices. Angles about
the axis are degrees from +x towards +y. FWHM are transaxial,axial. Give a list that starts with a minus sign as
--centre=-3,4,0.

example: %(example)s
"""
_EXAMPLES = {
    "iec": "--vendor siemens --ratio 8 --cold 28,37 --rotation 110 --sense 1 --tilt 2,-1 --seed 1 -o iec",
    "cylinder": "--vendor ge --diameter 200 --ring 60,0.05,6 --seed 1 -o cylinder",
}


def add_commands(commands: Commands) -> None:
    """Add the commands to those of the command line."""
    about: tuple[tuple[str, str, type[PetPhantom], Callable[[Group], None]], ...] = (
        ("iec", "the IEC body phantom with six spheres", IecBody, _add_iec),
        ("cylinder", "a uniform cylinder", Cylinder, _add_cylinder),
    )
    for name, text, kind, add_object in about:
        command = commands.add_parser(
            name,
            help=f"{text} in a PET scanner",
            description=f"Write a PET series of {text}, and print what is true of it.",
            epilog=_EPILOG.replace("%(example)s", f"%(prog)s {_EXAMPLES[name]}"),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        add_object(command.add_argument_group("the object"))
        _add_volume(command.add_argument_group("the volume"), kind)
        _add_scan(command.add_argument_group("the scan"))
        _add_files(command.add_argument_group("the files"))


def make(options: argparse.Namespace) -> IecBody | Cylinder:
    """Return the phantom that was asked for: options that were not given keep its own defaults."""
    given = vars(options)
    if options.phantom == "cylinder":
        return Cylinder(**_settings(Cylinder, given))
    states = [HOT] * len(SPHERES_MM)
    for state in (COLD, ABSENT):
        for diameter in given.get(state, ()):
            states[SPHERES_MM.index(diameter)] = state
    return IecBody(**_settings(IecBody, given), states=tuple(states))


def write(phantom: IecBody | Cylinder, options: argparse.Namespace) -> list[Path]:
    """Write the phantom as the options say, and return the folders."""
    if options.replicates < 1:
        raise ValueError("--replicates: 1 or more")
    folders = [options.output]
    if options.replicates > 1:
        folders = [options.output / f"replicate-{number + 1}" for number in range(options.replicates)]
    for number, folder in enumerate(folders):
        pt.write_series(
            phantom,
            folder,
            options.vendor,
            scan=Scan(**_settings(Scan, vars(options))),
            seed=None if options.noise_free else options.seed,
            units=options.units,
            replicate=number,
            flavour=options.flavour,
            transfer_syntax=options.transfer_syntax,
            overwrite=options.force,
        )
    return folders


def truths(phantom: IecBody | Cylinder) -> list[str]:
    """Return what is true of the phantom, in lines of text."""
    size = " x ".join(str(side) for side in phantom.shape)
    voxel = " x ".join(f"{side:g}" for side in phantom.voxel_mm)
    first = f"{size} voxels of {voxel} mm (slices, down, along), background {phantom.background_bqml:g} Bq/mL"
    return [first, *(_iec_truth(phantom) if isinstance(phantom, IecBody) else _cylinder_truth(phantom))]


def _iec_truth(phantom: IecBody) -> list[str]:
    truth = phantom.truth()
    lines = [
        f"ring at {_place(truth.centre_mm)}, radius {truth.radius_mm:g} mm, 37 mm sphere at"
        f" {truth.phase_deg:g} deg, sense {truth.sense:+d}, tilted by ({truth.tilt_deg[0]:g},"
        f" {truth.tilt_deg[1]:g}) deg",
        f"body from {_place(truth.first_mm)} to {_place(truth.last_mm)}",
    ]
    for sphere in truth.spheres:
        place = _place((sphere.x_mm, sphere.y_mm, sphere.z_mm))
        filled = "absent" if sphere.bqml is None else f"{sphere.state}, {sphere.bqml:g} Bq/mL"
        lines.append(f"  {sphere.diameter_mm:g} mm at {place}: {filled}")
    return lines


def _cylinder_truth(phantom: Cylinder) -> list[str]:
    truth = phantom.truth()
    ends = f"from {_place(truth.first_mm)} to {_place(truth.last_mm)}"
    return [f"cylinder of {truth.diameter_mm:g} mm {ends}"]


def _place(place: tuple[float, float, float]) -> str:
    return f"({place[0]:.2f}, {place[1]:.2f}, {place[2]:.2f}) mm"


def _settings(kind: type[Any], given: dict[str, Any]) -> dict[str, Any]:
    """Return the given options that are attributes of a kind of object."""
    return {field.name: given[field.name] for field in dataclasses.fields(kind) if field.name in given}


def _add_iec(group: Group) -> None:
    _add_pose(group, IecBody)
    add_option(group, "--rotation", "rotation_deg", float, "DEG", "phase of the 37 mm sphere", IecBody)
    add_option(group, "--sense", "sense", int, "SIGN", "1: sizes descend from +x towards +y, or -1", IecBody)
    add_option(group, "--body-rotation", "body_rotation_deg", float, "DEG", "of the body alone", IecBody)
    add_flag(group, "--upside-down", "upside_down", True, "the flat side is at -y")
    add_flag(group, "--reversed", "reversed", True, "the lid is at high z")
    add_option(group, "--ratio", "ratio", float, "RATIO", "hot spheres to background", IecBody)
    text = "concentrations of the spheres, 10 to 37 mm, instead of the ratio"
    add_option(group, "--sphere-bqml", "sphere_bqml", numbers(6), "BQML,...", text)
    for state in (COLD, ABSENT):
        add_option(group, f"--{state}", state, _diameters, "MM[,MM...]", f"spheres that are {state}")
    add_option(group, "--wall", "wall_mm", float, "MM", "of the spheres", IecBody)
    add_option(group, "--ring-radius", "ring_mm", float, "MM", "of the spheres' centres", IecBody)
    add_option(group, "--lid", "lid_mm", float, "MM", "from the spheres' plane to the lid", IecBody)
    add_option(group, "--length", "length_mm", float, "MM", "of the interior", IecBody)
    add_option(group, "--lung", "lung_mm", float, "MM", "diameter of the lung insert, 0 for none", IecBody)
    add_option(group, "--lung-residual", "lung_residual", float, "PART", "of the background", IecBody)


def _add_cylinder(group: Group) -> None:
    _add_pose(group, Cylinder)
    add_option(group, "--diameter", "diameter_mm", float, "MM", "of the activity", Cylinder)
    add_option(group, "--length", "length_mm", float, "MM", "of the activity", Cylinder)
    add_option(group, "--slope", "slope_per_mm", float, "PART", "rise of the sensitivity along z", Cylinder)
    add_option(group, "--dip", "dip", numbers(3), "Z,DEPTH,FWHM", "loss along z", Cylinder)
    add_option(group, "--ring", "ring", numbers(3), "RADIUS,AMPLITUDE,FWHM", "ring artefact", Cylinder)
    add_option(group, "--cupping", "cupping", float, "PART", "loss on the scanner's axis", Cylinder)
    add_option(group, "--hot-spot", "hot_spot", numbers(4), "X,Y,Z,BQML", "a ball of 12 mm elsewhere")


def _add_pose(group: Group, kind: type[Any]) -> None:
    add_option(group, "--centre", "centre_mm", numbers(3), "X,Y,Z", "of the ring or the cylinder", kind)
    add_option(group, "--tilt", "tilt_deg", numbers(2), "DEG,DEG", "about x (z grows with y), about y", kind)


def _add_volume(group: Group, kind: type[Any]) -> None:
    add_option(group, "--matrix", "matrix", _rows_and_columns, "ROWSxCOLUMNS", "or N", kind)
    add_option(group, "--slices", "slices", int, "N", "how many", kind)
    add_option(group, "--voxel-mm", "voxel_mm", numbers(3), "STEP,DOWN,ALONG", "size", kind)
    add_option(group, "--fwhm", "fwhm_mm", numbers(2), "MM,MM", "blur of the scanner", kind)
    group.add_argument(
        "--sampled",
        dest="voxels_are",
        action="store_const",
        const="sampled",
        default=argparse.SUPPRESS,
        help="values at the voxels' centres instead of means",
    )
    add_option(group, "--background", "background_bqml", float, "BQML", "concentration", kind)
    add_option(group, "--noise", "noise", float, "PART", "of the background, one standard deviation", kind)
    add_option(group, "--noise-fwhm", "noise_fwhm_mm", numbers(2), "MM,MM", "0,0 for white noise", kind)
    choices = ", ".join(NOISE_FOLLOWS)
    add_option(group, "--noise-follows", "noise_follows", str, "WHAT", f"one of {choices}", kind)
    add_option(group, "--end-noise", "end_noise", float, "TIMES", "noise of the first and last slice", kind)
    noise = group.add_mutually_exclusive_group()
    noise.add_argument("--seed", type=int, default=1, metavar="N", help="of the noise; default: 1")
    noise.add_argument("--noise-free", action="store_true", help="no noise")


def _add_scan(group: Group) -> None:
    group.add_argument("--vendor", choices=PET_SYSTEMS, default="vereos", help="default: %(default)s")
    group.add_argument("--units", metavar="UNITS", help="CNTS, BQML, GML, PROPCNTS; default: the vendor's")
    time = datetime.fromisoformat
    add_option(group, "--acquired", "acquired", time, "TIME", "local time, 2026-01-05T09:41:07")
    add_option(group, "--duration", "duration_s", float, "S", "of a bed position", Scan)
    add_option(group, "--beds", "beds", int, "N", "bed positions", Scan)
    add_option(group, "--radionuclide", "radionuclide", str, "NAME", f"one of {', '.join(ISOTOPES)}", Scan)
    add_option(group, "--activity", "activity_mbq", float, "MBQ", "as typed at the console", Scan)
    add_option(group, "--measured", "measured", time, "TIME", "of the activity; default: 58 min before")
    add_option(group, "--weight", "weight_kg", float, "KG", "as typed at the console", Scan)
    choices = ", ".join(DECAY_CORRECTIONS)
    add_option(group, "--decay-correction", "decay_correction", str, "TO", f"one of {choices}", Scan)
    add_option(
        group, "--start-as", "start_as", str, "HOW", f"time of the activity: {', '.join(STARTS)}", Scan
    )
    group.add_argument("--replicates", type=int, default=1, metavar="N", help="scans in a row; default: 1")


def _add_files(group: Group) -> None:
    group.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER", help="one file a slice")
    group.add_argument("--flavour", choices=FLAVOURS, default="strict", help="default: %(default)s")
    group.add_argument("--transfer-syntax", choices=sorted(TRANSFER_SYNTAXES), default="explicit-le")
    group.add_argument("--force", action="store_true", help="overwrite existing files")


def _diameters(text: str) -> tuple[float, ...]:
    """Return diameters of spheres."""
    try:
        found = tuple(float(part) for part in text.split(","))
    except ValueError:
        found = ()
    if not found or any(diameter not in SPHERES_MM for diameter in found):
        raise argparse.ArgumentTypeError(
            "diameters of spheres: " + ", ".join(f"{size:g}" for size in SPHERES_MM)
        )
    return found


def _rows_and_columns(text: str) -> tuple[int, int]:
    sides = matrix(text)
    return sides if isinstance(sides, tuple) else (sides, sides)
