"""Which camera made an image: its kind, and which one of its kind."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from nmqc.dicom.interface import ReadOptions
from nmqc.dicom.values import Header
from nmqc.errors import BadConfiguration
from nmqc.model import FieldHint, HeadPattern, SiteSystem, System

TABLE = "table of recognised systems"
UNIDENTIFIED = "unidentified"
SYNTHETIC_MARK = "NMQC"


@dataclass(frozen=True, slots=True)
class KnownSystem:
    """A kind of camera: how it names itself (regular expressions), its field of view, its only head if so."""

    name: str
    manufacturer: str
    model: str
    field: FieldHint | None = None
    single_head: bool = False


KNOWN_SYSTEMS = (
    KnownSystem("intevo", r"^siemens", r"\bintevo\b", FieldHint("RECTANGLE", (533.0, 387.0), TABLE)),
    KnownSystem("symbia-t2", r"^siemens", r"\bsymbia t2\b", FieldHint("RECTANGLE", (533.0, 387.0), TABLE)),
    KnownSystem("brivo", r"^ge\b", r"615|brivo", FieldHint("RECTANGLE", (540.0, 400.0), TABLE), True),
    KnownSystem("vereos", r"^philips", r"\bvereos\b"),
)


@dataclass(frozen=True, slots=True)
class Recognised:
    """A camera: what is shown of it, what its kind is known for, and what the site says of it."""

    system: System
    field: FieldHint | None
    single_head: bool
    site_field: FieldHint | None
    patterns: tuple[HeadPattern, ...]


def recognise(header: Header, options: ReadOptions) -> Recognised:
    """Return the camera of a header.

    Its kind: the user's `system`, else the name the site gives it, else the table, else "unknown". Its unit:
    the site's name, else the first 8 hexadecimal digits of the SHA-256 of manufacturer, model, serial number
    and station name, one a line; "unidentified" where the last two are empty.
    """
    manufacturer, model = header.text("Manufacturer"), model_name(header)
    unit = _unit_id(manufacturer, model, header)
    site = _site_system(options, unit, model)
    name = _asked_kind(options) or (site.name if site else "") or _table_name(manufacturer, model)
    known = next((row for row in KNOWN_SYSTEMS if row.name == name), KnownSystem(name, "", ""))
    return Recognised(
        System(name, site.unit if site else unit, manufacturer, model),
        known.field,
        known.single_head,
        site.field if site else None,
        site.heads if site else (),
    )


def model_name(header: Header) -> str:
    """Return the model: Siemens' token in SoftwareVersions after the first ">", else the model's name."""
    for version in header.texts("SoftwareVersions", 256):
        token = version.split(">")[1].strip() if ">" in version else ""
        if token:
            return token[:64]
    return header.text("ManufacturerModelName")


def is_synthetic(header: Header) -> bool:
    """Say whether the header marks an image that no camera made."""
    names = (header.text("InstitutionName"), header.text("StationName"))
    return any(name.startswith(SYNTHETIC_MARK) for name in names)


def check_patterns(site: tuple[SiteSystem, ...]) -> None:
    """Refuse a site's configuration whose patterns are not regular expressions.

    Raises
    ------
    BadConfiguration
        ``bad_pattern``.
    """
    for system in site:
        for pattern in (system.model, *(head.pattern for head in system.heads)):
            try:
                re.compile(pattern)
            except re.error as error:
                raise BadConfiguration(
                    "bad_pattern",
                    f"the pattern {pattern!r} of {system.unit} is no regular expression ({error})",
                ) from None


def _table_name(manufacturer: str, model: str) -> str:
    rows = (row for row in KNOWN_SYSTEMS if re.search(row.manufacturer, manufacturer, re.IGNORECASE))
    return next((row.name for row in rows if re.search(row.model, model, re.IGNORECASE)), "unknown")


def _unit_id(manufacturer: str, model: str, header: Header) -> str:
    serial, station = header.text("DeviceSerialNumber"), header.text("StationName")
    if not serial and not station:
        return UNIDENTIFIED
    text = "\n".join((manufacturer, model, serial, station))
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _site_system(options: ReadOptions, unit: str, model: str) -> SiteSystem | None:
    """Return the site's camera: the one the user names, else the first whose conditions all hold."""
    named = [entry for entry in options.site if entry.unit == options.system]
    fitting = [entry for entry in options.site if _fits(entry, unit, model)]
    return next(iter(named + fitting), None)


def _fits(entry: SiteSystem, unit: str, model: str) -> bool:
    """Say whether every given condition holds; an entry without any condition fits nothing."""
    same_unit = not entry.unit_id or entry.unit_id.lower() == unit
    same_model = not entry.model or re.search(entry.model, model, re.IGNORECASE) is not None
    return bool(entry.unit_id or entry.model) and same_unit and same_model


def _asked_kind(options: ReadOptions) -> str:
    """Return the kind the user asks for: `system`, unless it is the site's name of one camera."""
    asked = options.system or ""
    return "" if any(entry.unit == asked for entry in options.site) else asked
