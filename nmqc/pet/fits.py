"""How the spheres of the IEC phantom are fitted, and what the fits give."""

from __future__ import annotations

from dataclasses import dataclass

from nmqc.pet.correlation import Noise
from nmqc.pet.sphere_image import Voxels


@dataclass(frozen=True, slots=True)
class FitOptions:
    """How the spheres are fitted.

    Attributes
    ----------
    wall_mm : thickness of the spheres' cold wall
    voxels : "averaged": a voxel shows the mean over its width, and the FWHM is that of the image without it;
        "sampled": it shows the value at its centre, and the FWHM includes the voxel, as other programs' does
    common_signal : fitted together, all hot spheres have one activity
    free_background_from_mm : from this diameter on the background is fitted; of smaller spheres it is the median of a
        shell about them, because they trade it for the FWHM
    reach_mm : how far from a sphere's surface voxels are used
    """

    wall_mm: float = 1.0
    voxels: Voxels = "averaged"
    common_signal: bool = False
    free_background_from_mm: float = 22.0
    reach_mm: float = 10.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """A fitted value and one standard deviation, from the noise of the voxels and its correlation."""

    value: float
    sigma: float


@dataclass(frozen=True, slots=True)
class SphereFit:
    """One sphere, fitted alone.

    Attributes
    ----------
    diameter_mm : nominal
    x_mm, y_mm, z_mm : its centre
    signal, background : activity in it and about it, in the unit of the volume
    fwhm_transaxial_mm, fwhm_axial_mm : of the Gaussian
    background_fitted : False where the background is the median of the shell
    residual : root mean square of what the model leaves, in parts of the background
    excess : standard deviation of what is left, in parts of the noise expected; above 1 where more is left than noise
        explains: the uncertainties are widened by it
    """

    diameter_mm: float
    x_mm: Estimate
    y_mm: Estimate
    z_mm: Estimate
    signal: Estimate
    background: Estimate
    fwhm_transaxial_mm: Estimate
    fwhm_axial_mm: Estimate
    background_fitted: bool
    residual: float
    excess: float


@dataclass(frozen=True, slots=True)
class NotFitted:
    """Why there is no fit. `diameter_mm` is None for the spheres together."""

    diameter_mm: float | None
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class JointFit:
    """All hot spheres fitted together: one resolution.

    `diameters_mm`, `centres_mm` and `signals` belong together, `signals` all alike with a common signal.
    """

    diameters_mm: tuple[float, ...]
    centres_mm: tuple[tuple[float, float, float], ...]
    signals: tuple[Estimate, ...]
    fwhm_transaxial_mm: Estimate
    fwhm_axial_mm: Estimate
    excess: float


@dataclass(frozen=True, slots=True, eq=False)
class SphereFits:
    """The six spheres, in their order, and the hot ones together; and the noise of the background."""

    spheres: tuple[SphereFit | NotFitted, ...]
    joint: JointFit | NotFitted
    noise: Noise
