"""`nmqc agree`: another program's numbers beside ours."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pikepdf
import pytest

from nmqc.history import History, find_address
from tests.cli.running import Run, call
from tests.history.samples import a_result, an_input, payload_of

METRIC = "uniformity.integral.ufov"
DAYS = 24
BIAS, SD = 0.35, 0.1


@pytest.fixture
def db(tmp_path: Path) -> Path:
    """A flood a day of two heads of one camera."""
    path, rng = tmp_path / "h.sqlite", np.random.default_rng(3)
    with History.open(find_address(f"sqlite:///{path}")) as history:
        for day in range(1, DAYS + 1):
            for head in (1, 2):
                one = a_result(
                    day,
                    detector=head,
                    unit="Gamma 2",
                    acquired=f"2026-11-{day:02d}T07:12:00",
                    inputs=(an_input(10 * day + head),),
                )
                first = replace(one.measurements[0], value=float(2 + head + rng.normal(0, 0.2)))
                one = replace(one, measurements=(first, *one.measurements[1:]))
                history.record(one, payload_of(one))
    return path


@pytest.fixture
def table(db: Path, tmp_path: Path) -> Path:
    """The other program reads more, by a known amount; two rows are of days that we do not have."""
    rng, lines = np.random.default_rng(4), ["date,system,detector,metric,value"]
    with History.open(find_address(f"sqlite:///{db}")) as history:
        for entry in history.select():
            value = entry.payload["measurements"][0]["value"] + rng.normal(BIAS, SD)
            lines.append(f"{entry.acquired[:10]},Gamma 2,{entry.detector},{METRIC},{value}")
    lines += [f"2026-12-{day},Gamma 2,1,{METRIC},3.0" for day in (10, 11)]
    path = tmp_path / "Mueller vendor.csv"
    path.write_text("\n".join(lines))
    return path


def agree(db: Path, table: Path, *options: str | Path) -> Run:
    return call("agree", "--with", table, "--db", db, *options)


def test_a_known_bias_is_found(db: Path, table: Path) -> None:
    run = agree(db, table, "--json")
    assert run.status == 3  # two rows have no result beside them
    document = run.document
    (group,) = document["groups"]
    found = group["agreement"]
    assert (document["matched"], found["count"], len(group["pairs"])) == (2 * DAYS,) * 3
    assert found["bias"]["low"] < BIAS < found["bias"]["high"]
    assert found["upper"]["low"] < BIAS + 1.96 * SD < found["upper"]["high"]
    assert [one["code"] for one in document["unmatched"]] == ["no_result", "no_result"]
    assert "2 rows left out, no_result: line 50" in run.err


def test_the_report_holds_its_numbers(db: Path, table: Path, tmp_path: Path) -> None:
    out = tmp_path / "agree.pdf"
    run = agree(db, table, "-o", out, "--json")
    with pikepdf.open(out) as file:
        (name,) = file.attachments
        assert json.loads(file.attachments[name].get_file().read_bytes()) == run.document
        assert len(file.pages) >= 2
        with file.open_metadata() as metadata:
            assert (metadata["pdfaid:part"], metadata["pdfaid:conformance"]) == ("3", "A")


def test_the_same_table_gives_the_same_bytes(db: Path, table: Path, tmp_path: Path) -> None:
    for name in ("one.pdf", "other.pdf"):
        agree(db, table, "-o", tmp_path / name)
    assert (tmp_path / "one.pdf").read_bytes() == (tmp_path / "other.pdf").read_bytes()


def test_a_file_that_is_not_ours_stays(db: Path, table: Path) -> None:
    before = table.read_bytes()
    assert agree(db, table, "-o", table).status == 3
    assert table.read_bytes() == before


def test_names_that_are_hidden(db: Path, table: Path, tmp_path: Path) -> None:
    config, out = tmp_path / "nmqc.toml", tmp_path / "a.pdf"
    config.write_text("show_file_names = false\n")
    run = agree(db, table, "--config", config, "-o", out)
    assert "Mueller" not in run.text + run.err
    with pikepdf.open(out) as file, file.open_metadata() as metadata:
        assert "Mueller" not in str(metadata)


def test_options_for_what_the_table_has_not(db: Path, tmp_path: Path) -> None:
    table = tmp_path / "short.csv"
    table.write_text("date;value\n" + "".join(f"2026-11-{day:02d};3,4\n" for day in range(1, 6)))
    options = ("--metric", METRIC, "--system", "Gamma 2", "--detector", "1")
    run = agree(db, table, *options)
    assert (run.status, run.err) == (0, "")
    assert f"{METRIC}: 5 pairs" in run.text
    run = agree(db, table, *options, "--from", "2026-11-04", "--json")
    assert (run.document["matched"], run.document["groups"][0]["agreement"]) == (2, None)
    # the other rows were not asked for
    assert (run.status, run.document["unmatched"], run.err) == (0, [], "")


def test_the_configuration_is_read_once(
    db: Path, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nmqc import config

    read: list[object] = []
    load = config.load
    monkeypatch.setattr(config, "load", lambda *given: read.append(given) or load(*given))
    agree(db, table, "-o", tmp_path / "a.pdf")
    assert len(read) == 1


def test_nothing_that_matches(db: Path, tmp_path: Path) -> None:
    table = tmp_path / "other.csv"
    table.write_text(f"date,system,metric,value\n2026-11-01,Elsewhere,{METRIC},3\n")
    run = agree(db, table, "-o", tmp_path / "a.pdf", "--json")
    assert (run.status, run.document["groups"]) == (3, [])
    assert "nothing to compare" in run.err
    assert (tmp_path / "a.pdf").is_file()  # it says why


def test_a_table_that_is_none(db: Path, tmp_path: Path) -> None:
    table = tmp_path / "none.csv"
    table.write_text("no,table\n")
    run = agree(db, table, "--json")
    assert (run.status, run.refused[0]["code"]) == (3, "bad_table")
