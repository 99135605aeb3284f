"""`nmqc resolution`: which images go to which test, with which options, and what comes of it."""

from __future__ import annotations

from pathlib import Path

import pikepdf
import pytest

from tests.cli import marked
from tests.cli.conftest import Floods
from tests.cli.marked import image
from tests.cli.running import Run, call, codes

LATER = {"AcquisitionDate": "20260106", "AcquisitionTime": "081500"}


def resolution(*arguments: str | Path) -> Run:
    return call("resolution", "--no-record", "--json", *arguments)


def names_of(run: Run) -> list[str]:
    return [result["test"] for result in run.results]


def files_of(run: Run) -> list[list[str]]:
    return [[file["file"] for file in result["inputs"]] for result in run.results]


@pytest.fixture(autouse=True)
def _by_the_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    marked.use(monkeypatch)


# --- what the images show --------------------------------------------------------------------------------


@pytest.mark.parametrize(("shows", "title"), marked.TITLES.items())
def test_what_an_image_shows_is_found_out_and_said(tmp_path: Path, shows: str, title: str) -> None:
    run = resolution(image(tmp_path / "one.dcm", shows))
    assert (run.status, run.err, names_of(run)) == (0, "", [f"resolution.{shows}"])
    (remark,) = (one for one in run.results[0]["remarks"] if one["code"] == "phantom_recognised")
    assert remark["text"] == f"recognised as {title} (--phantom {shows})"


@pytest.mark.parametrize("shows", marked.TITLES)
def test_what_is_typed_is_not_found_out(tmp_path: Path, shows: str) -> None:
    run = resolution(image(tmp_path / "one.dcm", shows), "--phantom", shows)
    assert (run.status, names_of(run)) == (0, [f"resolution.{shows}"])
    assert "phantom_recognised" not in codes(run.results[0]["remarks"])


def test_what_is_typed_wrongly_is_refused_by_that_test(tmp_path: Path) -> None:
    run = resolution(image(tmp_path / "one.dcm", "bars"), "--phantom", "slits")
    assert (run.status, codes(run.refused), run.results) == (3, ["not_slits"], [])


def test_results_are_in_order_of_the_arguments(tmp_path: Path) -> None:
    paths = [image(tmp_path / f"{shows}.dcm", shows) for shows in ("lines", "bars", "slits")]
    for order in (paths, paths[::-1]):
        assert files_of(resolution(*order)) == [[path.name] for path in order]


@pytest.mark.parametrize("shows", [("bars", "lines"), ("lines", "bars")])
def test_each_head_is_analysed_by_what_it_shows(tmp_path: Path, shows: tuple[str, str]) -> None:
    """Detector 1 comes first, whatever the order of the tests."""
    run = resolution(image(tmp_path / "two.dcm", *shows))
    assert [(result["detector"], result["test"]) for result in run.results] == [
        (1, f"resolution.{shows[0]}"),
        (2, f"resolution.{shows[1]}"),
    ]
    said = [
        [one["text"] for one in result["remarks"] if "--phantom" in one["text"]] for result in run.results
    ]
    assert said == [[f"recognised as {marked.TITLES[what]} (--phantom {what})"] for what in shows]


def test_a_flood_is_sent_to_its_command(floods: Floods) -> None:
    run = resolution(floods.good)
    (refusal,) = run.refused
    assert (run.status, refusal["code"]) == (3, "not_recognised")
    assert refusal["reason"].startswith("this is a flood: nmqc uniformity good.dcm; ")
    assert "--phantom" in refusal["reason"]


def test_one_head_that_shows_nothing_leaves_the_other(tmp_path: Path) -> None:
    run = resolution(image(tmp_path / "two.dcm", "bars", "nothing"))
    assert [(result["detector"], result["test"]) for result in run.results] == [(1, "resolution.bars")]
    assert [(refusal["detector"], refusal["code"]) for refusal in run.refused] == [(2, "not_recognised")]
    assert run.status == 3
    for phantom in marked.TITLES:
        assert phantom in run.refused[0]["reason"]


def test_what_every_test_says_is_the_reason(tmp_path: Path) -> None:
    run = resolution(image(tmp_path / "dark.dcm", "dark"))
    assert codes(run.refused) == ["no_counts"]


@pytest.mark.parametrize("shows", marked.TITLES)
def test_what_the_test_of_its_phantom_says_is_the_reason(tmp_path: Path, shows: str) -> None:
    """Not that it was not recognised: one test saw its phantom, and why it cannot be measured."""
    (refusal,) = resolution(image(tmp_path / "one.dcm", f"{shows} amiss")).refused
    assert (refusal["code"], refusal["reason"]) == (
        f"{shows}_amiss",
        f"these {shows} cannot be measured: acquire them anew",
    )


