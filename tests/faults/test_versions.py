"""A history of every version that was ever released becomes one of today, and says what it said."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from nmqc.errors import HistoryUnavailable
from nmqc.history import Address, Batched, Filters, History
from nmqc.history import schema as schema_module
from nmqc.history.care import problems
from nmqc.history.engines import connect
from nmqc.model import Refusal
from tests.history.samples import a_mark, a_result, payload_of, sha

VERSIONS = len(schema_module.STEPS["sqlite"])
RESULTS = 7


def _tables(address: Address) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, without what says when a step was taken."""
    with closing(connect(address, 30, read_only=True)) as database:
        names = sorted(row[0] for row in database.rows(database.dialect.tables) if row[0].startswith("nmqc_"))
        return {
            name: sorted(database.rows(f"SELECT * FROM {name}"), key=repr)
            for name in names
            if name != "nmqc_schema"
        }


@pytest.fixture(params=range(1, VERSIONS), ids=lambda version: f"version {version}")
def older(address: Address, request: pytest.FixtureRequest) -> Address:
    """As that version left it: its tables alone, with results, an exclusion, a refusal, and marks if it knew them."""
    version: int = request.param
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(schema_module.STEPS, address.engine, schema_module.STEPS[address.engine][:version])
        patch.setattr("nmqc.history.store.append", _known(address, version))
        if version == 1:
            patch.setattr("nmqc.history.chunk._NUMBERED", ("nmqc_results", "nmqc_refusals"))
        with History.open(address) as history:
            history.record_batch(list(_items(version)))
            history.exclude(3, "source leaked")
    return address


def _items(version: int) -> Iterator[Batched]:
    refusal = (Refusal("x.dcm", "not_dicom", "no DICOM"), sha("x"), "nmqc 0.1.0", "")
    for number in range(1, RESULTS + 1):
        result = a_result(number)
        marks = (a_mark(number),) if version > 1 else ()
        yield Batched(results=((result, payload_of(result)),), marks=marks, refusals=(refusal,))


def _known(address: Address, version: int) -> Any:
    """Append to the tables of a version, and leave out those that came later."""
    from nmqc.history.rows import append

    statements = [one for step in schema_module.STEPS[address.engine][:version] for one in step()]
    created = {one.split()[2] for one in statements if one.startswith("CREATE TABLE")}

    def known(database: Any, table: str, rows: Any) -> None:
        if table in created:
            append(database, table, rows)

    return known


def test_every_row_is_as_it_was_after_an_upgrade(older: Address) -> None:
    before = _tables(older)
    with pytest.raises(HistoryUnavailable) as refusal:
        History.open(older, read_only=True)
    assert refusal.value.code == "history_older"
    assert _tables(older) == before  # looking changes nothing
    assert problems(older) == (RESULTS, [])
    with History.open(older) as history:
        after = _tables(older)
        assert {name: after[name] for name in before} == before
        assert history.get(3).excluded == "source leaked"
        assert history.get(5).payload == payload_of(a_result(5)) | {"history": 5}
        upgraded = history.series(Filters())
        new = a_result(RESULTS + 1)
        assert history.record(new, payload_of(new)).number == RESULTS + 1
        assert len(history.series(Filters())) == len(upgraded) > 0  # the new result goes on with the old ones
        assert not history.record(a_result(2), payload_of(a_result(2))).new
    assert problems(older) == (RESULTS + 1, [])


def test_an_upgraded_history_is_one_that_was_made_today(
    older: Address, request: pytest.FixtureRequest
) -> None:
    """The same tables, columns and guards."""
    with History.open(older):
        upgraded = set(_layout(older))
    fresh = _fresh(older, request)
    with History.open(fresh):
        assert upgraded == set(_layout(fresh))


def _fresh(older: Address, request: pytest.FixtureRequest) -> Address:
    from nmqc.history import find_address

    if older.engine == "sqlite":
        return find_address(older.target + ".fresh")
    running = request.getfixturevalue("server")
    return find_address(running.url(running.new_database()))


def _layout(address: Address) -> Iterator[tuple[Any, ...]]:
    asked = {
        "sqlite": ("SELECT type, name, tbl_name, sql FROM sqlite_master",),
        "postgresql": (
            "SELECT table_name, column_name, data_type FROM information_schema.columns "
            "WHERE table_schema = 'public'",
            "SELECT trigger_name, event_manipulation, event_object_table FROM information_schema.triggers",
        ),
    }[address.engine]
    with closing(connect(address, 30, read_only=True)) as database:
        for one in asked:
            yield from database.rows(one)
