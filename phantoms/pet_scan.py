"""When and with what a PET phantom was scanned, and how the makers write it.

Values of the phantoms hold at the start of the first series. The decay is that of one radionuclide; a scan has one
bed position or several, one after the other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from phantoms.pet_body import Vector
from phantoms.planar import require_positive

DECAY_CORRECTIONS = ("START", "ADMIN", "NONE")
STARTS = ("both", "datetime", "time")


class Isotope(NamedTuple):
    """A radionuclide: half-life, fraction of positrons, and its code and meaning in SNOMED CT (PS3.16, CID 4020)."""

    half_life_s: float
    positron_fraction: float
    code: str
    meaning: str


# Half-lives and fractions as DICOM files of scanners give them, collected in a survey of headers.
ISOTOPES: dict[str, Isotope] = {
    "F-18": Isotope(6586.2, 0.967, "77004003", "^18^Fluorine"),
    "Ga-68": Isotope(4062.6, 0.889, "35337001", "^68^Gallium"),
    "Cu-64": Isotope(45723.6, 0.175, "3932008", "^64^Copper"),
    "Zr-89": Isotope(282276.0, 0.227, "63360001", "^89^Zirconium"),
    "I-124": Isotope(360806.0, 0.227, "40937006", "^124^Iodine"),
    "Y-90": Isotope(230550.0, 3.2e-5, "14691008", "^90^Yttrium"),
    "Ge-68": Isotope(23410000.0, 0.889, "53315004", "^68^Germanium"),
}


@dataclass(frozen=True, slots=True)
class PetProfile:
    """What one kind of PET scanner writes.

    Attributes
    ----------
    units : those that it can write, its usual ones first
    signed : whether its pixels are signed
    slope_per_slice : each slice has its own slope, else all have the same
    descending : instance numbers fall with z
    corrections : CorrectedImage of a strict file, and of one as the scanner writes it
    thicker_mm : by how much SliceThickness exceeds the step, in a file as the scanner writes it
    """

    name: str
    manufacturer: str
    model: str
    units: tuple[str, ...]
    signed: bool
    slope_per_slice: bool
    descending: bool
    corrections: tuple[tuple[str, ...], tuple[str, ...]]
    thicker_mm: float
    reconstruction: str
    attenuation: str
    scatter: str
    randoms: str


_CORRECTIONS = ("NORM", "DTIM", "ATTN", "SCAT", "DECY", "RAN")

# Words and habits: headers of public phantom scans of a Biograph mCT and a Discovery IQ, and what converters record
# of a Vereos. The order of the Vereos' instance numbers and its version are placeholders.
PET_SYSTEMS: dict[str, PetProfile] = {
    "vereos": PetProfile(
        name="vereos",
        manufacturer="Philips Medical Systems",
        model="Vereos PET/CT",
        units=("CNTS", "BQML", "GML"),
        signed=False,
        slope_per_slice=False,
        descending=False,
        corrections=(_CORRECTIONS, ("DECY", "RADL", "ATTN", "SCAT", "DTIM", "RAN", "NORM")),
        thicker_mm=0.0,
        reconstruction="OSEM:i3s15",
        attenuation="CTAC-SG",
        scatter="SS-SIMUL",
        randoms="DLYD",
    ),
    "siemens": PetProfile(
        name="siemens",
        manufacturer="SIEMENS",
        model="Biograph64_mCT",
        units=("BQML", "GML"),
        signed=False,
        slope_per_slice=True,
        descending=False,
        corrections=(_CORRECTIONS, _CORRECTIONS),
        thicker_mm=2.0,
        reconstruction="PSF+TOF 2i21s",
        attenuation="measured,AC CT WB  5.0  HD_FoV",
        scatter="Model-based, relative scatter scaling",
        randoms="DLYD",
    ),
    "ge": PetProfile(
        name="ge",
        manufacturer="GE MEDICAL SYSTEMS",
        model="Discovery IQ",
        units=("BQML", "PROPCNTS"),
        signed=True,
        slope_per_slice=True,
        descending=True,
        corrections=(
            (*_CORRECTIONS, "RADL"),
            ("DECY", "ATTN", "SCAT", "DTIM", "RANSNG", "DCAL", "SLSENS", "NORM"),
        ),
        thicker_mm=0.0,
        reconstruction="VPHD",
        attenuation="measured",
        scatter="Convolution subtraction",
        randoms="SING",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """A scan of a phantom.

    Attributes
    ----------
    acquired : local time at which the first series starts; its values hold at that time
    duration_s : of one bed position
    beds : positions one after the other, from low to high z; slices are shared among them evenly
    pause_s : between bed positions, and between replicates
    radionuclide : a key of ``ISOTOPES``
    activity_mbq : as somebody typed it at the console; it need not be what is in the phantom
    measured : when that activity was measured; None: 58 minutes before the scan
    weight_kg : as typed
    decay_correction : "START": values hold at the start of their series; "ADMIN": at ``measured``; "NONE": means over
        the time of the bed position
    start_as : how the time of the activity is written: "both", "datetime" or "time" alone
    directions : unit vectors of growing columns and rows in the patient's axes
    middle_mm : the middle of the volume in the patient's axes
    factor : Philips: Bq/mL of one count
    factors : Philips: whether the private factors are written, in any unit
    """

    acquired: datetime = datetime(2026, 1, 5, 9, 41, 7)
    duration_s: float = 300.0
    beds: int = 1
    pause_s: float = 16.0
    radionuclide: str = "F-18"
    activity_mbq: float = 61.3
    measured: datetime | None = None
    weight_kg: float = 9.7
    decay_correction: str = "START"
    start_as: str = "both"
    directions: tuple[Vector, Vector] = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
    middle_mm: Vector = (3.5, -41.25, 118.4)
    factor: float = 1.6873
    factors: bool = True

    def __post_init__(self) -> None:
        require_positive("duration, activity, weight and factor", self.duration_s, self.activity_mbq)
        require_positive("duration, activity, weight and factor", self.weight_kg, self.factor)
        if self.beds < 1 or not 0 <= self.pause_s < math.inf:
            raise ValueError("a scan has at least one bed position and pauses of 0 s or more")
        if self.radionuclide not in ISOTOPES:
            raise ValueError(f"radionuclide: one of {', '.join(ISOTOPES)}")
        if self.decay_correction not in DECAY_CORRECTIONS:
            raise ValueError(f"decay correction: one of {', '.join(DECAY_CORRECTIONS)}")
        if self.start_as not in STARTS:
            raise ValueError(f"start as: one of {', '.join(STARTS)}")
        row, column = self.directions
        products = (_product(row, row) - 1, _product(column, column) - 1, _product(row, column))
        if max(abs(product) for product in products) > 1e-6:
            raise ValueError("the directions of columns and rows must be unit vectors at a right angle")

    @property
    def isotope(self) -> Isotope:
        """The radionuclide's data."""
        return ISOTOPES[self.radionuclide]

    @property
    def rate_per_s(self) -> float:
        """The decay constant."""
        return math.log(2) / self.isotope.half_life_s

    @property
    def administered(self) -> datetime:
        """When the activity was measured."""
        return self.measured or self.acquired - timedelta(minutes=58)

    def started(self, replicate: int) -> datetime:
        """Return when a replicate, counted from 0, starts."""
        return self.acquired + timedelta(seconds=replicate * self.beds * (self.duration_s + self.pause_s))

    def bed_s(self, bed: int) -> float:
        """Return when a bed position, counted from 0, starts, from the start of its series."""
        return bed * (self.duration_s + self.pause_s)

    def mean_decay(self) -> float:
        """Return the mean over a bed position's time of the decay from its start: (1 - exp(-k T)) / (k T)."""
        exponent = self.rate_per_s * self.duration_s
        return -math.expm1(-exponent) / exponent

    def frame_reference_s(self, bed: int) -> float:
        """Return when a bed position shows its mean activity, from the start of its series."""
        return self.bed_s(bed) - math.log(self.mean_decay()) / self.rate_per_s

    def concentration_factor(self, replicate: int, bed: int) -> float:
        """Return what the concentrations of a phantom are multiplied by in a file.

        They decay until the start of the replicate. A file then gives them as they are then (START), as they were at
        ``administered`` (ADMIN), or as they are on average while the bed position is measured (NONE).
        """
        return self.measured_part(replicate, bed) * self.decay_factor(replicate, bed)

    def measured_part(self, replicate: int, bed: int) -> float:
        """Return the mean activity while a bed position is measured, as a part of that at ``acquired``."""
        since = (self.started(replicate) - self.acquired).total_seconds() + self.bed_s(bed)
        return math.exp(-self.rate_per_s * since) * self.mean_decay()

    def decay_factor(self, replicate: int, bed: int) -> float:
        """Return the factor that corrects a bed position for decay to the time for which the values hold."""
        if self.decay_correction == "NONE":
            return 1.0
        passed = self.frame_reference_s(bed)
        if self.decay_correction == "ADMIN":
            passed += (self.started(replicate) - self.administered).total_seconds()
        return math.exp(self.rate_per_s * passed)

    def dose_mbq(self, replicate: int) -> float:
        """Return the activity that is left at the time for which the values hold; at the start of it for NONE."""
        if self.decay_correction == "ADMIN":
            return self.activity_mbq
        passed = (self.started(replicate) - self.administered).total_seconds()
        return self.activity_mbq * math.exp(-self.rate_per_s * passed)


def _product(first: Vector, second: Vector) -> float:
    return sum(a * b for a, b in zip(first, second, strict=True))
