"""Results to record, unlike each other in every column, and their payloads."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

from nmqc.history import Batched, FileMark
from nmqc.model import (
    Ends,
    EnergyWindow,
    InputFile,
    Limits,
    Measurement,
    Metric,
    NoiseFloor,
    NotMeasured,
    Position,
    Remark,
    Result,
    Source,
    System,
)
from nmqc.report.document import result_json

UID = "1.3.6.1.4.1.5962.99.1.2280943358.716200484.1363785608958.{}.0"
INTEGRAL = Metric("uniformity.integral.ufov", "%", "NEMA NU 1, 2.4", "integral uniformity, UFOV")
TILT = Metric("uniformity.tilt", "%", "nmqc", "tilt")
LIMITS = Limits(Ends(high=4.0), Ends(high=5.0), "value", "%", "site, 2026", verified=False)


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def an_input(number: int, pixels: str | None = None) -> InputFile:
    """One file: its own bytes, pixels and UID for each number."""
    return InputFile(
        f"flood-{number}.dcm", sha(f"file {number} {pixels}"), sha(pixels or f"{number}"), UID.format(number)
    )


def a_result(number: int = 1, **changes: Any) -> Result:
    """A result of one file; `changes` are fields of Result, of its Source or of its System."""
    system = {"name": "intevo", "unit": "NM-1", "manufacturer": "SIEMENS NM", "model": "Symbia Intevo Bold"}
    source = {
        "acquired": f"2026-11-{number % 28 + 1:02d}T07:12:0{number % 10}",
        "acquired_from": "AcquisitionDateTime",
    }
    system |= {name: changes.pop(name) for name in list(changes) if name in system}
    names = ("inputs", "acquired", "acquired_from", "radionuclide", "software")
    source |= {name: changes.pop(name) for name in names if name in changes}
    source = {"inputs": (an_input(number),), "radionuclide": "Tc-99m", **source}
    result = Result(
        test="uniformity.planar",
        algorithm="uniformity.planar/1",
        source=Source(system=System(**system), **source),
        detector=1,
        detector_source="vector",
        energy_window=EnergyWindow("99m Technetium", ((129.5, 150.5),)),
        parameters={"rebin": 11, "pixel_mm": [6.59, 6.61], "edge_policy": "whole-pixels"},
        asked={"edge_policy": "whole-pixels", "edge_margin_mm": None},
        measurements=(
            Measurement(
                INTEGRAL,
                2.0 + 0.1 * number + 1 / 3,
                uncertainty_parts={"counting": 0.11, "grid": 0.08},
                noise_floor=NoiseFloor(1.5, 1.7),
                at=(Position("max", 12.0, -80.5),),
                limits=LIMITS,
                verdict="pass",
            ),
            Measurement(INTEGRAL, 0.1 + 0.2, of="strict"),
            Measurement(TILT, -1.25e-17),
        ),
        not_measured=(
            NotMeasured("uniformity.near_source_distance", "", "not_asked", "no distance was given"),
        ),
        remarks=(Remark("edge_limited", "the extremum lies in the outermost ring: Größe ≥ 5 %"),),
        collimator="LEHR",
        total_counts=30_000_000,
    )
    return replace(result, **changes)


def a_mark(number: int = 1, **changes: Any) -> FileMark:
    """A mark of the file of `an_input`; `changes` are its fields."""
    mark = FileMark(
        path=sha(f"/incoming/{number}"),
        size=2**32 + number,
        modified_ns=1_795_000_000_123_456_789 + number,
        group="",
        state="done",
        code="",
        reason="",
        sha256=an_input(number).sha256,
        tool="nmqc 0.1.0",
        configuration=sha("rules")[:16],
    )
    return replace(mark, **changes)


def an_item(number: int = 1, **changes: Any) -> Batched:
    """One acquisition of one file, with its mark."""
    result = a_result(number, **changes)
    return Batched(results=((result, payload_of(result)),), marks=(a_mark(number),))


def payload_of(result: Result) -> dict[str, Any]:
    return result_json(result, None)
