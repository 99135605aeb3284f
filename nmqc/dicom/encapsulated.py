"""A PDF report as a DICOM object in the study of the images that it is of (PS3.3, A.45.1).

Who and which study it belongs to is copied from the images at that moment, into the object and nowhere else. The PDF
inside is the same, byte for byte. The same report of the same images gives the same object.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import NAMESPACE_OID, uuid5

from nmqc import __version__
from nmqc.dicom.safe import PIXEL_DATA, open_dicom, read_content, refusing, silence
from nmqc.errors import UnusableInput

if TYPE_CHECKING:
    from pydicom import Dataset

ENCAPSULATED_PDF = "1.2.840.10008.5.1.4.1.1.104.1"
MAKER = "nmqc"
SERIES_NUMBER = 9001  # far from those of a camera
#: of patient and study: what an object has to say of them, empty where the images do not
_NEEDED = (
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex"),
    *("StudyInstanceUID", "StudyDate", "StudyTime", "ReferringPhysicianName", "StudyID", "AccessionNumber"),
)
#: copied where the images have them
_KEPT = ("SpecificCharacterSet", "IssuerOfPatientID", "QualityControlSubject", "StudyDescription")
_SAME = ("StudyInstanceUID", "PatientID")


def encapsulated(pdf: bytes, images: Sequence[Path], title: str, acquired: str | None) -> bytes:
    """Return a PDF as a DICOM file in the study of some images.

    Parameters
    ----------
    images : the files that the report is of, one or more, all of one study
    title : of the report, in ASCII
    acquired : ISO 8601, the latest acquisition; None where it is unknown

    Raises
    ------
    UnusableInput
        ``no_study`` where an image does not say which study it is of, ``several_studies``, and what an unreadable
        file is refused for.
    """
    with refusing(), silence():
        sources = [_header(path) for path in images]
        _require_one_study(sources)
        return _written(_dataset(pdf, sources, title, acquired))


def _header(path: Path) -> Dataset:
    """Return what a file says, without its pixels."""
    dataset = open_dicom(read_content(path), wanted=lambda _: None).dataset
    if PIXEL_DATA in dataset:
        del dataset[PIXEL_DATA]
    return dataset


def _require_one_study(sources: Sequence[Dataset]) -> None:
    if not all(source.get("StudyInstanceUID") and source.get("SOPInstanceUID") for source in sources):
        raise UnusableInput(
            "no_study",
            "an image does not say which study it belongs to: the report can be no DICOM object beside it",
        )
    if any(len({str(source.get(name, "")) for source in sources}) > 1 for name in _SAME):
        raise UnusableInput(
            "several_studies",
            "the report is of images of several studies, and a DICOM object belongs to one: analyse those of one "
            "study at a time for --dicom",
        )


def _dataset(pdf: bytes, sources: Sequence[Dataset], title: str, acquired: str | None) -> Dataset:
    from pydicom import Dataset

    made = Dataset()
    for name in _NEEDED:
        setattr(made, name, "")
    for name in (*_KEPT, *_NEEDED):
        if name in sources[0]:
            made[name] = sources[0][name]
    moment = datetime.fromisoformat(acquired) if acquired else None
    made.SOPClassUID = ENCAPSULATED_PDF
    made.SOPInstanceUID = _uid("report", pdf, sources)
    made.SeriesInstanceUID = _uid("series", pdf, sources)
    made.Modality = "DOC"
    made.SeriesNumber = SERIES_NUMBER
    made.SeriesDescription = "Quality control report"
    made.Manufacturer = made.ManufacturerModelName = MAKER
    made.SoftwareVersions = __version__
    made.ConversionType = "WSD"
    made.InstanceNumber = 1
    made.ContentDate = f"{moment:%Y%m%d}" if moment else ""
    made.ContentTime = f"{moment:%H%M%S}" if moment else ""
    made.AcquisitionDateTime = f"{moment:%Y%m%d%H%M%S}" if moment else ""
    made.BurnedInAnnotation = "NO"
    made.SourceInstanceSequence = [_reference(source) for source in sources]
    made.DocumentTitle = title
    made.ConceptNameCodeSequence = []
    made.MIMETypeOfEncapsulatedDocument = "application/pdf"
    made.EncapsulatedDocument = pdf + b"\0" * (len(pdf) % 2)
    made.EncapsulatedDocumentLength = len(pdf)
    return made


def _reference(source: Dataset) -> Dataset:
    from pydicom import Dataset

    item = Dataset()
    item.ReferencedSOPClassUID = source.SOPClassUID
    item.ReferencedSOPInstanceUID = source.SOPInstanceUID
    return item


def _uid(what: str, pdf: bytes, sources: Sequence[Dataset]) -> str:
    """Return a UID that follows from the report and its images (PS3.5, B.2: 2.25 and a UUID)."""
    facts = [what, hashlib.sha256(pdf).hexdigest(), *(str(source.SOPInstanceUID) for source in sources)]
    return f"2.25.{uuid5(NAMESPACE_OID, '|'.join(facts)).int}"


def _written(dataset: Dataset) -> bytes:
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def is_ours(path: Path) -> bool:
    """Say whether a file is a report that nmqc wrote."""
    with silence():
        try:
            found = open_dicom(read_content(path), wanted=lambda _: None).dataset
            return bool(found.get("SOPClassUID") == ENCAPSULATED_PDF and found.get("Manufacturer") == MAKER)
        except Exception:  # whatever else it is, it is not ours
            return False
