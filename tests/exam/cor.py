"""Point sources on an orbit for the exam, of which the truth is known."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import ClassVar

import numpy as np

from nmqc.model import Acquisition, Frame, Measurement, Result
from nmqc.validate.orbits import named
from phantoms.cor import Orbit, OrbitHead, OrbitTruth, PointSource
from tests.exam.acquisitions import turning
from tests.exam.examination import Candidate, Examination, Expected, Key, between

COR = "cor"
SIGMA_PER_FWHM = 1 / (2 * math.sqrt(2 * math.log(2)))
#: docs of the contract, section 7
PER_DETECTOR = frozenset(
    f"{COR}.{name}"
    for name in (
        *(
            "offset",
            "offset_px",
            "residual_max",
            "residual_rms",
            "radius",
            "axial_mean",
            "axial_range",
            "tilt",
        ),
        *("sag", "drift", "offset_opposed", "offset_slope", "resolution", "nema_offset", "nema_axial"),
    )
)
PER_PAIR = frozenset(
    f"{COR}.{name}"
    for name in (
        *("axial_shift", "offset_difference", "phase_difference"),
        *("nema_pair_offset", "nema_pair_axial"),
    )
)
EXACT_MM = (
    1e-3  # no noise: neighbours' tails beyond 1.9 FWHM, and centroids of 6.7 mm FWHM on pixels of 4.8 mm
)
EXACT_DEG = 2e-3  # 1e-3 mm at 30 mm from the axis

#: the middle one on the axis, the others on either side of it, and so far apart along it that they never cross
THREE = (
    PointSource(75.0, -6.0, 64.0),
    PointSource(1.7, 2.2, 1.0, 21_000.0),
    PointSource(-71.0, 19.0, -66.0, 19_000.0),
)

Lengths = Iterator[tuple[str, float, float, float]]


class OrbitExamination(Examination):
    """One to five sources before one or two heads, on orbits of every kind.

    The axis of rotation runs along the columns of each view: a view with rows as columns is none. The mirror of this
    examination stands upright beside the axis: left is right, and heads turn the other way. Every offset changes
    its sign there, and no tilt and no place along the axis does.

    Half of the heads sag and drift; they see every source in every view, at rest, and as sharp from afar: the closed
    forms of these faults hold for full circles of equal weights.
    """

    test = "cor.point-sources"
    draws: ClassVar[int] = 8
    irregular: ClassVar[frozenset[str]] = frozenset({f"{COR}.sag"})  # cut off at zero
    reversed: ClassVar[frozenset[str]] = frozenset(
        f"{COR}.{name}"
        for name in (
            *("offset", "offset_px", "offset_opposed", "offset_slope", "drift"),
            *("offset_difference", "phase_difference"),
        )
    )

    def draw(self, random: np.random.Generator) -> Candidate:
        """Return an orbit of 48 to 72 views for each head."""
        wandering, nema = random.random() < 0.5, random.random() < 0.4
        arc_deg = 360.0 if wandering or nema else float(random.choice([360.0, 270.0, 180.0]))
        start_deg, apart_deg = between(random, 0.0, 360.0), float(random.choice([180.0, 90.0, 76.0]))
        first, second = self._head(random, wandering), self._head(random, wandering)
        heads = (
            replace(first, start_deg=start_deg),
            replace(second, start_deg=start_deg + apart_deg, angle_error_deg=between(random, -0.8, 0.8)),
        )
        views = int(random.integers(48, 73))
        orbit = Orbit(
            system="symbia-t2",
            sources=THREE if nema else self._sources(random, crossing=not wandering),
            heads=heads[: 1 if random.random() < 0.35 else 2],
            views=views,
            arc_deg=arc_deg,
            clockwise=bool(random.random() < 0.5),
            continuous=not wandering and random.random() < 0.7,
            radius_mm=tuple(float(radius) for radius in random.uniform(180.0, 260.0, views)),
            fwhm_mm=between(random, 8.0, 9.5),
            fwhm_per_mm=0.0 if wandering else between(random, 0.0, 0.012),
            background=between(random, 0.1, 2.0),
            half_life_s=None if wandering else 21_672.0,
        )
        return Candidate(self._pixelled(orbit, random))

    def on_other_pixels(self, candidate: Candidate, random: np.random.Generator) -> Candidate:
        return replace(candidate, phantom=self._pixelled(candidate.phantom, random))

    def acquire(self, candidate: Candidate, seed: int | None = None) -> Acquisition:
        return turning(candidate.phantom, seed)

    def lengths(self, candidate: Candidate, result: Result) -> Lengths:
        """Yield every closed form that there is of a head, or of a pair."""
        orbit, found = candidate.phantom, {(m.metric.name, m.of): m.value for m in result.measurements}
        heads: tuple[OrbitTruth, ...] = orbit.truth()
        if result.detector is None:
            yield from self._of_pair(orbit, heads, found)
        else:
            truth = heads[result.detector - 1]
            yield from self._of_head(orbit, truth, found)
            yield from self._phases(orbit, truth, found, result)

    def sweep(self, random: np.random.Generator) -> Iterator[tuple[Candidate, Expected, float]]:
        """Yield a head from sound to faulty: its offset, tilt and sag grow together."""
        head = OrbitHead(start_deg=between(random, 0.0, 360.0), sag_phase_deg=between(random, 0.0, 360.0))
        orbit = Orbit(
            sources=THREE,
            heads=(head,),
            views=48,
            clockwise=bool(random.random() < 0.5),
            background=1.0,
        )
        base = self._pixelled(orbit, random)
        for part in (0.0, 0.05, 0.2, 0.5, 1.0):
            faulty = replace(head, offset_mm=6.0 * part, tilt_deg=-1.5 * part, sag_mm=1.2 * part)
            expected = {
                (f"{COR}.offset", ""): faulty.offset_mm,
                (f"{COR}.offset_px", ""): faulty.offset_mm / base.spacing_mm[1],
                (f"{COR}.offset_opposed", ""): faulty.offset_mm,
                (f"{COR}.nema_offset", ""): faulty.offset_mm,
                (f"{COR}.tilt", ""): faulty.tilt_deg,
                (f"{COR}.sag", ""): faulty.sag_mm,
            }
            yield Candidate(replace(base, heads=(faulty,))), expected, EXACT_DEG

    def noise(self, random: np.random.Generator) -> Candidate:
        """Return one source before a head with an offset and nothing else wrong with it, and no background."""
        head = OrbitHead(start_deg=between(random, 0.0, 360.0), offset_mm=between(random, 2.0, 4.0))
        source = PointSource(
            between(random, 55.0, 70.0), between(random, -40.0, 40.0), between(random, -30.0, 30.0)
        )
        orbit = Orbit(sources=(source,), heads=(head,), views=60, clockwise=bool(random.random() < 0.5))
        return Candidate(self._pixelled(orbit, random))

    def predicted(self, candidate: Candidate, result: Result) -> Mapping[Key, tuple[float, float]]:
        """Return means of centroids, each as uncertain as sigma / sqrt(N), and amplitudes sqrt(2) as much."""
        orbit: Orbit = candidate.phantom
        (head,), (source,) = orbit.truth(), orbit.sources
        down, along = (self._spread(orbit, source, pixel_mm) for pixel_mm in orbit.spacing_mm)
        return {
            (f"{COR}.offset", ""): (head.head.offset_mm, along),
            (f"{COR}.offset_opposed", ""): (head.head.offset_mm, along),
            (f"{COR}.axial_mean", ""): (head.sources[0].axial_mm, down),
            (f"{COR}.radius", "source 1"): (source.radius_mm, 2**0.5 * along),
            (f"{COR}.tilt", ""): (0.0, math.degrees(2**0.5 * down / source.radius_mm)),
        }

    def in_mirror(self, made: Acquisition) -> Acquisition:
        """Return what a camera in an upright mirror acquires: columns reversed, angles negative."""
        return replace(made, frames=tuple(self._reversed(frame) for frame in made.frames))

    def mirrored(self, key: Key, m: Measurement, others: Mapping[Key, Measurement]) -> tuple[Key, float]:
        return key, -m.value if key[0] in self.reversed else m.value

    def declared(self, result: Result, metrics: frozenset[str]) -> frozenset[str]:
        """Return the metrics of a detector, or those of a pair: a result is of one or the other."""
        assert metrics == PER_DETECTOR | PER_PAIR
        return PER_PAIR if result.detector is None else PER_DETECTOR

    def symmetry(self, key: Key) -> float:
        return 1e-5  # Gaussians are fitted until a step is small enough

    def steadiness(self, key: Key) -> Mapping[str, float]:
        return {"rel": 1e-5, "abs": 1e-5}  # as above

    # --- one head, and a pair ---------------------------------------------------------------------------

    def _of_head(self, orbit: Orbit, truth: OrbitTruth, found: Mapping[Key, float]) -> Lengths:
        head, sources = truth.head, named(truth, found)
        assert len(sources) == len(orbit.sources)
        offset = sum(source.offset_mm for source in sources.values()) / len(sources)
        axial = sum(source.axial_mm for source in sources.values()) / len(sources)
        yield "offset", found[f"{COR}.offset", ""], offset, self._exact_mm(orbit)
        yield "axial position", found[f"{COR}.axial_mean", ""], axial, self._exact_mm(orbit)
        yield (
            "FWHM",
            found[f"{COR}.resolution", "200 mm"],
            orbit.fwhm_mm,
            10 * EXACT_MM,
        )  # in motion along y alone
        for name, source in sources.items():
            yield f"offset, {name}", found[f"{COR}.offset", name], source.offset_mm, self._exact_mm(orbit)
            yield (
                f"axial position, {name}",
                found[f"{COR}.axial_mean", name],
                source.axial_mm,
                self._exact_mm(orbit),
            )
            # A turned image holds a part of it along y.
            within = source.radius_mm * (1 - math.cos(math.radians(head.turn_deg)))
            yield (
                f"radius, {name}",
                found[f"{COR}.radius", name],
                source.radius_mm,
                self._swing_mm(orbit, head) + within,
            )
        if self._off_axis(truth):
            swing = math.degrees(math.radians(abs(head.tilt_deg)) * self._swing_mm(orbit, head) / 30.0)
            yield "tilt", found[f"{COR}.tilt", ""], head.tilt_deg, EXACT_DEG + swing
        if orbit.arc_deg == 360:
            yield "drift", found[f"{COR}.drift", ""], head.drift_mm, 2 * self._exact_mm(orbit) / orbit.views
            yield "sag", found[f"{COR}.sag", ""], head.sag_mm, self._exact_mm(orbit)
        if orbit.arc_deg == 360 and orbit.views % 2 == 0:
            yield "offset, opposed", found[f"{COR}.offset_opposed", ""], offset, self._exact_mm(orbit)
        if orbit.sources == THREE and orbit.views % 2 == 0:
            yield from self._of_nema(orbit, truth, found)

    def _phases(self, orbit: Orbit, truth: OrbitTruth, found: Mapping[Key, float], result: Result) -> Lengths:
        told = {one["name"]: one["phase_deg"] for one in result.parameters["sources"]}
        for name, source in named(truth, found).items():
            if told[name] is None:
                assert source.radius_mm < 20
                continue
            within = EXACT_DEG + math.degrees(self._swing_mm(orbit, truth.head) / source.radius_mm)
            yield f"phase, {name}", math.remainder(told[name] - source.phase_deg, 360), 0.0, within

    def _of_nema(self, orbit: Orbit, truth: OrbitTruth, found: Mapping[Key, float]) -> Lengths:
        largest = max(abs(source.offset_mm) for source in truth.sources)
        down = orbit.positions_mm(truth.detector - 1)[:, :, 1]
        yield "NEMA, offset", found[f"{COR}.nema_offset", ""], largest, self._exact_mm(orbit)
        yield (
            "NEMA, axial",
            found[f"{COR}.nema_axial", ""],
            float(np.ptp(down, axis=1).max()),
            self._exact_mm(orbit),
        )

    def _of_pair(self, orbit: Orbit, heads: tuple[OrbitTruth, ...], found: Mapping[Key, float]) -> Lengths:
        first, second = heads
        pairs = list(zip(first.sources, second.sources, strict=True))
        offsets = [one.offset_mm - other.offset_mm for one, other in pairs]
        shifts = [one.axial_mm - other.axial_mm for one, other in pairs]
        yield (
            "offsets",
            found[f"{COR}.offset_difference", "1-2"],
            sum(offsets) / len(offsets),
            self._exact_mm(orbit),
        )
        yield (
            "axial shift",
            found[f"{COR}.axial_shift", "1-2"],
            sum(shifts) / len(shifts),
            self._exact_mm(orbit),
        )
        if self._off_axis(first):
            turned = second.head.angle_error_deg - first.head.angle_error_deg
            swing = sum(self._swing_mm(orbit, one.head) for one in heads)
            # What a tilt adds to the phase of a turned image is the product of the two angles.
            products = sum(abs(one.head.tilt_deg * math.radians(one.head.turn_deg)) for one in heads)
            within = EXACT_DEG + math.degrees(swing / 30.0) + products
            yield "phase", found[f"{COR}.phase_difference", "1-2"], -turned, within
        if orbit.sources == THREE and orbit.views % 2 == 0:
            yield (
                "NEMA, offsets",
                found[f"{COR}.nema_pair_offset", "1-2"],
                max(map(abs, offsets)),
                self._exact_mm(orbit),
            )
            yield (
                "NEMA, axial",
                found[f"{COR}.nema_pair_axial", "1-2"],
                max(map(abs, shifts)),
                self._exact_mm(orbit),
            )

    def _exact_mm(self, orbit: Orbit) -> float:
        """Return how exact centroids are without noise: less so where sources cross.

        A neighbour is taken off as a round Gaussian: it is one to a per mille or so, but not in the views in which
        the moving head drew it out.
        """
        levels = sorted(source.z_mm for source in orbit.sources)
        if not any(np.diff(levels) < 20.0):
            return EXACT_MM
        return (40 if orbit.continuous else 5) * EXACT_MM

    def _swing_mm(self, orbit: Orbit, head: OrbitHead) -> float:
        """Return what a drift adds to the amplitude of a sinusoid: the first harmonic of a saw-tooth."""
        return self._exact_mm(orbit) + abs(head.drift_mm) * orbit.views / math.pi

    def _off_axis(self, truth: OrbitTruth) -> bool:
        return any(source.radius_mm > 20 for source in truth.sources)

    # --- objects ----------------------------------------------------------------------------------------

    def _head(self, random: np.random.Generator, wandering: bool) -> OrbitHead:
        head = OrbitHead(
            offset_mm=between(random, -8.0, 8.0),
            axial_mm=between(random, -5.0, 5.0),
            tilt_deg=between(random, -0.9, 0.9),
            turn_deg=between(random, -0.6, 0.6),
            sensitivity=between(random, 0.85, 1.0),
        )
        if not wandering:
            return head
        sag_mm, drift_mm = between(random, 0.2, 0.8), between(random, -0.004, 0.004)
        return replace(head, sag_mm=sag_mm, sag_phase_deg=between(random, 0.0, 360.0), drift_mm=drift_mm)

    def _sources(self, random: np.random.Generator, crossing: bool) -> tuple[PointSource, ...]:
        """Return one to four sources at levels of their own, or up to five of which two cross at one level."""
        count = int(random.integers(1, 5))
        levels = -104.0 + np.cumsum(random.uniform(67.0, 69.0, 4)) - 68.0
        sources = [self._source(random, z, between(random, 30.0, 95.0)) for z in levels[:count]]
        if crossing and random.random() < 0.6:
            one = sources[-1]
            # A third of a turn from it, at another radius: apart in most views.
            angle = math.atan2(one.y_mm, one.x_mm) + between(random, 1.8, 2.4)
            sources[-1] = self._source(random, one.z_mm, 90.0, angle - 2.0)
            sources.append(self._source(random, one.z_mm + between(random, -4.0, 4.0), 65.0, angle))
        return tuple(sources)

    def _source(
        self, random: np.random.Generator, z_mm: float, radius_mm: float, angle: float | None = None
    ) -> PointSource:
        at = between(random, 0.0, 2 * math.pi) if angle is None else angle
        counts = between(random, 15_000.0, 30_000.0)
        return PointSource(radius_mm * math.cos(at), radius_mm * math.sin(at), z_mm, counts)

    def _pixelled(self, orbit: Orbit, random: np.random.Generator) -> Orbit:
        """Return the sources on pixels of 3.9 to 4.8 mm, and a matrix that holds them."""
        down, along = (round(between(random, 3.9, 4.8), 4) for _ in range(2))
        rows = math.ceil(between(random, 320.0, 350.0) / down)
        columns = math.ceil(between(random, 310.0, 350.0) / along)
        return replace(orbit, matrix=(rows, columns), pixel_mm=(down, along))

    def _spread(self, orbit: Orbit, source: PointSource, pixel_mm: float) -> float:
        """Return the standard deviation of the mean of a source's centroids."""
        variance = (orbit.fwhm_mm * SIGMA_PER_FWHM) ** 2 + pixel_mm**2 / 12
        return (variance / source.counts / orbit.views) ** 0.5

    def _reversed(self, frame: Frame) -> Frame:
        assert frame.gantry is not None
        gantry = replace(
            frame.gantry, angle_deg=-frame.gantry.angle_deg % 360, step_deg=-frame.gantry.step_deg
        )
        return replace(frame, counts=np.ascontiguousarray(frame.counts[:, ::-1]), gantry=gantry)
