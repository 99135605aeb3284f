"""What the values of a volume are in Bq/mL and as SUV, and how right the background is."""

from __future__ import annotations

import math
from datetime import datetime

from nmqc.errors import CannotMeasure
from nmqc.model import Measurement, Remark, Volume
from nmqc.pet.metrics import RECOVERY_METRICS
from nmqc.pet.options import Options
from nmqc.pet.parts import known
from nmqc.pet.scatter import Scatter
from nmqc.pet.truth import Truth

CREDIBLE = 3.0  # measured over true: no scanner is so far off
DOUBTFUL = (0.8, 1.25)


def bqml_per_unit(volume: Volume) -> float:
    """Return what turns the values of a volume into Bq/mL.

    1, or for g/mL (SUV by body weight) the activity at the reference time over the weight: the scanner divided by it.

    Raises
    ------
    CannotMeasure
        ``relative_units``.
    """
    if volume.quantitative and volume.unit == "Bq/mL":
        return 1.0
    if volume.quantitative and volume.unit == "g/mL":
        return _bq_per_g(volume)
    raise CannotMeasure(
        "relative_units",
        "the image holds no activity concentrations: export it in Bq/mL; contrast and variability need none",
    )


def suv_background(volume: Volume, scatter: Scatter, options: Options) -> list[Measurement]:
    """Return the background as an SUV: as the image holds it, or by the header's activity where asked for."""
    if volume.unit == "g/mL":
        scale = 1.0
    elif not options.header_dose:
        raise CannotMeasure(
            "no_header_dose",
            "the header's activity and weight are seldom a phantom's: give --header-dose where they are",
        )
    else:
        scale = bqml_per_unit(volume) / _bq_per_g(volume)
    parts = known({"background": scale * scatter.level_error})
    return [Measurement(RECOVERY_METRICS["suv_background"], scale * scatter.level, "", parts)]


def _bq_per_g(volume: Volume) -> float:
    """Return the header's activity over its weight, at the time that the values refer to."""
    tracer = volume.tracer
    activity_bq, weight_g, half_life_s = tracer.activity_bq, tracer.weight_g, tracer.half_life_s
    if not activity_bq or not weight_g or not half_life_s or not tracer.measured or not tracer.reference:
        raise CannotMeasure(
            "header_incomplete",
            "the header lacks activity, weight, half-life or a time: SUV and Bq/mL cannot be turned into each other",
        )
    times = [
        datetime.fromisoformat(text).replace(tzinfo=None) for text in (tracer.reference, tracer.measured)
    ]
    passed_s = (times[0] - times[1]).total_seconds()
    return activity_bq * math.exp2(-passed_s / half_life_s) / weight_g


def calibration(scatter: Scatter, factor: float, truth: Truth) -> list[Measurement]:
    """Return the measured over the true concentration of the background."""
    if truth.background_bqml is None:
        raise CannotMeasure(
            "no_fill_sheet",
            "the true concentration of the background was not given: give a fill sheet, or --background-bqml",
        )
    value = factor * scatter.level / truth.background_bqml
    require_credible(value, "the background")
    parts = {
        "background": factor * scatter.level_error / truth.background_bqml,
        "fill": value * (truth.background_uncertainty_bqml or 0.0) / truth.background_bqml,
    }
    return [Measurement(RECOVERY_METRICS["calibration"], value, "", known(parts))]


def require_credible(value: float, what: str) -> None:
    """Refuse a measured over a true concentration that no scanner makes: the truth was written down wrongly.

    Raises
    ------
    CannotMeasure
        ``fill_contradicts``.
    """
    if not 1 / CREDIBLE <= value <= CREDIBLE:
        raise CannotMeasure(
            "fill_contradicts",
            f"{what} of the image has {value:.3g} times the true concentration that was given: check units (Bq/mL, "
            "MBq, mL), dates and times",
        )


def doubtful(value: float) -> list[Remark]:
    """Return a remark where a calibration is farther from 1 than that of a scanner should be."""
    if DOUBTFUL[0] <= value <= DOUBTFUL[1]:
        return []
    text = f"the image has {value:.2f} times the true concentration: check activities, volumes, times (summer time?)"
    return [Remark("calibration_off", text)]
