"""`nmqc uniformity`: what it prints, in which order, and what its options do."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread, dcmwrite

from phantoms.flood import Flood
from phantoms.nm import datasets, write
from tests.cli.conftest import TWO, Floods, brivo
from tests.cli.running import Run, call, codes, measured

QUICK = ("--replicates", "0", "--no-record")


def uniformity(*arguments: str | Path) -> Run:
    """A call that takes little time and leaves the history alone, with JSON."""
    return call("uniformity", *QUICK, "--json", *arguments)


def edited(path: Path, source: Path, *without: str, **values: object) -> Path:
    """A copy of a file without some elements, and with other values in others."""
    ds = dcmread(source)
    for keyword in without:
        if keyword in ds:
            delattr(ds, keyword)
    for keyword, value in values.items():
        setattr(ds, keyword, value)
    dcmwrite(path, ds)
    return path


def one(run: Run) -> dict[str, object]:
    """The only result of a call that refused nothing."""
    assert run.refused == []
    (result,) = run.results
    return result


# --- what is analysed, and in which order ----------------------------------------------------------------


def test_each_detector_of_a_file_gives_a_result(floods: Floods) -> None:
    results = uniformity(floods.heads).results
    assert [result["detector"] for result in results] == [1, 2]
    assert [result["detector_source"] for result in results] == ["vector", "vector"]
    for result, head in zip(results, TWO, strict=True):
        assert head.counts is not None
        # Poisson: five standard deviations of the total; the detectors differ by 2,000 of them
        assert abs(result["total_counts"] - head.counts) < 5 * math.sqrt(head.counts)


def test_windows_come_before_detectors(floods: Floods) -> None:
    results = uniformity(floods.windows).results
    order = [(result["energy_window"]["name"], result["detector"]) for result in results]
    peak, scatter = "99m Technetium", "99m Tc scatter"
    assert order == [(peak, 1), (peak, 2), (scatter, 1), (scatter, 2)]
    expected = [90e6, 70e6, 0.31 * 90e6, 0.31 * 70e6]
    for result, counts in zip(results, expected, strict=True):
        assert abs(result["total_counts"] - counts) < 5 * math.sqrt(counts)  # Poisson
    assert results[2]["energy_window"]["ranges_kev"] == [[108.198, 129.139]]


def test_results_are_in_order_of_the_arguments(floods: Floods) -> None:
    files = [floods.good, floods.heads]
    for order in (files, files[::-1]):
        results = uniformity(*order).results
        found = list(dict.fromkeys(result["inputs"][0]["file"] for result in results))
        assert found == [path.name for path in order]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_ge_files_of_two_windows_are_one_acquisition(floods: Floods, order: tuple[int, int]) -> None:
    pair = [floods.pair[number] for number in order]
    results = uniformity(pair[0], floods.good, pair[1]).results
    files = [result["inputs"][0]["file"] for result in results]
    assert files == [pair[0].name, pair[1].name, floods.good.name]  # the acquisition stays together
    names = ["Tc99m_EM", "Tc99m_SC"]
    assert [result["energy_window"]["name"] for result in results[:2]] == [names[n] for n in order]
    assert all(len(result["inputs"]) == 1 for result in results)
    assert all(result["detector_source"] == "single-head" for result in results)


def test_refused_inputs_are_in_order_of_the_arguments(floods: Floods, tmp_path: Path) -> None:
    """Whatever refuses them: the reader, or the analysis that comes after it."""
    (ds,) = datasets(brivo(), seed=1)
    ds.PixelData = bytes(len(ds.PixelData))
    dcmwrite(tmp_path / "dark.dcm", ds, enforce_file_format=True)
    (tmp_path / "text.dcm").write_text("no image")
    files = [tmp_path / "dark.dcm", tmp_path / "text.dcm", tmp_path / "missing.dcm"]
    for order in (files, files[::-1]):
        run = uniformity(*order, floods.good)
        assert run.status == 3
        assert [refusal["file"] for refusal in run.refused] == [path.name for path in order]
        assert [line.split(": ")[1].split(",")[0] for line in run.said] == [path.name for path in order]


def test_refused_frames_tell_their_window_and_detector(tmp_path: Path) -> None:
    dark = Flood("intevo", matrix=128, heads=TWO)
    (ds,) = datasets(dark, seed=1)
    ds.PixelData = bytes(len(ds.PixelData))
    dcmwrite(tmp_path / "dark.dcm", ds, enforce_file_format=True)
    run = uniformity(tmp_path / "dark.dcm")
    assert [refusal["detector"] for refusal in run.refused] == [1, 2]
    assert {refusal["energy_window"]["name"] for refusal in run.refused} == {"99m Technetium"}
    assert run.status == 3
    assert run.results == []


def test_a_file_given_twice_is_analysed_once(floods: Floods) -> None:
    result = one(uniformity(floods.good, floods.good))
    assert "given_twice" in codes(result["remarks"])


def test_only_detector(floods: Floods) -> None:
    both = uniformity(floods.heads).results
    assert uniformity(floods.heads, "--only-detector", "2").results == [both[1]]


def test_a_detector_that_no_file_holds_is_refused(floods: Floods) -> None:
    """Nothing analysed must not look like nothing wrong."""
    run = uniformity(floods.heads, "--only-detector", "3")
    assert run.status == 3
    assert any("detector 3" in line for line in run.said)
    assert codes(run.refused)


# --- which head, which camera, when -----------------------------------------------------------------------


def test_files_of_single_heads_do_not_tell_which(floods: Floods) -> None:
    run = uniformity(*floods.split)
    assert [result["detector"] for result in run.results] == [None, None]
    assert [result["detector_source"] for result in run.results] == [None, None]
    assert all("head_unknown" in codes(result["remarks"]) for result in run.results)
    assert run.status == 0


def test_the_user_tells_the_head(floods: Floods) -> None:
    result = one(uniformity(floods.split[0], "--detector", "2"))
    assert (result["detector"], result["detector_source"]) == (2, "user")
    assert "head_unknown" not in codes(result["remarks"])


def test_the_user_tells_the_head_of_each_file(floods: Floods) -> None:
    run = uniformity(*floods.split, "--detector", "2,1")
    assert [(one["detector"], one["detector_source"]) for one in run.results] == [(2, "user"), (1, "user")]
    assert [one["inputs"][0]["file"] for one in run.results] == [path.name for path in floods.split]


def test_a_head_against_the_header_is_refused(floods: Floods) -> None:
    run = uniformity(floods.heads, "--detector", "2")
    assert codes(run.refused) == ["detector_conflict"]
    assert run.results == []
    assert run.status == 3
    assert "--detector" in run.said[0]


@pytest.mark.parametrize("attribute", ["SeriesDescription", "ViewCode"])
def test_the_site_tells_the_heads(floods: Floods, tmp_path: Path, attribute: str) -> None:
    site = tmp_path / "nmqc.toml"
    heads = "".join(
        f'[[system.head]]\ndetector = {head}\nattribute = "{attribute}"\npattern = "DET {head}$"\n'
        for head in (1, 2)
    )
    site.write_text(f'[[system]]\nunit = "NM-1"\nmodel = "intevo"\n{heads}')
    run = uniformity(*floods.split, "--config", site)
    assert [result["detector"] for result in run.results] == [1, 2]
    assert {result["detector_source"] for result in run.results} == {"pattern"}
    assert {result["system"]["unit"] for result in run.results} == {"NM-1"}


def test_the_site_names_one_camera_by_its_digits(floods: Floods, tmp_path: Path) -> None:
    (before,) = uniformity(floods.good).results
    (known,) = call("identify", floods.good, "--json").document["files"]
    assert known["system"] == before["system"]
    site = tmp_path / "nmqc.toml"
    site.write_text(f'[[system]]\nunit = "Gamma 2"\nunit_id = "{known["system"]["unit"]}"\n')
    (after,) = uniformity(floods.good, "--config", site).results
    assert after["system"] == {**before["system"], "unit": "Gamma 2"}


def test_the_users_system_replaces_the_recognised_one(floods: Floods) -> None:
    result = one(uniformity(floods.good, "--system", "our-old-camera"))
    assert result["system"]["name"] == "our-old-camera"
    assert result["system"]["model"] == "Brivo NM615"


DATES = ("AcquisitionDateTime", "AcquisitionDate", "SeriesDate", "ContentDate")


def test_the_time_of_a_file_without_one(floods: Floods, tmp_path: Path) -> None:
    file = edited(tmp_path / "undated.dcm", floods.good, *DATES)
    result = one(uniformity(file))
    assert (result["acquired"], result["acquired_from"]) == (None, None)
    result = one(uniformity(file, "--acquired", "2026-11-16T07:15"))
    assert (result["acquired"], result["acquired_from"]) == ("2026-11-16T07:15:00", "user")


def test_a_time_against_the_header_is_refused(floods: Floods) -> None:
    run = uniformity(floods.good, "--acquired", "2026-11-16T07:15")
    assert (run.status, codes(run.refused), run.results) == (3, ["acquired_conflict"], [])


def test_the_time_is_the_floods_not_the_references(floods: Floods, tmp_path: Path) -> None:
    """The reference has its own time: the one typed is for the files."""
    file = edited(tmp_path / "undated.dcm", floods.good, *DATES)
    run = uniformity(file, "--acquired", "2026-11-16T07:15", "--reference", floods.few)
    assert one(run)["acquired"] == "2026-11-16T07:15:00"
    assert measured(run.results[0], of="reference")


# --- pixels and edges --------------------------------------------------------------------------------------


def test_pixel_size_of_a_file_without_one(floods: Floods, tmp_path: Path) -> None:
    plain = one(uniformity(floods.good))
    file = edited(tmp_path / "unsized.dcm", floods.good, "PixelSpacing")
    refused = uniformity(file)
    assert codes(refused.refused) == ["pixel_size_missing"]
    assert "--pixel-mm" in refused.said[0]
    down, along = plain["parameters"]["native_pixel_mm"]
    for typed in (f"{down}", f"{down},{along}"):
        result = one(uniformity(file, "--pixel-mm", typed))
        assert result["parameters"]["native_pixel_mm"] == [down, along]
        assert result["measurements"] == plain["measurements"]


def test_pixel_size_is_down_then_along(tmp_path: Path) -> None:
    (ds,) = datasets(brivo(pixel_mm=(4.1, 4.6)), seed=2)
    del ds.PixelSpacing
    dcmwrite(tmp_path / "unsized.dcm", ds, enforce_file_format=True)
    result = one(uniformity(tmp_path / "unsized.dcm", "--pixel-mm", "4.1,4.6"))
    assert result["parameters"]["native_pixel_mm"] == [4.1, 4.6]
    assert result["parameters"]["field_mm"] == [540, 400]  # would not fit the image the other way round


def test_a_pixel_size_against_the_header_is_refused(floods: Floods) -> None:
    run = uniformity(floods.good, "--pixel-mm", "2.2")
    assert (run.status, codes(run.refused), run.results) == (3, ["pixel_size_conflict"], [])


def test_rebin(floods: Floods) -> None:
    default, coarse = one(uniformity(floods.good)), one(uniformity(floods.good, "--rebin", "3"))
    down, along = default["parameters"]["native_pixel_mm"]
    assert default["parameters"]["rebin"] == 1  # 4.4 mm is nearer to 6.4 mm than 8.8 mm
    assert coarse["parameters"]["rebin"] == 3
    assert coarse["parameters"]["pixel_mm"] == pytest.approx(
        [3 * down, 3 * along], abs=1e-4
    )  # printed rounded
    per_pixel = [measured(result, "uniformity.counts_per_pixel")["value"] for result in (default, coarse)]
    assert per_pixel[1] / per_pixel[0] == pytest.approx(
        9, rel=0.02
    )  # Poisson of 25 pixels of 9,000 counts: 0.3 %


@pytest.mark.parametrize("zoom", [1.3, 2.5])
def test_the_central_field_of_a_zoomed_flood_is_that_of_the_detector(tmp_path: Path, zoom: float) -> None:
    """The header's field ends where the matrix does: 75 % of it is not the CFOV."""
    (path,) = write(Flood("intevo", matrix=128, zoom=zoom, heads=TWO[:1]), tmp_path / "zoomed.dcm", seed=3)
    run = uniformity(path)
    for result in run.results:
        fields = [m["name"].rsplit(".", 1)[-1] for m in result["measurements"]]
        assert "cfov" not in fields or result["parameters"]["field_mm"] == [533, 387]
    assert run.status == 3
    assert "zoomed_field" in codes(run.refused) + [c for r in run.results for c in codes(r["not_measured"])]


