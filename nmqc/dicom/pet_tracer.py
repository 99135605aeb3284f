"""What a PET header says of the activity: nuclide, half-life, dose, and when it was measured."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from nmqc.dicom.acquired import parse_moment, parse_stamp
from nmqc.dicom.nuclides import HALF_LIVES_S, nuclide_in, radionuclide
from nmqc.dicom.values import Header
from nmqc.model import Remark, Tracer

_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
_MINUTE = timedelta(minutes=1)
_AGREEMENT = 0.02  # relative: evaluations of half-lives differ by this much
_MBQ_BELOW = 1e4
_DECAY_TERMS = ("START", "ADMIN", "NONE")


@dataclass(frozen=True, slots=True)
class ReadTracer:
    """What the header says, without the reference time; the half-life to compute with; what is to be said.

    `half_life_s` is None where it is unknown, or where the header and the table contradict each other.
    """

    tracer: Tracer
    half_life_s: float | None
    remarks: tuple[Remark, ...]


def read_tracer(header: Header, first: datetime | None) -> ReadTracer:
    """Return what the header says of the activity.

    Parameters
    ----------
    header : of one slice
    first : start of the first slice; None where it is unknown
    """
    from pydicom import Dataset

    items = header.items("RadiopharmaceuticalInformationSequence")
    item = items[0] if items else Header(Dataset())
    nuclide = radionuclide(header) or nuclide_in(item.text("Radiopharmaceutical"))
    half_life_s, half_life_remarks = _half_life(item, nuclide)
    activity, dose_remarks = _activity(item)
    measured, time_remarks = _measured(item, first, half_life_s)
    weight = header.harmless("PatientWeight", 0, 1000)
    decay = header.text("DecayCorrection")
    tracer = Tracer(
        nuclide,
        half_life_s,
        activity,
        None if measured is None else stamp(measured),
        weight[0] * 1000 if len(weight) == 1 and weight[0] > 0 else None,
        decay_correction=decay if decay in _DECAY_TERMS else "",
    )
    return ReadTracer(tracer, half_life_s, (*half_life_remarks, *dose_remarks, *time_remarks))


def stamp(moment: datetime) -> str:
    """Return a moment as ISO 8601, to the millisecond where it is no whole second."""
    return moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds")


def _half_life(item: Header, nuclide: str) -> tuple[float | None, list[Remark]]:
    """Return the half-life: the header's, or the table's where it is silent; None where the two contradict."""
    numbers = item.harmless("RadionuclideHalfLife", 0, 1e12)
    told = numbers[0] if len(numbers) == 1 and numbers[0] > 0 else None
    table = HALF_LIVES_S.get(nuclide)
    if told is None or table is None or abs(told / table - 1) <= _AGREEMENT:
        return told or table, []
    text = f"the header's half-life of {told:g} s is not that of {nuclide}, {table:g} s: neither is used"
    return None, [Remark("half_life_mismatch", text)]


def _activity(item: Header) -> tuple[float | None, list[Remark]]:
    """Return the total activity in Bq; numbers below 10,000 are MBq, written against the standard."""
    numbers = item.harmless("RadionuclideTotalDose", 0, 1e13)
    if len(numbers) != 1 or numbers[0] == 0:
        return None, []
    if numbers[0] >= _MBQ_BELOW:
        return float(numbers[0]), []
    text = f"the header's activity of {numbers[0]:g} Bq was taken as MBq"
    return numbers[0] * 1e6, [Remark("dose_in_mbq", text)]


def _measured(
    item: Header, first: datetime | None, half_life_s: float | None
) -> tuple[datetime | None, list[Remark]]:
    """Return when the activity was administered or measured."""
    whole = parse_stamp(item.text("RadiopharmaceuticalStartDateTime"))
    clock = item.text("RadiopharmaceuticalStartTime")
    if whole is None:
        return _by_clock(clock, first, half_life_s)
    short = half_life_s is not None and half_life_s < _DAY.total_seconds()
    if first is not None and short and abs(whole - first) > _DAY:
        moment = _on_the_day(whole, first)
        text = "the date of the administration is more than a day from the acquisition: its clock alone was taken"
        return moment, [Remark("date_inferred", text)]
    return whole, [*_clocks_differ(whole, clock), *_implausible(whole, first, half_life_s)]


def _by_clock(
    clock: str, first: datetime | None, half_life_s: float | None
) -> tuple[datetime | None, list[Remark]]:
    """Return the moment of a time without a date: the day of the acquisition, or the day before over midnight.

    Only for a half-life below a day: a slower tracer may have been given days before.
    """
    moment = None if first is None else parse_moment(first.strftime("%Y%m%d"), clock)
    if moment is None or first is None:
        return None, []
    if half_life_s is None or half_life_s >= _DAY.total_seconds():
        text = "the header tells the clock of the administration without its date, and the half-life allows several"
        return None, [Remark("injection_time", text)]
    moment = _on_the_day(moment, first)
    return moment, _implausible(moment, first, half_life_s)


def _on_the_day(moment: datetime, first: datetime) -> datetime:
    """Return the same clock on the day of the first slice; on the day before where that were an hour after it."""
    same_day = datetime.combine(first.date(), moment.time())
    return same_day - _DAY if same_day > first + _HOUR else same_day


def _clocks_differ(whole: datetime, clock: str) -> list[Remark]:
    alone = parse_moment(whole.strftime("%Y%m%d"), clock)
    if alone is None or abs(alone - whole) <= _MINUTE:
        return []
    text = "the administration has two times in the header: that with the date was taken"
    return [Remark("injection_time", text)]


def _implausible(moment: datetime, first: datetime | None, half_life_s: float | None) -> list[Remark]:
    """Remark an administration over an hour after the first slice, or two half-lives before it."""
    if first is None or half_life_s is None:
        return []
    before_s = (first - moment).total_seconds()
    if -_HOUR.total_seconds() <= before_s < 2 * half_life_s:
        return []
    text = f"the administration lies {before_s / 3600:.1f} h before the first slice by the header"
    return [Remark("injection_time", text)]
