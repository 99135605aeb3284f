from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import binary_fill_holes, gaussian_filter

from nmqc.errors import CannotMeasure
from nmqc.model import Volume
from nmqc.pet.anisotropic import blurred_sphere
from nmqc.pet.coarse import axes_of
from nmqc.pet.correlation import noise_of
from nmqc.pet.fit import FitOptions, JointFit, NotFitted, SphereFit, SphereFits, fit_spheres
from nmqc.pet.phantom import IecPhantom, LungAxis, Ring, Sphere
from nmqc.pet.sphere_image import image, nodes_mm, widening_mm2, window
from tests.pet.real import centres_in, read
from tests.pet.simulate import (
    COLD_LARGE,
    DIAMETERS,
    FWHM_PER_SIGMA,
    HOT,
    Body,
    depth_in_body,
    field,
    noisy,
    volume_of,
)

BODY = Body(shape=(56, 102, 112), spacing=(3.0, 3.1, 2.9), centre=(4.0, -9.0, 5.0), ratios=HOT)
COARSE = replace(BODY, shape=(42, 80, 84), spacing=(4.0, 3.9, 3.7))


def found(body: Body, off_mm: float = 0.4, seed: int = 5) -> IecPhantom:
    """The phantom as a finder gives it: its centres a little off."""
    off = np.random.default_rng(seed).normal(size=(6, 3)) * off_mm
    ratios = body.ratios or dict.fromkeys(DIAMETERS)
    states = [
        "absent" if r in (None, 1.0) else "hot" if r > 1 else "cold" for r in (ratios[d] for d in DIAMETERS)
    ]
    spheres = tuple(
        Sphere(d, *centre, 0.3, state)
        for d, centre, state in zip(DIAMETERS, body.centres() + off, states, strict=True)
    )
    u, v, w = body.own_axes()
    mask = (depth_in_body(u, v) > 0) & (w > -70) & (w < body.length - 70)
    first, last = body.centre[2] - 70, body.centre[2] + body.length - 70
    lung = None if body.lung is None else LungAxis(body.centre[0], body.centre[1], 0.0, 0.0, first, last)
    ring = Ring(*body.centre, body.ring_mm, body.phase_deg, body.sense, 0.0, 0.0, 0.0, ((0.0, 0.0, 0.0),) * 6)
    return IecPhantom(spheres, ring, body.background, mask, first, last, False, lung, False, 3.0)


def alone(fits: SphereFits) -> dict[float, SphereFit]:
    assert not [one for one in fits.spheres if isinstance(one, NotFitted)]
    return {one.diameter_mm: one for one in fits.spheres}


def together(fits: SphereFits) -> JointFit:
    assert isinstance(fits.joint, JointFit)
    return fits.joint


# --- the image of a sphere -----------------------------------------------------------------------------------


@pytest.mark.parametrize("pitch", [2.0, 4.1])
@pytest.mark.parametrize("wider", [0.5, 1.0])
def test_the_places_in_a_voxel_are_exact_for_polynomials(pitch: float, wider: float) -> None:
    variance = wider * widening_mm2(
        pitch, "averaged"
    )  # of the Gaussian: half of what leaves two places, and all
    places, weights = nodes_mm(pitch, variance, "averaged")
    assert places.size == (2 if wider == 1 else 3)
    moment = [sum(weights * places**n) for n in range(6)]
    assert moment[0] == pytest.approx(1)
    assert moment[1] == moment[3] == moment[5] == pytest.approx(0)
    assert moment[2] + variance == pytest.approx(pitch**2 / 12)
    assert moment[4] + 6 * moment[2] * variance + 3 * variance**2 == pytest.approx(pitch**4 / 80)


def brute(around, at, voxels: str) -> np.ndarray:
    """Means over voxels by six Gauss-Legendre nodes in each direction."""
    nodes, weights = (
        np.polynomial.legendre.leggauss(6) if voxels == "averaged" else (np.zeros(1), np.full(1, 2.0))
    )
    across, along = np.exp(at[5:])
    dz, dy, dx = around.spacing_mm
    heights = (around.z_mm[:, None] + nodes * dz / 2 - at[2]).ravel()
    total = np.zeros(around.values.shape)
    for a, wa in zip(nodes, weights, strict=True):
        for b, wb in zip(nodes, weights, strict=True):
            r = np.hypot(around.x_mm + a * dx / 2 - at[0], around.y_mm + b * dy / 2 - at[1])
            for sign, radius in ((at[3], around.radius_mm), (-at[4], around.radius_mm + around.wall_mm)):
                fine = blurred_sphere(r, heights, radius, across, along).reshape(r.size, -1, nodes.size)
                total += sign * wa * wb / 4 * (fine @ weights / 2)
    return total + at[4]


