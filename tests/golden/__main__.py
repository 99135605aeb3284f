"""`python -m tests.golden [CASE...]`: keep the numbers of today. Read the difference before it is committed."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.golden.made import CASES, write_golden

if __name__ == "__main__":
    for case in sys.argv[1:] or CASES:
        with TemporaryDirectory() as folder:
            for path in write_golden(case, Path(folder)):
                print(f"wrote {path.name}")
