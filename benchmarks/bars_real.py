"""A real bar image beside what was found in it before."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from benchmarks.validation import table as markdown
from nmqc.dicom import ReadOptions, read_nm
from nmqc.model import Result
from nmqc.resolution import bars

FILE = "bars-intevo16.dcm"
#: FWHM by pylinac 3.49, discs of 46 pixels' radius 85 pixels from the centre, widths in its order, from the narrowest
PYLINAC_MM = ("pylinac: 4.17", "pylinac: 4.03", "pylinac: 4.06", "pylinac: 3.77")


def table() -> str:
    """Return the table of the real image, or say that it was not there."""
    folder = os.environ.get("NMQC_REFERENCE_DATA")
    if not folder:
        return "The reference data were not there when this page was made.\n"
    acquisition = read_nm([Path(folder) / "nm" / FILE], ReadOptions()).acquisitions[0]
    (result,) = bars.analyse(acquisition, bars.Options()).results
    text = (
        f"`{FILE}`: Siemens Symbia Intevo 16, Co-57 sheet, LEHR, 256 x 256 pixels of 1.648 mm, 2.0 million counts, "
        "analysed without any option. Beside it an independent trial of ours: amplitudes by Fourier, the logarithms "
        "fitted by a straight line; and pylinac 3.49, told in pixels where four discs lie, and which bars these "
        "hold.\n\n"
    )
    widths = [one["bars"] for one in result.parameters["quadrants"]]
    rows: list[Sequence[str]] = [
        ("joint FWHM, pixels divided out", _value(result, "fwhm", "", "mm"), "4.13 mm"),
        ("joint FWHM, pixels in it", "not given", "4.28 +- 0.04 mm"),
        ("contrast", _value(result, "contrast", "", ""), "0.84"),
        ("chi-squared; degrees of freedom", _chi_squared(result), "not given"),
        *_of_each(result, widths, "width", "mm", ("3.191", "3.981", "4.774", "6.383")),
        *_of_each(result, widths, "modulation", "", ()),
        *_of_each(result, widths, "mtf", "", ()),
        *_of_each(result, widths, "fwhm_moments", "mm", PYLINAC_MM),
        *_of_each(result, widths, "fwhm_moments_pi4", "mm", ()),
        ("smallest resolved", _value(result, "smallest_resolved", "", "mm"), "not given"),
        ("limit", _value(result, "limit", "", "mm"), "not given"),
        ("rotation", _value(result, "rotation", "", "deg"), "not given"),
        ("centre, x", _value(result, "centre_x", "", "mm"), "not given"),
        ("centre, y", _value(result, "centre_y", "", "mm"), "not given"),
        ("pixel scale", _value(result, "pixel_scale", "", ""), "1.003 to 1.005"),
        ("straightness, SD", _value(result, "linearity_sd", "", "mm"), "not given"),
        ("straightness, largest", _value(result, "linearity_max", "", "mm"), "not given"),
        ("residual variance over mean", _noise(result), "1.0"),
    ]
    return text + markdown(("", "nmqc", "beside it"), rows)


def _of_each(
    result: Result, widths: Sequence[str], metric: str, unit: str, trial: Sequence[str]
) -> list[Sequence[str]]:
    beside = [f"{one} {unit}" for one in trial] or ["not given"] * len(widths)
    return [
        (f"{metric}, {of} bars", _value(result, metric, of, unit), other)
        for of, other in zip(sorted(widths), beside, strict=True)
    ]


def _value(result: Result, metric: str, of: str, unit: str) -> str:
    """Return a value with its uncertainty and noise floor, or the code of why there is none."""
    name = f"resolution.bars.{metric}"
    for one in result.measurements:
        if one.metric.name == name and one.of == of:
            digits = 4 if metric in ("pixel_scale", "modulation") else 2 if metric == "rotation" else 3
            error = f" +- {one.uncertainty:.{digits}f}" if one.uncertainty else ""
            floor = (
                f" (noise floor {one.noise_floor.mean:.3f}, 95 % {one.noise_floor.p95:.3f})"
                if one.noise_floor
                else ""
            )
            return f"{one.value:.{digits}f}{error} {unit}".rstrip() + floor
    (code,) = [one.code for one in result.not_measured if one.name == name and one.of == of]
    return f"not given: `{code}`"


def _chi_squared(result: Result) -> str:
    return f"{result.parameters['chi_squared']:g}; {result.parameters['degrees_of_freedom']}"


def _noise(result: Result) -> str:
    found = [one["noise"] for one in result.parameters["quadrants"]]
    return f"{min(found):.2f} to {max(found):.2f}"
