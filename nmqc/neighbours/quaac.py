"""The history as a QuAAC document, the vendor-neutral container of routine QA data, version 1.0.

One data point for each measurement, at the time of its acquisition; its uncertainty, limits, verdict and recipe stand
in its parameters, since QuAAC has no fields for them. Data points, equipment and users carry the MD5 that the package
`quaac` checks when it reads them. docs/neighbours/quaac.md says what goes where.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nmqc.history import Entry

VERSION = "1.0"
#: QuAAC demands a person with an address; example.org belongs to nobody (RFC 2606).
NOBODY = ("nmqc", "nmqc@example.org")
#: how an earlier export begins
JSON_BEGINS, YAML_BEGINS = b'{"version": "1.0", "datapoints": [', b'version: "1.0"\ndatapoints:'

#: keys that need no quotes: none of them is a word that YAML takes for true, false or nothing
_PLAIN = re.compile(r"(?!false$)[a-z]{5,}([_ ][a-z]+)*")

Json = dict[str, Any]
#: name in the model -> key in the document, where the two differ
_ALIASES = {
    name: name.replace("_", " ")
    for name in (
        "perform_datetime",
        "measurement_value",
        "measurement_unit",
        "reference_value",
        "performer_comment",
        "primary_equipment",
        "ancillary_equipment",
        "serial_number",
    )
}


@dataclass(frozen=True, slots=True)
class Exported:
    """A document, and the numbers of the results without a date, which QuAAC cannot hold."""

    document: Json
    undated: tuple[int, ...]


def exported(
    entries: Iterable[Entry], metric: str | None = None, performer: tuple[str, str] = NOBODY
) -> Exported:
    """Return entries of the history as a QuAAC document.

    Parameters
    ----------
    metric : keep the measurements of this name alone
    performer : name and e-mail address of who did the measurements
    """
    user = _hashed({"name": performer[0], "email": performer[1]})
    equipment: dict[str, Json] = {}
    points: list[Json] = []
    undated: list[int] = []
    for entry in entries:
        if entry.acquired is None:
            undated.append(entry.number)
            continue
        payload = entry.payload
        camera = _hashed(_equipment(payload))
        equipment[camera["hash"]] = camera
        points += [
            _hashed(_point(entry, payload, one, camera, user))
            for one in payload["measurements"]
            if metric in (None, one["name"])
        ]
    used = {one["primary_equipment"] for one in points}
    cameras = [one for one in equipment.values() if _reference(one) in used]
    return Exported(
        {
            "version": VERSION,
            "datapoints": [_aliased(one) for one in points],
            "equipment": [_aliased(one) for one in cameras],
            "users": [user] if points else [],
            "attachments": [],
        },
        tuple(undated),
    )


def _equipment(payload: Mapping[str, Any]) -> Json:
    system = payload["system"]
    kind = "PET scanner" if payload["test"].startswith("pet.") else "gamma camera"
    facts = {"name": system["unit"], "type": kind, "serial_number": ""}
    return facts | {name: system[name].strip() for name in ("manufacturer", "model")}


def _point(
    entry: Entry, payload: Mapping[str, Any], measured: Mapping[str, Any], camera: Json, user: Json
) -> Json:
    """Return a data point, named as in the package's model; what it holds is what its MD5 is of."""
    said = [measured["label"] or measured["name"], measured["of"], _head(payload["detector"])]
    return {
        "name": ", ".join(part.strip() for part in said if part),
        "perform_datetime": _moment(payload["acquired"]),
        "measurement_value": measured["value"],
        "measurement_unit": measured["unit"].strip(),
        "reference_value": None,
        "description": measured["defined_in"].strip(),
        "procedure": payload["algorithm"],
        "performer": _reference(user),
        "performer_comment": "",
        "primary_equipment": _reference(camera),
        "reviewer": None,
        "parameters": _facts(entry, payload) | _of_measurement(measured),
        "ancillary_equipment": [],
        "attachments": [],
    }


