"""Series of three makers, made by the phantoms, which know nothing of the reader: their voxels come back."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from nmqc.model import Volume
from phantoms.pet_scan import Scan
from phantoms.pet_volume import PetPhantom
from phantoms.pt import write_series
from tests.dicom.pet_build import codes, read, volume


class Ramp(PetPhantom):
    """Values that rise along all three axes, each at its own pace: quick to make."""

    def voxels(self) -> np.ndarray:
        z, y, x = self.centres_mm()
        return np.asarray(5300 + 20.0 * z[:, None, None] + 9.0 * y[:, None] - 4.5 * x)


PHANTOM = Ramp(matrix=(14, 17), slices=7, voxel_mm=(6.0, 14.0, 12.5))
VOXELS = PHANTOM.voxels()
START = datetime(2026, 1, 5, 0, 20, 7)
#: What an administration at 23:30 the day before, decayed to the start, by weight is: Bq per g.
SCAN = Scan(acquired=START, measured=datetime(2026, 1, 4, 23, 30), activity_mbq=61.3, weight_kg=9.7, beds=2)


def assert_voxels(found: Volume, factor: float = 1.0) -> None:
    """The phantom's voxels, but for the rounding to whole numbers: 16 bits of the largest, half a step."""
    expected = VOXELS * factor
    step = expected.max() / np.iinfo(np.int16).max * 1.001
    assert np.abs(found.values - expected).max() <= step / 2 + 1e-6 * expected.max()
    assert found.spacing_mm == pytest.approx(PHANTOM.voxel_mm, abs=1e-6)  # positions are written to 1e-6 mm


@pytest.mark.parametrize(
    ("vendor", "units"),
    [("vereos", "CNTS"), ("vereos", "BQML"), ("siemens", "BQML"), ("ge", "BQML")],
)
@pytest.mark.parametrize("flavour", ["strict", "scanner"])
@pytest.mark.parametrize("start_as", ["time", "datetime"])
def test_concentrations_of_each_maker(
    tmp_path: Path, vendor: str, units: str, flavour: str, start_as: str
) -> None:
    scan = Scan(acquired=START, measured=SCAN.measured, beds=2, start_as=start_as)
    write_series(PHANTOM, tmp_path, vendor, scan=scan, units=units, flavour=flavour)
    found = volume(tmp_path)
    assert_voxels(found)
    assert (found.unit, found.quantitative) == ("Bq/mL", True)
    assert (found.tracer.reference, found.tracer.reference_from) == (
        START.isoformat(),
        "frame reference times",
    )
    assert (found.tracer.measured, found.tracer.activity_bq) == ("2026-01-04T23:30:00", pytest.approx(61.3e6))
    assert set(codes(found)) <= {"philips_factor", "philips_factor_unused"}
    assert found.source.synthetic


def test_suv(tmp_path: Path) -> None:
    write_series(PHANTOM, tmp_path, "siemens", scan=SCAN, units="GML")
    found = volume(tmp_path)
    elapsed_s = (START - datetime(2026, 1, 4, 23, 30)).total_seconds()
    assert_voxels(found, 9.7e3 / (61.3e6 * 2 ** (-elapsed_s / 6586.2)))
    assert (found.unit, found.quantitative) == ("g/mL", True)


def test_proportional_counts(tmp_path: Path) -> None:
    write_series(PHANTOM, tmp_path, "ge", scan=SCAN, units="PROPCNTS")
    found = volume(tmp_path)
    ratio = float(
        (found.values * VOXELS).sum() / (VOXELS**2).sum()
    )  # least squares: the factor is any number
    assert_voxels(found, ratio)
    assert (found.unit, found.quantitative) == ("relative", False)


def test_counts_without_their_factors(tmp_path: Path) -> None:
    write_series(PHANTOM, tmp_path, "vereos", scan=Scan(factors=False), units="CNTS")
    found = volume(tmp_path)
    assert (found.unit, found.quantitative, codes(found)) == ("counts", False, ["relative_units"])


@pytest.mark.parametrize("decay", ["ADMIN", "NONE"])
@pytest.mark.parametrize("vendor", ["vereos", "siemens", "ge"])
def test_other_decay_corrections(tmp_path: Path, vendor: str, decay: str) -> None:
    scan = Scan(acquired=START, measured=SCAN.measured, beds=2, decay_correction=decay)
    write_series(PHANTOM, tmp_path, vendor, scan=scan, units="BQML", flavour="scanner")
    found = volume(tmp_path)
    elapsed_s = (START - datetime(2026, 1, 4, 23, 30)).total_seconds()
    assert_voxels(found, 2 ** (elapsed_s / 6586.2) if decay == "ADMIN" else 1.0)
    reference = START if decay == "NONE" else START - timedelta(seconds=elapsed_s)
    assert found.tracer.reference == reference.isoformat()
    assert ("DECY" in found.corrections) == (decay == "ADMIN")


def test_replicates(tmp_path: Path) -> None:
    folders = [tmp_path / f"{number}" for number in range(3)]
    for number, folder in enumerate(folders):
        write_series(PHANTOM, folder, "siemens", scan=SCAN, replicate=number)
    outcome = read(*folders)
    assert outcome.refused == ()
    assert len({found.series for found in outcome.volumes}) == 3
    references = [datetime.fromisoformat(found.tracer.reference or "") for found in outcome.volumes]
    assert [after - before for before, after in pairwise(references)] == [timedelta(seconds=2 * 316)] * 2
