"""One pass over a folder: what is new is analysed, judged and recorded as it comes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from time import monotonic

from nmqc import __version__
from nmqc.batch import kernels
from nmqc.batch.groups import Group
from nmqc.batch.plan import Plan, Versions, plan
from nmqc.batch.pool import ClusterLost, Died, Pool
from nmqc.batch.summary import Brief, Night, Told
from nmqc.batch.walk import FoundFile, sha256_of, walk
from nmqc.batch.work import OTHER, Item, Settings, read_cards, work_on
from nmqc.catalogue import TESTS
from nmqc.dicom import Card
from nmqc.errors import HistoryUnavailable
from nmqc.history import Batched, Filed, FileMark, History
from nmqc.model import Refusal, Verdict

TOOL = f"nmqc {__version__}"
CARDS_AT_A_TIME = 64
RECORD_EVERY_S, RECORD_EVERY = 1.0, 64  # seconds, acquisitions: what a power cut can cost is done again
STILL_NS = 2_000_000_000  # a file that was written a moment ago may not be whole


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of a pass.

    Attributes
    ----------
    folder : what to look through
    since_ns : files that were changed before are left aside; nanoseconds since 1970
    dry_run : tell what would be done, and do nothing
    again : analyse again what gave a result with another version
    rehash : open every file, and go by its bytes
    """

    folder: Path
    since_ns: int = 0
    dry_run: bool = False
    again: bool = False
    rehash: bool = False


@dataclass(slots=True)
class Progress:
    """What is told while a pass runs: how much there is to do, each acquisition that is done, what takes time."""

    begin: Callable[[int], None] = lambda _: None
    step: Callable[[], None] = lambda: None
    say: Callable[[str], None] = lambda _: None


@dataclass(slots=True)
class Means:
    """With what a pass works.

    Attributes
    ----------
    settings : of the analyses
    configuration : digest of the site's rules, for what was refused: it is tried again when they change
    make : returns a new executor
    workers : how many pieces it does at a time
    here : whether its processes are this computer's
    """

    settings: Settings
    configuration: str
    make: Callable[[], Executor]
    workers: int
    progress: Progress = field(default_factory=Progress)
    here: bool = True


def one_pass(
    wanted: Wanted, means: Means, history: History | None, whole: Callable[[FoundFile], bool]
) -> Night:
    """Look through a folder, and do what is to be done.

    Parameters
    ----------
    history : None where there is none yet, and nothing is to be done
    whole : says whether a file is complete

    Raises
    ------
    HistoryUnavailable
        If the history cannot be read.
    """
    problems: list[str] = []
    files = [
        file
        for file in walk(wanted.folder, problems, show_names=means.settings.read.show_file_names)
        if file.modified_ns >= wanted.since_ns and whole(file)
    ]
    marks = history.marks([file.key for file in files]) if history is not None else {}
    versions = Versions(TOOL, means.configuration)
    packed = means.settings.packed()
    cards = partial(cards_of, means=means, packed=packed)
    planned = plan(files, marks, versions, cards, again=wanted.again, rehash=wanted.rehash)
    told = _known(planned, history)
    if wanted.dry_run or history is None:
        told += [Told(_names(group.files), _guess(group), "pending") for group in planned.groups]
        told += [_told_aside(file, item) for file, item in planned.aside]
    else:
        told += _done(planned, means, history, versions, problems)
    return Night(tuple(sorted(told, key=lambda one: one.files)), tuple(problems))


def digest_of_rules(*facts: object) -> str:
    """Return a digest of what decides how files are taken."""
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]


# --- headers --------------------------------------------------------------------------------------------


