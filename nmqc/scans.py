"""From PET volumes, and what is known of the phantom in them, to the tests that run on them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from nmqc import catalogue
from nmqc.errors import BadConfiguration
from nmqc.fill import FILE_NAME
from nmqc.model import Remark, Scan, Volume

if TYPE_CHECKING:
    from nmqc.catalogue import Test
    from nmqc.fill import FillSheet
    from nmqc.pet.truth import Truth

SAME_PLACE_MM = 0.05
#: between the first and the last of several acquisitions of one phantom
REPLICATES_WITHIN = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Said:
    """What a person, or the site's configuration, says of a phantom and of how to measure it; None: nothing.

    The names are those of the options of `nmqc pet`, whose help says what they mean.
    """

    ratio: float | None = None
    ratio_uncertainty: float | None = None
    fill: Path | None = None
    sphere_bqml: float | None = None
    background_bqml: float | None = None
    edition: Literal["2007", "2012", "2018"] | None = None
    slice: Literal["common", "own"] | None = None
    lung_exclusion: float | None = None
    lung_background: Literal["all", "per-slice"] | None = None
    bg_rois: Path | None = None
    earl: Literal[1, 2] | None = None
    header_dose: bool = False
    sphere_phase: float | None = None
    sense: Literal[1, -1] | None = None

    @property
    def truth(self) -> bool:
        """True where ratio or concentrations are said, and no fill sheet is looked for."""
        return any(one is not None for one in (self.ratio, self.sphere_bqml, self.background_bqml))


def scans_of(volumes: Sequence[Volume]) -> list[Scan]:
    """Return the scans that some volumes are: acquisitions of one phantom, one after the other, are one.

    They are of one camera, nuclide and reconstruction, of the same voxels in the same place, and of other times of
    the same day. A scan is called by its first file.
    """
    groups: list[list[Volume]] = []
    for volume in volumes:
        for group in groups:
            if all(_replicates(volume, other) for other in group):
                group.append(volume)
                break
        else:
            groups.append([volume])
    return [Scan(tuple(group), group[0].source.inputs[0].file) for group in groups]


def fill_sheet_beside(path: Path) -> Path | None:
    """Return the fill sheet in the folder of a series (or of one of its files), or around it; None: there is none."""
    folder = path if path.is_dir() else path.parent
    beside = (folder / FILE_NAME, folder.resolve().parent / FILE_NAME)
    return next((sheet for sheet in beside if sheet.is_file()), None)


def tests_for(scan: Scan, shows: str, said: Said, sheet: Path | None) -> list[tuple[Test, Any]]:
    """Return the tests for a scan of some phantom, each with its options.

    Recovery is among them where the image is quantitative and the true concentrations, or the activity of the header,
    can be had.

    Parameters
    ----------
    shows : "iec" or "cylinder"
    sheet : a fill sheet, which is used where `said` holds no truth

    Raises
    ------
    NmqcError
        If options or sheet make no sense, alone or with the image.
    """
    from nmqc.pet.metrics import RECOVERY

    truth = _truth(scan, shows, said, sheet)
    recovers = _recovers(scan, said, truth)
    own = _options_of_iec(said) if shows == "iec" else {}
    own["remarks"] = tuple(_remarks(scan, shows, said, sheet, recovers))
    return [
        (test, test.options(**truth, **own))
        for test in catalogue.of_command("pet")
        if test.shows == shows and (test.name != RECOVERY or recovers)
    ]


def _truth(scan: Scan, shows: str, said: Said, sheet: Path | None) -> dict[str, Any]:
    """Return what is really in the phantom, and the fill sheet."""
    from nmqc.pet.truth import given

    path = said.fill or (None if said.truth else sheet)
    if path is None:
        typed = given(
            ratio=said.ratio,
            ratio_uncertainty=said.ratio_uncertainty,
            sphere_bqml=said.sphere_bqml,
            background_bqml=said.background_bqml,
        )
        return {"truth": _at_each_time(typed, scan.volumes), "fill": None}
    filled = _read(path)
    if shows == "cylinder" and filled.spheres is not None:
        raise BadConfiguration(
            "bad_fill",
            "the fill sheet is of the IEC body phantom, it has [spheres]: give the cylinder its own",
        )
    truths = [filled.truth_of(volume) for volume in scan.volumes]
    return {
        "truth": tuple(truth.with_ratio_uncertainty(said.ratio_uncertainty) for truth in truths),
        "fill": filled.described(),
    }


def _read(path: Path) -> FillSheet:
    """Read a fill sheet; what is wrong with it is said without the folder that it lies in, which may name people."""
    from nmqc.fill import read_fill

    try:
        return read_fill(path)
    except BadConfiguration as mistake:
        shown = path.name if path.name == FILE_NAME else "the fill sheet"
        raise BadConfiguration("bad_fill", mistake.reason.replace(str(path), shown)) from None


def _at_each_time(typed: Truth, volumes: Sequence[Volume]) -> tuple[Truth, ...]:
    """Return concentrations that were typed, which are those of the first volume, at the time of each."""
    if len(volumes) == 1 or (typed.sphere_bqml is None and typed.background_bqml is None):
        return (typed,)
    first = volumes[0].tracer
    times = [volume.tracer.reference for volume in volumes]
    if None in times or first.half_life_s is None:
        raise BadConfiguration(
            "bad_fill",
            "the concentrations are those of the first acquisition, and the headers do not tell times and half-life "
            "of the others: give a fill sheet, or the acquisitions one by one",
        )
    moments = [_clock(time) for time in times if time is not None]
    return tuple(
        typed.later(2 ** (-(moment - moments[0]).total_seconds() / first.half_life_s)) for moment in moments
    )


def _remarks(scan: Scan, shows: str, said: Said, sheet: Path | None, recovers: bool) -> Iterator[Remark]:
    """Yield what there is to say of where the truth is from, and of what it is not enough for."""
    if sheet is not None and said.fill is None:
        if said.truth:
            text = f"the {sheet.name} beside the series was not read: the truth was given otherwise"
            yield Remark("fill_sheet_not_read", text)
        else:
            text = f"the true contents are those of the {sheet.name} that lies beside the series"
            yield Remark("fill_sheet_beside", text)
    typed = said.sphere_bqml is not None or said.background_bqml is not None
    if typed and any(volume.tracer.decay_correction == "ADMIN" for volume in scan.volumes):
        text = (
            "the image's values are those at the time of administration, not of the scan: the concentrations "
            "given must be of that time, too"
        )
        yield Remark("refers_to_administration", text)
    if shows == "iec" and said.earl is not None and not recovers:
        text = "not judged by EARL: recovery needs an image in Bq/mL and the true concentrations"
        yield Remark("no_recovery", text)


def _options_of_iec(said: Said) -> dict[str, Any]:
    from nmqc.pet.background import read_regions
    from nmqc.pet.phantom import Hints

    return {
        "hints": Hints(said.sphere_phase, said.sense),
        "edition": said.edition,
        "slice": said.slice,
        "lung_exclusion_mm": said.lung_exclusion,
        "lung_background": said.lung_background or "all",
        "background_rois": None if said.bg_rois is None else read_regions(said.bg_rois),
        "earl": said.earl,
        "header_dose": said.header_dose,
    }


def _recovers(scan: Scan, said: Said, truth: dict[str, Any]) -> bool:
    known = truth["truth"][0]
    concentrations = known.sphere_bqml is not None or known.background_bqml is not None
    return (concentrations or said.header_dose) and all(volume.quantitative for volume in scan.volumes)


def _replicates(one: Volume, other: Volume) -> bool:
    """Say whether two volumes are acquisitions of one phantom in one place."""
    times = one.source.acquired, other.source.acquired
    if times[0] is None or times[1] is None or times[0] == times[1]:
        return False
    apart = abs(_clock(times[0]) - _clock(times[1]))
    place = max(abs(a - b) for a, b in zip(one.origin_mm, other.origin_mm, strict=True))
    return apart <= REPLICATES_WITHIN and place <= SAME_PLACE_MM and _alike(one) == _alike(other)


def _alike(volume: Volume) -> tuple[object, ...]:
    return (
        *(volume.source.system, volume.source.synthetic, volume.tracer.radionuclide, volume.unit),
        *(volume.values.shape, volume.spacing_mm, volume.directions, volume.reconstruction),
    )


def _clock(acquired: str) -> datetime:
    return datetime.fromisoformat(acquired).replace(tzinfo=None)
