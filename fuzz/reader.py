"""Coverage-guided: bytes to the reader, `python -m fuzz.reader CORPUS -max_total_time=600`.

atheris feeds `fuzz.inside.read`, and writes the bytes of a finding to a file. `python -m fuzz.corpus FOLDER` makes a
corpus to begin with.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["nmqc", "pydicom"]):
    from fuzz.inside import read


def one(data: bytes) -> None:
    """Read bytes; a finding is let through."""
    read(data)


def main() -> None:
    """Let atheris feed the reader."""
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