@pytest.mark.parametrize(
    ("spacing", "fwhm", "voxels", "error"),
    [
        ((2.0, 2.0, 2.0), (4.0, 5.0), "averaged", 3e-5),  # the cubic interpolation: 2e-5
        ((3.0, 2.5, 4.0), (6.0, 5.0), "averaged", 3e-5),
        ((4.0, 4.0, 4.0), (4.0, 5.0), "averaged", 2e-4),  # a voxel as wide as the blur: the sixth moment
        ((4.0, 4.0, 4.0), (4.0, 5.0), "sampled", 3e-5),
    ],
)
def test_voxels_are_means_over_their_width(spacing, fwhm, voxels, error) -> None:
    volume = volume_of(np.zeros((24, 30, 28)), spacing)
    around = window(volume, (0.7, -1.1, 0.4), 6.5, reach_mm=8.0, wall_mm=1.0, voxels=voxels)
    at = np.array([0.7, -1.1, 0.4, 10.0, 1.0, *np.log(np.array(fwhm) / FWHM_PER_SIGMA)])
    expected, slopes = image(around, at)
    assert np.abs(expected - brute(around, at, voxels)).max() < error * 9  # 9: sphere above background
    for number in range(7):
        step = 1e-4 * (np.arange(7) == number)
        slope = (image(around, at + step)[0] - image(around, at - step)[0]) / 2e-4
        assert (
            np.abs(slopes[number] - slope).max() < 0.006 * np.abs(slope).max()
        )  # slopes of cubics: one order less


# --- the fit without noise -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spacing", "fwhm", "error_mm"),
    [
        (
            (2.5, 2.0, 2.0),
            4.0,
            0.002,
        ),  # the cubic interpolation, and three nodes to a voxel in the simulation
        ((4.0, 4.0, 4.0), 6.0, 0.002),
        ((4.0, 4.0, 4.0), 4.0, 0.01),  # the sixth moment of a voxel as wide as the blur
    ],
)
def test_what_was_put_in_comes_out(spacing, fwhm, error_mm) -> None:
    shape = tuple(int(mm / s) for mm, s in zip((160, 300, 330), spacing, strict=True))
    body = replace(
        BODY, shape=shape, spacing=spacing, fwhm=fwhm, sense=-1, phase_deg=75.0, ratios=HOT | {13.0: 6.0}
    )
    fits = fit_spheres(body.volume(), found(body))
    for (diameter, one), centre in zip(alone(fits).items(), body.centres(), strict=True):
        assert np.array([one.x_mm.value, one.y_mm.value, one.z_mm.value]) == pytest.approx(
            centre, abs=error_mm
        )
        assert one.signal.value == pytest.approx(
            1000 * body.ratios[diameter], rel=2e-4
        )  # float32, interpolation
        assert one.background.value == pytest.approx(1000, rel=1e-4)
        for width in (one.fwhm_transaxial_mm, one.fwhm_axial_mm):
            assert width.value == pytest.approx(fwhm, abs=error_mm)
        assert one.background_fitted == (diameter >= 22)
    joint = together(fits)
    assert joint.fwhm_transaxial_mm.value == pytest.approx(fwhm, abs=error_mm)
    assert joint.fwhm_axial_mm.value == pytest.approx(fwhm, abs=error_mm)
    assert [one.value for one in joint.signals] == pytest.approx([4e3, 6e3, 4e3, 4e3, 4e3, 4e3], rel=2e-4)
    assert joint.centres_mm == pytest.approx(body.centres(), abs=error_mm)


def test_the_two_widths_are_told_apart() -> None:
    # 5 mm in every direction, and sqrt(7^2 - 5^2) more along the axis: the phantom moved along z, its images added
    nodes, weights = np.polynomial.hermite_e.hermegauss(7)
    body = replace(COARSE, fwhm=5.0)
    shifts = nodes * np.sqrt(7.0**2 - 5.0**2) / FWHM_PER_SIGMA
    values = sum(
        w * replace(body, centre=(4.0, -9.0, 5.0 + shift)).values()
        for shift, w in zip(shifts, weights / weights.sum(), strict=True)
    )
    fits = fit_spheres(volume_of(values, body.spacing), found(body))
    for one in (*alone(fits).values(), together(fits)):
        assert one.fwhm_transaxial_mm.value == pytest.approx(
            5.0, abs=0.003
        )  # as above; seven nodes leave 2e-4
        assert one.fwhm_axial_mm.value == pytest.approx(7.0, abs=0.003)


