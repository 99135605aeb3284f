"""Where each head stood during each view of a tomographic acquisition (PS3.3, C.8.4.11 and C.8.4.12).

The angle of a head in a view is start + sign x step x (view - 1), reduced to [0, 360): the start by the item of
the detector, else by that of the rotation; step and sense by the item of the rotation that the RotationVector
names; the view by the AngularViewVector. Nothing is guessed: where the header does not tell all of it, the views
have no angle, and a remark says what is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nmqc.dicom.frames import Slot, Split, number_of
from nmqc.dicom.values import Header
from nmqc.model import Gantry, Remark

_KINDS = ("TOMO", "GATED TOMO")
_TURNS_DEG = 3600.0  # headers give angles of several turns: 540, -360
_LARGEST_STEP_DEG = 180.0
_FARTHEST_MM = 2000.0
_UNTIDY_DEG = 0.5  # by which angles in headers are off: 179.99 for 180, 128 steps of 2.81 for 360
_MOST_VIEWS = 20_000
_SIGNS = {"CC": 1, "CCW": 1, "CW": -1}
_MOTIONS = ("", "STEP AND SHOOT", "CONTINUOUS", "ACQ DURING STEP")
_WHAT_NEXT = "export the acquisition anew, as the camera wrote it"


class _NoAngles(Exception):
    """The header does not tell the angles; the message says which attribute it is."""


@dataclass(frozen=True, slots=True)
class _Course:
    """How one head goes through one rotation; the radii are one for all views, one for each, or none."""

    start_deg: float
    step_deg: float
    moving: bool
    radii_mm: tuple[float, ...]

    def gantry(self, view: int) -> Gantry:
        """Return where the head stands in a view, counted from 1."""
        angle_deg = (self.start_deg + self.step_deg * (view - 1)) % 360
        radius_mm = self.radii_mm[0 if len(self.radii_mm) == 1 else view - 1] if self.radii_mm else None
        # A negative angle too small to tell from 0 is reduced to 360.0 itself.
        return Gantry(angle_deg % 360, self.step_deg, self.moving, radius_mm or None)


def read_gantries(
    header: Header, kind: str, split: Split
) -> tuple[tuple[Gantry | None, ...], tuple[Remark, ...]]:
    """Return where the head stood in each frame, in stored order, and what was odd or missing.

    Parameters
    ----------
    header : of the file; `unusable` gains the keywords of values that are no numbers
    kind : third value of ImageType; images that are not tomographic have no angles, and no remark
    split : what each frame is

    Returns
    -------
    tuple of Gantry or None
        None where the header does not tell the angle, or contradicts itself.
    tuple of Remark
        ``no_angles``: why there is none. ``acquired_during_step``, ``nonstandard``: what was tolerated.
    """
    if kind not in _KINDS:
        return (None,) * len(split.slots), ()
    views = _views(split.slots)
    file = _File(header, views)
    courses: dict[tuple[int, int], _Course | None] = {}
    reasons: list[str] = []
    for detector, rotation in views:
        try:
            courses[detector, rotation] = file.course(detector, rotation)
        except _NoAngles as missing:
            courses[detector, rotation] = None
            reasons.append(str(missing))
    on_course = ((slot, courses[slot.detector, slot.rotation]) for slot in split.slots)
    gantries = tuple(course.gantry(slot.angular_view) if course else None for slot, course in on_course)
    return gantries, (*_missing_remark(reasons), *file.remarks())


def _views(slots: Sequence[Slot]) -> dict[tuple[int, int], set[int]]:
    """Return the angular views of each detector and rotation."""
    views: dict[tuple[int, int], set[int]] = {}
    for slot in sorted(slots):
        views.setdefault((slot.detector, slot.rotation), set()).add(slot.angular_view)
    return views


def _missing_remark(reasons: Sequence[str]) -> list[Remark]:
    if not reasons:
        return []
    why = ", ".join(dict.fromkeys(reasons))
    text = f"the header does not tell at which angle each view was taken: {why}; {_WHAT_NEXT}"
    return [Remark("no_angles", text)]


@dataclass(frozen=True, slots=True, eq=False)
class _File:
    """A header, and which angular views each detector has in each rotation."""

    header: Header
    views: dict[tuple[int, int], set[int]]

    def course(self, detector: int, rotation: int) -> _Course:
        """Return how a head goes through a rotation, or raise _NoAngles."""
        head, turn = self._head(detector), self._turn(rotation)
        if turn is None:
            raise _NoAngles(f"RotationInformationSequence has no item for rotation {rotation}")
        self._require_own_numbers(detector, rotation, turn)
        return _Course(
            self._start_deg(detector, head, turn),
            _sign(turn) * _step_deg(turn),
            self._motion() == "CONTINUOUS",
            _radii_mm([item for item in (head, turn) if item], self._lengths(detector, rotation, turn)),
        )

    def remarks(self) -> list[Remark]:
        """Return what is odd about the rotations and was tolerated."""
        turns = {rotation: self._turn(rotation) for rotation in self._rotations()}
        texts = [
            text
            for rotation, turn in turns.items()
            if turn is not None
            for text in (*_sense_text(turn), *self._arc_text(rotation, turn))
        ]
        return [*(Remark("nonstandard", text) for text in dict.fromkeys(texts)), *self._motion_remark()]

    def _head(self, detector: int) -> Header | None:
        items = self.header.items("DetectorInformationSequence")
        return items[detector - 1] if detector <= len(items) else None

    def _turn(self, rotation: int) -> Header | None:
        items = self.header.items("RotationInformationSequence")
        return items[rotation - 1] if rotation <= len(items) else None

    def _rotations(self) -> list[int]:
        return sorted({rotation for _, rotation in self.views})

    def _motion(self) -> str:
        return self.header.text("TypeOfDetectorMotion", 16).upper()

    def _motion_remark(self) -> list[Remark]:
        if self._motion() == "ACQ DURING STEP":
            text = "the head also counted on its way from view to view: the angles are those of its stops"
            return [Remark("acquired_during_step", text)]
        text = "TypeOfDetectorMotion is none of the standard's: taken as step and shoot"
        return [] if self._motion() in _MOTIONS else [Remark("nonstandard", text)]

    def _require_own_numbers(self, detector: int, rotation: int, turn: Header) -> None:
        """Refuse views that are numbered through detectors or rotations: the formula needs each from its start."""
        views = self.views[detector, rotation]
        if not min(views):
            raise _NoAngles("AngularViewVector is missing")
        first = min(min(others) for others in self.views.values())
        if min(views) > first or max(views) > min(self._lengths(detector, rotation, turn)):
            raise _NoAngles(
                "AngularViewVector does not number the views of each detector and rotation from 1"
            )

    def _lengths(self, detector: int, rotation: int, turn: Header) -> set[int]:
        """Return how many views the rotation has, by the views that are there and by its item."""
        announced = turn.harmless("NumberOfFramesInRotation", 1, _MOST_VIEWS)
        return {max(self.views[detector, rotation]), *map(int, announced)}

    def _start_deg(self, detector: int, head: Header | None, turn: Header) -> float:
        """Return the angle of the first view: the detector's own, else that of the rotation of an only detector."""
        if head is not None and head.values("StartAngle"):
            if self._several_starts():
                raise _NoAngles(
                    "the rotations have several values of StartAngle, and that of the detector does not tell "
                    "which of them it is for"
                )
            return _number(head, "StartAngle", _TURNS_DEG)
        if not self._one_detector():
            raise _NoAngles(
                f"StartAngle of detector {detector} is missing, and that of the rotation does not tell where "
                "several detectors stand (it would for each detector in a file of its own)"
            )
        return _number(turn, "StartAngle", _TURNS_DEG)

    def _one_detector(self) -> bool:
        announced = number_of(self.header, "DetectorVector")
        return announced in (None, 1) and len({detector for detector, _ in self.views}) == 1

    def _several_starts(self) -> bool:
        """Say whether the rotations start at angles that differ."""
        turns = [turn for turn in map(self._turn, self._rotations()) if turn]
        starts = [start for turn in turns for start in turn.harmless("StartAngle", -_TURNS_DEG, _TURNS_DEG)]
        return any(abs((start - starts[0] + 180) % 360 - 180) > _UNTIDY_DEG for start in starts)

    def _arc_text(self, rotation: int, turn: Header) -> list[str]:
        """Say where the ScanArc is not the step times the views."""
        arc_deg, step_deg = _one(turn, "ScanArc", _TURNS_DEG), _one(turn, "AngularStep", _LARGEST_STEP_DEG)
        views = max(max(views) for (_, turned), views in self.views.items() if turned == rotation)
        made_deg = (step_deg or 0.0) * views
        if not arc_deg or made_deg <= 0 or abs(abs(arc_deg) - made_deg) <= _UNTIDY_DEG:
            return []
        made = f"{views} views with an AngularStep of {step_deg:g} degrees make {made_deg:g}"
        return [f"ScanArc is {arc_deg:g} degrees, but {made}: the step was taken"]


