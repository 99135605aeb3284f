"""What a report draws of image quality: every region, and what was measured against the spheres' diameters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nmqc.model import Curve, Evidence, Label, Line, Measurement, Picture, Region, Volume
from nmqc.pet.background import RADIUS_MM as BACKGROUND_RADIUS_MM
from nmqc.pet.background import nearest_slice, plane_mm, slice_mm
from nmqc.pet.drawing import Part, axes_mm, by_diameter, circle, level, outlines, part
from nmqc.pet.insert import RADIUS_MM as LUNG_RADIUS_MM
from nmqc.pet.insert import Insert
from nmqc.pet.nema import Placed
from nmqc.pet.phantom import IecPhantom, Sphere

DIAMETER_LABEL = "inner diameter of the sphere / mm"
ABOUT_PLANE_MM = 25.0  # slices that set the grey scale of the coronal picture: those at the ends are noisy
BACKGROUNDS_SHOWN = (
    5.0  # in the transverse picture: up to so many times the background, which is still seen then
)
SLAB_MM = 20.0  # of the coronal picture, beyond the ring
LABEL_OFF_MM = 9.0


def image_quality_evidence(
    volume: Volume, phantom: IecPhantom, placed: Placed | None, measurements: Sequence[Measurement]
) -> tuple[Evidence, ...]:
    """Return the pictures of all regions, and curves of contrast, background variability and lung residual.

    Parameters
    ----------
    placed : by `image_quality`; None where not even the background could be measured: the spheres alone are shown
    measurements : of the test ``pet.image-quality``
    """
    pictures = (_transverse(volume, phantom, placed), _coronal(volume, phantom, placed))
    lung = [] if placed is None or placed.insert is None else [_lung(placed.insert)]
    return (*pictures, *_curves(measurements), *lung)


def sphere_labels(
    spheres: Sequence[Sphere], middle_mm: tuple[float, float], off_mm: float = LABEL_OFF_MM
) -> tuple[Label, ...]:
    """Return the spheres' diameters in mm, each written beside its sphere towards the middle of the ring.

    `off_mm` is from the sphere's surface to the middle of its label.
    """
    labels = []
    for sphere in spheres:
        towards = np.subtract(middle_mm, (sphere.x_mm, sphere.y_mm))
        off = towards / (np.hypot(*towards) or 1.0) * (sphere.diameter_mm / 2 + off_mm)
        labels.append(
            Label(f"{sphere.diameter_mm:g}", sphere.x_mm + float(off[0]), sphere.y_mm + float(off[1]))
        )
    return tuple(labels)


def plane_slice(volume: Volume, phantom: IecPhantom) -> int:
    """Return the index of the slice nearest to the plane of the spheres, inside the volume."""
    last = int(volume.values.shape[0]) - 1
    return min(max(nearest_slice(volume, plane_mm(phantom)), 0), last)


def slice_words(volume: Volume, index: int) -> str:
    """Return "slice 44 of 89, z = -2.8 mm"."""
    return f"slice {index + 1} of {volume.values.shape[0]}, z = {slice_mm(volume, index) + 0.0:.1f} mm"


# --- pictures -------------------------------------------------------------------------------------------


def _transverse(volume: Volume, phantom: IecPhantom, placed: Placed | None) -> Picture:
    """Return the slice of the spheres with every region on it."""
    index = plane_slice(volume, phantom)
    _, rows, columns = axes_mm(volume)
    down, along = _body(volume, phantom)
    spheres = [circle(s.x_mm, s.y_mm, s.diameter_mm / 2) for s in phantom.spheres]
    regions = [
        Region("spheres, diameters in mm", tuple(spheres)),
        Region("body", outlines(phantom.body[index], rows, columns), "thin"),
    ]
    labels = sphere_labels(phantom.spheres, (phantom.ring.x_mm, phantom.ring.y_mm))
    if placed is not None:
        centres = placed.placement.centres_mm
        circles = tuple(circle(x, y, BACKGROUND_RADIUS_MM) for x, y in centres)
        regions.insert(1, Region("background, 37 mm", circles, "second"))
    if placed is not None and placed.insert is not None and phantom.lung is not None:
        x, y = phantom.lung.at(slice_mm(volume, index))
        regions.append(Region("lung", (circle(x, y, LUNG_RADIUS_MM),), "box"))
        labels += (Label("lung", x, y),)
    return Picture(
        title=f"transverse: {slice_words(volume, index)}",
        image=volume.values[index, down.at, along.at].copy(),
        spacing_mm=(down.pitch_mm, along.pitch_mm),
        unit=volume.unit,
        centre_mm=(along.middle_mm, down.middle_mm),
        regions=tuple(regions),
        labels=labels,
        highest=BACKGROUNDS_SHOWN * phantom.background,
    )


def _coronal(volume: Volume, phantom: IecPhantom, placed: Placed | None) -> Picture:
    """Return the maxima over the rows that the ring takes, with the planes of spheres and background."""
    ring = phantom.ring
    slices, rows, _ = axes_mm(volume)
    far = ring.radius_mm + SLAB_MM
    thick = np.abs(rows.centres_mm - ring.y_mm) <= far
    along, down = _body(volume, phantom)[1], part(slices, phantom.first_z_mm, phantom.last_z_mm)
    image = volume.values[down.at][:, thick][:, :, along.at].max(axis=1)
    near = image[np.abs(slices.centres_mm[down.at] - ring.z_mm) <= ABOUT_PLANE_MM]
    slope = -float(np.tan(np.radians(ring.tilt_y_deg)))
    circles = tuple(circle(s.x_mm, s.z_mm, s.diameter_mm / 2) for s in phantom.spheres)
    regions = [
        Region("spheres", circles, "thin"),
        Region("plane of the spheres", (level(ring.z_mm, along, slope, ring.x_mm),)),
    ]
    if placed is not None:
        used = tuple(level(slice_mm(volume, index), along) for index in placed.placement.slices)
        regions.append(Region("background slices", used, "second"))
    return Picture(
        title=f"coronal: maximum of {2 * far:.0f} mm about the ring",
        image=image,
        spacing_mm=(down.pitch_mm, along.pitch_mm),
        unit=volume.unit,
        centre_mm=(along.middle_mm, down.middle_mm),
        regions=tuple(regions),
        axes=("x", "z"),
        highest=float(near.max()) if near.size else None,
    )


def _body(volume: Volume, phantom: IecPhantom) -> tuple[Part, Part]:
    """Return the rows and the columns that the body takes."""
    _, rows, columns = axes_mm(volume)
    y = rows.centres_mm[phantom.body.any(axis=(0, 2))]
    x = columns.centres_mm[phantom.body.any(axis=(0, 1))]
    return part(rows, float(y[0]), float(y[-1])), part(columns, float(x[0]), float(x[-1]))


# --- curves ---------------------------------------------------------------------------------------------


def _curves(measurements: Sequence[Measurement]) -> list[Curve]:
    """Return contrast, without that of hot spheres their ratio to the background, and the variability."""
    contrast = _lines(measurements, {"pet.contrast_hot": "hot spheres", "pet.contrast_cold": "cold spheres"})
    ratio = _lines(measurements, {"pet.sphere_to_background": "sphere to background"})
    variability = _lines(measurements, {"pet.background_variability": "background variability"})
    curves = []
    if contrast:
        curves.append(Curve("contrast recovery", DIAMETER_LABEL, "contrast recovery / %", contrast))
    if ratio and not any(m.metric.name == "pet.contrast_hot" for m in measurements):
        curves.append(Curve("sphere to background", DIAMETER_LABEL, "mean ratio", ratio))
    if variability:
        curves.append(
            Curve(
                "background variability", "diameter of the regions / mm", "SD of the regions / %", variability
            )
        )
    return curves


def _lines(measurements: Sequence[Measurement], names: dict[str, str]) -> tuple[Line, ...]:
    lines = (by_diameter(measurements, metric, label) for metric, label in names.items())
    return tuple(line for line in lines if line is not None)


def _lung(insert: Insert) -> Curve:
    """Return the residual of every slice, and their mean with one standard deviation."""
    ends = insert.z_mm[[0, -1]]
    sigma = sum(share**2 for share in insert.parts.values()) ** 0.5
    mean = Line("mean, 1 SD", ends, np.full(2, insert.mean), "guide", np.full(2, sigma))
    points = Line("slices", insert.z_mm, insert.residuals, "points")
    return Curve("lung residual", "z / mm", "lung over background / %", (points, mean))