def test_samples_and_means_are_not_the_same() -> None:
    body = replace(BODY, averaged=False)
    samples = fit_spheres(body.volume(), found(body), FitOptions(voxels="sampled"))
    assert together(samples).fwhm_transaxial_mm.value == pytest.approx(6.0, abs=0.002)
    means = fit_spheres(body.volume(), found(body))
    narrower = np.sqrt(6.0**2 - 8 * np.log(2) / 12 * 9.0)  # a voxel of 3 mm: its variance in FWHM squared
    assert together(means).fwhm_axial_mm.value == pytest.approx(narrower, abs=0.01)  # to the fourth cumulant


def test_the_wall_is_that_of_the_options() -> None:
    without, right = (
        fit_spheres(BODY.volume(), found(BODY), FitOptions(wall_mm=wall)) for wall in (0.0, 1.0)
    )
    assert together(without).signals[0].value < 3900  # the lost rim is taken for a weaker sphere
    for wrong, good in zip(alone(without).values(), alone(right).values(), strict=True):
        assert wrong.residual > 20 * good.residual


def test_one_signal_for_all() -> None:
    joint = together(fit_spheres(BODY.volume(), found(BODY), FitOptions(common_signal=True)))
    assert len({one.value for one in joint.signals}) == 1
    assert joint.signals[0].value == pytest.approx(4000, rel=2e-4)


def test_cold_and_absent_spheres() -> None:
    body = replace(BODY, ratios=COLD_LARGE | {13.0: None})
    fits = fit_spheres(body.volume(), found(body))
    ten, thirteen, *_, large = fits.spheres
    assert isinstance(thirteen, NotFitted)
    assert thirteen.code == "sphere_absent"
    assert isinstance(large, SphereFit)
    assert large.signal.value == pytest.approx(0, abs=0.5)  # of 1000, the interpolation's 2e-5 and float32
    assert large.fwhm_transaxial_mm.value == pytest.approx(6, abs=0.003)
    assert isinstance(ten, SphereFit)
    assert together(fits).diameters_mm == (10.0, 17.0, 22.0)


def test_a_transposed_image_gives_the_transposed_answer() -> None:
    volume, phantom = BODY.volume(noise=0.05, seed=1), found(BODY)
    turned = volume_of(np.swapaxes(volume.values, 1, 2), (3.0, 2.9, 3.1))
    spheres = tuple(replace(one, x_mm=one.y_mm, y_mm=one.x_mm) for one in phantom.spheres)
    ring, lung = phantom.ring, phantom.lung
    other = replace(
        phantom,
        spheres=spheres,
        ring=replace(ring, x_mm=ring.y_mm, y_mm=ring.x_mm),
        lung=replace(lung, x_mm=lung.y_mm, y_mm=lung.x_mm),
        body=np.swapaxes(phantom.body, 1, 2),
    )
    here, there = fit_spheres(volume, phantom), fit_spheres(turned, other)
    for a, b in zip(alone(here).values(), alone(there).values(), strict=True):
        # fits stop within 1e-4 mm, 1e-4 of sigma
        assert (a.x_mm.value, a.y_mm.value) == pytest.approx((b.y_mm.value, b.x_mm.value), abs=3e-4)
        assert a.fwhm_axial_mm.value == pytest.approx(b.fwhm_axial_mm.value, abs=2e-3)
        assert a.fwhm_axial_mm.sigma == pytest.approx(b.fwhm_axial_mm.sigma, rel=2e-3)


# --- noise ---------------------------------------------------------------------------------------------------


def test_the_correlation_of_filtered_noise() -> None:
    fwhm, spacing, shape = 7.0, (3.0, 2.0, 2.5), (40, 80, 70)
    inside = np.ones(shape, bool)
    inside[:, 20:30, 10:50] = False
    found_noise = noise_of(100 + 5 * field(shape, spacing, fwhm, 3), inside, spacing)
    assert found_noise.sd == pytest.approx(5, rel=0.02)  # 1,700 independent values: 1.7 %
    for pitch, one in zip(spacing, found_noise.along, strict=True):
        truth = np.exp(-((np.arange(one.size) * pitch * FWHM_PER_SIGMA / fwhm) ** 2) / 4)
        assert one == pytest.approx(truth, abs=0.06)  # 2 / sqrt(1700), and the fields wrap
        assert one.size >= 3


