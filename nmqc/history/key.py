"""Which results are the same one: the key of the history (docs/interface.md)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nmqc.model import EnergyWindow, InputFile, Result


@dataclass(frozen=True, slots=True)
class InputKey:
    """Hashes of one input: of its SOP instance UID (None where it has none), its pixels, and its bytes."""

    uid: str | None
    pixels: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Key:
    """What makes a result this one and no other: `digest`, and the hashes of its inputs in a fixed order."""

    digest: str
    inputs: tuple[InputKey, ...]


def key_of(result: Result) -> Key:
    """Return the key of a result: where two agree, the second analysis adds nothing to the history.

    SHA-256 over canonical JSON of the sorted pairs (SOP instance UID, SHA-256 of the decoded pixels) of
    `result.source.inputs`, detector, energy window (name and ranges in keV), test, algorithm and
    `result.asked`. Paths, bytes of the file, replicates, engine and the version of nmqc are not in it. An
    input without a hash of its pixels counts by the hash of its bytes.

    Raises
    ------
    TypeError, ValueError
        If `result.asked` holds anything but finite JSON values.
    """
    pairs = sorted((source.uid, _pixels(source)) for source in result.source.inputs)
    facts = {
        "inputs": pairs,
        "detector": result.detector,
        "energy_window": _window(result.energy_window),
        "test": result.test,
        "algorithm": result.algorithm,
        "asked": result.asked,
    }
    inputs = sorted(
        {_input_key(source) for source in result.source.inputs}, key=lambda k: (k.sha256, k.pixels)
    )
    return Key(digest_of(facts), tuple(inputs))


def digest_of(facts: Any) -> str:
    """Return the SHA-256 of the canonical JSON of some facts: keys sorted, no spaces, 5.0 written as 5."""
    text = json.dumps(_canonical(facts), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _canonical(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _canonical(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _pixels(source: InputFile) -> str:
    return source.pixels or source.sha256


def _input_key(source: InputFile) -> InputKey:
    uid = hashlib.sha256(source.uid.encode()).hexdigest() if source.uid else None
    return InputKey(uid, _pixels(source), source.sha256)


def _window(window: EnergyWindow | None) -> Any:
    return None if window is None else [window.name, window.ranges_kev]
