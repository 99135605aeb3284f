"""What a report draws of the fitted spheres: radial profiles with the model, the resolution, and a table."""

from __future__ import annotations

import math

import numpy as np

from nmqc.measure.gaussian import FWHM_PER_SIGMA
from nmqc.model import Curve, Evidence, Line, Table, Volume
from nmqc.pet.correlation import Noise
from nmqc.pet.drawing import Floats, with_sigma
from nmqc.pet.evidence import DIAMETER_LABEL
from nmqc.pet.fit import Estimate, FitOptions, JointFit, NotFitted, SphereFit, SphereFits
from nmqc.pet.fit_regions import near_lung
from nmqc.pet.metrics import SPHERES_MM
from nmqc.pet.phantom import IecPhantom
from nmqc.pet.sphere_image import PARAMETERS, image, window

STEP_MM = 1.0  # of the distance in a radial profile
NONE = "-"


def fit_evidence(
    volume: Volume, phantom: IecPhantom, fits: SphereFits, options: FitOptions
) -> tuple[Evidence, ...]:
    """Return the radial profile of every fitted sphere, the resolution against the diameter, and all fitted values.

    Parameters
    ----------
    options : with which the fit was made
    """
    alone = [one for one in fits.spheres if isinstance(one, SphereFit)]
    profiles = [_profile(volume, phantom, one, fits.noise, options) for one in alone]
    resolution = [_resolution(alone, fits.joint)] if alone else []
    return (*profiles, *resolution, _table(volume, fits))


# --- curves ---------------------------------------------------------------------------------------------


def _profile(volume: Volume, phantom: IecPhantom, one: SphereFit, noise: Noise, options: FitOptions) -> Curve:
    """Return the means of the voxels in shells 1 mm thick, and those of the model over the same voxels."""
    centre = (one.x_mm.value, one.y_mm.value, one.z_mm.value)
    around = window(
        volume,
        centre,
        one.diameter_mm / 2,
        reach_mm=options.reach_mm,
        wall_mm=options.wall_mm,
        voxels=options.voxels,
    )
    model, _ = image(around, _parameters(one))
    x, y = around.x_mm[:, None], around.y_mm[:, None]
    used = around.used & ~near_lung(phantom.lung, x, y, around.z_mm)
    distance = np.sqrt((x - centre[0]) ** 2 + (y - centre[1]) ** 2 + (around.z_mm - centre[2]) ** 2)
    at, values, expected, sigma = _shells(distance[used], around.values[used], model[used], noise)
    edge = np.full(2, one.diameter_mm / 2)
    height = np.array([min(float(values.min()), 0.0), float(max(values.max(), expected.max()))])
    return Curve(
        f"{one.diameter_mm:g} mm sphere, radial profile",
        "distance from the centre / mm",
        f"mean / ({volume.unit})" if "/" in volume.unit else f"mean ({volume.unit})",
        (
            Line("voxels, 1 SD", at, values, "points", sigma),
            Line("model", at, expected, "main"),
            Line("inner surface", edge, height, "guide"),
        ),
    )


def _parameters(one: SphereFit) -> Floats:
    """Return the fitted values in the order of the model's parameters."""
    sigmas = (math.log(width.value / FWHM_PER_SIGMA) for width in (one.fwhm_transaxial_mm, one.fwhm_axial_mm))
    values = np.array(
        [one.x_mm.value, one.y_mm.value, one.z_mm.value, one.signal.value, one.background.value, *sigmas]
    )
    assert values.size == PARAMETERS
    return values


def _shells(
    distance_mm: Floats, values: Floats, model: Floats, noise: Noise
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return distance, mean of the voxels, of the model, and standard deviation of the first mean, shell by shell.

    The last is the root mean square of what the model leaves in the shell, at least the noise of the background,
    over the root of the number of independent voxels in it, at least one.
    """
    shell = (distance_mm / STEP_MM).astype(np.intp)
    count = np.bincount(shell)
    kept = count > 0
    at, means, expected, squares = (
        np.bincount(shell, weights)[kept] / count[kept]
        for weights in (distance_mm, values, model, (values - model) ** 2)
    )
    independent = np.maximum(count[kept] / noise.voxels_per_element, 1.0)
    sigma = np.maximum(np.sqrt(squares), noise.sd) / np.sqrt(independent)
    return at, means, expected, sigma


def _resolution(alone: list[SphereFit], joint: JointFit | NotFitted) -> Curve:
    """Return the FWHM of every sphere, across and along the axis, and of all hot ones together."""
    diameters = np.array([one.diameter_mm for one in alone])
    lines = []
    for name, off_mm in (("transaxial", -0.2), ("axial", 0.2)):
        widths = [getattr(one, f"fwhm_{name}_mm") for one in alone]
        values, sigmas = (np.array([getattr(w, key) for w in widths]) for key in ("value", "sigma"))
        lines.append(Line(name, diameters + off_mm, values, "points", sigmas))
    if isinstance(joint, JointFit):
        ends = np.array([SPHERES_MM[0], SPHERES_MM[-1]])
        across, along = joint.fwhm_transaxial_mm, joint.fwhm_axial_mm
        lines.append(
            Line("transaxial, together", ends, np.full(2, across.value), "main", np.full(2, across.sigma))
        )
        lines.append(
            Line("axial, together", ends, np.full(2, along.value), "second", np.full(2, along.sigma))
        )
    return Curve("reconstructed resolution", DIAMETER_LABEL, "FWHM / mm", tuple(lines))


# --- table ----------------------------------------------------------------------------------------------


def _table(volume: Volume, fits: SphereFits) -> Table:
    """Return all fitted values with one standard deviation."""
    columns = (
        "sphere / mm",
        "signal",
        "background",
        "FWHM transaxial / mm",
        "FWHM axial / mm",
        "x / mm",
        "y / mm",
        "z / mm",
        "residual / %",
        "excess",
    )
    named = zip(SPHERES_MM, fits.spheres, strict=True)
    rows = [_row(f"{diameter:g}", one, len(columns)) for diameter, one in named]
    title = (
        f"fitted values with 1 SD; signal and background in {volume.unit}, in brackets where not fitted; residual: "
        "RMS, of the background; excess: of the residual over noise"
    )
    return Table(title, columns, (*rows, _together(fits.joint, len(columns))))


def _row(name: str, one: SphereFit | NotFitted, width: int) -> tuple[str, ...]:
    if isinstance(one, NotFitted):
        return (name, f"not fitted: {one.code}", *(NONE,) * (width - 2))
    background = _words(one.background)
    widths = [_words(each) for each in (one.fwhm_transaxial_mm, one.fwhm_axial_mm)]
    places = [with_sigma(each.value, each.sigma, 2) for each in (one.x_mm, one.y_mm, one.z_mm)]
    left = f"{100 * one.residual:.1f}", f"{one.excess:.2f}"
    activity = (_words(one.signal), background if one.background_fitted else f"({background})")
    return (name, *activity, *widths, *places, *left)


def _together(joint: JointFit | NotFitted, width: int) -> tuple[str, ...]:
    if isinstance(joint, NotFitted):
        return ("together", f"not fitted: {joint.code}", *(NONE,) * (width - 2))
    alike = len({one.value for one in joint.signals}) == 1
    signal = _words(joint.signals[0]) if alike else "each its own"
    widths = (_words(joint.fwhm_transaxial_mm), _words(joint.fwhm_axial_mm))
    return ("together", signal, NONE, *widths, *(NONE,) * (width - 6), f"{joint.excess:.2f}")


def _words(one: Estimate) -> str:
    return with_sigma(one.value, one.sigma)
