"""When the slices of a PET series were acquired, and the time that decay-corrected values refer to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from nmqc.dicom.acquired import parse_moment, parse_stamp
from nmqc.dicom.values import Header
from nmqc.model import Remark

_WEEK_MS = 7 * 24 * 3600 * 1000.0
_YEAR_MS = 366 * 24 * 3600 * 1000.0
_DATES = ("SeriesDate", "StudyDate")
_SPREAD_S = 5.0  # times of acquisition are often whole seconds; real series spread by 1 to 1.4 s
_AFTER_START_S = 2.0  # a series cannot begin after its first slice, but for rounding
_HALF_DAY_S = 12 * 3600.0
FRAME_REFERENCE, SERIES, MAKER, FIRST_SLICE, USER = (
    "frame reference times",
    "series date and time",
    "the maker's private header",
    "start of the first acquisition",
    "user",
)


@dataclass(frozen=True, slots=True)
class FrameTime:
    """When a slice was acquired.

    Attributes
    ----------
    start : of the frame, the scanner's local time; None where the header does not tell
    duration_s : of the frame; None where the header does not tell
    reference_s : FrameReferenceTime, from the series' reference to the mean activity of the frame; None likewise
    dated : False where the date is not that of the acquisition, whose own is missing or blanked
    """

    start: datetime | None
    duration_s: float | None
    reference_s: float | None
    dated: bool = True


@dataclass(frozen=True, slots=True)
class Reference:
    """The time that values refer to, None where the header does not tell; how it is known; what is to be said."""

    moment: datetime | None
    source: str = ""
    remarks: tuple[Remark, ...] = ()


def frame_time(header: Header) -> FrameTime:
    """Return when one slice was acquired.

    AcquisitionDateTime, else the date and time of acquisition. Where only the clock is left (an anonymiser blanked
    the date), the date is that of the series, the study, or the tracer's administration.
    """
    duration = header.harmless("ActualFrameDuration", 1, _WEEK_MS)
    reference = header.harmless("FrameReferenceTime", -_YEAR_MS, _YEAR_MS)
    start, dated = _start(header)
    return FrameTime(
        start,
        duration[0] / 1000 if len(duration) == 1 else None,
        reference[0] / 1000 if len(reference) == 1 else None,
        dated,
    )


def _start(header: Header) -> tuple[datetime | None, bool]:
    clock = header.text("AcquisitionTime")
    own = parse_stamp(header.text("AcquisitionDateTime")) or parse_moment(
        header.text("AcquisitionDate"), clock
    )
    if own is not None:
        return own, True
    items = header.items("RadiopharmaceuticalInformationSequence")
    dates = [header.text(keyword) for keyword in _DATES]
    dates += [item.text("RadiopharmaceuticalStartDateTime")[:8] for item in items]
    moments = (parse_moment(date, clock) for date in dates)
    return next((moment for moment in moments if moment is not None), None), False


def first_start(times: Sequence[FrameTime]) -> datetime | None:
    """Return when the first slice began; None where a slice does not tell, or borrowed dates cannot be trusted.

    With a borrowed date a series over midnight would run backwards: starts more than half a day apart are unknown.
    """
    starts = [time.start for time in times if time.start is not None]
    if not starts or len(starts) < len(times):
        return None
    borrowed = not all(time.dated for time in times)
    if borrowed and (max(starts) - min(starts)).total_seconds() > _HALF_DAY_S:
        return None
    return min(starts)


def start_reference(times: Sequence[FrameTime], header: Header, half_life_s: float | None) -> Reference:
    """Return the time that values corrected to the start of the series (DecayCorrection START) refer to.

    The first that can be had of: the frame reference times, where they agree over the slices; the time of the
    series, where it is not later than the first slice (else it is that of the reconstruction); the maker's private
    header; the start of the first slice. Where two of them differ by more than 5 s, a remark says so.

    Parameters
    ----------
    times : of all slices
    header : of one slice
    half_life_s : of the nuclide, None where it is unknown
    """
    first = first_start(times)
    found = {
        FRAME_REFERENCE: _by_frame_reference(times, first, half_life_s),
        SERIES: _by_series(header, first),
        MAKER: _by_maker(header, first),
        FIRST_SLICE: first,
    }
    known = {source: moment for source, moment in found.items() if moment is not None}
    if not known:
        return Reference(None)
    source = next(iter(known))
    return Reference(known[source], source, _disagreement(source, known))


def user_reference(asked: str, told: Reference) -> Reference:
    """Return the reference that the user gives, with a remark where the header's differs by more than 5 s.

    Parameters
    ----------
    asked : ISO 8601, the scanner's local time
    told : by the header
    """
    moment = datetime.fromisoformat(asked)
    apart_s = 0.0 if told.moment is None else (told.moment - moment).total_seconds()
    text = f"values refer to the time that was given; it would be {apart_s:+.0f} s by {told.source}"
    return Reference(moment, USER, (Remark("reference_time", text),) if abs(apart_s) > _SPREAD_S else ())


def mean_time_s(duration_s: float, half_life_s: float | None) -> float:
    """Return when, within a frame, the activity equals its mean over the frame, in seconds from its start.

    ln(x / (1 - exp(-x))) / lambda with x = lambda T, lambda = ln 2 / half-life; half the duration where the half-life
    is unknown, its limit for a slow decay (DICOM PS3.3, C.8.9.4.1.5).
    """
    if half_life_s is None:
        return duration_s / 2
    rate = math.log(2) / half_life_s
    return math.log(rate * duration_s / -math.expm1(-rate * duration_s)) / rate


def decay_factors(times: Sequence[FrameTime], reference: datetime, half_life_s: float) -> list[float] | None:
    """Return what turns values that were not corrected for decay into values at a reference time.

    x / (1 - exp(-x)) exp(lambda (start - reference)), x = lambda T: the decay within each frame, and from the
    reference to the frame. None where a slice does not tell its start or its duration.
    """
    rate = math.log(2) / half_life_s
    factors = []
    for time in times:
        if time.start is None or time.duration_s is None:
            return None
        within = rate * time.duration_s / -math.expm1(-rate * time.duration_s)
        factors.append(within * math.exp(rate * (time.start - reference).total_seconds()))
    return factors


def _by_frame_reference(
    times: Sequence[FrameTime], first: datetime | None, half_life_s: float | None
) -> datetime | None:
    """Return the reference by FrameReferenceTime, if all slices agree and it does not lie after the first."""
    if first is None:
        return None
    offsets = []
    for time in times:
        if time.start is None or time.duration_s is None or time.reference_s is None:
            return None
        mean = mean_time_s(time.duration_s, half_life_s)
        offsets.append((time.start - first).total_seconds() + mean - time.reference_s)
    if max(offsets) - min(offsets) > _SPREAD_S or median(offsets) > _AFTER_START_S:
        return None
    return first + timedelta(seconds=round(median(offsets), 3))


def _by_series(header: Header, first: datetime | None) -> datetime | None:
    moment = parse_moment(header.text("SeriesDate"), header.text("SeriesTime"))
    return moment if moment is not None and first is not None and moment <= first else None


def _by_maker(header: Header, first: datetime | None) -> datetime | None:
    """Return the scan time of GE, or the decay reference of Siemens, from their private groups."""
    texts = (
        header.private(0x0009, "GEMS_PETD_01").text(0x0D),
        header.private(0x0071, "SIEMENS MED PT").text(0x22),
    )
    moments = (parse_stamp(text) for text in texts)
    moment = next((moment for moment in moments if moment is not None), None)
    return moment if moment is not None and first is not None and moment <= first else None


def _disagreement(source: str, known: dict[str, datetime]) -> tuple[Remark, ...]:
    """Remark times of reference that differ from the one that was taken."""
    others = [
        f"{(moment - known[source]).total_seconds():+.0f} s by {other}"
        for other, moment in known.items()
        if abs((moment - known[source]).total_seconds()) > _SPREAD_S
    ]
    if not others:
        return ()
    text = f"values refer to the time by {source}; it would be {', '.join(others)}"
    return (Remark("reference_time", text),)
