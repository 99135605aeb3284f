"""Floods, images of a single detector, and tomographic orbits, as NM DICOM objects and files."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from phantoms.cor import Orbit
from phantoms.dicom import (
    FLAVOURS,
    Header,
    HeadItem,
    Pixels,
    RotationItem,
    counting_vectors,
    image,
    save,
)
from phantoms.fields import Circle, Hexagon, Octagon, Outline
from phantoms.flood import Flood
from phantoms.planar import Planar
from phantoms.systems import SystemProfile

_LARGEST = 65535
_FIRST_SERIES = 1000
_START_ANGLES_DEG = (180.0, 0.0)
# The first digits of a Siemens collimator's name, which is its serial number, seen in headers.
_SIEMENS_COLLIMATORS = {"LEHR": "188", "LEAP": "199", "ME": "167", "HE": "304"}


def datasets(
    flood: Flood,
    *,
    seed: int | None = None,
    flavour: str = "strict",
    split_heads: bool = False,
    field_tags: bool = True,
    pixel_scale: float | None = None,
    pixel_offset: float = 0.0,
    saturate: bool = False,
) -> list[Dataset]:
    """Return a flood as NM objects of type STATIC.

    Parameters
    ----------
    seed
        Of the Poisson noise; None for the expected counts, rounded to whole numbers: each pixel is then off
        by up to half a count.
    flavour
        "strict" or "scanner".
    split_heads
        One object per detector, each with a single detector numbered 1: which one it is, only the series
        description and the view's text say.
    field_tags
        False leaves out the shape and dimensions of the field of view.
    pixel_scale, pixel_offset
        GE only: store (counts - offset) / scale, rounded, and say so in the private Pixel Scale and Pixel
        Offset; the stored values are then not raw counts.
    saturate
        Replace what does not fit in 16 bits by 65535, as an overflowing scanner does.

    Returns
    -------
    Siemens: one object with all windows and detectors; GE: one for each energy window. In order of window,
    then detector.

    Raises
    ------
    ValueError
        If the values do not fit in 16 bits, or a choice is unknown or not that maker's.
    """
    _require_flavour(flavour)
    scale = _scale(flood.profile, flavour, pixel_scale, pixel_offset)
    stored = _stored(flood.rounded() if seed is None else flood.noisy(seed), scale, saturate)
    return [
        image(
            stored[np.ix_(windows, heads)].reshape(-1, *flood.shape),
            _header(flood, flavour, windows, heads, scale, field_tags, _FIRST_SERIES + number, seed),
        )
        for number, (windows, heads) in enumerate(_groups(flood, split_heads))
    ]


def write(
    flood: Flood,
    path: str | Path,
    *,
    seed: int | None = None,
    flavour: str = "strict",
    transfer_syntax: str = "explicit-le",
    split_heads: bool = False,
    field_tags: bool = True,
    pixel_scale: float | None = None,
    pixel_offset: float = 0.0,
    saturate: bool = False,
    overwrite: bool = False,
) -> list[Path]:
    """Write a flood as DICOM files and return their paths; parameters as of ``datasets`` and ``save``.

    Several files get "-1", "-2", ... before the suffix, in the order of ``datasets``.

    Raises
    ------
    FileExistsError
        If one of the files exists and may not be overwritten; nothing is written then.
    """
    objects = datasets(
        flood,
        seed=seed,
        flavour=flavour,
        split_heads=split_heads,
        field_tags=field_tags,
        pixel_scale=pixel_scale,
        pixel_offset=pixel_offset,
        saturate=saturate,
    )
    paths = file_paths(flood, path, split_heads=split_heads)
    _save_all(objects, paths, transfer_syntax, overwrite)
    return paths


def file_paths(acquisition: Flood | Orbit, path: str | Path, *, split_heads: bool = False) -> list[Path]:
    """Return the paths that ``write`` or ``write_cor`` would write to."""
    target = Path(path)
    count = len(_groups(acquisition, split_heads))
    if count == 1:
        return [target]
    return [target.with_name(f"{target.stem}-{number + 1}{target.suffix}") for number in range(count)]


def planar_dataset(
    phantom: Planar,
    *,
    seed: int | None = None,
    flavour: str = "strict",
    field_tags: bool = True,
    saturate: bool = False,
) -> Dataset:
    """Return an image of one detector as an NM object of type STATIC with a single frame.

    As in a file of one detector of several, it is numbered 1: which one it is, only the series description
    and the view's text say. Parameters and errors as of ``datasets``.
    """
    _require_flavour(flavour)
    scale = _scale(phantom.profile, flavour, None, 0.0)
    stored = _stored(phantom.rounded() if seed is None else phantom.noisy(seed), scale, saturate)
    return image(stored[np.newaxis], _planar_header(phantom, flavour, scale, field_tags, seed))


def write_planar(
    phantom: Planar,
    path: str | Path,
    *,
    seed: int | None = None,
    flavour: str = "strict",
    transfer_syntax: str = "explicit-le",
    field_tags: bool = True,
    saturate: bool = False,
    overwrite: bool = False,
) -> Path:
    """Write an image of one detector as a DICOM file and return its path.

    Parameters as of ``planar_dataset`` and ``save``.

    Raises
    ------
    FileExistsError
        If the file exists and may not be overwritten.
    """
    dataset = planar_dataset(phantom, seed=seed, flavour=flavour, field_tags=field_tags, saturate=saturate)
    target = Path(path)
    _save_all([dataset], [target], transfer_syntax, overwrite)
    return target


def cor_datasets(
    orbit: Orbit, *, seed: int | None = None, flavour: str = "strict", split_heads: bool = False
) -> list[Dataset]:
    """Return point sources on an orbit as NM objects of type TOMO.

    Each head's StartAngle stands in its detector's item, and the first head's in each rotation's. The radii stand
    in the detectors' items of a Siemens scanner, else in the rotations'.

    Parameters
    ----------
    seed
        Of the Poisson noise; None for the expected counts, rounded to whole numbers.
    flavour
        "strict" or "scanner".
    split_heads
        One object per detector, each with a single detector numbered 1, all of one study and time.

    Returns
    -------
    Siemens: one object with all windows and detectors; GE: one for each energy window. In order of window,
    then detector; the frames of each in order of window, detector, rotation, view.

    Raises
    ------
    ValueError
        If the values do not fit in 16 bits, or the flavour is unknown.
    """
    _require_flavour(flavour)
    scale = _scale(orbit.profile, flavour, None, 0.0)
    stored = _stored(orbit.rounded() if seed is None else orbit.noisy(seed), scale, saturate=False)
    return [
        image(
            stored[np.ix_(windows, heads)].reshape(-1, *orbit.shape),
            _orbit_header(orbit, flavour, windows, heads, scale, _FIRST_SERIES + number, seed),
        )
        for number, (windows, heads) in enumerate(_groups(orbit, split_heads))
    ]


def write_cor(
    orbit: Orbit,
    path: str | Path,
    *,
    seed: int | None = None,
    flavour: str = "strict",
    transfer_syntax: str = "explicit-le",
    split_heads: bool = False,
    overwrite: bool = False,
) -> list[Path]:
    """Write point sources on an orbit as DICOM files and return their paths.

    Parameters as of ``cor_datasets`` and ``save``. Several files get "-1", "-2", ... before the suffix.

    Raises
    ------
    FileExistsError
        If one of the files exists and may not be overwritten; nothing is written then.
    """
    objects = cor_datasets(orbit, seed=seed, flavour=flavour, split_heads=split_heads)
    paths = file_paths(orbit, path, split_heads=split_heads)
    _save_all(objects, paths, transfer_syntax, overwrite)
    return paths


def _require_flavour(flavour: str) -> None:
    if flavour not in FLAVOURS:
        raise ValueError(f"flavour: one of {', '.join(FLAVOURS)}")


def _save_all(
    objects: Sequence[Dataset], paths: Sequence[Path], transfer_syntax: str, overwrite: bool
) -> None:
    """Write all objects, or none if one of the files exists and may not be overwritten."""
    for target in paths:
        if target.exists() and not overwrite:
            raise FileExistsError(f"{target.name} exists already")
    for target, dataset in zip(paths, objects, strict=True):
        save(dataset, target, transfer_syntax=transfer_syntax, overwrite=overwrite)


def _groups(acquisition: Flood | Orbit, split_heads: bool) -> list[tuple[list[int], list[int]]]:
    """Return the windows and detectors (from 0) of each file."""
    windows, heads = list(range(len(acquisition.windows))), list(range(len(acquisition.heads)))
    by_window = [[window] for window in windows] if acquisition.profile.one_file_per_window else [windows]
    by_head = [[head] for head in heads] if split_heads else [heads]
    return [(some_windows, some_heads) for some_windows in by_window for some_heads in by_head]


def _scale(
    profile: SystemProfile, flavour: str, scale: float | None, offset: float
) -> tuple[float, float] | None:
    """Return the private scale and offset to write, or None; a GE scanner always writes them."""
    if scale is None:
        return (1.0, 0.0) if flavour == "scanner" and not profile.is_siemens else None
    if profile.is_siemens:
        raise ValueError(f"{profile.name} has no pixel scale: only GE files have one")
    if not (0 < scale < math.inf and math.isfinite(offset)):
        raise ValueError("the pixel scale must be a positive number")
    return scale, offset


def _stored(counts: NDArray[np.integer], scale: tuple[float, float] | None, saturate: bool) -> Pixels:
    """Return counts as stored values of 16 bits."""
    values: NDArray[np.integer] = counts
    if scale is not None and scale != (1.0, 0.0):
        values = np.rint((counts - scale[1]) / scale[0]).astype(np.int64)
    if values.min() < 0:
        raise ValueError("negative stored values: the pixel offset must not exceed the smallest count")
    if values.max() > _LARGEST and not saturate:
        raise ValueError(
            f"{values.max()} in a pixel, but 16 bits hold {_LARGEST}: ask for fewer counts, or to saturate"
        )
    stored: Pixels = np.minimum(values, _LARGEST).astype(np.uint16)
    return stored


def _header(
    flood: Flood,
    flavour: str,
    windows: list[int],
    heads: list[int],
    scale: tuple[float, float] | None,
    field_tags: bool,
    series_number: int,
    seed: int | None,
) -> Header:
    kind = "Intrinsic" if flood.collimator is None else "Extrinsic"
    part = "" if len(heads) == len(flood.heads) else f" det {heads[0] + 1}"
    name = flood.windows[windows[0]].name if flood.profile.one_file_per_window else ""
    return Header(
        system=flood.profile,
        flavour=flavour,
        image_type="STATIC",
        vectors=counting_vectors(("EnergyWindowVector", len(windows)), ("DetectorVector", len(heads))),
        windows=tuple(flood.windows[window] for window in windows),
        heads=tuple(_head_item(flood, flood.field(head), head, field_tags, part.strip()) for head in heads),
        pixel_mm=flood.spacing_mm,
        zoom=flood.zoom,
        acquired=flood.acquired,
        duration_s=flood.duration_s,
        radionuclide=flood.radionuclide,
        study_description=f"NMQC SIM {kind} Verification QC",
        series_description=f"NMQC SIM {kind} Flood {name}".rstrip() + part,
        series_number=series_number,
        uid_sources=(f"{flood!r} seed {seed}", flavour, str(series_number), str(scale), str(field_tags)),
        pixel_scale=scale,
    )


def _planar_header(
    phantom: Planar, flavour: str, scale: tuple[float, float] | None, field_tags: bool, seed: int | None
) -> Header:
    kind = "Intrinsic" if phantom.collimator is None else "Extrinsic"
    view = f"det {phantom.detector}" if phantom.profile.heads > 1 else ""
    return Header(
        system=phantom.profile,
        flavour=flavour,
        image_type="STATIC",
        vectors=counting_vectors(("EnergyWindowVector", 1), ("DetectorVector", 1)),
        windows=(phantom.window,),
        heads=(_head_item(phantom, phantom.outline, phantom.detector - 1, field_tags, view),),
        pixel_mm=phantom.spacing_mm,
        zoom=phantom.zoom_factor,
        acquired=phantom.acquired,
        duration_s=phantom.duration_s,
        radionuclide=phantom.radionuclide,
        study_description=f"NMQC SIM {kind} Verification QC",
        series_description=f"NMQC SIM {kind} {type(phantom).__name__} {view}".rstrip(),
        series_number=_FIRST_SERIES,
        uid_sources=(f"{phantom!r} seed {seed}", flavour, str(scale), str(field_tags)),
        pixel_scale=scale,
    )


def _orbit_header(
    orbit: Orbit,
    flavour: str,
    windows: list[int],
    heads: list[int],
    scale: tuple[float, float] | None,
    series_number: int,
    seed: int | None,
) -> Header:
    part = "" if len(heads) == len(orbit.heads) else f" det {heads[0] + 1}"
    lengths = (len(windows), len(heads), orbit.rotations, orbit.views)
    vectors = ("EnergyWindowVector", "DetectorVector", "RotationVector", "AngularViewVector")
    in_detector = flavour == "scanner" and orbit.profile.is_siemens
    return Header(
        system=orbit.profile,
        flavour=flavour,
        image_type="TOMO",
        vectors=counting_vectors(*zip(vectors, lengths, strict=True)),
        windows=tuple(orbit.windows[window] for window in windows),
        heads=tuple(_orbit_head_item(orbit, head, part.strip(), in_detector) for head in heads),
        pixel_mm=orbit.spacing_mm,
        zoom=orbit.zoom_factor,
        acquired=orbit.acquired,
        duration_s=orbit.duration_s,
        radionuclide=orbit.radionuclide,
        study_description="NMQC SIM Centre of Rotation QC",
        series_description=f"NMQC SIM COR{part}",
        series_number=series_number,
        uid_sources=(f"{orbit!r} seed {seed}", flavour, str(series_number), str(scale)),
        pixel_scale=scale,
        rotations=tuple(
            _rotation_item(orbit, rotation, heads[0], not in_detector) for rotation in range(orbit.rotations)
        ),
        continuous=orbit.continuous,
    )


def _orbit_head_item(orbit: Orbit, head: int, view: str, with_radii: bool) -> HeadItem:
    item = _head_item(orbit, orbit.profile.outline(), head, True, view)
    radii = tuple(float(radius) for radius in orbit.radii_mm) if with_radii else ()
    return replace(item, start_angle_deg=orbit.heads[head].start_deg, radii_mm=radii)


def _rotation_item(orbit: Orbit, rotation: int, first_head: int, with_radii: bool) -> RotationItem:
    radii = orbit.radius_mm if isinstance(orbit.radius_mm, tuple) else (orbit.radius_mm,)
    return RotationItem(
        start_angle_deg=orbit.heads[first_head].start_deg,
        step_deg=orbit.step_deg,
        arc_deg=orbit.arc_deg,
        clockwise=orbit.turns_clockwise(rotation),
        views=orbit.views,
        radii_mm=radii if with_radii else (),
    )


def _head_item(
    acquisition: Flood | Planar | Orbit, outline: Outline, head: int, field_tags: bool, view: str
) -> HeadItem:
    shape, dimensions = field_of_view(outline, acquisition.profile, acquisition.shape, acquisition.spacing_mm)
    return HeadItem(
        field_shape=shape if field_tags else None,
        field_dimensions_mm=dimensions if field_tags else (),
        field_box_px=_field_box(outline, acquisition) if field_tags else None,
        start_angle_deg=_START_ANGLES_DEG[head] if acquisition.profile.is_siemens else None,
        collimator=_collimator_name(acquisition.profile, acquisition.collimator),
        view=view,
    )


def _collimator_name(profile: SystemProfile, collimator: str | None) -> str | None:
    """Return the collimator as the maker names it: Siemens by a serial number, GE by its type."""
    if collimator is None or not profile.is_siemens:
        return collimator
    return f"@{_SIEMENS_COLLIMATORS[collimator]}00000" if collimator in _SIEMENS_COLLIMATORS else collimator


def field_of_view(
    outline: Outline, profile: SystemProfile, shape: tuple[int, int], pixel_mm: tuple[float, float]
) -> tuple[str | None, tuple[int, ...]]:
    """Return the DICOM shape and dimensions (whole mm, along then down) of a field.

    A rectangle, with its corners cut or not, is clipped by the matrix. Siemens counts in whole pairs of
    pixels: 533 x 387 mm becomes 532, 386 at 1.1988 mm, 537, 383 at 4.7952 mm and 421, 385 in a 256 matrix at
    1.6478 mm, as seen in headers. A hexagon's dimension is the diameter of the circle around it. For an
    octagon DICOM has no word: None and ().
    """
    if isinstance(outline, Octagon):
        return None, ()
    if isinstance(outline, Circle):
        return "ROUND", (int(outline.diameter_mm),)
    if isinstance(outline, Hexagon):
        return "HEXAGONAL", (int(2 * outline.across_flats_mm / math.sqrt(3)),)
    extents, sides, pixels = outline.extents_mm, (shape[1], shape[0]), (pixel_mm[1], pixel_mm[0])
    if profile.is_siemens:
        lengths = [
            _even_pixels(extent, side, pixel) * pixel
            for extent, side, pixel in zip(extents, sides, pixels, strict=True)
        ]
    else:
        lengths = [
            min(extent, side * pixel) for extent, side, pixel in zip(extents, sides, pixels, strict=True)
        ]
    return "RECTANGLE", tuple(int(length) for length in lengths)


def _field_box(outline: Outline, acquisition: Flood | Planar | Orbit) -> tuple[int, int, int, int]:
    """Return the field as (first row, first column, end row, end column), about the middle of the matrix."""
    (rows, columns), (down, along) = acquisition.shape, acquisition.spacing_mm
    width, height = outline.extents_mm
    wide, high = _even_pixels(width, columns, along), _even_pixels(height, rows, down)
    return (rows - high) // 2, (columns - wide) // 2, (rows + high) // 2, (columns + wide) // 2


def _even_pixels(extent_mm: float, side: int, pixel_mm: float) -> int:
    """Return the even number of pixels nearest to an extent, at most the whole matrix."""
    return min(2 * round(extent_mm / pixel_mm / 2), side)