def cards_of(paths: Sequence[Path], means: Means, packed: bytes) -> list[Card | Item]:
    """Return the card of each file; of many, by all processes, and of a file that kills one alone."""
    chunks = [tuple(paths[at : at + CARDS_AT_A_TIME]) for at in range(0, len(paths), CARDS_AT_A_TIME)]
    if not chunks:
        return []
    pool: Pool[tuple[Path, ...], list[Card | Item]] = Pool(means.make, means.workers, read_cards)
    found: dict[Path, Card | Item] = {}
    fatal: list[tuple[Path, ...]] = []
    for chunk, cards in pool.each(chunks, packed):
        if isinstance(cards, Died):
            fatal += [(path,) for path in chunk]
        else:
            found |= zip(chunk, cards, strict=True)
    for (path,), cards in pool.each(fatal, packed) if fatal else ():
        found[path] = _deadly(path) if isinstance(cards, Died) else cards[0]
    return [found[path] for path in paths]


def _deadly(path: Path) -> Item:
    reason = "reading its header stopped the process: this is a defect of nmqc, report it"
    return Item((0,), OTHER, "refused", code="crashed", reason=reason, sha256=(sha256_of(path),))


# --- work -----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Waiting:
    """Acquisitions that are done and not yet recorded."""

    items: list[tuple[tuple[FoundFile, ...], str, Item]] = field(default_factory=list)
    since: float = field(default_factory=monotonic)

    @property
    def full(self) -> bool:
        return len(self.items) >= RECORD_EVERY or monotonic() - self.since > RECORD_EVERY_S


def _done(
    planned: Plan,
    means: Means,
    history: History,
    versions: Versions,
    problems: list[str],
) -> list[Told]:
    """Analyse every group and record what comes; stop where it can no longer be recorded: the next run goes on."""
    told: list[Told] = []
    waiting = _Waiting([((file,), "", item) for file, item in planned.aside])
    try:
        for group, items in worked(planned.groups, means):
            waiting.items += [(group.files, group.digest, item) for item in items]
            means.progress.step()
            if waiting.full:
                told += _recorded(waiting, history, versions)
                waiting = _Waiting()
        told += _recorded(waiting, history, versions)
    except HistoryUnavailable as reason:
        problems.append(f"not recorded: {reason.reason}; what is not recorded is done again by the next run")
    except ClusterLost as reason:
        problems.append(reason.reason)
        told += _recorded(waiting, history, versions)
    return told


def worked(groups: Sequence[Group], means: Means) -> Iterator[tuple[Group, list[Item]]]:
    """Yield each group with what came of it, as it comes; nothing is recorded."""
    if not groups:
        return
    settings = means.settings
    if kernels.are_worthwhile(groups, settings.replicates):
        if means.here:
            kernels.make_ready(means.make, means.progress.say)
        settings = replace(settings, compiled=True)
    means.progress.begin(len(groups))
    pool: Pool[Group, list[Item]] = Pool(means.make, means.workers, work_on)
    for group, items in pool.each(groups, settings.packed()):
        yield group, [_crashed(group, items)] if isinstance(items, Died) else items


def _crashed(group: Group, died: Died) -> Item:
    reason = f"the analysis stopped with an error ({died.error}): this is a defect of nmqc, report it"
    hashes = tuple(sha256_of(file.path) for file in group.files)
    return Item(
        tuple(range(len(group.files))), OTHER, "refused", code="crashed", reason=reason, sha256=hashes
    )


# --- recording ------------------------------------------------------------------------------------------


def _recorded(waiting: _Waiting, history: History, versions: Versions) -> list[Told]:
    """Record acquisitions, all of them or none, and return what is told of them."""
    batch = [batched(files, digest, item, versions) for files, digest, item in waiting.items]
    if not batch:
        return []
    filed = history.record_batch(batch)
    return [_told(files, item, one) for (files, _, item), one in zip(waiting.items, filed, strict=True)]


def batched(files: Sequence[FoundFile], digest: str, item: Item, versions: Versions) -> Batched:
    """Return what is recorded of an item of a group with these files and this digest."""
    return Batched(
        results=item.results,
        refusals=tuple(
            (one, one.sha256 or _only(item.sha256), versions.tool, versions.configuration)
            for one in _refusals(files, item)
            if one.sha256 or _only(item.sha256)
        ),
        marks=tuple(_mark(files[place], place, digest, item, versions) for place in item.files),
    )


