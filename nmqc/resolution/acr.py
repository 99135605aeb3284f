"""The grade of a four-quadrant bar image by the ACR's criteria."""

from __future__ import annotations

#: (low-energy nuclide, intrinsic) -> widest bars in mm that are satisfactory, and marginal
_LARGEST_MM = {
    (True, True): (2.9, 3.4),
    (True, False): (3.4, 3.9),
    (False, True): (3.4, 3.9),
    (False, False): (3.9, 4.4),
}
_TECHNETIUM, _OTHERS = ("Tc-99m", "Co-57"), ("Tl-201", "Ga-67", "In-111")


def grade(smallest_mm: float, radionuclide: str, collimator: str) -> str | None:
    """Return "satisfactory", "marginal" or "unsatisfactory", or None.

    None where the nuclide has no criteria, or the header does not tell whether a collimator was on.

    The criteria are for bars that an observer sees; here they are applied to the smallest bars that are resolved by
    measurement. Widths are rounded to a tenth of a millimetre, as the criteria are given.

    References
    ----------
    ACR Nuclear Medicine accreditation, phantom criteria, revision of 2 August 2024.
    """
    if radionuclide not in (*_TECHNETIUM, *_OTHERS) or not collimator:
        return None
    satisfactory, marginal = _LARGEST_MM[radionuclide in _TECHNETIUM, collimator == "NONE"]
    if round(smallest_mm, 1) <= satisfactory:
        return "satisfactory"
    return "marginal" if round(smallest_mm, 1) <= marginal else "unsatisfactory"
