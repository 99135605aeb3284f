"""The slices of one PET series to a volume: rescaled, in its unit, with what its values refer to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from nmqc.dicom.acquired import acquisition_time
from nmqc.dicom.interface import ReadOptions
from nmqc.dicom.nm import software
from nmqc.dicom.pet_slices import PetSlice
from nmqc.dicom.pet_stack import Stack, lay_out, stack_slices
from nmqc.dicom.pet_times import (
    FIRST_SLICE,
    Reference,
    decay_factors,
    first_start,
    start_reference,
    user_reference,
)
from nmqc.dicom.pet_tracer import ReadTracer, read_tracer, stamp
from nmqc.dicom.pet_units import RELATIVE, Unit, read_unit
from nmqc.dicom.systems import UNIDENTIFIED, Recognised, is_synthetic, recognise
from nmqc.dicom.values import Header
from nmqc.errors import UnusableInput
from nmqc.model import Remark, Source, Tracer, Volume

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: The terms of CorrectedImage for PET (PS3.3, C.8.9.1.1.4).
_TERMS = ("DECY", "ATTN", "SCAT", "DTIM", "MOTN", "PMOT", "CLIN", "RAN", "RADL", "DCAL", "NORM")
_NEEDED = {
    "ATTN": "attenuation",
    "SCAT": "scatter",
    "RAN": "randoms",
    "DTIM": "dead time",
    "NORM": "the detectors' differing efficiency",
    "DECY": "decay",
}
NO_REFERENCE_TIME = "no_reference_time"
_ADMINISTRATION = "administration of the tracer"


@dataclass(frozen=True, slots=True)
class _Decay:
    """The tracer with its reference time, a factor for each slice, and whether values are comparable to others."""

    tracer: Tracer
    factors: tuple[float, ...]
    usable: bool
    remarks: tuple[Remark, ...]


def build_volume(members: Sequence[PetSlice], options: ReadOptions) -> Volume:
    """Return the volume of one series.

    Values are float32: rescaled in float64 slice by slice and rounded once, to 6e-8 of themselves, where 16-bit
    pixels are exact to no better than 1.5e-5 of the largest in the slice.

    Raises
    ------
    UnusableInput
        With the codes that `nmqc.dicom` lists.
    """
    stack = stack_slices(members)
    slices = stack.slices
    header = slices[0].header
    _refuse_reprojection(header)
    read = read_tracer(header, first_start([one.time for one in slices]))
    decay = _decay(slices, read, options.reference)
    unit = read_unit([one.header for one in slices], decay.tracer)
    if not decay.usable:
        unit = Unit(RELATIVE, False)
    grid = lay_out(stack, _values(slices, [unit.factor * factor for factor in decay.factors]))
    camera = recognise(header, options)
    remarks = (
        *(remark for one in slices for remark in one.remarks),
        *stack.remarks,
        *grid.remarks,
        *unit.remarks,
        *(one for one in decay.remarks if unit.quantitative or one.code != NO_REFERENCE_TIME),
        *read.remarks,
        *_header_remarks(slices, camera),
    )
    return Volume(
        source=_source(stack, camera, options, decay.tracer),
        values=grid.values,
        spacing_mm=grid.spacing_mm,
        unit=unit.name,
        quantitative=unit.quantitative,
        tracer=decay.tracer,
        series=slices[0].series,
        directions=grid.directions,
        origin_mm=slices[0].position_mm,
        duration_s=_duration_s(slices),
        reconstruction=reconstruction(header),
        corrections=corrections(header),
        remarks=tuple(dict.fromkeys(remarks)),
    )


def reconstruction(header: Header) -> str:
    """Return the header's words on the reconstruction and its filter, cleaned; "" where it is silent."""
    words = (header.text("ReconstructionMethod"), header.text("ConvolutionKernel"))
    return ", ".join(word for word in words if word)


def corrections(header: Header) -> tuple[str, ...]:
    """Return the terms of CorrectedImage that the standard defines for PET, each once."""
    return tuple(dict.fromkeys(text for text in header.texts("CorrectedImage") if text in _TERMS))


def _refuse_reprojection(header: Header) -> None:
    if header.texts("SeriesType")[1:2] == ("REPROJECTION",):
        raise UnusableInput(
            "reprojection", "holds projections of a volume, not its slices; give the reconstruction itself"
        )


def _decay(slices: Sequence[PetSlice], read: ReadTracer, asked: str | None) -> _Decay:
    """Return what the values refer to; uncorrected ones are corrected to the start of the first slice.

    `asked` is the time that they refer to by the user.
    """
    if read.tracer.decay_correction == "NONE":
        if asked is not None:
            raise UnusableInput(
                "reference_conflict",
                "is not corrected for decay by its header (DecayCorrection NONE), so that its values refer to no one "
                "time: nmqc corrects them to the start of the first slice; leave out --reference-time",
            )
        return _corrected(slices, read)
    reference = _told_reference(slices, read)
    if asked is not None:
        reference = user_reference(asked, reference)
    tracer = replace(
        read.tracer,
        reference=None if reference.moment is None else stamp(reference.moment),
        reference_from=reference.source,
    )
    remarks = reference.remarks
    if tracer.reference is None:
        text = "the header does not tell the time that the decay-corrected values refer to"
        remarks = (Remark(NO_REFERENCE_TIME, text),)
    return _Decay(tracer, (1.0,) * len(slices), True, remarks)


