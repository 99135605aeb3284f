"""What a report draws of recovery: where it was measured, and the coefficients against the spheres' diameters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nmqc.measure.grid import Axis
from nmqc.model import Band as Shaded
from nmqc.model import Curve, Evidence, Line, Measurement, Picture, Region, Volume
from nmqc.pet.bands import Band
from nmqc.pet.drawing import Floats, axes_mm, by_diameter, circle, outlines, part
from nmqc.pet.evidence import DIAMETER_LABEL, plane_slice, slice_words, sphere_labels
from nmqc.pet.metrics import RECOVERY_METRICS, SPHERES_MM
from nmqc.pet.peak import RADIUS_MM as PEAK_RADIUS_MM
from nmqc.pet.phantom import IecPhantom, Sphere
from nmqc.pet.recovery import COEFFICIENTS, SEARCH_MM, Recovered, Recovery
from nmqc.pet.scatter import box_about

_LABEL_OFF_MM = SEARCH_MM + 5.0  # from a sphere's surface
_ABOUT_RING_MM = 20.0  # shown about the ring, beyond the largest sphere's middle


def recovery_evidence(
    volume: Volume, phantom: IecPhantom, recovery: Recovery, measurements: Sequence[Measurement]
) -> tuple[Evidence, ...]:
    """Return the picture of the regions, and a curve of each coefficient, with the band that judges it if any does.

    Parameters
    ----------
    measurements : of the test ``pet.recovery``
    """
    curves = (_curve(name, recovery.bands, measurements) for name in COEFFICIENTS)
    found = tuple(curve for curve in curves if curve is not None)
    if all(one is None for one in recovery.spheres):
        return found
    return (_picture(volume, phantom, recovery), *found)


# --- picture --------------------------------------------------------------------------------------------


def _picture(volume: Volume, phantom: IecPhantom, recovery: Recovery) -> Picture:
    """Return the slice of the spheres with what of each region lies in it."""
    index = plane_slice(volume, phantom)
    _, rows, columns = axes_mm(volume)
    ring = phantom.ring
    far = ring.radius_mm + _ABOUT_RING_MM
    down, along = (part(a, m - far, m + far) for a, m in ((rows, ring.y_mm), (columns, ring.x_mm)))
    measured = [(s, one) for s, one in zip(phantom.spheres, recovery.spheres, strict=True) if one is not None]
    contours = [line for sphere, one in measured for line in _contour(volume, sphere, one, index)]
    peaks = [circle(*one.peak.centre_mm[:2], PEAK_RADIUS_MM) for _, one in measured if one.peak is not None]
    searched = [circle(s.x_mm, s.y_mm, s.diameter_mm / 2 + SEARCH_MM) for s, _ in measured]
    return Picture(
        title=f"recovery: {slice_words(volume, index)}",
        image=volume.values[index, down.at, along.at].copy(),
        spacing_mm=(down.pitch_mm, along.pitch_mm),
        unit=volume.unit,
        centre_mm=(along.middle_mm, down.middle_mm),
        regions=(
            Region("50 % isocontour", tuple(contours)),
            Region("peak, 1 mL", tuple(peaks), "second"),
            Region("searched", tuple(searched), "thin"),
        ),
        labels=sphere_labels([sphere for sphere, _ in measured], (ring.x_mm, ring.y_mm), _LABEL_OFF_MM),
    )


def _contour(volume: Volume, sphere: Sphere, found: Recovered, index: int) -> tuple[Floats, ...]:
    """Return the outlines of a sphere's isocontour in one slice."""
    centre, reach_mm = (sphere.x_mm, sphere.y_mm, sphere.z_mm), sphere.diameter_mm / 2 + SEARCH_MM
    slices, down, along = box_about(volume, centre, reach_mm)[0]
    if not slices.start <= index < slices.stop:
        return ()
    _, rows, columns = axes_mm(volume)
    region = found.contour.region[index - slices.start]
    return outlines(region, _of(rows, down), _of(columns, along))


def _of(axis: Axis, taken: slice) -> Axis:
    return Axis(taken.stop - taken.start, axis.pitch_mm, axis.start_mm + taken.start * axis.pitch_mm)


# --- curves ---------------------------------------------------------------------------------------------


def _curve(name: str, bands: Sequence[Band], measurements: Sequence[Measurement]) -> Curve | None:
    """Return one coefficient against the diameter, with its band; None where it was measured of no sphere."""
    metric = RECOVERY_METRICS[name]
    line = by_diameter(measurements, metric.name, "measured")
    if line is None:
        return None
    lines, shaded = [line], []
    for band in bands:
        if band.metric == metric.name:
            shaded.append(_shaded(band))
    if not shaded:
        one = np.ones(2)
        lines.append(Line("full recovery", np.array([SPHERES_MM[0], SPHERES_MM[-1]]), one, "guide"))
    return Curve(metric.label, DIAMETER_LABEL, "recovery coefficient", tuple(lines), tuple(shaded))


def _shaded(band: Band) -> Shaded:
    trust = "verified" if band.verified else "not verified"
    diameters = np.array(SPHERES_MM)
    return Shaded(f"band {band.set}, {trust}", diameters, np.array(band.low), np.array(band.high))