def test_edge_policies_change_places(floods: Floods) -> None:
    whole = one(uniformity(floods.good, "--edge-policy", "whole-pixels"))
    strict = one(uniformity(floods.good, "--edge-policy", "strict"))
    assert measured(whole)["value"] != measured(whole, of="strict")["value"]
    assert measured(strict)["value"] == measured(whole, of="strict")["value"]
    assert measured(strict, of="whole-pixels")["value"] == measured(whole)["value"]
    for result in (whole, strict):
        judged = {m["of"] for m in result["measurements"] if m["limits"] is not None}
        assert judged == {""}
    assert strict["parameters"]["edge_policy"] == "strict"
    assert uniformity(floods.good).results == [whole]


def test_edge_margin(floods: Floods) -> None:
    default, wide = one(uniformity(floods.good)), one(uniformity(floods.good, "--edge-margin", "20"))
    assert wide["parameters"]["edge_margin_mm"] == 20
    assert wide["parameters"]["pixels_ufov"] < default["parameters"]["pixels_ufov"]
    assert wide["parameters"]["pixels_cfov"] == default["parameters"]["pixels_cfov"]


# --- what is asked for besides -----------------------------------------------------------------------------


def test_a_flood_is_no_reference_of_itself(floods: Floods) -> None:
    plain = one(uniformity(floods.good))
    run = uniformity(floods.good, "--reference", floods.good)
    assert run.status == 3
    compared = one(run)
    assert measured(compared) == measured(plain)
    assert "no_reference" in codes(plain["not_measured"])
    assert "reference_mismatch" in codes(compared["not_measured"])
    assert "no_reference" not in codes(compared["not_measured"])


