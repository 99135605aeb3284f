"""Broken files given to every command, each call in a process of its own: `python -m fuzz.commands --minutes 60`.

A call that breaks the promise is kept in the folder of findings with what it was given, and counted. The same seed
makes the same calls.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from fuzz import child, promise
from fuzz.bombs import BOMBS
from fuzz.corpus import Corpus, made
from fuzz.mutators import mutated
from fuzz.text_mutators import mutated_text

_HANG_S = 240.0
_GOOD = "good.dcm"
_ANALYSES: tuple[tuple[str, ...], ...] = (
    ("uniformity",),
    ("uniformity", "--reference", _GOOD),
    ("resolution",),
    ("resolution", "--phantom", "bars"),
    ("resolution", "--phantom", "slits"),
    ("resolution", "--phantom", "lines"),
    ("cor",),
    ("identify",),
)
_OF_PET: tuple[tuple[str, ...], ...] = (
    ("pet", "--ratio", "8"),
    ("pet", "--phantom", "cylinder"),
    ("pet", "--ratio", "8", "--earl", "2", "--header-dose"),
    ("identify",),
)
_OF_TEXT: dict[str, tuple[tuple[str, ...], ...]] = {
    "fill.toml": (("pet", "iec", "--fill", "bad"),),
    "fill-cylinder.toml": (("pet", "cylinder", "--phantom", "cylinder", "--fill", "bad"),),
    "background.toml": (("pet", "iec", "--ratio", "8", "--bg-rois", "bad"),),
    "limits.toml": (("limits", "check", "bad"),),
    "protocol.toml": (
        ("acceptance", "check", "bad"),
        ("acceptance", "run", "bad", "images", "--db", "h.sqlite"),
    ),
    "nmqc.toml": (
        ("config", "check", "bad"),
        ("uniformity", _GOOD, "--config", "bad", "--no-record"),
        ("limits", "--config", "bad"),
    ),
    "table.csv": (("agree", "--with", "bad", "--db", "h.sqlite"),),
}


@dataclass(frozen=True)
class Attempt:
    """A call: what is typed, what it may write, how many pixels it is given, and whether a good file is beside."""

    arguments: tuple[str, ...]
    outputs: tuple[str, ...] = ()
    pixels: int = 0
    beside: bool = False


class Campaign:
    """Calls one after the other, in a folder that is made anew for each."""

    def __init__(self, corpus: Corpus, folder: Path, findings: Path) -> None:
        self.corpus, self.folder, self.findings = corpus, folder, findings
        self.home = folder.with_name(folder.name + "-home")
        self.others = corpus.contents()
        self.calls: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.broken: Counter[str] = Counter()
        self.longest_s = self.largest_bytes = 0.0
        self._good: dict[tuple[str, ...], str] = {}

    def one(self, seed: int) -> None:
        """Make one call, and keep what it was given where it breaks the promise."""
        random = Random(seed)
        for path in (self.folder, self.home):
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir(parents=True)
        kind = random.random()
        if kind < 0.6:
            attempt = self._image(random)
        elif kind < 0.75:
            attempt = self._series(random)
        elif kind < 0.92:
            attempt = self._text(random)
        else:
            attempt = self._bomb(random)
        before = promise.state(self.folder)
        outcome = child.call(attempt.arguments, self.folder, self.home, _HANG_S)
        self._judge(seed, attempt, before, outcome)

    def _image(self, random: Random) -> Attempt:
        """One broken image, alone or with a good one."""
        source = random.choice(sorted(self.corpus.images.keys() - {_GOOD}))
        data = mutated(self.corpus.images[source].read_bytes(), self.others, random)
        (self.folder / "bad.dcm").write_bytes(data)
        shutil.copy(self.corpus.images[_GOOD], self.folder / _GOOD)
        return self._call(random.choice(_ANALYSES), random)

    def _call(self, command: tuple[str, ...], random: Random) -> Attempt:
        json_alone = command[0] != "identify" and "--reference" not in command and random.random() < 0.6
        if json_alone:
            return Attempt((*command, "bad.dcm", _GOOD, "--no-record", "--json"), beside=True)
        if command[0] == "identify":
            return Attempt((*command, "bad.dcm", _GOOD, *random.choice(((), ("--json",)))))
        wanted = random.choice(((), ("--pdf", "o.pdf"), ("--dicom", "o.dcm"), ("--quiet",)))
        outputs = tuple(name for name in wanted if name.startswith("o."))
        return Attempt((*command, "bad.dcm", "--db", "h.sqlite", *wanted), (*outputs, "h.sqlite"))

    def _series(self, random: Random) -> Attempt:
        """A PET series of which some slices are broken."""
        source = self.corpus.series[random.choice(sorted(self.corpus.series))]
        shutil.copytree(source, self.folder / "series")
        slices = sorted((self.folder / "series").iterdir())
        for path in random.sample(slices, random.choice((1, 1, 2, len(slices)))):
            path.write_bytes(mutated(path.read_bytes(), self.others, random))
        wanted = random.choice(((), ("--json",)))
        command = random.choice(_OF_PET)
        record = () if command[0] == "identify" else ("--no-record",)
        return Attempt((*command, "series", *record, *wanted))

    def _text(self, random: Random) -> Attempt:
        """A broken text file, and what it is about."""
        source = random.choice(sorted(_OF_TEXT))
        command = random.choice(_OF_TEXT[source])
        (self.folder / "bad").write_bytes(mutated_text(self.corpus.texts[source].read_bytes(), random))
        shutil.copy(self.corpus.images[_GOOD], self.folder / _GOOD)
        for name in ("iec", "cylinder"):
            if name in command:
                shutil.copytree(self.corpus.series[name], self.folder / name)
        (self.folder / "images").mkdir()
        shutil.copy(self.corpus.images["brivo.dcm"], self.folder / "images" / "brivo.dcm")
        record = ("--no-record",) if command[0] == "pet" else ()
        lock = ("h.sqlite", "h.sqlite.batch-lock", "h.sqlite-wal", "h.sqlite-shm")
        return Attempt((*command, *record), lock)

    def _bomb(self, random: Random) -> Attempt:
        """A file made by hand to be as harmful as it can be."""
        bomb = BOMBS[random.choice(sorted(BOMBS))]
        path, pixels = bomb.made(self.folder, self.corpus.images["flood.dcm"].read_bytes())
        shutil.copy(self.corpus.images[_GOOD], self.folder / _GOOD)
        command = random.choice(bomb.commands)
        return Attempt(tuple(path.name if one == "bad" else one for one in command), ("h.sqlite",), pixels)

    def _judge(self, seed: int, attempt: Attempt, before: dict[str, str], outcome: child.Outcome) -> None:
        wrong = promise.broken(outcome, attempt.pixels)
        wrong += promise.strayed(before, promise.state(self.folder), attempt.outputs)
        if "--json" in attempt.arguments and outcome.status != 2 and not wrong:
            wrong += self._document(attempt, outcome)
        self.calls[attempt.arguments[0]] += 1
        self.statuses[outcome.status] += 1
        self.longest_s = max(self.longest_s, outcome.cpu_s)
        self.largest_bytes = max(self.largest_bytes, outcome.peak_bytes)
        if wrong:
            self._keep(seed, attempt, outcome, wrong)

    def _document(self, attempt: Attempt, outcome: child.Outcome) -> list[str]:
        try:
            found = promise.document(outcome)
            if not attempt.beside:
                return []
            same = promise.results_of(found, _GOOD) == self._alone(attempt)
        except ValueError as mistake:
            return [f"JSON: {mistake}"]
        return [] if same else ["another file's result is lost, or another"]

    def _alone(self, attempt: Attempt) -> str:
        """Return the results of the good file where it is given alone."""
        command = tuple(one for one in attempt.arguments if one != "bad.dcm")
        if command not in self._good:
            alone = child.call(command, self.folder, self.home, _HANG_S)
            self._good[command] = promise.results_of(promise.document(alone), _GOOD)
        return self._good[command]

    def _keep(self, seed: int, attempt: Attempt, outcome: child.Outcome, wrong: Sequence[str]) -> None:
        last = outcome.err.decode("utf-8", "replace").strip().splitlines()[-1:]
        name = f"{attempt.arguments[0]}: {', '.join(wrong)}: {''.join(last)[:160]}"
        self.broken[name] += 1
        print(f"{seed} {name}", flush=True)
        kept = self.findings / f"{seed}"
        if self.broken[name] <= 3 and not kept.exists():
            shutil.copytree(self.folder, kept, symlinks=True, ignore=_special)
            (kept / "said").write_bytes(" ".join(attempt.arguments).encode() + b"\n" + outcome.err)

    def figures(self) -> dict[str, object]:
        """Return what was done and found."""
        return {
            "calls": sum(self.calls.values()),
            "by_command": dict(self.calls.most_common()),
            "by_status": {str(status): count for status, count in sorted(self.statuses.items())},
            "longest_s": round(self.longest_s, 1),
            "largest_mb": round(self.largest_bytes / 1e6),
            "broken": dict(self.broken.most_common()),
        }


def _special(folder: str, names: list[str]) -> set[str]:
    """Name what is no file and no folder: it cannot be copied."""
    return {name for name in names if not (Path(folder, name).is_file() or Path(folder, name).is_dir())}


def main(typed: Sequence[str] | None = None) -> int:
    """Run for some minutes, or some calls; print the figures as JSON; return 1 where a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m fuzz.commands", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--calls", type=int, default=1 << 30)
    parser.add_argument("--seed", type=int, default=0, help="of the first call; each further one is one more")
    parser.add_argument("--folder", type=Path, default=Path("fuzz-work"))
    asked = parser.parse_args(typed)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    folder = asked.folder.resolve()
    campaign = Campaign(made(folder / "corpus"), folder / "call", folder / "findings")
    child.warm()
    until = time.monotonic() + 60 * asked.minutes
    for seed in range(asked.seed, asked.seed + asked.calls):
        if time.monotonic() > until:
            break
        campaign.one(seed)
        if seed % 500 == 499:
            print(json.dumps(campaign.figures()), file=sys.stderr, flush=True)
    print(json.dumps(campaign.figures(), indent=1))
    return 1 if campaign.broken else 0


if __name__ == "__main__":
    sys.exit(main())
