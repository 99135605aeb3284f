"""`nmqc demo`: the first thing that a person types."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import pikepdf
import pytest

import phantoms.flood
from phantoms.flood import Flood
from tests.cli.conftest import TWO
from tests.cli.running import Run, call, child, environment, finished


@dataclass(frozen=True)
class Demo:
    """A demonstration, run once as it is, in a folder whose name needs quotes."""

    run: Run
    folder: Path


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, caches: Path) -> Demo:
    place = tmp_path_factory.mktemp("demo")
    home = {name: str(place / "home") for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")}
    env = environment(
        **home, XDG_CACHE_HOME=str(caches), MPLCONFIGDIR=str(caches), NMQC_DB="", NMQC_CONFIG=""
    )
    folder = place / "my demo"
    return Demo(finished(child("demo", "-o", folder, env=env, cwd=place)), folder)


def test_it_succeeds_and_shows_the_result(demo: Demo) -> None:
    assert (demo.run.status, demo.run.err) == (0, "")
    assert sorted(path.name for path in demo.folder.iterdir()) == ["flood.dcm", "flood.pdf", "history.sqlite"]
    assert sorted(path.name for path in demo.folder.parent.iterdir()) == [
        "my demo"
    ]  # the home was not touched
    for words in ("SYNTHETIC", "detector 1", "detector 2", "exit status"):
        assert words in demo.run.text


def test_the_weak_photomultiplier_is_found(demo: Demo) -> None:
    """8 % deep at (-96, 57) mm on detector 2, whose field lies at (-0.37, 0.18) mm."""
    listed = call("history", "list", "--db", demo.folder / "history.sqlite", "--json").document
    results = {entry["result"]["detector"]: entry["result"] for entry in listed["entries"]}
    assert sorted(results) == [1, 2]
    assert results[1]["verdict"] in ("pass", "warn")
    places = {m["of"]: m["at"] for m in results[2]["measurements"] if m["name"] == "uniformity.integral.ufov"}
    (low,) = (place for place in places[""] if place["what"] == "min")
    # the lowest of the smoothed 6.6 mm pixels, counting noise among equals: within three pixels of the tube
    assert (low["x_mm"], low["y_mm"]) == (pytest.approx(-96.4, abs=20), pytest.approx(57.2, abs=20))


def test_the_report_is_whole(demo: Demo) -> None:
    with pikepdf.open(demo.folder / "flood.pdf") as file:
        assert file.check_pdf_syntax() == []
        (name,) = file.attachments
        results = json.loads(file.attachments[name].get_file().read_bytes())["results"]
    assert [result["detector"] for result in results] == [1, 2]
    assert all(result["synthetic"] for result in results)


def advised(demo: Demo) -> list[list[str]]:
    """The commands that it says to type next, without the words that explain them."""
    lines = demo.run.text.split("What to type next:")[1].splitlines()
    return [shlex.split(re.split(r"\s{3,}", line.strip())[0]) for line in lines if line.startswith("  nmqc")]


def test_what_it_says_to_type_next_can_be_typed(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(demo.folder.parent)
    commands = advised(demo)
    assert len(commands) >= 4
    for command in commands:
        if "your-flood.dcm" not in command:
            assert call(*command[1:]).status == 0, command


def test_it_says_the_exit_status_of_what_it_typed(demo: Demo) -> None:
    flood = demo.folder / "flood.dcm"
    status = call("uniformity", flood, "--replicates", "0", "--no-record").status
    assert f"exit status is {status} " in demo.run.text


# --- what it leaves alone --------------------------------------------------------------------------------


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A demonstration that takes less time."""
    monkeypatch.setattr(phantoms.flood, "demo_flood", lambda: Flood("intevo", matrix=64, heads=TWO[:1]))


@pytest.mark.usefixtures("small")
def test_again_in_the_same_folder(tmp_path: Path) -> None:
    first, second = (call("demo", "-o", tmp_path) for _ in range(2))
    assert [first.status, second.status] == [0, 0]
    assert call("history", "list", "--db", tmp_path / "history.sqlite", "--json").document["found"] == 1


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("name", ["flood.dcm", "flood.pdf"])
def test_a_file_of_the_person_stays(tmp_path: Path, name: str) -> None:
    """`nmqc demo -o .` in a folder with this morning's flood."""
    (tmp_path / name).write_bytes(b"the person's own")
    run = call("demo", "-o", tmp_path)
    assert (tmp_path / name).read_bytes() == b"the person's own"
    assert run.status in (2, 3)
    assert name in run.said[-1]


@pytest.mark.usefixtures("small")
def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    for place in (tmp_path / "file", tmp_path / "file" / "demo"):
        run = call("demo", "-o", place)
        assert run.status == 2
        assert run.said
