"""The reference against the vectors and closed forms, and nmqc against the reference, on noisy phantoms."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest

from nmqc import catalogue
from nmqc.model import Measurement
from phantoms.cor import Orbit, OrbitHead, PointSource, five_sources, one_source
from tests.exam.acquisitions import turning
from tests.reference import cor as reference

SEED = 5
WITHIN = 3.0  # standard deviations of what the squares differ by
SIDE_FWHM = 6.0  # of the reference's square: wider than nmqc's, which has five FWHM of what it sees
THREE = (
    PointSource(75.0, -6.0, 64.0),
    PointSource(1.7, 2.2, 1.0, 21_000.0),
    PointSource(-71.0, 19.0, -66.0, 19_000.0),
)
FAULTY = OrbitHead(
    start_deg=203.0, offset_mm=1.31, axial_mm=-0.7, tilt_deg=0.42, sag_mm=0.31, sag_phase_deg=50.0
)
OTHER = OrbitHead(start_deg=113.0, offset_mm=-2.2, axial_mm=1.6, tilt_deg=-0.35, drift_mm=0.004)
PIXELS = {"matrix": (84, 80), "pixel_mm": (4.3, 4.7)}

ORBITS = {
    "three, no background": Orbit(sources=THREE, heads=(FAULTY, OTHER), views=40, **PIXELS),
    "three, over a background, counter-clockwise": Orbit(
        sources=THREE, heads=(OTHER, FAULTY), views=48, clockwise=False, background=2.0, **PIXELS
    ),
    "one, moving, on half a circle": Orbit(
        sources=one_source(),
        heads=(OrbitHead(start_deg=67.0, offset_mm=-3.4, tilt_deg=0.6),),
        views=45,
        arc_deg=180.0,
        continuous=True,
        background=1.0,
        **PIXELS,
    ),
    "five, not turned": Orbit(
        sources=five_sources(),
        heads=(FAULTY, OTHER),
        views=30,
        background=0.5,
        matrix=(96, 92),
        pixel_mm=(4.3, 4.7),
    ),
}


def theta_of(orbit: Orbit, head: int) -> list[float]:
    start, step = math.radians(orbit.heads[head].start_deg), math.radians(orbit.step_deg)
    return reference.angles(start, step, orbit.views, clockwise=orbit.clockwise, moving=orbit.continuous)


def side_mm(orbit: Orbit) -> float:
    moved = 95.0 * math.radians(orbit.step_deg) if orbit.continuous else 0.0
    return SIDE_FWHM * orbit.fwhm_mm + moved


def centroids(orbit: Orbit, images: np.ndarray, head: int) -> list[list[reference.Centroid]]:
    """Return the centroids of every source in every view, in squares about where it is known to be."""
    return [
        [
            reference.centroid(image, orbit.spacing_mm, (float(x), float(y)), side_mm(orbit))
            for image, (x, y) in zip(images, places, strict=True)
        ]
        for places in orbit.positions_mm(head)
    ]


def columns_of(views: Sequence[reference.Centroid]) -> tuple[list[float], list[float]]:
    return [one.x for one in views], [one.y for one in views]


# --- the reference --------------------------------------------------------------------------------------


def test_vector_of_an_offset() -> None:
    """x = 63.5 + 0.25 + 20 cos(theta - 0.3) pixels of 4.8 mm."""
    theta = reference.angles(0.4, 2 * math.pi / 64, 64, clockwise=False, moving=False)
    x = [4.8 * (0.25 + 20 * math.cos(angle - 0.3)) for angle in theta]
    fit = reference.sinusoid(theta, x)
    assert fit.offset == pytest.approx(1.2, abs=1e-9)  # no noise: arithmetic only, here and below
    assert (fit.radius, fit.phase) == pytest.approx((96.0, 0.3), abs=1e-9)
    assert reference.opposed(theta, x) == pytest.approx(1.2, abs=1e-9)
    assert reference.residuals(fit, theta, x) == pytest.approx([0.0] * 64, abs=1e-9)


@pytest.mark.parametrize(("arc", "bias"), [(math.pi, 0.4277), (2 * math.pi, 0.0)])
def test_vector_of_a_sag(arc: float, bias: float) -> None:
    """0.3 mm of cos(2 theta) moves the offset on half a circle, and not on a whole one."""
    theta = reference.angles(0.0, arc / 64, 64, clockwise=False, moving=False)
    x = [80 * math.cos(angle - 0.3) + 0.3 * math.cos(2 * angle) for angle in theta]
    assert reference.sinusoid(theta, x).offset == pytest.approx(bias, abs=5e-5)  # printed to four decimals


def test_sag_and_drift_are_told_apart() -> None:
    theta = reference.angles(1.0, 2 * math.pi / 50, 50, clockwise=True, moving=False)
    x = [3 + 60 * math.cos(a - 2) + 0.4 * math.cos(2 * a - 1) - 0.01 * view for view, a in enumerate(theta)]
    cosine, sine, drift = reference.sag_and_drift(theta, x)
    assert (math.hypot(cosine, sine), drift) == pytest.approx((0.4, -0.01), abs=1e-9)
    assert math.atan2(sine, cosine) == pytest.approx(1.0, abs=1e-9)


def test_vector_of_a_tilt() -> None:
    """0.5 degrees at 100 mm: 1.745 mm from the highest to the lowest place; lower where the source is farther."""
    theta = reference.angles(0.0, 2 * math.pi / 64, 64, clockwise=False, moving=False)
    fit = reference.Sinusoid(0.0, 0.0, 100.0)  # behind the back: at theta = 0 towards the head
    y = [-fit.towards_the_head(angle) * math.tan(math.radians(0.5)) for angle in theta]
    assert max(y) - min(y) == pytest.approx(1.745, abs=5e-4)  # printed to three decimals
    assert y[0] < 0
    assert reference.along_the_axis(fit, theta, y) == pytest.approx((0.0, 0.5), abs=1e-9)


@pytest.mark.parametrize("orbit", ORBITS.values(), ids=ORBITS)
def test_reference_is_exact_without_noise(orbit: Orbit) -> None:
    images = orbit.expected()[0]
    for head, truth in enumerate(orbit.truth()):
        for found, true in zip(
            centroids(orbit, images[head, 0], head), orbit.positions_mm(head), strict=True
        ):
            # No noise; 8 mm on pixels of 4.7 mm: the centroid's own error is below 2e-4 mm.
            np.testing.assert_allclose([(one.x, one.y) for one in found], true, atol=3e-4)
        if orbit.arc_deg == 360 and not truth.head.drift_mm:
            x, y = columns_of(found)
            fit = reference.sinusoid(theta_of(orbit, head), x)
            assert fit.offset == pytest.approx(truth.head.offset_mm, abs=3e-4)
            assert fit.radius == pytest.approx(truth.sources[-1].radius_mm, abs=3e-4)
            _, tilt = reference.along_the_axis(fit, theta_of(orbit, head), y)
            assert tilt == pytest.approx(truth.head.tilt_deg, abs=3e-4)


# --- nmqc against the reference -------------------------------------------------------------------------


@cache
def measured(orbit: Orbit) -> list[dict[tuple[str, str], Measurement]]:
    test = catalogue.find("cor.point-sources")
    analysis = test.analyse(turning(orbit, SEED), test.options())
    assert analysis.refused == ()
    return [{(m.metric.name, m.of): m for m in result.measurements} for result in analysis.results]


def window_mm(orbit: Orbit) -> float:
    """Return the standard deviation of what two squares of unlike size make of the same centroid.

    That of the background in the larger one, sqrt(sum(x^2) b) / N: the mean of x^2 is a twelfth of its side, squared.
    Without background a few counts of the source differ: one at half a side from it.
    """
    side, counts = side_mm(orbit), min(source.counts for source in orbit.sources)
    background = orbit.background * side**2 / math.prod(orbit.spacing_mm)
    return (background / 12 + 1 / 4) ** 0.5 * side / counts


@dataclass(frozen=True)
class Seen:
    """One source of one head as the reference sees it."""

    name: str
    theta: list[float]
    x: list[float]
    y: list[float]

    @property
    def fit(self) -> reference.Sinusoid:
        return reference.sinusoid(self.theta, self.x)


@cache
def noisy_centroids(orbit: Orbit) -> tuple[list[list[reference.Centroid]], ...]:
    """Return the centroids that each head sees in the noise of SEED."""
    images = orbit.noisy(SEED)[0]
    return tuple(centroids(orbit, images[head, 0], head) for head in range(len(orbit.heads)))


def seen_by(orbit: Orbit, head: int) -> list[Seen]:
    """Return the sources of a head, those nearer to the patient's head first, as nmqc names them."""
    found = noisy_centroids(orbit)[head]
    in_order = sorted(range(len(found)), key=lambda number: -orbit.sources[number].z_mm)
    return [
        Seen(f"source {place}", theta_of(orbit, head), *columns_of(found[number]))
        for place, number in enumerate(in_order, start=1)
    ]


