"""What is said of findings: under which window, with which verdict, in which words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nmqc.acceptance.folder import Candidate
from nmqc.acceptance.judge import Specification
from nmqc.acceptance.outcome import Finding, Outcome, as_judged, assess, document
from nmqc.acceptance.protocol import Options, Protocol, load
from nmqc.acceptance.report import _part, _sources
from nmqc.acceptance.text import text
from nmqc.acceptance.words import sentence, specification
from nmqc.model import Ends, EnergyWindow, Measurement
from nmqc.uniformity.metrics import METRICS
from tests.history.samples import a_result, an_input

TEST = """[[test]]
name = "NAME"
title = "Flood"
test = "uniformity.planar"
clause = "NEMA NU 1, 2.4"
[[test.requirement]]
metric = "uniformity.integral.ufov"
unit = "%"
limit = { high = LIMIT }
source = "contract"
verified = true
"""
HEAD = """title = "Gamma"
system = "intevo"
heads = [1, 2]
"""
LOW, HIGH = (
    EnergyWindow(name, (ends,)) for name, ends in (("Tl-201", (63.0, 77.0)), ("I-123", (143.0, 175.0)))
)


def protocol(folder: Path, *limits: float) -> Protocol:
    path = folder / "p.toml"
    tests = (TEST.replace("NAME", f"flood-{n}").replace("LIMIT", str(end)) for n, end in enumerate(limits, 1))
    path.write_text(HEAD + "".join(tests))
    return load(path, Options())


def flood(integral: float, detector: int, window: EnergyWindow, **changes: Any) -> Candidate:
    measured = Measurement(METRICS["integral.ufov"], integral, uncertainty_parts={"counting": 0.01})
    about = {"detector": detector, "energy_window": window, "measurements": (measured,), **changes}
    return Candidate(a_result(1, inputs=(an_input(detector),), **about), "", detector, None)


def test_a_value_stands_under_its_energy_window(tmp_path: Path) -> None:
    """The first head has both windows, the second one alone that which comes second."""
    made = protocol(tmp_path, 5.0)
    results = [flood(2.1, 1, LOW), flood(3.1, 1, HIGH), flood(2.2, 2, LOW)]
    outcome = Outcome(made, "NM-1", assess(made, results))
    (table,) = _part(made.parts[0], outcome, _sources(outcome))["tables"]
    rows = {row[0]["text"]: [cell["text"] for cell in row] for row in table["rows"]}
    lower, upper = (next(rows[label] for label in rows if name in label) for name in ("Tl-201", "I-123"))
    assert len(rows) == 2
    assert (lower[2][:3], lower[6][:3]) == ("2.1", "2.2")
    assert (upper[2][:3], upper[6]) == ("3.1", "")
    lines = [line for line in text(outcome).splitlines() if " detector " in line]
    assert [next(name for name in ("Tl-201", "I-123") if name in line) for line in lines] == [
        *("I-123", "Tl-201", "Tl-201"),
    ]
    windows = [one["energy_window"]["name"] for one in document(outcome, None)["requirements"]]
    assert windows == ["I-123", "Tl-201", "Tl-201"]


def test_a_head_that_is_missing_is_so_in_every_window(tmp_path: Path) -> None:
    made = protocol(tmp_path, 5.0)
    outcome = Outcome(made, "NM-1", assess(made, [flood(2.1, 1, LOW), flood(3.1, 1, HIGH)]))
    (table,) = _part(made.parts[0], outcome, _sources(outcome))["tables"]
    assert [row[-1]["text"] for row in table["rows"]] == ["missing", "missing"]


@pytest.mark.parametrize("limits", [(5.0, 3.0), (3.0, 5.0)])
def test_of_two_limits_of_one_value_the_worst_verdict_stays(
    tmp_path: Path, limits: tuple[float, float]
) -> None:
    made = protocol(tmp_path, *limits)
    candidate = flood(4.0, 1, HIGH)
    findings = [one for one in assess(made, [candidate]) if one.candidate is candidate]
    (measured,) = as_judged(candidate.result, findings).measurements
    assert measured.limits is not None
    assert (measured.verdict, measured.limits.fail.high) == ("fail", 3.0)


@pytest.mark.parametrize(
    ("ends", "words"),
    [
        (Ends(high=2.0), "±2"),
        (Ends(low=1.0), "magnitude ≥1"),
        (Ends(1.0, 1.5), "magnitude 1 to 1.5"),
    ],
)
def test_a_limit_of_a_magnitude_does_not_read_like_one_of_the_value(ends: Ends, words: str) -> None:
    assert specification(Specification(ends, "magnitude", "mm", "contract", True)) == words


def test_how_far_beyond_is_told_without_an_exponent(tmp_path: Path) -> None:
    """12 where 5 is permitted is 140 % of the tolerance beyond it; 5.4 is 8 %."""
    made = protocol(tmp_path, 5.0)

    def said(value: float) -> str:
        finding: Finding = assess(made, [flood(value, 1, HIGH)])[0]
        return sentence(replace(finding, passed_over=()))

    assert "beyond it by 140 % of the tolerance" in said(12.0)
    assert "beyond it by 8 % of the tolerance" in said(5.4)
