"""Results as JSON objects, and back: what scripts read, what the history keeps, what a PDF carries.

The objects are those of the JSON Schema ``docs/schema/nmqc.results-1.json``. Keys are never omitted: what
does not apply is null, what is empty is an empty list or object, and NaN and infinities are refused.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from nmqc import __version__
from nmqc.model import (
    Beside,
    Ends,
    EnergyWindow,
    InputFile,
    Limits,
    Measurement,
    Metric,
    NoiseFloor,
    NotMeasured,
    Position,
    Refusal,
    Remark,
    Result,
    Source,
    System,
)

SCHEMA = "nmqc.results/1"

Json = dict[str, Any]

_LIBRARIES = ("numpy", "scipy", "numba", "scikit-image", "pydicom")


def results_document(
    results: Sequence[tuple[Result, int | None]], refused: Sequence[Refusal], analysed: str | None
) -> Json:
    """Return the object that ``--json`` prints for one call.

    Parameters
    ----------
    results : pairs of a result and the number of its entry in the history, or None
        In the order in which they are shown.
    refused : the inputs that gave no result, in the order of the arguments
    analysed : ISO 8601 in UTC, or None
        When it was analysed. None in the copy that a PDF carries, whose bytes depend on the input alone.
    """
    return {
        "schema": SCHEMA,
        "nmqc": __version__,
        "versions": versions(),
        "analysed": analysed,
        "results": [result_json(result, history) for result, history in results],
        "refused": [_refusal_json(refusal) for refusal in refused],
    }


def dump(document: Mapping[str, Any]) -> str:
    """Return a document as JSON text that can always be written as UTF-8.

    Raises
    ------
    ValueError
        If a number is NaN or infinite.
    """
    text = json.dumps(document, allow_nan=False, ensure_ascii=False)
    return text.encode("utf-8", "replace").decode("utf-8")


def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that numbers rest on, without importing any."""
    return {"python": platform.python_version(), **{name: library_version(name) for name in _LIBRARIES}}


@cache
def library_version(name: str) -> str:
    """Return the version of an installed library: of the imported module, else of its distribution."""
    known = getattr(sys.modules.get(name), "__version__", None)
    if isinstance(known, str):
        return known
    from importlib.metadata import version

    return version(name)


def made_with() -> Json:
    """Return what makes a result now: versions, operating system and processor.

    The processor is told by its kind and by the instructions of it that NumPy uses: on others the last digits of a
    number may differ.
    """
    return {
        "nmqc": __version__,
        **versions(),
        "system": " ".join(one for one in (platform.system(), platform.machine(), _c_library()) if one),
        "processor": _processor(),
    }


def _c_library() -> str:
    """Return name and version of the C library, "glibc 2.36"; "" where the system does not tell."""
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (AttributeError, ValueError, OSError):
        return ""


@cache
def _processor() -> str:
    import numpy as np

    features = np.show_config(mode="dicts")["SIMD Extensions"]
    used = [*features.get("baseline", []), *features.get("found", [])]
    return " ".join([platform.machine(), *used])


# --- to JSON --------------------------------------------------------------------------------------------


def result_json(result: Result, history: int | None) -> Json:
    """Return one result as a JSON object; its evidence and the UIDs of its files stay behind.

    Parameters
    ----------
    history : int or None
        Number of its entry in the history; None where it was not recorded.
    """
    source = result.source
    return {
        "test": result.test,
        "algorithm": result.algorithm,
        "verdict": result.verdict,
        "summary": result.summary or None,
        "inputs": [_input_json(one) for one in source.inputs],
        "system": _system_json(source.system),
        "acquired": source.acquired,
        "acquired_from": source.acquired_from,
        "detector": result.detector,
        "detector_source": result.detector_source,
        "energy_window": window_json(result.energy_window),
        "radionuclide": source.radionuclide or None,
        "collimator": result.collimator or None,
        "duration_s": plain(result.duration_s),
        "total_counts": plain(result.total_counts),
        "software": source.software or None,
        "corrected": list(source.corrected),
        "synthetic": source.synthetic,
        "parameters": plain(result.parameters),
        "asked": plain(result.asked),
        "measurements": [_measurement_json(measurement) for measurement in result.measurements],
        "not_measured": [
            {"name": missing.name, "of": missing.of, "code": missing.code, "reason": missing.reason}
            for missing in result.not_measured
        ],
        "remarks": [{"code": remark.code, "text": remark.text} for remark in result.remarks],
        "options": plain(result.options),
        "beside": [{"role": one.role, **_input_json(one.input)} for one in result.beside],
        "made_with": plain(made_with() if result.made_with is None else result.made_with or None),
        "history": history,
    }


def _input_json(source: InputFile) -> Json:
    return {
        "file": source.file,
        "sha256": source.sha256,
        "pixels": source.pixels or None,
        "head": source.head,
        "pixel_mm": plain(source.pixel_mm),
    }


def _system_json(system: System) -> Json:
    return {
        "name": system.name,
        "unit": system.unit,
        "manufacturer": system.manufacturer,
        "model": system.model,
    }


