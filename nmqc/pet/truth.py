"""What is really in the phantom, as far as the person at the scanner knows it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from nmqc.errors import BadConfiguration
from nmqc.model import Remark
from nmqc.pet.metrics import SPHERES_MM
from nmqc.pet.phantom import State

LARGEST_RATIO = 1000.0
NO_FILL_UNCERTAINTY = Remark(
    "no_fill_uncertainty",
    "the uncertainty of the true concentration was not given (a fill sheet can say it): those of recovery and "
    "calibration are without it",
)
#: editions of NEMA NU 2 -> state of every sphere
EDITIONS: dict[str, tuple[State, ...]] = {
    "2007": ("hot",) * 4 + ("cold",) * 2,
    "2012": ("hot",) * 4 + ("cold",) * 2,
    "2018": ("hot",) * 6,
}


@dataclass(frozen=True, slots=True)
class Truth:
    """The true contents of the phantom. None is what is not known; uncertainties are one standard deviation.

    Attributes
    ----------
    ratio, ratio_uncertainty : hot concentration over that of the background
    sphere_bqml, sphere_uncertainty_bqml : in the hot spheres, at the time that the image's values refer to
    background_bqml, background_uncertainty_bqml : in the background, at that time
    states : of the spheres from 10 to 37 mm
    source : where this is from, in words
    """

    ratio: float | None = None
    ratio_uncertainty: float | None = None
    sphere_bqml: float | None = None
    sphere_uncertainty_bqml: float | None = None
    background_bqml: float | None = None
    background_uncertainty_bqml: float | None = None
    states: tuple[State, ...] | None = None
    source: str = "not given"

    def later(self, part: float) -> Truth:
        """Return the same at a time when a part of the activity is left."""

        def left(value: float | None) -> float | None:
            return None if value is None else part * value

        return replace(
            self,
            sphere_bqml=left(self.sphere_bqml),
            sphere_uncertainty_bqml=left(self.sphere_uncertainty_bqml),
            background_bqml=left(self.background_bqml),
            background_uncertainty_bqml=left(self.background_uncertainty_bqml),
        )

    def with_ratio_uncertainty(self, uncertainty: float | None) -> Truth:
        """Return the same with another uncertainty of the ratio; None leaves it."""
        return (
            self
            if uncertainty is None
            else replace(self, ratio_uncertainty=require(uncertainty, "--ratio-uncertainty"))
        )


def given(
    *,
    ratio: float | None = None,
    ratio_uncertainty: float | None = None,
    sphere_bqml: float | None = None,
    background_bqml: float | None = None,
) -> Truth:
    """Return what was given by options in place of a fill sheet.

    Raises
    ------
    BadConfiguration
        ``bad_fill``: a value that cannot be, both a ratio and the concentrations that make one, or an uncertainty of
        a ratio that is not there.
    """
    both = sphere_bqml is not None and background_bqml is not None
    if ratio is not None and both:
        raise BadConfiguration(
            "bad_fill",
            "give --ratio, or --sphere-bqml with --background-bqml, which make the ratio: not all three",
        )
    for value, name in ((sphere_bqml, "--sphere-bqml"), (background_bqml, "--background-bqml")):
        if value is not None:
            require(value, name)
    if sphere_bqml is not None and background_bqml is not None:
        ratio = sphere_bqml / background_bqml
    if ratio is None:
        if ratio_uncertainty is not None:
            raise BadConfiguration(
                "bad_fill", "--ratio-uncertainty was given without a ratio: give --ratio too"
            )
        known = sphere_bqml is not None or background_bqml is not None
        return Truth(
            sphere_bqml=sphere_bqml,
            background_bqml=background_bqml,
            source="options" if known else "not given",
        )
    require_ratio(ratio)
    if sphere_bqml is not None:
        background_bqml = sphere_bqml / ratio
    elif background_bqml is not None:
        sphere_bqml = background_bqml * ratio
    truth = Truth(ratio, sphere_bqml=sphere_bqml, background_bqml=background_bqml, source="options")
    return truth.with_ratio_uncertainty(ratio_uncertainty)


def require(value: float, name: str) -> float:
    """Return a positive finite number.

    Raises
    ------
    BadConfiguration
        ``bad_fill``.
    """
    if not 0 < value < math.inf:
        raise BadConfiguration("bad_fill", f"{name}: expected a number above 0, found {value:g}")
    return value


def require_ratio(ratio: float) -> float:
    """Return a ratio of hot to background that a contrast can be had from.

    Raises
    ------
    BadConfiguration
        ``bad_fill``.
    """
    if not 1 < ratio <= LARGEST_RATIO:
        raise BadConfiguration(
            "bad_fill",
            f"the ratio of the hot spheres to the background is {ratio:g}: expected above 1, at most "
            f"{LARGEST_RATIO:g}; check the activities, volumes and times",
        )
    return ratio


def sphere_name(index: int) -> str:
    """Return the name of a sphere: "10 mm" for 0."""
    return f"{SPHERES_MM[index]:g} mm"
