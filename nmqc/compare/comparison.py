"""Series of the history, one of each head of each camera, held against each other quantity by quantity."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any, Literal

from nmqc import __version__, catalogue
from nmqc.compare.statistics import Level, chance_alike, from_the_mean, level_of
from nmqc.history import SeriesPoint, SeriesRows
from nmqc.limits import NO_COLLIMATOR
from nmqc.model import Ends, Metric

SCHEMA = "nmqc.compare/1"
Said = Literal["alike", "little", "differ", "not_comparable", "unsaid"]
#: below this probability a difference is no chance
CHANCE = 0.01
#: differences within this part of the room to the limit do not matter
RELEVANT = 0.25
#: counts that are so many times as many are others
COUNTS_RATIO = 1.5
INTRINSIC, EXTRINSIC = "intrinsic", "extrinsic"
#: what is compared where nobody names a metric: test -> names without the test's family
HEADLINES: dict[str, tuple[str, ...]] = {
    "uniformity.planar": ("integral.ufov", "integral.cfov", "differential.ufov", "differential.cfov"),
    "resolution.bars": ("fwhm", "linearity_sd", "pixel_scale"),
    "resolution.slits": ("fwhm", "fwtm", "linearity_differential", "linearity_absolute"),
    "resolution.lines": ("fwhm", "fwtm", "pixel_size"),
    "cor.point-sources": ("offset", "residual_max", "residual_rms", "tilt", "resolution", "axial_shift"),
    "pet.image-quality": ("contrast_hot", "contrast_cold", "background_variability", "lung_residual"),
    "pet.recovery": ("rc_mean", "rc_max", "rc_peak", "calibration"),
    "pet.resolution-fit": ("fwhm_transaxial", "fwhm_axial"),
    "pet.uniformity": ("uniformity_axial", "uniformity_transaxial", "noise", "calibration"),
}


@dataclass(frozen=True, slots=True)
class Member:
    """One head of one camera, or a camera without heads.

    Attributes
    ----------
    camera : its name; with the number of the history where several hold it
    points : those that count, at least one, in order of time
    counts : median of the counts per pixel; None where they do not apply
    left_out : series of the same head with another window, collimator or setting, which have fewer values
    """

    camera: str
    series: SeriesRows
    points: tuple[SeriesPoint, ...]
    level: Level
    counts: float | None
    left_out: int

    @property
    def name(self) -> str:
        """For people: "Gamma 1, detector 2"."""
        detector = self.series.key.detector
        return self.camera if detector is None else f"{self.camera}, detector {detector}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One quantity of several members.

    Attributes
    ----------
    metric, of : which
    mounted : "intrinsic" or "extrinsic"; "" where no header tells
    members : two or more
    said : "alike": no more than chance; "little": more, within a quarter of the room to the limit; "differ";
        "not_comparable": their counts differ; "unsaid": too few values
    chance : probability that they differ so much by chance; None where it cannot be said
    limit : the fail limit that judged all of them last; None where there is none, or several
    differences : of each member from the mean of all, with standard uncertainty
    remarks : what a reader has to know
    """

    test: str
    algorithm: str
    metric: Metric
    of: str
    nuclide: str
    mounted: str
    members: tuple[Member, ...]
    said: Said
    chance: float | None
    limit: Ends | None
    differences: tuple[tuple[float, float | None], ...]
    remarks: tuple[str, ...]

    @property
    def span(self) -> float:
        """The largest median less the smallest."""
        medians = [one.level.median for one in self.members]
        return max(medians) - min(medians)


def is_headline(series: SeriesRows) -> bool:
    """Say whether a series is of what is compared where nobody names a metric."""
    wanted = HEADLINES.get(series.key.test, ())
    return any(series.key.metric.endswith(f".{name}") for name in wanted) and series.key.of not in _VARIANTS


_VARIANTS = ("strict", "whole-pixels", "near-source", "reference")


def compare(found: Iterable[tuple[str, SeriesRows]]) -> list[Comparison]:
    """Hold series against each other; what only one head of one camera has is left out.

    Parameters
    ----------
    found : pairs of a camera's name and a series of it
    """
    groups: defaultdict[tuple[str, ...], list[tuple[str, SeriesRows]]] = defaultdict(list)
    for camera, series in found:
        if any(point.excluded is None for point in series.points):
            groups[_group(series)].append((camera, series))
    known = {metric.name: metric for test in catalogue.TESTS for metric in test.metrics}
    order = {name: place for place, name in enumerate(known)}
    made = [_comparison(key, _members(pairs), known) for key, pairs in groups.items()]
    kept = [one for one in made if one is not None]
    return sorted(
        kept, key=lambda one: (one.test, one.nuclide, one.mounted, order.get(one.metric.name, 0), one.of)
    )


def _group(series: SeriesRows) -> tuple[str, ...]:
    key = series.key
    mounted = ""
    if key.collimator:
        mounted = INTRINSIC if key.collimator == NO_COLLIMATOR else EXTRINSIC
    return (key.test, key.algorithm, key.metric, key.of, key.unit_of_value, key.nuclide, mounted)


def _members(pairs: Sequence[tuple[str, SeriesRows]]) -> list[Member]:
    """Return one member for each head of each camera: of several series of it the one with most values."""
    heads: defaultdict[tuple[str, int], list[SeriesRows]] = defaultdict(list)
    for camera, series in pairs:
        heads[(camera, series.key.detector or 0)].append(series)
    return [_member(camera, several) for (camera, _), several in sorted(heads.items())]


