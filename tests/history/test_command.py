"""`nmqc history`, as it is typed."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import referencing

from nmqc.cli import run
from nmqc.history import Batched, FileMark, History, find_address, path_digest
from nmqc.history.export import COLUMNS
from nmqc.model import Measurement, Refusal
from tests.history.samples import INTEGRAL, LIMITS, UID, a_mark, a_result, an_input, payload_of

PROJECT = Path(__file__).parents[2]
SCHEMAS = [json.loads(path.read_text()) for path in sorted((PROJECT / "docs" / "schema").glob("*.json"))]
REGISTRY = referencing.Registry().with_resources(
    [(schema["$id"], referencing.Resource.from_contents(schema)) for schema in SCHEMAS]
)
VALIDATOR = jsonschema.Draft202012Validator({"$ref": "nmqc.history-1.json"}, registry=REGISTRY)
REFUSED = 3
USAGE = 2


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, url: str, tmp_path: Path) -> None:
    monkeypatch.setenv("NMQC_DB", url)
    monkeypatch.delenv("NMQC_CONFIG", raising=False)
    monkeypatch.setattr("platformdirs.user_config_dir", lambda *_, **__: str(tmp_path / "none"))


@pytest.fixture
def filled(url: str) -> list[Any]:
    """Four results of three cameras, the third excluded, the fourth without a date."""
    results = [
        a_result(1, acquired="2026-11-16T07:12:00"),
        a_result(2, acquired="2026-11-17T07:13:00", detector=2),
        a_result(3, acquired="2026-11-18T07:14:00", unit="NM-2", name="symbia-t2"),
        a_result(
            4,
            acquired=None,
            acquired_from=None,
            detector=None,
            detector_source=None,
            unit="Süd 4",
        ),
    ]
    with History.open(find_address(url)) as history:
        for result in results:
            history.record(result, payload_of(result))
        history.exclude(3, "source leaked")
    return results


def valid(text: str) -> Any:
    document = json.loads(text)
    VALIDATOR.validate(document)
    return document


def first_words(text: str) -> list[str]:
    return [line.split()[0] for line in text.splitlines()[1:] if line]


# --- list -----------------------------------------------------------------------------------------------


def test_list_is_a_table_within_80_columns(filled: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["history", "list"]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0].split() == ["number", "acquired", "unit", "det", "system", "test", "verdict"]
    assert lines[2].split() == [
        "2",
        "2026-11-17",
        "07:13",
        "NM-1",
        "2",
        "intevo",
        "uniformity.planar",
        "pass",
    ]
    assert lines[1].endswith("(pass)")
    assert lines[4].split()[:5] == ["4", "unknown", "Süd", "4", "-"]
    assert max(len(line) for line in lines) <= 80
    assert "In brackets: excluded" in out
    assert err == ""


def test_long_names_are_cut_and_values_never(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    metric = replace(INTEGRAL, unit="mm/view")
    measured = Measurement(metric, -1234.5678, "a variant with a very long name", {"counting": 12.3456})
    result = a_result(
        1, unit="a camera with a very long name, longer than it should be", measurements=(measured,)
    )
    with History.open(find_address(url)) as history:
        history.record(result, payload_of(result))
        history.exclude(1, "leak")
    for option in ([], ["--metric", metric.name]):
        assert run(["history", "list", *option]) == 0
        (header, line, *_) = capsys.readouterr().out.splitlines()
        assert len(line) <= 80
        assert "a cam" in line
        assert line.endswith("(unjudged)")
        assert line.index("(unjudged)") == header.index("verdict")
    assert "-1235 ± 12 mm/view" in line


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        ([], "3 2 1 4"),
        (["--unit", "NM-1"], "2 1"),
        (["--system", "symbia-t2"], "3"),
        (["--detector", "2"], "2"),
        (["--test", "uniformity.planar", "--verdict", "pass", "--from", "2026-11-17"], "3 2"),
        (["--to", "2026-11-16"], "1"),
        (["--from", "2026-11-17 07:13", "--to", "2026-11-17"], "2"),
        (["--excluded"], "3"),
        (["--not-excluded"], "2 1 4"),
        (["--limit", "2"], "3 2"),
        (["--limit", "0"], "3 2 1 4"),
    ],
)
def test_list_filters(
    filled: list[Any], options: list[str], numbers: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["history", "list", *options]) == 0
    assert [word for word in first_words(capsys.readouterr().out) if word.isdigit()] == numbers.split()


def test_list_says_what_the_limit_cut_off(filled: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["history", "list", "--limit", "1"]) == 0
    assert "latest 1 of 4" in capsys.readouterr().err


def test_list_of_a_metric_shows_its_values(filled: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["history", "list", "--metric", INTEGRAL.name, "--unit", "NM-1", "--detector", "2"]) == 0
    _, first, second = capsys.readouterr().out.splitlines()
    assert first.split() == ["2", "2026-11-17", "07:13", "NM-1", "2", "2.53", "±", "0.14", "%", "pass"]
    assert second.split()[5:] == ["strict", "0.300", "%", "unjudged"]


def test_nothing_that_fits_is_said(filled: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["history", "list", "--unit", "NM-9"]) == 0
    assert capsys.readouterr().out == "no result is recorded that fits\n"


def test_list_json(filled: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["history", "list", "--json", "--limit", "3"]) == 0
    document = valid(capsys.readouterr().out)
    assert (document["found"], [entry["number"] for entry in document["entries"]]) == (4, [3, 2, 1])
    assert document["entries"][0]["excluded"] == "source leaked"
    assert document["entries"][0]["events"][0]["event"] == "excluded"
    assert document["entries"][2]["result"] == payload_of(filled[0]) | {"history": 1}


@pytest.mark.parametrize(
    "date", ["yesterday", "16.11.2026", "2026-13", "2026-02-30", "2026-11-16T25", "2026-1", ""]
)
def test_a_date_that_is_none_is_wrong_usage(
    filled: list[Any], date: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["history", "list", "--from", date]) == USAGE
    assert "2026-11-16" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["list", "--json", "--csv"],
        ["list", "--verdict", "good"],
        ["show"],
        ["show", "first"],
        ["explain"],
        ["exclude", "1"],
        ["export"],
        ["export", "--csv", "-", "--json", "-"],
        ["remove", "1"],
    ],
)
def test_wrong_usage(filled: list[Any], arguments: list[str]) -> None:
    assert run(["history", *arguments]) == USAGE


# --- show -----------------------------------------------------------------------------------------------


def test_show_json_nests_the_contracts_object(filled: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["history", "show", "2", "--json"]) == 0
    (entry,) = valid(capsys.readouterr().out)["entries"]
    assert entry["result"] == payload_of(filled[1]) | {"history": 2}
    assert (entry["excluded"], entry["events"]) == (None, [])


def test_show_is_a_page_with_everything(filled: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["history", "show", "3"]) == 0
    page = capsys.readouterr().out
    (measured, _, tilt) = filled[2].measurements
    for expected in (
        "NM-2", "uniformity.planar/1", "2.63 ± 0.14 %", measured.metric.label, tilt.metric.label,
        LIMITS.source, "unverified", "edge_limited", "no distance was given", "rebin: 11",
        "edge_policy: whole-pixels", "flood-3.dcm", "source leaked", "AcquisitionDateTime",
    ):  # fmt: skip
        assert expected in page, expected
    assert an_input(3).sha256[:16] in page
    assert max(len(line) for line in page.splitlines()) <= 80


def test_an_unknown_number_is_one_line(filled: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["show", "99"], ["exclude", "99", "--reason", "x"], ["include", "99", "--reason", "x"]):
        assert run(["history", *arguments]) == REFUSED
        out, err = capsys.readouterr()
        assert out == ""
        assert err.count("\n") == 1
        assert "no result 99" in err
    assert run(["history", "show", "99", "--json"]) == REFUSED
    out, err = capsys.readouterr()
    assert valid(out)["refused"][0]["code"] == "no_such_result"
    assert "no result 99" in err


def test_control_characters_do_not_reach_the_terminal(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    result = a_result(
        1, unit="NM\x1b[31m-1", software="\x9b2J", inputs=(replace(an_input(1), file="a\x07.dcm"),)
    )
    with History.open(find_address(url)) as history:
        history.record(result, payload_of(result))
        history.exclude(1, "two\nlines\x1b]0;title\x07")
    for arguments in (["list"], ["list", "--metric", INTEGRAL.name], ["show", "1"]):
        assert run(["history", *arguments]) == 0
        assert not set(capsys.readouterr().out) & set("\x1b\x9b\x07")


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_every_output_can_show_it(filled: list[Any], encoding: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "PYTHONIOENCODING": encoding}
    for arguments in (["list", "--metric", INTEGRAL.name], ["list"], ["show", "4"]):
        done = subprocess.run(
            [sys.executable, "-m", "nmqc", "history", *arguments],
            env=environment,
            capture_output=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, b"")
        assert ("Süd" if encoding == "utf-8" else "Sud") in done.stdout.decode(encoding)


# --- explain --------------------------------------------------------------------------------------------

EXPLAIN = jsonschema.Draft202012Validator({"$ref": "nmqc.explain-1.json"}, registry=REGISTRY)


@pytest.fixture
def asked(url: str, tmp_path: Path) -> Path:
    """A folder of files of which batch has recorded something, as a person finds it."""
    folder = tmp_path / "incoming"
    folder.mkdir()
    contents = {
        "flood.dcm": b"flood",
        "letter.txt": b"letter",
        "copy of letter.txt": b"letter",
        "new.dcm": b"new",
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    flood, letter = mark_of(folder / "flood.dcm"), mark_of(folder / "letter.txt")
    result = a_result(1, inputs=(replace(an_input(1), sha256=flood.sha256),))
    saturated = Refusal("flood.dcm", "saturated", "counts up to the ceiling: acquire fewer", detector=2)
    letter = replace(letter, state="refused", code="not_dicom", reason="this is no DICOM file")
    no_dicom = Refusal("letter.txt", letter.code, letter.reason)
    flood_item = Batched(
        ((result, payload_of(result)),), ((saturated, flood.sha256, "nmqc 0.1.0", "rules"),), (flood,)
    )
    letter_item = Batched((), ((no_dicom, letter.sha256, "nmqc 0.1.0", "rules"),), (letter,))
    with History.open(find_address(url)) as history:
        history.record_batch([flood_item, letter_item])
        history.exclude(1, "source leaked")
    return folder


def mark_of(path: Path) -> FileMark:
    facts = path.stat()
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return a_mark(path=path_digest(path), size=facts.st_size, modified_ns=facts.st_mtime_ns, sha256=sha256)


def explain(path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[str, Any]:
    """The text without its line breaks, and the JSON object, which is checked against its schema."""
    assert run(["history", "explain", str(path)]) == 0
    text = capsys.readouterr().out
    assert max(len(line) for line in text.splitlines()) <= 80
    assert run(["history", "explain", str(path), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    EXPLAIN.validate(document)
    return " ".join(text.split()), document


def test_explain_a_file_that_gave_a_result(asked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, document = explain(asked / "flood.dcm", capsys)
    sha256 = hashlib.sha256(b"flood").hexdigest()
    for words in (
        f"flood.dcm SHA-256 {sha256}", "by nmqc 0.1.0: done, result 1 ", "detector 2, saturated: counts up to",
        "uniformity.planar (pass)", "nmqc history show NUMBER",
    ):  # fmt: skip
        assert words in text, words
    assert (document["file"], document["sha256"], document["unchanged"]) == ("flood.dcm", sha256, True)
    assert [(m["this_path"], m["state"], m["code"], m["results"]) for m in document["marks"]] == [
        (True, "done", None, [1])
    ]
    assert [(e["number"], e["excluded"]) for e in document["results"]] == [(1, "source leaked")]
    assert [(r["code"], r["detector"]) for r in document["refusals"]] == [("saturated", 2)]


def test_explain_a_file_that_was_refused(asked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, document = explain(asked / "letter.txt", capsys)
    assert "batch " in text
    assert text.count("refused, not_dicom: this is no DICOM file") == 1
    assert text.count("this is no DICOM file") == 1  # the refusal says the same
    assert "nmqc identify" in text
    assert document["results"] == []
    assert [r["reason"] for r in document["refusals"]] == ["this is no DICOM file"]


def test_explain_a_copy_by_its_bytes(asked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, document = explain(asked / "copy of letter.txt", capsys)
    assert "same bytes " in text
    assert [(m["this_path"], m["state"]) for m in document["marks"]] == [(False, "refused")]
    assert document["unchanged"] is None


def test_explain_a_file_that_has_changed(asked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (asked / "flood.dcm").write_bytes(b"FLOOD")
    text, document = explain(asked / "flood.dcm", capsys)
    assert "has changed since" in text
    assert document["unchanged"] is False
    assert (document["results"], document["refusals"]) == ([], [])
    os.utime(asked / "letter.txt", ns=(0, 0))
    assert explain(asked / "letter.txt", capsys)[1]["unchanged"] is False


def test_explain_a_file_that_is_gone(asked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (asked / "flood.dcm").unlink()
    text, document = explain(asked / "flood.dcm", capsys)
    assert "cannot be looked at now" in text
    assert (document["sha256"], document["unchanged"]) == (None, None)
    assert [entry["number"] for entry in document["results"]] == [1]
    assert len(document["refusals"]) == 1


def test_explain_a_file_that_is_not_known(asked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, document = explain(asked / "new.dcm", capsys)
    assert "knows nothing of it" in text
    assert (document["marks"], document["results"], document["refusals"]) == ([], [], [])
    for path in (asked / "none.dcm", asked):
        assert run(["history", "explain", str(path)]) == USAGE
        assert capsys.readouterr().out == ""


def test_explain_keeps_names_back_where_the_site_does(
    asked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = tmp_path / "nmqc.toml"
    site.write_text("show_file_names = false\n")
    (asked / "none.dcm").unlink(missing_ok=True)
    for name in ("flood.dcm", "none.dcm"):
        for option in ([], ["--json"]):
            run(["history", "explain", str(asked / name), "--config", str(site), *option])
            out, err = capsys.readouterr()
            said = json.dumps(json.loads(out) | {"results": [], "refusals": []}) if option and out else out
            assert name not in said + err


def test_explain_without_a_history(asked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [
        "history",
        "explain",
        str(asked / "new.dcm"),
        "--db",
        str(tmp_path / "none.sqlite"),
        "--json",
    ]
    assert run(arguments) == REFUSED
    document = json.loads(capsys.readouterr().out)
    EXPLAIN.validate(document)
    assert document["refused"][0]["code"] == "history_missing"
    assert document["file"] is None


# --- exclude and include --------------------------------------------------------------------------------


def test_exclude_and_include(filled: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, said in (
        (["exclude", "1", "--reason", "leak"], "result 1 is excluded\n"),
        (
            ["exclude", "1", "--reason", "leak"],
            "result 1 is excluded already, for this very reason: nothing was added\n",
        ),
        (["include", "1", "--reason", "sound"], "result 1 is included again\n"),
        (["include", "1", "--reason", "sound"], "result 1 is not excluded\n"),
    ):
        assert run(["history", *arguments]) == 0
        assert capsys.readouterr().out == said
    assert run(["history", "exclude", "1", "--reason", " "]) == REFUSED


# --- export ---------------------------------------------------------------------------------------------


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_csv_has_one_row_per_measurement_and_numbers_stay_numbers(
    filled: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["history", "export", "--csv", "-"]) == 0
    text = capsys.readouterr().out
    assert text.splitlines()[0] == ",".join(COLUMNS)
    rows = rows_of(text)
    assert len(rows) == sum(len(result.measurements) for result in filled)
    first = rows[0]
    measured = filled[2].measurements[0]
    assert (first["result"], first["system_unit"], first["metric"], first["of"]) == (
        "3",
        "NM-2",
        INTEGRAL.name,
        "",
    )
    assert (float(first["value"]), float(first["uncertainty"])) == (measured.value, measured.uncertainty)
    assert (first["warn_low"], first["warn_high"], first["fail_high"]) == ("", "4.0", "5.0")
    assert (first["noise_floor_mean"], first["noise_floor_p95"]) == ("1.5", "1.7")
    assert (first["verdict"], first["result_verdict"], first["excluded"]) == ("pass", "pass", "source leaked")
    assert (first["files"], first["limits_source"], first["detector"]) == ("flood-3.dcm", LIMITS.source, "1")
    assert rows[2]["value"] == "-1.25e-17"  # no apostrophe: a negative number is no formula
    assert (rows[-1]["acquired"], rows[-1]["detector"]) == ("", "")


def test_a_metric_keeps_its_own_rows(filled: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["history", "list", "--csv", "--metric", INTEGRAL.name, "--unit", "NM-1"]) == 0
    rows = rows_of(capsys.readouterr().out)
    assert [(row["result"], row["metric"], row["of"]) for row in rows] == [
        ("2", INTEGRAL.name, ""), ("2", INTEGRAL.name, "strict"),
        ("1", INTEGRAL.name, ""), ("1", INTEGRAL.name, "strict"),
    ]  # fmt: skip


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_no_cell_is_a_formula(url: str, sign: str, capsys: pytest.CaptureFixture[str]) -> None:
    evil = f'{sign}HYPERLINK("http://x";"a,b")'
    measured = tuple(replace(m, of=evil) for m in a_result(1).measurements)
    files = (replace(an_input(1), file=evil),)
    result = a_result(
        1, unit=evil, name=evil, collimator=evil, radionuclide=evil, inputs=files, measurements=measured
    )
    with History.open(find_address(url)) as history:
        history.record(result, payload_of(result))
        history.exclude(1, f"x{evil}")
    assert run(["history", "export", "--csv", "-"]) == 0
    (row, *_) = csv.DictReader(io.StringIO(capsys.readouterr().out, newline=""))
    for column in ("system_unit", "system", "collimator", "nuclide", "files", "of"):
        assert row[column] == f"'{evil}", column
    assert row["excluded"] == f"x{evil}"


def test_export_json_and_csv_to_files(
    filled: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [tmp_path / "all.csv", tmp_path / "all.json"]
    for _ in range(2):  # an earlier export is overwritten
        assert run(["history", "export", "--csv", str(files[0]), "--json", str(files[1])]) == 0
        out, err = capsys.readouterr()
        assert (out, err) == ("", "4 results exported\n")
    assert len(rows_of(files[0].read_text(encoding="utf-8"))) == 12
    document = valid(files[1].read_text(encoding="utf-8"))
    assert [entry["result"] for entry in document["entries"]] == [
        payload_of(filled[number - 1]) | {"history": number} for number in (3, 2, 1, 4)
    ]


def test_export_does_not_overwrite_what_is_no_export(
    filled: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flood = tmp_path / "flood.dcm"
    flood.write_bytes(b"\0" * 128 + b"DICM")
    for option in ("--csv", "--json"):
        assert run(["history", "export", option, str(flood)]) == REFUSED
        assert "--force" in capsys.readouterr().err
    assert flood.read_bytes() == b"\0" * 128 + b"DICM"
    assert run(["history", "export", "--csv", str(flood), "--force"]) == 0
    assert flood.read_bytes().startswith(b"result,")
    assert run(["history", "export", "--csv", str(tmp_path / "no" / "folder.csv")]) == REFUSED


# --- where ----------------------------------------------------------------------------------------------


def test_path_and_the_way_to_choose_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    site = tmp_path / "nmqc.toml"
    site.write_text(f'database = "sqlite:///{tmp_path.as_posix()}/site.sqlite"\n')
    monkeypatch.setenv("NMQC_DB", "postgresql://bob:hunter2@db/nmqc")
    assert run(["history", "path", "--config", str(site)]) == 0
    assert run(["history", "path", "--db", str(tmp_path / "typed.sqlite")]) == 0
    monkeypatch.delenv("NMQC_DB")
    assert run(["history", "path", "--config", str(site)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "postgresql://db/nmqc",
        str(tmp_path / "typed.sqlite"),
        str(tmp_path / "site.sqlite"),
    ]


def test_a_history_that_cannot_be_used_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "text.sqlite"
    text.write_text("no database\n" * 100)
    for db in (text, tmp_path / "none.sqlite", tmp_path / "no" / "folder.sqlite"):
        for arguments in (["list"], ["show", "1"], ["export", "--csv", "-"]):
            assert run(["history", *arguments, "--db", str(db)]) == REFUSED
            out, err = capsys.readouterr()
            assert out == ""
            assert err.startswith("nmqc: ")
            assert err.count("\n") == 1
        for arguments in (["list", "--json"], ["export", "--json", "-"]):
            assert run(["history", *arguments, "--db", str(db)]) == REFUSED
            document = valid(capsys.readouterr().out)
            assert document["entries"] == []
            assert document["refused"][0]["code"].startswith("history_")


def test_nothing_heavy_is_imported(filled: list[Any]) -> None:
    """For help, no engine either; for a list, nothing that reads or analyses files."""
    heavy = ["numpy", "pydicom", "scipy", "matplotlib", "rich", "sqlalchemy"]
    for arguments, unwanted in (
        (["history", "--help"], [*heavy, "psycopg", "platformdirs"]),
        (["history", "list", "--help"], [*heavy, "psycopg", "platformdirs"]),
        (["history", "list"], heavy),
        (["history", "show", "1"], heavy),
        (["history", "export", "--csv", "-"], heavy),
        (["history", "explain", __file__], heavy),
    ):
        code = (
            f"import sys; from nmqc.cli import run; run({arguments!r}); print(*sys.modules, file=sys.stderr)"
        )
        environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
        )
        imported = set(done.stderr.split())
        assert "nmqc.cli.history" in imported
        if "--help" not in arguments and "postgresql" in os.environ["NMQC_DB"]:
            unwanted = [name for name in unwanted if name != "numpy"]  # psycopg may ask whether it is there
        assert imported & set(unwanted) == set(), arguments


def test_help_shows_examples(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["list"], ["explain"], ["exclude"], ["include"], ["export"], ["path"]):
        assert run(["history", *arguments, "--help"]) == 0
        out = capsys.readouterr().out
        assert "nmqc history" in out.split("Usage:")[1].split("\n", 1)[1]
        assert max(len(line) for line in out.splitlines()) <= 80
        assert "\\b" not in out  # Click's mark for lines that stay as they are


def test_no_uid_in_any_output(filled: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["list", "--json"], ["show", "1"], ["export", "--csv", "-"], ["export", "--json", "-"]):
        run(["history", *arguments])
    out, err = capsys.readouterr()
    assert UID[:20] not in out + err
