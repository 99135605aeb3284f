"""The matrix of a gamma camera's image: its pixels, by the system or as asked."""

from __future__ import annotations

from phantoms.systems import SYSTEMS, SystemProfile


class Raster:
    """What every phantom of a gamma camera says of its matrix.

    Attributes
    ----------
    system : a name in ``SYSTEMS``
    matrix : pixels along each side, or (rows, columns)
    zoom : the pixels are the system's, for the smaller side of the matrix, divided by the zoom
    pixel_mm : (down, along), instead of the system's
    """

    __slots__ = ()

    system: str
    matrix: int | tuple[int, int]
    zoom: float
    pixel_mm: tuple[float, float] | None

    @property
    def profile(self) -> SystemProfile:
        """The system's own values."""
        return known_system(self.system)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.matrix if isinstance(self.matrix, tuple) else (self.matrix, self.matrix)

    @property
    def spacing_mm(self) -> tuple[float, float]:
        """Pixel size (down, along), as the header gives it."""
        if self.pixel_mm is not None:
            return self.pixel_mm
        pixel = self.profile.pixel_mm(min(self.shape), self.zoom)
        return pixel, pixel

    @property
    def zoom_factor(self) -> float:
        """The zoom as the header gives it: with a pixel size of its own, the zoom that leads to it."""
        if self.pixel_mm is None:
            return self.zoom
        return self.profile.base_field_mm / min(self.shape) / self.pixel_mm[1]


def known_system(system: str) -> SystemProfile:
    """Return a system by its name; ValueError if there is none."""
    try:
        return SYSTEMS[system]
    except KeyError:
        raise ValueError(f"no such system; known are {', '.join(SYSTEMS)}") from None
