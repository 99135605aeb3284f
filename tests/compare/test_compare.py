"""`nmqc compare`: cameras from one history or several, as text, JSON and PDF."""

from __future__ import annotations

import random
import shutil
import subprocess
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from nmqc.history import Batched, History, find_address
from nmqc.model import Ends, EnergyWindow, Limits, Measurement, NoiseFloor, Result
from nmqc.report.document import result_json
from nmqc.uniformity.metrics import METRICS
from tests.cli.conftest import caches, home  # noqa: F401 - fixtures
from tests.cli.running import Run, call
from tests.history.samples import a_result

LIMITS = Limits(Ends(high=4.0), Ends(high=5.0), "value", "%", "site", verified=False)
FIRST = datetime(2026, 1, 5, 7, 12)


def floods(
    unit: str,
    integral: float,
    *,
    days: int = 40,
    detector: int = 1,
    counts: float = 12000,
    **changes: Any,
) -> list[Result]:
    """Daily floods of a head whose integral uniformity scatters by 0.1 about a value, and CFOV about 2.0."""
    noise = random.Random(f"{unit} {detector} {days}")
    return [
        a_result(
            noise.randrange(10**9),
            unit=unit,
            detector=detector,
            acquired=(FIRST + timedelta(days=day)).isoformat(),
            measurements=_measured(integral + noise.gauss(0, 0.1), 2.0 + noise.gauss(0, 0.1), counts),
            **{"collimator": "NONE", **changes},
        )
        for day in range(days)
    ]


def _measured(ufov: float, cfov: float, counts: float) -> tuple[Measurement, ...]:
    about: dict[str, Any] = {"limits": LIMITS, "verdict": "pass", "noise_floor": NoiseFloor(1.2, 1.4)}
    return (
        Measurement(METRICS["integral.ufov"], ufov, uncertainty_parts={"counting": 0.1}, **about),
        Measurement(METRICS["integral.cfov"], cfov, uncertainty_parts={"counting": 0.1}, **about),
        Measurement(METRICS["counts_per_pixel"], counts),
    )


def recorded(path: Path, *results: list[Result]) -> Path:
    with History.open(find_address(str(path), None)) as history:
        every = [one for several in results for one in several]
        history.record_batch([Batched(results=((one, result_json(one, None)),)) for one in every])
    return path


def said(run: Run) -> dict[str, str]:
    return {one["name"]: one["verdict"] for one in run.document["comparisons"]}


UFOV, CFOV = "uniformity.integral.ufov", "uniformity.integral.cfov"


def test_what_differs_much_little_or_not_is_told_apart(tmp_path: Path) -> None:
    db = recorded(
        tmp_path / "h.sqlite",
        floods("A", 2.5),
        floods("B", 2.8),
        floods("C", 3.9),
    )
    assert said(call("compare", "A", "B", "--db", db, "--json")) == {UFOV: "little", CFOV: "alike"}
    run = call("compare", "A", "B", "C", "--db", db, "--json")
    assert said(run) == {UFOV: "differ", CFOV: "alike"}
    ufov = run.document["comparisons"][0]
    medians = [one["median"] for one in ufov["members"]]
    assert medians == pytest.approx([2.5, 2.8, 3.9], abs=4 * 1.2533 * 0.1 / 40**0.5)  # four standard errors
    assert ufov["range"] == pytest.approx(medians[2] - medians[0])
    assert sum(one["difference"] for one in ufov["members"]) == pytest.approx(0, abs=1e-9)
    assert ufov["limit"] == {"low": None, "high": 5.0}
    text = call("compare", "A", "B", "C", "--db", db, "--metric", UFOV).text
    assert "integral uniformity, UFOV / % (uniformity.planar, Tc-99m, intrinsic): DIFFER" in text
    assert "C, detector 1" in text


def test_other_counts_are_not_compared(tmp_path: Path) -> None:
    db = recorded(tmp_path / "h.sqlite", floods("A", 2.5), floods("B", 3.5, counts=3000))
    run = call("compare", "A", "B", "--db", db, "--json")
    assert said(run) == {UFOV: "not_comparable", CFOV: "not_comparable"}
    assert "from 3,000 to 12,000" in run.document["comparisons"][0]["remarks"][0]


