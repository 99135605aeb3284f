"""Running nmqc, in this process or in one of its own, and reading what it prints."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import jsonschema
import pytest
import referencing

from nmqc.cli import run

ROOT = Path(__file__).parents[2]
SCHEMAS = {path.stem: json.loads(path.read_text()) for path in (ROOT / "docs" / "schema").glob("*.json")}
REGISTRY = referencing.Registry().with_resources(
    (f"{name}.json", referencing.Resource.from_contents(schema)) for name, schema in SCHEMAS.items()
)
SETTINGS = ("NMQC_DB", "NMQC_CONFIG", "NMQC_ENGINE", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "PYTHONIOENCODING")
NOBODY = 65534
#: Nobody waits so long for an answer: a process that takes longer hangs.
HANGS_S = 180


@dataclass(frozen=True)
class Run:
    """What came of one call: its exit status and its two streams."""

    status: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        return self.out.decode("utf-8")

    @property
    def said(self) -> list[str]:
        """The lines on standard error, none of which belongs to a traceback."""
        assert "Traceback" not in self.err, self.err
        return self.err.splitlines()

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON object on standard output, valid by its schema."""
        assert self.out.endswith(b"}\n"), self.err
        found = json.loads(self.text, parse_constant=no_number)
        assert isinstance(found, dict)
        validator(found["schema"]).validate(found)
        return found

    @property
    def results(self) -> list[dict[str, Any]]:
        return list(self.document["results"])

    @property
    def refused(self) -> list[dict[str, Any]]:
        return list(self.document["refused"])


def no_number(name: str) -> NoReturn:
    """JSON knows no NaN and no Infinity."""
    raise AssertionError(f"{name} in the output")


def validator(schema: str) -> jsonschema.Draft202012Validator:
    """The validator for "nmqc.results/1" and the others."""
    return jsonschema.Draft202012Validator(SCHEMAS[schema.replace("/", "-")], registry=REGISTRY)


def call(*arguments: str | Path) -> Run:
    """Run nmqc in this process."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    with _streams(out, err):
        status = run([str(argument) for argument in arguments])
    return Run(status, out.buffer.getvalue(), err.buffer.getvalue().decode("utf-8"))


@contextmanager
def _streams(out: io.TextIOWrapper, err: io.TextIOWrapper) -> Iterator[None]:
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = out, err
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def environment(**further: str) -> dict[str, str]:
    """The environment for a child: this one, with the project's code before any that is installed."""
    return {**os.environ, "PYTHONPATH": str(ROOT), **further}


def child(
    *arguments: str | bytes | Path, python: Sequence[str] = ("-m", "nmqc"), **settings: Any
) -> subprocess.CompletedProcess[bytes]:
    """Run nmqc in a process of its own; `settings` are those of `subprocess.run`."""
    settings = {
        "stdin": subprocess.DEVNULL,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "timeout": HANGS_S,
        "env": environment(),
        "check": False,
        **settings,
    }
    return subprocess.run([sys.executable, *python, *arguments], **settings)


def finished(process: subprocess.CompletedProcess[bytes]) -> Run:
    """What came of a child."""
    return Run(process.returncode, process.stdout or b"", (process.stderr or b"").decode("utf-8", "replace"))


@contextmanager
def unprivileged() -> Iterator[Path]:
    """An empty folder and home of somebody without privileges, who this process is meanwhile.

    Root could read and write everywhere: it becomes "nobody".
    """
    folder = Path(tempfile.mkdtemp(prefix="nmqc-nobody-"))
    root = os.geteuid() == 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
        if root:
            os.chown(folder, NOBODY, NOBODY)
            os.seteuid(NOBODY)
        try:
            yield folder
        finally:
            folder.chmod(0o755)
            if root:
                os.seteuid(0)
            shutil.rmtree(folder)


def measured(result: dict[str, Any], name: str = "uniformity.integral.ufov", of: str = "") -> dict[str, Any]:
    """One measurement of a result."""
    (found,) = (one for one in result["measurements"] if (one["name"], one["of"]) == (name, of))
    return dict(found)


def codes(items: list[dict[str, Any]]) -> list[str]:
    """The codes of remarks, refusals, or what was not measured."""
    return [item["code"] for item in items]
