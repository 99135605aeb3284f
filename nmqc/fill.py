"""The fill sheet of a PET phantom: what was put into it, when, and how concentrated it is at some time.

A TOML file. Every time has its date and is the scanner's local time::

    radionuclide = "F-18"                    # must be the image's
    half_life_s = 6586.2                     # without it the image's
    calibrator_percent = 2.0                 # of all activities alike: it cancels in the ratio

    [background]
    volume_ml = 9700.0
    volume_percent = 0.5
    activity_percent = 1.0                   # of this activity by itself

    [[background.syringe]]
    activity_mbq = 25.0
    measured = 2026-11-16 09:12:00
    residual_mbq = 0.4
    residual_measured = 2026-11-16 09:31:00

    [spheres]
    volume_ml = 500.0                        # of the stock solution that the spheres were filled from
    cold_mm = [28, 37]                       # none where all are hot

    [[spheres.syringe]]
    activity_mbq = 10.0
    measured = 2026-11-16 09:15:00

Uncertainties are one standard deviation in percent, and may be left out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from nmqc.errors import BadConfiguration
from nmqc.model import Volume
from nmqc.pet.metrics import SPHERES_MM
from nmqc.pet.phantom import State
from nmqc.pet.truth import Truth, require_ratio
from nmqc.toml_reader import Document, Table

FILE_NAME = "fill.toml"
MOST_HALF_LIVES = 8.0  # between an activity and the image: beyond it a date is wrong
SAME_HALF_LIFE = 0.02  # relative difference up to which two half-lives are of one nuclide
MOST_PERCENT = 50.0
LEAST_BACKGROUND_ML = 1000.0
MOMENT = "a date and a time, such as 2026-11-16 09:12:00"


@dataclass(frozen=True, slots=True)
class Assay:
    """An activity, negative for what was left, and when it was measured, by the scanner's local time."""

    activity_bq: float
    measured: datetime

    def at(self, moment: datetime, half_life_s: float) -> float:
        """Return the activity at another time, in Bq: A 2^(-(t - t_A) / half-life)."""
        return self.activity_bq * math.exp2(-(moment - self.measured).total_seconds() / half_life_s)


@dataclass(frozen=True, slots=True)
class Compartment:
    """One filled volume.

    Attributes
    ----------
    assays : syringes, and (negative), each after its own, what was left in them
    volume_ml : filled
    volume_percent, activity_percent : uncertainties that it does not share with the other; None: not known
    """

    assays: tuple[Assay, ...]
    volume_ml: float
    volume_percent: float | None
    activity_percent: float | None

    @property
    def own_percent(self) -> float | None:
        """Uncertainty of its concentration that it does not share with the other; None: not known."""
        return _quadrature([self.volume_percent, self.activity_percent])

    def concentration(self, moment: datetime, half_life_s: float) -> float:
        """Return the activity concentration at a time, in Bq/mL."""
        return sum(assay.at(moment, half_life_s) for assay in self.assays) / self.volume_ml

    def described(self) -> dict[str, Any]:
        """Return it as JSON values: activities in MBq, times in ISO 8601."""
        syringes: list[dict[str, Any]] = []
        for assay in self.assays:
            value, measured = round(abs(assay.activity_bq) / 1e6, 9), assay.measured.isoformat()
            if assay.activity_bq > 0:
                nothing = {"residual_mbq": None, "residual_measured": None}
                syringes.append({"activity_mbq": value, "measured": measured, **nothing})
            else:
                syringes[-1].update(residual_mbq=value, residual_measured=measured)
        return {
            "volume_ml": self.volume_ml,
            "volume_percent": self.volume_percent,
            "activity_percent": self.activity_percent,
            "syringes": syringes,
        }