def _member(camera: str, several: Sequence[SeriesRows]) -> Member:
    chosen = max(several, key=lambda one: len(_valid(one)))
    points = _valid(chosen)
    level = level_of([one.value for one in points], [one.uncertainty for one in points])
    counts = [one.counts for one in points if one.counts]
    return Member(camera, chosen, points, level, median(counts) if counts else None, len(several) - 1)


def _valid(series: SeriesRows) -> tuple[SeriesPoint, ...]:
    return tuple(one for one in series.points if one.excluded is None)


def _comparison(
    key: tuple[str, ...], members: list[Member], known: Mapping[str, Metric]
) -> Comparison | None:
    if len(members) < 2:
        return None
    test, algorithm, name, of, unit, nuclide, mounted = key
    levels = [one.level for one in members]
    chance, limit = chance_alike(levels), _limit(members)
    said, remarks = _said(members, chance, limit)
    metric = known.get(name, Metric(name, unit, ""))
    differences = tuple(from_the_mean(levels))
    return Comparison(
        *(test, algorithm, metric, of, nuclide, mounted, tuple(members)),
        *(said, chance, limit, differences, remarks),
    )


def _limit(members: Sequence[Member]) -> Ends | None:
    limits = {(one.points[-1].fail, one.points[-1].limits_of) for one in members}
    found, of = limits.pop() if len(limits) == 1 else (None, None)
    if found is None or found == Ends() or of != "magnitude":
        return None if found == Ends() else found
    return None if found.high is None else Ends(-found.high, found.high)


def _said(
    members: Sequence[Member], chance: float | None, limit: Ends | None
) -> tuple[Said, tuple[str, ...]]:
    remarks = _remarks(members)
    counts = [one.counts for one in members if one.counts]
    noisy = any(point.floor_p95 is not None for one in members for point in one.points[-1:])
    if noisy and counts and max(counts) > COUNTS_RATIO * min(counts):
        text = (
            f"counts per pixel from {min(counts):,.0f} to {max(counts):,.0f}: extremes of noise depend on them, "
            "so that this says nothing of the cameras"
        )
        return "not_comparable", (text, *remarks)
    if chance is None:
        return "unsaid", ("too few values, or none with a scatter: five of each are needed", *remarks)
    if chance >= CHANCE:
        return "alike", remarks
    return ("little" if _matters_little(members, limit) else "differ"), remarks


def _matters_little(members: Sequence[Member], limit: Ends | None) -> bool:
    """Say whether all medians lie within a quarter of the room between their mean and the nearer fail limit."""
    if limit is None:
        return False
    medians = [one.level.median for one in members]
    mean = fmean(medians)
    rooms = [end for end in (_room(limit.high, mean), _room(mean, limit.low)) if end is not None]
    return max(abs(one - mean) for one in medians) <= RELEVANT * min(rooms)


def _room(high: float | None, low: float | None) -> float | None:
    return None if high is None or low is None else high - low


def _remarks(members: Sequence[Member]) -> tuple[str, ...]:
    texts = []
    correlated = [one.name for one in members if one.level.correlation > 0.5]
    if correlated:
        texts.append(f"days in turn resemble each other or drift: {'; '.join(correlated)}")
    several = [one.name for one in members if one.left_out]
    if several:
        texts.append(
            f"with other windows, collimators or options there are fewer values, left out: {'; '.join(several)}"
        )
    if (
        len({one.series.key.collimator for one in members})
        == 1
        < len({one.series.key.setting for one in members})
    ):
        texts.append("they were analysed with other options, or reconstructed otherwise")
    for what, of in (("collimators", _collimator), ("energy windows", _window)):
        if len({of(one) for one in members}) > 1:
            each = "; ".join(f"{one.name}: {of(one)}" for one in members)
            texts.append(f"their {what} are not the same: {each}")
    return tuple(texts)


def _collimator(member: Member) -> str:
    return member.series.key.collimator or "unknown"


def _window(member: Member) -> str:
    return member.series.key.window or "none"


# --- JSON -----------------------------------------------------------------------------------------------


def document(
    comparisons: Sequence[Comparison],
    cameras: Sequence[str],
    first: str | None,
    last: str | None,
    problems: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the JSON object.

    Parameters
    ----------
    first, last : the span that was asked for
    problems : why there is nothing to compare
    """
    return {
        "schema": SCHEMA,
        "nmqc": __version__,
        "from": first,
        "to": last,
        "cameras": list(cameras),
        "comparisons": [_json(one) for one in comparisons],
        "problems": list(problems),
    }


def _json(one: Comparison) -> dict[str, Any]:
    return {
        "test": one.test,
        "algorithm": one.algorithm,
        "name": one.metric.name,
        "label": one.metric.label or None,
        "of": one.of,
        "unit": one.members[0].series.key.unit_of_value,
        "radionuclide": one.nuclide or None,
        "collimator": one.mounted or None,
        "verdict": one.said,
        "chance": one.chance,
        "range": one.span,
        "limit": None if one.limit is None else {"low": one.limit.low, "high": one.limit.high},
        "members": [_member_json(m, *d) for m, d in zip(one.members, one.differences, strict=True)],
        "remarks": list(one.remarks),
    }


def _member_json(member: Member, difference: float, sigma: float | None) -> dict[str, Any]:
    key, level = member.series.key, member.level
    return {
        "camera": member.camera,
        "system": key.system,
        "detector": key.detector,
        "energy_window": key.window,
        "collimator": key.collimator or None,
        "count": level.count,
        "independent": level.independent,
        "first": member.points[0].acquired.isoformat(),
        "last": member.points[-1].acquired.isoformat(),
        "median": level.median,
        "spread": level.spread,
        "uncertainty": level.uncertainty,
        "correlation": level.correlation,
        "counts_per_pixel": member.counts,
        "difference": difference,
        "difference_uncertainty": sigma,
    }
