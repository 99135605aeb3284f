"""The trend report as PDF: what it claims, what it carries, and which series it shows how."""

from __future__ import annotations

import io
import json
import shutil
import subprocess

import pikepdf
import pytest

from nmqc.report import trend, trend_words
from nmqc.report.header import Header
from nmqc.trend.report import Logged, document
from tests.trend.stories import NONE, TILT, asked, scattered, watched

NASTY = "#panic() $x$ </script> 漢字 \U0001f9ea \x07"


def step(at=120):
    return scattered(250, lambda place: 2.9 + (0.9 if place >= at else 0))


def made(text="PMT 23 replaced", **wanted):
    series = [
        watched(step()),
        watched(scattered(250, seed=2), metric=TILT, limits=NONE),
        watched([2.8], unit="Gamma 2"),
    ]
    late = [{"unit": "PET 1", "test": "pet.noise", "last": None, "due": "2026-11-20", "days_late": 0}]
    return document(
        series, asked(**wanted), "0.1.0", [Logged("Gamma 1", "2026-02-01", "service", text)], late
    )


@pytest.fixture(scope="module")
def content():
    return trend.build_pdf(made(), Header(("University Hospital",), None, "de"))


def words(content, tmp_path):
    program = shutil.which("pdftotext")
    if program is None:
        pytest.skip("pdftotext of poppler is not installed")
    path = tmp_path / "r.pdf"
    path.write_bytes(content)
    done = subprocess.run([program, "-raw", "-enc", "UTF-8", str(path), "-"], capture_output=True, check=True)
    return [" ".join(page.split()) for page in done.stdout.decode().split("\f")]


def test_it_is_pdf_a_3a_and_carries_its_data(content):
    with pikepdf.open(io.BytesIO(content)) as file:
        with file.open_metadata() as metadata:
            assert (metadata["pdfaid:part"], metadata["pdfaid:conformance"]) == ("3", "A")
        attached = file.attachments["trend.json"].get_file().read_bytes()
        assert json.loads(attached) == made()
        assert str(file.Root.Lang) == "en"


def test_the_same_data_give_the_same_bytes(content):
    assert trend.build_pdf(made(), Header(("University Hospital",), None, "de")) == content


def test_the_first_page_tells_each_system_with_words_dates_and_pages(content, tmp_path):
    first, second, *_ = words(content, tmp_path)
    for told in (
        "University Hospital",
        "Gamma 1",
        "Gamma 2",
        "PET 1",
        "CHANGED",
        "collecting",
        "OVERDUE since 20. November 2026",
    ):
        assert told in first, told
    assert "find the cause, or state a new baseline" in first
    assert "Checked by" in first
    assert "Released by" in first
    assert "page 1 of 3" in first
    assert "detector 1, integral uniformity, UFOV / %" in second
    assert "a 1. Februar 2026 service: PMT 23 replaced" in second


def test_provenance_names_the_rules_and_says_that_there_are_no_images(content, tmp_path):
    *_, last, _ = words(content, tmp_path)
    for told in ("three-sigma, ewma", "as recorded with the results", "of results 1 to 250 of the history"):
        assert told in last, told


@pytest.mark.parametrize("system", [[], None])
def test_an_empty_history_gives_a_page_that_says_so(system, tmp_path):
    empty = document([], asked(), "0.1.0")
    assert "The history holds no result that fits." in words(trend.build_pdf(empty), tmp_path)[0]


def test_words_of_people_are_text(tmp_path):
    text = words(trend.build_pdf(made(text=NASTY)), tmp_path)[1]
    assert "#panic() $x$ </script> \ufffd\ufffd" in text


def test_every_chart_has_its_words(content):
    with pikepdf.open(io.BytesIO(content)) as file:
        alternatives = [str(one) for one in _alternatives(file.Root.StructTreeRoot.K)]
    (of_integral, *_) = [one for one in alternatives if "integral uniformity, UFOV. 250 values" in one]
    assert "Trend: " in of_integral


def _alternatives(node):
    if isinstance(node, pikepdf.Array):
        for item in node:
            yield from _alternatives(item)
    elif isinstance(node, pikepdf.Dictionary):
        if "/Alt" in node:
            yield node.Alt
        if "/K" in node:
            yield from _alternatives(node.K)


# --- which series are shown how -------------------------------------------------------------------------


def series(metric, of="", judged=False, state="steady", count=100, detector=1):
    return {
        "metric": metric,
        "of": of,
        "judged": judged,
        "state": state,
        "summary": {"count": count},
        "detector": detector,
        "window": None,
    }


def test_charts_are_of_what_is_judged_and_of_what_changed():
    some = [
        series("a", judged=True),
        series("b"),
        series("c", state="changed"),
        series("d", judged=True, count=1),
    ]
    assert [one["metric"] for one in trend.worth_a_chart(some)] == ["a", "c"]
    variants = [
        series("c"),
        series("c", of="strict", state="changed"),
        series("a", judged=True, of="strict"),
        series("a"),
    ]
    assert [(one["metric"], one["of"]) for one in trend.worth_a_chart(variants)] == [("a", "strict")]
    changed = [series("a", judged=True), *(series(f"m{number}", state="changed") for number in range(20))]
    assert len(trend.worth_a_chart(changed)) == 1 + trend.MOST_UNJUDGED


def test_where_nothing_is_judged_the_first_are_drawn():
    some = [series("a"), series("a", of="strict"), series("b", of="10 mm"), series("c", count=1)]
    assert [(one["metric"], one["of"]) for one in trend.worth_a_chart(some)] == [("a", ""), ("b", "10 mm")]
    many = [series(f"m{number}") for number in range(40)]
    assert trend.worth_a_chart(many) == many[: trend.MOST_PLAIN]


def test_of_too_many_charts_those_to_look_at_stay_in_their_order():
    some = [
        series(f"m{number}", judged=True, state="watch" if number == 19 else "steady") for number in range(20)
    ]
    chosen = [one["metric"] for one in trend.worth_a_chart(some)]
    assert len(chosen) == trend.MOST_CHARTS
    assert chosen[-1] == "m19"


def test_steady_variants_of_what_is_shown_are_left_out_of_the_table():
    some = [
        series("a"), series("a", of="strict"), series("a", of="near-source", state="changed"),
        series("a", of="strict", detector=2), series("b", of="10 mm"), series("b", of="13 mm"),
    ]  # fmt: skip
    listed = [(one["metric"], one["of"], one["detector"]) for one in trend.worth_a_line(some)]
    assert listed == [
        ("a", "", 1),
        ("a", "near-source", 1),
        ("a", "strict", 2),
        ("b", "10 mm", 1),
        ("b", "13 mm", 1),
    ]


def test_dates_in_sentences_are_in_the_language():
    assert (
        trend_words.dated("higher since 2026-03-01 (2026-02-28)", "fr")
        == "higher since 1er mars 2026 (28 février 2026)"
    )
