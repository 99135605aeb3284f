"""The figures of docs/methods/uniformity-validation.md: `python -m benchmarks validation --write FILE`.

Every table is measured here, on floods of `phantoms/` whose truth is known, and on a real flood where the variable
NMQC_REFERENCE_DATA names its folder. Takes some minutes.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nmqc.dicom import ReadOptions, read_nm
from nmqc.errors import CannotMeasure
from nmqc.measure import edges
from nmqc.measure.field import find_field
from nmqc.measure.grid import blocks_about, nema_factor, sum_blocks
from nmqc.measure.outline import half_inside, whole_pixels
from nmqc.model import FieldHint
from nmqc.uniformity import planar
from nmqc.uniformity.indices import Fields, all_indices, smooth, strict_fields
from nmqc.uniformity.noise import index_measure, noise_floor, thinning
from phantoms.defects import DeadPatch, Defect, FailedTube, WeakTube
from phantoms.fields import Rectangle
from phantoms.flood import Flood, Head

HEAD = """# Validation of flood uniformity

Made by `python -m benchmarks validation --write docs/methods/uniformity-validation.md`. Floods are of
`phantoms/`, which shares no code with nmqc; random numbers are seeded.
"""

Image = NDArray[np.float64]


def table(columns: Sequence[str], rows: Iterator[Sequence[str]] | Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def flood(matrix: int, edge_fwhm_mm: float, defects: tuple[Defect, ...], size=(533.0, 387.0)) -> Flood:  # type: ignore[no-untyped-def]
    """Return a noise-free flood of one head, off the centre by parts of a pixel."""
    head = Head(
        field=Rectangle(*size),
        offset_mm=(0.31, -0.23),
        edge_fwhm_mm=edge_fwhm_mm,
        counts_per_pixel=10_000 * (613.7855835 / matrix) ** 2 / 6.4**2,
        defects=defects,
    )
    return Flood(system="intevo", matrix=matrix, heads=(head,))


def both_policies(
    image: Image, spacing: tuple[float, float], shift: tuple[int, int], hint_mm: tuple[float, float]
) -> tuple[float, float]:
    """Return integral uniformity of the UFOV over whole pixels and strictly read, at one phase of the grid."""
    found = find_field(edges.coarse(image, spacing), (FieldHint("RECTANGLE", hint_mm, "stated"),))
    blocks = [
        blocks_about(middle, native, pitch, nema_factor(pitch), by)
        for middle, native, pitch, by in zip(
            found.lit.centre_mm[::-1], image.shape, spacing, shift, strict=True
        )
    ]
    rows, columns = (
        block.axis(native, pitch) for block, native, pitch in zip(blocks, image.shape, spacing, strict=True)
    )
    counts = sum_blocks(image, *blocks)
    analysed = whole_pixels(found.lit.inset(2 * found.edge_sigma_mm), rows, columns)
    central = half_inside(found.outline.scaled(0.75), rows, columns)
    whole = all_indices(smooth(counts, analysed), Fields(analysed, analysed & central))["integral.ufov"]
    try:
        fields = strict_fields(counts, half_inside(found.outline, rows, columns), central).fields
        strict = float(all_indices(smooth(counts, fields.ufov), fields)["integral.ufov"])
    except CannotMeasure:
        strict = float("nan")
    return float(whole), strict


def phases() -> str:
    """Return the table of the spread over the phases of the grid."""
    columns = ("edge, FWHM", "stated field", "whole pixels", "spread", "strict", "spread")
    return table(columns, _phase_rows())


def _phase_rows() -> Iterator[Sequence[str]]:
    tube = WeakTube(110.0, -60.0, 0.05, 25.0)
    for fwhm in (0.0, 3.0, 4.0, 5.0):
        one = flood(1024, fwhm, (tube,))
        image = one.expected()[0, 0]
        for off in (0.0, 1.0, -1.0):
            values = [
                both_policies(image, one.spacing_mm, (down, along), (533 + 2 * off, 387 + 2 * off))
                for down in range(0, 11, 2)
                for along in range(0, 11, 2)
            ]
            whole, strict = np.array(values).T
            yield (
                f"{fwhm:g} mm" if fwhm else "sharp",
                f"{off:+g} mm a side" if off else "exact",
                f"{whole.min():.2f} to {whole.max():.2f}",
                f"{np.ptp(whole):.2f}",
                f"{np.nanmin(strict):.2f} to {np.nanmax(strict):.2f}",
                f"{np.nanmax(strict) - np.nanmin(strict):.2f}",
            )


def sweeps() -> str:
    """Return the table of integral uniformity against the gain of a patch or a photomultiplier."""
    gains = (0.99, 0.95, 0.9, 0.8, 0.7, 0.5, 0.3, 0.1, 0.0)
    return table(("defect", "policy", *(f"{gain:g}" for gain in gains)), _sweep_rows(gains))


def _sweep_rows(gains: Sequence[float]) -> Iterator[Sequence[str]]:
    places = {
        "27 mm patch, inside": lambda gain: DeadPatch(Rectangle(27, 27), 61.0, -43.0, gain),
        "27 mm patch, at the left side": lambda gain: DeadPatch(Rectangle(27, 27), -253.0, 33.0, gain),
        "27 mm patch, in a corner": lambda gain: DeadPatch(Rectangle(27, 27), 253.0, 180.0, gain),
        "76 mm tube, at the right side": lambda gain: FailedTube(240.0, 20.0, gain),
        "76 mm tube, in a corner": lambda gain: FailedTube(-235.0, -162.0, gain),
    }
    for name, defect in places.items():
        made = [flood(512, 3.5, (defect(gain),)) for gain in gains]
        values = [both_policies(one.expected()[0, 0], one.spacing_mm, (0, 0), (533, 387)) for one in made]
        for policy, column in (("whole pixels", 0), ("strict", 1)):
            yield (
                name,
                policy,
                *("not measured" if np.isnan(v[column]) else f"{v[column]:.1f}" for v in values),
            )


def kinds(shape: tuple[int, int], counts: float) -> dict[str, Image]:
    """Return expected re-binned images of four kinds of flood."""
    rows, columns = shape
    y, x = np.mgrid[:rows, :columns].astype(float)
    flat = np.full(shape, float(counts))
    patch = flat.copy()
    patch[rows // 3 : rows // 3 + 2, columns // 4 : columns // 4 + 2] = 0.0
    tube = 1 - 0.05 * np.exp(-((x - 0.6 * columns) ** 2 + (y - 0.35 * rows) ** 2) / (2 * 3.9**2))
    return {
        "flat": flat,
        "gradient, 4 % across": flat * (0.98 + 0.04 * x / columns),
        "weak tube, 5 %": flat * tube,
        "dead patch, 2 x 2 pixels": patch,
    }


def fields(shape: tuple[int, int]) -> Fields:
    """Return UFOV and CFOV of an image that is all field."""
    ufov = np.ones(shape, bool)
    cfov = np.zeros(shape, bool)
    rows, columns = shape
    cfov[round(rows / 8) : rows - round(rows / 8), round(columns / 8) : columns - round(columns / 8)] = True
    return Fields(ufov, cfov)


def uncertainty(seeds: int) -> str:
    """Return the table of stated uncertainty over true scatter."""
    return table(
        (
            "flood",
            "counts a pixel",
            "integral, UFOV",
            "integral, CFOV",
            "differential, UFOV",
            "differential, CFOV",
        ),
        _uncertainty_rows(seeds),
    )


def _uncertainty_rows(seeds: int) -> Iterator[Sequence[str]]:
    shape = (60, 83)
    field = fields(shape)
    names = ("integral.ufov", "integral.cfov", "differential.ufov", "differential.cfov")

    def measure(stack: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
        return index_measure(field, 10**9)(stack)

    for counts in (600, 10_000, 30_000):
        for kind, expected in kinds(shape, counts).items():
            random = np.random.default_rng(20_260_101)
            stated, values = [], []
            for _ in range(seeds):
                image = random.poisson(expected)
                stated.append(thinning(image, measure, 20))
                values.append({name: float(v[0]) for name, v in measure(image[None]).items()})
            ratios = [
                np.mean([one[name] for one in stated]) / np.std([one[name] for one in values], ddof=1)
                for name in names
            ]
            yield (kind, f"{counts:,d}", *(f"{ratio:.2f}" for ratio in ratios))


def floors() -> str:
    """Return the table of the noise floor over the square root of the counts."""
    field = fields((60, 83))
    rows = []
    for counts in (100.0, 600.0, 1_000.0, 2_500.0, 10_000.0, 100_000.0):
        found = noise_floor(field, counts)
        cells = [f"{counts:,.0f}"]
        for name in ("integral.ufov", "integral.cfov", "differential.ufov", "differential.cfov"):
            floor = found[name]
            cells.append(f"{floor.mean:.2f} ({floor.p95:.2f}); {floor.mean * counts**0.5:.0f} / sqrt(N)")
        rows.append(cells)
    heads = ("counts a pixel", "integral, UFOV", "integral, CFOV", "differential, UFOV", "differential, CFOV")
    return table(heads, rows)


def real() -> str:
    """Return the table of the real flood beside other programs' values."""
    folder = os.environ.get("NMQC_REFERENCE_DATA")
    if not folder:
        return "The reference data were not there when this page was made.\n"
    acquisition = read_nm([Path(folder) / "nm" / "flood-mediso.dcm"], ReadOptions()).acquisitions[0]
    result = planar.analyse(acquisition, planar.Options()).results[0]
    names = ("integral.ufov", "differential.ufov", "integral.cfov", "differential.cfov")

    def row(of: str) -> list[str]:
        cells = []
        for name in names:
            found = next(
                m for m in result.measurements if m.metric.name == f"uniformity.{name}" and m.of == of
            )
            error = f" +- {found.uncertainty:.2f}" if found.uncertainty else ""
            cells.append(f"{found.value:.2f}{error}")
        return cells

    floor = [
        f"{m.noise_floor.mean:.2f} ({m.noise_floor.p95:.2f})"
        for name in names
        for m in result.measurements
        if m.metric.name == f"uniformity.{name}" and m.of == "" and m.noise_floor
    ]
    rows = [
        ["nmqc", *row("")],
        ["nmqc, noise floor: mean (p95)", *floor],
        ["nmqc, strict", *row("strict")],
        ["IAEA NMQC toolkit (ImageJ)", "2.38", "1.83", "2.38", "1.73"],
        ["pylinac 3.49", "2.38", "1.84", "2.38", "1.73"],
        ["WAD-QC", "7.05", "6.28", "2.38", "1.73"],
        ["a plain reading of NEMA, 6.195 mm, without edge pixels", "3.41", "2.55", "3.03", "2.43"],
    ]
    return table(
        ("program", "integral, UFOV", "differential, UFOV", "integral, CFOV", "differential, CFOV"), rows
    )


