"""The gamma cameras that the phantoms imitate: what their headers say, and how large their pixels are."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from phantoms.fields import Outline, Rectangle

RADIONUCLIDES = ("Tc-99m", "Co-57")


@dataclass(frozen=True, slots=True)
class SystemProfile:
    """What one kind of gamma camera writes.

    ``base_field_mm`` is the width of the matrix at zoom 1; ``windows_kev`` gives the energy windows that it
    names for each radionuclide: the photopeak first, then a scatter window for a second one.
    """

    name: str
    manufacturer: str
    model: str
    software_versions: tuple[str, ...]
    heads: int
    base_field_mm: float
    field: tuple[float, float]
    windows_kev: dict[str, tuple[tuple[str, float, float], ...]]
    one_file_per_window: bool

    @property
    def is_siemens(self) -> bool:
        """Return True for the systems that write as Siemens does."""
        return self.manufacturer == "SIEMENS NM"

    def outline(self) -> Outline:
        """Return the system's own field of view."""
        return Rectangle(*self.field)

    def pixel_mm(self, matrix: int, zoom: float) -> float:
        """Return the pixel size, exactly the number that the header then shows."""
        return float(self.decimal(self.base_field_mm / matrix / zoom))

    def decimal(self, value: float) -> str:
        """Return a length or factor as this maker writes it.

        Siemens: 14 digits of a number in single precision (2.3975999355316); GE: six decimals (8.836120).
        """
        if self.is_siemens:
            single: float = struct.unpack("f", struct.pack("f", value))[0]
            return f"{single:.14g}"
        return f"{value:.6f}"


# Widths of the matrix, manufacturer, model and version strings, and the Siemens energy windows: headers of
# public images of a Symbia T2, a Symbia Intevo 16 and a Discovery 670. The model tokens of the Intevo Bold
# and of the Brivo NM615, and the Brivo's energy windows, are placeholders: no header of either is public.
SYSTEMS: dict[str, SystemProfile] = {
    "intevo": SystemProfile(
        name="intevo",
        manufacturer="SIEMENS NM",
        model="Encore2",
        software_versions=(
            "10.700.2003.1302",
            "10.700.1911.801",
            "syngo CT VC50>Symbia Intevo Bold>VB22A",
            "VB22A",
        ),
        heads=2,
        base_field_mm=613.7855835,
        field=(533.0, 387.0),
        windows_kev={
            "Tc-99m": (("99m Technetium", 129.139, 150.081), ("99m Tc scatter", 108.198, 129.139)),
            "Co-57": (("57 Cobalt", 109.71, 134.09), ("57 Co scatter", 85.33, 109.71)),
        },
        one_file_per_window=False,
    ),
    "symbia-t2": SystemProfile(
        name="symbia-t2",
        manufacturer="SIEMENS NM",
        model="Encore2",
        software_versions=(
            "8.5.10.1",
            "10.5.10.14",
            "syngo CT 2007E>Symbia T2>8.5.10.9 SP2>VA60C",
            "VA60D",
        ),
        heads=2,
        base_field_mm=613.7855835,
        field=(533.0, 387.0),
        windows_kev={
            "Tc-99m": (("99m Technetium", 128.843, 149.737), ("99m Tc scatter", 107.949, 128.843)),
            "Co-57": (("57 Cobalt", 109.71, 134.09), ("57 Co scatter", 85.33, 109.71)),
        },
        one_file_per_window=False,
    ),
    "brivo": SystemProfile(
        name="brivo",
        manufacturer="GE MEDICAL SYSTEMS",
        model="Brivo NM615",
        software_versions=("NMQC-SIM",),
        heads=1,
        base_field_mm=565.51168,
        field=(540.0, 400.0),
        windows_kev={
            "Tc-99m": (("Tc99m_EM", 126.0, 154.0), ("Tc99m_SC", 108.0, 126.0)),
            "Co-57": (("Co57_EM", 109.8, 134.2), ("Co57_SC", 95.0, 109.8)),
        },
        one_file_per_window=True,
    ),
}
