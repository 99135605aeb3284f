"""The cameras of a synthetic site, and what each acquires on a day.

No two days are alike: counts, the tubes' pattern, the source's slope, the places of phantoms and sources scatter as
they do where people set them up.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
from pydicom.dataset import Dataset

from phantoms import nm, pt
from phantoms.bars import Bars
from phantoms.cor import Orbit, default_orbit_heads, nema_sources
from phantoms.defects import Defect, LinearGradient, TubeLattice, WeakTube
from phantoms.flood import Flood, default_heads
from phantoms.pet import Cylinder, IecBody
from phantoms.pet_scan import PET_SYSTEMS, Scan
from phantoms.site_plan import Plan
from phantoms.site_truth import ANALYSED, OTHER, UNKNOWN, Item
from phantoms.systems import SYSTEMS

FILL = "fill.toml"
#: the drift: depth of the weak tube on the last day; it stands on the drifting detector's lattice
DRIFT_DEPTH, DRIFT_AT_MM = 0.06, (-105.0, 60.82)
#: amplitudes of the tubes' pattern, before and after service; negative: tubes less sensitive than their borders
LATTICE, LATTICE_AFTER_SERVICE = -0.006, -0.026
COR_JUMP_MM = 1.8
#: after so many days the flood source is a new one
SOURCE_DAYS = 500

_FLOOD, _BARS, _COR, _CYLINDER, _IEC = range(5)
_CO57_HALF_LIFE_DAYS = 271.8
_VIEWS, _VIEW_S = 32, 15.0
_CYLINDER_ML = math.pi * 10.0**2 * 18.6
_BODY_ML, _STOCK_ML = 9700.0, 500.0
_F18_HALF_LIFE_MIN = 109.77


@dataclass(frozen=True, slots=True)
class Camera:
    """A gamma camera of the site.

    Attributes
    ----------
    number : of the camera, from 1
    system : a name in ``SYSTEMS``; the folder's name too
    serial, station : as the headers say
    unit_id : as ``nmqc identify`` names the camera, from make, model and serial number
    matrix, counts : of floods, and of each detector
    duration_s : of a flood, on the first day
    split_heads : floods are one file for each detector
    meaningless : files are called IM0001, IM0002, ... instead of what they show
    """

    number: int
    system: str
    serial: str
    station: str
    unit_id: str
    matrix: int
    counts: float
    duration_s: float
    radionuclide: str = "Tc-99m"
    collimator: str | None = None
    split_heads: bool = False
    meaningless: bool = False


CAMERAS = (
    Camera(1, "intevo", "NMQC-SIM-70411", "NMQC-SIM-NM1", "de4aa98c", 128, 102e6, 1500.0),
    Camera(2, "symbia-t2", "NMQC-SIM-50233", "NMQC-SIM-NM2", "5324f363", 256, 45e6, 900.0, split_heads=True),
    Camera(
        3,
        "brivo",
        "NMQC-SIM-1187",
        "NMQC-SIM-NM3",
        "0912f221",
        256,
        55e6,
        900.0,
        "Co-57",
        "LEHR",
        meaningless=True,
    ),
)
PET_NUMBER, PET_SYSTEM, PET_SERIAL, PET_STATION = 4, "vereos", "NMQC-SIM-2064", "NMQC-SIM-PT1"
PET_UNIT_ID = "e50a7581"


class Sent(NamedTuple):
    """What a camera sent: an item, the contents of each of its files, and when they were written."""

    item: Item
    contents: tuple[Dataset | bytes, ...]
    written: datetime


def described() -> tuple[dict[str, Any], ...]:
    """Return what a person would write down of the cameras."""
    return (*(_described(camera) for camera in CAMERAS), _pet_described())


def acquired_on(plan: Plan, day: date) -> Iterator[Sent]:
    """Yield what all cameras acquire on a working day, in order of cameras and time."""
    for camera in CAMERAS:
        yield from _gamma_day(camera, plan, day)
    yield from _pet_day(plan, day)


# --- gamma cameras ---------------------------------------------------------------------------------------


def _gamma_day(camera: Camera, plan: Plan, day: date) -> Iterator[Sent]:
    """Yield what one gamma camera acquires: the flood before work, then what the week asks for."""
    if camera.system != "brivo" or day not in plan.missed_days:
        yield from _flood(camera, plan, day)
    if day in plan.bars_days:
        yield from _bars(camera, plan, day)
    if day in plan.cor_days:
        yield from _cor(camera, plan, day)


def _flood(camera: Camera, plan: Plan, day: date) -> Iterator[Sent]:
    random = plan.scatter(camera.number, day, _FLOOD)
    acquired = _morning(day, 6.6 + 0.15 * camera.number, random)
    counts = camera.counts * (1 + 0.02 * random.standard_normal())
    flood = Flood(
        system=camera.system,
        matrix=camera.matrix,
        heads=tuple(
            replace(head, counts=share * counts, defects=_defects(camera, plan, day, number, random))
            for number, head, share in zip((1, 2), default_heads(camera.system), (1.0, 0.96), strict=False)
        ),
        duration_s=_flood_s(camera, plan, day),
        acquired=acquired,
        radionuclide=camera.radionuclide,
        collimator=camera.collimator,
    )
    seed = int(random.integers(2**31))
    datasets = nm.datasets(flood, seed=seed, flavour="scanner", split_heads=camera.split_heads)
    heads = tuple(range(1, len(flood.heads) + 1))
    of_files = [(head,) for head in heads] if camera.split_heads else [heads]
    for detectors, dataset in zip(of_files, datasets, strict=True):
        true = {
            f"expected counts {head}": round(flood.heads[head - 1].counts or 0.0, 1) for head in detectors
        }
        true |= _true_defects(flood, detectors)
        suffix = f"-{detectors[0]}" if camera.split_heads else ""
        name = f"IM{detectors[0]:04d}" if camera.meaningless else f"flood{suffix}.dcm"
        yield _sent(camera, day, name, "flood", detectors, dataset, acquired, flood.duration_s, true)


def _defects(
    camera: Camera, plan: Plan, day: date, detector: int, random: np.random.Generator
) -> tuple[Defect, ...]:
    """Return what is wrong with a detector on a day."""
    serviced = camera.system == "symbia-t2" and day >= plan.step_from
    lattice = LATTICE_AFTER_SERVICE if serviced else LATTICE * (0.85 + 0.15 * detector)
    slope_x, slope_y = 2e-6 * random.standard_normal(2)
    defects: tuple[Defect, ...] = (
        TubeLattice(amplitude=lattice * (1 + 0.04 * random.standard_normal())),
        LinearGradient(float(slope_x), float(slope_y)),
    )
    if camera.system == "intevo" and detector == 2 and plan.drifted(day) > 0:
        defects += (WeakTube(*DRIFT_AT_MM, depth=DRIFT_DEPTH * plan.drifted(day)),)
    return defects


def _true_defects(flood: Flood, detectors: tuple[int, ...]) -> dict[str, float]:
    """Return how deep the pattern and the weak tube of some detectors are."""
    found = {}
    for detector in detectors:
        for defect in flood.heads[detector - 1].defects:
            if isinstance(defect, TubeLattice):
                found[f"lattice amplitude {detector}"] = round(defect.amplitude, 6)
            if isinstance(defect, WeakTube):
                found[f"weak tube depth {detector}"] = round(defect.depth, 6)
    return found


def _flood_s(camera: Camera, plan: Plan, day: date) -> float:
    """Return how long a flood of a fixed number of counts takes: longer as a Co-57 source decays."""
    if camera.radionuclide != "Co-57":
        return camera.duration_s
    age = (day - plan.start).days % SOURCE_DAYS
    return float(round(camera.duration_s * 2 ** (age / _CO57_HALF_LIFE_DAYS)))


def _bars(camera: Camera, plan: Plan, day: date) -> Iterator[Sent]:
    random = plan.scatter(camera.number, day, _BARS)
    first = _morning(day, 8.0 + 0.15 * camera.number, random)
    for detector in range(1, SYSTEMS[camera.system].heads + 1):
        x, y, turn, blur = random.standard_normal(4)
        bars = Bars(
            system=camera.system,
            detector=detector,
            counts=6e6,
            rotation_deg=3.0 + 0.6 * turn,
            centre_mm=(5.3 + 1.5 * x, -3.7 + 1.5 * y),
            fwhm_mm=(3.7 + 0.03 * blur, 3.9 + 0.03 * blur),
            acquired=first + timedelta(minutes=14 * (detector - 1)),
        )
        dataset = nm.planar_dataset(bars, seed=int(random.integers(2**31)), flavour="scanner")
        name = "IM0002" if camera.meaningless else f"bars-{detector}.dcm"
        true = {"fwhm x": round(bars.fwhm_mm[0], 4), "fwhm y": round(bars.fwhm_mm[1], 4)}
        yield _sent(camera, day, name, "bars", (detector,), dataset, bars.acquired, bars.duration_s, true)


def _cor(camera: Camera, plan: Plan, day: date) -> Iterator[Sent]:
    random = plan.scatter(camera.number, day, _COR)
    acquired = _morning(day, 8.0 + 0.15 * camera.number, random)
    x, y, z = 1.5 * random.standard_normal(3)
    jump = COR_JUMP_MM if camera.system == "brivo" and day >= plan.jump_from else 0.0
    heads = tuple(
        replace(
            head,
            offset_mm=head.offset_mm + jump + 0.05 * float(random.standard_normal()),
            axial_mm=head.axial_mm + 0.05 * float(random.standard_normal()),
        )
        for head in default_orbit_heads(camera.system)
    )
    moved = [
        replace(source, x_mm=source.x_mm + x, y_mm=source.y_mm + y, z_mm=source.z_mm + z)
        for source in nema_sources()
    ]
    orbit = Orbit(
        system=camera.system,
        sources=tuple(moved),
        heads=heads,
        views=_VIEWS,
        duration_s=_VIEW_S,
        acquired=acquired,
    )
    (dataset,) = nm.cor_datasets(orbit, seed=int(random.integers(2**31)), flavour="scanner")
    name = "IM0002" if camera.meaningless else "cor.dcm"
    detectors = tuple(range(1, len(heads) + 1))
    true = {f"offset {detector}": round(heads[detector - 1].offset_mm, 4) for detector in detectors}
    yield _sent(camera, day, name, "cor", detectors, dataset, acquired, _VIEWS * _VIEW_S, true)


def _sent(
    camera: Camera,
    day: date,
    name: str,
    kind: str,
    detectors: tuple[int, ...],
    dataset: Dataset,
    acquired: datetime,
    duration_s: float,
    true: dict[str, float],
) -> Sent:
    dataset.DeviceSerialNumber, dataset.StationName = camera.serial, camera.station
    file = f"{camera.system}/{day.isoformat()}/{name}"
    item = Item((file,), kind, ANALYSED, camera.system, detectors, acquired, true)
    return Sent(item, (dataset,), acquired + timedelta(seconds=duration_s + 90))


def _described(camera: Camera) -> dict[str, Any]:
    profile = SYSTEMS[camera.system]
    told = {str(head): f"det {head}" for head in range(1, profile.heads + 1)} if profile.heads > 1 else {}
    return {
        "system": camera.system,
        "manufacturer": profile.manufacturer,
        "model": profile.model,
        "serial": camera.serial,
        "station": camera.station,
        "unit": f"Gamma {camera.number}",
        "unit_id": camera.unit_id,
        "detectors": profile.heads,
        "floods": "one file for each detector" if camera.split_heads else "all detectors in one file",
        "bars": "one file for each detector",
        "detector_in_series_description": told,
    }


# --- PET -------------------------------------------------------------------------------------------------


def _pet_day(plan: Plan, day: date) -> Iterator[Sent]:
    if day in plan.cylinder_days:
        yield from _cylinder(plan, day)
    if day in plan.iec_days:
        yield from _iec(plan, day)


def _cylinder(plan: Plan, day: date) -> Iterator[Sent]:
    """Yield a cylinder, filled anew each week, and its fill sheet."""
    random = plan.scatter(PET_NUMBER, day, _CYLINDER)
    x, y, z, filled, calibration = random.standard_normal(5)
    acquired = _morning(day, 7.2, random)
    true_bqml = 5300.0 * (1 + 0.06 * filled)
    phantom = Cylinder(
        matrix=(64, 72),
        slices=63,
        voxel_mm=(3.27, 4.1, 4.0),
        centre_mm=(-4.7 + x, 6.2 + y, -3.1 + z),
        background_bqml=true_bqml * (1 + 0.008 * calibration),
    )
    scan = _scan(acquired, true_bqml * _CYLINDER_ML, _CYLINDER_ML)
    true = {"calibration": phantom.background_bqml / true_bqml, "Bq/mL": true_bqml}
    folder = f"{PET_SYSTEM}/{day.isoformat()}/cylinder"
    sheet = _sheet(scan, (("background", _CYLINDER_ML, true_bqml),))
    yield from _pet_sent(phantom, scan, folder, "PT{:04d}.dcm", "cylinder", sheet, true, random)


def _iec(plan: Plan, day: date) -> Iterator[Sent]:
    """Yield the IEC body phantom, filled anew, and its fill sheet."""
    random = plan.scatter(PET_NUMBER, day, _IEC)
    x, y, z, turn, ratio, calibration = random.standard_normal(6)
    acquired = _morning(day, 8.6, random)
    true_bqml, true_ratio = 5300.0, 8.0 * (1 + 0.02 * ratio)
    phantom = IecBody(
        matrix=(112, 120),
        slices=60,
        voxel_mm=(3.27, 3.1, 3.0),
        centre_mm=(7.3 + x, -4.9 + y, 3.6 + z),
        rotation_deg=37.0 + 2 * turn,
        ratio=true_ratio,
        background_bqml=true_bqml * (1 + 0.008 * calibration),
    )
    scan = _scan(acquired, true_bqml * _BODY_ML, _BODY_ML)
    true = {
        "calibration": phantom.background_bqml / true_bqml,
        "Bq/mL": true_bqml,
        "sphere to background": true_ratio,
    }
    folder = f"{PET_SYSTEM}/{day.isoformat()}/SE0004"
    sheet = _sheet(
        scan,
        (("background", _BODY_ML, true_bqml), ("spheres", _STOCK_ML, true_bqml * true_ratio)),
    )
    yield from _pet_sent(phantom, scan, folder, "IM{:04d}", "iec", sheet, true, random)


def _scan(acquired: datetime, activity_bq: float, volume_ml: float) -> Scan:
    """Return a scan whose header tells the activity as it was an hour before, and the water's weight."""
    return Scan(
        acquired=acquired,
        activity_mbq=round(activity_bq / 1e6 * _before(60.0), 3),
        measured=acquired - timedelta(minutes=60),
        weight_kg=round(volume_ml / 1e3, 3),
    )


