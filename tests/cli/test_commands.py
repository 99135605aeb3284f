"""The commands as a person meets them: help, versions, mistakes, phantoms."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest
from pydicom import dcmread

from nmqc import __version__
from nmqc.cli import COMMANDS
from tests.cli.running import ROOT, call, child, finished


def test_help_lists_every_command() -> None:
    run = call("--help")
    assert (run.status, run.err) == (0, "")
    listed = [
        line.split()[0]
        for line in run.text.split("Commands:")[1].splitlines()
        if line[:3] == "  " + line[2:3]
    ]
    assert [name for name in listed if name in COMMANDS] == list(COMMANDS)
    assert call("-h").out == run.out
    assert max(map(len, run.text.splitlines())) <= 80


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_of_every_command(command: str, option: str) -> None:
    run = call(command, option)
    assert (run.status, run.err) == (0, "")
    assert run.text.lower().startswith(f"usage: nmqc {command}")
    assert max(map(len, run.text.splitlines())) <= 80


@pytest.mark.parametrize("command", COMMANDS)
def test_the_line_in_the_list_is_that_of_the_command(command: str) -> None:
    """The list of commands is a table of its own, so that it imports nothing."""
    assert COMMANDS[command][1] in " ".join(call("--help").text.split())
    assert (ROOT / Path(*COMMANDS[command][0].split("."))).with_suffix(".py").is_file()


@pytest.mark.parametrize("command", ["list", "show", "exclude", "include", "export", "path"])
def test_help_of_the_history(command: str) -> None:
    run = call("history", command, "--help")
    assert (run.status, run.err) == (0, "")


@pytest.mark.parametrize(
    "arguments",
    [("uniformty",), ("--no-such-option",), ("history", "remove"), ("phantom", "cube"), ("phantom",)],
    ids=" ".join,
)
def test_what_does_not_exist_is_2(arguments: tuple[str, ...]) -> None:
    run = call(*arguments)
    assert run.status == 2
    assert run.out == b""
    assert run.said


def test_nmqc_alone_helps() -> None:
    run = call()
    assert run.status in (0, 2)
    assert "uniformity" in run.text + run.err


def test_version_names_the_libraries() -> None:
    run = call("--version")
    assert (run.status, run.err) == (0, "")
    assert run.text.splitlines()[0] == f"nmqc {__version__}"
    words = run.text.split()
    for library in ("numpy", "pydicom"):
        assert words[words.index(library) + 1] == version(library)
    assert words[words.index("python") + 1].startswith("3.")


def test_phantom_passes_its_options_on(tmp_path: Path) -> None:
    out = tmp_path / "flood.dcm"
    typed = [
        "--system",
        "symbia-t2",
        "--matrix",
        "96x128",
        "--counts",
        "2e6",
        "--detectors",
        "1",
        "-o",
        str(out),
    ]
    run = call("phantom", "flood", *typed, "--noise-free")
    assert (run.status, run.err) == (0, "")
    assert str(out) in run.text
    ds = dcmread(out)
    assert (ds.Rows, ds.Columns, ds.NumberOfFrames) == (96, 128, 1)
    assert "Symbia T2" in str(ds.SoftwareVersions)
    assert call("phantom", "flood", *typed).status == 2  # it exists
    assert call("phantom", "flood", *typed, "--force").status == 0


def test_phantom_names_itself() -> None:
    run = call("phantom", "flood", "--help")
    assert run.status == 0
    assert run.text.startswith("usage: nmqc phantom flood")
    mistake = call("phantom", "flood", "--system", "cube", "-o", "x.dcm")
    assert mistake.status == 2
    assert len(mistake.said) == 1
    assert mistake.said[0].startswith("nmqc phantom")


def test_a_phantom_is_what_uniformity_takes(tmp_path: Path) -> None:
    out = tmp_path / "flood.dcm"
    call("phantom", "flood", "--system", "brivo", "--matrix", "128", "--counts", "9e7", "-o", out)
    assert call("uniformity", out, "--replicates", "0", "--no-record").status == 0


@pytest.mark.slow
def test_warm_up(tmp_path: Path) -> None:
    import os

    env = {**os.environ, "PYTHONPATH": str(ROOT), "NUMBA_CACHE_DIR": str(tmp_path)}
    run = finished(child("warm-up", env=env))
    assert run.status == 0
    assert "ready" in run.text
    assert list(tmp_path.rglob("*.nbi"))


def test_the_console_script_is_the_module() -> None:
    """`nmqc` and `python -m nmqc` are one program."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["scripts"] == {"nmqc": "nmqc.__main__:main"}
    run = finished(child("--version"))
    assert run.out == call("--version").out
