"""The smallest grid, measured once for all tests."""

from __future__ import annotations

import pytest

from nmqc.validate.grid import pieces
from nmqc.validate.run import Collected, work


@pytest.fixture(scope="session")
def least() -> Collected:
    """Every metric of every test on the smallest grid."""
    collected = Collected()
    for piece in pieces("least"):
        collected.add(work(piece))
    return collected.in_order()