def of_source(orbit: Orbit, seen: Seen, one: float) -> Iterator[tuple[str, float, float]]:
    """Yield metric, value and tolerance of one source; `one` is the tolerance of a single centroid."""
    mean, fit = one / orbit.views**0.5, seen.fit
    # What an arc of 180 degrees does to an offset; the weights of nmqc do as much to one that moves.
    mean *= 1.0 if orbit.arc_deg == 360 else 2.3
    half_step = math.radians(orbit.step_deg) / 2
    radius = fit.radius / (math.sin(half_step) / half_step if orbit.continuous else 1.0)
    row, tilt = reference.along_the_axis(fit, seen.theta, seen.y)
    left = reference.residuals(fit, seen.theta, seen.x)
    yield "offset", fit.offset, mean
    yield "radius", radius, 2**0.5 * mean
    yield "axial_mean", row, mean
    yield "axial_range", max(seen.y) - min(seen.y), 2**0.5 * one
    yield "residual_max", max(abs(value) for value in left), one
    yield "residual_rms", (sum(value**2 for value in left) / len(left)) ** 0.5, mean
    if radius > 10:
        yield "tilt", tilt, math.degrees(2 * mean / radius)
    if orbit.arc_deg == 360:
        yield "drift", reference.sag_and_drift(seen.theta, seen.x)[2], 4 * mean / orbit.views
        yield "offset_opposed", reference.opposed(seen.theta, seen.x), mean


