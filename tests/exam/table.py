"""Which phantom examines which row of the catalogue: one entry for each test.

An entry draws an object with a known truth, says what is in it, and never looks at how the test works. The exam
itself (test_exam.py) knows no test by name.
"""

from __future__ import annotations

from tests.exam.bars import BarsExamination
from tests.exam.cor import OrbitExamination
from tests.exam.examination import Candidate, Examination, Key, Made
from tests.exam.floods import FloodExamination
from tests.exam.lines import LinesExamination
from tests.exam.pet import (
    CylinderExamination,
    ImageQualityExamination,
    RecoveryExamination,
    ResolutionExamination,
)
from tests.exam.slits import SlitsExamination

__all__ = ["EXAMINATIONS", "Candidate", "Examination", "Key", "Made"]

EXAMINATIONS: tuple[Examination, ...] = (
    FloodExamination(),
    BarsExamination(),
    SlitsExamination(),
    LinesExamination(),
    OrbitExamination(),
    ImageQualityExamination(),
    RecoveryExamination(),
    ResolutionExamination(),
    CylinderExamination(),
)