SECTIONS: tuple[tuple[str, str, Callable[[int], str]], ...] = (
    (
        "Where the grid lies",
        "Integral uniformity of the UFOV (%) of one noise-free flood over 36 positions of the 6.6 mm grid (steps of "
        "two native pixels). A photomultiplier is 5 % weak (sigma 25 mm): over a continuous field that is 2.56 %; "
        "blocks of 6.6 mm and the nine-point smoothing make it 2.4 %.",
        lambda _: phases(),
    ),
    (
        "A defect from none to total",
        "Integral uniformity of the UFOV (%) against the gain of the defect; noise-free, matrix 512, edge 3.5 mm. "
        "The strict reading falls, or gives up, where whole pixels go to 100.",
        lambda _: sweeps(),
    ),
    (
        "Stated uncertainty over true scatter",
        "Mean of the stated counting uncertainty over the standard deviation of the index, {seeds:,d} floods each, "
        "60 x 83 pixels. 1 is right; 0.85 to 1.15 is required.",
        uncertainty,
    ),
    (
        "Noise floor",
        "What a perfect detector of 533 x 387 mm reads (60 x 83 pixels of 6.4 mm): mean (95th percentile), in %.",
        lambda _: floors(),
    ),
    (
        "A real flood",
        "Mediso DHV, intrinsic Tc-99m, 16 million counts, about 3,100 a re-binned pixel. Other programs' values are "
        "agreement, not truth.",
        lambda _: real(),
    ),
)


def main(arguments: Sequence[str]) -> int:
    """Measure every table and print or write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks validation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="floods for each row of the uncertainties")
    parser.add_argument("--write", type=Path, metavar="FILE")
    asked = parser.parse_args(arguments)
    os.environ.setdefault("NMQC_ENGINE", "numba")
    page = HEAD
    for title, text, section in SECTIONS:
        print(f"{title} ...", flush=True)
        page += f"\n## {title}\n\n{text.format(seeds=asked.seeds)}\n\n{section(asked.seeds)}"
    if asked.write:
        asked.write.write_text(page, encoding="utf-8")
    else:
        print(page)
    return 0