def z_scores(body: Body, seeds: int, grows: bool) -> dict[str, np.ndarray]:
    """What each fit was off by, over its sigma, for every kind of parameter."""
    truth, centres = body.values(), body.centres()
    scores: dict[str, list[float]] = {"centre": [], "signal": [], "width": [], "together": []}
    for seed in range(seeds):
        shown = noisy(body, truth, 0.08, seed, 6.0)
        if grows:  # as the square root of the activity
            noise = shown.values - truth
            shown = volume_of(truth + noise * np.sqrt(np.maximum(truth, 0) / 1000), body.spacing)
        fits = fit_spheres(shown, found(body, seed=seed))
        for one, centre in zip(alone(fits).values(), centres, strict=True):
            for axis, at in zip((one.x_mm, one.y_mm, one.z_mm), centre, strict=True):
                scores["centre"].append((axis.value - at) / axis.sigma)
            scores["signal"].append((one.signal.value - 4000) / one.signal.sigma)
            for width in (one.fwhm_transaxial_mm, one.fwhm_axial_mm):
                scores["width"].append((width.value - 6) / width.sigma)
        joint = together(fits)
        widths = joint.fwhm_transaxial_mm, joint.fwhm_axial_mm
        scores["together"] += [(one.value - 6) / one.sigma for one in widths]
        scores["together"] += [(one.value - 4000) / one.sigma for one in joint.signals]
    return {name: np.array(values) for name, values in scores.items()}


@pytest.mark.parametrize("grows", [False, True])
def test_the_uncertainties_cover(grows: bool) -> None:
    # 68 % within one sigma, +- 10 %, and as much again for 12 seeds: 5 % with 72 values
    for name, scores in z_scores(COARSE, 12, grows).items():
        assert 0.53 < (np.abs(scores) < 1).mean() < 0.83, name
        assert 0.75 < np.sqrt((scores**2).mean()) < 1.3, name  # 1 / sqrt(2 x 72) = 0.08, three of them


@pytest.mark.slow
@pytest.mark.parametrize("grows", [False, True])
def test_the_uncertainties_cover_over_many_seeds(grows: bool) -> None:
    for name, scores in z_scores(COARSE, 100, grows).items():
        assert 0.58 < (np.abs(scores) < 1).mean() < 0.78, name
        assert 0.85 < np.sqrt((scores**2).mean()) < 1.2, name


def test_a_bad_sphere_widens_its_own_uncertainty() -> None:
    truth = BODY.values()
    z, y, x = BODY.axes()
    at = BODY.centres()[5]
    far = (x - at[0]) ** 2 + (y[:, None] - at[1] - 8) ** 2 + (z[:, None, None] - at[2]) ** 2
    bubble = truth - 4000 * np.exp(-far / 2 / 4.0**2)
    good, bad = (
        alone(fit_spheres(noisy(BODY, values, 0.03, 2, 6.0), found(BODY)))[37.0] for values in (truth, bubble)
    )
    assert bad.excess > 2 * good.excess
    assert bad.signal.sigma > 2 * good.signal.sigma


# --- refusals ------------------------------------------------------------------------------------------------


def test_a_sphere_at_the_border_is_not_fitted() -> None:
    body = replace(BODY, centre=(4.0, -9.0, -66.0))
    fits = fit_spheres(body.volume(), found(body))
    assert {one.code for one in fits.spheres if isinstance(one, NotFitted)} == {"sphere_cut"}


def test_nothing_there_is_no_number() -> None:
    volume = noisy(BODY, replace(BODY, ratios=None).values(), 0.1, 1, 6.0)
    for one in fit_spheres(volume, found(BODY)).spheres:
        if isinstance(one, SphereFit):  # noise may look like a sphere, but then says how little it is
            assert one.signal.value < one.background.value + 4 * one.signal.sigma
        else:
            assert one.code in {"fit_on_bound", "fit_undetermined", "fit_not_settled"}


def test_noise_that_hides_the_width() -> None:
    fits = fit_spheres(noisy(BODY, BODY.values(), 0.8, 4, 8.0), found(BODY))
    smallest = fits.spheres[0]
    assert isinstance(smallest, NotFitted)
    assert smallest.code in {"fit_on_bound", "fit_undetermined", "fit_not_settled"}
    assert smallest.diameter_mm == 10.0


