"""What an upgrade adds to new tables of the results that are there already; no row of theirs is changed."""

from __future__ import annotations

from nmqc.history.conditions import conditions_of
from nmqc.history.engines import Database
from nmqc.history.entries import stored_object
from nmqc.history.rows import append, condition_row, judgement_rows

_AT_A_TIME = 500
_NEXT = f"SELECT number, payload FROM nmqc_results WHERE number > ? ORDER BY number LIMIT {_AT_A_TIME}"


def fill_conditions(database: Database) -> None:
    """Append the conditions of every result, from its stored JSON object."""
    last = 0
    while found := database.rows(_NEXT, (last,)):
        last = found[-1][0]
        each = [(number, conditions_of(stored_object(text, f"result {number}"))) for number, text in found]
        append(database, "nmqc_conditions", [condition_row(*one) for one in each])
        append(database, "nmqc_judgements", [row for one in each for row in judgement_rows(*one)])
