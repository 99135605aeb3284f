"""The exit statuses of the contract, and what of them belongs to the process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from nmqc.errors import NmqcError
from nmqc.report import pdf
from phantoms.flood import Flood
from phantoms.nm import write
from tests.cli.conftest import TWO, Floods
from tests.cli.running import Run, call, child, codes, environment, finished, measured

QUICK = ("--replicates", "0", "--no-record", "--json")
METRIC = "uniformity.integral.ufov"


def uniformity(*arguments: str | Path) -> Run:
    return call("uniformity", *QUICK, *arguments)


def limited(folder: Path, **ends: str) -> Path:
    """A site's configuration with a limit of its own for the integral uniformity."""
    levels = "\n".join(f"{name} = {{ high = {end} }}" for name, end in ends.items())
    (folder / "limits.toml").write_text(
        f'[[limit]]\nmetric = "{METRIC}"\nunit = "%"\non = "value"\nsource = "a test"\n{levels}\n'
    )
    (folder / "nmqc.toml").write_text('limits = "limits.toml"\n')
    return folder / "nmqc.toml"


# --- 0, 3, 4 ---------------------------------------------------------------------------------------------


def test_within_limits_is_0(floods: Floods) -> None:
    run = uniformity(floods.good)
    (result,) = run.results
    assert (run.status, result["verdict"]) == (0, "pass")
    # nothing but what the user did not give is missing
    assert set(codes(result["not_measured"])) == {"no_reference", "no_source_distance"}


def test_nothing_to_judge_by_is_0(floods: Floods) -> None:
    """Too few counts for any limit: remarked, unjudged, and no reason to stop."""
    run = uniformity(floods.few)
    (result,) = run.results
    assert {"low_counts", "limit_below_noise"} <= set(codes(result["remarks"]))
    assert (run.status, result["verdict"]) == (0, "unjudged")


def test_out_of_limits_is_4(floods: Floods) -> None:
    run = uniformity(floods.weak)
    assert run.status == 4
    assert [result["verdict"] for result in run.results] == ["pass", "fail"]


def test_out_of_an_unverified_limit_is_4_and_said(floods: Floods) -> None:
    run = call("uniformity", floods.weak, "--replicates", "0", "--no-record")
    assert run.status == 4
    assert "not verified" in run.text


@pytest.mark.parametrize(("strict", "status"), [((), 0), (("--strict-exit",), 4)])
def test_a_warning_is_0_or_4(floods: Floods, tmp_path: Path, strict: tuple[str, ...], status: int) -> None:
    run = uniformity(floods.good, "--config", limited(tmp_path, warn="0.001", fail="90"), *strict)
    assert run.results[0]["verdict"] == "warn"
    assert run.status == status


def test_strict_exit_changes_nothing_within_limits(floods: Floods) -> None:
    assert uniformity(floods.good, "--strict-exit").status == 0


def test_the_sites_limit_judges(floods: Floods, tmp_path: Path) -> None:
    """Both ends belong to what is permitted, and values are judged unrounded."""
    value = measured(uniformity(floods.weak).results[1])["value"]
    for end, verdict in ((value, "pass"), (value * (1 - 1e-12), "fail")):
        run = uniformity(floods.weak, "--config", limited(tmp_path, fail=f"{end:.17g}"))
        judged = measured(run.results[1])
        assert (judged["verdict"], judged["limits"]["source"]) == (verdict, "a test")


def test_refused_is_3(floods: Floods, tmp_path: Path) -> None:
    (tmp_path / "text.dcm").write_text("no image")
    assert uniformity(tmp_path / "text.dcm", floods.good).status == 3
    assert uniformity(tmp_path / "text.dcm").status == 3


def test_not_measured_is_3(tmp_path: Path) -> None:
    """A field that a zoom clips, known from the site: its middle is measured, its whole is not."""
    zoomed = Flood("intevo", matrix=128, zoom=1.3, heads=TWO[:1])
    (path,) = write(zoomed, tmp_path / "zoomed.dcm", seed=3)
    site = tmp_path / "nmqc.toml"
    field = '{ shape = "RECTANGLE", extents_mm = [533, 387] }'
    site.write_text(f'[[system]]\nunit = "NM-1"\nmodel = "intevo"\nfield = {field}\n')
    run = uniformity(path, "--config", site)
    (result,) = run.results
    absent = {(item["name"], item["of"], item["code"]) for item in result["not_measured"]}
    assert (METRIC, "", "zoomed_field") in absent
    assert measured(result, "uniformity.integral.cfov")["verdict"] == "pass"
    assert (run.status, run.refused) == (3, [])
    quiet = call("uniformity", path, "--replicates", "0", "--no-record", "--config", site, "--quiet")
    (line,) = quiet.text.splitlines()
    assert line.startswith(f"{path.name}: {METRIC} was not measured: ")


def test_the_highest_wins(floods: Floods, tmp_path: Path) -> None:
    (tmp_path / "text.dcm").write_text("no image")
    assert uniformity(tmp_path / "text.dcm", floods.weak).status == 4
    assert uniformity(floods.weak, tmp_path / "text.dcm").status == 4


