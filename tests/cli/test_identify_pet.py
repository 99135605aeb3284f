"""`nmqc identify` of PET series: one description for a series, by its folder or its files."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from pydicom import dcmread

from phantoms.pet import Cylinder, IecBody
from phantoms.pet_scan import Scan
from phantoms.pet_volume import PetPhantom
from phantoms.pt import write_series
from tests.cli.conftest import Floods
from tests.cli.running import call, codes, validator

COARSE: dict[str, Any] = {"matrix": (100, 106), "slices": 62, "voxel_mm": (3.4, 3.3, 3.1)}
SMALL: dict[str, Any] = {"matrix": (12, 17), "slices": 5, "voxel_mm": (3.5, 14.0, 12.5)}


class Slope(PetPhantom):
    """No phantom: values that rise along x."""

    def voxels(self) -> np.ndarray:
        return np.broadcast_to(5300 + 9.0 * self.centres_mm()[2], self.shape).copy()


@pytest.fixture(scope="session")
def iec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pet") / "iec"
    write_series(IecBody(**COARSE), folder, seed=1)
    return folder


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Five slices that show no phantom."""
    write_series(Slope(**SMALL), tmp_path / "other", "siemens")
    return tmp_path / "other"


def described(*paths: Path) -> list[dict[str, Any]]:
    run = call("identify", *paths, "--json")
    assert (run.status, run.err) == (0, "")
    return list(run.document["files"])


def typed(*paths: Path) -> list[list[str]]:
    """The commands that the text names."""
    lines = [line.split(maxsplit=1) for line in call("identify", *paths).text.splitlines()]
    return [shlex.split(line[1]) for line in lines if line[:1] == ["command"]]


def test_a_folder(iec: Path) -> None:
    (found,) = described(iec)
    assert (found["file"], found["content"], found["sha256"]) == ("iec", "a PET series", None)
    assert (found["kind"], found["command"], found["refused"]) == ("iec", "pet", [])
    assert (found["frames"], found["matrix"]) == (62, [100, 106])
    assert found["spacing_mm"] == [3.3, 3.1]
    assert (found["radionuclide"], found["system"]["name"], found["synthetic"]) == ("F-18", "vereos", True)
    assert (found["durations_s"], found["counts"], found["detectors"]) == ([300.0], None, [])
    pet = found["pet"]
    assert pet.pop("slice_spacing_mm") == pytest.approx(3.4, abs=1e-6)  # positions are written to 1e-6 mm
    series = pet.pop("series")
    assert pet == {
        "files": 62,
        "unit": "Bq/mL",
        "decay_correction": "START",
        "reference": Scan().acquired.isoformat(),
        "reference_from": "frame reference times",
        "reconstruction": "OSEM:i3s15",
    }
    assert typed(iec) == [["nmqc", "pet", "iec"]]
    text = call("identify", iec).text
    for words in (f"{series}, 62 file(s)", "62 slice(s) of 100 x 106", "3.4 mm between slices", "OSEM:i3s15"):
        assert words in text


def test_its_files(iec: Path) -> None:
    """Sixty-two names are one series, called by the first."""
    files = sorted(iec.iterdir())
    (by_files,) = described(*files)
    (by_folder,) = described(iec)
    assert {**by_files, "file": "iec"} == by_folder
    assert by_files["file"] == files[0].name
    assert typed(*files) == [["nmqc", "pet", "iec", "--series", by_folder["pet"]["series"]]]


def test_a_cylinder(tmp_path: Path) -> None:
    write_series(Cylinder(**COARSE), tmp_path / "ge 68", seed=2)
    (found,) = described(tmp_path / "ge 68")
    assert (found["kind"], found["command"]) == ("cylinder", "pet")
    assert typed(tmp_path / "ge 68") == [["nmqc", "pet", "ge 68", "--phantom", "cylinder"]]


def test_no_phantom(other: Path) -> None:
    """Each test says why it is none of its own."""
    (found,) = described(other)
    assert (found["kind"], found["command"], found["content"]) == ("other", None, "a PET series")
    assert {"not_an_iec_phantom", "not_a_cylinder"} <= set(codes(found["refused"]))
    assert typed(other) == []


