"""Pieces of work for processes that a test starts: they must be able to import them."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path


def nothing(piece: str) -> None:
    """Give nothing back."""


def work(piece: str, folder: str = "") -> str:
    """Do what a piece says: "raise", "exit", "kill", "once NAME" (dies the first time), "slow SECONDS", ..."""
    word, _, rest = piece.partition(" ")
    if word == "raise":
        raise ValueError("a name that nobody may read")
    if word == "exit":
        os._exit(3)
    if word == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if word == "once":
        _die_once(Path(folder) / rest)
    if word == "slow":
        time.sleep(float(rest))
    if word == "beat":
        _beat(Path(folder) / rest)
    return f"{piece} done"


def _die_once(mark: Path) -> None:
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)


def _beat(path: Path) -> None:
    """Say that the process lives, again and again, until it does not."""
    for _ in range(600):
        path.write_text(f"{os.getpid()}")
        time.sleep(0.1)
