"""`nmqc batch`: that a folder is done once, rightly and whole, whatever lies in it and whatever happens."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread

from phantoms.bars import Bars
from phantoms.cor import Orbit, one_source
from phantoms.nm import write_cor, write_planar
from phantoms.pet import Cylinder, IecBody
from phantoms.pt import write_series
from tests.cli.conftest import Floods
from tests.cli.running import Run, call, child, finished

COARSE: dict[str, Any] = {"matrix": (84, 90), "slices": 54, "voxel_mm": (4.0, 3.9, 3.7)}
OLD_S = 3600


@pytest.fixture(scope="session")
def things(tmp_path_factory: pytest.TempPathFactory, floods: Floods) -> Path:
    """One of everything that cameras and people leave in a folder; every file is an hour old."""
    folder = tmp_path_factory.mktemp("incoming")
    (folder / "gamma").mkdir()
    shutil.copy(floods.good, folder / "gamma" / "IM0001")
    shutil.copy(floods.weak, folder / "gamma" / "weak.dcm")
    for number, path in enumerate(floods.pair):
        shutil.copy(path, folder / "gamma" / f"window{number}.dcm")
    write_planar(Bars(matrix=512), folder / "gamma" / "bars.dcm", seed=1)
    orbit = Orbit(sources=one_source(), views=24, matrix=(68, 64), pixel_mm=(4.6, 4.8), system="brivo")
    write_cor(orbit, folder / "gamma" / "cor.dcm", seed=1)
    write_series(IecBody(**COARSE), folder / "pet" / "iec", seed=1)
    write_series(Cylinder(**COARSE), folder / "pet" / "cylinder", "ge", seed=1)
    other = folder / "other"
    other.mkdir()
    (other / "note.txt").write_text("the technician's")
    (other / "empty").touch()
    (other / "cut.dcm").write_bytes(floods.good.read_bytes()[:-5000])
    ct = dcmread(floods.good)
    ct.SOPClassUID = ct.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    ct.save_as(other / "ct.dcm")
    (folder / ".hidden").write_text("left aside")
    aged(folder)
    return folder


def aged(folder: Path) -> None:
    """Make files as old as those of a night: nobody is writing them any more."""
    then = time.time() - OLD_S
    for path in folder.rglob("*"):
        if path.is_file():
            os.utime(path, (then, then))


@pytest.fixture
def incoming(tmp_path: Path) -> Path:
    folder = tmp_path / "incoming"
    folder.mkdir()
    return folder


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "history.sqlite"


def batch(folder: Path, db: Path, *arguments: str | Path) -> Run:
    return call("batch", folder, "--db", db, "--json", "--jobs", "2", "--replicates", "20", *arguments)


def items(run: Run) -> dict[str, dict[str, Any]]:
    """The items by their first file."""
    return {item["files"][0]: item for item in run.document["items"]}


def rows(db: Path) -> set[tuple[str, str]]:
    """What the history holds, without numbers and times."""
    with sqlite3.connect(db) as opened:
        return set(opened.execute("SELECT key, payload FROM nmqc_results").fetchall())


KINDS = {
    "gamma/IM0001": ("flood", "analysed"),
    "gamma/weak.dcm": ("flood", "analysed"),
    "gamma/window0.dcm": ("flood", "analysed"),
    "gamma/bars.dcm": ("bars", "analysed"),
    "gamma/cor.dcm": ("cor", "analysed"),
    "pet/iec/PT0001.dcm": ("iec", "analysed"),
    "pet/cylinder/PT0001.dcm": ("cylinder", "analysed"),
    "other/note.txt": ("other", "unknown"),
    "other/empty": ("other", "refused"),
    "other/cut.dcm": ("other", "refused"),
    "other/ct.dcm": ("other", "unknown"),
}


@pytest.fixture(scope="session")
def first(things: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Path]:
    db = tmp_path_factory.mktemp("first") / "history.sqlite"
    return batch(things, db), db


# --- what is done ----------------------------------------------------------------------------------------


def test_everything_is_taken_for_what_it_is(first: tuple[Run, Path]) -> None:
    run, _ = first
    found = items(run)
    assert {name: (item["kind"], item["status"]) for name, item in found.items()} == KINDS
    assert found["gamma/window0.dcm"]["files"] == ["gamma/window0.dcm", "gamma/window1.dcm"]
    assert len(found["pet/iec/PT0001.dcm"]["files"]) == COARSE["slices"]
    assert found["gamma/weak.dcm"]["verdict"] == "fail"
    counts = {
        name: run.document[name] for name in ("found", "analysed", "unknown", "refused", "failed_limits")
    }
    assert counts == {"found": 11, "analysed": 7, "unknown": 2, "refused": 2, "failed_limits": 1}
    assert run.status == 4


def test_what_somebody_should_look_at_is_one_line_each(first: tuple[Run, Path]) -> None:
    run, _ = first
    assert len(run.said) == 3
    assert run.said[0].startswith("nmqc: gamma/weak.dcm: uniformity.planar, detector 2: fail")
    assert run.said[1].startswith("nmqc: other/cut.dcm: ")
    assert run.said[2].startswith("nmqc: other/empty: ")


def test_a_second_run_does_nothing_again(things: Path, first: tuple[Run, Path]) -> None:
    run, db = first
    before = rows(db)
    again = batch(things, db)
    assert again.document["already_done"] == again.document["found"] == 11
    assert (again.status, again.said, rows(db)) == (0, [], before)
    for name, item in items(again).items():
        assert item["results"] == items(run)[name]["results"]


def test_the_numbers_are_those_of_the_commands(things: Path, first: tuple[Run, Path], tmp_path: Path) -> None:
    other = tmp_path / "other.sqlite"
    single = ("--db", other, "--json")
    call("uniformity", *single, "--replicates", "20", things / "gamma" / "IM0001")
    call("resolution", *single, things / "gamma" / "bars.dcm")
    call("pet", *single, things / "pet" / "iec")
    assert len(rows(other)) == 4
    assert {key for key, _ in rows(other)} <= {key for key, _ in rows(first[1])}
    ours = {key: json.loads(payload)["measurements"] for key, payload in rows(first[1])}
    for key, payload in rows(other):
        assert ours[key] == json.loads(payload)["measurements"]


def test_nothing_is_written_into_the_folder(things: Path, first: tuple[Run, Path]) -> None:
    assert first[0].status == 4
    assert len([path for path in things.rglob("*") if path.is_file()]) == 11 + 2 * COARSE["slices"]


def test_a_dry_run_does_nothing(things: Path, db: Path) -> None:
    run = batch(things, db, "--dry-run")
    assert (run.document["pending"], run.document["analysed"], run.status) == (8, 0, 3)
    assert not db.exists()


# --- what changes ----------------------------------------------------------------------------------------


def test_a_copy_is_known_by_its_pixels(floods: Floods, incoming: Path, db: Path) -> None:
    for name in ("one.dcm", "two.dcm"):
        shutil.copy(floods.good, incoming / name)
    aged(incoming)
    assert batch(incoming, db).document["found"] == 1  # the same acquisition, given twice
    (incoming / "later").mkdir()
    shutil.copy(floods.good, incoming / "later" / "three.dcm")
    aged(incoming)
    again = items(batch(incoming, db))
    assert again["later/three.dcm"]["status"] == "already_done"
    assert len(rows(db)) == 1


def test_a_file_that_was_mended_is_tried_again(floods: Floods, incoming: Path, db: Path) -> None:
    path = incoming / "flood.dcm"
    path.write_bytes(floods.good.read_bytes()[:-5000])
    aged(incoming)
    assert items(batch(incoming, db))["flood.dcm"]["status"] == "refused"
    assert items(batch(incoming, db))["flood.dcm"]["status"] == "already_done"
    shutil.copy(floods.good, path)
    os.utime(path, (time.time() - 60,) * 2)
    assert items(batch(incoming, db))["flood.dcm"]["status"] == "analysed"


def test_a_file_that_is_still_written_waits(floods: Floods, incoming: Path, db: Path) -> None:
    shutil.copy(floods.good, incoming / "flood.dcm")
    os.utime(incoming / "flood.dcm")
    assert batch(incoming, db).document["found"] == 0


def test_slices_that_come_later_belong_to_their_series(incoming: Path, db: Path) -> None:
    write_series(Cylinder(**COARSE), incoming / "pet", seed=1)
    late = incoming / "pet" / "PT0054.dcm"
    late.rename(incoming.parent / "PT0054.dcm")
    aged(incoming)
    first = items(batch(incoming, db))["pet/PT0001.dcm"]
    assert (first["status"], len(first["files"])) == ("analysed", 53)
    (incoming.parent / "PT0054.dcm").rename(late)
    aged(incoming)
    second = items(batch(incoming, db))["pet/PT0001.dcm"]
    assert (second["status"], len(second["files"])) == ("analysed", 54)


def test_rehash_opens_what_has_the_same_size_and_time(floods: Floods, incoming: Path, db: Path) -> None:
    path = incoming / "flood.dcm"
    shutil.copy(floods.good, path)
    aged(incoming)
    batch(incoming, db)
    facts = path.stat()
    content = bytearray(path.read_bytes())
    content[-40] ^= 1
    path.write_bytes(bytes(content))
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert items(batch(incoming, db))["flood.dcm"]["status"] == "already_done"
    assert items(batch(incoming, db, "--rehash"))["flood.dcm"]["status"] == "analysed"
    assert items(batch(incoming, db, "--rehash"))["flood.dcm"]["status"] == "already_done"


def test_since_leaves_older_files_aside(things: Path, db: Path) -> None:
    assert batch(things, db, "--dry-run", "--since", "2100-01-01").document["found"] == 0


# --- the site's rules --------------------------------------------------------------------------------------


def test_rules_come_first(things: Path, db: Path, tmp_path: Path) -> None:
    site = tmp_path / "nmqc.toml"
    site.write_text(
        '[[rule]]\nsystem = "vereos"\ntest = "pet.image-quality"\n[rule.options]\nratio = 4.0\n'
        '[[rule]]\nsystem = "brivo"\ntest = "ignore"\n'
    )
    run = items(batch(things, db, "--config", site))
    assert [result["test"] for result in run["pet/iec/PT0001.dcm"]["results"]] == [
        "pet.image-quality",
        "pet.resolution-fit",
    ]
    assert (run["gamma/IM0001"]["status"], run["gamma/IM0001"]["code"]) == ("unknown", "ignored")
    contrast = call(
        "history", "show", str(run["pet/iec/PT0001.dcm"]["results"][0]["history"]), "--db", db, "--json"
    )
    assert "pet.contrast_hot" in contrast.text


def test_names_are_hidden_where_the_site_says_so(things: Path, db: Path, tmp_path: Path) -> None:
    site = tmp_path / "nmqc.toml"
    site.write_text("show_file_names = false\n")
    run = batch(things, db, "--config", site)
    everything = run.text + run.err + json.dumps(sorted(rows(db)))
    for name in ("IM0001", "weak.dcm", "note.txt", "PT0001", "cut.dcm"):
        assert name not in everything


def test_what_should_have_come_is_told(things: Path, db: Path, tmp_path: Path) -> None:
    told = tmp_path / "told.json"
    site = tmp_path / "nmqc.toml"
    site.write_text(
        f'on_problem = ["cp", "/dev/stdin", "{told}"]\n'
        '[[expect]]\nunit = "Gamma 9"\ntest = "uniformity.planar"\nevery = "1 day"\n'
        '[[system]]\nunit = "Gamma 9"\nunit_id = "00000000"\n'
    )
    run = batch(things, db, "--config", site)
    assert [one["unit"] for one in run.document["overdue"]] == ["Gamma 9"]
    assert any("overdue: Gamma 9" in line for line in run.said)
    assert json.loads(told.read_text())["schema"] == "nmqc.batch/1"
    told.unlink()
    batch(things, db, "--config", site)
    assert not told.exists()  # nothing has changed


# --- what goes wrong ---------------------------------------------------------------------------------------


def test_one_run_at_a_time(things: Path, db: Path) -> None:
    from nmqc.history import exclusive, find_address

    with exclusive(find_address(str(db)), "batch"):
        run = batch(things, db)
    assert (run.status, run.out) == (3, b"")
    assert len(run.said) == 1


def test_a_history_that_cannot_be_written(things: Path, tmp_path: Path) -> None:
    run = batch(things, tmp_path / "no-folder" / "history.sqlite")
    assert run.status == 3
    assert "no folder" in run.err or "has no folder" in run.err


def test_killed_at_any_moment_and_run_again(things: Path, first: tuple[Run, Path], db: Path) -> None:
    """The history is the same as that of an undisturbed run."""
    import subprocess
    import sys

    from tests.cli.running import environment

    arguments = ["batch", things, "--db", db, "--jobs", "2", "--replicates", "20"]
    for seconds in (0.6, 1.6, 3.0):
        process = subprocess.Popen(
            [sys.executable, "-m", "nmqc", *map(str, arguments)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment(),
        )
        time.sleep(seconds)
        process.kill()
        process.wait()
    assert batch(things, db).document["found"] == 11
    assert rows(db) == rows(first[1])


def test_a_folder_that_is_not_there(tmp_path: Path, db: Path) -> None:
    assert batch(tmp_path / "nothing", db).status == 2


def test_as_a_process_of_its_own_without_json(things: Path, first: tuple[Run, Path]) -> None:
    run = finished(child("batch", things, "--db", first[1], "--replicates", "20"))
    assert (run.status, run.err) == (0, "")
    assert run.text == f"{things.name}: 11 found, 11 done before\n"
