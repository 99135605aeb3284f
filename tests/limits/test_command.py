"""`nmqc limits`: what it shows, its JSON, and the check of a file."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import pytest

from nmqc.cli import run

from .makers import INTEGRAL, UNITS, written

SCHEMA = Path(__file__).parents[2] / "docs" / "schema" / "nmqc.limits-1.json"
SITE = [
    'limits = "site.toml"',
    "[[system]]",
    'unit = "Gamma 1"',
    'name = "brivo"',
    'unit_id = "0123abcd"',
    "[[system]]",
    'unit = "Gamma 2"',
    'name = "intevo"',
    'unit_id = "0123abce"',
]
LIMITS = [
    "[[limit]]",
    f'metric = "{INTEGRAL}"',
    'unit = "%"',
    'on = "value"',
    "warn = { high = 3.3 }",
    "fail = { high = 4.4 }",
    'unit_name = "Gamma 2"',
    'source = "acceptance report of 2024, a long source that has to be wrapped to fit a terminal"',
    "verified = true",
    "[[limit]]",
    'metric = "cor.offset"',
    'unit = "mm"',
    'on = "magnitude"',
    "fail = { high = 1.5 }",
    'nuclide = "Co-57"',
    'source = "the site"',
]

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def _small_table_of_metrics(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    catalogue = ModuleType("nmqc.catalogue")
    catalogue.metric_units = lambda: UNITS  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "nmqc.catalogue", catalogue)
    monkeypatch.delenv("NMQC_CONFIG", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    def called(*arguments: object) -> tuple[int, str, str]:
        status = run(["limits", *map(str, arguments)])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return called


@pytest.fixture
def site(tmp_path: Path) -> Path:
    written(tmp_path, LIMITS, "site.toml")
    return written(tmp_path, SITE, "nmqc.toml")


def shown_json(call: Call, *arguments: object) -> list[dict[str, Any]]:
    status, out, err = call(*arguments, "--json")
    assert (status, err) == (0, "")
    document = json.loads(out)
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text())).validate(document)
    systems: list[dict[str, Any]] = document["systems"]
    return systems


def fail_ends(system: dict[str, Any]) -> dict[str, list[float]]:
    ends: dict[str, list[float]] = {}
    for entry in system["limits"]:
        ends.setdefault(entry["name"], []).append(entry["limits"]["fail"]["high"])
    return ends


def test_without_a_site_the_builtin_limits_are_shown_as_unverified(call: Call) -> None:
    status, out, err = call()
    assert (status, err) == (0, "")
    assert out.startswith("Limits for every system\n")
    assert (
        "  uniformity.integral.ufov: warn above 4 %, fail above 5 %\n    built-in, unverified: custom" in out
    )
    assert out.count("built-in, unverified: ") == 12
    assert "  cor.axial_shift [1-2]: magnitude, warn above 1 mm, fail above 2 mm\n" in out


def test_each_system_is_shown_with_its_own_limits_and_where_they_come_from(call: Call, site: Path) -> None:
    status, out, _ = call("--config", site)
    assert status == 0
    others, mine = out.split("Limits for Gamma 2 (intevo)")[0], out.split("Limits for Gamma 2 (intevo)")[1]
    assert others.startswith("Limits for Gamma 1 (brivo), any other system\n")
    assert "integral.ufov: warn above 4 %, fail above 5 %" in others
    assert "Gamma 2" not in others
    assert "integral.ufov: warn above 3.3 %, fail above 4.4 %\n    only with: camera Gamma 2\n" in mine
    assert "site.toml:1, verified: acceptance report of 2024" in mine
    assert (
        "cor.offset: magnitude, fail above 1.5 mm\n    only with: Co-57\n    site.toml:10, unverified: "
        in mine
    )
    assert max(map(len, out.splitlines())) <= 80


def test_json_says_the_same(call: Call, site: Path) -> None:
    systems = shown_json(call, "--config", site)
    assert [(one["unit"], one["name"]) for one in systems] == [
        ("Gamma 1", "brivo"),
        ("Gamma 2", "intevo"),
        (None, None),
    ]
    assert [fail_ends(one)[INTEGRAL] for one in systems] == [[5.0], [4.4], [5.0]]
    (entry,) = (
        entry for entry in systems[1]["limits"] if entry["origin"] == "site" and "uni" in entry["name"]
    )
    assert (entry["file"], entry["line"], entry["conditions"]["unit_name"]) == ("site.toml", 1, "Gamma 2")
    assert entry["limits"]["verified"] is True


@pytest.mark.parametrize("name", ["Gamma 2", "intevo", "INTEVO"])
def test_a_system_is_chosen_by_the_camera_or_the_kind(call: Call, site: Path, name: str) -> None:
    (system,) = shown_json(call, "--config", site, "--system", name)
    assert (system["unit"], fail_ends(system)[INTEGRAL]) == ("Gamma 2", [4.4])


def test_a_kind_that_is_not_configured_is_shown_too(call: Call, site: Path) -> None:
    (system,) = shown_json(call, "--config", site, "--system", "symbia-t2")
    assert (system["unit"], system["name"]) == (None, "symbia-t2")
    status, out, _ = call("--config", site, "--system", "symbia-t2")
    assert (status, out.splitlines()[0]) == (0, "Limits for symbia-t2")


def test_a_nuclide_leaves_out_what_is_for_another(call: Call, site: Path) -> None:
    for nuclide, expected in (("Co-57", [1.5]), ("Tc-99m", [2.0])):
        (system,) = shown_json(call, "--config", site, "--system", "Gamma 1", "--nuclide", nuclide)
        assert fail_ends(system)["cor.offset"] == expected


def test_a_nuclide_that_nothing_can_match_is_wrong_usage(call: Call) -> None:
    status, out, err = call("--nuclide", "99mTc")
    assert (status, out) == (2, "")
    assert 'write it as "Tc-99m"' in err


def test_a_collimator_leaves_out_what_is_for_another(call: Call, site: Path) -> None:
    written(site.parent, [*LIMITS[:6], 'collimator = "ANY"', LIMITS[7]], "site.toml")
    for collimator, expected in (("LEHR", [4.4]), ("NONE", [5.0])):
        (system,) = shown_json(call, "--config", site, "--system", "Gamma 1", "--collimator", collimator)
        assert fail_ends(system)[INTEGRAL] == expected
    (system,) = shown_json(call, "--config", site, "--system", "Gamma 1")
    assert fail_ends(system)[INTEGRAL] == [5.0, 4.4]


def test_mistakes_of_the_site_stop_the_command(call: Call, site: Path) -> None:
    written(site.parent, [*LIMITS, "colour = 1"], "site.toml")
    status, out, err = call("--config", site)
    assert (status, out) == (3, "")
    assert "site.toml:17: unknown key" in err


def test_check_of_a_good_file(call: Call, tmp_path: Path) -> None:
    path = written(tmp_path, LIMITS)
    assert call("check", path) == (0, f"{path}: no mistakes\n", "")


def test_check_says_every_mistake_with_its_line(call: Call, tmp_path: Path) -> None:
    bad = [line.replace("3.3", "5.5").replace('"mm"', '"px"') for line in LIMITS]
    path = written(tmp_path, bad)
    status, out, err = call("check", path)
    assert (status, err) == (3, "")
    assert out.splitlines() == [
        f"{path}:5: warn: high 5.5 is beyond the fail limit 4.4",
        f'{path}:12: unit: cor.offset is in "mm", not in "px"',
    ]


def test_check_does_not_need_a_configuration_that_is_right(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NMQC_CONFIG", str(tmp_path / "missing.toml"))
    assert call("check", written(tmp_path, LIMITS))[0] == 0
    assert call()[0] == 3


def test_check_of_no_file_is_wrong_usage(call: Call, tmp_path: Path) -> None:
    assert call("check", tmp_path / "missing.toml")[0] == 2
    assert call("check", tmp_path)[0] == 2