def test_a_report_that_fails_does_not_lower_the_status(
    floods: Floods, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full when the report is written: the results stand, and their 4 with them."""

    def full(*_arguments: object, **_options: object) -> None:
        raise NmqcError("pdf_not_written", "report.pdf: cannot be written (disk full)")

    monkeypatch.setattr(pdf, "save", full)
    run = uniformity(floods.weak, "--pdf", tmp_path / "report.pdf")
    assert any("cannot be written" in line for line in run.said)
    assert len(run.results) == 2
    assert run.status == 4
    assert uniformity(floods.good, "--pdf", tmp_path / "report.pdf").status == 3


# --- 2 ---------------------------------------------------------------------------------------------------


def test_no_file_is_2() -> None:
    assert call("uniformity").status == 2


@pytest.mark.parametrize("command", ["uniformity", "identify"])
def test_a_single_missing_path_is_2(tmp_path: Path, command: str) -> None:
    run = call(command, tmp_path / "missing.dcm")
    assert (run.status, run.out) == (2, b"")
    assert "missing.dcm" in run.said[-1]


def test_a_missing_path_among_several_is_3(floods: Floods, tmp_path: Path) -> None:
    run = uniformity(tmp_path / "missing.dcm", floods.good)
    assert (run.status, codes(run.refused)) == (3, ["missing"])
    assert len(run.results) == 1


@pytest.mark.parametrize("command", ["uniformity", "identify"])
def test_a_path_that_no_file_can_have_is_2(tmp_path: Path, command: str) -> None:
    """A name of 300 characters is longer than any file system permits."""
    run = call(command, tmp_path / ("a" * 300))
    assert run.status == 2
    assert len(run.said[-1]) < 1000


# --- crashes, Ctrl-C, pipes ------------------------------------------------------------------------------

#: Interrupts itself at the moment when a module is first imported: a person's Ctrl-C at a known place.
INTERRUPTED = """
import os, runpy, signal, sys
place = sys.argv[1]
sys.argv = ["nmqc", *sys.argv[2:]]
class Watch:
    def find_spec(name, path=None, target=None):
        if name == place:
            sys.meta_path.remove(Watch)
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Watch)
runpy.run_module("nmqc", run_name="__main__", alter_sys=True)
"""


PLACES = (
    "nmqc.cli",
    "nmqc.cli.uniformity",
    "pydicom",
    "nmqc.uniformity.planar",
    "sqlite3",
    "nmqc.report.terminal",
)


@pytest.mark.skipif(os.name != "posix", reason="signals are those of POSIX")
@pytest.mark.parametrize("place", PLACES)
def test_ctrl_c_is_130_and_silent(floods: Floods, tmp_path: Path, place: str) -> None:
    """While the program starts, reads, analyses, records and shows."""
    arguments = (
        place,
        "uniformity",
        str(floods.good),
        "--replicates",
        "0",
        "--db",
        str(tmp_path / "h.sqlite"),
    )
    run = finished(child(*arguments, python=("-c", INTERRUPTED)))
    assert run.status == 130
    assert run.err == ""


CLOSED_PIPE = {
    "help": ("--help",),
    "version": ("--version",),
    "text": ("uniformity", "FLOOD", "--rebin", "2", "--replicates", "0", "--no-record"),
    "json": ("uniformity", "FLOOD", "--rebin", "2", "--replicates", "0", "--no-record", "--json"),
    "identify": ("identify", "FLOOD", "--json"),
    "limits": ("limits",),
}


@pytest.mark.skipif(os.name != "posix", reason="pipes are those of POSIX")
@pytest.mark.parametrize("arguments", CLOSED_PIPE.values(), ids=CLOSED_PIPE)
def test_a_closed_pipe_is_141_and_silent(floods: Floods, arguments: tuple[str, ...]) -> None:
    """`nmqc ... | head -1`, where the reader is gone before anything is written."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    typed = [str(floods.good) if word == "FLOOD" else word for word in arguments]
    try:
        run = finished(child(*typed, stdout=write_end))
    finally:
        os.close(write_end)
    assert run.status == 141
    assert run.err == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_behind_the_output_is_no_crash(floods: Floods) -> None:
    with Path("/dev/full").open("wb") as full:
        run = finished(child("identify", floods.good, stdout=full))
    assert run.status == 3
    assert len(run.said) == 1


@pytest.mark.skipif(os.name != "posix", reason="file descriptors are those of POSIX")
def test_a_closed_output_is_no_crash(floods: Floods) -> None:
    """A daemon may start programs without any standard streams: `nmqc ... >&-`."""
    command = [sys.executable, "-m", "nmqc", "identify", str(floods.good)]
    shell = subprocess.run(
        ["sh", "-c", '"$@" >&-', "sh", *command], env=environment(), stderr=subprocess.PIPE, check=False
    )
    run = finished(shell)
    assert run.status != 1
    assert "Traceback" not in run.err


def test_a_crash_is_1_with_its_traceback(floods: Floods) -> None:
    """A defect of nmqc must look like one, and not like a refusal."""
    broken = "import nmqc.catalogue as c; c.find = None; from nmqc.__main__ import main; main()"
    process = child("uniformity", floods.good, "--no-record", python=("-c", broken))
    assert process.returncode == 1
    assert b"Traceback" in process.stderr


def test_the_interrupt_signal_is_the_one_of_ctrl_c() -> None:
    assert 128 + signal.SIGINT == 130
