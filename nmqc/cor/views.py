"""The views of one detector: their counts, the angles of the head, and what no analysis can use."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmqc.errors import CannotMeasure
from nmqc.measure.grid import Axis
from nmqc.model import Acquisition, Frame, Gantry

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

FEWEST_VIEWS = 8
SHORTEST_DEG = 180.0
UNTIDY_DEG = 0.5  # by which angles in headers are off
FEWEST_PIXELS = 16  # a side
MOST_NAMED = 8  # views in a message


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """All views of one detector in one energy window, in order of rotation and view.

    Attributes
    ----------
    frames : one for each view
    counts : shape (views, rows, columns), as stored
    theta : radians, the angle in the middle of each view
    step : radians, the size of the step between views
    arc_deg : the angle that the views cover, each by a step: 360 for a full circle
    """

    frames: tuple[Frame, ...]
    counts: NDArray[Any]
    theta: Floats
    step: float
    arc_deg: float

    @property
    def first(self) -> Frame:
        """The first view."""
        return self.frames[0]

    @property
    def views(self) -> int:
        """How many views there are."""
        return len(self.frames)

    @property
    def rows(self) -> Axis:
        """The rows, in mm from the centre of the matrix."""
        return Axis.of_matrix(self.counts.shape[1], self.first.spacing_mm[0])

    @property
    def columns(self) -> Axis:
        """The columns, in mm from the centre of the matrix."""
        return Axis.of_matrix(self.counts.shape[2], self.first.spacing_mm[1])

    @property
    def full_circle(self) -> bool:
        """True where no gap between neighbouring views is wider than two steps."""
        return bool(self.arc_deg > 359.9 - np.degrees(self.step))

    @property
    def moving(self) -> bool:
        """True where the head turned while it counted."""
        return _gantry(self.first).moving

    @property
    def blur(self) -> float:
        """What is left of the amplitude of a sinusoid that is averaged over a step: sin(D/2) / (D/2)."""
        return float(np.sinc(self.step / (2 * np.pi))) if self.moving else 1.0

    @property
    def radius_mm(self) -> Floats | None:
        """From the axis to the collimator, for each view; None where the header is silent."""
        radii = [_gantry(frame).radius_mm for frame in self.frames]
        return None if None in radii else np.array(radii, np.float64)

    @property
    def clockwise(self) -> bool:
        """True where the head turns clockwise, as seen from the feet."""
        return _gantry(self.first).step_deg < 0

    def names(self, views: Iterable[int]) -> str:
        """Return views, counted from 0, in words: "view 3, 4 and 5", with the rotation where there are several."""
        several = self.frames[-1].rotation != self.first.rotation
        found = [
            f"{frame.view} of rotation {frame.rotation}" if several else f"{frame.view}"
            for frame in (self.frames[view] for view in views)
        ]
        shown = found[:MOST_NAMED] + ([f"{len(found) - MOST_NAMED} more"] if len(found) > MOST_NAMED else [])
        words = " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))
        return f"view{'s' if len(found) > 1 else ''} {words}"


def waves(theta: Floats) -> Floats:
    """Return the columns 1, cos and sin of angles: what a source on an orbit is a sum of."""
    return np.column_stack([np.ones(theta.size), np.cos(theta), np.sin(theta)])


def heads(acquisition: Acquisition, only_detector: int | None) -> list[tuple[Frame, ...]]:
    """Return the frames of each energy window and detector, in order of rotation and view."""
    found: dict[tuple[int, int | None], list[Frame]] = {}
    for frame in acquisition.frames:
        if only_detector in (None, frame.detector):
            found.setdefault((frame.window_number, frame.detector), []).append(frame)
    return [tuple(sorted(group, key=lambda one: (one.rotation, one.view))) for group in found.values()]


def head_of(frames: Sequence[Frame], kind: str) -> Head:
    """Return the views of one detector, or refuse what no analysis can use.

    Raises
    ------
    CannotMeasure
        ``not_cor``, ``no_angles``, ``too_few_views``, ``arc_too_short``, and what is wrong with the counts.
    """
    _require_tomographic(frames, kind)
    gantries = [_gantry(frame) for frame in frames]
    middles = [one.angle_deg + (one.step_deg / 2 if one.moving else 0.0) for one in gantries]
    step_deg = float(np.median([abs(one.step_deg) for one in gantries]))
    arc_deg = _covered(np.array([one.angle_deg for one in gantries]), step_deg)
    _require_arc(len(frames), arc_deg, step_deg)
    counts = np.stack([frame.counts for frame in frames])
    head = Head(tuple(frames), counts, np.radians(middles), float(np.radians(step_deg)), arc_deg)
    _require_counts(head)
    return head


def require_own_angles(frames: Iterable[Frame]) -> None:
    """Refuse detectors that are said to stand at the same angle.

    Raises
    ------
    CannotMeasure
        ``heads_share_angle``.
    """
    first: dict[tuple[int, int, int], dict[int | None, float]] = {}
    for frame in frames:
        if frame.gantry is not None:
            there = first.setdefault((frame.window_number, frame.rotation, frame.view), {})
            there[frame.detector] = frame.gantry.angle_deg
    for there in first.values():
        angles = sorted(there.values())
        gaps = np.diff([*angles, angles[0] + 360])
        if len(angles) > 1 and gaps.min() < 2 * UNTIDY_DEG:
            raise CannotMeasure(
                "heads_share_angle",
                f"detectors {' and '.join(str(one) for one in there)} start at the same angle by the header, which "
                "two heads cannot: export the acquisition anew, with the start angle of each detector",
            )


def _gantry(frame: Frame) -> Gantry:
    if frame.gantry is None:
        raise CannotMeasure(
            "no_angles",
            "the header does not tell at which angle each view was taken (start angle of the detector, angular "
            "step, direction): export the acquisition anew, as the camera wrote it",
        )
    return frame.gantry


def _require_tomographic(frames: Sequence[Frame], kind: str) -> None:
    if kind != "TOMO":
        what = f"a {kind} acquisition" if kind else "no tomographic acquisition by its header"
        raise CannotMeasure(
            "not_cor",
            f"this is {what}: give a tomographic acquisition of point sources; `nmqc identify` says which command is "
            "for it",
        )
    if len(frames) < FEWEST_VIEWS:
        raise CannotMeasure(
            "too_few_views",
            f"{len(frames)} views of this detector: acquire {FEWEST_VIEWS} or more over 360 degrees",
        )


def _covered(angles_deg: Floats, step_deg: float) -> float:
    """Return the arc that views cover: 360 less the widest gap, and a step; views that repeat count once."""
    there = np.sort(angles_deg % 360)
    gaps = np.diff(np.append(there, there[0] + 360))
    return min(360.0, 360.0 - float(gaps.max()) + step_deg)


def _require_arc(views: int, arc_deg: float, step_deg: float) -> None:
    if arc_deg < SHORTEST_DEG - UNTIDY_DEG:
        raise CannotMeasure(
            "arc_too_short",
            f"{views} views with a step of {step_deg:g} degrees cover {arc_deg:.0f} degrees: an axis cannot be told "
            f"from less than {SHORTEST_DEG:.0f}; acquire 360 degrees",
        )


def _require_counts(head: Head) -> None:
    counts = head.counts
    if min(counts.shape[1:]) < FEWEST_PIXELS:
        raise CannotMeasure(
            "not_cor", f"the views have fewer than {FEWEST_PIXELS} pixels a side: give the whole matrix"
        )
    if not np.issubdtype(counts.dtype, np.integer) and not np.isfinite(counts).all():
        raise CannotMeasure(
            "not_numbers", "views hold values that are no numbers: give them as they were acquired"
        )
    if not np.issubdtype(counts.dtype, np.unsignedinteger) and counts.min() < 0:
        raise CannotMeasure(
            "negative_counts",
            "views hold negative values: give them as they were acquired, without background subtraction",
        )
    highest = counts.max(axis=(1, 2))
    if not highest.all():
        empty = head.names(np.flatnonzero(highest == 0))
        raise CannotMeasure("no_counts", f"{empty} hold no counts: acquire all views anew")
    full = head.first.full_scale
    if full is not None and highest.max() >= full:
        raise CannotMeasure(
            "saturated",
            f"a pixel of {head.names(np.flatnonzero(highest >= full))} stands at {full:g}, the largest value the "
            "file can store: counts are lost; use a weaker source or shorter views",
        )