def _sign(turn: Header) -> int:
    """Return +1 where angles grow (counter-clockwise, seen from the feet), -1 where they fall."""
    sense = turn.text("RotationDirection", 16).upper()
    if sense not in _SIGNS:
        raise _NoAngles(f"RotationDirection is {'neither CC nor CW' if sense else 'missing'}")
    return _SIGNS[sense]


def _sense_text(turn: Header) -> list[str]:
    sense = turn.text("RotationDirection", 16).upper()
    return ["RotationDirection is CCW: taken as CC, counter-clockwise"] if sense == "CCW" else []


def _step_deg(turn: Header) -> float:
    step_deg = _number(turn, "AngularStep", _LARGEST_STEP_DEG)
    if step_deg <= 0:
        raise _NoAngles(f"AngularStep is {'negative' if step_deg else 'zero'}")
    return step_deg


def _number(item: Header, keyword: str, largest: float) -> float:
    """Return the one number of an element, or raise _NoAngles."""
    number = _one(item, keyword, largest)
    if number is None:
        raise _NoAngles(f"{keyword} is {'not one usable number' if item.values(keyword) else 'missing'}")
    return number


def _one(item: Header, keyword: str, largest: float) -> float | None:
    """Return the one number of an element up to a magnitude; None where it is absent or unusable."""
    found = item.harmless(keyword, -largest, largest)
    return float(found[0]) if len(found) == 1 else None


def _radii_mm(items: Sequence[Header], lengths: set[int]) -> tuple[float, ...]:
    """Return the radii of the first item that gives one for all views, or one for each; 0 where it is silent."""
    for item in items:
        if len(item.values("RadialPosition")) in {1, *lengths}:
            return tuple(float(radius) for radius in item.harmless("RadialPosition", 0, _FARTHEST_MM))
    return ()
