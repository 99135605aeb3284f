"""The options of a test that come of what a rule of the site's configuration asks."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from nmqc.catalogue import Test
from nmqc.dicom import ReadOptions, read_nm
from nmqc.errors import BadConfiguration
from nmqc.model import Acquisition
from nmqc.scans import Said

#: test -> name in a rule -> name of the option
_OF_IMAGES: dict[str, dict[str, str]] = {
    "uniformity.planar": {
        "reference": "reference",
        "source_distance": "source_distance_mm",
        "edge_policy": "edge_policy",
        "edge_margin": "edge_margin_mm",
        "rebin": "rebin",
        "replicates": "replicates",
    },
    "resolution.bars": {"bars": "bars", "flood": "flood"},
    "resolution.lines": {"separation": "separation_mm"},
}
_FILES = ("reference", "flood")


def options_of(test: Test, asked: Mapping[str, Any], replicates: int | None, read: ReadOptions) -> Any:
    """Return the options of a test on gamma-camera images.

    Parameters
    ----------
    asked : by a rule
    replicates : for every flood, whatever a rule asks; None: as the rule does

    Raises
    ------
    BadConfiguration
        ``bad_rule``: a value that the test cannot use, or a file beside it that cannot be read.
    """
    names = _OF_IMAGES.get(test.name, {})
    chosen = {names[name]: _value(name, value, read) for name, value in asked.items()}
    if replicates is not None and "replicates" in names:
        chosen["replicates"] = replicates
    try:
        return test.options(**chosen)
    except (TypeError, ValueError) as mistake:
        raise BadConfiguration("bad_rule", f"a rule for {test.name}: {mistake}") from None


def said_of(asked: Mapping[str, Any]) -> Said:
    """Return what a rule says of a PET phantom."""
    paths = ("fill", "bg_rois")
    said: dict[str, Any] = {name: Path(value) if name in paths else value for name, value in asked.items()}
    return Said(**said)


def _value(name: str, value: Any, read: ReadOptions) -> Any:
    if name in _FILES:
        return _read(name, Path(value), read)
    return tuple(value) if isinstance(value, list) else value


@lru_cache(maxsize=4)
def _read(name: str, path: Path, read: ReadOptions) -> Acquisition:
    """Return the acquisition in a file that a rule names; of the last few it is kept."""
    outcome = read_nm([path], read)
    if not outcome.acquisitions:
        raise BadConfiguration("bad_rule", f"{name} = {path.name}: {outcome.refused[0].reason}")
    return outcome.acquisitions[0]