def _head(detector: int | None) -> str:
    return "" if detector is None else f"detector {detector}"


def _facts(entry: Entry, payload: Mapping[str, Any]) -> Json:
    """Return what is known of a whole result; files by their SHA-256, as names may name people."""
    names = ("test", "detector", "energy_window", "radionuclide", "collimator", "synthetic")
    return {name: payload[name] for name in names} | {
        "system": payload["system"]["name"],
        "result": entry.number,
        "nmqc": entry.nmqc,
        "excluded": entry.excluded,
        "sha256": [source["sha256"] for source in payload["inputs"]],
        "recipe": payload["parameters"],
    }


def _of_measurement(measured: Mapping[str, Any]) -> Json:
    limits = measured["limits"] or {}
    return {
        "metric": measured["name"],
        "of": measured["of"],
        "uncertainty": measured["uncertainty"],
        "noise_floor": measured["noise_floor"],
        "status": measured["verdict"],
        "warn": limits.get("warn"),
        "fail": limits.get("fail"),
        "limits_of": limits.get("of"),
        "limits_source": limits.get("source"),
        "limits_verified": limits.get("verified"),
    }


def _moment(acquired: str) -> str:
    """Return a time as QuAAC's package writes it: parts of a second in six digits, UTC as Z."""
    written = datetime.fromisoformat(acquired).isoformat()
    return f"{written.removesuffix('+00:00')}Z" if written.endswith("+00:00") else written


def _hashed(facts: Json) -> Json:
    """Return facts with their MD5: of their JSON, keys sorted, by their names in the package's model."""
    text = json.dumps(facts, sort_keys=True, allow_nan=False)
    return facts | {"hash": hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()}


def _reference(one: Json) -> str:
    return f"({one['name']}) {one['hash']}"


def _aliased(facts: Json) -> Json:
    return {_ALIASES.get(name, name): value for name, value in facts.items()}


# --- text -----------------------------------------------------------------------------------------------


def json_text(document: Json) -> str:
    """Return the document as JSON, in one line."""
    return json.dumps(document, allow_nan=False) + "\n"


def yaml_text(document: Json) -> str:
    """Return the document as YAML; text stands in double quotes, so that none of it is taken for something else."""
    return "".join(f"{line}\n" for line in _mapping(document))


def _mapping(values: Mapping[str, Any]) -> list[str]:
    return [line for name, value in values.items() for line in _pair(name, value)]


def _pair(name: str, value: Any) -> list[str]:
    key = name if _PLAIN.fullmatch(name) else _quoted(name)
    if isinstance(value, Mapping) and value:
        return [f"{key}:", *(f"  {line}" for line in _mapping(value))]
    if isinstance(value, list) and value:
        return [f"{key}:", *_items(value)]
    return [f"{key}: {_scalar(value)}"]


def _items(values: Sequence[Any]) -> list[str]:
    lines: list[str] = []
    for value in values:
        inside = _mapping(value) if isinstance(value, Mapping) and value else [_scalar(value)]
        lines += [f"- {inside[0]}", *(f"  {line}" for line in inside[1:])]
    return lines


def _scalar(value: Any) -> str:
    """Return a value in one line: JSON, which YAML contains, but for 1e-05, which has to have a point."""
    if isinstance(value, list):
        return f"[{', '.join(_scalar(item) for item in value)}]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_quoted(name)}: {_scalar(item)}" for name, item in value.items()) + "}"
    if isinstance(value, str):
        return _quoted(value)
    text = json.dumps(value, allow_nan=False)
    if isinstance(value, float) and "e" in text and "." not in text:
        return text.replace("e", ".0e")
    return text


def _quoted(text: str) -> str:
    return f'"{"".join(_character(one) for one in text)}"'


def _character(one: str) -> str:
    if one in '"\\':
        return f"\\{one}"
    if one.isprintable():
        return one
    return f"\\u{ord(one):04x}" if ord(one) < 0x10000 else f"\\U{ord(one):08x}"
