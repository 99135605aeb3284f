"""Which results are the same one."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest

from nmqc.history import key_of
from nmqc.history.key import digest_of
from nmqc.history.rows import refusal_identity
from nmqc.model import EnergyWindow, InputFile, Refusal
from tests.history.samples import UID, a_result, an_input, sha


def test_the_key_is_the_sha256_of_the_contracts_facts() -> None:
    facts = {
        "algorithm": "uniformity.planar/1",
        "asked": {"edge_margin_mm": None, "edge_policy": "whole-pixels"},
        "detector": 1,
        "energy_window": ["99m Technetium", [[129.5, 150.5]]],
        "inputs": [[UID.format(1), sha("1")]],
        "test": "uniformity.planar",
    }
    text = json.dumps(facts, separators=(",", ":"))  # the names above are in alphabetical order
    assert key_of(a_result(1)).digest == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    "changes",
    [
        {"detector": 2},
        {"detector": None},
        {"energy_window": None},
        {"energy_window": EnergyWindow("99m Technetium", ((129.5, 151.0),))},
        {"energy_window": EnergyWindow("Tc", ((129.5, 150.5),))},
        {"test": "resolution.bars"},
        {"algorithm": "uniformity.planar/2"},
        {"asked": {"edge_policy": "strict", "edge_margin_mm": None}},
        {"asked": {"edge_policy": "whole-pixels"}},
        {"inputs": (an_input(1, pixels="other"),)},
        {"inputs": (an_input(2, pixels="1"),)},
        {"inputs": (an_input(1), an_input(2))},
    ],
)
def test_what_makes_another_result(changes: dict[str, object]) -> None:
    assert key_of(a_result(1, **changes)).digest != key_of(a_result(1)).digest


def test_what_leaves_it_the_same_result() -> None:
    first = a_result(1)
    copied = replace(an_input(1), file="renamed.dcm", sha256=sha("other header, same pixels"))
    again = a_result(1, inputs=(copied,), parameters={"replicates": 1000}, measurements=(), unit="NM-2")
    assert key_of(again).digest == key_of(first).digest


def test_order_of_files_and_way_of_writing_a_number_do_not_count() -> None:
    one, two = an_input(1), an_input(2)
    first = a_result(1, inputs=(one, two), asked={"b": [5.0, 1.5], "a": (1, 2)})
    again = a_result(1, inputs=(two, one), asked={"a": [1, 2], "b": (5, 1.5)})
    assert key_of(again).digest == key_of(first).digest


def test_pixels_stay_with_their_uid() -> None:
    swapped = (an_input(1, pixels="2"), an_input(2, pixels="1"))
    assert (
        key_of(a_result(1, inputs=swapped)).digest
        != key_of(a_result(1, inputs=(an_input(1), an_input(2)))).digest
    )


def test_a_file_without_uid_and_pixel_hash_counts_by_its_bytes() -> None:
    bare = [InputFile("flood.dcm", sha(name)) for name in ("first", "second")]
    keys = [key_of(a_result(1, inputs=(one,))) for one in bare]
    assert keys[0].digest != keys[1].digest
    assert [key.inputs[0].uid for key in keys] == [None, None]


def test_the_key_holds_no_uid() -> None:
    assert UID.format(1) not in repr(key_of(a_result(1)))


def test_a_parameter_that_is_no_number_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="JSON"):
        key_of(a_result(1, asked={"edge_margin_mm": float("nan")}))


def test_what_makes_a_refusal_the_same_one_is_never_renamed() -> None:
    """Another name in its key, and every file that was refused would be recorded, and tried, again."""
    refusal = Refusal("x.dcm", "not_dicom", "no DICOM", detector=2)
    facts = {
        "code": "not_dicom",
        "configuration": "c0ffee",
        "detector": 2,
        "energy_window": None,
        "sha256": sha("bytes"),
        "tool": "nmqc 0.1.0",
    }
    text = json.dumps(facts, separators=(",", ":"))  # the names above are in alphabetical order
    found = digest_of(refusal_identity(refusal, sha("bytes"), "nmqc 0.1.0", "c0ffee"))
    assert found == hashlib.sha256(text.encode()).hexdigest()
