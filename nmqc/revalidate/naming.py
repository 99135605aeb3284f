"""What files are called where they are spoken of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nmqc.report import wording

_HASH_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Names:
    """How files may be called: by their names, or, where the site shows none, "a file"."""

    show: bool

    def of(self, path: Path) -> str:
        """Return what to call a file by."""
        return wording.clean(path.name) if self.show else "a file"

    @staticmethod
    def begin(sha256: str) -> str:
        """Return the start of a SHA-256, as far as people compare it."""
        return sha256[:_HASH_SHOWN]
