"""PET phantoms as DICOM: one file for each slice, as a Vereos, a Siemens or a GE scanner writes them.

``strict`` conforms to the standard (dciodvfy finds no error). ``scanner`` deviates as the makers do: terms of
CorrectedImage that the standard does not know, codes of SRT, a SliceThickness that is not the step, no Laterality.

Every object says that it is synthetic, as in ``dicom``. The same arguments give the same bytes.
"""

from __future__ import annotations

import errno
import hashlib
import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, PositronEmissionTomographyImageStorage, generate_uid
from pydicom.valuerep import format_number_as_ds

from phantoms.dicom import FLAVOURS, save
from phantoms.pet_scan import PET_SYSTEMS, PetProfile, Scan
from phantoms.pet_volume import PetPhantom
from phantoms.pixels import FloatArray

_SYNTHETIC = "NMQC-SIM"
_FIRST_SERIES = 400
_PHILIPS = "Philips PET Private Group"
_PROPORTIONAL = (
    0.0173  # stored counts of a Bq/mL where the unit is proportional to counts: any number would do
)
_SIGNIFICANT = 6

_CODES = {
    "strict": {
        "recumbent": ("102538003", "SCT", "recumbent"),
        "supine": ("40199007", "SCT", "supine"),
        "headfirst": ("102540008", "SCT", "headfirst"),
    },
    "scanner": {
        "recumbent": ("F-10450", "SRT", "recumbent"),
        "supine": ("F-10340", "SRT", "supine"),
        "headfirst": ("F-10470", "SRT", "headfirst"),
    },
}


@dataclass(frozen=True, slots=True)
class _Series:
    """What all files of a series share."""

    phantom: PetPhantom
    profile: PetProfile
    scan: Scan
    units: str
    flavour: str
    seed: int | None
    replicate: int

    @property
    def study(self) -> str:
        """A text that the study's UID is made of."""
        return f"{self.phantom!r} {self.scan!r} {self.profile.name}"

    @property
    def series(self) -> str:
        """A text that the series' UID is made of."""
        return f"{self.study} {self.units} {self.flavour} {self.seed} {self.replicate}"

    @property
    def strict(self) -> bool:
        return self.flavour == "strict"

    def bed(self, index: int) -> int:
        """Return which bed position a slice belongs to."""
        return index * self.scan.beds // self.phantom.slices


def datasets(
    phantom: PetPhantom,
    *,
    vendor: str = "vereos",
    scan: Scan | None = None,
    seed: int | None = None,
    units: str | None = None,
    replicate: int = 0,
    flavour: str = "strict",
) -> list[Dataset]:
    """Return one series of a phantom as PET objects, in order of z.

    Parameters
    ----------
    vendor
        "vereos", "siemens" or "ge": which sets signs, slopes, order of the instance numbers and words.
    scan
        Times, tracer and orientation; None for the defaults.
    seed
        Of the noise; None for none. A replicate's noise has the seed plus its number.
    units
        One that the vendor writes; None for its usual one. "CNTS" holds Bq/mL divided by the scan's factor, and the
        private factors; "GML" the standardised uptake value; "PROPCNTS" something proportional.
    replicate
        From 0; each starts after the one before, and holds the activity that is left then.
    flavour
        "strict" or "scanner".

    Raises
    ------
    ValueError
        If a choice is unknown or not that vendor's.

    Notes
    -----
    Unsigned pixels cannot hold negative noise: it is stored as 0.
    """
    scan = scan or Scan()
    series = _Series(phantom, _profile(vendor), scan, "", flavour, seed, replicate)
    chosen = units or series.profile.units[0]
    if chosen not in series.profile.units:
        raise ValueError(f"{vendor} writes {', '.join(series.profile.units)}")
    if flavour not in FLAVOURS:
        raise ValueError(f"flavour: one of {', '.join(FLAVOURS)}")
    if replicate < 0:
        raise ValueError("replicates are counted from 0")
    series = _Series(phantom, series.profile, scan, chosen, flavour, seed, replicate)
    values = phantom.voxels() if seed is None else phantom.noisy(seed + replicate)
    stored, slopes = _stored(_in_units(values, series), series.profile)
    return [_slice(series, index, stored[index], slopes[index]) for index in range(phantom.slices)]


