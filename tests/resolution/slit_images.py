"""Digital slit masks as nmqc takes them, without a file in between."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmqc.model import Acquisition, FieldHint, Frame, InputFile, Measurement, Result, Source, System
from nmqc.resolution.slits import Options, analyse
from phantoms.fields import Rectangle
from phantoms.slits import Slits

SMALL = Rectangle(262.0, 218.0)
SITE = (FieldHint("RECTANGLE", (262.0, 218.0), "site"),)
UINT16 = 65535.0
USUAL = Options()


def slits(**changed: Any) -> Slits:
    """Return a mask on a small field, off the centre, with pixels that are not square; changed as told."""
    usual: dict[str, Any] = {
        "matrix": (190, 560),
        "pixel_mm": (1.3, 0.6),
        "field": SMALL,
        "field_offset_mm": (1.3, -2.1),
        "counts": 4e6,
        "tilt_deg": 0.0,
    }
    return Slits(**(usual | changed))


def acquisition(
    counts: NDArray[Any],
    spacing_mm: tuple[float, float],
    hints: Sequence[FieldHint] = (),
    kind: str = "STATIC",
    full_scale: float | None = UINT16,
) -> Acquisition:
    """Return an acquisition of one frame; values that are not whole numbers are not raw counts."""
    frame = Frame(
        counts=counts,
        spacing_mm=spacing_mm,
        detector=1,
        detector_source="user",
        energy_window=None,
        input=InputFile("slits.dcm", "0" * 64),
        raw_counts=bool(np.issubdtype(counts.dtype, np.integer)),
        full_scale=full_scale,
        field_hints=tuple(hints),
        collimator="NONE",
    )
    source = Source((frame.input,), System("intevo", "NM-1", "SIEMENS NM", "Symbia Intevo"), None, None)
    return Acquisition(source, kind, (frame,))


def result(
    phantom: Slits, hints: Sequence[FieldHint] = (), seed: int | None = None, options: Options = USUAL
) -> Result:
    """Analyse a phantom without noise, or with that of a seed."""
    counts = phantom.expected() if seed is None else phantom.noisy(seed)
    return of_counts(counts, phantom.spacing_mm, hints, options)


def of_counts(
    counts: NDArray[Any],
    pixel_mm: tuple[float, float],
    hints: Sequence[FieldHint] = (),
    options: Options = USUAL,
) -> Result:
    """Analyse an image that must not be refused."""
    analysis = analyse(acquisition(counts, pixel_mm, hints), options)
    assert not analysis.refused, analysis.refused
    return analysis.results[0]


def measured(found: Result) -> dict[str, Measurement]:
    """Return measurements by short name and field: "fwhm.ufov"."""
    return {f"{one.metric.name.rsplit('.', 1)[1]}.{one.of}": one for one in found.measurements}


def values(found: Result) -> dict[str, float]:
    """Return values by short name and field."""
    return {name: one.value for name, one in measured(found).items()}


def codes(found: Result) -> list[str]:
    """Return the codes of the remarks."""
    return [remark.code for remark in found.remarks]
