"""Slit masks whose widths, scale and straightness are known."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from nmqc.model import Acquisition, Result
from nmqc.validate import files
from nmqc.validate.acquisitions import planar
from nmqc.validate.case import Case, Family, Level, Seen, Truth
from nmqc.validate.widths import rule_width
from phantoms.fields import Rectangle
from phantoms.planar import Wave
from phantoms.slits import Slits
from phantoms.spread import over_pixel

SLITS = "resolution.slits"
STRIP_MM = 30.0
ALONG_PARTS = 64  # places along a strip over which a slit's position is averaged


class SlitMasks(Family):
    """Masks along either axis, tilted or not, on fine and coarser pixels, straight and bent."""

    test: ClassVar[str] = SLITS

    def cases(self, level: Level) -> Iterator[Case]:
        """Yield straight masks, masks behind a crystal that distorts, some with noise, and one that is refused."""
        straight = list(_straight())
        bent = list(_bent())
        chosen = straight[:2] + bent[:2] if level == "least" else straight + bent
        for phantom in chosen:
            yield Case(self.test, _name(phantom), phantom, {}, _about(phantom, "none"))
        times = {"least": 4, "quick": 10, "whole": 12}[level]
        noisy = [straight[0], bent[0]] if level != "whole" else [*straight[:3], bent[0]]
        for phantom in noisy:
            for counts in (5e6,) if level != "whole" else (1.5e6, 5e6):
                made = replace(phantom, counts=counts)
                about = _about(made, f"{counts / 1e6:g} million counts")
                yield Case(self.test, f"{_name(made)}, {counts / 1e6:g} million", made, {}, about, times)
        tilted = replace(straight[0], tilt_deg=2.0)
        yield Case(self.test, "tilted by 2 deg", tilted, {}, _about(tilted, "none"), refused="mask_tilted")

    def acquire(self, case: Case, seed: int | None) -> Acquisition:
        """Return the mask."""
        return planar(case.phantom) if seed is None else files.planar(case.phantom, seed)

    def truths(self, seen: Seen) -> Iterator[Truth]:
        """Yield widths by the standard's rule, the pixel across the slits, and the straightness of a distortion."""
        phantom: Slits = seen.case.phantom
        axis = "x" if phantom.along == "y" else "y"
        across = phantom.spacing_mm["yx".index(axis)]
        pixel = across * math.cos(math.radians(phantom.tilt_deg))
        if phantom.wave is None:
            yield Truth(f"{SLITS}.pixel_size", axis, pixel, "parameter")
            # lengths are in millimetres of the slits' spacing
            scale = pixel / across
            for name, part in (("fwhm", 0.5), ("fwtm", 0.1)):
                width = scale * _width(replace(phantom, counts=1.0), across, part)
                for field in ("ufov", "cfov"):
                    yield Truth(f"{SLITS}.{name}", field, width, "independent reading")
        else:
            yield from self._straightness(phantom, seen.result)

    def _straightness(self, phantom: Slits, result: Result) -> Iterator[Truth]:
        """Yield the linearity of the true positions of all slits, averaged over the strips that were measured."""
        used = result.parameters
        along = "y" if phantom.along == "y" else "x"
        pitch = phantom.spacing_mm["yx".index(along)]
        strips, strip_mm = int(used["strips"]), pitch * int(used["strip_pixels"])
        count = phantom.shape["yx".index(along)]
        # strips are of whole pixels
        first = round((float(used[f"centre_{along}_mm"]) - strips * strip_mm / 2) / pitch + count / 2)
        start = (first - count / 2) * pitch
        middles = np.asarray(start + strip_mm * (np.arange(strips) + 0.5), np.float64)
        slits = round(int(used["line_spread_functions_ufov"]) / strips)
        numbers = sorted(phantom.truth().numbers, key=abs)[:slits]
        position = _positions(phantom, sorted(numbers), middles, strip_mm)
        differential, absolute = _linearity(position)
        yield Truth(f"{SLITS}.linearity_differential", "ufov", differential, "independent reading")
        yield Truth(f"{SLITS}.linearity_absolute", "ufov", absolute, "independent reading")