def write_series(
    phantom: PetPhantom,
    folder: str | Path,
    vendor: str = "vereos",
    *,
    scan: Scan | None = None,
    seed: int | None = None,
    units: str | None = None,
    replicate: int = 0,
    flavour: str = "strict",
    transfer_syntax: str = "explicit-le",
    overwrite: bool = False,
) -> list[Path]:
    """Write one series into a folder, which is made, and return the paths in order of z.

    Files are named by their instance number, "PT0001.dcm". Parameters as of ``datasets`` and ``dicom.save``.

    Raises
    ------
    FileExistsError
        If one of the files exists and may not be overwritten; nothing is written then.
    NotADirectoryError
        If the folder is a file.
    """
    objects = datasets(
        phantom, vendor=vendor, scan=scan, seed=seed, units=units, replicate=replicate, flavour=flavour
    )
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "not a folder", str(folder))
    paths = [folder / f"PT{int(dataset.InstanceNumber):04d}.dcm" for dataset in objects]
    for path in paths:
        if path.exists() and not overwrite:
            raise FileExistsError(f"{path} exists")
    folder.mkdir(parents=True, exist_ok=True)
    for dataset, path in zip(objects, paths, strict=True):
        save(dataset, path, transfer_syntax=transfer_syntax, overwrite=overwrite)
    return paths


def _profile(vendor: str) -> PetProfile:
    if vendor not in PET_SYSTEMS:
        raise ValueError(f"vendor: one of {', '.join(PET_SYSTEMS)}")
    return PET_SYSTEMS[vendor]


def _in_units(values: FloatArray, series: _Series) -> FloatArray:
    """Return concentrations as the file gives them, before its slope."""
    scan = series.scan
    by_bed = [
        scan.concentration_factor(series.replicate, series.bed(index))
        for index in range(series.phantom.slices)
    ]
    return np.asarray(values * np.array(by_bed)[:, np.newaxis, np.newaxis] * _per_bqml(series))


def _per_bqml(series: _Series) -> float:
    """Return what one Bq/mL is in the series' units."""
    scan = series.scan
    suv = scan.weight_kg * 1e3 / (scan.dose_mbq(series.replicate) * 1e6)
    return {"BQML": 1.0, "CNTS": 1 / scan.factor, "GML": suv, "PROPCNTS": _PROPORTIONAL}[series.units]


def _stored(values: FloatArray, profile: PetProfile) -> tuple[NDArray[np.integer], list[str]]:
    """Return whole numbers of 16 bits, and each slice's slope as it is written."""
    kind: type[np.integer] = np.int16 if profile.signed else np.uint16
    limits = np.iinfo(kind)
    largest = np.abs(values).max(axis=(1, 2))
    overall = float(largest.max()) or 1.0
    wanted = np.where(largest > 1e-3 * overall, largest, 1e-3 * overall)
    if not profile.slope_per_slice:
        wanted[:] = overall
    slopes = [_rounded_up(float(slope) / limits.max) for slope in wanted]
    written = np.array([float(slope) for slope in slopes])[:, np.newaxis, np.newaxis]
    return np.clip(np.rint(values / written), limits.min, limits.max).astype(kind), slopes


def _rounded_up(slope: float) -> str:
    """Return a slope with six digits, not below it: no value then exceeds the largest whole number."""
    unit = 10.0 ** (math.floor(math.log10(slope)) - _SIGNIFICANT + 1)
    return f"{math.ceil(slope / unit) * unit:.{_SIGNIFICANT}g}"


def _slice(series: _Series, index: int, stored: NDArray[np.integer], slope: str) -> Dataset:
    """Return the object of one slice."""
    dataset = Dataset()
    dataset.file_meta = _file_meta()
    _add_identity(dataset, series, index, stored)
    _add_times(dataset, series, index)
    _add_equipment(dataset, series)
    _add_series(dataset, series)
    _add_tracer(dataset, series)
    _add_plane(dataset, series, index)
    _add_frame(dataset, series, index)
    _add_pixels(dataset, series, stored, slope)
    if series.profile.name == "vereos" and series.scan.factors:
        _add_philips_group(dataset, series)
    return dataset


