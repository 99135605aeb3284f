"""The JSON objects: valid against the schema, exact on the way back, and never NaN."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from nmqc.model import Beside, EnergyWindow, InputFile, Measurement, Metric, Remark, System
from nmqc.report import document
from tests.report import samples

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads(ROOT.joinpath("docs/schema/nmqc.results-1.json").read_text("utf-8"))
ANALYSED = "2026-11-16T07:15:02Z"


def whole():
    return document.results_document(samples.both(), samples.refusals(), ANALYSED)


def bare():
    """A result of which nothing is known that may be unknown."""
    source = samples.source(
        inputs=(InputFile("ab12cd34", "1f" * 32),),
        system=System("unknown", "unidentified", "", ""),
        acquired=None,
        acquired_from=None,
        radionuclide="",
        software="",
        corrected=(),
        synthetic=False,
    )
    return samples.result(
        detector=None,
        detector_source=None,
        source=source,
        energy_window=None,
        parameters={},
        asked={},
        measurements=(),
        not_measured=(),
        remarks=(),
        evidence=(),
        collimator="",
        duration_s=None,
        total_counts=None,
        summary="",
    )


def objects(schema, path="$"):
    """Every part of a schema that describes an object, with its place."""
    if isinstance(schema, dict):
        if "object" in np.atleast_1d(schema.get("type", "")):
            yield path, schema
        for name, item in schema.items():
            yield from objects(item, f"{path}.{name}")
    elif isinstance(schema, list):
        for number, item in enumerate(schema):
            yield from objects(item, f"{path}[{number}]")


def test_the_schema_is_itself_valid():
    Draft202012Validator.check_schema(SCHEMA)


def test_the_schema_lets_no_unknown_key_pass_and_no_key_be_left_out():
    free = {"uncertainty_parts", "parameters", "asked", "options"}
    for path, schema in objects(SCHEMA):
        if path.rpartition(".")[2] not in free:
            assert schema["additionalProperties"] is False, path
            assert set(schema["required"]) == set(schema["properties"]), path


@pytest.mark.parametrize("results", [samples.both(), [(bare(), None)], []], ids=["full", "bare", "none"])
@pytest.mark.parametrize("analysed", [ANALYSED, None])
def test_documents_are_valid(results, analysed):
    found = json.loads(document.dump(document.results_document(results, samples.refusals(), analysed)))
    Draft202012Validator(SCHEMA).validate(found)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("results", 0, "verdict"), "ok"),
        (("results", 0, "inputs", 0, "sha256"), "xyz"),
        (("results", 0, "detector"), 0),
        (("results", 0, "measurements", 0, "value"), None),
        (("results", 0, "measurements", 0, "limits", "of"), "both"),
        (("refused", 0, "code"), "Not a code"),
        (("analysed",), "today"),
    ],
)
def test_the_schema_refuses_wrong_values(path, value):
    found = json.loads(document.dump(whole()))
    place = found
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    assert list(Draft202012Validator(SCHEMA).iter_errors(found))


def test_keys_of_the_contract_hold_what_they_say():
    found = whole()
    first, second = found["results"]
    assert found["schema"] == "nmqc.results/1"
    assert (first["verdict"], second["verdict"]) == ("fail", "pass")
    assert (first["detector"], second["detector"]) == (1, 2)
    assert (first["history"], second["history"]) == (1234, 1235)
    assert first["system"]["unit"] == "NM-1"
    assert first["energy_window"] == {"name": "99m Technetium", "ranges_kev": [[129.5, 150.5]]}
    measured = first["measurements"][0]
    assert measured["name"] == "uniformity.integral.ufov"
    assert measured["value"] == 5.6137
    # sqrt(0.11^2 + 0.08^2); rel: arithmetic only
    assert measured["uncertainty"] == pytest.approx(0.13601470508735444, rel=1e-12)
    assert measured["at"][1] == {"what": "min", "x_mm": -143.25, "y_mm": 61.0}
    assert measured["limits"]["fail"] == {"low": None, "high": 5.0}
    assert found["refused"][1]["energy_window"]["ranges_kev"] == [[108.0, 129.5]]
    assert found["refused"][0]["detector"] is None


def test_what_does_not_apply_is_null_and_what_is_empty_is_a_list():
    found = document.result_json(bare(), None)
    nulls = {name for name, value in found.items() if value is None}
    assert {"detector", "detector_source", "energy_window", "acquired", "history", "radionuclide"} <= nulls
    assert [found[name] for name in ("measurements", "not_measured", "remarks", "corrected")] == [
        [],
        [],
        [],
        [],
    ]
    assert "" not in found.values()


def test_uids_are_never_written():
    secret = "1.2.826.0.1.9.42"
    source = samples.source(inputs=(InputFile("flood.dcm", "1f" * 32, "2e" * 32, uid=secret),))
    assert secret not in document.dump(document.result_json(samples.result(source=source), 1))


@pytest.mark.parametrize("result", [samples.result(), samples.result(2, 2.1, "pass"), bare()])
def test_results_come_back_exactly(result):
    text = document.dump(document.result_json(result, 7))
    back = document.result_from_json(json.loads(text))
    assert document.dump(document.result_json(back, 7)) == text
    files = tuple(replace(item, uid="") for item in result.source.inputs)
    assert back.source == replace(result.source, inputs=files)
    assert back.measurements == result.measurements
    assert back.energy_window == result.energy_window
    assert (back.not_measured, back.remarks) == (result.not_measured, result.remarks)
    assert (back.asked, back.parameters) == (result.asked, result.parameters)
    names = (
        "test",
        "algorithm",
        "detector",
        "detector_source",
        "collimator",
        "duration_s",
        "total_counts",
        "summary",
    )
    assert [getattr(back, name) for name in names] == [getattr(result, name) for name in names]
    assert back.evidence == ()


def test_every_digit_of_a_value_survives():
    metric = Metric("a.b", "mm", "nowhere")
    for value in (0.1 + 0.2, 1 / 3, 5e-324, 1.7976931348623157e308, -0.0, 123456789.12345679):
        result = samples.result(measurements=(Measurement(metric, value),))
        back = document.result_from_json(json.loads(document.dump(document.result_json(result, None))))
        assert back.measurements[0].value.hex() == value.hex()


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -float("inf"), np.float64("nan")])
def test_nan_and_infinity_are_refused(wrong):
    for result in (
        samples.result(parameters={"edge": [1.0, wrong]}),
        samples.result(duration_s=wrong),
        samples.result(measurements=(Measurement(Metric("a.b", "%", "x"), 1.0, "", {"counting": wrong}),)),
    ):
        with pytest.raises(ValueError, match="JSON"):
            document.dump(document.result_json(result, None))


def test_numpy_values_become_plain_numbers():
    parameters = {
        "count": np.int64(3),
        "on": np.bool_(True),
        "pixel_mm": np.array([6.5, 6.25]),
        "both": (1, 2.5),
    }
    result = samples.result(parameters=parameters, total_counts=np.int64(12), duration_s=np.float32(0.5))
    found = json.loads(document.dump(document.result_json(result, None)))
    assert found["parameters"] == {"count": 3, "on": True, "pixel_mm": [6.5, 6.25], "both": [1, 2.5]}
    assert (found["total_counts"], found["duration_s"]) == (12, 0.5)


def test_text_stays_text_and_can_be_written_as_utf8():
    words = 'é "q" \\ 漢字 \U0001f600 $x$'
    broken = "flood\udcff.dcm"  # a file name that is not UTF-8, as Python decodes it
    source = samples.source(inputs=(InputFile(broken, "1f" * 32),))
    window = EnergyWindow(words, ())
    result = samples.result(source=source, energy_window=window, remarks=(Remark("nonstandard", words),))
    text = document.dump(document.result_json(result, None))
    assert words in json.loads(text.encode("utf-8"))["energy_window"]["name"]
    assert "漢字" in text
    assert json.loads(text)["inputs"][0]["file"] == "flood?.dcm"


def test_versions_are_those_that_run():
    import platform

    import numba
    import pydicom
    import scipy
    import skimage

    assert document.versions() == {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "numba": numba.__version__,
        "scikit-image": skimage.__version__,
        "pydicom": pydicom.__version__,
    }


def test_a_result_says_what_made_it():
    """One just made: what runs now. One read back: what it says, also where it says nothing."""
    import platform

    fresh = document.result_json(bare(), None)
    assert {"nmqc", "system", "processor", *document.versions()} == fresh["made_with"].keys()
    assert fresh["made_with"]["processor"].startswith(platform.machine())
    assert platform.system() in fresh["made_with"]["system"]
    older = {**fresh, "made_with": {**fresh["made_with"], "numpy": "1.26.4"}}
    again = document.result_json(document.result_from_json(older), None)
    assert again["made_with"]["numpy"] == "1.26.4"
    silent = {**fresh, "made_with": None}
    assert document.result_json(document.result_from_json(silent), None)["made_with"] is None


def test_no_library_is_imported_for_its_version():
    program = (
        "import sys; from nmqc.report.document import made_with; made_with();"
        "print(sorted({'scipy', 'numba', 'skimage', 'pydicom'} & set(sys.modules)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert run.stdout.strip() == "[]"


def test_what_a_person_said_of_a_file_and_gave_beside_it_comes_back():
    told = InputFile("flood.dcm", "1f" * 32, "2e" * 32, head=2, pixel_mm=(4.5, 4.25))
    result = replace(
        samples.result(source=samples.source(inputs=(told,))),
        beside=(Beside("reference", replace(told, file="accepted.dcm", pixel_mm=None)),),
        options={"edge_margin_mm": 1 / 3},
    )
    stored = json.loads(document.dump(document.result_json(result, None)))
    back = document.result_from_json(stored)
    (own,), (one,) = back.source.inputs, back.beside
    assert (own.head, own.pixel_mm) == (2, (4.5, 4.25))
    assert (one.role, one.input.file, one.input.head, one.input.pixel_mm) == (
        "reference",
        "accepted.dcm",
        2,
        None,
    )
    assert back.options == {"edge_margin_mm": 1 / 3}
    assert document.result_json(back, None) == stored
