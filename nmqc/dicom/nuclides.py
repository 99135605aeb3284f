"""Which radionuclide was imaged, by the code in the header or by a name in it; half-lives."""

from __future__ import annotations

import re

from nmqc.dicom.values import Header

# PS3.16, CID 18 "Isotopes in Radiopharmaceuticals" and CID 4020 "PET Radionuclide": code value in SNOMED RT, and
# in SNOMED CT.
_CODES = {
    "C-11": ("C-105A1", "40565003"),
    "N-13": ("C-107A1", "21576001"),
    "O-15": ("C-B1038", "129504001"),
    "F-18": ("C-111A1", "77004003"),
    "Na-22": ("C-155A1", "71633006"),
    "Cr-51": ("C-129A2", "52745005"),
    "Mn-52": ("C-149A1", "37225000"),
    "Co-57": ("C-144A3", "27054007"),
    "Cu-62": ("C-127A5", "422934004"),
    "Cu-64": ("C-127A2", "3932008"),
    "Ga-66": ("C-131A1", "79477007"),
    "Ga-67": ("C-131A2", "2008008"),
    "Ga-68": ("C-131A3", "35337001"),
    "Ge-68": ("C-128A2", "53315004"),
    "Se-75": ("C-116A3", "43239002"),
    "Br-76": ("C-113A2", "79523006"),
    "Kr-81m": ("C-173A5", "61716009"),
    "Rb-82": ("C-159A2", "79197006"),
    "Sr-89": ("C-158A6", "7770004"),
    "Y-86": ("C-162A3", "10738001"),
    "Zr-89": ("C-168A4", "63360001"),
    "Y-90": ("C-162A7", "14691008"),
    "Tc-94m": ("C-163AA", "424079002"),
    "Tc-99m": ("C-163A8", "72454006"),
    "In-111": ("C-145A4", "56609000"),
    "I-123": ("C-114A4", "21572004"),
    "I-124": ("C-114A5", "40937006"),
    "I-125": ("C-114A6", "68630002"),
    "I-131": ("C-114B1", "1368003"),
    "Ba-133": ("C-122A5", "3027009"),
    "Xe-133": ("C-172A8", "80751004"),
    "Cs-137": ("C-142B2", "55117002"),
    "Gd-153": ("C-178A8", "14529005"),
    "Sm-153": ("C-B1134", "419804008"),
    "Lu-177": ("C-101ED", "447553000"),
    "Re-186": ("C-11906", "395865006"),
    "Re-188": ("C-1018D", "423578007"),
    "Tl-201": ("C-138A9", "60057003"),
    "Ra-223": ("C-136A2", "24853006"),
}
_NUCLIDE_OF = {code: nuclide for nuclide, codes in _CODES.items() for code in codes}
#: Half-lives in seconds of what is imaged by PET: ICRP Publication 107 (2008), its hours, days and years turned into
#: seconds (Na-22: years of 365.2422 days). Other evaluations differ from these by up to 2 % (Rb-82, Sc-44), for F-18
#: by 0.04 %.
HALF_LIVES_S = {
    "C-11": 1223.4,
    "N-13": 597.9,
    "O-15": 122.24,
    "F-18": 6586.2,
    "Na-22": 82_107_966.0,
    "Sc-44": 14_292.0,
    "Mn-52": 483_062.4,
    "Cu-62": 580.38,
    "Cu-64": 45_720.0,
    "Ga-66": 34_164.0,
    "Ga-68": 4062.6,
    "Ge-68": 23_410_080.0,
    "Br-76": 58_320.0,
    "Rb-82": 76.38,
    "Y-86": 53_064.0,
    "Zr-89": 282_276.0,
    "Y-90": 230_760.0,
    "Tc-94m": 3120.0,
    "I-124": 360_806.4,
    "Lu-177": 574_300.8,
}
_NAMES = _CODES.keys() | HALF_LIVES_S.keys()
_SCHEMES = ("SRT", "SNM3", "99SDM", "SDM", "SCT")
_ELEMENTS = {
    "carbon": "C",
    "nitrogen": "N",
    "oxygen": "O",
    "fluorine": "F",
    "sodium": "Na",
    "scandium": "Sc",
    "chromium": "Cr",
    "manganese": "Mn",
    "cobalt": "Co",
    "copper": "Cu",
    "gallium": "Ga",
    "germanium": "Ge",
    "selenium": "Se",
    "bromine": "Br",
    "krypton": "Kr",
    "rubidium": "Rb",
    "strontium": "Sr",
    "zirconium": "Zr",
    "yttrium": "Y",
    "technetium": "Tc",
    "indium": "In",
    "iodine": "I",
    "barium": "Ba",
    "xenon": "Xe",
    "caesium": "Cs",
    "cesium": "Cs",
    "gadolinium": "Gd",
    "samarium": "Sm",
    "lutetium": "Lu",
    "rhenium": "Re",
    "thallium": "Tl",
    "radium": "Ra",
}
_MASS_FIRST = re.compile(r"(?<![A-Za-z0-9.])\^?(\d{2,3}[mM]?)\^?[\s-]?([A-Za-z]+)")
_MASS_LAST = re.compile(r"(?<![A-Za-z0-9])([A-Za-z]+)[\s-]?\^?(\d{2,3}[mM]?)(?![A-Za-z0-9])")


def radionuclide(header: Header) -> str:
    """Return the radionuclide as "Tc-99m"; several joined by "+"; "" where the header does not tell."""
    items = header.items("RadiopharmaceuticalInformationSequence")
    codes = [code for item in items for code in item.items("RadionuclideCodeSequence")]
    found = [_by_code(code) for code in codes] or [""]
    if not all(found):
        windows = header.items("EnergyWindowInformationSequence")
        found = [nuclide_in(window.text("EnergyWindowName")) for window in windows]
    return "+".join(dict.fromkeys(name for name in found if name))


def _by_code(code: Header) -> str:
    known = code.text("CodingSchemeDesignator") in _SCHEMES
    return _NUCLIDE_OF.get(code.text("CodeValue"), "") if known else ""


def nuclide_in(text: str) -> str:
    """Return the one radionuclide that a text names ("99m Technetium", "I131_EM"), else ""."""
    pairs = [(element, mass) for mass, element in _MASS_FIRST.findall(text)]
    pairs += _MASS_LAST.findall(text.replace("_", " "))
    names = {f"{_symbol(element)}-{mass.lower()}" for element, mass in pairs} & _NAMES
    return names.pop() if len(names) == 1 else ""


def _symbol(word: str) -> str:
    return _ELEMENTS.get(word.lower(), word.capitalize())