def _file_meta() -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = generate_uid(entropy_srcs=["nmqc phantoms"])
    meta.ImplementationVersionName = "NMQC_SIM"
    return meta


def _add_identity(dataset: Dataset, series: _Series, index: int, stored: NDArray[np.integer]) -> None:
    pixels = hashlib.sha256(stored.tobytes()).hexdigest()
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.SOPClassUID = PositronEmissionTomographyImageStorage
    dataset.SOPInstanceUID = generate_uid(entropy_srcs=["instance", series.series, str(index), pixels])
    dataset.StudyInstanceUID = generate_uid(entropy_srcs=["study", series.study])
    dataset.SeriesInstanceUID = generate_uid(entropy_srcs=["series", series.series])
    dataset.FrameOfReferenceUID = generate_uid(entropy_srcs=["frame", series.study])
    dataset.PositionReferenceIndicator = ""
    dataset.PatientName = "NMQC^SIM"
    dataset.PatientID = _SYNTHETIC
    dataset.PatientBirthDate = ""
    dataset.PatientSex = "O"
    dataset.PatientWeight = format_number_as_ds(float(series.scan.weight_kg))
    dataset.ReferringPhysicianName = ""
    dataset.AccessionNumber = ""
    dataset.StudyID = "1"
    dataset.StudyDescription = "NMQC SIM phantom"
    dataset.SeriesDescription = f"PET {type(series.phantom).__name__}"
    dataset.SeriesNumber = _FIRST_SERIES + series.replicate
    if series.strict:
        dataset.Laterality = ""


def _add_times(dataset: Dataset, series: _Series, index: int) -> None:
    """Add when the study and the series started, when the bed position did, and when the image was made."""
    start = series.scan.started(series.replicate)
    bed = start + timedelta(seconds=series.scan.bed_s(series.bed(index)))
    made = start + timedelta(minutes=47)
    _add_moment(dataset, "Study", series.scan.acquired)
    _add_moment(dataset, "Series", start)
    _add_moment(dataset, "Acquisition", bed)
    _add_moment(dataset, "Content", made)


def _add_moment(dataset: Dataset, event: str, moment: datetime) -> None:
    setattr(dataset, f"{event}Date", moment.strftime("%Y%m%d"))
    setattr(dataset, f"{event}Time", moment.strftime("%H%M%S.%f"))


def _add_equipment(dataset: Dataset, series: _Series) -> None:
    dataset.Modality = "PT"
    dataset.Manufacturer = series.profile.manufacturer
    dataset.ManufacturerModelName = series.profile.model
    dataset.SoftwareVersions = _SYNTHETIC
    dataset.InstitutionName = "NMQC SIM"
    dataset.StationName = _SYNTHETIC
    dataset.DeviceSerialNumber = f"{_SYNTHETIC}-{series.profile.name}"


def _add_series(dataset: Dataset, series: _Series) -> None:
    """Add how the values were made and what they mean."""
    profile = series.profile
    dataset.SeriesType = ["WHOLE BODY" if series.scan.beds > 1 else "STATIC", "IMAGE"]
    dataset.Units = series.units
    dataset.CountsSource = "EMISSION"
    uncorrected = ("DECY",) if series.scan.decay_correction == "NONE" else ()
    terms = profile.corrections[0 if series.strict else 1]
    dataset.CorrectedImage = [term for term in terms if term not in uncorrected]
    dataset.RandomsCorrectionMethod = profile.randoms
    dataset.AttenuationCorrectionMethod = profile.attenuation
    dataset.ScatterCorrectionMethod = profile.scatter
    dataset.ReconstructionMethod = profile.reconstruction
    dataset.DecayCorrection = series.scan.decay_correction
    dataset.NumberOfSlices = series.phantom.slices
    dataset.CollimatorType = "NONE"
    if series.units == "GML":
        dataset.SUVType = "BW"


