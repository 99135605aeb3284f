"""What the header says of the detectors: which head, its collimator, its field of view, its zoom."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from nmqc.dicom.frames import Split, number_of
from nmqc.dicom.interface import ReadOptions
from nmqc.dicom.systems import Recognised
from nmqc.dicom.values import Header
from nmqc.errors import UnusableInput
from nmqc.model import DetectorSource, FieldHint, HeadPattern

Head = tuple[int | None, DetectorSource | None]

_SHAPES = ("RECTANGLE", "ROUND", "HEXAGONAL")
_UNZOOMED = 1e-3  # headers give zoom 1 as "1" or as the text of a float32
_TEXT_TO_SEARCH = 1024
# How the serial numbers begin that Siemens gives as names of its collimators.
_SIEMENS_COLLIMATORS = {
    "@188": "LEHR",
    "@189": "LEHR",
    "@199": "LEAP",
    "@167": "ME",
    "@178": "LME",
    "@304": "HE",
}


@dataclass(frozen=True, slots=True)
class Detector:
    """What holds for every frame of one value of the DetectorVector."""

    number: int | None
    source: DetectorSource | None
    collimator: str
    zoom: tuple[float, float]
    field_hints: tuple[FieldHint, ...]


def read_detectors(
    header: Header, split: Split, recognised: Recognised, options: ReadOptions
) -> dict[int, Detector]:
    """Return each detector of the frames by its number in the DetectorVector.

    The head is, in turn: the user's; the vector's where the file holds several detectors; that of the site's
    patterns; 1 for a camera with one head; else unknown. A vector of ones in a file of one detector is no
    evidence: the files of both heads of a camera carry it.

    Raises
    ------
    UnusableInput
        ``detector_conflict`` if the user's detector is not the vector's.
    """
    entries = sorted({slot.detector for slot in split.slots})
    told = split.detector_told and (number_of(header, "DetectorVector") or 1) > 1
    if options.detector is not None and told and entries != [options.detector]:
        raise UnusableInput(
            "detector_conflict",
            f"holds detector {' and '.join(map(str, entries))} by its header, not {options.detector} alone; "
            "leave out --detector",
        )
    rules = _HeadRules(header, told, recognised, options)
    items = header.items("DetectorInformationSequence")
    found = {entry: items[entry - 1] if entry <= len(items) else None for entry in entries}
    return {entry: _detector(item, rules.head(item, entry), recognised) for entry, item in found.items()}


def _detector(item: Header | None, head: Head, recognised: Recognised) -> Detector:
    zoom = _zoom(item)
    table = recognised.field if _is_unzoomed(zoom) else None
    hints = (hint for hint in (recognised.site_field, table, _header_field(item)) if hint is not None)
    return Detector(*head, collimator_name(item) if item else "", zoom or (1.0, 1.0), tuple(hints))


@dataclass(frozen=True, slots=True)
class _HeadRules:
    """How to tell the head: `told` is True where the vector does."""

    header: Header
    told: bool
    camera: Recognised
    options: ReadOptions

    def head(self, item: Header | None, entry: int) -> Head:
        """Return the head of an entry of the DetectorVector, and how it is known."""
        if self.options.detector is not None:
            return self.options.detector, "user"
        if self.told:
            return entry, "vector"
        rules = self.camera.patterns
        matched = {rule.detector for rule in rules if _matches(rule, self.header, item)}
        if len(matched) == 1:
            return matched.pop(), "pattern"
        return (1, "single-head") if self.camera.single_head else (None, None)


def _matches(rule: HeadPattern, header: Header, item: Header | None) -> bool:
    """Say whether a site's pattern is found in its attribute; an empty attribute matches nothing."""
    if rule.attribute == "ViewCode":
        codes = item.items("ViewCodeSequence") if item else ()
        text = " ".join(code.text("CodeMeaning", _TEXT_TO_SEARCH) for code in codes)
    else:
        text = header.text(rule.attribute, _TEXT_TO_SEARCH)
    return bool(text) and re.search(rule.pattern, text, re.IGNORECASE) is not None


def collimator_name(item: Header) -> str:
    """Return "NONE" for an intrinsic image, else the collimator's name, else its type.

    Siemens gives a serial number as the name: its beginning tells the collimator, and no more of it is shown.
    """
    kind, grid = item.text("CollimatorType", 16), item.text("CollimatorGridName", 16)
    if kind == "NONE" or (kind == "" and grid.upper() in ("INTR", "INTRINSIC", "NONE")):
        return "NONE"
    if grid.startswith("@"):
        return _SIEMENS_COLLIMATORS.get(grid[:4], kind)
    return grid or kind


def _zoom(item: Header | None) -> tuple[float, float] | None:
    """Return the zoom in the order of the header; (1, 1) where it is silent; None where it is unusable."""
    factors = item.harmless("ZoomFactor", 0, 100) if item else ()
    if not factors and item is not None and "ZoomFactor" in item.unusable:
        return None
    if not factors or 0 in factors:
        return 1.0, 1.0
    return float(factors[0]), float(factors[-1])


def _is_unzoomed(zoom: tuple[float, float] | None) -> bool:
    return zoom is not None and all(math.isclose(factor, 1, rel_tol=_UNZOOMED) for factor in zoom)


def _header_field(item: Header | None) -> FieldHint | None:
    """Return the field of view by the header; blank and zero mean that it is silent."""
    sides = item.harmless("FieldOfViewDimensions", 0, 5000) if item else ()
    if item is None or not sides or 0 in sides:
        return None
    shape = item.text("FieldOfViewShape", 16)
    shape = shape if shape in _SHAPES else ""
    if shape == "RECTANGLE" and len(sides) == 1:
        return None
    extents = sides[:1] if shape in ("ROUND", "HEXAGONAL") else sides[:2]
    return FieldHint(shape, tuple(float(side) for side in extents), "header")
