"""How a comparison is worded, the same on the terminal and in the PDF."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nmqc.compare.comparison import Comparison, Member, Said
from nmqc.report import wording

WORDS: dict[Said, str] = {
    "alike": "alike",
    "little": "differ little",
    "differ": "DIFFER",
    "not_comparable": "not comparable",
    "unsaid": "too few values",
}
RULE = (
    "U is the expanded uncertainty, k = 2, of a median, or of its difference from the mean of all medians; the "
    "spread is a standard deviation of single values, outliers clipped. Alike: Welch's test of the medians gives a "
    "chance of 1 % or more; else they differ, and differ little where every median lies within a quarter of the "
    "room between their mean and the fail limit that judged them. Excluded results are left out."
)
HEADER = ("", "n", "median ± U", "spread", "from the mean ± U")
_GAP = "  "


def title(one: Comparison) -> str:
    """Return what is compared: "integral uniformity, UFOV / %"."""
    name = one.metric.label or one.metric.name
    name = f"{name}, {one.of}" if one.of else name
    unit = wording.with_unit("", one.members[0].series.key.unit_of_value).strip()
    return f"{name} / {unit}" if unit else name


def about(one: Comparison) -> str:
    """Return of which test and acquisitions it is."""
    return ", ".join(part for part in (one.test, one.nuclide, one.mounted) if part)


def sentence(one: Comparison) -> str:
    """Return the range of the medians, the limit and the chance, in words."""
    parts = [f"medians over {wording.significant(one.span)}"]
    if one.limit is not None:
        ends = [f"{end:g}" for end in (one.limit.low, one.limit.high) if end is not None]
        parts.append(f"fail limit {' and '.join(ends)}")
    if one.chance is not None:
        parts.append("chance below 0.1 %" if one.chance < 1e-3 else f"chance {100 * one.chance:.2g} %")
    return "; ".join([*parts, *one.remarks])


def row(member: Member, difference: float, sigma: float | None) -> tuple[str, ...]:
    """Return the cells of a member, as `HEADER` names them."""
    level = member.level
    places = wording.decimals(level.median, level.uncertainty)
    return (
        member.name,
        str(level.count),
        _quantity(level.median, level.uncertainty, places),
        "-" if level.spread is None else wording.significant(level.spread, 2),
        _quantity(difference, sigma, places, signed=True),
    )


def text(comparisons: Sequence[Comparison]) -> str:
    """Return comparisons as text for a terminal."""
    return "\n\n".join("\n".join(_block(one)) for one in comparisons)


def _block(one: Comparison) -> Iterator[str]:
    yield f"{title(one)} ({about(one)}): {WORDS[one.said]}"
    pairs = zip(one.members, one.differences, strict=True)
    rows = [HEADER, *(row(member, *difference) for member, difference in pairs)]
    yield from wording.columns(rows, _GAP)
    yield _GAP + sentence(one)


def _quantity(value: float, sigma: float | None, places: int, *, signed: bool = False) -> str:
    words = wording.number(value, places)
    words = f"+{words}" if signed and not words.startswith("-") else words
    return words if sigma is None else f"{words} ± {wording.number(2 * sigma, places)}"
