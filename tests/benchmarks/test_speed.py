"""The pieces of the speed benchmark, without pylinac and without a look at any time."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks import bars, clock, page, peer, runner, uniformity
from benchmarks.bench import Bench, Case, opened
from benchmarks.clock import CommandFailed, Sample, Timing, Work, call, command, in_turn
from benchmarks.comparison import Comparison, as_json
from benchmarks.engines import EngineRun, break_even
from nmqc.uniformity import noise, planar

NO_PEER = Path("no-python-with-pylinac")
SMALL = Case("brivo", 128)


def timing(*seconds: float) -> Timing:
    return Timing(tuple(Sample(one, 2 * one + 1) for one in seconds))


def engine_run(pixels: int, numpy_s: float, numba_s: float) -> EngineRun:
    return EngineRun(pixels // 100, pixels, timing(numpy_s), timing(numba_s))


def test_rounds_go_in_turn_forwards_and_backwards_after_a_warm_up() -> None:
    order: list[str] = []

    def work(name: str) -> Work:
        def run() -> Sample:
            order.append(name)
            return Sample(float(len(order)), 0.0)

        return run

    timings = in_turn({"a": work("a"), "b": work("b")}, rounds=3)
    assert "".join(order) == "ab" + "ab" + "ba" + "ab"
    assert [sample.cpu_s for sample in timings["a"].samples] == [3, 6, 7]


def test_a_call_is_timed_per_call(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    cpu, wall = iter([10.0, 24.0]), iter([100.0, 135.0])
    own = SimpleNamespace(process_time=lambda: next(cpu), perf_counter=lambda: next(wall))
    monkeypatch.setattr(clock, "time", own)
    assert call(lambda: calls.append(1), times=7)() == Sample(cpu_s=2.0, wall_s=5.0)
    assert len(calls) == 7


@pytest.mark.parametrize(
    ("faster", "target", "ratio", "reached"),
    [(True, 4.0, 4.0, True), (True, 4.1, 4.0, False), (False, 0.25, 0.25, True), (False, 0.2, 0.25, False)],
)
def test_a_ratio_at_its_target_reaches_it(faster: bool, target: float, ratio: float, reached: bool) -> None:
    # median 2 beside median 8; the means, 3 and 9, would give another ratio
    comparison = Comparison("a", "b", timing(1, 2, 6), timing(7, 8, 12), faster, target)
    assert comparison.ratio == ratio
    assert comparison.reached is reached
    assert comparison.ratio_of_least == (7 if faster else 1 / 7)
    assert comparison.ratio_of_walls == (17 / 5 if faster else 5 / 17)


def test_numba_wins_from_where_the_two_lines_cross() -> None:
    # NumPy 1 s + 50 ns a pixel, Numba 2 s + 10 ns a pixel: they cross at 1 s / 40 ns = 25 million
    runs = [
        engine_run(pixels, 1 + 50e-9 * pixels, 2 + 10e-9 * pixels) for pixels in (10**6, 10**7, 10**8, 10**9)
    ]
    assert break_even(runs) == 25_000_000
    assert break_even(runs[:2]) is None
    assert break_even(runs[2:]) == 10**8


def test_a_command_that_fails_is_not_timed(tmp_path: Path) -> None:
    work = command(
        lambda: [sys.executable, "-c", "raise SystemExit('no luck')"], os.environ, tmp_path, lambda _: None
    )
    with pytest.raises(CommandFailed, match=r"ended with 1: no luck"):
        work()


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with opened(NO_PEER) as ready:
        yield ready
    assert not ready.folder.exists()


def test_the_arithmetic_that_is_timed_gives_the_indices_of_the_analysis(bench: Bench) -> None:
    acquisition = bench.acquisition(SMALL)
    (result,) = planar.analyse(acquisition, planar.Options(replicates=0)).results
    analysed = {one.metric.name: one.value for one in result.measurements if one.of == ""}
    timed = uniformity.arithmetic(acquisition)()
    assert isinstance(timed, dict)
    assert len(timed) == 8
    assert {f"uniformity.{name}": float(value) for name, value in timed.items()}.items() <= analysed.items()


def test_the_noise_floor_is_simulated_only_where_it_says_so(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(noise, "FLOOR_TRIALS", 20)
    works = uniformity.analyses(bench.acquisition(SMALL))
    works["floor"]()
    simulated = noise._simulated_floor.cache_info().misses
    assert simulated == 1
    works["bare"]()
    assert noise._simulated_floor.cache_info().misses == simulated
    works["whole"]()
    assert noise._simulated_floor.cache_info().misses == 1  # forgotten, and simulated again
    noise._simulated_floor.cache_clear()


def test_a_run_that_records_nothing_is_found_out(bench: Bench) -> None:
    arguments = ["uniformity", str(bench.path(SMALL)), "--json", "--replicates", "2"]
    bench.nmqc_recording(arguments, uniformity.recorded(1))()
    assert len(list(bench.folder.glob("history-*.sqlite"))) == 1
    with pytest.raises(CommandFailed, match="did not record"):
        bench.nmqc([*arguments, "--no-record"], uniformity.recorded(1))()


def test_no_settings_of_the_user_reach_the_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NMQC_ENGINE", "nonsense")
    monkeypatch.setenv("XDG_CONFIG_HOME", "nonsense")
    with opened(NO_PEER) as own:
        assert "nonsense" not in own.environment.values()
        assert own.environment["HOME"] != str(Path.home())
        assert "PYTHONPATH" not in own.environment_of_peer


@pytest.mark.parametrize("name", ["pyvenv.cfg", "precious.txt"])
def test_nothing_is_installed_into_a_folder_of_something_else(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("kept")
    with pytest.raises(peer.NoPeer, match="delete it or give another"):
        peer.python_with_pylinac(tmp_path)
    assert [one.read_text() for one in tmp_path.iterdir()] == ["kept"]


def test_a_failed_installation_is_taken_away_and_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(arguments: list[str]) -> None:
        if "pip" in arguments:
            raise peer.NoPeer("pip needs the network")
        (tmp_path / "env").mkdir()

    monkeypatch.setattr(peer, "_run", run)
    with pytest.raises(peer.NoPeer, match="network"):
        peer.python_with_pylinac(tmp_path / "env")
    assert not (tmp_path / "env").exists()


def report() -> page.Report:
    comparison = Comparison("analyse", "analysis", timing(0.02, 0.03), timing(1.5, 1.7), True, 10.0)
    engines = (engine_run(10**6, 1.0, 2.0), engine_run(10**8, 9.0, 4.0))
    other = Comparison("bars", "process", timing(0.5, 0.7), timing(0.01), False, None, 0.6)
    return page.Report(
        runner.machine(NO_PEER) | {"peer": {"pylinac": "3.49.0", "numpy": "2.0", "pydicom": "2.4"}},
        timing(0.01, 0.02),
        (
            page.Part("Floods", "some", (comparison,), "* floods\n", engines),
            page.Part("Bars", "more", (other,), "* bars\n"),
        ),
    )


def test_page_and_text_state_ratio_target_and_outcome() -> None:
    for shown in (page.markdown(report()), page.text(report())):
        assert "64 times as fast" in shown  # medians: 1.6 s over 0.025 s
        assert "at least 10: reached" in shown
        assert "about 18 million pixels" in shown  # 1 + 99 * 1 / (1 + 5) = 17.5
        assert "60 times as long" in shown  # medians: 0.6 s over 0.01 s
        assert "at most 0.6 s: reached" in shown
        assert shown.count("The kernels win") == 1  # of the part alone that has engines


def test_the_page_holds_every_part_with_its_method() -> None:
    shown = page.markdown(report())
    places = [
        shown.index(one) for one in ("## Floods", "## Bars", "## How it is measured", "* floods", "* bars")
    ]
    assert places == sorted(places)


@pytest.mark.parametrize(("most_s", "reached"), [(0.6, True), (0.599, False)])
def test_a_time_at_its_bound_reaches_it(most_s: float, reached: bool) -> None:
    comparison = Comparison("a", "b", timing(0.5, 0.7), timing(0.01), False, None, most_s)
    assert comparison.reached is reached


def test_the_page_names_neither_the_machine_nor_its_folders() -> None:
    shown = page.markdown(report())
    assert socket.gethostname() not in shown
    assert str(Path.home()) not in shown.replace("`", "")
    assert sys.executable not in shown


def test_the_json_holds_every_sample_and_no_infinity() -> None:
    found = json.loads(json.dumps(page.document(report()), allow_nan=False))
    floods, bar_images = found["parts"]
    (comparison,) = floods["comparisons"]
    assert comparison == as_json(report().parts[0].comparisons[0])
    assert [sample["cpu_s"] for sample in comparison["theirs"]] == [1.5, 1.7]
    assert floods["numba_wins_from_pixels"] == round(1e6 + 99e6 / 6)
    assert bar_images["engines"] == []
    assert bar_images["comparisons"][0]["most_s"] == 0.6


def test_the_bar_phantom_that_is_timed_lies_where_pylinac_is_told() -> None:
    case = bars.BarCase(512)
    told, phantom = case.told(), case.phantom()
    pixel = phantom.spacing_mm[0]
    assert told["distance_from_center_mm"] * pixel == pytest.approx(bars.FROM_CENTRE_MM, abs=pixel / 100)
    places = {
        (1, 1): 0,
        (1, -1): 1,
        (-1, -1): 2,
        (-1, 1): 3,
    }  # x, y down: pylinac's 45, -45, -135, 135 degrees
    for one in phantom.truth().quadrants:
        x, y = one.centre_mm
        assert told["bar_widths"][places[1 if x > 0 else -1, 1 if y > 0 else -1]] == one.width_mm


def test_a_resolution_command_without_an_fwhm_is_found_out() -> None:
    bars.measured(b"FWHM, joint fit   4.18 mm")
    with pytest.raises(CommandFailed, match="no joint FWHM"):
        bars.measured(b"refused  bars.dcm: not a bar phantom")
