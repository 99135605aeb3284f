"""Digital orbits as nmqc takes them: without a file in between, and through one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmqc.cor.point_sources import Options, analyse
from nmqc.dicom import ReadOptions, read_nm
from nmqc.model import Acquisition, Analysis, Frame, Gantry, InputFile, Measurement, Refusal, Result, Source
from nmqc.model import System as Camera
from phantoms import nm
from phantoms.cor import Orbit, OrbitHead, PointSource

UINT16 = 65535.0
USUAL = Options()
PIXEL_MM = (4.8, 4.8)
MATRIX = (112, 128)


def orbit(*heads: OrbitHead, **changed: Any) -> Orbit:
    """Return an orbit on a matrix that is not square, changed as told: one source, one head, 60 views."""
    usual: dict[str, Any] = {
        "matrix": MATRIX,
        "pixel_mm": PIXEL_MM,
        "sources": (PointSource(71.0, -38.0, 23.0),),
        "heads": heads or (OrbitHead(start_deg=197.37),),
        "fwhm_mm": 9.0,
        "radius_mm": 225.0,
    }
    return Orbit(**(usual | changed))


def rotation_sign(phantom: Orbit, rotation: int) -> int:
    """Return +1 for a rotation (from 0) that the header calls CC, -1 for CW; they turn to and fro."""
    return -1 if phantom.clockwise == (rotation % 2 == 0) else 1


def acquisition(
    phantom: Orbit,
    counts: NDArray[Any],
    kind: str = "TOMO",
    full_scale: float | None = UINT16,
    raw_counts: bool | None = None,
) -> Acquisition:
    """Return the acquisition of an orbit.

    The angle of view j, from 1, is start + sign x step x (j - 1), the sign +1 for CC and -1 for CW (DICOM PS3.3,
    C.8.4.11).

    Parameters
    ----------
    counts : shape (windows, heads, rotations, views, rows, columns)
    raw_counts : None: where they are whole numbers
    """
    raw = np.issubdtype(counts.dtype, np.integer) if raw_counts is None else raw_counts
    step_deg = phantom.arc_deg / phantom.views
    frames = []
    for window, head, rotation, view in np.ndindex(*counts.shape[:4]):
        signed_deg = rotation_sign(phantom, rotation) * step_deg
        start_deg = phantom.heads[head].start_deg
        radii = phantom.radius_mm if isinstance(phantom.radius_mm, tuple) else (phantom.radius_mm,)
        gantry = Gantry(
            angle_deg=(start_deg + signed_deg * view) % 360,
            step_deg=signed_deg,
            moving=phantom.continuous,
            radius_mm=radii[view % len(radii)],
        )
        frames.append(
            Frame(
                counts=counts[window, head, rotation, view],
                spacing_mm=phantom.spacing_mm,
                detector=head + 1,
                detector_source="vector",
                energy_window=None,
                input=InputFile("cor.dcm", "0" * 64),
                window_number=window + 1,
                rotation=rotation + 1,
                view=view + 1,
                raw_counts=bool(raw),
                full_scale=full_scale,
                gantry=gantry,
            )
        )
    return Acquisition(_source(frames[0]), kind, tuple(frames))


def _source(frame: Frame) -> Source:
    return Source((frame.input,), Camera("symbia-t2", "NM-1", "SIEMENS NM", "Symbia T2"), None, None)


def changed(before: Acquisition, **by: Any) -> Acquisition:
    """Return an acquisition with each frame changed: the values are functions of a frame."""
    frames = [
        replace(frame, **{name: function(frame) for name, function in by.items()}) for frame in before.frames
    ]
    return replace(before, frames=tuple(frames))


def without_noise(phantom: Orbit) -> Analysis:
    """Analyse the expected counts."""
    return analyse(acquisition(phantom, phantom.expected()), USUAL)


def results(analysis: Analysis) -> tuple[Result, ...]:
    """Return the results of an analysis that must refuse nothing."""
    assert not analysis.refused, analysis.refused
    return analysis.results


def head_and_pair(phantom: Orbit) -> tuple[Result, ...]:
    """Return the results of each head, then of the pair, without noise."""
    return results(without_noise(phantom))


def one_head(phantom: Orbit) -> Result:
    """Return the only result, without noise."""
    (found,) = head_and_pair(phantom)
    return found


def measured(found: Result) -> dict[tuple[str, str], Measurement]:
    """Return the measurements by short name and variant: ("offset", "source 1")."""
    return {(one.metric.name.removeprefix("cor."), one.of): one for one in found.measurements}


def value(found: Result, name: str, of: str = "") -> float:
    """Return one value."""
    return measured(found)[name, of].value


def absent(found: Result) -> dict[tuple[str, str], str]:
    """Return the codes of what was not measured, by short name and variant."""
    return {(one.name.removeprefix("cor."), one.of): one.code for one in found.not_measured}


def remarks(found: Result) -> dict[str, str]:
    """Return the texts of the remarks by code; of several with one code the first."""
    return {one.code: one.text for one in reversed(found.remarks)}


def from_files(
    phantom: Orbit, folder: Path, seed: int | None = None, options: Options = USUAL, **written: Any
) -> Analysis:
    """Write an orbit as DICOM, read it again and analyse it; all files must be read."""
    paths = nm.write_cor(phantom, folder / "cor.dcm", seed=seed, **written)
    read = read_nm(paths, ReadOptions())
    assert not read.refused, read.refused
    (found,) = read.acquisitions
    return analyse(found, options)


def the_refusal(analysis: Analysis) -> Refusal:
    """Return the only refusal of an analysis that gives nothing else."""
    assert not analysis.results
    (refused,) = analysis.refused
    return refused


def circular(values: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Return angles in degrees, from -180 to below 180."""
    return (np.asarray(values, np.float64) + 180) % 360 - 180
