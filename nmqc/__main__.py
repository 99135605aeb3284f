"""The way in: `nmqc` and `python -m nmqc`. Exit statuses that belong to the process are settled here."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

INTERRUPTED, CLOSED_PIPE, UNWRITABLE = 130, 141, 3


def main() -> None:
    """Run the command line and leave with its status: interrupted 130, a closed pipe 141, both silently."""
    try:
        sys.exit(_status())
    except KeyboardInterrupt:
        os._exit(INTERRUPTED)  # nothing that is still to be flushed matters now


def _status() -> int:
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError, OSError):
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    from nmqc.cli import run

    try:
        status = run(sys.argv[1:])
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        _forget_output()
        return CLOSED_PIPE
    except OSError as error:
        _forget_output()
        with suppress(OSError):
            print(f"nmqc: the output cannot be written ({error.strerror}): free some space", file=sys.stderr)
        return UNWRITABLE
    return status


def _forget_output() -> None:
    """Let what is left in the buffer of standard output go nowhere, so that leaving raises nothing more."""
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
