"""The configuration that goes with a synthetic site: names of its cameras, which head a file is from, what is due."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

CONFIGURATION_SUFFIX = ".nmqc.toml"
_WEEKEND = '["Saturday", "Sunday"]'
_WEEKLY, _DAILY, _MONTHLY = "7 days", "1 day", "31 days"
_GAMMA_TESTS = (("uniformity.planar", _DAILY), ("resolution.bars", _WEEKLY), ("cor.point-sources", _WEEKLY))
_PET_TESTS = (("pet.uniformity", _WEEKLY), ("pet.image-quality", _MONTHLY))


def configuration_path(folder: Path) -> Path:
    """Return where the configuration of a site's folder stands: beside it."""
    return folder.with_name(folder.name + CONFIGURATION_SUFFIX)


def configuration(cameras: Sequence[Mapping[str, Any]]) -> str:
    """Return the text of a configuration for cameras as ``site_cameras.described`` describes them."""
    lines = ["# Synthetic: the four cameras of a site that nobody has.", ""]
    for camera in cameras:
        lines += [*_system(camera), *_expected(camera)]
    return "\n".join(lines)


def _system(camera: Mapping[str, Any]) -> Iterator[str]:
    yield from ("[[system]]", f'unit = "{camera["unit"]}"', f'unit_id = "{camera["unit_id"]}"')
    yield from (f'name = "{camera["system"]}"', "")
    for detector, text in camera.get("detector_in_series_description", {}).items():
        yield from ("[[system.head]]", f"detector = {detector}", 'attribute = "SeriesDescription"')
        yield from (f'pattern = "{text}"', "")


def _expected(camera: Mapping[str, Any]) -> Iterator[str]:
    for test, every in _PET_TESTS if camera["detectors"] is None else _GAMMA_TESTS:
        grace = 'grace = "3 days"' if every != _DAILY else ""
        yield from ("[[expect]]", f'unit = "{camera["unit"]}"', f'test = "{test}"', f'every = "{every}"')
        yield from (*((grace,) if grace else ()), f"days_off = {_WEEKEND}", "")