def window_json(window: EnergyWindow | None) -> Json | None:
    """Return the object of an energy window; None where there is none."""
    if window is None:
        return None
    return {"name": window.name, "ranges_kev": [[float(low), float(high)] for low, high in window.ranges_kev]}


def _measurement_json(measurement: Measurement) -> Json:
    floor = measurement.noise_floor
    return {
        "name": measurement.metric.name,
        "label": measurement.metric.label or None,
        "of": measurement.of,
        "value": float(measurement.value),
        "unit": measurement.metric.unit,
        "defined_in": measurement.metric.defined_in,
        "uncertainty": measurement.uncertainty,
        "uncertainty_parts": {name: float(part) for name, part in measurement.uncertainty_parts.items()},
        "noise_floor": None if floor is None else {"mean": float(floor.mean), "p95": float(floor.p95)},
        "at": [{"what": p.what, "x_mm": float(p.x_mm), "y_mm": float(p.y_mm)} for p in measurement.at],
        "limits": _limits_json(measurement.limits),
        "verdict": measurement.verdict,
    }


def _limits_json(limits: Limits | None) -> Json | None:
    if limits is None:
        return None
    return {
        "warn": {"low": limits.warn.low, "high": limits.warn.high},
        "fail": {"low": limits.fail.low, "high": limits.fail.high},
        "of": limits.of,
        "unit": limits.unit,
        "source": limits.source,
        "verified": limits.verified,
    }


def _refusal_json(refusal: Refusal) -> Json:
    return {
        "file": refusal.file,
        "detector": refusal.detector,
        "energy_window": window_json(refusal.energy_window),
        "code": refusal.code,
        "reason": refusal.reason,
    }


def plain(value: Any) -> Any:
    """Return a value as JSON types: tuples become lists, NumPy scalars and arrays Python numbers."""
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value.tolist() if hasattr(value, "tolist") else value


# --- from JSON ------------------------------------------------------------------------------------------


def result_from_json(stored: Mapping[str, Any]) -> Result:
    """Return the result that `result_json` wrote, number for number.

    Evidence and the UIDs of the files are not stored: the one is empty, the others are "". What an earlier version
    of nmqc did not write is None or empty, too.

    Raises
    ------
    KeyError, TypeError, ValueError
        If the object is not what `result_json` writes.
    """
    return Result(
        test=stored["test"],
        algorithm=stored["algorithm"],
        source=_source(stored),
        detector=stored["detector"],
        detector_source=stored["detector_source"],
        energy_window=_window(stored["energy_window"]),
        parameters=stored["parameters"],
        asked=stored["asked"],
        measurements=tuple(_measurement(item) for item in stored["measurements"]),
        not_measured=tuple(NotMeasured(**item) for item in stored["not_measured"]),
        remarks=tuple(Remark(**item) for item in stored["remarks"]),
        collimator=stored["collimator"] or "",
        duration_s=stored["duration_s"],
        total_counts=stored["total_counts"],
        summary=stored["summary"] or "",
        options=stored.get("options"),
        beside=tuple(Beside(one["role"], _input(one)) for one in stored.get("beside", ())),
        made_with=stored.get("made_with") or {},
    )


def _source(stored: Mapping[str, Any]) -> Source:
    return Source(
        inputs=tuple(_input(one) for one in stored["inputs"]),
        system=System(**stored["system"]),
        acquired=stored["acquired"],
        acquired_from=stored["acquired_from"],
        radionuclide=stored["radionuclide"] or "",
        software=stored["software"] or "",
        corrected=tuple(stored["corrected"]),
        synthetic=stored["synthetic"],
    )


def _input(stored: Mapping[str, Any]) -> InputFile:
    pixel_mm = stored.get("pixel_mm")
    return InputFile(
        stored["file"],
        stored["sha256"],
        stored["pixels"] or "",
        head=stored.get("head"),
        pixel_mm=None if pixel_mm is None else (pixel_mm[0], pixel_mm[1]),
    )


def _window(stored: Mapping[str, Any] | None) -> EnergyWindow | None:
    if stored is None:
        return None
    return EnergyWindow(stored["name"], tuple((low, high) for low, high in stored["ranges_kev"]))


def _measurement(stored: Mapping[str, Any]) -> Measurement:
    floor = stored["noise_floor"]
    return Measurement(
        metric=Metric(stored["name"], stored["unit"], stored["defined_in"], stored["label"] or ""),
        value=stored["value"],
        of=stored["of"],
        uncertainty_parts=stored["uncertainty_parts"],
        noise_floor=None if floor is None else NoiseFloor(**floor),
        at=tuple(Position(**item) for item in stored["at"]),
        limits=_limits(stored["limits"]),
        verdict=stored["verdict"],
    )


def _limits(stored: Mapping[str, Any] | None) -> Limits | None:
    if stored is None:
        return None
    ends = {"warn": Ends(**stored["warn"]), "fail": Ends(**stored["fail"])}
    return Limits(**{**stored, **ends})
