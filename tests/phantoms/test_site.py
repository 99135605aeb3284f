"""``python -m phantoms site``."""

import json
import math
import tomllib
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from phantoms.__main__ import main
from phantoms.site import truth_path
from phantoms.site_cameras import acquired_on
from phantoms.site_options import truths
from phantoms.site_plan import Plan
from phantoms.site_strays import _spoilers, encoded, spoiled
from phantoms.site_truth import SiteTruth, counts

DAYS = 10
FAULTS = {
    *("drift", "step_after_service", "cor_jump", "missed_week", "duplicate", "truncated", "wrong_extension"),
    *("mislabelled", "ct_series", "report_screen", "note", "empty", "dicomdir"),
}


class Made:
    """A site as it lies on the disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.truth = json.loads(truth_path(folder).read_text())
        self.items: list[dict[str, Any]] = self.truth["items"]
        self.faults: dict[str, dict[str, Any]] = {fault["name"]: fault for fault in self.truth["faults"]}

    def read(self, file: str) -> pydicom.Dataset:
        return pydicom.dcmread(self.folder / file)

    def image(self, file: str, detector: int = 1) -> np.ndarray:
        pixels = self.read(file).pixel_array.astype(float)
        return pixels if pixels.ndim == 2 else pixels[detector - 1]

    def of(self, system: str, kind: str) -> list[dict[str, Any]]:
        """Return a camera's items of a kind, copies aside, by time."""
        found = [item for item in self.items if (item["system"], item["kind"]) == (system, kind)]
        return sorted((item for item in found if not item["duplicate_of"]), key=lambda item: item["acquired"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("site") / "made"
    assert main(["site", str(folder), "--days", str(DAYS), "--seed", "3"]) == 0
    return Made(folder)


def day_of(item: dict[str, Any]) -> str:
    return str(item["acquired"])[:10]


def disc(image: np.ndarray, x_mm: float, y_mm: float, radius_mm: float, pixel_mm: float) -> np.ndarray:
    """Return the pixels within a distance of a place, from the centre of the matrix."""
    rows, columns = np.indices(image.shape)
    x = (columns - (image.shape[1] - 1) / 2) * pixel_mm - x_mm
    y = (rows - (image.shape[0] - 1) / 2) * pixel_mm - y_mm
    return image[np.hypot(x, y) < radius_mm]


def test_every_file_is_told_of_once(site: Made) -> None:
    told = [file for item in site.items for file in item["files"]]
    lying = [path.relative_to(site.folder).as_posix() for path in site.folder.rglob("*") if path.is_file()]
    assert sorted(told) == sorted(lying)
    assert site.truth["counts"]["files"] == len(lying)
    assert truth_path(site.folder) == site.folder.parent / "made.truth.json"
    assert {item["status"] for item in site.items if item["kind"] != "other"} == {"analysed"}
    assert {item["status"] for item in site.items if item["kind"] == "other"} == {"unknown", "refused"}


def test_the_configuration_names_every_camera_and_its_heads(site: Made) -> None:
    text = (site.folder.parent / "made.nmqc.toml").read_text()
    systems = {one["unit"]: one for one in tomllib.loads(text)["system"]}
    assert [one["name"] for one in systems.values()] == ["intevo", "symbia-t2", "brivo", "vereos"]
    assert [[head["detector"] for head in one.get("head", [])] for one in systems.values()] == [
        [1, 2],
        [1, 2],
        [],
        [],
    ]
    for item in site.of("symbia-t2", "flood"):
        described = site.read(item["files"][0]).SeriesDescription
        named = [head for head in systems["Gamma 2"]["head"] if head["pattern"] in described]
        assert [head["detector"] for head in named] == item["detectors"]


def test_the_week_of_each_camera(site: Made) -> None:
    working = [f"2025-10-{day:02d}" for day in (1, 2, 3, 6, 7, 8, 9, 10)]
    intact = [day_of(item) for item in site.of("intevo", "flood")]
    assert intact == working
    assert [day_of(item) for item in site.of("brivo", "flood")] == working[:3]  # 6 to 10 is the missed week
    assert [day_of(item) for item in site.of("intevo", "cor")] == ["2025-10-01", "2025-10-08"]
    assert [day_of(item) for item in site.of("symbia-t2", "bars")] == ["2025-10-02"] * 2 + ["2025-10-09"] * 2
    assert [day_of(item) for item in site.of("vereos", "cylinder")] == ["2025-10-03", "2025-10-10"]
    assert [day_of(item) for item in site.of("vereos", "iec")] == ["2025-10-06"]
    for item in site.items:
        if item["acquired"]:
            moment = datetime.fromisoformat(item["acquired"])
            assert 6 <= moment.hour < 10


def test_headers_tell_camera_and_heads(site: Made) -> None:
    serials = {}
    for camera in site.truth["cameras"]:
        kind = "cylinder" if camera["system"] == "vereos" else "flood"
        items = [item for item in site.of(camera["system"], kind) if not item["duplicate_of"]]
        read = site.read(items[0]["files"][0])
        stated = (read.ManufacturerModelName, read.DeviceSerialNumber, read.StationName)
        assert stated == (camera["model"], camera["serial"], camera["station"])
        assert "NMQC-SIM" in camera["serial"]
        assert "NMQC-SIM" in camera["station"]
        serials[camera["system"]] = camera["serial"]
    assert len(set(serials.values())) == 4
    first, second = (
        item["files"][0] for item in site.of("symbia-t2", "flood") if day_of(item) == "2025-10-03"
    )
    assert [site.read(file).SeriesDescription[-5:] for file in (first, second)] == ["det 1", "det 2"]
    assert site.read(site.of("intevo", "flood")[0]["files"][0]).NumberOfFrames == 2


def test_an_acquisition_lies_in_its_file_and_ends_before_the_next(site: Made) -> None:
    for system in ("intevo", "symbia-t2", "brivo"):
        before, ends = "", ""
        items = [item for kind in ("flood", "bars", "cor") for item in site.of(system, kind)]
        for item in sorted(items, key=lambda item: (item["acquired"], item["files"])):
            read = site.read(item["files"][0])
            moment = datetime.strptime(read.AcquisitionDate + read.AcquisitionTime[:6], "%Y%m%d%H%M%S")
            assert moment.isoformat() == item["acquired"]
            frames = (
                1
                if "ActualFrameDuration" in read
                else read.RotationInformationSequence[0].NumberOfFramesInRotation
            )
            holder = read if "ActualFrameDuration" in read else read.RotationInformationSequence[0]
            assert item["acquired"] in (before, max(ends, item["acquired"]))  # split heads share their time
            end = moment + timedelta(milliseconds=int(holder.ActualFrameDuration) * int(frames))
            before, ends = item["acquired"], end.isoformat()
            written = datetime.fromtimestamp((site.folder / item["files"][0]).stat().st_mtime)
            assert timedelta(0) < written - end < timedelta(minutes=3)


def test_the_drifting_tube_grows_weaker_on_its_own_detector(site: Made) -> None:
    """The mean of a Gaussian dip over a disc of its radius is depth 2 (1 - exp(-1 / 2))."""
    fault = site.faults["drift"]
    x, y = fault["sizes"]["x mm from the field's centre"], fault["sizes"]["y mm from the field's centre"]
    pixel, sigma = 613.7855835 / 128, 25.0
    floods = {day_of(item): item["files"][0] for item in site.of("intevo", "flood")}
    depths = {}
    for detector in (1, 2):
        level = {}
        for day in ("2025-10-01", "2025-10-03", "2025-10-08", "2025-10-10"):
            image = site.image(floods[day], detector)
            level[day] = disc(image, x, y, sigma, pixel).mean() / disc(image, 0, 0, 180, pixel).mean()
        depths[detector] = {day: 1 - level[day] / level["2025-10-01"] for day in level}
    lost = 2 * (1 - math.exp(-0.5))
    # counting: 85 pixels of 10,000 counts in each of two floods, 0.15 %; the pattern's and slope's scatter 0.03 %
    assert fault["first"] == "2025-10-03"
    assert depths[2]["2025-10-03"] == pytest.approx(0, abs=3 * 0.0016)
    assert depths[2]["2025-10-08"] == pytest.approx(0.06 * 5 / 7 * lost, abs=3 * 0.0016)
    assert depths[2]["2025-10-10"] == pytest.approx(0.06 * lost, abs=3 * 0.0016)
    assert all(abs(depth) < 3 * 0.0016 for depth in depths[1].values())
    assert fault["sizes"]["depth a day"] == pytest.approx(0.06 / 7, rel=1e-6)  # written with eight decimals
    assert len(fault["files"]) == 6


def lattice_amplitude(image: np.ndarray, pixel_mm: float) -> float:
    """Return the amplitude of three plane waves 120 degrees apart, by projection on the image's middle."""
    half = image.shape[0] // 4
    part = image[half:-half, half:-half]
    y, x = ((np.indices(part.shape).T - (part.shape[0] - 1) / 2) * pixel_mm).T
    wave = 4 * math.pi / (math.sqrt(3) * 76.0)
    waves = np.zeros_like(part)
    for angle in (90, 210, 330):
        waves += np.cos(
            wave * (math.cos(math.radians(angle)) * (x - 9.0) + math.sin(math.radians(angle)) * (y + 5.0))
        )
    waves -= waves.mean()
    return float(3 * (part / part.mean() * waves).sum() / (waves**2).sum())


def test_the_pattern_shows_from_service_on(site: Made) -> None:
    fault = site.faults["step_after_service"]
    assert fault["first"] == "2025-10-07"
    assert {"system": "symbia-t2", "day": "2025-10-07"}.items() <= site.truth["events"][-1].items()
    for item in site.of("symbia-t2", "flood"):
        detector = item["detectors"][0]
        found = lattice_amplitude(site.image(item["files"][0]), 613.7855835 / 256)
        served = day_of(item) >= "2025-10-07"
        # counting: 3 / sqrt(1.5 x 16384 pixels x 2000 counts) = 0.0004; field off the centre by 0.4 mm: 4 % of it
        assert found == pytest.approx(item["true"][f"lattice amplitude {detector}"], abs=0.0012, rel=0.04)
        assert (found < -0.018) == served
        assert (item["files"][0] in fault["files"]) == served


def test_the_centre_of_rotation_jumps_on_one_camera_alone(site: Made) -> None:
    """Over a full circle the sinusoids of all sources have the mean 0: the counts' centroid is the offset."""
    offsets = {}
    for system, width in (("intevo", 613.7855835), ("symbia-t2", 613.7855835), ("brivo", 565.51168)):
        for item in site.of(system, "cor"):
            views = site.read(item["files"][0]).pixel_array.astype(float)[:32]
            columns = (np.arange(128) - 63.5) * width / 128
            centroid = float((views.sum(axis=(0, 1)) * columns).sum() / views.sum())
            # counting: the sources' spread of 60 mm over the root of 1.9 million counts, 0.05 mm
            assert centroid == pytest.approx(item["true"]["offset 1"], abs=0.15)
            offsets.setdefault(system, []).append(item["true"]["offset 1"])
    # scatter of 0.05 mm of each of two acquisitions, three standard deviations
    assert np.diff(offsets["brivo"]) == pytest.approx(1.8, abs=3 * 0.071)
    assert np.diff(offsets["intevo"]) == pytest.approx(0, abs=3 * 0.071)
    assert np.diff(offsets["symbia-t2"]) == pytest.approx(0, abs=3 * 0.071)
    assert site.faults["cor_jump"]["files"] == ["brivo/2025-10-08/IM0002"]


def test_days_are_not_alike(site: Made) -> None:
    totals = [float(site.image(item["files"][0], 1).sum()) for item in site.of("intevo", "flood")]
    spread = float(np.std(totals, ddof=1)) / float(np.mean(totals))
    assert 0.005 < spread < 0.05  # of eight values about 2 %: chi-squared far beyond 1 in 10,000
    minutes = {item["acquired"][11:16] for item in site.of("intevo", "flood")}
    assert len(minutes) > 4


def test_damaged_and_mislabelled_files(site: Made) -> None:
    (cut,) = site.faults["truncated"]["files"]
    other = site.folder / cut.replace("-1.dcm", "-2.dcm")
    assert (site.folder / cut).stat().st_size < 0.7 * other.stat().st_size
    assert pydicom.dcmread(site.folder / cut, stop_before_pixels=True).Rows == 256
    original, *copies = site.faults["duplicate"]["files"]
    assert len({(site.folder / file).read_bytes() for file in (original, *copies)}) == 1
    assert len({(site.folder / file).parent for file in (original, *copies)}) == 3
    copied = [item for item in site.items if item["duplicate_of"]]
    assert [(item["files"], item["duplicate_of"]) for item in copied] == [
        ([file], original) for file in sorted(copies)
    ]
    (renamed,) = site.faults["wrong_extension"]["files"]
    assert renamed.endswith("flood-2.txt")
    assert "Flood" in site.read(renamed).SeriesDescription
    (bars,) = site.faults["mislabelled"]["files"]
    wrong, right = site.read(bars), site.read(bars.replace("bars-1", "bars-2"))
    assert "Flood" in wrong.SeriesDescription
    assert "Bars" in right.SeriesDescription
    means = [read.pixel_array[200:320, 60:180].astype(float) for read in (wrong, right)]
    assert all(part.var() > 3 * part.mean() for part in means)  # bars, not counting noise alone


def test_foreign_files(site: Made) -> None:
    status = {file: item["status"] for item in site.items for file in item["files"]}
    classes = {}
    for name in ("ct_series", "report_screen", "dicomdir"):
        meta = pydicom.filereader.read_file_meta_info(site.folder / site.faults[name]["files"][0])
        classes[name] = pydicom.uid.UID(meta.MediaStorageSOPClassUID).name
        assert {status[file] for file in site.faults[name]["files"]} == {"unknown"}
    assert classes == {
        "ct_series": "CT Image Storage",
        "report_screen": "Secondary Capture Image Storage",
        "dicomdir": "Media Storage Directory Storage",
    }
    ct = [site.read(file) for file in site.faults["ct_series"]["files"]]
    assert len({slice_.SeriesInstanceUID for slice_ in ct}) == 1
    assert len({slice_.SOPInstanceUID for slice_ in ct}) == len(ct) == 8
    assert site.read(site.faults["report_screen"]["files"][0]).pixel_array.shape == (320, 240)
    (empty,), (note,) = site.faults["empty"]["files"], site.faults["note"]["files"]
    assert ((site.folder / empty).read_bytes(), status[empty], status[note]) == (b"", "refused", "unknown")
    assert (site.folder / note).read_text().startswith("Synthetic")
    assert set(site.faults) == FAULTS


def test_fill_sheets_tell_what_is_in_the_phantoms(site: Made) -> None:
    """What decays from the syringe's time to the scan's, over the volume, is the true concentration."""
    for item in (*site.of("vereos", "cylinder"), *site.of("vereos", "iec")):
        sheet = tomllib.loads((site.folder / item["files"][0]).with_name("fill.toml").read_text())
        parts = {"background": item["true"]["Bq/mL"]}
        if item["kind"] == "iec":
            parts["spheres"] = item["true"]["Bq/mL"] * item["true"]["sphere to background"]
        assert set(parts) == set(sheet) - {"radionuclide", "calibrator_percent"}
        for part, expected in parts.items():
            (syringe,) = sheet[part]["syringe"]
            passed = (datetime.fromisoformat(item["acquired"]) - syringe["measured"]).total_seconds()
            left = syringe["activity_mbq"] * 1e6 * math.exp(-math.log(2) * passed / 6586.2)
            assert left / sheet[part]["volume_ml"] == pytest.approx(
                expected, rel=1e-4
            )  # as many digits written
        read = site.read(item["files"][0])
        assert read.Units == "CNTS"
        assert len(item["files"]) == read.NumberOfSlices


@pytest.mark.parametrize("first", [date(2025, 9, 29) + timedelta(days=count) for count in range(7)])
@pytest.mark.parametrize("days", [10, 11, 13, 40])
def test_every_fault_has_its_place_in_any_span(first: date, days: int) -> None:
    plan = Plan(first, days, 1)
    assert plan.working_days[0] >= first
    assert plan.working_days[-1] <= plan.end == first + timedelta(days - 1)
    assert all(day.weekday() < 5 for day in plan.working_days)
    assert plan.working_days[0] <= plan.drift_from < plan.working_days[-1]
    assert plan.working_days[0] < plan.step_from <= plan.working_days[-1]
    assert plan.cor_days[0] < plan.jump_from
    assert plan.jump_from in plan.cor_days
    assert plan.bars_days
    assert plan.cylinder_days
    assert plan.iec_days
    assert 0 < len(plan.missed_days) <= 5
    assert len({day.isocalendar()[1] for day in plan.missed_days}) == 1
    assert len(_spoilers(plan)) == 4
    for _, kind, _, day in _spoilers(plan):
        assert day in (plan.bars_days if kind == "bars" else plan.working_days)
    assert [plan.drifted(plan.drift_from), plan.drifted(first), plan.drifted(plan.end)] == [0, 0, 1]


def test_the_same_seed_gives_the_same_files_whatever_the_span() -> None:
    day = date(2025, 10, 7)  # neither PET nor bars: quick

    def made(plan: Plan) -> list[tuple[tuple[str, ...], bytes]]:
        return [(sent.item.files, encoded(sent.contents[0])) for sent in acquired_on(plan, day)]

    assert made(Plan(date(2025, 10, 1), 40, 1)) == made(Plan(date(2025, 10, 1), 40, 1))
    other = made(Plan(date(2025, 10, 1), 40, 2))
    assert all(one[1] != two[1] for one, two in zip(made(Plan(date(2025, 10, 1), 40, 1)), other, strict=True))
    longer = made(Plan(date(2025, 10, 1), 80, 1))
    assert made(Plan(date(2025, 10, 1), 40, 1)) == longer  # no fault yet in either


def test_nothing_happens_to_what_is_not_chosen() -> None:
    plan = Plan(date(2025, 10, 1), 40, 1)
    day = plan.day_at(0.2)
    fates = {sent.item.files[0]: spoiled(sent, plan) for sent in acquired_on(plan, day)}
    chosen = {file for file, fate in fates.items() if fate is not None}
    assert chosen == {f"symbia-t2/{day.isoformat()}/flood-1.dcm"}


def test_an_older_source_needs_longer() -> None:
    plan = Plan(date(2025, 10, 1), 620, 1)

    def seconds(passed: int) -> int:
        day = plan.start + timedelta(days=passed)
        flood = next(sent for sent in acquired_on(plan, day) if sent.item.files[0].startswith("brivo"))
        dataset = flood.contents[0]
        assert isinstance(dataset, pydicom.Dataset)
        return int(dataset.ActualFrameDuration) // 1000

    assert seconds(0) == 900
    assert seconds(271) == pytest.approx(1800, abs=5)  # half-life 271.8 d, whole seconds
    assert seconds(500) == 900  # a new source


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--days 9", "a site has 10 to 4000 days"),
        ("--seed -1", "the seed must be 0 or a positive number"),
        ("--from tomorrow", "invalid"),
        ("--quick --days 10", "not allowed with"),
    ],
)
def test_mistakes_are_one_line(
    arguments: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["site", str(tmp_path / "a"), *arguments.split()]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not (tmp_path / "a").exists()


def test_a_folder_with_something_in_it_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine").write_text("mine")
    assert main(["site", str(tmp_path), "--days", "10"]) == 2
    assert "is not an empty folder: give another name" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    assert not truth_path(tmp_path).exists()


def test_what_is_said_of_a_site(site: Made) -> None:
    assert counts(()) == {"files": 0}
    lines = truths(SiteTruth(1, date(2025, 10, 1), date(2025, 10, 10), (), (), (), ()))
    assert lines == ["2025-10-01 to 2025-10-10, 0 files"]
    assert site.truth["counts"]["bars analysed"] == 10
    assert site.truth["counts"]["other refused"] == 2
