"""`nmqc demo`: a first look, on a synthetic flood."""

from __future__ import annotations

import shlex
from pathlib import Path

import click


@click.command()
@click.option(
    "-o",
    "--output",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("nmqc-demo"),
    show_default=True,
    help="Folder for the demonstration's files.",
)
def command(folder: Path) -> None:
    """Make a synthetic flood, analyse it, and say what to type next.

    The flood is of a Symbia Intevo Bold with two detectors; the second has a weak photomultiplier. All that is
    written, the history too, goes into the demonstration's own folder.
    """
    from nmqc.cli import invoke, uniformity

    flood, report, history = folder / "flood.dcm", folder / "flood.pdf", folder / "history.sqlite"
    _write_flood(flood)
    click.echo(
        f"Wrote {flood}: a synthetic flood of two detectors; detector 2 has a photomultiplier that is weak.\n"
    )
    typed = [str(flood), "--pdf", str(report), "--db", str(history)]
    click.echo(f"$ nmqc uniformity {shlex.join(typed)}\n")
    status = invoke(uniformity.command, typed, "nmqc uniformity")
    click.echo(_next_steps(flood, report, history, status))


def _write_flood(path: Path) -> None:
    """Write the flood; a file of that name that is not this flood stays as it is."""
    from tempfile import TemporaryDirectory

    from phantoms.flood import demo_flood
    from phantoms.nm import write

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=path.parent) as scratch:
            (made,) = write(demo_flood(), Path(scratch) / path.name, seed=1)
            if path.exists() and path.read_bytes() != made.read_bytes():
                raise click.UsageError(f"{path} is another file: choose another folder with -o")
            made.replace(path)
    except OSError as error:
        raise click.UsageError(
            f"{path.parent}: cannot be written ({error.strerror}); choose a folder with -o"
        ) from None


def _next_steps(flood: Path, report: Path, history: Path, status: int) -> str:
    file, kept = shlex.quote(str(flood)), shlex.quote(str(history))
    meaning = {0: "within limits", 3: "something was not measured", 4: "out of limits"}.get(status, "")
    return "\n".join(
        [
            f"That command's exit status is {status} ({meaning}), for scripts to act on.",
            f"The report is {report}; the results are kept in {history}.",
            "The values strictly read are for comparison: pixels that the field's edge crosses raise them.",
            "",
            "What to type next:",
            "  nmqc uniformity your-flood.dcm --pdf report.pdf   your own flood",
            f"  nmqc history list --db {kept}   what is on record",
            f"  nmqc identify {file}   what a file is",
            "  nmqc limits   which limits judge, and where they come from",
            "  nmqc phantom flood --help   other floods with known defects",
            "  nmqc --help   everything else",
        ]
    )
