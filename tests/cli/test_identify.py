"""`nmqc identify`: what files are."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from pydicom import dcmread, dcmwrite

from phantoms.nm import datasets, write
from tests.cli.bad import BAD
from tests.cli.conftest import Floods, brivo
from tests.cli.running import call, codes, validator


def described(path: Path, *options: str | Path) -> dict[str, Any]:
    run = call("identify", path, "--json", *options)
    assert (run.status, run.err) == (0, "")
    (found,) = run.document["files"]
    return dict(found)


def test_a_flood_of_two_detectors_and_windows(floods: Floods) -> None:
    found = described(floods.windows)
    ds = dcmread(floods.windows)
    assert found["sha256"] == hashlib.sha256(floods.windows.read_bytes()).hexdigest()
    assert found["counts"] == int(np.frombuffer(ds.PixelData, "<u2").sum(dtype=np.int64))
    assert found["spacing_mm"] == [float(size) for size in ds.PixelSpacing]
    assert (found["content"], found["kind"], found["command"]) == ("an NM image", "flood", "uniformity")
    assert (found["matrix"], found["frames"], found["image_type"]) == ([128, 128], 4, "STATIC")
    assert found["detectors"] == [{"detector": 1, "source": "vector"}, {"detector": 2, "source": "vector"}]
    assert [window["name"] for window in found["energy_windows"]] == ["99m Technetium", "99m Tc scatter"]
    assert found["energy_windows"][0]["ranges_kev"] == [[129.139, 150.081]]
    assert (found["radionuclide"], found["collimators"]) == ("Tc-99m", ["NONE"])
    assert (found["durations_s"], found["synthetic"]) == ([1500.0], True)
    assert (found["acquired"], found["acquired_from"]) == ("2026-01-05T07:12:00", "AcquisitionDate")
    assert found["system"]["name"] == "intevo"
    assert found["refused"] == found["remarks"] == []


def test_pixels_are_down_then_along(tmp_path: Path) -> None:
    (path,) = write(brivo(matrix=(96, 128), pixel_mm=(4.4, 4.7)), tmp_path / "flood.dcm", seed=1)
    found = described(path)
    assert (found["matrix"], found["spacing_mm"]) == ([96, 128], [4.4, 4.7])


def test_a_scaled_image_counts_what_it_stands_for(tmp_path: Path) -> None:
    (path,) = write(brivo(), tmp_path / "flood.dcm", seed=1, pixel_scale=0.5)
    found = described(path)
    assert found["counts"] == pytest.approx(100e6, rel=5e-4)  # Poisson: 1e-4
    assert "not_raw_counts" in codes(found["remarks"])


def test_the_unit_is_one_camera_and_no_serial_number(floods: Floods, tmp_path: Path) -> None:
    ds = dcmread(floods.good)
    parts = (ds.Manufacturer, ds.ManufacturerModelName, ds.DeviceSerialNumber, ds.StationName)
    digits = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:8]
    assert described(floods.good)["system"]["unit"] == digits
    ds.DeviceSerialNumber = ds.StationName = ""
    dcmwrite(tmp_path / "anonymous.dcm", ds)
    found = described(tmp_path / "anonymous.dcm")
    assert found["system"]["unit"] == "unidentified"
    assert "unit_unidentified" in codes(found["remarks"])


def test_a_head_that_is_not_told(floods: Floods) -> None:
    found = described(floods.split[0])
    assert found["detectors"] == [{"detector": None, "source": None}]
    assert codes(found["remarks"]) == ["head_unknown"]
    assert found["command"] == "uniformity"


def test_what_would_be_refused_of_two_detectors(floods: Floods, tmp_path: Path) -> None:
    """The dark detector is named; the other one can be analysed."""
    ds = dcmread(floods.heads)
    half = len(ds.PixelData) // 2
    ds.PixelData = bytes(half) + ds.PixelData[half:]
    dcmwrite(tmp_path / "half.dcm", ds)
    found = described(tmp_path / "half.dcm")
    assert (found["kind"], found["command"]) == ("flood", "uniformity")
    assert [(one["detector"], one["code"]) for one in found["refused"]] == [(1, "no_counts")]


def test_an_image_that_no_command_analyses(floods: Floods, tmp_path: Path) -> None:
    """Each test says why it is none of its own."""
    found = described(BAD["cylinder"].make(tmp_path, floods.good))
    assert (found["kind"], found["command"]) == ("other", None)
    assert len(found["refused"]) == 4
    assert "not_a_flood" in codes(found["refused"])


def test_what_all_tests_say_is_said_once(floods: Floods, tmp_path: Path) -> None:
    assert codes(described(BAD["dark"].make(tmp_path, floods.good))["refused"]) == ["no_counts"]


@pytest.mark.parametrize("kind", ["WHOLE BODY", "DYNAMIC", "TOMO", "RECON TOMO"])
def test_other_kinds_of_nm_images(tmp_path: Path, kind: str) -> None:
    (ds,) = datasets(brivo(), seed=1)
    ds.ImageType = ["ORIGINAL", "PRIMARY", kind, "EMISSION"]
    dcmwrite(tmp_path / "other.dcm", ds, enforce_file_format=True)
    run = call("identify", tmp_path / "other.dcm", "--json")
    (found,) = run.document["files"]
    assert (found["image_type"], found["command"]) == (kind, None)


@pytest.mark.parametrize(
    ("name", "content"), [("CT", "a CT image"), ("PET", "a PET image"), ("text", "not DICOM")]
)
def test_what_is_no_nm_image(floods: Floods, tmp_path: Path, name: str, content: str) -> None:
    run = call("identify", BAD[name].make(tmp_path, floods.good), floods.good, "--json")
    bad, good = run.document["files"]
    assert run.status == 3
    assert (bad["content"], bad["kind"], bad["command"]) == (content, None, None)
    assert good["kind"] == "flood"


def test_files_are_in_order_of_the_arguments(floods: Floods, tmp_path: Path) -> None:
    (tmp_path / "text.dcm").write_text("no image")
    files = [floods.good, tmp_path / "text.dcm", floods.heads, floods.good]
    found = call("identify", *files, "--json").document["files"]
    assert [one["file"] for one in found] == [path.name for path in files]


def test_text_tells_the_same(floods: Floods) -> None:
    found, text = described(floods.windows), call("identify", floods.windows).text
    for words in (
        "windows.dcm",
        "SYNTHETIC",
        "intevo",
        found["system"]["unit"],
        "128 x 128",
        "4.7952",
        "Tc-99m",
    ):
        assert words in text
    for words in ("99m Tc scatter 108.198 to 129.139 keV", "1 (vector), 2 (vector)", f"{found['counts']:,}"):
        assert words in text


def test_the_command_that_it_names_can_be_typed(floods: Floods, tmp_path: Path) -> None:
    """Also where the name needs quotes for a shell."""
    import shlex
    import shutil

    shutil.copy(floods.good, tmp_path / "my flood.dcm")
    text = call("identify", tmp_path / "my flood.dcm").text
    (typed,) = (line for line in text.splitlines() if line.split()[:1] == ["command"])
    assert shlex.split(typed)[1:] == ["nmqc", "uniformity", "my flood.dcm"]


def test_nothing_is_recorded(floods: Floods, home: Path) -> None:
    described(floods.good)
    assert list(home.rglob("*.sqlite")) == []


# --- the schema is strict --------------------------------------------------------------------------------


def _broken(document: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**document, "files": [{**document["files"][0], **changes}]}


@pytest.mark.parametrize(
    "changes",
    [
        {"patient": "x"},
        {"kind": "picture"},
        {"kind": None},
        {"matrix": [128]},
        {"frames": 0},
        {"spacing_mm": [0, 1]},
        {"sha256": "abc"},
        {"acquired": None},
        {"acquired": "5 January"},
        {"image_type": "MUELLER"},
        {"detectors": [{"detector": 0, "source": None}]},
        {"energy_windows": [None]},
        {"refused": [{"code": "x"}]},
    ],
    ids=str,
)
def test_the_schema_refuses_what_nmqc_never_prints(floods: Floods, changes: dict[str, Any]) -> None:
    document = call("identify", floods.good, "--json").document
    with pytest.raises(jsonschema.ValidationError):
        validator("nmqc.identify/1").validate(_broken(document, **changes))


def test_the_schema_wants_every_key(floods: Floods) -> None:
    document = call("identify", floods.good, "--json").document
    for key in document["files"][0]:
        short = {name: value for name, value in document["files"][0].items() if name != key}
        with pytest.raises(jsonschema.ValidationError):
            validator("nmqc.identify/1").validate({**document, "files": [short]})