def _before(minutes: float) -> float:
    """Return how much more F-18 there was so many minutes before."""
    return float(2 ** (minutes / _F18_HALF_LIFE_MIN))


def _sheet(scan: Scan, compartments: tuple[tuple[str, float, float], ...]) -> bytes:
    """Return the fill sheet of compartments (name, volume in mL, Bq/mL at the start of the scan)."""
    lines = ['radionuclide = "F-18"', "calibrator_percent = 1.0"]
    for name, volume_ml, bqml in compartments:
        activity = bqml * volume_ml / 1e6 * _before(60.0)
        lines += ["", f"[{name}]", f"volume_ml = {volume_ml:.1f}", "volume_percent = 0.3"]
        lines += ["", f"[[{name}.syringe]]", f"activity_mbq = {activity:.4f}"]
        lines += [f"measured = {scan.administered.isoformat(sep=' ', timespec='seconds')}"]
    return ("\n".join(lines) + "\n").encode()


def _pet_sent(
    phantom: Cylinder | IecBody,
    scan: Scan,
    folder: str,
    pattern: str,
    kind: str,
    sheet: bytes,
    true: dict[str, float],
    random: np.random.Generator,
) -> Iterator[Sent]:
    datasets = pt.datasets(phantom, scan=scan, seed=int(random.integers(2**31)), flavour="scanner")
    for dataset in datasets:
        dataset.DeviceSerialNumber, dataset.StationName = PET_SERIAL, PET_STATION
    files = tuple(f"{folder}/{pattern.format(int(dataset.InstanceNumber))}" for dataset in datasets)
    written = scan.acquired + timedelta(minutes=50)
    rounded = {name: round(value, 5) for name, value in true.items()}
    yield Sent(Item(files, kind, ANALYSED, PET_SYSTEM, (), scan.acquired, rounded), tuple(datasets), written)
    yield Sent(Item((f"{folder}/{FILL}",), OTHER, UNKNOWN, PET_SYSTEM), (sheet,), written)


def _pet_described() -> dict[str, Any]:
    profile = PET_SYSTEMS[PET_SYSTEM]
    return {
        "system": PET_SYSTEM,
        "manufacturer": profile.manufacturer,
        "model": profile.model,
        "serial": PET_SERIAL,
        "station": PET_STATION,
        "unit": "PET 1",
        "unit_id": PET_UNIT_ID,
        "detectors": None,
        "fill sheets": FILL,
    }


def _morning(day: date, hour: float, random: np.random.Generator) -> datetime:
    """Return a time about an hour of a day, some minutes early or late."""
    late_s = float(np.clip(random.normal(0, 240), -500, 900))
    midnight = datetime(day.year, day.month, day.day)
    return midnight + timedelta(seconds=round(hour * 3600 + late_s))
