"""`nmqc history show N --rerun FILE...`: a recorded result made again."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nmqc.history import History, find_address
from nmqc.model import Result
from nmqc.report.document import result_from_json
from tests.cli.conftest import Floods
from tests.cli.running import Run, call, child, environment
from tests.history.samples import payload_of

FEW = ("--replicates", "8")


def rerun(db: Path, number: int, *files: str | Path) -> Run:
    return call("history", "show", str(number), "--rerun", *files, "--db", db)


def recorded(db: Path, *arguments: str | Path) -> None:
    assert call(*arguments, "--db", db, "--quiet").status in (0, 3, 4)


def altered(db: Path, to: Path, **changes: Any) -> Path:
    """The first result as if another computer had recorded it: fields of the Result, or of its first measurement."""
    with (
        History.open(find_address(f"sqlite:///{db}")) as old,
        History.open(find_address(f"sqlite:///{to}")) as new,
    ):
        result = result_from_json(old.get(1).payload)
        own = {name: changes.pop(name) for name in ("value", "limits", "verdict") if name in changes}
        first = replace(result.measurements[0], **own)
        result = replace(result, measurements=(first, *result.measurements[1:]), **changes)
        new.record(result, payload_of(result))
    return to


def of_first(db: Path) -> Result:
    with History.open(find_address(f"sqlite:///{db}")) as history:
        return result_from_json(history.get(1).payload)


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "h.sqlite"


@pytest.fixture
def good(floods: Floods, db: Path) -> Path:
    recorded(db, "uniformity", floods.good, *FEW)
    return floods.good


def test_the_same_to_the_last_bit(good: Path, db: Path, tmp_path: Path) -> None:
    """Of a copy under another name: the bytes count."""
    copy = shutil.copy(good, tmp_path / "IM0001")
    run = rerun(db, 1, copy)
    assert (run.status, run.err) == (0, "")
    assert "the same to the last bit" in run.text
    document = rerun(db, 1, copy, "--json").document
    assert (document["schema"], document["status"], document["why"]) == ("nmqc.rerun/1", "identical", None)
    assert document["differences"] == document["gone"] == document["new"] == document["changed"] == []
    then, now = document["entry"]["result"], document["result"]
    assert now["measurements"] == then["measurements"]
    assert document["numbers"] > 5 * len(then["measurements"]) / 2


@pytest.mark.parametrize(
    ("further", "beside"),
    [
        (("--rebin", "3", "--edge-policy", "strict"), ()),
        (("--edge-margin", "12.512345678", "--source-distance", "1500.123456789"), ()),
        (("--reference", "weak"), ("weak",)),
    ],
)
def test_with_every_option(
    floods: Floods, db: Path, further: tuple[str, ...], beside: tuple[str, ...]
) -> None:
    """Unrounded: a distance of 1500.123456789 mm is recorded as it was typed."""
    further = tuple(str(floods.weak) if one == "weak" else one for one in further)
    left, right = floods.split
    recorded(db, "uniformity", left, right, *FEW, "--detector", "1,2", *further)
    for number, path in ((1, left), (2, right)):
        run = rerun(db, number, path, *(getattr(floods, one) for one in beside), "--json")
        assert (run.status, run.document["status"], run.err) == (0, "identical", "")


def test_the_flood_that_it_was_compared_with_is_named(floods: Floods, db: Path) -> None:
    recorded(db, "uniformity", floods.split[0], *FEW, "--detector", "1", "--reference", floods.split[1])
    entry = json.loads(call("history", "show", "1", "--json", "--db", db).text)["entries"][0]["result"]
    (one,) = entry["beside"]
    assert (one["role"], one["file"], one["head"]) == ("reference", floods.split[1].name, 1)
    assert entry["inputs"][0]["head"] == 1
    run = rerun(db, 1, floods.split[0])
    assert run.status == 3
    assert "the reference flood" in run.err
    assert one["sha256"][:12] in run.err
    assert rerun(db, 1, *floods.split).status == 0


def test_another_file_is_refused(floods: Floods, good: Path, db: Path) -> None:
    run = rerun(db, 1, good, floods.weak, "--json")
    assert run.status == 3
    assert [one["code"] for one in run.refused] == ["other_file"]
    assert "nmqc history explain" in run.err
    assert run.document["status"] is None
    assert run.document["entry"]["number"] == 1


def test_a_changed_file_is_refused(good: Path, db: Path, tmp_path: Path) -> None:
    """One byte of a pixel."""
    content = bytearray(good.read_bytes())
    content[-1000] ^= 1
    (tmp_path / good.name).write_bytes(content)
    assert [one["code"] for one in rerun(db, 1, tmp_path / good.name, "--json").refused] == ["other_file"]


def test_a_folder_that_holds_other_files_too(floods: Floods, good: Path, db: Path, tmp_path: Path) -> None:
    where = tmp_path / "archive" / "x"
    where.mkdir(parents=True)
    shutil.copy(floods.weak, where)
    assert [one["code"] for one in rerun(db, 1, where.parent, "--json").refused] == ["missing_file"]
    shutil.copy(good, where / "other.dcm")
    assert rerun(db, 1, where.parent).status == 0


@pytest.mark.parametrize("arguments", [("--rerun",), ("x.dcm",)])
def test_wrong_usage(arguments: tuple[str, ...], good: Path, db: Path) -> None:
    typed = [good if one == "x.dcm" else one for one in arguments]
    assert call("history", "show", "1", *typed, "--db", db).status == 2


def test_no_such_result(good: Path, db: Path) -> None:
    run = rerun(db, 99, good, "--json")
    assert run.status == 3
    assert (run.document["entry"], len(run.refused)) == (None, 1)


def test_the_last_digit_is_told(good: Path, db: Path, tmp_path: Path) -> None:
    """The next number that a float can be: 0, with what is not as it was; a hundredth: 4."""
    import math

    value = of_first(db).measurements[0].value
    old = {**(of_first(db).made_with or {}), "numpy": "1.26.4", "processor": "riscv64"}
    near = altered(db, tmp_path / "near", value=math.nextafter(value, math.inf), made_with=old)
    run = rerun(near, 1, good, "--json")
    assert (run.status, run.document["status"]) == (0, "rounding")
    (one,) = run.document["differences"]
    assert (one["what"], one["now"], one["rounding"]) == ("value", value, True)
    assert 0 < one["relative"] < 1e-15
    assert [each["what"] for each in run.document["changed"]] == ["numpy", "processor"]
    assert "numpy 1.26.4, now" in rerun(near, 1, good).text
    far = rerun(altered(db, tmp_path / "far", value=value * 1.01), 1, good)
    assert far.status == 4
    assert "nothing that is recorded has changed" in far.text


def test_limits_of_then_and_of_today(good: Path, db: Path, tmp_path: Path) -> None:
    """Today's file is stricter: the number is the same, its verdict by the limits of then too."""
    first = of_first(db).measurements[0]
    assert first.verdict == "pass"
    (tmp_path / "limits.toml").write_text(
        f'[[limit]]\nmetric = "{first.metric.name}"\nunit = "{first.metric.unit}"\non = "value"\n'
        f'fail = {{ high = {first.value / 2:.6f} }}\nsource = "made up"\n'
    )
    (tmp_path / "nmqc.toml").write_text('limits = "limits.toml"\n')
    run = rerun(db, 1, good, "--config", tmp_path / "nmqc.toml", "--json")
    one = next(each for each in run.document["judgements"] if each["metric"] == first.metric.name)
    assert (one["recorded"], one["then"]) == ("pass", "pass")
    assert one["today"] in ("fail", "unjudged")  # below the noise floor it is not judged
    assert one["limits_today"]["source"] == "made up"
    assert run.status == 0
    text = rerun(db, 1, good, "--config", tmp_path / "nmqc.toml").text
    assert "its limits have changed" in text


