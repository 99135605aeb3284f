"""Real phantoms, beside the values that other programs and a trial by hand had of them (data README).

Maxima and isocontours need no region of the background's exact place, and agree to the digit.
"""

from dataclasses import replace

import pytest

from nmqc.measure.frames import Findings
from nmqc.pet.metrics import IMAGE_QUALITY_METRICS, RECOVERY_METRICS
from nmqc.pet.nema import image_quality
from nmqc.pet.options import Options
from nmqc.pet.phantom import Hints, find_phantom
from nmqc.pet.recovery import recovery
from nmqc.pet.truth import Truth, given
from tests.pet.by_hand import table
from tests.pet.real import read

UNIT = 20_000.0  # Bq/mL that recovery is of here: no true concentration is known
#: series -> ratio by a fit; Q_H, N (own trial), maxima, A50 (two programs), peak at voxels; 10 to 37 mm; lung
EARLIER = {
    "iec-recon": (
        9.926,
        (63.3, 68.0, 78.2, 84.2, 86.3, 88.7),
        (8.47, 6.52, 5.08, 4.29, 3.27, 2.52),
        (16889, 21029, 20544, 23470, 26466, 24179),
        (12821, 14108, 14658, 15989, 17064, 16460),
        (7344, 11328, 14848, 16313, 17430, 17331),
        0.75,
    ),
    "earl-mct": (
        9.622,
        (46.6, 62.1, 69.7, 75.9, 81.7, 82.6),
        (6.63, 5.93, 4.99, 4.05, 3.29, 2.76),
        (20572, 26115, 32019, 30949, 29497, 29182),
        (15668, 20934, 23063, 22928, 23232, 22835),
        (9614, 14368, 23014, 25551, 25404, 25464),
        18.1,
    ),
}


@pytest.mark.parametrize("series", EARLIER)
def test_a_real_phantom_beside_earlier_values(series: str) -> None:
    ratio, contrast, variability, highest, mean, peaks, lung = EARLIER[series]
    volume = read(series)
    phantom, findings = find_phantom(volume, Hints()), Findings(IMAGE_QUALITY_METRICS)
    placed = image_quality(volume, phantom, given(ratio=ratio), Options(slice="common"), findings)
    assert placed is not None
    # the background's places alone move contrasts by 1.3 points and N by its standard error, 9.2 %
    assert table(findings, "pet.contrast_hot") == pytest.approx(contrast, abs=1.3)
    assert table(findings, "pet.background_variability") == pytest.approx(variability, rel=2 * 0.092)
    assert table(findings, "pet.lung_residual") == pytest.approx([lung], rel=0.03)
    found = Findings(RECOVERY_METRICS)
    absolute = replace(volume, unit="Bq/mL", quantitative=True)
    result = recovery(absolute, phantom, Truth(sphere_bqml=UNIT), Options(), found, placed)
    assert result is not None
    assert [UNIT * one for one in table(found, "pet.rc_max")] == pytest.approx(highest, abs=0.5)
    assert [UNIT * one for one in table(found, "pet.rc_mean")] == pytest.approx(mean, abs=0.5)
    # earlier weights were 8 x 8 x 8 sub-samples of a voxel
    at_voxel = [one.peak.at_voxel for one in result.spheres if one is not None and one.peak is not None]
    assert at_voxel == pytest.approx(peaks, rel=0.003)
    assert all(
        UNIT * one >= other - 1e-6 for one, other in zip(table(found, "pet.rc_peak"), at_voxel, strict=True)
    )