def _refusals(files: Sequence[FoundFile], item: Item) -> tuple[Refusal, ...]:
    if item.refused or item.status != "refused":
        return item.refused if item.status != "unknown" else ()
    name = files[item.files[0]].path.name
    return (Refusal(name, item.code, item.reason, sha256=_only(item.sha256)),)


def _only(hashes: Sequence[str]) -> str:
    """Return the hash of one file, or of the hashes of several."""
    if len(hashes) < 2:
        return hashes[0] if hashes else ""
    return hashlib.sha256("".join(hashes).encode()).hexdigest()


def _mark(file: FoundFile, place: int, digest: str, item: Item, versions: Versions) -> FileMark:
    order = item.files.index(place)
    return FileMark(
        path=file.key,
        size=file.size,
        modified_ns=file.modified_ns,
        group=digest,
        state="done" if item.status == "analysed" else item.status,
        code=item.code,
        reason=item.reason,
        sha256=item.sha256[order] if len(item.sha256) == len(item.files) else "",
        tool=versions.tool,
        configuration=versions.configuration,
    )


# --- telling --------------------------------------------------------------------------------------------


def _told(files: Sequence[FoundFile], item: Item, filed: Filed) -> Told:
    """Return what is told of an acquisition; one whose every result stood in the history was done before."""
    pairs = zip(item.results, filed.results, strict=True)
    results = tuple(
        Brief(result.test, result.detector, result.verdict, recorded.number)
        for (result, _), recorded in pairs
    )
    old = bool(filed.results) and not any(recorded.new for recorded in filed.results)
    names = _names([files[place] for place in item.files])
    return Told(names, item.kind, "already_done" if old else item.status, results, item.code, item.reason)


def _told_aside(file: FoundFile, item: Item) -> Told:
    return Told((file.name,), item.kind, item.status, (), item.code, item.reason)


def _known(planned: Plan, history: History | None) -> list[Told]:
    """Return what is told of files that were done before: those of one acquisition together."""
    groups: dict[object, list[tuple[FoundFile, FileMark]]] = {}
    for file, mark in planned.known:
        alone = (file.name,) if not mark.group else ()
        groups.setdefault((mark.group, mark.results, mark.state, *alone), []).append((file, mark))
    numbers = {number for _, mark in planned.known for number in mark.results}
    briefs = history.briefs(sorted(numbers)) if history is not None and numbers else {}
    return [_told_known(members, briefs) for members in groups.values()]


def _told_known(
    members: Sequence[tuple[FoundFile, FileMark]], briefs: Mapping[int, tuple[str, int | None, Verdict]]
) -> Told:
    mark = members[0][1]
    results = tuple(Brief(*briefs[number], number) for number in mark.results if number in briefs)
    shows = {test.name: test.shows for test in TESTS}
    kind = shows.get(results[0].test, OTHER) if results else OTHER
    return Told(_names([file for file, _ in members]), kind, "already_done", results, mark.code, mark.reason)


def _names(files: Sequence[FoundFile]) -> tuple[str, ...]:
    return tuple(sorted(file.name for file in files))


def _guess(group: Group) -> str:
    """Return what a group may be, by its header alone."""
    if group.family == "pet":
        return "iec"
    return {"TOMO": "cor", "STATIC": "flood"}.get(group.card.kind, OTHER)


def is_still(now_ns: int) -> Callable[[FoundFile], bool]:
    """Return what says of a file that nobody has written to it for two seconds."""
    return lambda file: now_ns - file.modified_ns >= STILL_NS or file.modified_ns > now_ns


__all__ = [
    "Means",
    "Progress",
    "Wanted",
    "batched",
    "cards_of",
    "digest_of_rules",
    "is_still",
    "one_pass",
    "worked",
]
