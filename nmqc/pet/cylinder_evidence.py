"""What a report draws of a uniform cylinder: every region, the axial profile, and the five discs."""

from __future__ import annotations

import numpy as np

from nmqc.model import Curve, Evidence, Line, Picture, Region, Table, Volume
from nmqc.pet.background import slice_mm
from nmqc.pet.cylinder import CylinderFigures, CylinderOptions
from nmqc.pet.cylinder_place import Cylinder
from nmqc.pet.drawing import Part, axes_mm, circle, level, part
from nmqc.pet.evidence import slice_words

DISCS = ("on the axis", "+x", "+y", "-x", "-y")


def cylinder_evidence(
    volume: Volume, figures: CylinderFigures, options: CylinderOptions
) -> tuple[Evidence, ...]:
    """Return a transverse and a coronal picture, the axial profile and a table of the five discs.

    Parameters
    ----------
    options : with which the cylinder was measured
    """
    pictures = (_transverse(volume, figures, options), _coronal(volume, figures))
    return (*pictures, _profile(figures), _discs(volume, figures))


# --- pictures -------------------------------------------------------------------------------------------


def _transverse(volume: Volume, figures: CylinderFigures, options: CylinderOptions) -> Picture:
    """Return the middle one of the slices used, with all regions."""
    cylinder, middle = figures.cylinder, float(np.median(figures.profile.z_mm))
    slices, rows, columns = axes_mm(volume)
    index = int(np.abs(slices.centres_mm - middle).argmin())
    x, y = cylinder.at(slice_mm(volume, index))
    radius = cylinder.radius_mm
    down, along = part(rows, y - radius, y + radius), part(columns, x - radius, x + radius)
    discs = tuple(circle(x + dx, y + dy, options.roi_radius_mm) for dx, dy in figures.discs.offsets_mm)
    return Picture(
        title=f"transverse: {slice_words(volume, index)}",
        image=volume.values[index, down.at, along.at].copy(),
        spacing_mm=(down.pitch_mm, along.pitch_mm),
        unit=volume.unit,
        centre_mm=(along.middle_mm, down.middle_mm),
        regions=(
            Region("five discs", discs),
            Region("central region", (circle(x, y, options.central * radius),), "second"),
            Region("cylinder", (circle(x, y, radius),), "thin"),
        ),
    )


def _coronal(volume: Volume, figures: CylinderFigures) -> Picture:
    """Return the rows nearest to the axis, with the axis, the ends, and the slices used."""
    cylinder, z_mm = figures.cylinder, figures.profile.z_mm
    slices, rows, columns = axes_mm(volume)
    ends = (cylinder.first_z_mm, cylinder.last_z_mm)
    reach = [cylinder.at(z)[0] + sign * cylinder.radius_mm for z in ends for sign in (-1.0, 1.0)]
    down, along = part(slices, *ends), part(columns, min(reach), max(reach))
    nearest = [
        int(np.abs(rows.centres_mm - cylinder.at(float(z))[1]).argmin()) for z in slices.centres_mm[down.at]
    ]
    return Picture(
        title="coronal, along the axis",
        image=volume.values[np.arange(down.at.start, down.at.stop), nearest][:, along.at],
        spacing_mm=(down.pitch_mm, along.pitch_mm),
        unit=volume.unit,
        centre_mm=(along.middle_mm, down.middle_mm),
        regions=(
            Region("axis", (_axis(cylinder),)),
            Region("slices used", _levels((float(z_mm[0]), float(z_mm[-1])), along), "second"),
            Region("ends", _levels(ends, along), "thin"),
        ),
        axes=("x", "z"),
    )


def _axis(cylinder: Cylinder) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    ends = (cylinder.first_z_mm, cylinder.last_z_mm)
    return np.array([(cylinder.at(z)[0], z) for z in ends])


def _levels(
    places_mm: tuple[float, float], along: Part
) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.float64]], ...]:
    return tuple(level(place, along) for place in places_mm)


# --- profile and discs ----------------------------------------------------------------------------------


def _profile(figures: CylinderFigures) -> Curve:
    """Return how far each slice's mean is off the mean of all, beside what noise alone does."""
    profile = figures.profile
    noise = 100 * profile.sigmas / figures.mean
    zero = np.zeros(profile.z_mm.size)
    worst = int(np.abs(profile.deviations_percent).argmax())
    return Curve(
        "axial profile",
        "z / mm",
        "off the mean / %",
        (
            Line("slices", profile.z_mm, profile.deviations_percent, "main"),
            Line("largest", profile.z_mm[[worst]], profile.deviations_percent[[worst]], "points"),
            Line("mean, with 1 SD of noise", profile.z_mm, zero, "guide", noise),
        ),
    )


def _discs(volume: Volume, figures: CylinderFigures) -> Table:
    """Return the mean of each disc, and how far it is off the mean of the five."""
    discs = figures.discs
    unit = f"({volume.unit})" if "/" in volume.unit else volume.unit
    mean = float(discs.means.mean())
    rows = tuple(
        (
            name,
            f"{x + 0.0:+.1f}, {y + 0.0:+.1f}",
            f"{value:.5g}",
            f"{round(100 * (float(value) / mean - 1), 2) + 0.0:+.2f} ± {100 * sigma / mean:.2f}",
        )
        for name, (x, y), value, sigma in zip(DISCS, discs.offsets_mm, discs.means, discs.sigmas, strict=True)
    )
    columns = ("disc", "x, y from the axis / mm", f"mean of all slices / {unit}", "off their mean / % (1 SD)")
    return Table("five discs", columns, rows)
