"""Headers in which every element that nmqc has no need of holds something that can be looked for.

Two ways to fill an element: as a camera does (a name in a PN, a UID in a UI, a day in a DA), and unusable, a text
whatever the VR, which the library that reads it quotes in its warnings and exceptions.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Collection, Iterator
from pathlib import Path

from pydicom import DataElement, Dataset, config, dcmread, dcmwrite
from pydicom.datadict import DicomDictionary
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag, Tag

from tests.cli.planted import KEYWORDS, NEW_SEQUENCES, words

#: what every text, UID, day, time and number begins with: enough to find one that was cut short
TEXT, UID, DAY, TIME, NUMBER = "QZMARKVK", "1.2.840.5550123.", "19110713", "041133.7770", "97557.01"
LENGTH = len(TEXT) + 6
#: VRs whose length stands in two bytes: a text may be written into them as it is
SHORT = frozenset(words("AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US"))
TEXTS = frozenset(words("AE CS LO LT PN SH ST UC UR UT"))
BYTES = frozenset(words("OB OW UN"))
#: the tags that PS3.15, Table E.1-1 lists and a reader of images asks for all the same
PERSONAL = (
    *("InstitutionName", "StationName", "DeviceSerialNumber", "SeriesDescription", "PatientWeight"),
    *("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID"),
    *("ImageID", "ContentDate", "ContentTime"),
)
#: of them, those that all files of one study or series share
SHARED = ("PatientID", *(name for name in PERSONAL if name != "SOPInstanceUID"))
#: without which no library opens the file
NEEDED = (
    *(
        "SpecificCharacterSet",
        "SOPClassUID",
        "PhotometricInterpretation",
        "BitsAllocated",
        "PlanarConfiguration",
    ),
    *("LengthToEnd", "DataSetTrailingPadding"),
)
PIXELS = frozenset((0x7FE00008, 0x7FE00009, 0x7FE00010, 0x7FE00001, 0x7FE00002))
#: (group, creator, elements) of makers, as they reserve them, and of somebody whom nobody knows
PRIVATE = (
    (0x0009, "GEMS_GENIE_1", range(0x10, 0x48)),
    (0x0009, "GEMS_PETD_01", range(0x10, 0x20)),
    (0x0011, "GEMS_GENIE_1", (0x10, 0x12, 0x13, 0x30, 0x50)),
    (0x0029, "SIEMENS CSA HEADER", (0x08, 0x10, 0x20)),
    (0x0033, "SIEMENS MED NM", (0x00, 0x10, 0x30)),
    (0x0055, "SIEMENS MED NM", (0x20, 0x7E)),
    (0x0071, "SIEMENS MED PT", (0x01, 0x23)),
    (0x7053, "Philips PET Private Group", (0x03, 0x10, 0x20)),
    (0x0099, f"{TEXT}OWN", (0x01, 0x02)),
)
EVERYTHING = {Tag(number): row[0].partition(" ")[0] for number, row in DicomDictionary.items()}
LISTED = {
    tag: vr
    for tag, vr in EVERYTHING.items()
    if DicomDictionary[tag][4] in {*KEYWORDS, *NEW_SEQUENCES, *PERSONAL}
}
SOP_INSTANCE = Tag("SOPInstanceUID")
OVERLAY = ((0x60000022, "LO"), (0x60001500, "LO"), (0x50000022, "LO"), (0x50002600, "LO"))


class Marks:
    """What is planted, each once and counted."""

    def __init__(self) -> None:
        self.count = 0

    def text(self) -> str:
        self.count += 1
        return f"{TEXT}{self.count:06d}"

    def valid(self, vr: str, text: str) -> object:
        """Return a value as the VR wants it."""
        special: dict[str, object] = {
            "UI": f"{UID}{int(text[len(TEXT) :])}",
            "DA": DAY,
            "TM": f"{TIME}{self.count % 100:02d}",
            "DT": f"{DAY}{TIME}{self.count % 100:02d}",
            "DS": f"{NUMBER}{self.count % 1000:03d}",
            "IS": "975570123",
            "FD": float(f"{NUMBER}{self.count % 1000:03d}"),
            "FL": 97557.01,
            "SL": 975570123,
            "UL": 975570123,
            "AS": "077Y",
            "PN": f"{text}^{text}^^Dr",
            "UR": f"http://{text}",
        }
        return special.get(vr, text)


def plant(dataset: Dataset, marks: Marks, keep: Collection[str], *, usable: bool, whole: bool = True) -> None:
    """Fill a header, and the items in it.

    Parameters
    ----------
    keep : the keywords that the reader asks for, which stay as they are
    usable : True as a camera fills them; False with texts, whatever the VR
    whole : True fills every element of the dictionary, False those that the header has and those of Table E.1-1
    """
    keep = {*keep, *NEEDED} - set(PERSONAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for item in _items(dataset):
            for tag, vr in (
                _elements(EVERYTHING if whole else LISTED, item) if item is dataset else _elements({}, item)
            ):
                if _keyword(tag) not in keep and tag not in PIXELS:
                    _fill(item, tag, vr, marks, usable=usable)
            for keyword in ("PatientName", "OperatorsName", "ImageComments", "TextValue", "InstitutionName"):
                setattr(item, keyword, marks.text())
        _fill_private(dataset, marks)
        dataset.preamble = marks.text().encode() + bytes(128 - LENGTH)
        dataset.file_meta.SourceApplicationEntityTitle = marks.text()
        dataset.file_meta.PrivateInformationCreatorUID = f"{UID}1"
        dataset.file_meta.PrivateInformation = marks.text().encode()


def _items(dataset: Dataset) -> Iterator[Dataset]:
    """Yield a data set and every item that stands in it now."""
    inside = [item for element in dataset if element.VR == "SQ" for item in element.value]
    yield dataset
    for item in inside:
        yield from _items(item)


def _elements(known: dict[BaseTag, str], dataset: Dataset) -> list[tuple[BaseTag, str]]:
    """Return (tag, VR) of what is to be filled: public elements, without the file meta group and its kin."""
    found = known | {element.tag: element.VR for element in dataset if not element.tag.is_private}
    wanted = SHORT | TEXTS | BYTES | {"SQ"}
    return sorted(
        (tag, vr) for tag, vr in found.items() if 8 <= tag.group < 0xFFFC and tag.element and vr in wanted
    )


def _keyword(tag: BaseTag) -> str:
    return str(DicomDictionary[tag][4]) if tag in DicomDictionary else ""


def _fill(item: Dataset, tag: BaseTag, vr: str, marks: Marks, *, usable: bool) -> None:
    text = f"{TEXT}000000" if _keyword(tag) in SHARED else marks.text()
    if vr == "SQ":
        if tag not in item or not item[tag].value:
            inner = Dataset()
            inner.CodeMeaning = inner.PatientName = text
            item[tag] = DataElement(tag, "SQ", Sequence([inner]))
    elif vr in BYTES:
        item[tag] = DataElement(tag, vr, text.encode())
    elif usable:
        if vr not in ("AT", "SS", "US"):  # too short for anything that could be told from chance
            item[tag] = DataElement(tag, vr, marks.valid(vr, text), validation_mode=config.IGNORE)
    else:
        written = vr if vr in TEXTS else "LO"
        item[tag] = DataElement(tag, written, text, validation_mode=config.IGNORE)


def _fill_private(dataset: Dataset, marks: Marks) -> None:
    """Fill elements of makers that the header has not, since some that it has are needed."""
    for group, creator, elements in PRIVATE:
        block = dataset.private_block(group, creator, create=True)
        for element in elements:
            if element not in block:
                block.add_new(element, "LO", marks.text())
    for number, vr in OVERLAY:
        dataset[Tag(number)] = DataElement(Tag(number), vr, marks.text())


def written(dataset: Dataset) -> bytes:
    """Return the file of a filled header, with every text put into the VR that its element should have."""
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dcmwrite(stream, dataset)
    return re.sub(rb"(?s)(.{4})LO(?=.." + TEXT.encode() + rb")", _with_own_vr, stream.getvalue())


def _with_own_vr(found: re.Match[bytes]) -> bytes:
    group, element = (int.from_bytes(found[1][at : at + 2], "little") for at in (0, 2))
    vr = str(DicomDictionary.get(group << 16 | element, ("LO",))[0]).partition(" ")[0]
    return found[1] + (vr if vr in SHORT else "LO").encode()


def plant_slice(dataset: Dataset, marks: Marks, number: int, *, usable: bool) -> None:
    """Fill what all slices of a series share, some names, and the UID of the image."""
    by_name = {str(DicomDictionary[tag][4]): tag for tag in LISTED}
    for keyword in (*SHARED, "PatientName", "OperatorsName", "ImageComments"):
        tag = by_name[keyword]
        _fill(dataset, tag, LISTED[tag], marks, usable=usable)
    dataset[SOP_INSTANCE] = DataElement(SOP_INSTANCE, "UI", f"{UID}{number}")


def plant_file(path: Path, keep: Collection[str], *, usable: bool, whole: bool = True) -> int:
    """Fill the header of a file, of all slices of a series but the first in part; return with how many marks."""
    dataset, marks = dcmread(path), Marks()
    number = int(dataset.InstanceNumber or 1)
    if number == 1:
        plant(dataset, marks, keep, usable=usable, whole=whole)
    else:
        plant_slice(dataset, marks, number, usable=usable)
    path.write_bytes(written(dataset))
    return marks.count