@dataclass(frozen=True, slots=True)
class FillSheet:
    """What was put into the phantom.

    Attributes
    ----------
    background, spheres : None where the sheet says nothing of them
    states : of the spheres from 10 to 37 mm
    radionuclide : "F-18"; "" where the sheet does not say
    half_life_s : None where the sheet does not say
    calibrator_percent : uncertainty shared by both activities; None: not known
    sha256 : of the file that it is from; "" where it is from none
    """

    background: Compartment | None
    spheres: Compartment | None
    states: tuple[State, ...] | None
    radionuclide: str
    half_life_s: float | None
    calibrator_percent: float | None
    sha256: str = field(default="", compare=False)

    def described(self) -> dict[str, Any]:
        """Return the sheet as JSON values: the same sheet gives the same."""
        parts = {"background": self.background, "spheres": self.spheres}
        return {
            "radionuclide": self.radionuclide or None,
            "half_life_s": self.half_life_s,
            "calibrator_percent": self.calibrator_percent,
            **{name: None if part is None else part.described() for name, part in parts.items()},
            "cold_mm": None
            if self.states is None
            else [mm for mm, state in zip(SPHERES_MM, self.states, strict=True) if state == "cold"],
            "sha256": self.sha256 or None,
        }

    def truth(self, moment: datetime | None, half_life_s: float) -> Truth:
        """Return the concentrations at a time, and their ratio.

        c = [sum of A 2^(-(t - t_A) / T) - sum of A_left 2^(-(t - t_left) / T)] / V. The ratio does not depend on t.

        Parameters
        ----------
        moment : scanner's local time; None: not known, the ratio alone is given

        Raises
        ------
        BadConfiguration
            ``bad_fill``: an activity measured too many half-lives away, or less in a syringe than was left in it.
        """
        parts = (self.spheres, self.background)
        common = moment or max(assay.measured for part in parts if part for assay in part.assays)
        for part in parts:
            if part is not None:
                _require_near(part.assays, common, half_life_s)
        sphere, background = (
            None if part is None else _positive(part.concentration(common, half_life_s)) for part in parts
        )
        both = sphere is not None and background is not None
        ratio = require_ratio(sphere / background) if sphere is not None and background is not None else None
        own = [None if part is None else part.own_percent for part in parts]
        known = moment is not None
        return Truth(
            ratio=ratio,
            ratio_uncertainty=_part(ratio, own) if both else None,
            sphere_bqml=sphere if known else None,
            sphere_uncertainty_bqml=_part(sphere, [own[0], self.calibrator_percent]) if known else None,
            background_bqml=background if known else None,
            background_uncertainty_bqml=_part(background, [own[1], self.calibrator_percent])
            if known
            else None,
            states=self.states,
            source="fill sheet",
        )

    def truth_of(self, volume: Volume) -> Truth:
        """Return the true concentrations at the time that the values of a volume refer to.

        Raises
        ------
        BadConfiguration
            ``other_nuclide``: the image is of another radionuclide. ``no_half_life``: neither sheet nor image says
            it. ``bad_fill``: see `truth`.
        """
        self._require_same_nuclide(volume)
        half_life_s = self.half_life_s or volume.tracer.half_life_s
        if half_life_s is None:
            raise BadConfiguration(
                "no_half_life",
                "neither the fill sheet nor the image says a half-life: write half_life_s into the sheet",
            )
        reference = volume.tracer.reference
        # the sheet's times are those of the scanner's clock: an offset from UTC is set aside
        moment = None if reference is None else datetime.fromisoformat(reference).replace(tzinfo=None)
        return self.truth(moment, half_life_s)

    def _require_same_nuclide(self, volume: Volume) -> None:
        imaged, half_life_s = volume.tracer.radionuclide, volume.tracer.half_life_s
        if self.radionuclide and imaged and self.radionuclide != imaged:
            raise BadConfiguration(
                "other_nuclide",
                f"the fill sheet is of {self.radionuclide}, the image of {imaged}: give its own sheet",
            )
        if self.half_life_s and half_life_s and abs(self.half_life_s / half_life_s - 1) > SAME_HALF_LIFE:
            raise BadConfiguration(
                "other_nuclide",
                f"the half-life is {self.half_life_s:g} s by the fill sheet and {half_life_s:g} s by the image: "
                "correct half_life_s, or give the image's own sheet",
            )


def read_fill(path: Path) -> FillSheet:
    """Return the fill sheet in a TOML file; the module says what it holds.

    Raises
    ------
    BadFile
        If the file holds mistakes: all of them, each with its line. A time without its date is one.
    BadConfiguration
        If it cannot be read.
    """
    document = Document.open(path)
    root = document.root
    radionuclide = _nuclide(root.text("radionuclide") or "")
    half_life_s, calibrator = _above_zero(root, "half_life_s"), _percent(root, "calibrator_percent")
    background, spheres = root.table("background", "[background]"), root.table("spheres", "[spheres]")
    if background is None and spheres is None:
        root.mistake(None, "nothing is filled: expected [background] or [spheres] or both")
    states = None if spheres is None else _states(spheres)
    sheet = FillSheet(
        None if background is None else _compartment(background, LEAST_BACKGROUND_ML),
        None if spheres is None else _compartment(spheres, 0.0),
        states,
        radionuclide,
        half_life_s,
        calibrator,
        document.sha256,
    )
    document.finish()
    return sheet


# --- reading --------------------------------------------------------------------------------------------


