"""Floods whose uniformity is known: patches of low gain, a tilted and bent sensitivity, a near source."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from nmqc.model import Acquisition
from nmqc.validate import files
from nmqc.validate.acquisitions import acquisition
from nmqc.validate.case import Case, Family, Level, Seen, Taken, Truth, each
from phantoms.defects import DeadPatch, Defect, LinearGradient, NearSource
from phantoms.fields import CutCorners, Hexagon, Outline, Rectangle
from phantoms.flood import Flood, Head

FEW, MANY = 8, 20  # acquisitions with noise, of quick and whole
WITHOUT_NOISE = (
    1e5  # counts in a native pixel: noise would be less than 0.1 % of a re-binned one, and none is added
)
SLACK = 0.3  # of a re-binned pixel: how much farther the field reaches than the pixels that lie wholly inside
INDICES = ("integral", "differential_x", "differential_y", "differential")
FIELDS = ("ufov", "cfov")
#: effective over true distance of a source before 9.5 mm of NaI at 140 keV: docs of the method, typed in again
THICK = {"intevo": 1.045, "symbia-t2": 1.045, "brivo": 1.0}


@dataclass(frozen=True, slots=True)
class Grid:
    """The re-binned pixels that lie wholly inside a rectangle: nearest to 6.4 mm, about its middle.

    Attributes
    ----------
    factors : native pixels in a re-binned one, (down, along)
    count : re-binned pixels inside, (rows, columns)
    first : the native pixel at which they begin, (row, column)
    """

    factors: tuple[int, int]
    count: tuple[int, int]
    first: tuple[int, int]

    def sums(self, image: NDArray[Any]) -> NDArray[np.float64]:
        """Return the sums over the re-binned pixels, shape `count`."""
        (down, along), (rows, columns), (top, left) = self.factors, self.count, self.first
        part = np.asarray(image[top : top + rows * down, left : left + columns * along], np.float64)
        return np.asarray(part.reshape(rows, down, columns, along).sum(axis=(1, 3)))

    def central(self) -> NDArray[np.bool_]:
        """Return which of them have half of their area, or more, within three quarters of the field."""
        parts = [self._inside(count) for count in self.count]
        return np.asarray(np.multiply.outer(parts[0], parts[1]) >= 0.5)

    def _inside(self, count: int) -> NDArray[np.float64]:
        """Return the part of each pixel along one axis that lies within three quarters of the field."""
        half = 0.75 * (count + 2 * SLACK) / 2
        low = np.arange(count) - count / 2
        return np.asarray(np.clip(np.minimum(low + 1, half) - np.maximum(low, -half), 0, 1))


def gridded(system: str, matrix: tuple[int, int], pixel_mm: tuple[float, float] | None) -> tuple[Grid, Flood]:
    """Return a flood whose field is a rectangle of whole re-binned pixels, and 0.3 of one more at each side.

    The field lies off the middle of the matrix, such that a re-binned pixel of an odd number of native pixels, or the
    border of one of an even number, is in its middle.
    """
    bare = Flood(system=system, matrix=matrix, pixel_mm=pixel_mm)
    factors = tuple(round(6.4 / size) for size in bare.spacing_mm)
    pitches = tuple(size * factor for size, factor in zip(bare.spacing_mm, factors, strict=True))
    width, height = bare.profile.field
    counts = []
    for length, pitch, factor in zip((height, width), pitches, factors, strict=True):
        most = int(min(length, 0.84 * pitch / factor * min(matrix)) / pitch - 1)
        counts.append(most - (most % 2 != factor % 2))
    moved = [-4, 3]  # native pixels, down and along
    places, first = [], []
    for size, factor, count, side, steps in zip(bare.spacing_mm, factors, counts, matrix, moved, strict=True):
        middle = side / 2 + steps + (0.5 if (side + factor) % 2 else 0.0)  # in pixels from the border
        places.append((middle - side / 2) * size)
        first.append(round(middle - count * factor / 2))
    outline = Rectangle(
        *((n + 2 * SLACK) * pitch for n, pitch in zip(counts[::-1], pitches[::-1], strict=True))
    )
    head = Head(field=outline, offset_mm=(places[1], places[0]), counts_per_pixel=WITHOUT_NOISE)
    grid = Grid((factors[0], factors[1]), (counts[0], counts[1]), (first[0], first[1]))
    return grid, replace(bare, heads=(head,))


class Floods(Family):
    """Floods on every camera, on matrices that are square and not, and fields of several outlines."""

    test: ClassVar[str] = "uniformity.planar"

    def cases(self, level: Level) -> Iterator[Case]:
        """Yield patches, uneven fields, a near source, all without noise; then with noise; then what is refused."""
        cameras = CAMERAS[:2] if level == "least" else CAMERAS
        for number, (system, matrix, pixel_mm) in enumerate(cameras):
            yield from self._of_camera(number, system, matrix, pixel_mm)
        if level == "whole":
            yield from self._outlines()
        yield from self._noisy(level)
        yield from self._refused()

    def acquire(self, case: Case, seed: int | None) -> Acquisition:
        """Return the flood; without noise, as raw counts so many that they have none."""
        return _still(case.phantom) if seed is None else files.flood(case.phantom, seed)

    def options(self, taken: Taken) -> Any:
        """Return the options, with a reference flood, and splits only where there is noise."""
        chosen = dict(taken.case.options)
        chosen.pop("grid", None)
        reference = chosen.pop("reference", None)
        if reference is not None:
            chosen["reference"] = (
                _still(reference) if taken.seed is None else files.flood(reference, 1000 + taken.seed)
            )
        shown = replace(taken.case, options={**chosen, "replicates": 0 if taken.seed is None else 40})
        return Family.options(self, replace(taken, case=shown))

    def truths(self, seen: Seen) -> Iterator[Truth]:
        """Yield closed forms of a patch, and the independent reading of an uneven field."""
        flood: Flood = seen.case.phantom
        head = flood.heads[(seen.result.detector or 1) - 1]
        patches = [one for one in head.defects if isinstance(one, DeadPatch)]
        if patches:
            yield from self._of_patch(seen.case, head, patches[0])
        grid: Grid | None = seen.case.options.get("grid")
        if grid is not None and not patches:
            expected = flood.expected()[0, flood.heads.index(head)]
            yield from each(_shapes(grid, expected), "independent reading", "uniformity.")
        if "source_distance_mm" in seen.case.options and not patches:
            distance = float(seen.case.options["source_distance_mm"])
            yield Truth("uniformity.near_source_distance", "", distance, "parameter")

    # --- the grid ---------------------------------------------------------------------------------------

    def _of_camera(
        self, number: int, system: str, matrix: tuple[int, int], pixel_mm: tuple[float, float] | None
    ) -> Iterator[Case]:
        grid, plain = gridded(system, matrix, pixel_mm)
        plain = _both_heads(plain)
        about = _about(plain, "none")
        place = ((-41.0, 27.0), (52.0, -33.0), (23.0, 44.0), (-64.0, -18.0))[number % 4]
        patch = DeadPatch(Rectangle(38.0, 38.0), *place, (0.8, 0.9, 0.6, 0.95)[number % 4])
        position = f"patch at {place[0]:g}, {place[1]:g} mm"
        name = f"{system} {matrix[0]} x {matrix[1]}"
        uneven: tuple[Defect, ...] = (LinearGradient(2.5e-4, -1.6e-4), NearSource(900.0, 30.0, -20.0))
        yield Case(
            self.test,
            f"{name}, patch",
            _with(plain, patch),
            {"grid": grid},
            {**about, "position": position},
        )
        yield Case(
            self.test,
            f"{name}, patch over a reference",
            _with(plain, patch, uneven[0]),
            {"reference": _with(plain, uneven[0])},
            {**about, "position": position},
        )
        yield Case(
            self.test,
            f"{name}, uneven",
            _with(plain, *uneven),
            {"grid": grid},
            {**about, "position": "slope"},
        )
        distance_mm = (520.0, 640.0, 580.0, 700.0)[number % 4]
        source = NearSource(THICK[system] * distance_mm, 6.0, -4.0)
        near = {"source_distance_mm": distance_mm}, {**about, "position": f"source at {distance_mm:g} mm"}
        yield Case(self.test, f"{name}, near source", _with(plain, source), *near)
        yield Case(self.test, f"{name}, near source and patch", _with(plain, source, patch), *near)

    def _outlines(self) -> Iterator[Case]:
        """Yield a patch in fields of other outlines."""
        patch = DeadPatch(Rectangle(38.0, 38.0), 31.0, -22.0, 0.7)
        outlines: tuple[Outline, ...] = (CutCorners(420.0, 330.0, 60.0), Hexagon(390.0, 30.0), Hexagon(360.0))
        for outline in outlines:
            head = Head(
                field=outline,
                offset_mm=(3.7, -2.9),
                edge_fwhm_mm=3.5,
                counts_per_pixel=WITHOUT_NOISE,
                defects=(patch,),
            )
            flood = Flood(system="intevo", matrix=(512, 384), pixel_mm=(1.2, 1.3), heads=(head,))
            shape = type(outline).__name__.lower()
            about = {**_about(flood, "none"), "position": f"{shape}, edge of 3.5 mm"}
            yield Case(self.test, f"{shape} {outline.extents_mm[0]:.0f} mm", flood, {}, about)

    def _noisy(self, level: Level) -> Iterator[Case]:
        """Yield cameras with noise, one of them with both heads: a patch, and an uneven field."""
        times = {"least": 4, "quick": FEW, "whole": MANY}[level]
        cameras = CAMERAS[1:2] if level == "least" else CAMERAS if level == "whole" else CAMERAS[1:3]
        levels = (4_000.0, 20_000.0) if level == "whole" else (10_000.0,)
        for system, matrix, pixel_mm in cameras:
            grid, plain = gridded(system, matrix, pixel_mm)
            native = math.prod(grid.factors)
            for counts in levels:
                lit = replace(plain.heads[0], counts_per_pixel=counts / native)
                flood = _both_heads(replace(plain, heads=(lit,)))
                about = {
                    **_about(flood, f"{counts:,.0f} counts in a re-binned pixel"),
                    "position": "patch at -41, 27 mm",
                }
                name = f"{system} {matrix[0]} x {matrix[1]}, {counts:,.0f} counts"
                patch = DeadPatch(Rectangle(38.0, 38.0), -41.0, 27.0, 0.8)
                uneven = (LinearGradient(2.5e-4, -1.6e-4), NearSource(900.0, 30.0, -20.0))
                yield Case(self.test, f"{name}, patch", _with(flood, patch), {"grid": grid}, about, times)
                yield Case(self.test, f"{name}, uneven", _with(flood, *uneven), {"grid": grid}, about, times)

    def _refused(self) -> Iterator[Case]:
        """Yield what no flood can be measured of: a field of which one side is dark."""
        _, plain = gridded(*CAMERAS[1])
        width, height = plain.field(0).extents_mm
        dark = DeadPatch(Rectangle(0.4 * width, height), -0.3 * width, 0.0, 0.0)
        about = {**_about(plain, "none"), "position": "left 40 % dark"}
        yield Case(self.test, "a dark side", _with(plain, dark), {}, about, refused="field_incomplete")

    # --- what is true -----------------------------------------------------------------------------------

    def _of_patch(self, case: Case, head: Head, patch: DeadPatch) -> Iterator[Truth]:
        """Yield 100 (1 - gain) / (1 + gain): more than three re-binned pixels of it, and five are across its edge."""
        expected = 100 * (1 - patch.gain_inside) / (1 + patch.gain_inside)
        variants = ["", "strict"]
        if "reference" in case.options:
            variants = ["reference"]
        elif "source_distance_mm" in case.options:
            variants = ["near-source"]
        for of in variants:
            for index in INDICES:
                for field in FIELDS:
                    yield Truth(f"uniformity.{index}.{field}", of, expected, "closed form")
        grid: Grid | None = case.options.get("grid")
        if grid is not None:
            counts = (head.counts_per_pixel or 0.0) * math.prod(grid.factors)
            yield Truth("uniformity.counts_per_pixel", "", counts, "parameter")


#: system, rows and columns, pixels (down, along) where they are not the system's own
CAMERAS: tuple[tuple[str, tuple[int, int], tuple[float, float] | None], ...] = (
    ("intevo", (1024, 1024), None),
    ("symbia-t2", (200, 276), (2.14, 2.07)),
    ("brivo", (256, 256), None),
    ("intevo", (460, 516), (1.07, 1.19)),
)
#: of the cameras that which is acquired with both heads, which are unlike
TWO_HEADED = "symbia-t2"


def _still(flood: Flood) -> Acquisition:
    made = acquisition(flood)
    return replace(made, frames=tuple(replace(frame, raw_counts=True) for frame in made.frames))


def _both_heads(flood: Flood) -> Flood:
    """Return the flood of both heads where the camera is to have two: the second gets fewer counts."""
    if flood.system != TWO_HEADED:
        return flood
    (first,) = flood.heads
    return replace(
        flood, heads=(first, replace(first, counts_per_pixel=0.9 * (first.counts_per_pixel or 0.0)))
    )


def _with(flood: Flood, *defects: Defect) -> Flood:
    """Return a flood whose first head has the defects, and whose second has others of the same kinds."""
    each_head = (defects, tuple(_other(one) for one in defects))
    heads = zip(flood.heads, each_head, strict=False)
    return replace(flood, heads=tuple(replace(head, defects=own) for head, own in heads))


def _other(defect: Defect) -> Defect:
    """Return a defect of the same kind, elsewhere and of another size: what belongs to which head can be told."""
    if isinstance(defect, DeadPatch):
        gain = 0.9 * defect.gain_inside
        return replace(defect, x_mm=6.0 - defect.x_mm, y_mm=4.0 - defect.y_mm, gain_inside=gain)
    if isinstance(defect, LinearGradient):
        return replace(defect, x_per_mm=0.8 * defect.y_per_mm, y_per_mm=0.6 * defect.x_per_mm)
    assert isinstance(defect, NearSource)
    return replace(defect, x_mm=-defect.x_mm, y_mm=-defect.y_mm)


def _about(flood: Flood, noise: str) -> dict[str, str]:
    rows, columns = flood.shape
    down, along = flood.spacing_mm
    return {
        "system": flood.system,
        "pixels": f"{rows} x {columns} of {down:.3g} x {along:.3g} mm",
        "noise": noise,
        "rotation": "none",
    }


def _shapes(grid: Grid, expected: NDArray[np.float64]) -> dict[tuple[str, str], float]:
    """Return what the re-binned expected counts say: spread, rows, columns, plane, centre against edge."""
    counts = grid.sums(expected)
    central = grid.central()
    rows, columns = (counts.mean(axis=axis) for axis in (1, 0))
    found = {
        ("rows", ""): _contrast(rows),
        ("columns", ""): _contrast(columns),
        ("tilt", ""): _tilt(counts),
        ("centre_to_edge", ""): 100 * (counts[central].mean() / counts[~central].mean() - 1),
    }
    for field, values in (("ufov", counts.ravel()), ("cfov", counts[central])):
        spread = 100 * float(np.std(values, ddof=1) / values.mean())
        noise = 100 / math.sqrt(float(values.mean()))
        found[f"cov.{field}", ""] = math.hypot(spread, noise) if values.mean() < WITHOUT_NOISE else spread
        found[f"structural_cov.{field}", ""] = spread
    return found


def _contrast(values: NDArray[np.float64]) -> float:
    return 100 * float((values.max() - values.min()) / (values.max() + values.min()))


def _tilt(counts: NDArray[np.float64]) -> float:
    """Return the plane's height from corner to corner: its slopes along two axes are independent of each other."""
    heights: list[float] = []
    for axis in (0, 1):
        profile = counts.mean(axis=1 - axis)
        at = np.arange(profile.size) - (profile.size - 1) / 2
        heights.append(abs(float(at @ profile) / float(at @ at)) * (profile.size - 1))
    return 100 * sum(heights) / float(counts.mean())
