"""A synthetic site: a year of quality control of four cameras, with planted faults, as files in folders.

``DIR/intevo/2025-10-01/flood.dcm`` and so on. What is true of it stands beside the folder, never inside, in
``DIR.truth.json``: each file's kind, whether it is analysed, unknown or refused, and each fault with its days, files,
size and what should be seen; beside it too the site's configuration, ``DIR.nmqc.toml``. The same arguments give the
same files, bit for bit.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

from phantoms.site_cameras import (
    COR_JUMP_MM,
    DRIFT_AT_MM,
    DRIFT_DEPTH,
    LATTICE,
    LATTICE_AFTER_SERVICE,
    SOURCE_DAYS,
    Sent,
    acquired_on,
    described,
)
from phantoms.site_configuration import configuration, configuration_path
from phantoms.site_plan import Plan
from phantoms.site_strays import encoded, spoiled, strays
from phantoms.site_truth import Event, Fault, Item, SiteTruth

TRUTH_SUFFIX = ".truth.json"
_UNIFORMITY = ("uniformity.integral.ufov", "uniformity.integral.cfov", "uniformity.structural_cov.ufov")


def truth_path(folder: Path) -> Path:
    """Return where the truth of a site's folder stands: beside it."""
    return folder.with_name(folder.name + TRUTH_SUFFIX)


def write_site(plan: Plan, folder: Path, said: Callable[[date], None] = lambda _: None) -> SiteTruth:
    """Write all files of a site, then its configuration and its truth, and return the truth.

    A file's time of modification is when the camera sent it, in this machine's local time.

    Parameters
    ----------
    folder : new, or empty
    said : called before each working day

    Raises
    ------
    ValueError
        If the folder holds something already.
    """
    folder = folder.absolute()
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise ValueError(f"{folder.name} exists and is not an empty folder: give another name")
    folder.mkdir(parents=True, exist_ok=True)
    truth_path(folder).unlink(missing_ok=True)
    items: list[Item] = []
    faults: list[Fault] = []
    for day in plan.working_days:
        said(day)
        for planted, fault in _day(plan, day):
            items += _written(planted, folder)
            faults += [] if fault is None else [fault]
    for planted, fault in strays(plan):
        items += _written(planted, folder)
        faults.append(fault)
    truth = SiteTruth(
        seed=plan.seed,
        first=plan.start,
        last=plan.end,
        cameras=described(),
        events=_events(plan),
        faults=(*_of_cameras(plan, items), *sorted(faults, key=lambda fault: (fault.first, fault.name))),
        items=tuple(items),
    )
    text = json.dumps(truth.document(), indent=1, ensure_ascii=False) + "\n"
    configuration_path(folder).write_text(configuration(truth.cameras), encoding="utf-8")
    truth_path(folder).write_text(text, encoding="utf-8")
    return truth


def _day(plan: Plan, day: date) -> Iterator[tuple[tuple[Sent, ...], Fault | None]]:
    """Yield what the cameras sent on a day, and what happened to it."""
    for sent in acquired_on(plan, day):
        yield spoiled(sent, plan) or ((sent,), None)


def _written(planted: Sequence[Sent], folder: Path) -> list[Item]:
    """Write files, and return their items."""
    for item, contents, written in planted:
        for name, content in zip(item.files, contents, strict=True):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encoded(content))
            os.utime(path, (written.timestamp(), written.timestamp()))
    return [sent.item for sent in planted]


def _events(plan: Plan) -> tuple[Event, ...]:
    """Return what a logbook says."""
    service = Event(
        "symbia-t2", plan.step_from, "service before the first flood: photomultipliers tuned anew"
    )
    sources = [
        Event("brivo", plan.start + timedelta(days=passed), "new Co-57 sheet source")
        for passed in range(0, plan.days, SOURCE_DAYS)
    ]
    return (*sources, service)


def _of_cameras(plan: Plan, items: Sequence[Item]) -> tuple[Fault, ...]:
    """Return what is wrong with the cameras themselves, and what was left out."""
    found = (_drift(plan), _step(plan), _jump(plan))
    shown = {"drift": "flood", "step_after_service": "flood", "cor_jump": "cor"}
    return (
        *(replace(fault, files=_showing(items, fault, shown[fault.name])) for fault in found),
        _missed(plan),
    )


def _showing(items: Sequence[Item], fault: Fault, kind: str) -> tuple[str, ...]:
    """Return the files of a kind that show a fault: those of its days, camera and detector."""
    return tuple(
        sorted(
            file
            for item in items
            if item.kind == kind and item.system == fault.system and item.acquired is not None
            if fault.first <= item.acquired.date() <= fault.last
            if fault.detector is None or fault.detector in item.detectors
            for file in item.files
        )
    )


def _drift(plan: Plan) -> Fault:
    days = (plan.end - plan.drift_from).days
    return Fault(
        name="drift",
        system="intevo",
        detector=2,
        first=plan.drift_from,
        last=plan.end,
        files=(),
        what="a photomultiplier grows weaker, by as much each day; it is as it was on the first day named",
        seen="integral uniformity rises slowly, its lowest point comes to lie on the tube; the other detector stays",
        test="uniformity.planar",
        metrics=_UNIFORMITY,
        sizes={
            "depth on the last day": DRIFT_DEPTH,
            "depth a day": round(DRIFT_DEPTH / days, 8),
            "x mm from the field's centre": DRIFT_AT_MM[0],
            "y mm from the field's centre": DRIFT_AT_MM[1],
        },
    )


def _step(plan: Plan) -> Fault:
    return Fault(
        name="step_after_service",
        system="symbia-t2",
        detector=None,
        first=plan.step_from,
        last=plan.end,
        files=(),
        what="from the first flood after service on, the pattern of the photomultipliers shows in both detectors",
        seen="integral uniformity and structural variation are higher from one flood to the next, and stay so",
        test="uniformity.planar",
        metrics=_UNIFORMITY,
        sizes={"lattice amplitude before, about": LATTICE, "after, about": LATTICE_AFTER_SERVICE},
    )


def _jump(plan: Plan) -> Fault:
    return Fault(
        name="cor_jump",
        system="brivo",
        detector=1,
        first=plan.jump_from,
        last=plan.end,
        files=(),
        what="the centre of rotation is displaced from this acquisition on",
        seen="the offset jumps from one acquisition to the next, and stays so",
        test="cor.point-sources",
        metrics=("cor.offset",),
        sizes={"mm": COR_JUMP_MM},
    )


def _missed(plan: Plan) -> Fault:
    first, last = plan.missed_days[0], plan.missed_days[-1]
    return Fault(
        name="missed_week",
        system="brivo",
        detector=1,
        first=first,
        last=last,
        files=(),
        what="no floods on the working days of this week",
        seen="floods are overdue from the second of these days on, until the next comes; a gap in the trend",
        test="uniformity.planar",
        sizes={"floods": len(plan.missed_days)},
    )