def _compartment(table: Table, least_ml: float) -> Compartment:
    volume_ml = _above_zero(table, "volume_ml", required=True)
    if volume_ml is not None and volume_ml < least_ml:
        table.mistake("volume_ml", f"volume_ml: expected mL, at least {least_ml:g}, found {volume_ml:g}")
    own = _percent(table, "volume_percent"), _percent(table, "activity_percent")
    syringes = table.tables("syringe")
    if not syringes:
        table.mistake(None, "no activity: expected tables [[...syringe]] with activity_mbq and measured")
    assays = [assay for syringe in syringes for assay in _assays(syringe)]
    return Compartment(tuple(assays), volume_ml or 1.0, *own)


def _assays(table: Table) -> list[Assay]:
    """Return what was in a syringe, and what was left in it."""
    found = [_assay(table, "activity_mbq", "measured", 1.0)]
    if table.holds("residual_mbq") or table.holds("residual_measured"):
        found.append(_assay(table, "residual_mbq", "residual_measured", -1.0))
    return [assay for assay in found if assay is not None]


def _assay(table: Table, activity: str, measured: str, sign: float) -> Assay | None:
    value, moment = _above_zero(table, activity, required=True, zero=sign < 0), _moment(table, measured)
    return None if value is None or moment is None else Assay(sign * value * 1e6, moment)


def _moment(table: Table, key: str) -> datetime | None:
    """Return a local date and time, written as such or as text; a time alone, or a date alone, is a mistake."""
    value = table.value(key, (datetime, date, time, str), MOMENT, True)
    if isinstance(value, str) and len(value) > len("2026-11-16"):
        with suppress(ValueError):
            value = datetime.fromisoformat(value)
    if value is None:
        return None
    if not isinstance(value, datetime):
        without = " (a time without its date)" if isinstance(value, time) or _clock(value) else ""
        table.mistake(key, f"{key}: expected {MOMENT}{without}")
        return None
    if value.tzinfo is not None:
        table.mistake(key, f"{key}: expected the scanner's local time, without an offset from UTC")
        return None
    return value


def _clock(value: object) -> bool:
    return isinstance(value, str) and ":" in value and "-" not in value


def _nuclide(written: str) -> str:
    """Return a nuclide as images have it: "F-18" for F18, 18F and f-18; anything else as it is."""
    found = re.fullmatch(r"(?:(\d+m?)-?([A-Za-z]{1,2})|([A-Za-z]{1,2})-?(\d+m?))", written.strip())
    if found is None:
        return written
    number, element = found[1] or found[4], found[2] or found[3]
    return f"{element.capitalize()}-{number}"


def _percent(table: Table, key: str) -> float | None:
    value = _above_zero(table, key)
    if value is not None and value > MOST_PERCENT:
        table.mistake(key, f"{key}: expected percent, at most {MOST_PERCENT:g}, found {value:g}")
    return value


def _above_zero(table: Table, key: str, *, required: bool = False, zero: bool = False) -> float | None:
    value = table.number(key)
    if value is None:
        if required and not table.holds(key):
            table.mistake(None, f"{key} is missing: expected a number above 0")
        return None
    if value < 0 or (value == 0 and not zero):
        table.mistake(key, f"{key}: expected a number above 0, found {value:g}")
        return None
    return value


def _states(table: Table) -> tuple[State, ...]:
    cold = table.numbers("cold_mm", "diameters in mm, such as [28, 37]") if table.holds("cold_mm") else ()
    unknown = [value for value in cold if value not in SPHERES_MM]
    if unknown:
        table.mistake("cold_mm", "cold_mm: expected some of 10, 13, 17, 22, 28 and 37")
    return tuple("cold" if diameter in cold else "hot" for diameter in SPHERES_MM)


# --- arithmetic -----------------------------------------------------------------------------------------


def _require_near(assays: Sequence[Assay], moment: datetime, half_life_s: float) -> None:
    for assay in assays:
        apart = abs((moment - assay.measured).total_seconds()) / half_life_s
        if apart > MOST_HALF_LIVES:
            raise BadConfiguration(
                "bad_fill",
                f"an activity of the fill sheet was measured {apart:.1f} half-lives from the image's reference time, "
                f"{MOST_HALF_LIVES:g} at most make sense: check the dates",
            )


def _positive(concentration: float) -> float:
    if concentration <= 0:
        raise BadConfiguration(
            "bad_fill",
            "by the fill sheet more was left in the syringes than was in them: check activities and times",
        )
    return concentration


def _part(value: float | None, percents: Sequence[float | None]) -> float | None:
    """Return the uncertainty of a value in its unit; None where no part of it is known."""
    percent = _quadrature(percents)
    return None if value is None or percent is None else value * percent / 100


def _quadrature(percents: Sequence[float | None]) -> float | None:
    known = [percent for percent in percents if percent is not None]
    return math.hypot(*known) if known else None
