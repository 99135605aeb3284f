"""What may be asked of the tests on the IEC body phantom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from nmqc.model import Remark
from nmqc.pet.background import Regions
from nmqc.pet.phantom import Hints
from nmqc.pet.truth import Truth

Edition = Literal["2007", "2012", "2018"]


@dataclass(frozen=True, slots=True)
class Options:
    """What the caller may ask for.

    Attributes
    ----------
    truth : what is really in the phantom: one for all volumes of a scan, or one for each
    fill : the fill sheet that it is from, as JSON values, for the record; None where there is none
    hints : on the ring, where the image cannot tell which sphere is which
    edition : of NEMA NU 2: which spheres are hot, and how much of the lung insert's ends is left out; None: by the
        fill sheet, else by the spheres found
    slice : "common": one slice for all spheres; "own": for each the one nearest to it; None: the common one up to a
        tilt of 1 degree
    lung_exclusion_mm : left out at either end of the lung insert; None: by the edition
    lung_background : "all": the mean of all 37 mm regions; "per-slice": of the twelve on the lung's own slice
    background_rois : a site's own places of the background; None: by the rule
    earl : standard to judge by; None: recovery is given and not judged
    header_dose : True where the activity and the weight in the header are really the phantom's
    remarks : what the caller has to say of all this
    """

    truth: tuple[Truth, ...] = (Truth(),)
    fill: Mapping[str, Any] | None = None
    hints: Hints = field(default_factory=Hints)
    edition: Edition | None = None
    slice: Literal["common", "own"] | None = None
    lung_exclusion_mm: float | None = None
    lung_background: Literal["all", "per-slice"] = "all"
    background_rois: Regions | None = None
    earl: Literal[1, 2] | None = None
    header_dose: bool = False
    remarks: tuple[Remark, ...] = ()

    def truth_of(self, volume: int) -> Truth:
        """Return what is true of one of the scan's volumes, by its number from 0."""
        return self.truth[volume % len(self.truth)]