def test_another_kind_of_acquisition(tmp_path: Path) -> None:
    path = image(tmp_path / "tomo.dcm", "bars", ImageType=["ORIGINAL", "PRIMARY", "DYNAMIC", "EMISSION"])
    (refusal,) = resolution(path).refused
    assert (refusal["code"], "DYNAMIC" in refusal["reason"]) == ("not_recognised", True)


def test_an_image_that_does_not_say_its_kind_is_looked_at(tmp_path: Path) -> None:
    path = image(tmp_path / "bars.dcm", "bars", ImageType=["ORIGINAL", "PRIMARY"])
    assert names_of(resolution(path)) == ["resolution.bars"]


def test_refusals_are_in_order_of_the_arguments(tmp_path: Path, floods: Floods) -> None:
    (tmp_path / "text.dcm").write_text("no image")
    files = [
        image(tmp_path / "dark.dcm", "dark"),
        tmp_path / "text.dcm",
        floods.good,
        tmp_path / "missing.dcm",
    ]
    for order in (files, files[::-1]):
        run = resolution(*order, image(tmp_path / "bars.dcm", "bars"))
        assert [refusal["file"] for refusal in run.refused] == [path.name for path in order]
        assert (run.status, len(run.results)) == (3, 1)
        assert len(run.said) == len(files)


def test_identify_leads_here(tmp_path: Path) -> None:
    path = image(tmp_path / "my bars.dcm", "bars")
    (found,) = call("identify", path, "--json").document["files"]
    assert (found["kind"], found["command"], found["refused"]) == ("bars", "resolution", [])
    assert "nmqc resolution 'my bars.dcm'" in call("identify", path).text


def test_identify_says_what_each_test_misses(tmp_path: Path) -> None:
    (found,) = call("identify", image(tmp_path / "x.dcm", "nothing"), "--json").document["files"]
    assert (found["kind"], found["command"]) == ("other", None)
    assert codes(found["refused"]) == ["not_bars", "not_slits", "not_lines", "field_incomplete"]


# --- images of one camera --------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [("early", "late"), ("late", "early")])
def test_bars_of_one_camera_are_analysed_together(tmp_path: Path, order: tuple[str, str]) -> None:
    """Each by itself with its own time, then together with the latest, after the last of the files."""
    first, second = "2026-01-05T07:12:00", "2026-01-06T08:15:00"
    made = {
        "early": image(tmp_path / "early.dcm", "bars", value=3),
        "late": image(tmp_path / "late.dcm", "bars", value=7, **LATER),
    }
    lines = image(tmp_path / "lines.dcm", "lines")
    run = resolution(made[order[0]], lines, made[order[1]])
    one, other = (f"{name}.dcm" for name in order)
    assert files_of(run) == [[one], ["lines.dcm"], [other], [one, other]]
    times = {"early": first, "late": second}
    assert [result["acquired"] for result in run.results] == [times[order[0]], first, times[order[1]], second]
    values = {"early": 4.03, "late": 4.07}
    found = [result["measurements"][0]["value"] for result in run.results[::2]]
    assert found == [values[name] for name in order]
    assert [codes(result["remarks"]).count("phantom_recognised") for result in run.results] == [1, 1, 1, 1]


def test_also_where_the_phantom_was_typed(tmp_path: Path) -> None:
    paths = [image(tmp_path / f"{n}.dcm", "bars", value=n) for n in (1, 2)]
    assert files_of(resolution(*paths, "--phantom", "bars")) == [["1.dcm"], ["2.dcm"], ["1.dcm", "2.dcm"]]


def test_a_remark_on_one_file_is_not_on_the_others(tmp_path: Path) -> None:
    plain = image(tmp_path / "plain.dcm", "bars", value=1)
    again = image(tmp_path / "again.dcm", "bars", value=2)
    run = resolution(plain, again, again)
    expected = [False, True, True]
    assert ["given_twice" in codes(result["remarks"]) for result in run.results] == expected
    assert files_of(run)[2] == ["plain.dcm", "again.dcm"]


@pytest.mark.parametrize("header", [{"DeviceSerialNumber": "2"}, {"CorrectedImage": ["LIN"]}], ids=str)
def test_bars_of_other_cameras_or_settings_are_not(tmp_path: Path, header: dict[str, object]) -> None:
    one = image(tmp_path / "one.dcm", "bars", value=1)
    other = image(tmp_path / "other.dcm", "bars", value=2, **header)
    assert files_of(resolution(one, other)) == [["one.dcm"], ["other.dcm"]]


