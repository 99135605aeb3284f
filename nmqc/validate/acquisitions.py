"""Acquisitions made from phantoms, with every head and window, without a file between: what the reader would give."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmqc.model import Acquisition, EnergyWindow, FieldHint, Frame, Gantry, InputFile, Source, System
from phantoms.cor import Orbit
from phantoms.flood import Flood
from phantoms.planar import Planar

SIXTEEN_BITS = 65535


def acquisition(
    flood: Flood,
    seed: int | None = None,
    hints: Sequence[FieldHint] = (),
    *,
    system: str = "",
) -> Acquisition:
    """Return a flood as an acquisition, frames in order of energy window, then detector.

    Without a seed the counts are the expected ones, neither whole numbers nor raw counts; with one they are
    Poisson counts. `hints` are the same for every detector; `system` is another name for the camera.
    """
    counts = flood.expected() if seed is None else flood.noisy(seed)
    profile = flood.profile
    frames = tuple(
        Frame(
            counts=image,
            spacing_mm=flood.spacing_mm,
            detector=head + 1,
            detector_source="single-head" if profile.heads == 1 else "vector",
            energy_window=EnergyWindow(flood.windows[window].name, flood.windows[window].ranges_kev),
            input=input_of(counts),
            window_number=window + 1,
            duration_s=flood.duration_s,
            raw_counts=seed is not None,
            full_scale=SIXTEEN_BITS if counts.dtype == np.uint16 else None,
            field_hints=tuple(hints),
            collimator=flood.collimator or "NONE",
        )
        for window, heads in enumerate(counts)
        for head, image in enumerate(heads)
    )
    source = Source(
        inputs=(input_of(counts),),
        system=System(system or profile.name, "NM-1", profile.manufacturer, profile.model),
        acquired=flood.acquired.isoformat(),
        acquired_from="AcquisitionDateTime",
        radionuclide=flood.radionuclide,
        synthetic=True,
    )
    return Acquisition(source, "STATIC", frames)


def planar(phantom: Planar, seed: int | None = None, name: str = "image.dcm") -> Acquisition:
    """Return an image of one detector as an acquisition of one frame.

    Without a seed the counts are the expected ones, which are not raw counts; with one they are Poisson counts.
    """
    counts = phantom.expected() if seed is None else phantom.noisy(seed)
    profile, file = phantom.profile, input_of(counts, name)
    frame = Frame(
        counts=counts,
        spacing_mm=phantom.spacing_mm,
        detector=phantom.detector,
        detector_source="single-head" if profile.heads == 1 else "pattern",
        energy_window=EnergyWindow(phantom.window.name, phantom.window.ranges_kev),
        input=file,
        duration_s=phantom.duration_s,
        raw_counts=seed is not None,
        full_scale=SIXTEEN_BITS if counts.dtype == np.uint16 else None,
        collimator=phantom.collimator or "NONE",
        zoom=(phantom.zoom_factor, phantom.zoom_factor),
    )
    source = Source(
        inputs=(file,),
        system=System(profile.name, "NM-1", profile.manufacturer, profile.model),
        acquired=phantom.acquired.isoformat(),
        acquired_from="AcquisitionDateTime",
        radionuclide=phantom.radionuclide,
        synthetic=True,
    )
    return Acquisition(source, "STATIC", (frame,))


def turning(orbit: Orbit, seed: int | None = None, name: str = "cor.dcm") -> Acquisition:
    """Return an orbit as an acquisition, frames in order of energy window, detector, rotation and view.

    Without a seed the counts are the expected ones, which are not raw counts; with one they are Poisson counts.
    """
    counts = orbit.expected() if seed is None else orbit.noisy(seed)
    profile, file = orbit.profile, input_of(counts, name)
    frames = tuple(
        Frame(
            counts=counts[window, head, rotation, view],
            spacing_mm=orbit.spacing_mm,
            detector=head + 1,
            detector_source="single-head" if profile.heads == 1 else "vector",
            energy_window=EnergyWindow(orbit.windows[window].name, orbit.windows[window].ranges_kev),
            input=file,
            window_number=window + 1,
            rotation=rotation + 1,
            view=view + 1,
            duration_s=orbit.duration_s,
            raw_counts=seed is not None,
            full_scale=SIXTEEN_BITS if counts.dtype == np.uint16 else None,
            collimator=orbit.collimator or "NONE",
            gantry=gantry_of(orbit, head, rotation, view),
        )
        for window, head, rotation, view in np.ndindex(counts.shape[:4])
    )
    source = Source(
        inputs=(file,),
        system=System(profile.name, "NM-1", profile.manufacturer, profile.model),
        acquired=orbit.acquired.isoformat(),
        acquired_from="AcquisitionDateTime",
        radionuclide=orbit.radionuclide,
        synthetic=True,
    )
    return Acquisition(source, "TOMO", frames)


def gantry_of(orbit: Orbit, head: int, rotation: int, view: int) -> Gantry:
    """Return what the header tells of where a head stands in a view; all counted from 0."""
    step_deg = -orbit.step_deg if orbit.turns_clockwise(rotation) else orbit.step_deg
    angle_deg = float(orbit.theta_deg(head, rotation)[view])
    return Gantry(angle_deg, step_deg, orbit.continuous, float(orbit.radii_mm[view]))


def countless(phantom: Planar) -> Acquisition:
    """Return an image of one detector with so many counts (1e12) that their noise is none: the expected ones."""
    made = planar(replace(phantom, counts=1e12))
    return replace(made, frames=(replace(made.frames[0], raw_counts=True),))


def together(made: Sequence[Acquisition]) -> Acquisition:
    """Return the frames of several acquisitions of one camera as one, as several files given at once are read."""
    inputs = tuple(file for one in made for file in one.source.inputs)
    frames = tuple(frame for one in made for frame in one.frames)
    return replace(made[0], source=replace(made[0].source, inputs=inputs), frames=frames)


def input_of(counts: NDArray[Any], name: str = "flood.dcm") -> InputFile:
    """Return the file that holds such counts: its hashes are those of the array."""
    digest = hashlib.sha256(np.ascontiguousarray(counts).tobytes()).hexdigest()
    return InputFile(name, digest, digest, f"2.25.{int(digest[:24], 16)}")
