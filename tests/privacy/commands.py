"""Every command of nmqc over the planted folder, and everything that it writes anywhere."""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import pytest

from nmqc.cli import command as nmqc
from tests.cli.running import Run, call
from tests.neighbours.qatrack_fake import QaTrack, running
from tests.privacy.folder import IMAGES, Incoming

#: commands that read neither an image nor the history, so that nothing can reach them
READ_NOTHING = {
    "phantom": "writes images of its own",
    "demo": "analyses an image of its own",
    "warm-up": "compiles",
    "validate": "measures images of its own; of real files it reads the numbers that `--json` of the others prints",
    "config init": "writes a template",
    "config check": "reads the site's own file",
    "limits check": "reads the site's own file",
    "acceptance check": "reads the site's own file",
    "acceptance show": "prints a protocol that is built in",
}
#: options that change what is done, not what is written
CHANGE_NOTHING = {"--force", "--no-record", "--strict-exit", "--reanalyse", "--rehash", "--set-baseline"}
#: an image of each command
OF_COMMANDS = ("intevo.dcm", "lines.dcm", "cor.dcm", "cylinder")
IEC = list(IMAGES).index("iec")
TELLS = "import shutil, sys; shutil.copyfileobj(sys.stdin.buffer, open(sys.argv[1], 'ab'))"
PROTOCOL = """title = "Synthetic"
system = "intevo"
heads = [1, 2]

[[test]]
name = "rotation"
title = "Centre of rotation"
test = "cor.point-sources"
clause = "NEMA NU 1, 4.1"
nuclide = "Tc-99m"

[[test.requirement]]
metric = "cor.offset"
unit = "mm"
on = "magnitude"
limit = { high = 2.0 }
source = "contract"
"""


class Written:
    """What was written, by what wrote it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.parts: dict[str, bytes] = {}
        self.runs: dict[str, list[Run]] = {}
        self.typed: dict[str, set[str]] = {}
        self.drawn: set[str] = set()

    def add(self, name: str, content: bytes) -> None:
        assert name not in self.parts
        self.parts[name] = content

    def run(self, leaf: str, *arguments: str | Path) -> Run:
        """Run one command; keep its streams, those of its processes, its logs and warnings."""
        words = leaf.split()
        with _everything() as log:
            run = call(*words, *arguments)
        runs = self.runs.setdefault(leaf, [])
        runs.append(run)
        self.typed.setdefault(leaf, set()).update(map(str, arguments))
        name = f"{leaf} {len(runs)}"
        assert "Traceback" not in run.err, run.err
        for part, content in (("output", run.out), ("standard error", run.err.encode()), ("log", log.text())):
            self.add(f"{name}, {part}", content)
        return run


class Log(logging.Handler):
    """Every record of every logger, and every warning of a library that reaches anybody."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self.streams = b""

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith(("matplotlib", "PIL", "numba")):  # chatty, and they know no header
            self.lines.append(self.format(record))

    def text(self) -> bytes:
        return "\n".join(self.lines).encode() + self.streams


@contextmanager
def _everything() -> Iterator[Log]:
    """Collect what goes past the streams of Python: file descriptors 1 and 2, logs, warnings."""
    log, root = Log(), logging.getLogger()
    level = root.level
    with tempfile.TemporaryFile() as file, warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        kept = [os.dup(number) for number in (1, 2)]
        root.addHandler(log)
        root.setLevel(logging.DEBUG)
        try:
            for number in (1, 2):
                os.dup2(file.fileno(), number)
            yield log
        finally:
            for number, copy in zip((1, 2), kept, strict=True):
                os.dup2(copy, number)
                os.close(copy)
            root.removeHandler(log)
            root.setLevel(level)
            log.lines += [str(one.message) for one in warned]
            file.seek(0)
            log.streams = file.read()


def leaves(group: click.Command = nmqc, name: str = "") -> Iterator[tuple[str, click.Command]]:
    """Yield every command that does something, by its full name."""
    if not isinstance(group, click.Group):
        yield name, group
        return
    if group.invoke_without_command:
        yield name, group
    context = click.Context(group)
    for inner in group.list_commands(context):
        found = group.get_command(context, inner)
        assert found is not None
        yield from leaves(found, f"{name} {inner}".strip())