def _add_tracer(dataset: Dataset, series: _Series) -> None:
    """Add the activity as somebody typed it, and how the phantom lay."""
    scan = series.scan
    item = Dataset()
    item.Radiopharmaceutical = "Solution"
    if scan.start_as in ("both", "time"):
        item.RadiopharmaceuticalStartTime = scan.administered.strftime("%H%M%S.%f")
    if scan.start_as in ("both", "datetime"):
        item.RadiopharmaceuticalStartDateTime = scan.administered.strftime("%Y%m%d%H%M%S.%f")
    item.RadionuclideTotalDose = format_number_as_ds(scan.activity_mbq * 1e6)
    item.RadionuclideHalfLife = format_number_as_ds(scan.isotope.half_life_s)
    item.RadionuclidePositronFraction = format_number_as_ds(scan.isotope.positron_fraction)
    item.RadionuclideCodeSequence = [_nuclide(series)]
    dataset.RadiopharmaceuticalInformationSequence = [item]
    orientation = _code(*_CODES[series.flavour]["recumbent"])
    orientation.PatientOrientationModifierCodeSequence = [_code(*_CODES[series.flavour]["supine"])]
    dataset.PatientOrientationCodeSequence = [orientation]
    dataset.PatientGantryRelationshipCodeSequence = [_code(*_CODES[series.flavour]["headfirst"])]


def _nuclide(series: _Series) -> Dataset:
    if series.scan.radionuclide == "F-18" and not series.strict:
        return _code("C-111A1", "SRT", "^18^Fluorine")
    return _code(series.scan.isotope.code, "SCT", series.scan.isotope.meaning)


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def _add_plane(dataset: Dataset, series: _Series, index: int) -> None:
    """Add where the slice is: its first pixel's centre, from the middle of the volume."""
    phantom, scan = series.phantom, series.scan
    step, down, along = phantom.voxel_mm
    row, column = (np.asarray(direction) for direction in scan.directions)
    z, y, x = (axis[place] for axis, place in zip(phantom.centres_mm(), (index, 0, 0), strict=True))
    first = np.asarray(scan.middle_mm) + x * row + y * column + z * np.cross(row, column)
    dataset.ImagePositionPatient = [format_number_as_ds(round(float(part), 6)) for part in first]
    dataset.ImageOrientationPatient = [format_number_as_ds(float(part)) for part in (*row, *column)]
    dataset.PixelSpacing = [format_number_as_ds(float(down)), format_number_as_ds(float(along))]
    thicker = 0.0 if series.strict else series.profile.thicker_mm
    dataset.SliceThickness = format_number_as_ds(float(step + thicker))
    dataset.InstanceNumber = phantom.slices - index if series.profile.descending else index + 1
    dataset.ImageIndex = index + 1


def _add_frame(dataset: Dataset, series: _Series, index: int) -> None:
    """Add when the slice was measured, from the start of the series, and by what it was corrected for decay."""
    scan, bed = series.scan, series.bed(index)
    dataset.ActualFrameDuration = round(scan.duration_s * 1000)
    dataset.FrameReferenceTime = f"{scan.frame_reference_s(bed) * 1000:.10g}"
    if scan.decay_correction != "NONE":
        dataset.DecayFactor = f"{scan.decay_factor(series.replicate, bed):.10g}"


def _add_pixels(dataset: Dataset, series: _Series, stored: NDArray[np.integer], slope: str) -> None:
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = stored.shape
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit = 15
    dataset.PixelRepresentation = int(series.profile.signed)
    dataset.RescaleIntercept = "0"
    dataset.RescaleSlope = slope
    high = float(slope) * max(int(stored.max()), 1)
    dataset.WindowCenter, dataset.WindowWidth = f"{high / 2:.6g}", f"{high:.6g}"
    dataset.add_new("PixelData", "OW", stored.astype(stored.dtype.newbyteorder("<")).tobytes())


def _add_philips_group(dataset: Dataset, series: _Series) -> None:
    """Add the factors that turn counts into SUV (00) and Bq/mL (09)."""
    scan = series.scan
    suv = scan.factor * scan.weight_kg * 1e3 / (scan.dose_mbq(series.replicate) * 1e6)
    block = dataset.private_block(0x7053, _PHILIPS, create=True)
    block.add_new(0x00, "DS", f"{suv:.10g}")
    block.add_new(0x09, "DS", f"{scan.factor:.10g}")