def test_a_verdict_that_does_not_follow_from_its_limits(good: Path, db: Path, tmp_path: Path) -> None:
    """A record that was altered: the number passes, and failed then."""
    run = rerun(altered(db, tmp_path / "other", verdict="fail"), 1, good)
    assert run.status == 4
    assert "fail then, pass today by the limits of then" in run.text


def test_what_an_older_version_did_not_record(good: Path, db: Path, tmp_path: Path) -> None:
    """Neither options nor versions: made again as far as it can be told, and said."""
    older = altered(db, tmp_path / "older", options=None, made_with={})
    run = rerun(older, 1, good, "--json")
    assert (run.status, run.document["status"]) == (0, "identical")
    assert run.document["entry"]["result"]["made_with"] is None
    assert "numpy" in [one["what"] for one in run.document["changed"] if one["then"] is None]


def test_an_option_that_is_there_no_more(good: Path, db: Path, tmp_path: Path) -> None:
    options = {**(of_first(db).options or {}), "smoothing": "nine points"}
    run = rerun(altered(db, tmp_path / "older", options=options), 1, good, "--json")
    assert run.document["changed"] == [{"what": "option smoothing", "then": "nine points", "now": None}]


def test_another_field_of_view_by_the_site_is_set_aside(
    floods: Floods, good: Path, db: Path, tmp_path: Path
) -> None:
    """Then nothing was configured: today's configuration must not change the number; and the other way round."""
    config = tmp_path / "nmqc.toml"
    config.write_text(
        '[[system]]\nunit = "Gamma 3"\nmodel = "Brivo"\nname = "brivo"\n'
        'field = { shape = "RECTANGLE", extents_mm = [520, 370] }\n'
    )
    assert rerun(db, 1, good, "--config", config).status == 0
    recorded(db, "uniformity", good, *FEW, "--config", config)
    assert rerun(db, 2, good, "--json").document["status"] == "identical"