def test_two_series_in_a_folder(iec: Path, other: Path) -> None:
    """One entry each, and commands that tell them apart."""
    for path in iec.iterdir():
        shutil.copy(path, other / f"iec-{path.name}")
    found = described(other)
    series = {one["kind"]: one["pet"]["series"] for one in found}
    assert set(series) == {"iec", "other"}
    assert {one["file"] for one in found} == {"other"}
    assert typed(other) == [["nmqc", "pet", "other", "--series", series["iec"]]]


def test_a_gamma_camera_image_beside_the_slices(iec: Path, floods: Floods) -> None:
    """Each in the place of its first file, the flood as if it were alone."""
    first, *others = sorted(iec.iterdir())
    found = described(first, floods.good, *others)
    assert [one["kind"] for one in found] == ["iec", "flood"]
    assert found[1] == described(floods.good)[0]
    assert found[1]["pet"] is None


def test_a_slice_alone(iec: Path) -> None:
    run = call("identify", sorted(iec.iterdir())[0], "--json")
    (found,) = run.document["files"]
    assert (run.status, found["content"], found["command"]) == (3, "a PET image", None)
    assert codes(found["refused"]) == ["not_an_nm_image"]
    assert "nmqc pet FOLDER" in found["refused"][0]["reason"]
    assert (found["pet"]["files"], found["pet"]["unit"]) == (1, None)


def test_a_series_that_cannot_be_read(iec: Path, tmp_path: Path) -> None:
    folder = tmp_path / "gap"
    shutil.copytree(iec, folder)
    (folder / "PT0031.dcm").unlink()
    run = call("identify", folder, "--json")
    (found,) = run.document["files"]
    assert (run.status, found["kind"], found["command"]) == (3, None, None)
    assert codes(found["refused"]) == ["missing_slices"]
    assert (found["frames"], found["pet"]["slice_spacing_mm"], found["system"]["name"]) == (
        61,
        None,
        "vereos",
    )


def test_other_images_in_the_folder(other: Path) -> None:
    """They are said once, and the status tells that not all can be read."""
    for number in range(3):
        ds = dcmread(sorted(other.iterdir())[0])
        ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
        ds.save_as(other / f"zz{number}")
    run = call("identify", other, "--json")
    pet, ct = run.document["files"]
    assert (run.status, pet["content"], ct["file"]) == (3, "a PET series", "zz0")
    assert codes(ct["refused"]) == ["not_a_pet_image"]
    assert "2 more of these files" in ct["refused"][0]["reason"]


@pytest.mark.parametrize("command", ["uniformity", "resolution", "cor"])
def test_other_commands_name_the_one_for_it(other: Path, command: str) -> None:
    for path in (other, sorted(other.iterdir())[0]):
        run = call(command, path, "--no-record")
        assert run.status == 3
        assert "nmqc pet" in run.said[0]


def test_names_that_are_hidden(other: Path, tmp_path: Path) -> None:
    (tmp_path / "nmqc.toml").write_text("show_file_names = false\n")
    for paths in ([other], sorted(other.iterdir())):
        run = call("identify", *paths, "--config", tmp_path / "nmqc.toml")
        assert "other:" not in run.text
        assert "PT000" not in run.text


@pytest.mark.parametrize(
    "changes",
    [
        {"patient": "x"},
        {"series": "1.2.3"},
        {"files": 0},
        {"unit": "Bq"},
        {"slice_spacing_mm": 0},
        {"reference": "now"},
    ],
    ids=str,
)
def test_the_schema_refuses_what_nmqc_never_prints(other: Path, changes: dict[str, Any]) -> None:
    document = call("identify", other, "--json").document
    (one,) = document["files"]
    broken = {**document, "files": [{**one, "pet": {**one["pet"], **changes}}]}
    with pytest.raises(jsonschema.ValidationError):
        validator("nmqc.identify/1").validate(broken)
