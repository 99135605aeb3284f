"""`nmqc revalidate`: what was recorded, made again."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nmqc.history import History, find_address
from nmqc.model import Measurement
from nmqc.report.document import result_from_json
from tests.cli.conftest import Floods
from tests.cli.running import Run, call
from tests.history.samples import payload_of

FEW = ("--replicates", "8")


def revalidate(db: Path, folder: Path, *options: str | Path) -> Run:
    return call("revalidate", "--folder", folder, "--db", db, "--jobs", "1", *options)


def recorded(db: Path, *arguments: str | Path) -> None:
    assert call(*arguments, "--db", db, "--quiet").status in (0, 3, 4)


def altered(db: Path, to: Path, change: Callable[[Measurement], Measurement]) -> Path:
    """A history as an older version might have written it: of every result the first number is another one."""
    with (
        History.open(find_address(f"sqlite:///{db}")) as old,
        History.open(find_address(f"sqlite:///{to}")) as new,
    ):
        for entry in sorted(old.select(), key=lambda one: one.number):
            result = result_from_json(entry.payload)
            result = replace(result, measurements=(change(result.measurements[0]), *result.measurements[1:]))
            new.record(result, payload_of(result))
    return to


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "h.sqlite"


@pytest.fixture
def folder(floods: Floods, tmp_path: Path) -> Path:
    """The images, in folders of other names than when they were analysed, beside other files."""
    where = tmp_path / "archive" / "2026" / "x"
    where.mkdir(parents=True)
    for number, path in enumerate((floods.good, floods.weak, *floods.split, *floods.pair)):
        shutil.copy(path, where / f"IM{number}")
    (where / "notes.txt").write_text("no image")
    return tmp_path / "archive"


def test_every_number_is_as_it_was(floods: Floods, db: Path, folder: Path) -> None:
    """With every option that changes a value."""
    good, (left, right) = floods.good, floods.split
    recorded(db, "uniformity", good, *FEW)
    recorded(db, "uniformity", good, *FEW, "--rebin", "3", "--edge-policy", "strict")
    recorded(db, "uniformity", good, *FEW, "--edge-margin", "12.5", "--source-distance", "1500")
    recorded(db, "uniformity", left, right, *FEW, "--detector", "1,2", "--reference", floods.weak)
    recorded(db, "uniformity", *floods.pair, floods.weak, *FEW)
    run = revalidate(db, folder, "--json")
    assert (run.status, run.err) == (0, "")
    document = run.document
    assert (document["differ"], document["not_compared"], document["missing"]) == (0, 0, [])
    assert document["same"] == 3 + 2 + 2 + 2


def test_a_number_that_differs_is_listed_by_metric(
    floods: Floods, db: Path, folder: Path, tmp_path: Path
) -> None:
    recorded(db, "uniformity", floods.weak, *FEW)
    other = altered(db, tmp_path / "other.sqlite", lambda one: replace(one, value=one.value + 0.25))
    run = revalidate(other, folder, "--json")
    assert run.status == 4
    (metric,) = [one for one in run.document["metrics"] if one["differ"]]
    assert metric["largest"] == pytest.approx(0.25, rel=1e-9)  # arithmetic only
    assert (metric["differ"], metric["gone"]) == (2, 0)
    text = revalidate(other, folder)
    assert text.status == 4
    assert f"{metric['metric']}: 2 numbers differ" in text.text


def test_rounding_is_no_difference(floods: Floods, db: Path, folder: Path, tmp_path: Path) -> None:
    recorded(db, "uniformity", floods.good, *FEW)
    other = altered(db, tmp_path / "other.sqlite", lambda one: replace(one, value=one.value * (1 + 1e-7)))
    assert revalidate(other, folder).status == 0


def test_images_that_are_gone_are_counted(floods: Floods, db: Path, folder: Path) -> None:
    recorded(db, "uniformity", floods.good, floods.heads, *FEW)
    run = revalidate(db, folder, "--json")
    assert (run.status, run.document["same"], len(run.document["missing"])) == (0, 1, 2)


def test_nothing_found(floods: Floods, db: Path, tmp_path: Path) -> None:
    recorded(db, "uniformity", floods.heads, *FEW)
    (tmp_path / "empty").mkdir()
    run = revalidate(db, tmp_path / "empty", "--json")
    assert run.status == 3
    assert "nothing was compared" in run.err


def test_a_reference_that_is_gone(floods: Floods, db: Path, folder: Path) -> None:
    """It was never recorded by itself: its bytes are not known, and the ratio cannot be made."""
    recorded(db, "uniformity", floods.good, *FEW, "--reference", floods.few)
    run = revalidate(db, folder, "--json")
    assert run.status == 3
    (one,) = run.document["results"]
    assert (one["status"], one["code"]) == ("not_compared", "no_reference")


def test_another_field_of_view_by_the_site(floods: Floods, db: Path, folder: Path, tmp_path: Path) -> None:
    recorded(db, "uniformity", floods.good, *FEW)
    config = tmp_path / "nmqc.toml"
    config.write_text(
        '[[system]]\nunit = "Gamma 3"\nmodel = "Brivo"\nname = "brivo"\n'
        'field = { shape = "RECTANGLE", extents_mm = [520, 370] }\n'
    )
    run = revalidate(db, folder, "--config", config, "--json")
    assert run.status == 3
    assert [one["code"] for one in run.document["results"]] == ["asked_differs"]
    assert "another field" in run.err


def test_the_filters(floods: Floods, db: Path, folder: Path) -> None:
    recorded(db, "uniformity", floods.good, *FEW)
    assert revalidate(db, folder, "--test", "resolution.bars", "--json").document["same"] == 0
    assert revalidate(db, folder, "--test", "uniformity.planar", "--json").document["same"] == 1


def test_nothing_is_recorded(floods: Floods, db: Path, folder: Path) -> None:
    recorded(db, "uniformity", floods.good, *FEW)
    before = db.read_bytes()
    revalidate(db, folder)
    assert db.read_bytes() == before


PHANTOMS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "bars": (("bars",), ("resolution",)),
    "lines": (("lines",), ("resolution", "--separation", "100")),
    "slits": (("slits",), ("resolution",)),
    "cor": (("cor",), ("cor",)),
    "cylinder": (("cylinder",), ("pet", "--phantom", "cylinder", "--background-bqml", "5300")),
}


@pytest.mark.parametrize("name", PHANTOMS)
def test_every_family(name: str, db: Path, tmp_path: Path) -> None:
    made, (command, *options) = tmp_path / "made", PHANTOMS[name][1]
    made.mkdir()
    target = made / ("series" if name == "cylinder" else "image.dcm")
    assert call("phantom", *PHANTOMS[name][0], "-o", target).status == 0
    several = sorted(made.iterdir())
    recorded(db, command, *several, *options)
    run = revalidate(db, made, "--json")
    assert run.status == 0, (run.err, run.text[:2000])
    assert run.document["same"] >= 1


def test_four_rotations_of_the_bars(db: Path, tmp_path: Path) -> None:
    """One result of all files, beside one for each."""
    made = tmp_path / "made"
    made.mkdir()
    for turn in (0, 90):
        out = made / f"{turn}.dcm"
        assert (
            call("phantom", "bars", "--rotation", str(turn + 3), "--seed", str(turn), "-o", out).status == 0
        )
    recorded(db, "resolution", *sorted(made.iterdir()))
    run = revalidate(db, made, "--json")
    assert (run.status, run.err) == (0, "")
    assert run.document["same"] == 3


@pytest.mark.slow
def test_the_iec_phantom(db: Path, tmp_path: Path) -> None:
    assert call("phantom", "iec", "-o", tmp_path / "iec").status == 0
    options: tuple[Any, ...] = ("--ratio", "4.0", "--ratio-uncertainty", "0.05", "--edition", "2018")
    recorded(db, "pet", tmp_path / "iec", *options)
    run = revalidate(db, tmp_path, "--json")
    assert (run.status, run.err) == (0, "")
    assert run.document["same"] == 2
