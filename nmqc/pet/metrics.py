"""The quantities of the PET tests. Cheap to import: the catalogue and the limits need the names alone."""

from __future__ import annotations

from nmqc.model import Metric

IMAGE_QUALITY, RECOVERY, RESOLUTION, UNIFORMITY = (
    "pet.image-quality",
    "pet.recovery",
    "pet.resolution-fit",
    "pet.uniformity",
)
SPHERES_MM = (10.0, 13.0, 17.0, 22.0, 28.0, 37.0)

_NEMA = "NEMA NU 2, 7"
_EARL = "EANM/EARL, FDG-PET/CT accreditation"
_PAGE, _CYLINDER = "nmqc, docs/methods/pet.md", "nmqc, docs/methods/pet-cylinder.md"
_FIT = "Hofheinz et al., Z Med Phys 2010;20:64"


def _metrics(about: dict[str, tuple[str, str, str]]) -> dict[str, Metric]:
    return {name: Metric(f"pet.{name}", *rest) for name, rest in about.items()}


#: short name ("contrast_hot") -> Metric
IMAGE_QUALITY_METRICS: dict[str, Metric] = _metrics(
    {
        "contrast_hot": ("%", _NEMA, "contrast recovery, hot sphere"),
        "contrast_cold": ("%", _NEMA, "contrast recovery, cold sphere"),
        "background_variability": ("%", _NEMA, "background variability"),
        "lung_residual": ("%", _NEMA, "lung residual"),
        "background": ("Bq/mL", _NEMA, "background"),
        "sphere_to_background": ("ratio", _PAGE, "sphere to background"),
        "sphere_x": ("mm", _PAGE, "sphere, x"),
        "sphere_y": ("mm", _PAGE, "sphere, y"),
        "sphere_z": ("mm", _PAGE, "sphere, z"),
    }
)
RECOVERY_METRICS: dict[str, Metric] = _metrics(
    {
        "rc_mean": ("ratio", _EARL, "recovery, mean of the 50 % isocontour"),
        "rc_max": ("ratio", _EARL, "recovery, maximum"),
        "rc_peak": ("ratio", _EARL, "recovery, peak of 1 mL"),
        "suv_background": ("g/mL", _EARL, "SUV of the background"),
        "calibration": ("ratio", _PAGE, "measured over true concentration"),
    }
)
RESOLUTION_METRICS: dict[str, Metric] = _metrics(
    {
        "fwhm_transaxial": ("mm", _FIT, "FWHM, transaxial"),
        "fwhm_axial": ("mm", _FIT, "FWHM, axial"),
        "fit_signal": ("Bq/mL", _FIT, "recovered activity concentration"),
    }
)
UNIFORMITY_METRICS: dict[str, Metric] = _metrics(
    {
        "uniformity_axial": ("%", _CYLINDER, "axial uniformity"),
        "uniformity_transaxial": ("%", _CYLINDER, "transaxial uniformity"),
        "noise": ("%", _CYLINDER, "noise"),
    }
) | {"calibration": RECOVERY_METRICS["calibration"]}
