"""What of the history becomes sessions of QATrack+."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nmqc.errors import NmqcError, UnusableInput
from nmqc.history import Entry, Event, Filters, History, find_address
from nmqc.model import EnergyWindow, Result
from nmqc.neighbours.qatrack import Collection, fitted, macro_of, sessions
from nmqc.neighbours.qatrack_server import Server
from tests.history.samples import a_result, an_input, payload_of

IU1, IU2 = "uniformity_integral_ufov_d1", "uniformity_integral_ufov_d2"


def recorded(folder: Path, *results: Result) -> list[Entry]:
    with History.open(find_address(f"sqlite:///{folder}/h.sqlite")) as history:
        for result in results:
            history.record(result, payload_of(result))
        return history.select(Filters(test="uniformity.planar"))


def two_heads(number: int = 1, **changes: Any) -> list[Result]:
    """Both heads in one file."""
    return [a_result(number, detector=detector, inputs=(an_input(number),), **changes) for detector in (1, 2)]


@pytest.mark.parametrize(
    ("measured", "macro"),
    [
        (("uniformity.integral.ufov", "", 1, 1), "uniformity_integral_ufov_d1"),
        (("uniformity.integral.ufov", "near-source", 2, 1), "uniformity_integral_ufov_near_source_d2"),
        (("resolution.bars.mtf", "3.50 mm (2)", None, 1), "resolution_bars_mtf_3_50_mm_2"),
        (("cor.offset", "", 1, 2), "cor_offset_d1_w2"),
    ],
)
def test_macro_names(measured: tuple[str, str, int | None, int], macro: str) -> None:
    assert macro_of(*measured) == macro
    assert macro.isidentifier()


def test_results_of_one_file_are_one_session(tmp_path: Path) -> None:
    entries = recorded(tmp_path, *two_heads(1), *two_heads(2))
    found = sessions(entries)
    assert [one.acquired for one in found] == ["2026-11-03T07:12:02", "2026-11-02T07:12:01"]  # latest first
    assert found[1].key == f"nmqc:uniformity.planar:{an_input(1).sha256}"
    assert set(found[1].values) >= {IU1, IU2}
    assert found[1].values[IU1].value == 2.1 + 1 / 3
    assert "limit not verified" in found[1].values[IU1].comment
    assert "..5" in found[1].values[IU1].comment


def test_the_last_recorded_of_one_detector_counts(tmp_path: Path) -> None:
    again = a_result(1, asked={"rebin": 2})
    first, second = again.measurements[0], again.measurements[1]
    again = replace(again, measurements=(replace(first, value=9.0), second))
    (session,) = sessions(recorded(tmp_path, a_result(1), again))
    assert session.values[IU1].value == 9.0
    assert session.results == (2,)


def test_energy_windows_are_told_apart_by_their_energy(tmp_path: Path) -> None:
    low, high = (EnergyWindow(name, (ends,)) for name, ends in (("B", (60.0, 80.0)), ("A", (129.5, 150.5))))
    results = [a_result(1, energy_window=window, inputs=(an_input(1),)) for window in (high, low)]
    results[1] = replace(
        results[1],
        measurements=(replace(results[1].measurements[0], value=7.0), *results[1].measurements[1:]),
    )
    (session,) = sessions(recorded(tmp_path, *results))
    assert session.values[IU1].value == 7.0
    assert session.values[f"{IU1}_w2"].value == 2.1 + 1 / 3


@pytest.mark.parametrize("left_out", ["excluded", "detector"])
def test_the_number_of_a_window_does_not_depend_on_what_is_left_out(tmp_path: Path, left_out: str) -> None:
    """The lower window is of the other head alone, or excluded: the upper one stays the second."""
    low, high = (
        EnergyWindow(name, (ends,)) for name, ends in (("I", (143.0, 175.0)), ("In", (220.0, 270.0)))
    )
    other = 2 if left_out == "detector" else 1
    results = [
        a_result(1, detector=other, energy_window=low, inputs=(an_input(1),)),
        a_result(1, energy_window=high, inputs=(an_input(1),)),
    ]
    entries = recorded(tmp_path, *results)
    if left_out == "excluded":
        entries = [excluded(one) if one.energy_window == "I" else one for one in entries]
    (session,) = sessions(entries, detector=1)
    assert IU1 not in session.values
    assert session.values[f"{IU1}_w2"].value == 2.1 + 1 / 3
    assert len(session.results) == 1


def excluded(entry: Entry) -> Entry:
    return replace(entry, events=(Event("excluded", "source leaked", "2026-11-20T08:00:00Z"),))


def test_an_acquisition_that_is_excluded_is_no_session(tmp_path: Path) -> None:
    first, *others = recorded(tmp_path, a_result(1), a_result(2))
    assert [one.results for one in sessions([excluded(first), *others])] == [(others[0].number,)]


def test_the_verdict_of_a_session_is_the_worst_of_its_heads(tmp_path: Path) -> None:
    """The first head passes, the second one fails."""
    good, bad = two_heads()
    broken = replace(bad.measurements[0], value=7.0, verdict="fail")
    bad = replace(bad, measurements=(broken, *bad.measurements[1:]))
    (session,) = sessions(recorded(tmp_path, good, bad))
    assert session.verdict == "fail"
    assert ": fail." in session.comment


def test_a_detector_by_itself_has_a_key_of_its_own(tmp_path: Path) -> None:
    entries = [one for one in recorded(tmp_path, *two_heads()) if one.detector == 2]
    (session,) = sessions(entries, detector=2)
    assert session.key.endswith(f"{an_input(1).sha256}:d2")
    assert len(session.key) <= 255  # of the column in QATrack+


def test_several_files_have_a_key_of_all(tmp_path: Path) -> None:
    pair, other = (
        a_result(1, inputs=(an_input(1), an_input(2)), asked={"pair": 1}),
        a_result(2, inputs=(an_input(1), an_input(3)), asked={"pair": 2}),
    )
    keys = [one.key for one in sessions(recorded(tmp_path, pair, other))]
    assert len(set(keys)) == 2


def test_the_document_names_no_file(tmp_path: Path) -> None:
    (session,) = sessions(recorded(tmp_path, a_result(1)))
    assert ".dcm" not in session.document + session.comment
    assert an_input(1).sha256 in session.comment


def test_a_site_s_own_macros(tmp_path: Path) -> None:
    entries = recorded(tmp_path, *two_heads())
    (session,) = sessions(entries, macros={IU1: "iu_left"})
    assert "iu_left" in session.values
    assert IU1 not in session.values
    with pytest.raises(UnusableInput) as refusal:
        sessions(entries, macros={IU1: IU2})
    assert refusal.value.code == "macro_twice"


# --- what is sent ---------------------------------------------------------------------------------------


def test_every_test_of_the_list_is_named(tmp_path: Path) -> None:
    (session,) = sessions(recorded(tmp_path, *two_heads()))
    kinds = {
        IU1: "simple",
        "temperature": "simple",
        "looks_well": "boolean",
        "sum": "composite",
        "isotope": "constant",
        "nmqc_verdict": "string",
        "nmqc_results": "upload",
        "uniformity_tilt_d1": "string",
    }
    fit = fitted(session, Collection("https://q/api/qa/unittestcollections/1/", kinds))
    tests = fit.body["tests"]
    assert tests[IU1]["value"] == 2.1 + 1 / 3
    assert tests["nmqc_verdict"] == {"value": "pass"}
    assert tests["nmqc_results"]["encoding"] == "text"
    assert {name for name, one in tests.items() if one.get("skipped")} == {
        "temperature",
        "looks_well",
        "uniformity_tilt_d1",
    }
    assert not {"sum", "isotope"} & set(tests)  # QATrack+ refuses values for these
    assert (fit.body["work_started"], fit.body["work_completed"]) == ("2026-11-02T07:12:01",) * 2
    assert fit.sent == (IU1, "nmqc_verdict", "nmqc_results")
    assert IU2 in fit.left


def test_a_list_that_takes_nothing(tmp_path: Path) -> None:
    (session,) = sessions(recorded(tmp_path, a_result(1)))
    with pytest.raises(UnusableInput, match="its macros are dose"):
        fitted(session, Collection("u", {"dose": "simple"}))


# --- the server -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address", ["qatrack", "ftp://q", "https://", "https://user:pass@q", "https://q?x=1"]
)
def test_an_address_that_is_none(address: str) -> None:
    with pytest.raises(NmqcError) as refusal:
        Server(address, "abc")
    assert refusal.value.code == "qatrack_bad_address"


@pytest.mark.parametrize("token", ["", "a b", "abc\r\nHost: x", "über"])
def test_a_token_that_is_none(token: str) -> None:
    with pytest.raises(NmqcError) as refusal:
        Server("https://q", token)
    assert refusal.value.code == "qatrack_bad_token"
    assert token == "" or token not in refusal.value.reason


def test_the_token_is_not_shown() -> None:
    assert "secret" not in repr(Server("https://q", "secret"))


@pytest.mark.parametrize("address", ["https://q", "https://q/", "https://q/api", "https://q/api/"])
def test_the_root_of_the_interface(address: str) -> None:
    assert Server(address, "abc").root == "https://q/api"


@pytest.mark.parametrize(
    ("address", "clear"),
    [("http://q", True), ("https://q", False), ("http://localhost:8000", False), ("http://127.0.0.1", False)],
)
def test_what_travels_unencrypted(address: str, clear: bool) -> None:
    assert Server(address, "abc").in_clear is clear