def test_no_background_is_refused() -> None:
    phantom = replace(found(BODY), body=np.zeros(BODY.shape, bool))
    with pytest.raises(CannotMeasure) as refusal:
        fit_spheres(BODY.volume(), phantom)
    assert refusal.value.code == "no_background"


def test_one_hot_sphere_is_nothing_together() -> None:
    body = replace(BODY, ratios=dict.fromkeys(DIAMETERS, 0.0) | {22.0: 4.0})
    joint = fit_spheres(body.volume(), found(body)).joint
    assert isinstance(joint, NotFitted)
    assert joint.code == "too_few_spheres"


# --- real series ---------------------------------------------------------------------------------------------


def known(volume: Volume, centres: np.ndarray, background: float) -> IecPhantom:
    """The phantom of a real series by its known centres."""
    z = axes_of(volume)[0].centres_mm
    smooth = gaussian_filter(volume.values, [3 / one for one in volume.spacing_mm]) > background / 2
    mask = np.stack([binary_fill_holes(one) for one in smooth])
    full = z[mask.sum(axis=(1, 2)) * volume.spacing_mm[1] * volume.spacing_mm[2] > 30_000]
    x, y, z_mm = centres.mean(axis=0)
    ring = Ring(x, y, z_mm, 57.2, 0.0, 1, 0.0, 0.0, 0.0, ((0.0, 0.0, 0.0),) * 6)
    spheres = tuple(Sphere(d, *one, 0.3, "hot") for d, one in zip(DIAMETERS, centres, strict=True))
    lung = LungAxis(x, y, 0.0, 0.0, full[0], full[-1])
    return IecPhantom(spheres, ring, background, mask, full[0], full[-1], False, lung, False, 9.0)


def mean_fwhm(one: SphereFit) -> float:
    """Of the width as one number: two directions across, one along."""
    return float(np.sqrt((2 * one.fwhm_transaxial_mm.value**2 + one.fwhm_axial_mm.value**2) / 3))


def test_a_real_reconstruction_beside_an_earlier_fit() -> None:
    volume = read("iec-recon")
    centres = centres_in(volume, "iec-recon")
    phantom = known(volume, centres, 1662.0)
    fits = fit_spheres(volume, phantom, FitOptions(voxels="sampled"))  # the earlier fit knew no voxels
    each = alone(fits)
    for one, sphere in zip(each.values(), phantom.spheres, strict=True):
        assert one.x_mm.value == pytest.approx(
            sphere.x_mm, abs=0.2
        )  # printed to 0.1; a free FWHM along the axis
        assert one.y_mm.value == pytest.approx(sphere.y_mm, abs=0.2)
        assert one.z_mm.value == pytest.approx(sphere.z_mm, abs=0.2)
    assert mean_fwhm(each[37.0]) == pytest.approx(
        4.4, abs=0.2
    )  # 4.4 to 3.4 from 37 to 10 mm, one width for all
    assert mean_fwhm(each[10.0]) == pytest.approx(3.4, abs=0.5)  # its sigma
    assert each[37.0].signal.value == pytest.approx(16_400, abs=200)
    joint = together(fits)
    assert joint.excess < 1.2
    assert all(one.value == pytest.approx(16_500, abs=700) for one in joint.signals)


def test_a_real_earl_series_beside_an_earlier_fit() -> None:
    volume = read("earl-mct")
    centres = centres_in(volume, "earl-mct")
    phantom = known(volume, centres, 2630.0)
    fits = fit_spheres(volume, phantom, FitOptions(voxels="sampled"))
    each = alone(fits)
    widths = [mean_fwhm(each[d]) for d in (37.0, 28.0, 22.0, 17.0, 13.0, 10.0)]
    assert widths[:3] == pytest.approx([6.07, 6.10, 6.07], abs=0.06)  # sigma 0.2
    assert widths[3:] == pytest.approx(
        [5.64, 5.18, 6.30], abs=0.5
    )  # sigma 0.5, and the background fixed here
    assert [each[d].signal.value for d in (37.0, 28.0, 22.0)] == pytest.approx([25_300] * 3, abs=600)
    without_voxel = together(fit_spheres(volume, phantom))
    assert without_voxel.fwhm_transaxial_mm.value < together(fits).fwhm_transaxial_mm.value - 0.4