def test_slits_and_lines_are_analysed_by_themselves(tmp_path: Path) -> None:
    paths = [image(tmp_path / f"{n}.dcm", "slits", value=n) for n in (1, 2)]
    assert files_of(resolution(*paths)) == [["1.dcm"], ["2.dcm"]]


def test_only_detector(tmp_path: Path) -> None:
    both = image(tmp_path / "both.dcm", "lines", "bars")
    run = resolution(both, "--only-detector", "2")
    assert [(result["detector"], result["test"]) for result in run.results] == [(2, "resolution.bars")]
    assert run.refused == []


@pytest.mark.parametrize("typed", [(), ("--phantom", "bars")])
def test_a_file_without_the_detector_is_refused_by_itself(tmp_path: Path, typed: tuple[str, ...]) -> None:
    both = image(tmp_path / "both.dcm", "bars", "bars")
    single = image(tmp_path / "single.dcm", "bars", system="intevo")  # which head it is of, it does not say
    run = resolution(both, single, "--only-detector", "2", *typed)
    assert files_of(run) == [["both.dcm"]]
    assert [(refusal["file"], refusal["code"]) for refusal in run.refused] == [
        ("single.dcm", "no_such_detector")
    ]
    assert run.status == 3


# --- options ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("phantom", [(), ("--phantom", "bars")])
def test_options_of_the_bars(tmp_path: Path, floods: Floods, phantom: tuple[str, ...]) -> None:
    path = image(tmp_path / "bars.dcm", "bars")
    run = resolution(path, "--bars", "3.5,2.0, 2,10", "--flood", floods.good, *phantom)
    assert (run.status, run.err) == (0, "")
    assert run.results[0]["parameters"] == {
        "bars": [3.5, 2.0, 2.0, 10.0],
        "flood": "good.dcm",
        "only_detector": None,
    }


def test_options_of_the_lines(tmp_path: Path) -> None:
    run = resolution(image(tmp_path / "lines.dcm", "lines"), "--separation", "99.5")
    assert (run.status, run.results[0]["parameters"]["separation_mm"]) == (0, 99.5)


def test_options_go_to_the_images_that_they_are_for(tmp_path: Path) -> None:
    bars, lines = (image(tmp_path / f"{shows}.dcm", shows) for shows in ("bars", "lines"))
    run = resolution(lines, bars, "--separation", "50", "--bars", "2,3,4,5")
    assert run.status == 0
    assert [result["parameters"].get("bars") for result in run.results] == [None, [2.0, 3.0, 4.0, 5.0]]


@pytest.mark.parametrize(
    ("phantom", "option", "value"),
    [("bars", "--separation", "100"), ("slits", "--bars", "2,3,4,5"), ("lines", "--flood", "flood.dcm")],
)
def test_an_option_of_another_phantom_is_wrong_usage(
    tmp_path: Path, phantom: str, option: str, value: str
) -> None:
    run = resolution(image(tmp_path / "one.dcm", phantom), "--phantom", phantom, option, value)
    assert (run.status, run.out) == (2, b"")
    assert option in run.said[-1]


@pytest.mark.parametrize(
    ("shows", "option", "value"),
    [("bars", "--separation", "100"), ("slits", "--bars", "2,3,4,5"), ("lines", "--flood", "missing.dcm")],
)
def test_an_option_that_no_image_is_for_is_said(tmp_path: Path, shows: str, option: str, value: str) -> None:
    """The images are analysed all the same."""
    run = resolution(image(tmp_path / "one.dcm", shows), option, value)
    assert (run.status, names_of(run), run.refused) == (3, [f"resolution.{shows}"], [])
    (line,) = run.said
    assert line.startswith(f"nmqc: {option} was not used")


def test_an_option_is_not_missed_where_nothing_could_be_read(tmp_path: Path) -> None:
    (tmp_path / "text.dcm").write_text("no image")
    for phantom in ((), ("--phantom", "lines")):
        run = resolution(tmp_path / "text.dcm", "--separation", "100", *phantom)
        assert (run.status, codes(run.refused), len(run.said)) == (3, ["not_dicom"], 1)


