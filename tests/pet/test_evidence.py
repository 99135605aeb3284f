"""What a report draws of PET: every region where it was measured, every number as it was found."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from nmqc.measure.frames import Findings
from nmqc.measure.grid import Axis
from nmqc.model import Curve, Line, Measurement, Picture, Region, Table, Volume
from nmqc.pet.cylinder import CylinderOptions, measure_cylinder
from nmqc.pet.cylinder_evidence import cylinder_evidence
from nmqc.pet.drawing import level, outlines, part, with_sigma
from nmqc.pet.evidence import image_quality_evidence
from nmqc.pet.fill_table import fill_table
from nmqc.pet.fit import FitOptions, NotFitted, SphereFit, SphereFits, fit_spheres
from nmqc.pet.fit_evidence import fit_evidence
from nmqc.pet.metrics import IMAGE_QUALITY_METRICS, RECOVERY_METRICS
from nmqc.pet.nema import Placed, image_quality
from nmqc.pet.options import Options
from nmqc.pet.recovery import Recovery, recovery
from nmqc.pet.truth import Truth, given
from tests.pet.by_hand import COLD, DIAMETERS, ByHand
from tests.pet.simulate_cylinder import Tube
from tests.pet.test_fit import COARSE
from tests.pet.test_fit import found as simulated

#: not square, off the centre, in the other sense than most
HAND = ByHand(
    shape=(45, 118, 150),
    spacing_mm=(2.6, 2.2, 2.4),
    centre_mm=(9.0, -7.0, 3.0),
    phase_deg=112.0,
    sense=-1,
    states=COLD,
    sigma_mm=0.1,
)
TRUTH = given(sphere_bqml=4000.0, background_bqml=1000.0)


@cache
def volume() -> Volume:
    noise = np.random.default_rng(4).normal(0, 20, HAND.shape)
    return HAND.volume(HAND.values() + noise)


@cache
def measured(truth: Truth = TRUTH) -> tuple[Findings, Placed | None]:
    findings = Findings(IMAGE_QUALITY_METRICS)
    return findings, image_quality(volume(), HAND.phantom(), truth, Options(), findings)


def drawn(truth: Truth = TRUTH) -> dict[str, object]:
    """The evidence of image quality by the first word of its title."""
    findings, placed = measured(truth)
    assert placed is not None
    return named(image_quality_evidence(volume(), HAND.phantom(), placed, findings.measurements))


def named(evidence: tuple[object, ...]) -> dict[str, object]:
    return {item.title.replace(":", "").replace(",", "").split()[0]: item for item in evidence}


def at(picture: Picture, x_mm: float, y_mm: float) -> float:
    """The pixel of a picture that a place lies in, by hand."""
    rows, columns = picture.image.shape
    row = (y_mm - picture.centre_mm[1]) / picture.spacing_mm[0] + rows / 2
    column = (x_mm - picture.centre_mm[0]) / picture.spacing_mm[1] + columns / 2
    return float(picture.image[int(row), int(column)])


def region(picture: Picture, label: str) -> Region:
    return next(one for one in picture.regions if one.label == label)


def centre_and_radius(outline: NDArray[np.float64]) -> tuple[float, float, float]:
    low, high = outline.min(axis=0), outline.max(axis=0)
    return *(low + high) / 2, float(high[0] - low[0]) / 2


def area(outline: NDArray[np.float64]) -> float:
    """Signed area by the shoelace formula."""
    x, y = outline.T
    return float(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1])) / 2


# --- outlines, parts and numbers ----------------------------------------------------------------------------

ROWS, COLUMNS = Axis(7, 2.0, -3.0), Axis(9, 0.5, 10.0)


def test_a_pixel_is_outlined_along_its_edges() -> None:
    mask = np.zeros((7, 9), bool)
    mask[2, 5] = True
    (one,) = outlines(mask, ROWS, COLUMNS)
    assert one[0].tolist() == one[-1].tolist()
    assert {tuple(corner) for corner in one.tolist()} == {(12.5, 1.0), (13.0, 1.0), (13.0, 3.0), (12.5, 3.0)}


def test_outlines_enclose_the_pixels_and_leave_holes_out() -> None:
    mask = np.zeros((7, 9), bool)
    mask[0:5, 0:6] = True  # up to the border
    mask[2:4, 2] = False
    mask[5, 6] = True  # at a corner of the others
    found = outlines(mask, ROWS, COLUMNS)
    assert sum(area(one) for one in found) == pytest.approx(int(mask.sum()) * 1.0, rel=1e-12)
    assert sorted(round(area(one), 9) for one in found)[0] == -2.0  # the hole
    assert outlines(np.zeros((7, 9), bool), ROWS, COLUMNS) == ()


def test_a_part_keeps_its_place() -> None:
    axis = Axis.of_matrix(100, 3.0)
    taken = part(axis, -31.0, 17.0)
    kept = axis.centres_mm[taken.at]
    assert (kept[0], kept[-1]) == (-40.5, 28.5)  # odd multiples of 1.5 mm, up to 12 mm beyond either end
    assert taken.middle_mm == pytest.approx(-6.0)
    assert part(axis, 900.0, 950.0).at == slice(99, 100)  # outside: the nearest


def test_a_sloping_level_passes_through_its_place() -> None:
    across = part(Axis.of_matrix(100, 3.0), -50.0, 40.0)
    (left, low), (right, high) = level(7.0, across, 0.1, 12.0).tolist()
    assert (high - low) / (right - left) == pytest.approx(0.1)
    assert low + 0.1 * (12.0 - left) == pytest.approx(7.0)


@pytest.mark.parametrize(
    ("value", "sigma", "words"),
    [
        (6.0321, 0.1234, "6.03 ± 0.12"),
        (23934.4, 478.6, "23934 ± 479"),
        (-0.0004, 0.0123, "0.000 ± 0.012"),
        (12345.678, None, "12346"),
        (3.25, 0.0, "3.25"),
    ],
)
def test_values_in_words(value: float, sigma: float | None, words: str) -> None:
    assert with_sigma(value, sigma) == words


# --- image quality ------------------------------------------------------------------------------------------


def test_the_transverse_picture_shows_the_voxels_where_they_are() -> None:
    picture = drawn()["transverse"]
    rows, columns = volume().values.shape[1:]
    index = round(3.0 / 2.6) + 22  # z of the spheres; slice 23 of 45 is the middle
    assert picture.title.startswith(f"transverse: slice {index + 1} of 45, z = 2.6 mm")
    for x, y in ((9.0, -7.0), (60.0, 20.0), (-80.0, -60.0)):
        expected = volume().values[index, int(y / 2.2 + rows / 2), int(x / 2.4 + columns / 2)]
        assert at(picture, x, y) == expected
    assert picture.image.shape[0] < rows
    assert picture.axes == ("x", "y")


def test_every_region_is_drawn_where_it_was_measured() -> None:
    picture, placed = drawn()["transverse"], measured()[1]
    assert placed is not None
    spheres = [centre_and_radius(one) for one in region(picture, "spheres, diameters in mm").outlines_mm]
    for found, corner, diameter in zip(spheres, HAND.corners(), DIAMETERS, strict=True):
        assert found == pytest.approx((corner[0], corner[1], diameter / 2), abs=1e-9)
    background = [centre_and_radius(one) for one in region(picture, "background, 37 mm").outlines_mm]
    assert background == [pytest.approx((x, y, 18.5)) for x, y in placed.placement.centres_mm]
    (lung,) = region(picture, "lung").outlines_mm
    assert centre_and_radius(lung) == pytest.approx((9.0, -7.0, 15.0))
    body = region(picture, "body").outlines_mm
    pixels = int(HAND.body()[0].sum())
    assert sum(area(one) for one in body) == pytest.approx(pixels * 2.2 * 2.4, rel=1e-9)


def test_each_diameter_is_written_beside_its_sphere() -> None:
    picture = drawn()["transverse"]
    words = [one for one in picture.labels if one.text != "lung"]
    assert [one.text for one in words] == ["10", "13", "17", "22", "28", "37"]
    for index, one in enumerate(words):
        off = np.hypot(*(HAND.corners()[:, :2] - (one.x_mm, one.y_mm)).T)
        assert int((off - np.array(DIAMETERS) / 2).argmin()) == index


def test_the_coronal_picture_shows_the_planes() -> None:
    picture, placed = drawn()["coronal"], measured()[1]
    assert placed is not None
    assert picture.axes == ("x", "z")
    brightest = np.unravel_index(int(picture.image.argmax()), picture.image.shape)
    z = (brightest[0] + 0.5 - picture.image.shape[0] / 2) * 2.6 + picture.centre_mm[1]
    x = (brightest[1] + 0.5 - picture.image.shape[1] / 2) * 2.4 + picture.centre_mm[0]
    hot = HAND.corners()[:4]
    assert min(np.hypot(hot[:, 0] - x, hot[:, 2] - z)) < 11  # in one of the hot spheres
    used = [float(one[0, 1]) for one in region(picture, "background slices").outlines_mm]
    assert used == pytest.approx([(index - 22) * 2.6 for index in placed.placement.slices])
    (plane,) = region(picture, "plane of the spheres").outlines_mm
    assert plane[:, 1] == pytest.approx([3.0, 3.0])


def test_the_plane_of_a_tilted_ring_runs_through_the_spheres() -> None:
    body = replace(COARSE, tilt_y_deg=5.0)
    phantom = simulated(body, 0.0)
    phantom = replace(phantom, ring=replace(phantom.ring, tilt_y_deg=5.0))
    empty = body.volume()
    picture = named(image_quality_evidence(empty, phantom, None, ()))["coronal"]
    (plane,) = region(picture, "plane of the spheres").outlines_mm
    x, _, z = body.centres().T
    assert np.interp(x, plane[:, 0], plane[:, 1]) == pytest.approx(z, abs=1e-9)


def test_without_a_background_the_spheres_alone_are_shown() -> None:
    first, second = image_quality_evidence(volume(), HAND.phantom(), None, ())
    assert [one.label for one in first.regions] == ["spheres, diameters in mm", "body"]
    assert [one.label for one in second.regions] == ["spheres", "plane of the spheres"]


def curve_of(evidence: dict[str, object], name: str) -> Curve:
    found = evidence[name]
    assert isinstance(found, Curve)
    return found


def values(measurements: list[Measurement], name: str) -> tuple[list[float], list[float]]:
    chosen = [m for m in measurements if m.metric.name == f"pet.{name}"]
    return [m.value for m in chosen], [m.uncertainty or 0.0 for m in chosen]


@pytest.mark.parametrize(
    ("curve", "line", "metric", "diameters"),
    [
        ("contrast", "hot spheres", "contrast_hot", DIAMETERS[:4]),
        ("contrast", "cold spheres", "contrast_cold", DIAMETERS[4:]),
        ("background", "background variability", "background_variability", DIAMETERS),
    ],
)
def test_numbers_are_drawn_against_diameters(
    curve: str, line: str, metric: str, diameters: tuple[float, ...]
) -> None:
    found = next(one for one in curve_of(drawn(), curve).lines if one.label == line)
    expected, sigmas = values(measured()[0].measurements, metric)
    assert found.style == "points"
    assert found.x.tolist() == list(diameters)
    assert found.y.tolist() == expected
    assert found.error is not None
    assert found.error.tolist() == sigmas
    assert min(sigmas) > 0


def test_without_a_true_ratio_that_to_the_background_is_drawn() -> None:
    evidence = drawn(Truth())
    (line,) = curve_of(evidence, "sphere").lines
    assert line.y.tolist() == values(measured(Truth())[0].measurements, "sphere_to_background")[0]
    assert [one.label for one in curve_of(evidence, "contrast").lines] == ["cold spheres"]  # they need none
    assert "sphere" not in drawn()


def test_the_lung_is_drawn_slice_by_slice() -> None:
    placed = measured()[1]
    assert placed is not None
    assert placed.insert is not None
    points, mean = curve_of(drawn(), "lung").lines
    assert points.x.tolist() == placed.insert.z_mm.tolist()
    assert points.y.tolist() == placed.insert.residuals.tolist()
    assert mean.y.tolist() == [placed.insert.mean] * 2
    (expected,) = values(measured()[0].measurements, "lung_residual")[1]
    assert mean.error == pytest.approx([expected] * 2)


# --- recovery -----------------------------------------------------------------------------------------------


def recovered(**options: object) -> tuple[Findings, Recovery]:
    placed, findings = measured()[1], Findings(RECOVERY_METRICS)
    assert placed is not None
    found = recovery(volume(), HAND.phantom(), TRUTH, Options(**options), findings, placed)
    assert found is not None
    return findings, found


def recovery_drawn(**options: object) -> dict[str, object]:
    from nmqc.pet.recovery_evidence import recovery_evidence

    findings, found = recovered(**options)
    evidence = recovery_evidence(volume(), HAND.phantom(), found, findings.measurements)
    return {"picture": evidence[0]} | {item.title.split(", ")[-1]: item for item in evidence[1:]}


def test_recovery_without_a_standard_has_no_band() -> None:
    for title, metric in (("maximum", "rc_max"), ("peak of 1 mL", "rc_peak")):
        curve = curve_of(recovery_drawn(), title)
        assert curve.bands == ()
        expected, sigmas = values(recovered()[0].measurements, metric)
        assert curve.lines[0].x.tolist() == list(DIAMETERS[:4])  # the two largest are cold
        assert curve.lines[0].y.tolist() == expected
        assert curve.lines[0].error is not None
        assert curve.lines[0].error.tolist() == sigmas


def test_the_band_that_judges_is_drawn() -> None:
    one, two = (recovery_drawn(earl=standard) for standard in (1, 2))
    (first,) = curve_of(one, "maximum").bands
    (second,) = curve_of(two, "mean of the 50 % isocontour").bands
    assert first.label == "band earl1-2017, verified"
    assert second.label == "band earl2-2019, not verified"
    assert first.x.tolist() == list(DIAMETERS)
    assert first.low.tolist() == [0.34, 0.59, 0.73, 0.83, 0.91, 0.95]
    assert first.high.tolist() == [0.57, 0.85, 1.01, 1.09, 1.13, 1.16]
    assert curve_of(two, "peak of 1 mL").bands == ()  # two versions of it: neither judges


def test_isocontours_and_peaks_are_drawn_on_their_voxels() -> None:
    picture, (_, found) = recovery_drawn()["picture"], recovered()
    assert isinstance(picture, Picture)
    contours = region(picture, "50 % isocontour").outlines_mm
    shown, expected = 23, 0  # the slice nearest to z = 3 mm
    for corner, diameter, one in zip(HAND.corners(), DIAMETERS, found.spheres, strict=True):
        if one is not None:
            first = int(np.ceil((corner[2] - diameter / 2 - 8) / 2.6 + 22))  # of the search volume
            expected += int(one.contour.region[shown - first].sum())
    assert sum(area(one) for one in contours) == pytest.approx(expected * 2.2 * 2.4, rel=1e-9)
    for one in contours:
        x, y, radius = centre_and_radius(one)
        off = np.hypot(*(HAND.corners()[:4, :2] - (x, y)).T)
        assert off.min() < 2.5  # a voxel
        assert at(picture, x, y) > 1500
        assert radius < 18
    peaks = [centre_and_radius(one) for one in region(picture, "peak, 1 mL").outlines_mm]
    places = [one.peak.centre_mm for one in found.spheres if one is not None and one.peak is not None]
    assert peaks == [pytest.approx((x, y, 6.2035), abs=1e-3) for x, y, _ in places]


# --- the fit ------------------------------------------------------------------------------------------------


@cache
def fitted() -> tuple[Volume, SphereFits]:
    shown = COARSE.volume()
    return shown, fit_spheres(shown, simulated(COARSE), FitOptions())


def fit_drawn() -> tuple[object, ...]:
    shown, fits = fitted()
    return fit_evidence(shown, simulated(COARSE), fits, FitOptions())


def test_the_model_runs_through_the_means_of_noise_free_voxels() -> None:
    profiles = fit_drawn()[:6]
    assert [one.title for one in profiles] == [f"{d:g} mm sphere, radial profile" for d in DIAMETERS]
    for profile, diameter in zip(profiles, DIAMETERS, strict=True):
        points, model, edge = profile.lines
        assert model.x.tolist() == points.x.tolist()
        assert edge.x.tolist() == [diameter / 2] * 2
        # means over a voxel by three nodes a side: 0.5 % of the 4000 in the spheres
        assert model.y == pytest.approx(points.y, abs=20)
        assert points.y[0] > points.y[-1] == pytest.approx(1000, rel=0.01)
        assert np.all(np.diff(points.x) > 0)


def test_profiles_are_those_of_the_voxels() -> None:
    shown, fits = fitted()
    largest = fits.spheres[5]
    assert isinstance(largest, SphereFit)
    points = fit_drawn()[5].lines[0]
    z, y, x = (
        (np.arange(n) - (n - 1) / 2) * d for n, d in zip(shown.values.shape, shown.spacing_mm, strict=True)
    )
    r = np.sqrt(
        (z[:, None, None] - largest.z_mm.value) ** 2
        + (y[:, None] - largest.y_mm.value) ** 2
        + (x - largest.x_mm.value) ** 2
    )
    for low in (5, 9, 17):
        within = (r >= low) & (r < low + 1)
        number = int(np.abs(points.x - r[within].mean()).argmin())
        assert points.x[number] == pytest.approx(r[within].mean())
        assert points.y[number] == pytest.approx(shown.values[within].mean(), rel=1e-6)  # stored as float32


def test_shells_know_how_sure_they_are() -> None:
    """White noise of 5 %: the scatter of the points about the model is what their bars say."""
    rng = np.random.default_rng(8)
    clean = COARSE.values()
    shown = replace(COARSE.volume(), values=clean + rng.normal(0, 50, clean.shape))
    fits = fit_spheres(shown, simulated(COARSE), FitOptions())
    pulls = []
    for profile in fit_evidence(shown, simulated(COARSE), fits, FitOptions())[:6]:
        points, model, _ = profile.lines
        assert points.error is not None
        pulls += ((points.y - model.y) / points.error)[2:].tolist()
    # 80 points, of which the fit takes a tenth of the scatter; 3 standard errors of 1 / sqrt(2 n)
    assert np.std(pulls) == pytest.approx(0.95, abs=3 * 0.95 / np.sqrt(2 * len(pulls)))


def test_the_resolution_stands_beside_that_of_all_together() -> None:
    _, fits = fitted()
    curve = fit_drawn()[6]
    lines = {one.label: one for one in curve.lines}
    widths = [one.fwhm_axial_mm for one in fits.spheres if isinstance(one, SphereFit)]
    assert lines["axial"].y.tolist() == [one.value for one in widths]
    assert lines["axial"].error is not None
    assert lines["axial"].error.tolist() == [one.sigma for one in widths]
    assert lines["transaxial"].x == pytest.approx(DIAMETERS, abs=0.5)  # beside each other
    assert not isinstance(fits.joint, NotFitted)
    assert lines["transaxial, together"].y.tolist() == [fits.joint.fwhm_transaxial_mm.value] * 2


def test_the_table_of_the_fit_says_what_was_not_fitted() -> None:
    shown, fits = fitted()
    missing = NotFitted(10.0, "sphere_absent", "no sphere")
    none = NotFitted(None, "too_few_spheres", "too few")
    lacking = replace(fits, spheres=(missing, *fits.spheres[1:]), joint=none)
    *curves, table = fit_evidence(shown, simulated(COARSE), lacking, FitOptions())
    assert isinstance(table, Table)
    assert {len(row) for row in table.rows} == {len(table.columns)}
    assert [row[0] for row in table.rows] == ["10", "13", "17", "22", "28", "37", "together"]
    assert table.rows[0][1] == "not fitted: sphere_absent"
    assert table.rows[-1][1] == "not fitted: too_few_spheres"
    assert table.rows[1][2].startswith("(")  # a background that was not fitted
    assert not table.rows[5][2].startswith("(")
    assert len(curves) == 6
    assert [line.label for line in curves[-1].lines] == ["transaxial", "axial"]


def test_a_fit_of_nothing_has_its_table_alone() -> None:
    shown, fits = fitted()
    missing = tuple(NotFitted(d, "sphere_absent", "no sphere") for d in DIAMETERS)
    none = NotFitted(None, "too_few_spheres", "too few")
    (table,) = fit_evidence(
        shown, simulated(COARSE), replace(fits, spheres=missing, joint=none), FitOptions()
    )
    assert isinstance(table, Table)


# --- the cylinder -------------------------------------------------------------------------------------------

TUBE = Tube(shape=(66, 82, 96), spacing=(3.27, 3.0, 2.9), slopes=(0.06, -0.05), across_percent_per_mm=0.05)


@cache
def cylinder_drawn() -> dict[str, object]:
    shown = TUBE.volume(noise=0.02, seed=2)
    options = CylinderOptions()
    return named(cylinder_evidence(shown, measure_cylinder(shown, options), options))


def test_the_discs_of_a_cylinder_are_drawn_about_its_axis() -> None:
    picture = cylinder_drawn()["transverse"]
    assert isinstance(picture, Picture)
    x, y, radius = centre_and_radius(region(picture, "cylinder").outlines_mm[0])
    z = float(picture.title.split("z = ")[1].split()[0])
    expected = (7.0 + 0.06 * (z - 5.0), -12.0 - 0.05 * (z - 5.0), 100.0)
    assert (x, y, radius) == pytest.approx(expected, abs=0.7)  # as the place of the axis, test_cylinder
    discs = [centre_and_radius(one) for one in region(picture, "five discs").outlines_mm]
    assert [one[2] for one in discs] == pytest.approx([15.0] * 5)
    offs = [(round(one[0] - x), round(one[1] - y)) for one in discs]
    assert offs == [(0, 0), (75, 0), (0, 75), (-75, 0), (0, -75)]
    assert centre_and_radius(region(picture, "central region").outlines_mm[0])[2] == pytest.approx(
        0.7 * radius
    )


def test_the_coronal_picture_of_a_cylinder_follows_its_axis() -> None:
    picture = cylinder_drawn()["coronal"]
    assert isinstance(picture, Picture)
    assert picture.axes == ("x", "z")
    (axis,) = region(picture, "axis").outlines_mm
    slope = (axis[1, 0] - axis[0, 0]) / (axis[1, 1] - axis[0, 1])
    assert slope == pytest.approx(0.06, abs=0.005)
    ends = [float(one[0, 1]) for one in region(picture, "ends").outlines_mm]
    assert ends == pytest.approx([5.0 - 90.0, 5.0 + 90.0], abs=0.7)
    used = [float(one[0, 1]) for one in region(picture, "slices used").outlines_mm]
    assert ends[0] + 10 <= used[0] < ends[0] + 19  # 10 mm, 5 mm that the tilted end rises, a slice
    shown = TUBE.volume(noise=0.02, seed=2).values
    for index in (8, 33, 56):  # the row that the axis runs through, by the tube's own numbers
        z = (index - 32.5) * 3.27
        row = round((-12.0 - 0.05 * (z - 5.0)) / 3.0 + 40.5)
        assert at(picture, 20.0, z) == shown[index, row, int(20.0 / 2.9 + 48)]
    # across the axis, the widest part of the tube: both walls are in sight
    for z in (-70.0, 5.0, 80.0):
        middle = 7.0 + 0.06 * (z - 5.0)
        assert at(picture, middle - 90, z) > 4000
        assert at(picture, middle + 90, z) > 4000
        assert at(picture, middle + 107, z) < 2000


def test_the_profile_of_a_cylinder_has_its_noise() -> None:
    shown = TUBE.volume(noise=0.02, seed=2)
    figures = measure_cylinder(shown)
    slices, largest, mean = curve_of(cylinder_drawn(), "axial").lines
    assert slices.y.tolist() == figures.profile.deviations_percent.tolist()
    assert largest.x.tolist() == [figures.profile.at_mm]
    assert abs(largest.y[0]) == figures.profile.largest_percent
    assert mean.error == pytest.approx(100 * figures.profile.sigmas / figures.mean)


def test_the_table_of_discs_tells_the_sides_apart() -> None:
    table = cylinder_drawn()["five"]
    assert isinstance(table, Table)
    assert [row[0] for row in table.rows] == ["on the axis", "+x", "+y", "-x", "-y"]
    off = {row[0]: float(row[3].split(" ± ")[0]) for row in table.rows}
    # 0.05 % a millimetre along x, 75 mm; the noise of a disc is 0.05 %
    assert off["+x"] == pytest.approx(3.75, abs=0.3)
    assert off["-x"] == pytest.approx(-3.75, abs=0.3)
    assert off["+y"] == pytest.approx(0, abs=0.3)


# --- what was put in ----------------------------------------------------------------------------------------

SHEET = {
    "radionuclide": "F-18",
    "half_life_s": 6586.2,
    "calibrator_percent": 2.0,
    "background": {
        "volume_ml": 9700.0,
        "volume_percent": 0.5,
        "activity_percent": None,
        "syringes": [
            {
                "activity_mbq": 24.0,
                "measured": "2026-11-15T23:30:00",
                "residual_mbq": 0.5,
                "residual_measured": "2026-11-15T23:50:00",
            },
            {
                "activity_mbq": 1.5,
                "measured": "2026-11-16T00:05:00",
                "residual_mbq": None,
                "residual_measured": None,
            },
        ],
    },
    "spheres": {
        "volume_ml": 500.0,
        "volume_percent": None,
        "activity_percent": 1.0,
        "syringes": [
            {
                "activity_mbq": 5.2,
                "measured": "2026-11-15T23:40:30",
                "residual_mbq": None,
                "residual_measured": None,
            }
        ],
    },
    "cold_mm": [28.0, 37.0],
}


def test_a_fill_sheet_is_told_line_by_line() -> None:
    truth = Truth(
        ratio=4.0,
        ratio_uncertainty=0.08,
        sphere_bqml=8000.0,
        background_bqml=2000.0,
        background_uncertainty_bqml=40.0,
    )
    table = fill_table(SHEET, (truth,), ("2026-11-16T00:30:00",))
    assert table.title == "fill sheet, F-18, half-life 6586.2 s"
    assert table.columns == ("", "spheres", "background")
    rows = table.rows
    assert rows[0] == ("volume / mL", "500", "9700 ± 0.5 %")
    assert rows[1] == ("syringe 1 / MBq", "5.2 at 2026-11-15 23:40:30", "24 at 2026-11-15 23:30:00")
    assert rows[2] == ("left in it / MBq", "-", "0.5 at 2026-11-15 23:50:00")
    assert rows[3] == ("syringe 2 / MBq", "-", "1.5 at 2026-11-16 00:05:00")
    assert ("uncertainty of the activity / %", "1", "-") in rows
    assert ("uncertainty of the calibrator / %", "2", "2") in rows
    assert ("cold spheres / mm", "28, 37", "-") in rows
    assert rows[-2] == ("concentration / (Bq/mL), 2026-11-16 00:30:00", "8000", "2000 ± 40")
    assert rows[-1] == ("ratio", "4.000 ± 0.080", "-")


def test_without_a_sheet_the_options_are_told() -> None:
    assert fill_table(None, (given(ratio=4.0),)).rows == (("ratio", "4"),)
    cylinder = fill_table(None, (given(background_bqml=5300.0),))
    assert cylinder.columns == ("", "background")
    assert cylinder.rows == (("concentration / (Bq/mL)", "5300"),)
    assert fill_table(None, (Truth(),)).rows == (("ratio", "not given"),)


def test_each_acquisition_has_its_own_concentrations() -> None:
    truths = tuple(given(sphere_bqml=8000.0 / n, background_bqml=2000.0 / n) for n in (1, 2))
    rows = fill_table(None, truths).rows
    assert [row[0] for row in rows] == [
        "acquisition 1: concentration / (Bq/mL)",
        "acquisition 1: ratio",
        "acquisition 2: concentration / (Bq/mL)",
        "acquisition 2: ratio",
    ]
    assert rows[2][1:] == ("4000", "1000")


def test_lines_are_points_of_equal_length() -> None:
    for item in (
        *drawn().values(),
        *recovery_drawn(earl=2).values(),
        *fit_drawn(),
        *cylinder_drawn().values(),
    ):
        lines: tuple[Line, ...] = item.lines if isinstance(item, Curve) else ()
        for line in lines:
            assert line.x.shape == line.y.shape
            assert line.error is None or line.error.shape == line.y.shape
            assert np.isfinite(line.y).all()