def test_a_reference_that_cannot_be_read_is_refused(floods: Floods, tmp_path: Path) -> None:
    (tmp_path / "text.dcm").write_text("no image")
    plain = one(uniformity(floods.good))
    run = uniformity(floods.good, "--reference", tmp_path / "text.dcm")
    assert run.status == 3
    assert [refusal["file"] for refusal in run.refused] == ["text.dcm"]
    assert run.results[0]["measurements"] == plain["measurements"]


def test_a_reference_that_is_missing_is_said(floods: Floods, tmp_path: Path) -> None:
    run = call("uniformity", floods.good, "--reference", tmp_path / "missing.dcm", *QUICK, "--json")
    assert run.status in (2, 3)
    assert any("missing.dcm" in line for line in run.said)


def test_source_distance(floods: Floods) -> None:
    plain, near = one(uniformity(floods.good)), one(uniformity(floods.good, "--source-distance", "2500"))
    assert measured(near) == measured(plain)
    assert near["parameters"]["source_distance_mm"] == 2500
    # a flood without the fall-off of a near source gets worse when that is taken off
    assert measured(near, of="near-source")["value"] > measured(plain)["value"]
    assert "no_source_distance" not in codes(near["not_measured"])


def test_replicates(floods: Floods) -> None:
    without = one(uniformity(floods.good))
    assert measured(without)["uncertainty"] is None
    run = call("uniformity", floods.good, "--replicates", "20", "--no-record", "--json")
    (result,) = run.results
    assert measured(result)["uncertainty"] > 0
    assert measured(result)["value"] == measured(without)["value"]
    again = call("uniformity", floods.good, "--replicates", "20", "--no-record", "--json")
    assert again.results == run.results  # seeded from the data