def _told_reference(slices: Sequence[PetSlice], read: ReadTracer) -> Reference:
    """Return the time that decay-corrected values refer to by the header."""
    if read.tracer.decay_correction == "START":
        return start_reference([one.time for one in slices], slices[0].header, read.half_life_s)
    if read.tracer.decay_correction == "ADMIN" and read.tracer.measured is not None:
        return Reference(datetime.fromisoformat(read.tracer.measured), _ADMINISTRATION)
    return Reference(None)


def _corrected(slices: Sequence[PetSlice], read: ReadTracer) -> _Decay:
    """Return the factors that correct for decay; slices of one time that cannot be corrected are good for ratios."""
    times = [one.time for one in slices]
    first = first_start(times)
    contradiction = "DECY" in corrections(slices[0].header)
    factors = None
    if first is not None and read.half_life_s is not None and not contradiction:
        factors = decay_factors(times, first, read.half_life_s)
    if factors is not None and first is not None:
        tracer = replace(read.tracer, reference=stamp(first), reference_from=FIRST_SLICE)
        text = "the values were not corrected for decay: nmqc corrected them to the start of the first slice"
        return _Decay(tracer, tuple(factors), True, (Remark("decay_corrected", text),))
    if first is None or len({(time.start, time.duration_s) for time in times}) > 1:
        why = (
            "says both that it is corrected for decay (CorrectedImage) and that it is not (DecayCorrection)"
            if contradiction
            else "is not corrected for decay, and its header lacks the half-life or the times to do so"
        )
        raise UnusableInput("not_decay_corrected", f"{why}; reconstruct it with decay correction")
    text = "the values are not corrected for decay and could not be: good for ratios, not for concentrations"
    return _Decay(read.tracer, (1.0,) * len(slices), False, (Remark("not_decay_corrected", text),))


def _values(slices: Sequence[PetSlice], factors: Sequence[float]) -> NDArray[Any]:
    """Return the rescaled values, each slice by its own slope, intercept and factor.

    Raises
    ------
    UnusableInput
        ``no_slope``, ``zero_slope``, ``bad_header_value``.
    """
    import numpy as np

    values = np.empty((len(slices), *slices[0].stored.shape), np.float32)
    exact = np.empty(slices[0].stored.shape, np.float64)
    for into, one, factor in zip(values, slices, factors, strict=True):
        np.multiply(one.stored, _slope(one) * factor, out=exact)
        into[...] = np.add(exact, one.intercept * factor, out=exact)
        if not np.isfinite(into).all():
            raise UnusableInput(
                "bad_header_value",
                "has scales too large for its values to be numbers; export the series anew",
            )
    return values


def _slope(one: PetSlice) -> float:
    where = f"in the slice at z = {one.at_mm:.1f} mm ({one.input.file})"
    if one.slope is None:
        raise UnusableInput(
            "no_slope", f"has no RescaleSlope {where}; export the series as the scanner stored it"
        )
    if one.slope == 0:
        raise UnusableInput(
            "zero_slope", f"has a RescaleSlope of 0 {where}: its values are lost; export it anew"
        )
    if one.slope < 0:
        raise UnusableInput("bad_header_value", f"has a RescaleSlope below 0 {where}; export the series anew")
    return one.slope


def _source(stack: Stack, camera: Recognised, options: ReadOptions, tracer: Tracer) -> Source:
    slices = stack.slices
    timed = [one for one in slices if one.time.start is not None]
    first = min(timed, key=lambda one: one.time.start or 0, default=slices[0])
    acquired, acquired_from = acquisition_time(first.header, options.acquired)
    return Source(
        tuple(dict.fromkeys(one.input for one in slices)),
        camera.system,
        acquired,
        acquired_from,
        tracer.radionuclide,
        software(first.header),
        corrections(first.header),
        is_synthetic(first.header),
    )


def _duration_s(slices: Sequence[PetSlice]) -> float | None:
    durations = {one.time.duration_s for one in slices}
    return durations.pop() if len(durations) == 1 else None


def _header_remarks(slices: Sequence[PetSlice], camera: Recognised) -> list[Remark]:
    """Remark what is missing or odd in the headers."""
    header = slices[0].header
    remarks = [*_correction_remark(header)]
    if not all(one.time.dated for one in slices if one.time.start is not None):
        text = "the date of the acquisition is blanked: another date of the header was taken with its clock"
        remarks.append(Remark("date_inferred", text))
    uids = [one.input.uid for one in slices if one.input.uid]
    if len(set(uids)) < len({one.input.sha256 for one in slices if one.input.uid}):
        text = "several slices have the same SOP instance UID and other pixels: all were kept"
        remarks.append(Remark("same_uid_other_pixels", text))
    if camera.system.unit == UNIDENTIFIED:
        text = (
            "no serial number and no station tell which scanner this is; name it in the site's configuration"
        )
        remarks.append(Remark("unit_unidentified", text))
    unusable = sorted({keyword for one in slices for keyword in one.header.unusable})
    if unusable:
        remarks.append(Remark("nonstandard", f"unusable values were left out: {', '.join(unusable)}"))
    return remarks


def _correction_remark(header: Header) -> list[Remark]:
    """Remark corrections that an image for quantification needs and the header does not name."""
    named = {term[:3] if term.startswith("RAN") else term for term in header.texts("CorrectedImage")}
    ours = {"DECY"} if header.text("DecayCorrection") == "NONE" else set()
    missing = [words for term, words in _NEEDED.items() if term not in named | ours]
    text = f"the header does not name corrections for {', '.join(missing)}"
    return [Remark("corrections_missing", text)] if missing else []
