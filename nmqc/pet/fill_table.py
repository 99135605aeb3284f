"""What was put into the phantom, as a table for the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nmqc.model import Table
from nmqc.pet.drawing import with_sigma
from nmqc.pet.truth import Truth

COMPARTMENTS = ("spheres", "background")
NOTHING = "-"

Row = tuple[str, str, str]


def fill_table(
    described: Mapping[str, Any] | None, truths: Sequence[Truth], references: Sequence[str | None] = ()
) -> Table:
    """Return the fill sheet, or without one what the options said: what was put in, when, and what it makes.

    Parameters
    ----------
    described : `FillSheet.described()`; None where there is no sheet
    truths : one for all volumes, or one for each
    references : times, in ISO 8601, that the concentrations are of; () or None where they are not known
    """
    title = "true contents" if described is None else f"fill sheet{_nuclide(described)}"
    sheet = [] if described is None else _sheet(described)
    times = [*references, *(None,) * (len(truths) - len(references))]
    made = [
        row for n, one in enumerate(truths) for row in _made(one, times[n], n + 1 if len(truths) > 1 else 0)
    ]
    rows = [*sheet, *made] or [("ratio", "not given", NOTHING)]
    filled = [n for n in (1, 2) if any(row[n] != NOTHING for row in rows)]
    columns = ("", *COMPARTMENTS)
    return Table(
        title,
        ("", *(columns[n] for n in filled)),
        tuple((row[0], *(row[n] for n in filled)) for row in rows),
    )


# --- the sheet ------------------------------------------------------------------------------------------


def _nuclide(described: Mapping[str, Any]) -> str:
    half_life_s = described.get("half_life_s")
    words = [described.get("radionuclide") or "", f"half-life {half_life_s:g} s" if half_life_s else ""]
    return "".join(f", {one}" for one in words if one)


def _sheet(described: Mapping[str, Any]) -> list[Row]:
    parts = [described.get(name) or {} for name in COMPARTMENTS]
    syringes = [list(part.get("syringes", ())) for part in parts]
    rows = [_row("volume / mL", [_volume(part) for part in parts])]
    for number in range(max(map(len, syringes), default=0)):
        each = [held[number] if number < len(held) else {} for held in syringes]
        name = f"syringe {number + 1}" if max(map(len, syringes)) > 1 else "syringe"
        for label, key, time in (
            (f"{name} / MBq", "activity_mbq", "measured"),
            ("left in it / MBq", "residual_mbq", "residual_measured"),
        ):
            rows.append(_row(label, [_assay(one.get(key), one.get(time)) for one in each]))
    rows.append(
        _row("uncertainty of the activity / %", [_number(part.get("activity_percent")) for part in parts])
    )
    shared = _number(described.get("calibrator_percent"))
    rows.append(("uncertainty of the calibrator / %", shared, shared))
    cold = described.get("cold_mm")
    rows.append(("cold spheres / mm", ", ".join(f"{mm:g}" for mm in cold or ()) or "none", NOTHING))
    return [row for row in rows if set(row[1:]) != {NOTHING}]


def _row(name: str, words: Sequence[str]) -> Row:
    spheres, background = words
    return name, spheres, background


def _volume(part: Mapping[str, Any]) -> str:
    percent = part.get("volume_percent")
    return _number(part.get("volume_ml")) + (f" ± {percent:g} %" if percent else "")


def _assay(activity_mbq: float | None, measured: str | None) -> str:
    if activity_mbq is None or measured is None:
        return NOTHING
    return f"{activity_mbq:.6g} at {measured.replace('T', ' ')}"


def _number(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.6g}"


# --- what it makes --------------------------------------------------------------------------------------


def _made(truth: Truth, reference: str | None, number: int) -> list[Row]:
    """Return the concentrations and the ratio of one volume; `number` names it where there are several."""
    name = f"acquisition {number}: " if number else ""
    at = f", {reference.replace('T', ' ')}" if reference else ""
    spheres = _known(truth.sphere_bqml, truth.sphere_uncertainty_bqml)
    background = _known(truth.background_bqml, truth.background_uncertainty_bqml)
    rows = [(f"{name}concentration / (Bq/mL){at}", spheres, background)]
    rows.append((f"{name}ratio", _known(truth.ratio, truth.ratio_uncertainty), NOTHING))
    return [row for row in rows if set(row[1:]) != {NOTHING}]


def _known(value: float | None, sigma: float | None) -> str:
    return NOTHING if value is None else with_sigma(value, sigma)