def test_nothing_is_recorded(good: Path, db: Path) -> None:
    before = db.read_bytes()
    rerun(db, 1, good)
    assert db.read_bytes() == before


@pytest.mark.parametrize(
    "settings", [{"NMQC_ENGINE": "numba", "NUMBA_NUM_THREADS": "2"}, {"OPENBLAS_NUM_THREADS": "2"}]
)
def test_engine_and_threads_change_no_bit(
    settings: dict[str, str], good: Path, db: Path, tmp_path: Path
) -> None:
    made = child("history", "show", "1", "--rerun", good, "--db", db, env=environment(**settings))
    assert (made.returncode, made.stderr) == (0, b"")
    assert b"the same to the last bit" in made.stdout


PHANTOMS = {
    "bars": (("bars",), ("resolution", "--bars", "2.0,2.5,3.0,3.5")),
    "lines": (("lines",), ("resolution", "--separation", "100.123456789")),
    "slits": (("slits",), ("resolution",)),
    "cor": (("cor",), ("cor",)),
    "cylinder": (("cylinder",), ("pet", "--phantom", "cylinder", "--background-bqml", "5300.123456789123")),
}


@pytest.mark.parametrize("name", PHANTOMS)
def test_every_family(name: str, db: Path, tmp_path: Path) -> None:
    (phantom, (command, *options)), made = PHANTOMS[name], tmp_path / "made"
    made.mkdir()
    target = made / ("series" if name == "cylinder" else "image.dcm")
    assert call("phantom", *phantom, "-o", target).status == 0
    recorded(db, command, *sorted(made.iterdir()), *options)
    with History.open(find_address(f"sqlite:///{db}")) as history:
        numbers = [entry.number for entry in history.select()]
    for number in numbers:
        run = rerun(db, number, made)
        assert (run.status, run.err) == (0, ""), run.text
        assert "the same to the last bit" in run.text


def test_two_images_of_bars_together(db: Path, tmp_path: Path) -> None:
    made = tmp_path / "made"
    made.mkdir()
    for turn in (0, 90):
        out = made / f"{turn}.dcm"
        assert (
            call("phantom", "bars", "--rotation", str(turn + 3), "--seed", str(turn), "-o", out).status == 0
        )
    recorded(db, "resolution", *sorted(made.iterdir()))
    assert rerun(db, 3, made, "--json").document["status"] == "identical"
    assert [one["code"] for one in rerun(db, 3, made / "0.dcm", "--json").refused] == ["missing_file"]


FILL = """
[background]
volume_ml = 9700.0
[[background.syringe]]
activity_mbq = 51.3
measured = 2026-01-05 06:12:00
"""


def test_a_fill_sheet_need_not_be_there_any_more(db: Path, tmp_path: Path) -> None:
    """What it said is recorded, unrounded and with its SHA-256."""
    assert call("phantom", "cylinder", "-o", tmp_path / "series").status == 0
    sheet = tmp_path / "fill.toml"
    sheet.write_text(FILL)
    recorded(db, "pet", tmp_path / "series", "--phantom", "cylinder")
    sheet.unlink()
    run = rerun(db, 1, tmp_path / "series", "--json")
    assert (run.status, run.document["status"]) == (0, "identical")
    from hashlib import sha256

    fill = run.document["entry"]["result"]["options"]["fill"]
    assert fill["sha256"] == sha256(FILL.encode()).hexdigest()


@pytest.mark.slow
def test_the_iec_phantom(db: Path, tmp_path: Path) -> None:
    """The concentrations of the spheres come of ratio and background: to the last bit, not to nine digits."""
    assert call("phantom", "iec", "-o", tmp_path / "iec").status == 0
    options = ("--ratio", "4.123456789012", "--background-bqml", "5300.7")
    recorded(db, "pet", tmp_path / "iec", *options)
    recorded(db, "pet", tmp_path / "iec", *options, "--bg-rois", own_regions(db, tmp_path))
    (tmp_path / "regions.toml").unlink()
    with History.open(find_address(f"sqlite:///{db}")) as history:
        entries = sorted(history.select(), key=lambda one: one.number)
    regions = [entry.payload["options"].get("background_rois") for entry in entries]
    assert any(one is not None and len(one["sha256"]) == 64 for one in regions)
    for entry in entries:
        run = rerun(db, entry.number, tmp_path / "iec", "--json")
        assert (run.status, run.document["status"]) == (0, "identical"), run.err


def own_regions(db: Path, folder: Path) -> Path:
    """A site's file of the places that the first analysis found, 1 mm further along the first axis."""
    with History.open(find_address(f"sqlite:///{db}")) as history:
        parameters = history.get(1).payload["parameters"]
    places = parameters["background_centres_with_spheres_mm"]
    path = folder / "regions.toml"
    tables = "".join(f"[[region]]\nx_mm = {x + 1.0}\ny_mm = {y}\n" for x, y in places)
    path.write_text('relative_to = "spheres"\n' + tables)
    return path
