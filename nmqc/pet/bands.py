"""Published bands of recovery coefficients: data with a version, never a verdict by themselves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nmqc.model import Ends, Limits
from nmqc.pet.metrics import RECOVERY_METRICS, SPHERES_MM
from nmqc.toml_reader import Document, Table

BUILT_IN = Path(__file__).parents[1] / "data" / "earl.toml"
METRICS = tuple(RECOVERY_METRICS[name].name for name in ("rc_mean", "rc_max", "rc_peak"))


@dataclass(frozen=True, slots=True)
class Band:
    """What recovery is expected to be, sphere by sphere.

    Attributes
    ----------
    set : name of the table with its version: "earl1-2017"
    standard : of EARL, 1 or 2
    metric : "pet.rc_mean", "pet.rc_max" or "pet.rc_peak"
    low, high : of the spheres from 10 to 37 mm; both ends belong to the band
    source : where it is from
    verified : True where that source itself was read
    judges : True where values are judged by it when its standard is asked for
    """

    set: str
    standard: int
    metric: str
    low: tuple[float, ...]
    high: tuple[float, ...]
    source: str
    verified: bool
    judges: bool

    def limits(self) -> dict[str, Limits]:
        """Return the limits of every sphere: "10 mm" -> outside the band fails."""
        return {
            f"{diameter:g} mm": Limits(Ends(), Ends(low, high), "value", "ratio", self.source, self.verified)
            for diameter, low, high in zip(SPHERES_MM, self.low, self.high, strict=True)
        }


def load_bands(path: Path = BUILT_IN) -> tuple[Band, ...]:
    """Return the bands of a TOML file: those that come with nmqc, or a site's in the same form.

    Raises
    ------
    BadFile
        If the file holds mistakes: all of them, each with its line.
    BadConfiguration
        If it cannot be read.
    """
    document = Document.open(path)
    bands = tuple(_band(table) for table in document.root.tables("band"))
    document.finish()
    return bands


def judging(bands: tuple[Band, ...], standard: int) -> tuple[Band, ...]:
    """Return the bands that judge by a standard: at most one of each metric."""
    return tuple(band for band in bands if band.standard == standard and band.judges)


def _band(table: Table) -> Band:
    standard = table.from_one("standard", required=True)
    metric = table.choice("metric", METRICS)
    ends = [table.numbers(key, "six numbers, of the spheres from 10 to 37 mm") for key in ("low", "high")]
    for key, values in zip(("low", "high"), ends, strict=True):
        if values and len(values) != len(SPHERES_MM):
            table.mistake(
                key, f"{key}: expected six numbers, of the spheres from 10 to 37 mm, found {len(values)}"
            )
    low, high = ends
    if any(one > other for one, other in zip(low, high, strict=False)):
        table.mistake("low", "low: a low end is above its high end")
    return Band(
        set=table.text("set", required=True) or "",
        standard=standard or 1,
        metric=metric or METRICS[0],
        low=low,
        high=high,
        source=table.text("source", required=True) or "",
        verified=table.flag("verified", default=False),
        judges=table.flag("judges", default=False),
    )
