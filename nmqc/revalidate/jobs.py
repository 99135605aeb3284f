"""Which analyses are done again: recorded results by their files, as far as these are still there."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nmqc.batch.walk import sha256_of, walk

if TYPE_CHECKING:
    from nmqc.history import Entry

Stored = Mapping[str, Any]
#: options that are images which others are compared with
ROLES = ("reference", "flood")


@dataclass(frozen=True, slots=True)
class Images:
    """The recorded images that were found.

    Attributes
    ----------
    by_bytes : SHA-256 of the file -> where it is
    by_pixels : SHA-256 of its pixels -> the same, for images that others are compared with
    detectors : SHA-256 of the file -> the head that a person named
    """

    by_bytes: Mapping[str, Path]
    by_pixels: Mapping[str, Path]
    detectors: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Job:
    """One analysis to do again.

    Attributes
    ----------
    test : its name
    paths : its files
    detectors : the heads that a person named, one for each file; () where nobody did
    beside : the files of the reference flood, or of the flood beside bars
    beside_detectors : the heads that a person named for these
    stored : what was recorded of it, each payload with its number
    """

    test: str
    paths: tuple[Path, ...]
    detectors: tuple[int, ...]
    beside: tuple[Path, ...]
    beside_detectors: tuple[int, ...]
    stored: tuple[Stored, ...]


@dataclass(frozen=True, slots=True)
class Planned:
    """What is to be done, and the results whose images were not found."""

    jobs: tuple[Job, ...]
    missing: tuple[int, ...]


def found_images(entries: Iterable[Entry], folders: Sequence[Path], problems: list[str]) -> Images:
    """Return the recorded images in some folders, by their bytes; where they lie now does not matter."""
    pixels: dict[str, str] = {}
    heads: dict[str, int] = {}
    for entry in entries:
        payload = entry.payload
        for one in (*payload["inputs"], *payload["beside"]):
            pixels.setdefault(one["sha256"], one["pixels"] or "")
            if one["head"] is not None:
                heads[one["sha256"]] = one["head"]
        for one in payload["inputs"]:
            if payload["detector_source"] == "user" and payload["detector"] is not None:
                heads[one["sha256"]] = payload["detector"]
    by_bytes: dict[str, Path] = {}
    for folder in folders:
        for file in walk(folder, problems):
            digest = sha256_of(file.path)
            if digest in pixels:
                by_bytes.setdefault(digest, file.path)
    by_pixels = {pixels[digest]: path for digest, path in by_bytes.items() if pixels[digest]}
    return Images(by_bytes, by_pixels, heads)


def planned(entries: Iterable[Entry], images: Images) -> Planned:
    """Return what is to be done again: of the same files, detector, window and options what was recorded last."""
    payloads: list[Stored] = [entry.payload for entry in sorted(entries, key=lambda one: one.number)]
    latest = {_same(payload): payload for payload in payloads}
    groups: dict[tuple[object, ...], list[Stored]] = {}
    missing: list[int] = []
    for payload in latest.values():
        if all(one["sha256"] in images.by_bytes for one in payload["inputs"]):
            groups.setdefault(_analysis(payload), []).append(payload)
        else:
            missing.append(payload["history"])
    return Planned(tuple(_job(members, images) for members in groups.values()), tuple(sorted(missing)))


def _same(payload: Stored) -> str:
    names = ("test", "detector", "energy_window", "asked")
    hashes = [one["sha256"] for one in payload["inputs"]]
    return json.dumps([*(payload[name] for name in names), sorted(hashes)], sort_keys=True)


def _analysis(payload: Stored) -> tuple[object, ...]:
    """Return what results of one analysis have in common: a result of several files is one of its own."""
    asked = {name: value for name, value in payload["asked"].items() if name != "detectors"}
    options = json.dumps([asked, payload["parameters"].get("replicates")], sort_keys=True)
    return payload["test"], options, tuple(one["sha256"] for one in payload["inputs"])


def _job(members: Sequence[Stored], images: Images) -> Job:
    first = members[0]
    hashes = [one["sha256"] for one in first["inputs"]]
    others = [one for name in ROLES for one in _pixels(first["asked"].get(name))]
    beside = [one["head"] for one in first["beside"] if one["role"] in ROLES]
    return Job(
        test=first["test"],
        paths=tuple(images.by_bytes[digest] for digest in hashes),
        detectors=_all([images.detectors.get(digest) for digest in hashes]),
        beside=tuple(images.by_pixels[one] for one in others if one in images.by_pixels),
        beside_detectors=_all(beside),
        stored=tuple(members),
    )


def _all(heads: Sequence[int | None]) -> tuple[int, ...]:
    """Return the heads that were named where that is all of them."""
    known = tuple(head for head in heads if head is not None)
    return known if len(known) == len(heads) else ()


def _pixels(asked: Any) -> list[str]:
    """Return the hashes of an image that another was compared with; the time of a PET image is no such thing."""
    return list(asked) if isinstance(asked, list) else []
