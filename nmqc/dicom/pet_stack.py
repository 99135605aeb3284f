"""Slices to a stack: in order of place, each once, evenly spaced, and along the patient's axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from nmqc import bounds
from nmqc.dicom.pet_slices import PetSlice, Vector
from nmqc.errors import UnusableInput
from nmqc.model import Remark

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SAME_PLACE_MM = 0.01
_SPACING = (0.01, 0.01)  # of the step, and mm: what two steps may differ by
_DRIFT_MM = 0.1
_ALIKE = 1e-4  # direction cosines, and mm of pixel size: headers round to this or better
_TILT_DEG = 0.1
_ANATOMY = ("sagittal", "coronal")  # slices whose normal is the patient's x, y


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """Slices sorted along their normal, `step_mm` apart."""

    slices: tuple[PetSlice, ...]
    step_mm: float
    remarks: tuple[Remark, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Where the voxels of a volume lie: fields as in `nmqc.model.Volume`."""

    values: NDArray[Any]
    spacing_mm: Vector
    directions: tuple[Vector, Vector, Vector]
    remarks: tuple[Remark, ...]


def stack_slices(slices: Sequence[PetSlice]) -> Stack:
    """Return the slices of one series in order of their place along the normal, duplicates dropped.

    Raises
    ------
    UnusableInput
        ``mixed_geometry``, ``dynamic_series``, ``duplicate_slices``, ``one_slice``, ``sheared_slices``,
        ``missing_slices``, ``unequal_spacing``, ``too_large``.
    """
    _require_size(slices)
    _require_alike(slices)
    ordered = sorted(slices, key=lambda one: one.at_mm)
    kept, remarks = _without_duplicates(ordered)
    if len(kept) < 2:
        raise UnusableInput("one_slice", "is one slice of a PET series; give the folder of the whole series")
    _refuse_drift(kept)
    return Stack(tuple(kept), _step(kept), (*remarks, *_too_few(kept)))


def _require_size(slices: Sequence[PetSlice]) -> None:
    """Refuse a series of more voxels than are read."""
    if sum(one.stored.size for one in slices) > bounds.PIXELS:
        raise UnusableInput(
            "too_large",
            f"holds more than the {bounds.PIXELS // 10**6} million pixels that are read of one series; reconstruct "
            "it on a coarser matrix, or export the bed position of the phantom alone",
        )


def _require_alike(slices: Sequence[PetSlice]) -> None:
    """Refuse slices of one series that do not belong to one volume."""
    first = slices[0]
    differing = {
        "matrix": any(one.stored.shape != first.stored.shape for one in slices),
        "pixel size": any(_farthest(one.spacing_mm, first.spacing_mm) > _ALIKE for one in slices),
        "orientation": any(
            max(_farthest(one.along, first.along), _farthest(one.down, first.down)) > _ALIKE for one in slices
        ),
        "frame of reference": len({one.header.text("FrameOfReferenceUID", 128) for one in slices}) > 1,
    }
    found = [what for what, differs in differing.items() if differs]
    if found:
        raise UnusableInput(
            "mixed_geometry",
            f"has slices that differ in {' and '.join(found)}; export the reconstructed series alone",
        )


def _farthest(one: Sequence[float], other: Sequence[float]) -> float:
    return max(abs(a - b) for a, b in zip(one, other, strict=True))


def _without_duplicates(ordered: Sequence[PetSlice]) -> tuple[list[PetSlice], list[Remark]]:
    """Return one slice for each place, and a remark on those that were there twice with the same pixels."""
    places: list[list[PetSlice]] = []
    for one in ordered:
        if places and one.at_mm - places[-1][0].at_mm < _SAME_PLACE_MM:
            places[-1].append(one)
        else:
            places.append([one])
    _refuse_different(places)
    dropped = len(ordered) - len(places)
    text = f"{dropped} slice(s) were there twice, with the same pixels: each was read once"
    return [place[0] for place in places], [Remark("duplicate_slices", text)] if dropped else []


def _refuse_different(places: Sequence[Sequence[PetSlice]]) -> None:
    """Refuse different slices at one place: several time frames, or a mixture of series."""
    images = [len({_content(one) for one in place}) if len(place) > 1 else 1 for place in places]
    if max(images) == 1:
        return
    if min(images) == max(images) and len(images) > 1:
        raise UnusableInput(
            "dynamic_series",
            f"holds {images[0]} time frames or gates of {len(images)} slices; give one static reconstruction",
        )
    place = places[images.index(max(images))]
    names = " and ".join(list(dict.fromkeys(one.input.file for one in place))[:2])
    raise UnusableInput(
        "duplicate_slices",
        f"has different slices at z = {place[0].at_mm:.1f} mm ({names}); leave out those of another reconstruction",
    )