def forms_of(command: click.Command) -> set[str]:
    """Return the options that decide in which form something is written, and where."""
    chosen = set()
    for option in command.params:
        if isinstance(option, click.Option):
            is_file = isinstance(option.type, click.Path) and not option.type.exists
            if option.is_flag or is_file:
                chosen.add(option.opts[-1])
    return chosen - CHANGE_NOTHING


# --- the rows -------------------------------------------------------------------------------------------


def use(incoming: Incoming, folder: Path) -> Written:
    """Run every command, one after the other, and collect what is written: each file under `folder`."""
    written = Written(folder)
    site = _site(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NMQC_CONFIG", str(site))
        patch.setenv("NMQC_DB", str(folder / "history.sqlite"))
        _watch_drawing(patch, written)
        _read_images(written, incoming, folder)
        _read_folders(written, incoming, folder)
        _read_history(written, incoming, folder)
        _push(written, patch)
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path not in (site, folder / "contract.toml"):
            written.add(str(path.relative_to(folder)), path.read_bytes())
    written.add("words of figures and reports", "\n".join(sorted(written.drawn)).encode())
    return written


def _site(folder: Path) -> Path:
    site = folder / "nmqc.toml"
    cameras = (("Gamma 1", "intevo"), ("Gamma 2", "615|[Bb]rivo"))
    told = json.dumps([sys.executable, "-c", TELLS, str(folder / "told.json")])
    site.write_text(
        f"on_problem = {told}\n"
        + "".join(f'[[system]]\nunit = "{unit}"\nmodel = "{model}"\n' for unit, model in cameras)
    )
    return site


def _watch_drawing(patch: pytest.MonkeyPatch, written: Written) -> None:
    """Collect the words that become curves in a figure, and all that a report is made of."""
    import typst
    from matplotlib.text import Text

    original_text, original_compile = Text.set_text, typst.compile

    def set_text(self: Text, words: object) -> None:
        written.drawn.add(str(words))
        original_text(self, words)

    def compile_files(files: dict[str, bytes], *, sys_inputs: dict[str, str], **settings: Any) -> Any:
        written.drawn |= {sys_inputs["data"]}
        written.drawn |= {content.decode("utf-8", "replace") for name, content in files.items()}
        return original_compile(files, sys_inputs=sys_inputs, **settings)

    patch.setattr(Text, "set_text", set_text)
    patch.setattr(typst, "compile", compile_files)


def _read_images(written: Written, incoming: Incoming, folder: Path) -> None:
    """The commands that analyse images: as text with every report, as JSON, and shortly."""
    usable, unusable = incoming.images("usable"), incoming.images("unusable")
    drawn = [path for path in usable if path.name not in ("brivo2.dcm", "t2.dcm")] + [unusable[0]]
    for path in (*usable, *(one for one in unusable if one.name != "bars.dcm")):
        command, *options = IMAGES[path.name]
        report = folder / f"{path.parent.name}-{path.stem}"
        as_pdf = ("--pdf", f"{report}.pdf") if path in drawn else ("--json",)
        as_dicom = ("--dicom", f"{report}.dcm") if path.name in OF_COMMANDS else ()
        written.run(command, path, *options, *as_pdf, *as_dicom)
    named = ("intevo.dcm", "lines.dcm", "cor.dcm", "iec")
    flood, lines, cor, iec = (incoming.path / "usable" / name for name in named)
    bad = [*incoming.others, folder / "missing.dcm"]
    written.run("uniformity", flood, *bad, "--replicates", "0", "--reference", flood, "--json")
    written.run("uniformity", flood, *bad, "--replicates", "0", "--quiet", "--pdf", folder / "bad.pdf")
    written.run("resolution", lines, *bad, "--flood", flood, "--json")
    written.run("resolution", *usable[:4], *bad, "--quiet")
    written.run("cor", cor, *bad, "--json")
    written.run("cor", *bad, "--quiet")
    written.run("pet", iec, "--ratio", "4", "--header-dose", "--json")
    written.run("pet", unusable[IEC], "--ratio", "4", "--header-dose")
    written.run("pet", incoming.path / "usable", *bad, "--ratio", "4", "--quiet")
    written.run("identify", *unusable, *bad)
    written.run("identify", *usable, *bad, "--json")


def _read_folders(written: Written, incoming: Incoming, folder: Path) -> None:
    quick = ("--jobs", "1", "--replicates", "8")
    small, other = folder.with_name("small"), incoming.path / "other"
    shutil.copytree(other, small / "other")
    for filled, name in (("usable", "intevo.dcm"), ("usable", "cor.dcm"), ("unusable", "t2.dcm")):
        shutil.copy2(incoming.path / filled / name, small / f"{filled}-{name}")
    shutil.copytree(incoming.path / "unusable" / "cylinder", small / "cylinder")
    written.run("batch", incoming.path, "--dry-run")
    written.run("batch", small, *quick, "--json", "--db", folder / "batch.sqlite")
    written.run("batch", small, *quick, "--quiet")
    written.run("batch", other, *quick, "--reanalyse")
    contract = folder / "contract.toml"
    contract.write_text(PROTOCOL)
    run = ("acceptance run", contract, small, *quick)
    written.run(*run, "--json", "--pdf", folder / "acceptance.pdf")
    written.run(*run, "--no-record")
    for form in ((), ("--json",)):
        written.run("revalidate", "--folder", small, "--jobs", "1", *form)


def _read_history(written: Written, incoming: Incoming, folder: Path) -> None:
    for form in ((), ("--json",), ("--csv",), ("--excluded",)):
        written.run("history list", *form)
    for form in ((), ("--json",)):
        written.run("history show", "1", *form)
        for filled in ("usable", "unusable"):  # the second is another file than the result is of
            written.run("history show", "1", "--rerun", incoming.path / filled / "intevo.dcm", *form)
        for path in (incoming.path / "other" / "cut.dcm", incoming.path / "unusable" / "intevo.dcm"):
            written.run("history explain", path, *form)
            written.run("history explain", path, *form, "--db", folder / "batch.sqlite")
    written.run("history exclude", "1", "--reason", "leak")
    written.run("history include", "1", "--reason", "none")
    exports = ("--csv", folder / "h.csv", "--json", folder / "h.json", "--quaac", folder / "h.yaml")
    written.run("history export", "--not-excluded", *exports)
    written.run("history export", "--excluded", "--quaac", "-")
    written.run("history path")
    written.run("history check")
    written.run("history backup", folder / "copy.sqlite")
    written.run(
        "baseline set", "--unit", "Gamma 2", "--from", "2026-03-01", "--kind", "service", "--note", "x"
    )
    written.run("event add", "--unit", "Gamma 2", "--date", "2026-03-01", "--text", "x")
    for form in ((), ("--json",)):
        written.run("baseline list", *form)
        written.run("event list", *form)
        written.run("limits", *form)
        written.run("trend", *form)
        written.run("compare", "Gamma 1", "Gamma 2", *form)
    written.run("baseline end", "1", "--note", "x")
    written.run("event withdraw", "1", "--note", "x")
    trend = ("--pdf", folder / "trend.pdf", "--html", folder / "trend.html", "--csv", folder / "trend.csv")
    written.run("trend", *trend)
    written.run("compare", "Gamma 1", "Gamma 2", "--pdf", folder / "compare.pdf")
    written.run("config show")
    table = folder.with_name("vendor.csv")
    rows = [f"2026-03-0{day},Gamma 2,1,uniformity.integral.ufov,{day}.5" for day in (1, 2)]
    table.write_text("\n".join(["date,system,detector,metric,value", *rows]))
    for form in ((), ("--json",), ("--output", folder / "agree.pdf")):
        written.run("agree", "--with", table, *form)


def _push(written: Written, patch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        patch.delenv(name, raising=False)
    patch.setenv("QATRACK_TOKEN", "8f5ba2b0c1d24e0f9a")
    tests = {"uniformity_integral_ufov_d1": "simple", "nmqc_verdict": "string", "nmqc_results": "upload"}
    with running(QaTrack(tests=tests)) as server:
        address = ("--url", server.address, "--token-env", "QATRACK_TOKEN")
        asked = ("--unit", "Gamma 2", "--test", "uniformity.planar", "--test-list", "NM daily flood")
        for form in (("--dry-run",), ("--json",), ()):
            written.run("push qatrack", *address, *asked, *form)
        written.add("pushed", json.dumps([server.sessions, server.asked]).encode())
