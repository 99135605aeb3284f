"""Writing a file, whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is there as a whole or as it was before, whatever happens meanwhile.

    The bytes go to a file beside it, and to the disk, before that takes its name. What is no ordinary file, such as
    a pipe, is written as it is.

    Raises
    ------
    OSError
        If it cannot be written; nothing is left behind then.
    """
    target = path.resolve()
    if target.exists() and not target.is_file():
        target.write_bytes(content)
        return
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with unfinished.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        unfinished.replace(target)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
