"""Floods whose headers are full of patient data: every value is one that can be looked for."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

from pydicom import DataElement, Dataset, config
from pydicom.datadict import dictionary_VR, keyword_for_tag, tag_for_keyword
from pydicom.tag import Tag

from phantoms.dicom import save
from phantoms.flood import Flood
from phantoms.nm import datasets


def words(text: str) -> list[str]:
    """Return the words of a text."""
    return text.split()


MARK = "Zq{:04d}Kx"
#: PS3.15, Table E.1-1, as far as it is in files of quality control (and more): each gets a text of its own.
KEYWORDS = words(
    """
AccessionNumber AcquisitionComments AcquisitionContextDescription
AdditionalPatientHistory AdmissionID AdmittingDiagnosesDescription Allergies BranchOfService
CassetteID CommentsOnThePerformedProcedureStep ConfidentialityConstraintOnPatientDataDescription
ContrastBolusAgent ContributionDescription CountryOfResidence CurrentPatientLocation CurveDate
DerivationDescription DetectorID DeviceDescription DeviceSerialNumber
DeviceUID DischargeDiagnosisDescription EthnicGroup FrameComments FrameOfReferenceUID
GantryID GeneratorID IdentifyingComments ImageComments ImageID ImagePresentationComments
ImagingServiceRequestComments InstitutionAddress InstitutionName InstitutionalDepartmentName IssuerOfAdmissionID
IssuerOfPatientID LastMenstrualDate MedicalAlerts MedicalRecordLocator MilitaryRank
NameOfPhysiciansReadingStudy NamesOfIntendedRecipientsOfResults Occupation OperatorsName OrderCallbackPhoneNumber
OrderEnteredBy OtherPatientIDs OtherPatientNames PatientAddress PatientAge PatientBirthDate PatientBirthName
PatientBirthTime PatientComments PatientID PatientMotherBirthName
PatientName PatientReligiousPreference PatientSex PatientSize PatientState PatientTelephoneNumbers
PatientTransportArrangements PatientWeight PerformedLocation PerformedProcedureStepDescription
PerformedProcedureStepID PerformedProcedureStepStartDate PerformedStationAETitle PerformedStationName
PerformingPhysicianName PhysiciansOfRecord PlacerOrderNumberImagingServiceRequest PreMedication
ProtocolName Radiopharmaceutical ReasonForStudy ReferringPhysicianAddress
ReferringPhysicianName ReferringPhysicianTelephoneNumbers RegionOfResidence RequestedProcedureComments
RequestedProcedureDescription RequestedProcedureID RequestingPhysician RequestingService ResponsiblePerson
ResponsibleOrganization ScheduledPerformingPhysicianName ScheduledProcedureStepDescription
ScheduledProcedureStepID ScheduledStationAETitle ScheduledStationName SeriesDescription SeriesInstanceUID
ServiceEpisodeDescription SmokingStatus SpecialNeeds StationName StudyComments StudyDate StudyDescription
StudyID StudyIDIssuer StudyInstanceUID StudyTime TextComments TextString TimeOfLastCalibration
DateOfLastCalibration TreatmentDate VerifyingOrganization VisitComments SOPInstanceUID
SynchronizationFrameOfReferenceUID
InstanceCreatorUID InstanceCreationDate InstanceCreationTime IrradiationEventUID
CountRate TableHeight TriggerSourceOrType
"""
)
PRIVATE = (
    (0x0009, "GEMS_GENIE_1", (0x10, 0x12, 0x13, 0x1E, 0x40, 0x42)),
    (0x0011, "GEMS_GENIE_1", (0x12, 0x13, 0x30, 0x50)),
    (0x0029, "SIEMENS CSA HEADER", (0x08, 0x10, 0x20)),
    (0x0033, "SIEMENS MED NM", (0x00, 0x10, 0x30)),
    (0x0055, "SIEMENS MED NM", (0x20, 0x7E)),
    (0x0099, "NOBODY KNOWS", (0x01, 0x02)),
)
NESTED = ("PatientName", "OperatorsName", "ImageComments", "TextValue", "CodeMeaning", "InstitutionName")
SEQUENCES = (
    "DetectorInformationSequence",
    "EnergyWindowInformationSequence",
    "RadiopharmaceuticalInformationSequence",
)
NEW_SEQUENCES = words(
    """
