"""Which engine does heavy loops: NumPy, or kernels compiled by Numba. The choice never changes a number.

``NMQC_ENGINE`` is ``auto`` (the default), ``numpy`` or ``numba``. Importing Numba and loading a cached kernel takes
about a second, so ``auto`` uses it only where it wins that second back, or where it is loaded already.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nmqc.errors import BadConfiguration

ENGINES = ("auto", "numpy", "numba")
WORTHWHILE_PIXELS = 40_000_000  # where the compiled kernels win back their own start-up (docs/performance.md)


def use_numba(pixels: int) -> bool:
    """Say whether compiled kernels are to do a piece of work that goes through so many pixels in all.

    Raises
    ------
    BadConfiguration
        If NMQC_ENGINE is something else than auto, numpy or numba.
    """
    wanted = os.environ.get("NMQC_ENGINE") or "auto"
    if wanted not in ENGINES:
        raise BadConfiguration("engine", f"NMQC_ENGINE must be one of {', '.join(ENGINES)}")
    if wanted != "auto":
        return wanted == "numba"
    return pixels >= WORTHWHILE_PIXELS or "nmqc.uniformity._kernels" in sys.modules


def compiled(function: Callable[..., Any]) -> Any:
    """Return a function compiled by Numba, kept between runs in the user's cache folder where that can be written.

    Where no folder can be written the kernel is compiled anew in each process.
    """
    folder = _cache_folder()
    if folder is not None:
        os.environ.setdefault("NUMBA_CACHE_DIR", str(folder))
    import numba

    return numba.njit(cache=folder is not None, nogil=True)(function)


def kernels_are_kept() -> bool:
    """Say whether the cache folder holds compiled kernels."""
    folder = _cache_folder()
    return folder is not None and next(folder.rglob("*.nbi"), None) is not None


def _cache_folder() -> Path | None:
    """Return a folder for compiled kernels that can be written, or None."""
    from platformdirs import user_cache_path

    given = os.environ.get("NUMBA_CACHE_DIR")
    try:
        folder = Path(given) if given else user_cache_path("nmqc") / "kernels"
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except (OSError, RuntimeError):  # RuntimeError: neither a home nor an account
        return None
