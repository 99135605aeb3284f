"""How an acceptance is worded, the same on the terminal and in the PDF."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from nmqc.acceptance.judge import Specification
from nmqc.acceptance.outcome import COVERAGE, ORDER, Finding, Outcome, Said, judged_measurement
from nmqc.acceptance.protocol import Requirement
from nmqc.report import wording

WORDS: dict[Said, str] = {
    "pass": "pass",
    "fail": "FAIL",
    "undecided": "undecided",
    "missing": "missing",
    "recorded": "recorded",
}
OVERALL: dict[Said, str] = {
    "pass": "PASSED",
    "fail": "FAILED",
    "undecided": "UNDECIDED",
    "missing": "INCOMPLETE",
    "recorded": "NOTHING JUDGED",
}
NOTHING = "-"


def label(finding: Finding) -> str:
    """Return what is required, for people: "integral uniformity, UFOV / %"."""
    return required(finding.requirement)


def required(requirement: Requirement) -> str:
    """Return what a requirement is of, for people, with its unit."""
    name = requirement.metric.label or requirement.metric.name
    name = f"{name}, {requirement.of}" if requirement.of else name
    unit = wording.with_unit("", requirement.metric.unit).strip()
    return f"{name} / {unit}" if unit else name


def place(finding: Finding) -> str:
    """Return of which detector it is: "detector 1", or "" where it is of none, or of a pair that its name tells."""
    return "" if finding.detector is None else f"detector {finding.detector}"


def window(finding: Finding) -> str:
    """Return the energy window of the result that it rests on; "" where there is none."""
    return "" if finding.candidate is None else wording.window(finding.candidate.result.energy_window)


def specification(wanted: Specification | None) -> str:
    """Return what is required: "≤3.7", with an asterisk where nobody has verified it."""
    if wanted is None:
        return NOTHING
    words = wording.ends_words(wanted.ends, wanted.of == "magnitude")
    return words if wanted.verified else f"{words} *"


def measured(finding: Finding) -> str:
    """Return the value with its expanded uncertainty (k = 2): "3.74 ± 0.21"."""
    if finding.measurement is None:
        return NOTHING
    places = wording.places_of(judged_measurement(finding.measurement, finding))
    value = wording.number(finding.measurement.value, places)
    sigma = finding.judgement.uncertainty if finding.judgement else finding.measurement.uncertainty
    return value if sigma is None else f"{value} ± {wording.number(COVERAGE * sigma, places)}"


def margin(finding: Finding) -> str:
    """Return the margin in percent of the tolerance, with its sign: "+5.1"."""
    percent = finding.judgement.margin_percent if finding.judgement else None
    if percent is None:
        return NOTHING
    return f"{percent:+.0f}" if abs(percent) >= 10 else f"{percent:+.2g}"


def probability(finding: Finding) -> str:
    """Return the probability of conformity in percent: "97.3", ">99.9"."""
    known = finding.judgement.probability if finding.judgement else None
    if known is None:
        return NOTHING
    percent = 100 * known
    if percent > 99.9:
        return ">99.9"
    return "<0.1" if percent < 0.1 else f"{percent:.1f}"


def sentence(finding: Finding) -> str:
    """Return what is to be said of one finding that is not simply met."""
    name, wanted = label(finding).partition(" / ")[0], finding.requirement.specification
    if finding.measurement is None or wanted is None:
        return f"{name}: {finding.reason}"
    unit = finding.requirement.metric.unit
    value = wording.with_unit(measured(finding), unit)
    limit = wording.with_unit(specification(wanted).removesuffix(" *"), unit)
    unverified = "" if wanted.verified else ", not verified"
    words = f"{name}: {value}, required {limit}{unverified}"
    if finding.said == "fail":
        return f"{words}: beyond it{_by(finding)}, conforms with a probability of {probability(finding)} %"
    return f"{words}: {finding.reason}" if finding.reason else words


def _by(finding: Finding) -> str:
    percent = finding.judgement.margin_percent if finding.judgement else None
    if percent is None:
        return ""
    return f" by {abs(percent):{'.0f' if abs(percent) >= 10 else '.2g'}} % of the tolerance"


def open_points(outcome: Outcome, said: Said) -> list[tuple[str, str]]:
    """Return what failed, is undecided or missing, as (test and detectors, sentence); what is alike in one line."""
    found: dict[tuple[str, str], list[Finding]] = {}
    for one in outcome.findings:
        if one.said == said:
            found.setdefault((one.part.title, _alike(one)), []).append(one)
    return [(_where(title, members), words) for (title, words), members in found.items()]


def _alike(finding: Finding) -> str:
    return finding.reason if finding.candidate is None else sentence(finding)


def _where(title: str, members: Sequence[Finding]) -> str:
    heads = sorted({one.detector for one in members if one.detector is not None})
    if not heads:
        return title
    noun = "detector" if len(heads) == 1 else "detectors"
    return f"{title}, {noun} {' and '.join(str(head) for head in heads)}"


def notices(outcome: Outcome) -> list[str]:
    """Return what a reader has to know before signing."""
    judged = [one for one in outcome.findings if one.requirement.specification is not None]
    words = []
    if outcome.unverified:
        words.append(
            f"Not verified (marked *): {outcome.unverified} of {len(judged)} limits; compare them with the contract "
            "and the maker's data sheet before signing"
        )
    further = [one for one in outcome.findings if one.requirement.further_uncertainty]
    if further:
        words.append("Uncertainties that the protocol adds are in the figures: see the protocol")
    earlier = {one.part.title for one in outcome.findings if one.others}
    if earlier:
        words.append(
            f"Only the latest acquisition counts; there are earlier ones of: {', '.join(sorted(earlier))}"
        )
    passed = ((one.part.title, reason) for one in outcome.findings for reason in one.passed_over)
    return words + [f"Left aside for {title}: {reason}" for title, reason in dict.fromkeys(passed)]


def rule(confidence: float) -> str:
    """Return the rule by which it is decided."""
    percent = f"{100 * confidence:g} %"
    return (
        "U is the expanded uncertainty, k = 2. P: probability in % that the quantity lies within its limit, "
        "for a normal distribution about the measured value (JCGM 106:2012, 7). "
        f"Passed from {percent} on, failed up to "
        f"{100 * (1 - confidence):.3g} %, undecided between: the uncertainty spans the limit. Margin: room to the "
        "limit in % of the tolerance, negative beyond it. A missing test is not passed."
    )


def worst(findings: Iterable[Finding]) -> Said:
    """Return the worst that is said of some findings."""
    return max((one.said for one in findings), key=ORDER.index, default="missing")
