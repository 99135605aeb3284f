"""`python -m benchmarks NAME ...`: run one of the measurements; each has its own --help."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module

BENCHMARKS = (
    "uniformity",
    "bars",
    "cor",
    "performance",
    "validation",
    "bars-validation",
    "cor-validation",
    "pet-validation",
    "batch",
    "trend",
)


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark named first; return the exit status: 2 for a name that there is not.

    The linear algebra of numpy is kept to one thread, unless the environment says otherwise, as the command line of
    nmqc keeps it.
    """
    if not arguments or arguments[0] not in BENCHMARKS:
        print(f"usage: python -m benchmarks {{{','.join(BENCHMARKS)}}} [--help]", file=sys.stderr)
        return 2
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy is imported
    module = arguments[0].replace("-", "_")
    status: int = import_module(f"benchmarks.{module}").main(arguments[1:])
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