def test_counts_that_differ_1_6_times_are_others_and_1_4_times_are_not(tmp_path: Path) -> None:
    db = recorded(
        tmp_path / "h.sqlite",
        floods("A", 2.5, counts=10_000),
        floods("B", 3.5, counts=16_000),
        floods("C", 2.5, counts=14_000),
    )
    others = call("compare", "A", "B", "--db", db, "--json", "--metric", UFOV)
    assert said(others) == {UFOV: "not_comparable"}
    assert said(call("compare", "A", "C", "--db", db, "--json", "--metric", UFOV)) == {UFOV: "alike"}


def zigzag(unit: str, level: float, **changes: Any) -> list[Result]:
    """Daily floods whose integral uniformity is 0.1 above and below a value in turn: its median."""
    values = [level + 0.1 * (-1) ** day for day in range(40)]
    return [
        replace(one, measurements=_measured(value, 2.0, 12000))
        for one, value in zip(floods(unit, level, **changes), values, strict=True)
    ]


def test_a_chance_of_three_in_a_hundred_is_alike(tmp_path: Path) -> None:
    """Each median is uncertain by sqrt(pi / 2) 0.1013 / sqrt(40) = 0.0201, their difference by 0.0284.

    0.0627 is 2.21 of it, 3 % of Student's t with 78 degrees of freedom; 0.085 is 3.0 of it, 0.4 %.
    """
    db = recorded(tmp_path / "h.sqlite", zigzag("A", 2.5), zigzag("B", 2.5627), zigzag("C", 2.585))
    found = [
        call("compare", "A", unit, "--db", db, "--json", "--metric", UFOV).document["comparisons"][0]
        for unit in ("B", "C")
    ]
    assert found[0]["chance"] == pytest.approx(0.03, abs=0.001)
    assert [one["verdict"] for one in found] == ["alike", "little"]


def test_of_several_series_of_a_head_the_one_with_most_values_counts(tmp_path: Path) -> None:
    """Six floods with another collimator, and 40; the six are recorded first for one head, last for the other."""
    db = recorded(
        tmp_path / "h.sqlite",
        floods("A", 3.5, days=6, collimator="LEAP"),
        floods("A", 2.5, collimator="LEHR"),
        floods("B", 2.5, collimator="LEHR"),
        floods("B", 3.5, days=6, collimator="MELP"),
    )
    run = call("compare", "A", "B", "--db", db, "--json", "--metric", UFOV)
    (one,) = run.document["comparisons"]
    assert [m["count"] for m in one["members"]] == [40, 40]
    assert [m["collimator"] for m in one["members"]] == ["LEHR", "LEHR"]
    assert not any("not the same" in words for words in one["remarks"])
    assert any("left out: A, detector 1; B, detector 1" in words for words in one["remarks"])


def test_other_collimators_and_windows_are_told(tmp_path: Path) -> None:
    windows = {
        unit: EnergyWindow(unit, (ends,)) for unit, ends in (("Tc", (129.5, 150.5)), ("Tc wide", (126, 154)))
    }
    db = recorded(
        tmp_path / "h.sqlite",
        floods("A", 2.5, collimator="LEHR", energy_window=windows["Tc"]),
        floods("B", 2.5, collimator="LEAP", energy_window=windows["Tc"]),
        floods("C", 2.5, collimator="LEHR", energy_window=windows["Tc wide"]),
    )
    remarks = {
        unit: call("compare", "A", unit, "--db", db, "--json", "--metric", UFOV).document["comparisons"][0][
            "remarks"
        ]
        for unit in ("B", "C")
    }
    assert remarks["B"] == ["their collimators are not the same: A, detector 1: LEHR; B, detector 1: LEAP"]
    assert "their energy windows are not the same: A, detector 1: Tc; C, detector 1: Tc wide" in remarks["C"]


def test_a_limit_that_has_no_upper_end_for_a_magnitude_leaves_no_room_to_tell(tmp_path: Path) -> None:
    limits = replace(LIMITS, warn=Ends(), fail=Ends(low=1.0), of="magnitude")
    series = []
    for unit, level in (("A", 2.5), ("B", 2.8)):
        of_unit = zigzag(unit, level)
        judged = [tuple(replace(m, limits=limits) for m in one.measurements) for one in of_unit]
        series.append([replace(one, measurements=m) for one, m in zip(of_unit, judged, strict=True)])
    run = call(
        "compare", "A", "B", "--db", recorded(tmp_path / "h.sqlite", *series), "--json", "--metric", UFOV
    )
    (one,) = run.document["comparisons"]
    assert (run.status, one["verdict"], one["limit"]) == (0, "differ", None)


