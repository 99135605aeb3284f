"""Clocks that go backwards, time zones, and the nights when they change."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import pytest

from nmqc.cli import common
from nmqc.history import History, find_address, schema
from phantoms.flood import Flood, Head
from phantoms.nm import write
from phantoms.pet import Cylinder
from phantoms.pt import write_series
from tests.cli.nights import aged
from tests.cli.running import Run, call

QUICK = ("--replicates", "0")
#: what says when something was done, and when a page was written
WHEN = re.compile(r'"(analysed|recorded|written|today)": ?"[^"]*"')
BERLIN, NEWFOUNDLAND, KIRITIMATI = "Europe/Berlin", "America/St_Johns", "Pacific/Kiritimati"
ZONES = ("UTC", NEWFOUNDLAND, KIRITIMATI)
#: Summer time begins and ends at night: 02:30 is no time in Berlin on the first day, and two on the last. And a
#: day on which it is another day in Kiritimati.
NIGHTS = (
    datetime(2026, 3, 29, 1, 30),
    datetime(2026, 3, 29, 2, 30),
    datetime(2026, 3, 29, 3, 30),
    datetime(2026, 10, 25, 1, 59, 59),
    datetime(2026, 10, 25, 2, 30),
    datetime(2026, 10, 25, 3, 0),
)


def a_flood(path: Path, acquired: datetime, seed: int) -> Path:
    head = Head(counts=20e6, offset_mm=(2.2, -1.4))
    (found,) = write(Flood("brivo", matrix=64, heads=(head,), acquired=acquired), path, seed=seed)
    return found


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A flood at each moment, the later ones first in the alphabet."""
    folder = tmp_path_factory.mktemp("nights")
    for number, acquired in enumerate(NIGHTS):
        a_flood(folder / f"{9 - number}.dcm", acquired, number)
    aged(folder)
    return folder


@pytest.fixture
def _zone() -> Iterator[None]:
    before = os.environ.get("TZ")
    yield
    os.environ.pop("TZ", None)
    if before is not None:
        os.environ["TZ"] = before
    time.tzset()


def live_in(zone: str) -> None:
    os.environ["TZ"] = zone
    time.tzset()


# --- a clock that goes backwards ------------------------------------------------------------------------


class Backwards(datetime):
    """Every look at the clock shows an hour less than the one before."""

    shown = datetime(2026, 11, 23, 12)

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Any:
        cls.shown -= timedelta(hours=1)
        return cls.shown.replace(tzinfo=tz)