@pytest.mark.parametrize("orbit", ORBITS.values(), ids=ORBITS)
def test_nmqc_agrees_with_the_reference_on_each_source(orbit: Orbit) -> None:
    results = measured(orbit)
    one = WITHIN * window_mm(orbit)
    for head in range(len(orbit.heads)):
        for seen in seen_by(orbit, head):
            for metric, value, within in of_source(orbit, seen, one):
                assert results[head][f"cor.{metric}", seen.name].value == pytest.approx(value, abs=within), (
                    head,
                    seen.name,
                    metric,
                )


@pytest.mark.parametrize("orbit", ORBITS.values(), ids=ORBITS)
def test_nmqc_agrees_with_the_reference_on_each_head(orbit: Orbit) -> None:
    results = measured(orbit)
    mean = WITHIN * window_mm(orbit) / orbit.views**0.5 * (1.0 if orbit.arc_deg == 360 else 2.3)
    for head in range(len(orbit.heads)):
        found, seen = results[head], seen_by(orbit, head)
        offset = sum(one.fit.offset for one in seen) / len(seen)
        assert found["cor.offset", ""].value == pytest.approx(offset, abs=mean)
        assert found["cor.offset_px", ""].value == pytest.approx(offset / orbit.spacing_mm[1], abs=mean / 4)
        if orbit.arc_deg == 360:
            parts = [reference.sag_and_drift(one.theta, one.x) for one in seen]
            cosine, sine, drift = (sum(part[n] for part in parts) / len(parts) for n in range(3))
            assert found["cor.drift", ""].value == pytest.approx(drift, abs=4 * mean / orbit.views)
            sag = found["cor.sag", ""]
            # nmqc takes off what noise adds to a square: twice the variance of either part.
            there = max(cosine**2 + sine**2 - 2 * sag.uncertainty_parts["counting"] ** 2, 0.0) ** 0.5
            assert sag.value == pytest.approx(there, abs=2 * mean)


@pytest.mark.parametrize("name", [name for name in ORBITS if name.startswith("three")])
def test_nmqc_agrees_with_the_reference_on_the_figures_of_nema(name: str) -> None:
    orbit = ORBITS[name]
    *results, pair = measured(orbit)
    one = WITHIN * window_mm(orbit)
    mean = one / orbit.views**0.5
    heads = noisy_centroids(orbit)
    for found, sources in zip(results, heads, strict=True):
        offset, axial = reference.nema_head(sources)
        assert found["cor.nema_offset", ""].value == pytest.approx(offset, abs=mean)
        assert found["cor.nema_axial", ""].value == pytest.approx(axial, abs=2**0.5 * one)
    offset, axial = reference.nema_pair(*heads)
    assert pair["cor.nema_pair_offset", "1-2"].value == pytest.approx(offset, abs=2 * mean)
    assert pair["cor.nema_pair_axial", "1-2"].value == pytest.approx(axial, abs=2 * mean)


@pytest.mark.parametrize("orbit", [one for one in ORBITS.values() if len(one.heads) > 1])
def test_nmqc_agrees_with_the_reference_on_a_pair_of_heads(orbit: Orbit) -> None:
    *_, pair = measured(orbit)
    mean = WITHIN * window_mm(orbit) / orbit.views**0.5
    both = list(zip(*(seen_by(orbit, head) for head in (0, 1)), strict=True))
    offsets = [one.fit.offset - other.fit.offset for one, other in both]
    shifts = [
        reference.along_the_axis(one.fit, one.theta, one.y)[0]
        - reference.along_the_axis(other.fit, other.theta, other.y)[0]
        for one, other in both
    ]
    turns = [
        (math.remainder(other.fit.phase - one.fit.phase, 2 * math.pi), one.fit.radius)
        for one, other in both
        if one.fit.radius > 10
    ]
    weights = [radius**2 for _, radius in turns]  # the variance of a phase goes with the radius
    phase = sum(weight * turn for weight, (turn, _) in zip(weights, turns, strict=True)) / sum(weights)
    nearest = min(radius for _, radius in turns)
    assert pair["cor.offset_difference", "1-2"].value == pytest.approx(sum(offsets) / len(both), abs=2 * mean)
    assert pair["cor.axial_shift", "1-2"].value == pytest.approx(sum(shifts) / len(both), abs=2 * mean)
    # A drift turns the sources apart, and the weights are the same to a few per cent.
    apart = max(turn for turn, _ in turns) - min(turn for turn, _ in turns)
    within = math.degrees(2 * mean / nearest + 0.05 * apart)
    assert pair["cor.phase_difference", "1-2"].value == pytest.approx(math.degrees(phase), abs=within)
