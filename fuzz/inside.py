"""What the reader must keep in process: bytes become numbers that are numbers, or a refusal; nothing else.

In front of people every failure of the reader becomes a refusal (`nmqc.dicom.safe.refusing`). Here a failure that was
raised in nmqc itself is a finding: it was not foreseen. Those of pydicom are refusals, here as there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType

import numpy as np

from nmqc.dicom import ReadOptions
from nmqc.dicom.nm import read_acquisition
from nmqc.dicom.pet_slices import Allowance, read_slices
from nmqc.dicom.pet_volume import build_volume
from nmqc.dicom.safe import Content, check_pet_class, open_dicom, refusing, silence
from nmqc.errors import UnusableInput

LONGEST_REASON = 600
_OPTIONS = ReadOptions()
_DIGEST = "0" * 64
_PACKAGE = "nmqc"


def read(data: bytes) -> list[UnusableInput]:
    """Read bytes as an NM image, and as slices of a PET series; return the refusals.

    Raises
    ------
    Exception
        Whatever was raised in nmqc and is no refusal; AssertionError where something else was promised.
    """
    refused = []
    with silence():
        for reader in (_nm, _pet):
            try:
                with refusing(), _ours_as_finding():
                    reader(data)
            except UnusableInput as refusal:
                refused.append(refusal)
    assert all(refusal.reason.isprintable() and len(refusal.reason) < LONGEST_REASON for refusal in refused)
    return refused


class Finding(BaseException):
    """A failure in nmqc itself: no `Exception`, so that nothing takes it for a refusal."""


@contextmanager
def _ours_as_finding() -> Iterator[None]:
    try:
        yield
    except (UnusableInput, MemoryError, RecursionError):
        raise
    except Exception as error:
        if isinstance(error, AssertionError) or _is_ours(error.__traceback__):
            raise Finding(repr(error)) from error
        raise


def _is_ours(trace: TracebackType | None) -> bool:
    """Say whether an exception was raised in nmqc itself, and not below it."""
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and _PACKAGE in Path(trace.tb_frame.f_code.co_filename).parts


def _nm(data: bytes) -> None:
    found = read_acquisition(open_dicom(Content(data, _DIGEST)), "fuzz", _OPTIONS).acquisition
    for frame in found.frames:
        assert np.isfinite(frame.counts).all()
        assert all(0.05 <= size <= 50 for size in frame.spacing_mm)
        assert all(0 < zoom <= 100 for zoom in frame.zoom)
        assert frame.duration_s is None or 0 < frame.duration_s < 1e6
        assert frame.gantry is None or 0 <= frame.gantry.angle_deg < 360


def _pet(data: bytes) -> None:
    opened = open_dicom(Content(data, _DIGEST), wanted=check_pet_class)
    slices = read_slices(opened, "fuzz", _OPTIONS, 1, 0, partial(Allowance().take, 0))
    for one in slices:
        assert np.isfinite([*one.position_mm, *one.along, *one.down, one.slope or 0.0, one.intercept]).all()
    if len(slices) > 1:
        assert np.isfinite(build_volume(slices, _OPTIONS).values).all()