def test_every_declared_metric_is_delivered_or_listed(floods: Floods) -> None:
    from nmqc.catalogue import find

    result = one(uniformity(floods.good))
    found = {item["name"] for key in ("measurements", "not_measured") for item in result[key]}
    assert found == {metric.name for metric in find("uniformity.planar").metrics}


# --- the streams -------------------------------------------------------------------------------------------


def test_quiet_says_nothing_of_what_is_within_limits(floods: Floods) -> None:
    run = call("uniformity", floods.good, *QUICK, "--quiet")
    assert (run.status, run.out, run.err) == (0, b"", "")


def test_quiet_names_what_is_out_of_limits(floods: Floods) -> None:
    run = call("uniformity", floods.good, floods.weak, *QUICK, "--quiet")
    assert run.status == 4
    assert run.text.splitlines() == ["weak.dcm: fail"]


def test_text_tells_each_result(floods: Floods) -> None:
    run = call("uniformity", floods.heads, *QUICK)
    assert run.err == ""
    for words in ("detector 1", "detector 2", "heads.dcm", "2026-01-05 07:12:00", "SYNTHETIC", "unverified"):
        assert words in run.text


def test_remarks_and_refusals_stay_out_of_the_json_stream(floods: Floods, tmp_path: Path) -> None:
    run = uniformity(floods.good, tmp_path / "missing.dcm")
    assert len(run.results) == 1  # reading `results` checks that the stream holds one object
    assert run.said == ["nmqc: missing.dcm: " + run.refused[0]["reason"]]


# --- wrong usage -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        ("--acquired", "yesterday"),
        ("--pixel-mm", "4,4,4"),
        ("--pixel-mm", "0"),
        ("--pixel-mm", "nan"),
        ("--rebin", "0"),
        ("--rebin", "1.5"),
        ("--edge-policy", "loose"),
        ("--edge-margin", "-1"),
        ("--edge-margin", "nan"),
        ("--replicates", "-1"),
        ("--detector", "0"),
        ("--detector", "1.5"),
        ("--detector", "one"),
        ("--detector", "1,2"),
        ("--only-detector", "0"),
        ("--source-distance", "10"),
        ("--source-distance", "nan"),
        ("--config", "missing.toml"),
        ("--no-such-option",),
    ],
    ids=" ".join,
)
def test_wrong_usage(floods: Floods, options: tuple[str, ...]) -> None:
    run = uniformity(floods.good, *options)
    assert run.status == 2
    assert run.out == b""
    assert options[0] in run.said[-1] or options[-1] in run.said[-1]


def test_a_dataset_is_only_read(floods: Floods) -> None:
    """The folder of the inputs and the inputs themselves stay as they were."""
    before = {path: path.read_bytes() for path in floods.good.parent.iterdir()}
    call("uniformity", floods.good, "--replicates", "0")
    assert {path: path.read_bytes() for path in floods.good.parent.iterdir()} == before
    assert isinstance(dcmread(floods.good), Dataset)