def test_heads_are_members_and_intrinsic_is_not_held_against_extrinsic(tmp_path: Path) -> None:
    db = recorded(
        tmp_path / "h.sqlite",
        floods("A", 2.5),
        floods("A", 2.5, detector=2),
        floods("B", 2.5, collimator="LEHR"),
        floods("B", 2.5, detector=2, collimator="LEAP"),
    )
    run = call("compare", "A", "B", "--db", db, "--json", "--metric", UFOV)
    found = [
        (one["collimator"], [m["camera"] for m in one["members"]]) for one in run.document["comparisons"]
    ]
    assert found == [("extrinsic", ["B", "B"]), ("intrinsic", ["A", "A"])]


def test_sites_of_several_histories(tmp_path: Path) -> None:
    here = recorded(tmp_path / "here.sqlite", floods("A", 2.5), floods("Camera", 2.5))
    there = recorded(tmp_path / "there.sqlite", floods("Camera", 2.6, days=30))
    run = call("compare", "A", "camera", "--db", here, "--db", there, "--json", "--metric", UFOV)
    assert run.document["cameras"] == ["A", "Camera (history 1)", "Camera (history 2)"]
    assert [m["count"] for m in run.document["comparisons"][0]["members"]] == [40, 40, 30]


def test_a_span_and_excluded_results(tmp_path: Path) -> None:
    db = recorded(tmp_path / "h.sqlite", floods("A", 2.5), floods("B", 2.5))
    call("history", "exclude", "3", "--reason", "source leaked", "--db", db)
    asked = (
        "compare",
        "A",
        "B",
        "--db",
        db,
        "--json",
        "--metric",
        UFOV,
        "--from",
        "2026-01-06",
        "--to",
        "2026-01-14",
    )
    run = call(*asked)
    assert [m["count"] for m in run.document["comparisons"][0]["members"]] == [8, 9]
    assert (run.document["from"], run.document["to"]) == ("2026-01-06", "2026-01-14")


def test_few_values_say_nothing(tmp_path: Path) -> None:
    db = recorded(tmp_path / "h.sqlite", floods("A", 2.5), floods("B", 9.0, days=1))
    run = call("compare", "intevo", "--db", db, "--json", "--metric", UFOV)
    (one,) = run.document["comparisons"]
    assert (one["verdict"], one["chance"]) == ("unsaid", None)
    assert one["members"][1]["spread"] is None


def test_nothing_to_compare(tmp_path: Path) -> None:
    db = recorded(tmp_path / "h.sqlite", floods("A", 2.5))
    alone = call("compare", "A", "--db", db, "--json")
    assert (alone.status, alone.document["comparisons"]) == (3, [])
    assert alone.document["problems"][0].startswith("nothing to compare")
    unknown = call("compare", "A", "Z", "--db", db)
    assert (unknown.status, unknown.said) == (
        3,
        ["nmqc: the history holds nothing of Z in this span; cameras that it holds: A"],
    )
    assert call("compare", "A", "--db", tmp_path / "none.sqlite").status == 3
    mistaken = call("compare", "A", "--metric", "uniformity.integral.ufow", "--db", db)
    assert mistaken.status == 2
    assert "did you mean" in mistaken.err


def test_the_report_shows_what_the_json_says(tmp_path: Path) -> None:
    db = recorded(tmp_path / "h.sqlite", floods("A", 2.5), floods("B =1+1", 3.9))
    pdf = tmp_path / "compare.pdf"
    arguments = ("compare", "A", "B =1+1", "--db", db, "-o", pdf)
    assert call(*arguments).status == 0
    content = pdf.read_bytes()
    assert call(*arguments).status == 0
    assert pdf.read_bytes() == content
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not installed")
    text = subprocess.run(["pdftotext", "-layout", pdf, "-"], capture_output=True, check=True).stdout.decode()
    for words in (
        "Comparison of A, B =1+1",
        "DIFFER",
        "alike",
        "integral uniformity, UFOV / %",
        "fail limit 5",
    ):
        assert words in text
