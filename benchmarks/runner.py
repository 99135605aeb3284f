"""What the speed benchmarks share: their options, the machine, and the figures as text, JSON or a page."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import nmqc
from benchmarks import page, peer
from benchmarks.bench import Bench, opened
from benchmarks.clock import CommandFailed, Timing, fixed_loop, in_turn

#: measures one part of the figures; True: fewer rounds
Measure = Callable[[Bench, bool], page.Part]


def machine(python_of_peer: Path) -> dict[str, Any]:
    """Return what the figures depend on, without the machine's name."""
    import numpy as np

    return {
        "cores": os.cpu_count(),
        "architecture": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "nmqc": nmqc.__version__,
        "peer": peer.versions(python_of_peer),
    }


def measure(python_of_peer: Path, measures: Sequence[Measure], *, quick: bool) -> page.Report:
    """Run everything and return the figures."""
    with opened(python_of_peer) as bench:
        loop = in_turn({"loop": fixed_loop()}, 25)["loop"].samples
        parts = tuple(one(bench, quick) for one in measures)
        loop += in_turn({"loop": fixed_loop()}, 25)["loop"].samples
    return page.Report(machine(python_of_peer), Timing(loop), parts)


def run(name: str, about: str | None, measures: Sequence[Measure], arguments: Sequence[str]) -> int:
    """Run a benchmark by its arguments; return 0, or 3 where something could not be measured."""
    options = _parser(name, about).parse_args(arguments)
    try:
        python = peer.python_with_pylinac(options.venv or peer.default_folder())
        report = measure(python.absolute(), measures, quick=options.quick)
    except (peer.NoPeer, CommandFailed) as reason:
        print(f"benchmarks: {reason}", file=sys.stderr)
        return 3
    print(page.text(report))
    if options.json is not None:
        options.json.write_text(json.dumps(page.document(report), indent=1) + "\n", encoding="utf-8")
    if options.write is not None:
        options.write.write_text(page.markdown(report), encoding="utf-8")
    return 0


def _parser(name: str, about: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks {name}", description=about)
    parser.add_argument(
        "--venv",
        type=Path,
        metavar="DIR",
        help="virtual environment of pylinac (default: in the user's cache)",
    )
    parser.add_argument("--quick", action="store_true", help="fewer rounds: rough figures in some minutes")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write every sample as JSON")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="write the figures as a page")
    return parser
