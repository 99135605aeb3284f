"""What the values of a PET series mean: its units, and the factors of Philips."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from nmqc.dicom.values import Header
from nmqc.errors import UnusableInput
from nmqc.model import Remark, Tracer

BQML, SUV, COUNTS, RELATIVE = "Bq/mL", "g/mL", "counts", "relative"
_PROPORTIONAL = ("PROPCNTS", "PROPCPS", "CPS", "CM2ML", "PCNT", "NONE")
#: Units of images that are no images of activity (PS3.3, C.8.9.1.1.3).
_OTHER_QUANTITIES = (
    *("CM2", "MGMINML", "UMOLMINML", "MLMING", "MLG", "1CM", "UMOLML", "MLMINML", "MLML"),
    *("STDDEV", "CORRCOEFF", "RATIO"),
)
_PHILIPS = "Philips PET Private Group"
_SUV_FACTOR, _BQML_FACTOR = 0x00, 0x09
_SAME = 1e-6  # relative: decimal text of 7 digits or more
_AGREEMENT = 0.01  # relative, of the two factors of Philips: dose and weight are rounded
_LARGEST = 1e20


@dataclass(frozen=True, slots=True)
class Unit:
    """The unit of rescaled values, what turns them into it, and whether it is a concentration."""

    name: str
    quantitative: bool
    factor: float = 1.0
    remarks: tuple[Remark, ...] = ()


def read_unit(headers: Sequence[Header], tracer: Tracer) -> Unit:
    """Return the unit of a series.

    Bq/mL as it is, Philips' counts by the private factors, SUV by body weight as g/mL; everything else is good for
    ratios only.

    Parameters
    ----------
    headers : of all slices
    tracer : with its reference time, for turning SUV into concentrations

    Raises
    ------
    UnusableInput
        ``mixed_units``, ``not_activity``.
    """
    terms = {header.text("Units") for header in headers}
    if len(terms) > 1:
        raise UnusableInput("mixed_units", "has slices in different units; export the series anew")
    term = terms.pop()
    if term in _OTHER_QUANTITIES:
        raise UnusableInput(
            "not_activity",
            f"holds values in {term}, which are no activity; give a reconstruction in Bq/mL",
        )
    if term == "BQML":
        return Unit(BQML, True, 1.0, _unused_factor(headers[0]))
    if term == "GML":
        return _suv(headers[0], tracer)
    if term == "CNTS":
        return _counts(headers, tracer)
    return _relative(term)


def _relative(term: str) -> Unit:
    words = f"are in {term}" if term in _PROPORTIONAL else "have no unit that the standard knows"
    text = f"the values {words}: good for ratios, not for concentrations"
    return Unit(RELATIVE, False, 1.0, (Remark("relative_units", text),))


def _suv(header: Header, tracer: Tracer) -> Unit:
    kind = header.text("SUVType")
    if kind not in ("", "BW"):
        text = "the values are SUV, but not by body weight: good for ratios, not for concentrations"
        return Unit(RELATIVE, False, 1.0, (Remark("relative_units", text),))
    if suv_to_bqml(tracer) is not None:
        return Unit(SUV, True)
    text = (
        "the values are SUV, and the header lacks what turns them into Bq/mL (activity, weight, times): good for "
        "ratios, not for concentrations"
    )
    return Unit(SUV, False, 1.0, (Remark("relative_units", text),))


def suv_to_bqml(tracer: Tracer) -> float | None:
    """Return what turns SUV by body weight into Bq/mL at the reference time; None where the header lacks it.

    activity 2^(-(reference - measured) / half-life) / weight, in Bq/g, which is Bq/mL for 1 g/mL.
    """
    told = (tracer.activity_bq, tracer.weight_g, tracer.half_life_s)
    if None in told or tracer.measured is None or tracer.reference is None:
        return None
    activity, weight, half_life = (float(value or 0) for value in told)
    elapsed = datetime.fromisoformat(tracer.reference) - datetime.fromisoformat(tracer.measured)
    halvings = elapsed.total_seconds() / half_life
    return activity / weight * 2.0**-halvings if abs(halvings) < 100 else None


def _counts(headers: Sequence[Header], tracer: Tracer) -> Unit:
    """Return the unit of counts: Bq/mL by a factor of Philips, else counts."""
    concentration, suv = (_factor(headers, element) for element in (_BQML_FACTOR, _SUV_FACTOR))
    dose_per_gram = suv_to_bqml(tracer)
    if concentration is not None:
        text = f"counts times Philips' factor {concentration:g} are Bq/mL"
        remarks = (Remark("philips_factor", text), *_disagreement(concentration, suv, dose_per_gram))
        return Unit(BQML, True, concentration, remarks)
    if suv is not None and dose_per_gram is not None:
        text = f"counts times Philips' SUV factor {suv:g} and the header's activity by weight are Bq/mL"
        return Unit(BQML, True, suv * dose_per_gram, (Remark("philips_factor", text),))
    text = (
        "the values are counts without a usable factor of Philips (private group 7053): good for ratios, not for "
        "concentrations; export the series with its private elements"
    )
    return Unit(COUNTS, False, 1.0, (Remark("relative_units", text),))


def _factor(headers: Sequence[Header], element: int) -> float | None:
    """Return one of Philips' factors, the same in every slice and above zero; None where it is missing or unusable.

    Raises
    ------
    UnusableInput
        ``factors_differ``.
    """
    factors = [_number(header.private(0x7053, _PHILIPS).text(element)) for header in headers]
    first = factors[0]
    for factor in factors:
        alike = factor is first is None or (
            factor is not None and first is not None and math.isclose(factor, first, rel_tol=_SAME)
        )
        if not alike:
            raise UnusableInput(
                "factors_differ",
                "has slices with different private factors (group 7053), of several series; export one series anew",
            )
    return first


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 1 / _LARGEST < number < _LARGEST else None


def _disagreement(concentration: float, suv: float | None, dose_per_gram: float | None) -> list[Remark]:
    """Remark factors of Philips that contradict each other with the header's activity and weight."""
    if suv is None or dose_per_gram is None:
        return []
    ratio = suv * dose_per_gram / concentration
    if abs(ratio - 1) <= _AGREEMENT:
        return []
    text = (
        f"Philips' factor for SUV, with activity, weight and times of the header, gives {ratio:.3f} of the "
        "concentrations of its factor for Bq/mL, which was taken"
    )
    return [Remark("factors_disagree", text)]


def _unused_factor(header: Header) -> tuple[Remark, ...]:
    """Remark a factor of Philips beside values that are Bq/mL already."""
    factor = _number(header.private(0x7053, _PHILIPS).text(_BQML_FACTOR))
    if factor is None or factor == 1:
        return ()
    text = f"Philips' factor {factor:g} was not applied: the values are in Bq/mL by their unit"
    return (Remark("philips_factor_unused", text),)