RequestAttributesSequence ReferencedStudySequence ReferencedPatientSequence OtherPatientIDsSequence
SourceImageSequence
PerformedProtocolCodeSequence ProcedureCodeSequence ViewCodeSequence AcquisitionContextSequence
ReferencedPerformedProcedureStepSequence PhysiciansReadingStudyIdentificationSequence
"""
)
#: VRs in which a text is written as it is; in all others it is written as LO, and the VR put in afterwards.
TEXTS = ("LO", "SH", "PN", "LT", "ST", "UT", "AE", "CS")


class Marks:
    """Texts that occur nowhere else, counted."""

    def __init__(self) -> None:
        self.made: list[str] = []

    def __call__(self) -> str:
        self.made.append(MARK.format(len(self.made)))
        return self.made[-1]


def write_planted(flood: Flood, path: Path) -> list[str]:
    """Write a flood with a mark in every place where patient data can be; return the marks."""
    (ds,) = datasets(flood, seed=3, flavour="scanner")
    marks, patched = Marks(), []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for keyword in KEYWORDS:
            patched += _plant(ds, keyword, marks())
        for group, creator, elements in PRIVATE:
            block = ds.private_block(group, creator, create=True)
            for element in elements:
                block.add_new(element, "LO", marks())
        for item in ds.DetectorInformationSequence:
            item.CollimatorGridName = f"@188{marks()}"
        for item in _items(ds):
            for keyword in NESTED:
                _plant(item, keyword, marks())
        ds.preamble = marks().encode() + bytes(128 - 8)
        save(ds, path)
    _write_meta(path, marks)
    data = path.read_bytes()
    for tag, vr in patched:
        head = tag.group.to_bytes(2, "little") + tag.element.to_bytes(2, "little")
        assert data.count(head + b"LO") == 1
        data = data.replace(head + b"LO", head + vr.encode())
    path.write_bytes(data)
    for mark in marks.made:
        assert mark.encode() in data, mark
    return marks.made


def _plant(ds: Dataset, keyword: str, mark: str) -> list[tuple[Tag, str]]:
    """Put a mark into an element; return its tag and VR if that has to be put into the file."""
    tag = Tag(tag_for_keyword(keyword))
    vr = dictionary_VR(tag)
    if vr in TEXTS:
        ds[tag] = DataElement(tag, vr, mark, validation_mode=config.IGNORE)
        return []
    ds[tag] = DataElement(tag, "LO", mark)
    assert keyword_for_tag(tag) == keyword
    return [(tag, vr)]


def _items(ds: Dataset) -> Iterator[Dataset]:
    """Every item of a sequence that the header has, and one of some that it has not."""
    for keyword in SEQUENCES:
        yield from ds.get(keyword) or ()
    for keyword in NEW_SEQUENCES:
        item = Dataset()
        setattr(ds, keyword, [item])
        yield item


def _write_meta(path: Path, marks: Marks) -> None:
    """Put marks into the file meta group, whose length stands in its first element."""
    data = path.read_bytes()
    at = 132 + 8
    length = int.from_bytes(data[at : at + 4], "little")
    extra = b"".join(
        b"\x02\x00" + element.to_bytes(2, "little") + vr + (8).to_bytes(2, "little") + marks().encode()
        for element, vr in ((0x0016, b"AE"), (0x0017, b"AE"))
    )
    end = at + 4 + length
    path.write_bytes(
        data[:at] + (length + len(extra)).to_bytes(4, "little") + data[at + 4 : end] + extra + data[end:]
    )