def _content(one: PetSlice) -> tuple[object, ...]:
    scale = (one.slope, one.intercept)
    return (one.stored.tobytes(), *scale, one.time.start, one.time.duration_s)


def _refuse_drift(ordered: Sequence[PetSlice]) -> None:
    """Refuse slices that are not above each other along their normal."""
    first = ordered[0]
    for one in ordered:
        moved = [a - b for a, b in zip(one.position_mm, first.position_mm, strict=True)]
        along = one.at_mm - first.at_mm
        aside = math.dist(moved, [along * part for part in first.normal])
        if aside > _DRIFT_MM:
            raise UnusableInput(
                "sheared_slices",
                f"has slices that are not above each other: at z = {one.at_mm:.1f} mm {aside:.1f} mm aside of the "
                "first; reconstruct it without a tilt of gantry or table",
            )


def _step(ordered: Sequence[PetSlice]) -> float:
    """Return the mean distance of the slices, refused where one is missing or out of step."""
    places = [one.at_mm for one in ordered]
    steps = [after - before for before, after in pairwise(places)]
    usual = sorted(steps)[(len(steps) - 1) // 2]
    for before, step in zip(places, steps, strict=False):
        if abs(step - usual) > _SPACING[0] * usual + _SPACING[1]:
            _refuse_step(before, step, usual)
    return (places[-1] - places[0]) / len(steps)


def _refuse_step(before_mm: float, step_mm: float, usual_mm: float) -> None:
    number = round(step_mm / usual_mm)
    between = f"between z = {before_mm:.1f} and {before_mm + step_mm:.1f} mm"
    if number >= 2 and abs(step_mm - number * usual_mm) <= _SPACING[0] * step_mm + _SPACING[1]:
        raise UnusableInput(
            "missing_slices",
            f"lacks {number - 1} slice(s) {between}; export the whole series again",
        )
    raise UnusableInput(
        "unequal_spacing",
        f"has slices {step_mm:.2f} mm apart {between}, elsewhere {usual_mm:.2f} mm; export one reconstruction alone",
    )


def _too_few(ordered: Sequence[PetSlice]) -> list[Remark]:
    """Remark where the header announces more slices: those at an end may be missing, which no gap tells."""
    announced = ordered[0].header.harmless("NumberOfSlices", 1, 65535)
    if len(announced) != 1 or announced[0] <= len(ordered):
        return []
    text = f"the header announces {announced[0]:g} slices, there are {len(ordered)}: those at an end may be missing"
    return [Remark("fewer_slices", text)]


def lay_out(stack: Stack, values: NDArray[Any]) -> Grid:
    """Return where the voxels lie, sagittal and coronal slices re-ordered to transverse ones.

    Rows, columns and slices are not flipped, and rows and columns of transverse slices not exchanged: `directions`
    says how they run.

    Parameters
    ----------
    stack : sorted slices
    values : shape (slices, rows, columns)

    Raises
    ------
    UnusableInput
        ``oblique_slices`` where an axis is more than 0.1 degrees from each of the patient's.
    """
    import numpy as np

    first = stack.slices[0]
    directions = (first.normal, first.down, first.along)  # of the array's axes
    spacing = (stack.step_mm, *first.spacing_mm)
    axes = [max(range(3), key=lambda i, one=one: abs(one[i])) for one in directions]  # type: ignore[misc]
    _refuse_oblique(directions, axes)
    if axes[0] == 2:
        return Grid(_sealed(values), spacing, directions[::-1], ())
    order = [axes.index(axis) for axis in (2, 1, 0)]
    turned = np.empty(tuple(values.shape[i] for i in order), values.dtype)
    turned[...] = values.transpose(order)
    text = f"the slices are {_ANATOMY[axes[0]]}: they were re-ordered to transverse ones"
    run, apart = [directions[i] for i in order], [spacing[i] for i in order]
    return Grid(
        _sealed(turned),
        (apart[0], apart[1], apart[2]),
        (run[2], run[1], run[0]),
        (Remark("reordered", text),),
    )


def _sealed(values: NDArray[Any]) -> NDArray[Any]:
    """Make an array read-only here, so that the volume need not copy it."""
    values.flags.writeable = False
    return values


def _refuse_oblique(directions: Sequence[Vector], axes: Sequence[int]) -> None:
    aside = [
        math.hypot(*(part for i, part in enumerate(one) if i != axis))
        for one, axis in zip(directions, axes, strict=True)
    ]
    tilt_deg = math.degrees(math.asin(min(max(aside), 1.0)))
    if tilt_deg > _TILT_DEG or len(set(axes)) < 3:
        raise UnusableInput(
            "oblique_slices",
            f"has slices turned by {tilt_deg:.1f} degrees against the scanner's axes; give the series as it was "
            "reconstructed, not a reformatted one",
        )
