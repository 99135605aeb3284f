"""The configuration that goes with a synthetic site, read by nmqc: its cameras, their heads, and what is due."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from nmqc import config
from phantoms.site_cameras import acquired_on, described
from phantoms.site_configuration import configuration
from phantoms.site_plan import Plan
from phantoms.site_strays import encoded
from tests.cli.running import call


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One flood of each camera and head, and a cylinder, with the configuration beside them."""
    folder = tmp_path_factory.mktemp("site")
    plan = Plan(date(2025, 10, 1), 10, 1)
    for day in (date(2025, 10, 1), date(2025, 10, 3)):
        for sent in acquired_on(plan, day):
            if sent.item.kind == ("flood" if day.day == 1 else "cylinder"):
                for name, content in zip(sent.item.files, sent.contents, strict=True):
                    (folder / name).parent.mkdir(parents=True, exist_ok=True)
                    (folder / name).write_bytes(encoded(content))
    (folder / "nmqc.toml").write_text(configuration(described()))
    return folder


def test_every_camera_is_known_by_its_name(site: Path) -> None:
    images = sorted(path for path in site.rglob("*") if path.suffix != ".toml")
    run = call("identify", *images, "--config", site / "nmqc.toml", "--json")
    units = {one["system"]["unit"] for one in run.document["files"] if one["system"]}
    assert units == {"Gamma 1", "Gamma 2", "Gamma 3", "PET 1"}


def test_what_is_due_is_read(site: Path) -> None:
    expected = config.load(site / "nmqc.toml").expected
    due = {(one.unit, one.test) for one in expected}
    assert {("Gamma 2", "cor.point-sources"), ("PET 1", "pet.uniformity")} <= due
    assert len(expected) == 11
