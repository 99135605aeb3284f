"""When an acquisition was made, in the scanner's local time."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from nmqc.dicom.values import Header
from nmqc.errors import UnusableInput

_AGREEMENT = timedelta(minutes=1)
_SOURCES = ("Acquisition", "Series", "Content")
_TIME = re.compile(r"(\d\d)(?::?(\d\d)(?::?(\d\d)(?:\.(\d{1,6})\d*)?)?)?")
_OFFSET = re.compile(r"([+-])(\d\d)(\d\d)")


def acquisition_time(header: Header, asked: str | None) -> tuple[str | None, str | None]:
    """Return (ISO 8601 time, the attribute it is from), or (None, None).

    AcquisitionDateTime, else the date and time of acquisition, series or content, the first pair that is both
    there and real: 00000000 and 00010101 are no dates. A fraction of a second is kept where it is not zero.

    Parameters
    ----------
    header : of the file
    asked : the user's time, ISO 8601, for a header without one

    Raises
    ------
    UnusableInput
        ``acquired_conflict`` if the user's time and the header's differ by more than a minute.
    """
    moment, source = _from_header(header)
    if asked is None:
        return (None, None) if moment is None else (moment.isoformat() + _offset(header), source)
    users = datetime.fromisoformat(asked)
    if moment is None:
        return users.isoformat(), "user"
    if abs(users.replace(tzinfo=None) - moment) > _AGREEMENT:
        raise UnusableInput(
            "acquired_conflict",
            f"was acquired at {moment.isoformat()} by its header, not at {asked}; leave out --acquired",
        )
    return moment.isoformat() + _offset(header), source


def _from_header(header: Header) -> tuple[datetime | None, str]:
    moment = parse_stamp(header.text("AcquisitionDateTime"))
    if moment is not None:
        return moment, "AcquisitionDateTime"
    for source in _SOURCES:
        moment = parse_moment(header.text(source + "Date"), header.text(source + "Time"))
        if moment is not None:
            return moment, f"{source}Date"
    return None, ""


def parse_stamp(whole: str) -> datetime | None:
    """Return the moment of a DICOM date and time in one (DT), its offset left out, or None as `parse_moment`."""
    return parse_moment(whole[:8], re.split("[+-]", whole[8:])[0])


def parse_moment(date: str, time: str) -> datetime | None:
    """Return the moment of a DICOM date (DA) and time (TM), or None where one is missing or not real."""
    days = re.fullmatch(r"(\d{4})\.?(\d\d)\.?(\d\d)", date)
    hours = _TIME.fullmatch(time)
    if days is None or hours is None or int(days[1]) < 1900:
        return None
    year, month, day = (int(part) for part in days.groups())
    hour, minute, second = (int(part or 0) for part in hours.groups()[:3])
    try:
        return datetime(year, month, day, hour, minute, second, int((hours[4] or "0").ljust(6, "0")))
    except ValueError:
        return None


def _offset(header: Header) -> str:
    found = _OFFSET.fullmatch(header.text("TimezoneOffsetFromUTC"))
    if found is None or int(found[2]) > 14 or int(found[3]) > 59:
        return ""
    return f"{found[1]}{found[2]}:{found[3]}"
