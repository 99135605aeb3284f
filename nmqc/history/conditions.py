"""What a trend asks of a result beyond its values: how it was acquired and analysed, and how it was judged.

It stands in the stored JSON object; recording copies it into tables of its own, so that a trend need not read
the objects. Results that an older nmqc recorded have no such rows: theirs are taken from the object.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nmqc.history.key import digest_of

#: What was asked of one acquisition alone, such as the activities of a fill: only whether it was given counts.
_OF_ONE_ACQUISITION = frozenset(
    {
        "background_bqml",
        "flood",
        "hints",
        "ratio",
        "reference",
        "slice",
        "source_distance_mm",
        "sphere_bqml",
    }
)
_COUNTS = ".counts_per_pixel"
_DIGITS = 16
_NOTHING: Mapping[str, Any] = {"low": None, "high": None}


@dataclass(frozen=True, slots=True)
class Judgement:
    """The noise floor of a measurement and the ends of the limits that judged it; None where there are none.

    The fields are the columns of the table, in their order.
    """

    floor_mean: float | None
    floor_p95: float | None
    warn_low: float | None
    warn_high: float | None
    fail_low: float | None
    fail_high: float | None
    limits_of: str | None


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a trend asks of a result.

    Attributes
    ----------
    setting : digest of what makes its values comparable with others, see `setting_of`
    counts : per pixel, where the test measures them
    judgements : by the position of the measurement, of those that have a noise floor or limits
    """

    setting: str
    counts: float | None
    judgements: Mapping[int, Judgement]


def conditions_of(payload: Mapping[str, Any]) -> Conditions:
    """Return what a trend asks of a result, from the contract's JSON object of it."""
    measurements = payload.get("measurements", ())
    found = {position: _judgement(one) for position, one in enumerate(measurements)}
    return Conditions(
        setting_of(payload),
        _counts(measurements),
        {position: one for position, one in found.items() if one is not None},
    )


def setting_of(payload: Mapping[str, Any]) -> str:
    """Return a digest of what makes the values of a result comparable with those of another.

    Of the version of the algorithm, collimator, nuclide, the reconstruction (PET), and what was asked for that
    changes a value; of what is another for each acquisition (the ratio of a fill, the flood of the day, a slice)
    only whether it was given.
    """
    asked = payload.get("asked") or {}
    facts = {
        "algorithm": payload.get("algorithm"),
        "collimator": payload.get("collimator"),
        "nuclide": payload.get("radionuclide"),
        "reconstruction": (payload.get("parameters") or {}).get("reconstruction"),
        "asked": {
            name: _given(value) if name in _OF_ONE_ACQUISITION else value for name, value in asked.items()
        },
    }
    return digest_of(facts)[:_DIGITS]


def _given(value: Any) -> bool:
    return any(_given(item) for item in value) if isinstance(value, list | tuple) else value is not None


def _counts(measurements: Sequence[Mapping[str, Any]]) -> float | None:
    found = [one["value"] for one in measurements if one["name"].endswith(_COUNTS) and not one["of"]]
    return float(found[0]) if found else None


def _judgement(measurement: Mapping[str, Any]) -> Judgement | None:
    floor, limits = measurement["noise_floor"], measurement["limits"]
    if floor is None and limits is None:
        return None
    warn, fail = (limits["warn"], limits["fail"]) if limits else (_NOTHING, _NOTHING)
    return Judgement(
        floor_mean=floor["mean"] if floor else None,
        floor_p95=floor["p95"] if floor else None,
        warn_low=warn["low"],
        warn_high=warn["high"],
        fail_low=fail["low"],
        fail_high=fail["high"],
        limits_of=limits["of"] if limits else None,
    )