@pytest.mark.parametrize(
    "options",
    [
        ("--bars", "2,3,4"),
        ("--bars", "2,3,4,5,6"),
        ("--bars", "2,3,4,x"),
        ("--bars", "2,3,4,nan"),
        ("--bars", "2,3,4,0.9"),
        ("--bars", "2,3,4,10.1"),
        ("--bars", ""),
        ("--separation", "4"),
        ("--separation", "nan"),
        ("--phantom", "flood"),
        ("--only-detector", "0"),
        ("--pixel-mm", "inf"),
        ("--acquired", "yesterday"),
    ],
    ids=" ".join,
)
def test_wrong_usage(tmp_path: Path, options: tuple[str, ...]) -> None:
    run = resolution(image(tmp_path / "one.dcm", "bars"), *options)
    assert (run.status, run.out) == (2, b"")
    assert options[0] in run.said[-1] or options[-1] in run.said[-1]


def test_a_flood_that_shows_a_phantom_is_none(tmp_path: Path) -> None:
    """The classic slip: the same file twice."""
    path = image(tmp_path / "bars.dcm", "bars")
    run = resolution(path, "--flood", path)
    assert (run.status, codes(run.refused)) == (3, ["not_a_flood"])
    assert run.results[0]["parameters"]["flood"] is None


def test_a_flood_that_cannot_be_read_is_refused_last(tmp_path: Path) -> None:
    (tmp_path / "text.dcm").write_text("no image")
    run = resolution(
        image(tmp_path / "bars.dcm", "bars"), tmp_path / "missing.dcm", "--flood", tmp_path / "text.dcm"
    )
    assert [refusal["file"] for refusal in run.refused] == ["missing.dcm", "text.dcm"]
    assert (run.status, len(run.results)) == (3, 1)


# --- what all analyses share -----------------------------------------------------------------------------


def limits(folder: Path, fail: float) -> Path:
    (folder / "limits.toml").write_text(
        '[[limit]]\nmetric = "resolution.bars.fwhm"\nunit = "mm"\non = "value"\nsource = "a test"\n'
        f"fail = {{ high = {fail} }}\n"
    )
    (folder / "nmqc.toml").write_text('limits = "limits.toml"\n')
    return folder / "nmqc.toml"


@pytest.mark.parametrize(("fail", "status", "verdict"), [(4.0, 0, "pass"), (3.99, 4, "fail")])
def test_limits_judge(tmp_path: Path, fail: float, status: int, verdict: str) -> None:
    run = resolution(image(tmp_path / "bars.dcm", "bars"), "--config", limits(tmp_path, fail))
    assert (run.status, run.results[0]["verdict"]) == (status, verdict)


def test_quiet(tmp_path: Path) -> None:
    """A line for each result out of limits; the one of both files names both."""
    paths = [image(tmp_path / f"{n}.dcm", "bars", value=n) for n in (1, 2)]
    run = call("resolution", *paths, "--no-record", "--quiet")
    assert (run.status, run.out, run.err) == (0, b"", "")
    run = call("resolution", *paths, "--no-record", "--quiet", "--config", limits(tmp_path, 3.0))
    assert run.text.splitlines() == ["1.dcm: fail", "2.dcm: fail", "1.dcm, 2.dcm: fail"]


def test_text(tmp_path: Path) -> None:
    run = call("resolution", image(tmp_path / "bars.dcm", "bars"), "--no-record")
    assert (run.status, run.err) == (0, "")
    for words in ("resolution.bars", "FWHM, joint fit", "recognised as four-quadrant bars (--phantom bars)"):
        assert words in run.text


def test_each_result_is_recorded_once(tmp_path: Path) -> None:
    paths = [image(tmp_path / f"{n}.dcm", "bars", value=n) for n in (1, 2)]
    db = tmp_path / "h.sqlite"
    first = call("resolution", *paths, "--db", db, "--json")
    assert [result["history"] for result in first.results] == [1, 2, 3]
    again = call("resolution", *paths, "--db", db, "--json")
    assert [result["history"] for result in again.results] == [1, 2, 3]
    assert "1.dcm, 2.dcm: already in the history" in again.err


def test_the_report_holds_every_result(tmp_path: Path) -> None:
    paths = [image(tmp_path / f"{shows}.dcm", shows) for shows in ("bars", "lines")]
    run = resolution(*paths, "--pdf", tmp_path / "report.pdf")
    assert (run.status, run.err) == (0, "")
    with pikepdf.open(tmp_path / "report.pdf") as file:
        assert len(file.pages) == 3


def test_a_single_missing_path_is_2(tmp_path: Path) -> None:
    run = call("resolution", tmp_path / "missing.dcm")
    assert (run.status, run.out) == (2, b"")
    assert "missing.dcm" in run.said[-1]