def _straight() -> Iterator[Slits]:
    """Yield masks whose tilt brings each slit over pixels of all phases."""
    for system, along, pixel, fwhm, tilt, offset in (
        ("intevo", "y", (0.61, 0.42), 3.8, 0.9, 2.7),
        ("symbia-t2", "x", (0.37, 0.55), 3.6, -0.8, -4.1),
        ("brivo", "y", (0.8, 0.66), 4.0, -0.95, 6.2),
        ("brivo", "x", (0.6, 0.6), 3.4, 0.7, 1.3),
    ):
        phantom = Slits(
            system=system,
            field=Rectangle(270.0, 235.0),
            field_offset_mm=(1.6, -2.2),
            along=along,  # type: ignore[arg-type]
            tilt_deg=tilt,
            offset_mm=offset,
            fwhm_mm=(fwhm, fwhm + 0.2),
            counts=2e8,
            pixel_mm=pixel,
            matrix=(math.ceil(300.0 / pixel[0]), math.ceil(335.0 / pixel[1])),
        )
        yield phantom


def _bent() -> Iterator[Slits]:
    first, second, third, _ = _straight()
    for phantom, wave in (
        (first, Wave(1.4, 260.0, 0.0, 40.0, 60.0)),
        (second, Wave(1.1, 230.0, 90.0, 200.0, 35.0)),
        (third, Wave(1.8, 300.0, 0.0, 110.0, 80.0)),
    ):
        yield replace(phantom, wave=wave, tilt_deg=0.2)


def _name(phantom: Slits) -> str:
    bent = "" if phantom.wave is None else f", wave of {phantom.wave.amplitude_mm:g} mm"
    return f"{phantom.system}, slits along {phantom.along}{bent}"


def _about(phantom: Slits, noise: str) -> dict[str, str]:
    down, along = phantom.spacing_mm
    return {
        "system": phantom.system,
        "pixels": f"{phantom.shape[0]} x {phantom.shape[1]} of {down:.3g} x {along:.3g} mm",
        "noise": noise,
        "position": f"middle slit at {phantom.offset_mm:g} mm",
        "rotation": f"{phantom.tilt_deg:g} deg, along {phantom.along}",
    }


@lru_cache(maxsize=32)  # the masks that are acquired many times
def _width(phantom: Slits, across_mm: float, part: float) -> float:
    """Return the width that the standard's rule reads across the image, of slits at a small angle."""
    axis = phantom.across
    profile = over_pixel(lambda at: phantom.spread.slit(at, phantom.slit_mm, axis), axis, phantom.spacing_mm)
    lean = abs(axis[0] if phantom.along == "y" else axis[1])
    # within a strip of 30 mm a slit at an angle moves evenly from one side to the other
    half_mm = STRIP_MM / 2 * math.tan(math.radians(abs(phantom.tilt_deg)))
    nodes, weights = np.polynomial.legendre.leggauss(6)

    def along_the_channels(at: NDArray[np.float64]) -> NDArray[np.float64]:
        moved = [
            weight / 2 * profile((at + half_mm * node) * lean)
            for node, weight in zip(nodes, weights, strict=True)
        ]
        return np.asarray(np.sum(moved, axis=0))

    return rule_width(along_the_channels, across_mm, part, phantom.pitch_mm / 2, min(phantom.fwhm_mm))


def _positions(
    phantom: Slits, numbers: list[int], middles_mm: NDArray[np.float64], strip_mm: float
) -> NDArray[np.float64]:
    """Return true positions, averaged over strips, shape (slits, strips)."""
    part = strip_mm * ((np.arange(ALONG_PARTS) + 0.5) / ALONG_PARTS - 0.5)
    return np.array([[float(phantom.positions_mm(n, m + part).mean()) for m in middles_mm] for n in numbers])


def _linearity(position_mm: NDArray[np.float64]) -> tuple[float, float]:
    """Return differential linearity (n - 2 degrees of freedom) and absolute linearity, by numpy's own fits.

    References
    ----------
    NEMA NU 1, 2.2.
    """
    strip = np.arange(position_mm.shape[1], dtype=np.float64)
    spreads = []
    for row in position_mm:
        left = row - np.polyval(np.polyfit(strip, row, 1), strip)
        spreads.append(math.sqrt(float(left @ left) / (row.size - 2)))
    slit, column = np.indices(position_mm.shape)
    terms = np.column_stack([np.ones(position_mm.size), slit.ravel(), column.ravel()])
    fitted = terms @ np.linalg.lstsq(terms, position_mm.ravel(), rcond=None)[0]
    return float(np.mean(spreads)), float(np.abs(position_mm.ravel() - fitted).max())