def test_a_clock_that_goes_backwards_changes_no_order(
    nights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Entries stand in the order in which they were recorded, values in the order in which they were acquired."""
    for module in (schema, common):
        monkeypatch.setattr(module, "datetime", Backwards)
    db = ("--db", tmp_path / "h.sqlite")
    for number in (4, 9, 7):  # of the files: the latest acquisition first
        assert call("uniformity", nights / f"{number}.dcm", *QUICK, *db).status == 0
    assert call("history", "exclude", "2", "--reason", "leak", *db).status == 0
    assert call("history", "include", "2", "--reason", "none", *db).status == 0
    with History.open(find_address(str(tmp_path / "h.sqlite")), read_only=True) as history:
        entries = history.select()
        (series,) = (one for one in history.series(_all()) if one.key.metric == "uniformity.tilt")
    assert [entry.number for entry in entries] == [1, 3, 2]
    recorded = [entry.recorded for entry in sorted(entries, key=lambda one: one.number)]
    assert recorded == sorted(recorded, reverse=True)  # the clock did go backwards
    assert entries[2].excluded is None  # what was said last holds
    assert [point.number for point in series.points] == [2, 3, 1]
    assert call("history", "check", *db).status == 0


def _all() -> Any:
    from nmqc.history import Filters

    return Filters()


def test_a_baseline_that_was_ended_before_it_was_set_has_ended(
    nights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "datetime", Backwards)
    db = ("--db", tmp_path / "h.sqlite")
    call("uniformity", nights / "9.dcm", *QUICK, *db)
    said = ("--from", "2026-03-01", "--kind", "other", "--note", "x")
    assert call("baseline", "set", "--unit", "brivo", *said, *db).status == 0
    assert call("baseline", "end", "1", "--note", "wrong", *db).status == 0
    assert call("baseline", "list", "--json", *db).document["baselines"][0]["ended"] is not None


def test_batch_takes_files_of_the_future_and_takes_them_once(nights: Path, tmp_path: Path) -> None:
    """The clock was put back after the files were written: nothing waits for it, nothing is done twice."""
    folder = tmp_path / "incoming"
    folder.mkdir()
    tomorrow = time.time() + 86400
    for name in ("9.dcm", "8.dcm"):
        (folder / name).write_bytes((nights / name).read_bytes())
        os.utime(folder / name, (tomorrow, tomorrow))
    batch = ("batch", folder, "--db", tmp_path / "h.sqlite", "--json", "--jobs", "1", *QUICK)
    first, second = call(*batch).document, call(*batch).document
    assert (first["analysed"], second["analysed"], second["already_done"]) == (2, 0, 2)
    yesterday = time.time() - 86400  # the clock is right again: other times, the same bytes
    for path in folder.iterdir():
        os.utime(path, (yesterday, yesterday))
    third = call(*batch).document
    assert (third["analysed"], third["already_done"]) == (0, 2)


# --- zones and nights -----------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone of a process is of POSIX systems")
@pytest.mark.usefixtures("_zone")
def test_the_zone_of_the_process_changes_nothing(nights: Path, tmp_path: Path) -> None:
    """Not a number, not a day, not a byte of a report: only what says when it was done."""
    cylinder = Cylinder(matrix=(40, 42), slices=40, voxel_mm=(7.9, 8.1, 5.3))
    write_series(cylinder, tmp_path / "cylinder", "ge", seed=1)
    told: dict[str, list[str]] = {}
    for zone in ZONES:
        live_in(zone)
        assert (time.timezone == 0) == (zone == "UTC")
        folder = tmp_path / zone.replace("/", "-")
        folder.mkdir()
        told[zone] = [_timeless(run, folder) for run in _asked(nights, tmp_path / "cylinder", folder)]
        told[zone].append((folder / "report.pdf").read_bytes().hex())
        told[zone].append(_timeless_text((folder / "export.csv").read_text(), folder))
    for zone in ZONES[1:]:
        assert told[zone] == told["UTC"], zone


def _asked(nights: Path, cylinder: Path, folder: Path) -> Iterator[Run]:
    db = ("--db", folder / "h.sqlite")
    first, *others = sorted(nights.iterdir())
    yield call("uniformity", first, *QUICK, *db, "--json", "--pdf", folder / "report.pdf")
    yield call("uniformity", *others, *QUICK, *db, "--json")
    options = ("--phantom", "cylinder", "--background-bqml", "5300")
    yield call("pet", cylinder, *options, *db, "--json")
    yield call("identify", first, cylinder, "--json")
    yield call("history", "list", *db, "--json")
    yield call("history", "list", *db)
    yield call("history", "export", "--csv", folder / "export.csv", *db)
    yield call("trend", *db, "--json", "--to", "2026-12-01")


def _timeless(run: Run, folder: Path) -> str:
    assert run.status in (0, 3), run.err
    return _timeless_text(run.text + run.err, folder)


def _timeless_text(text: str, folder: Path) -> str:
    text = WHEN.sub("", text.replace(json.dumps(str(folder))[1:-1], ""))
    return re.sub(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", "", text)  # UTC: when it was recorded


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone of a process is of POSIX systems")
@pytest.mark.usefixtures("_zone")
@pytest.mark.parametrize("zone", ["UTC", BERLIN])
def test_the_nights_of_the_change_are_kept_as_the_camera_says_them(
    zone: str, nights: Path, tmp_path: Path
) -> None:
    """A camera's clock need not follow the law: 02:30 stays 02:30, found by its own time and in its order."""
    live_in(zone)
    db = ("--db", tmp_path / "h.sqlite")
    call("uniformity", *sorted(nights.iterdir()), *QUICK, *db, "--quiet")

    def acquired(*asked: str) -> list[str]:
        found = call("history", "list", *asked, "--json", *db).document["entries"]
        return [one["result"]["acquired"] for one in reversed(found)]

    assert acquired() == [one.isoformat() for one in NIGHTS]
    assert acquired("--from", "2026-03-29 02:30", "--to", "2026-03-29 02:30") == ["2026-03-29T02:30:00"]
    assert acquired("--from", "2026-03-29 02", "--to", "2026-03-29 03") == [
        one.isoformat() for one in NIGHTS[1:3]
    ]
    assert acquired("--from", "2026-10-25", "--to", "2026-10-25 02") == [
        one.isoformat() for one in NIGHTS[3:5]
    ]
    document = call("trend", "--json", *db).document
    (test,) = document["systems"][0]["tests"]
    places = test["series"][0]["points"]["acquired"]
    assert places == sorted(places)
    assert len(places) == len(NIGHTS)
