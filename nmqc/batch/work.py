"""The work on one group of files, done in a process of its own: read, recognise, analyse, judge."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from nmqc import catalogue
from nmqc.batch import kernels
from nmqc.batch.asked import options_of, said_of
from nmqc.batch.groups import Group
from nmqc.batch.recognise import recognised
from nmqc.batch.walk import sha256_of
from nmqc.config import Rule
from nmqc.dicom import Card, ReadOptions, card, read_nm, read_pet
from nmqc.errors import NmqcError, UnusableInput
from nmqc.limits import LimitSet, judge
from nmqc.model import EXPECTED_ABSENCES, Acquisition, Analysis, InputFile, Refusal, Result, Scan
from nmqc.report.document import result_json

#: modules that nearly every piece of work needs: a process that begins with them begins at once
PRELOAD = (
    *("nmqc.batch.work", "nmqc.dicom.cards", "nmqc.dicom.several", "nmqc.uniformity.planar"),
    *("nmqc.resolution.bars", "nmqc.resolution.lines", "nmqc.resolution.slits"),
)
OTHER = "other"
IGNORED = "ignore"
Status = Literal["analysed", "unknown", "refused"]


@dataclass(frozen=True, slots=True)
class Settings:
    """What every piece of work needs.

    Attributes
    ----------
    read : how files are read
    rules : of the site, the first that fits counts
    limits : that judge
    replicates : of every flood; None: as its rule says, or as usual
    compiled : whether there is so much to do that the compiled kernels pay
    evidence : whether results keep all that a report draws, not only the small image for the history
    """

    read: ReadOptions
    rules: tuple[Rule, ...]
    limits: LimitSet
    replicates: int | None = None
    compiled: bool = False
    evidence: bool = False

    def packed(self) -> bytes:
        """Return these settings as bytes: unpacked once in each process."""
        return pickle.dumps(self)


@dataclass(frozen=True, slots=True)
class Item:
    """What came of one acquisition, or of files that are none.

    Attributes
    ----------
    files : places in the group
    kind : "flood", "bars", ..., "other"
    results : judged, each with its JSON object; of the evidence the small image alone, unless all is asked for
    refused : frames, detectors or files without a result
    code, reason : why there is no result, or not of everything; "" where nothing is missing
    sha256 : of the files' bytes, where they were read
    """

    files: tuple[int, ...]
    kind: str
    status: Status
    results: tuple[tuple[Result, Mapping[str, Any]], ...] = ()
    refused: tuple[Refusal, ...] = ()
    code: str = ""
    reason: str = ""
    sha256: tuple[str, ...] = ()


def read_cards(paths: Sequence[Path], packed: bytes) -> list[Card | Item]:
    """Return the card of each file; an item where it is no DICOM or cannot be read."""
    settings = _settings(packed)
    found: list[Card | Item] = []
    for path in paths:
        try:
            found.append(card(path, settings.read))
        except UnusableInput as refusal:
            found.append(_no_card(path, refusal))
    return found


def _no_card(path: Path, refusal: UnusableInput) -> Item:
    """Return the item of a file without a card: what is another kind of file is not read for its hash."""
    item = _without_result((0,), OTHER, refusal.code, refusal.reason)
    return item if item.status == "unknown" else replace(item, sha256=(sha256_of(path),))


def work_on(group: Group, packed: bytes) -> list[Item]:
    """Read, recognise, analyse and judge the files of a group."""
    settings = _settings(packed)
    rule = next((rule for rule in settings.rules if _fits(rule, group.card)), None)
    if rule is not None and rule.test == IGNORED:
        everything = tuple(range(len(group.files)))
        return [Item(everything, OTHER, "unknown", code="ignored", reason="left aside by a rule of the site")]
    paths = [file.path for file in group.files]
    if group.family == "pet":
        return list(_pet(paths, rule, settings))
    return list(_images(paths, rule, settings))


@lru_cache(maxsize=2)
def _settings(packed: bytes) -> Settings:
    settings = pickle.loads(packed)
    assert isinstance(settings, Settings)
    if settings.compiled:
        kernels.load()
    return settings


def _fits(rule: Rule, found: Card) -> bool:
    import re

    system = found.system
    return bool(
        (not rule.unit or (system and rule.unit == system.unit))
        and (not rule.system or (system and rule.system == system.name))
        and (not rule.description or re.search(rule.description, found.description, re.IGNORECASE))
    )


# --- gamma-camera images ----------------------------------------------------------------------------------


def _images(paths: Sequence[Path], rule: Rule | None, settings: Settings) -> Iterator[Item]:
    outcome = read_nm(paths, settings.read)
    for refusal in outcome.refused:
        yield _without_result(
            (refusal.place - 1,), OTHER, refusal.code, refusal.reason, (refusal,), (refusal.sha256,)
        )
    for acquisition in outcome.acquisitions:
        yield _acquisition(acquisition, rule, settings)


def _acquisition(acquisition: Acquisition, rule: Rule | None, settings: Settings) -> Item:
    inputs = acquisition.source.inputs
    if rule is None:
        test, refused = recognised(acquisition)
        if test is None:
            return _nothing(inputs, OTHER, refused, expected=False)
        asked: Mapping[str, Any] = {}
    else:
        test, asked = catalogue.find(rule.test), rule.options
        if not test.takes(acquisition):
            return _mistaken(inputs, rule)
    try:
        options = options_of(test, asked, settings.replicates, settings.read)
    except NmqcError as reason:
        return _unasked(inputs, test.shows, reason)
    analyses = [test.analyse(acquisition, options)]
    return _analysed(inputs, test.shows, analyses, settings, rule)


# --- PET ------------------------------------------------------------------------------------------------


def _pet(paths: Sequence[Path], rule: Rule | None, settings: Settings) -> Iterator[Item]:
    outcome = read_pet(paths, settings.read, all_series=True)
    everything = tuple(range(len(paths)))
    for volume in outcome.volumes:
        scan = Scan((volume,), paths[0].parent.name if settings.read.show_file_names else "")
        yield _scan(scan, paths[0], rule, settings)
    whole = not outcome.volumes
    for refusal in outcome.refused:
        places = everything if whole else (max(refusal.place - 1, 0),)
        hashes = tuple(sha256_of(paths[place]) for place in places)
        yield _without_result(places, OTHER, refusal.code, refusal.reason, (refusal,), hashes)
        if whole:
            return


def _scan(scan: Scan, path: Path, rule: Rule | None, settings: Settings) -> Item:
    from nmqc.earl import earl_limits
    from nmqc.scans import fill_sheet_beside, tests_for

    inputs = scan.volumes[0].source.inputs
    if rule is None:
        test, refused = recognised(scan)
        if test is None:
            return _nothing(inputs, OTHER, refused, expected=False)
    else:
        test = catalogue.find(rule.test)
        if not test.takes(scan):
            return _mistaken(inputs, rule)
    try:
        said = said_of({} if rule is None else rule.options)
        tests = tests_for(scan, test.shows, said, fill_sheet_beside(path))
    except NmqcError as reason:
        return _unasked(inputs, test.shows, reason)
    if said.earl is not None:
        settings = replace(settings, limits=earl_limits(said.earl).with_site(settings.limits))
    analyses = [one.analyse(scan, options) for one, options in tests]
    return _analysed(inputs, test.shows, analyses, settings, rule)


# --- items ----------------------------------------------------------------------------------------------


def _analysed(
    inputs: Sequence[InputFile],
    kind: str,
    analyses: Sequence[Analysis],
    settings: Settings,
    rule: Rule | None,
) -> Item:
    from nmqc.thumbnail import shrunk

    refused = tuple(dict.fromkeys(one for analysis in analyses for one in analysis.refused))
    found = [one for analysis in analyses for one in analysis.results]
    kept = found if settings.evidence else [replace(one, evidence=shrunk(one.evidence)) for one in found]
    results = [judge(one, settings.limits) for one in kept]
    if not results:
        return _nothing(inputs, kind, refused, expected=rule is not None)
    pairs = tuple((result, result_json(result, None)) for result in results)
    code, reason = _missing(results, refused)
    return Item(_places(inputs), kind, "analysed", pairs, refused, code, reason, _hashes(inputs))


def _missing(results: Sequence[Result], refused: Sequence[Refusal]) -> tuple[str, str]:
    """Return why there is not a result of everything; what nobody can expect is not missing."""
    for one in refused:
        return one.code, one.reason
    for result in results:
        for absent in result.not_measured:
            if absent.code not in EXPECTED_ABSENCES:
                return absent.code, f"{absent.name} was not measured: {absent.reason}"
    return "", ""


def _nothing(inputs: Sequence[InputFile], kind: str, refused: Sequence[Refusal], *, expected: bool) -> Item:
    """Return the item of images that gave no result.

    They are unknown where every test says that they are something else, and nobody has said what they should be;
    else refused for the first reason that is another.
    """
    reasons = [one for one in refused if expected or not _is_something_else(one.code)]
    if not reasons:
        return Item(
            _places(inputs),
            OTHER,
            "unknown",
            code="not_recognised",
            reason="shows no phantom that nmqc knows",
            sha256=_hashes(inputs),
        )
    first = reasons[0]
    return Item(
        _places(inputs), kind, "refused", (), tuple(refused), first.code, first.reason, _hashes(inputs)
    )


def _mistaken(inputs: Sequence[InputFile], rule: Rule) -> Item:
    reason = f"a rule of the site says {rule.test}, which does not take such an image: correct the rule"
    return _without_result(_places(inputs), OTHER, "bad_rule", reason, sha256=_hashes(inputs))


def _unasked(inputs: Sequence[InputFile], kind: str, mistake: NmqcError) -> Item:
    """Return the item of images whose rule, or fill sheet, cannot be used."""
    return _without_result(_places(inputs), kind, mistake.code, mistake.reason, sha256=_hashes(inputs))


def _without_result(
    files: tuple[int, ...],
    kind: str,
    code: str,
    reason: str,
    refused: tuple[Refusal, ...] = (),
    sha256: tuple[str, ...] = (),
) -> Item:
    status: Status = "unknown" if _is_something_else(code) else "refused"
    return Item(files, kind, status, (), refused, code, reason, sha256)


def _is_something_else(code: str) -> bool:
    return code.startswith("not_") and code not in ("not_numbers", "not_decay_corrected")


def _places(inputs: Sequence[InputFile]) -> tuple[int, ...]:
    return tuple(sorted({one.place - 1 for one in inputs}))


def _hashes(inputs: Sequence[InputFile]) -> tuple[str, ...]:
    by_place = {one.place: one.sha256 for one in inputs}
    return tuple(by_place[place] for place in sorted(by_place))
