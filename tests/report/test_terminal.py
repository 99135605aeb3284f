"""What a person sees: it fits, it survives every encoding, and the verdict is plain."""

import io
import re
import subprocess
import sys
from dataclasses import replace

import pytest
from rich.cells import cell_len

from nmqc.model import EnergyWindow, InputFile, Measurement, Metric, NotMeasured, Remark, System
from nmqc.report import terminal
from tests.report import samples, turning

ANSI = re.compile(r"\x1b\[[0-9;]*m")
NASTY = "\x1b[2J [red]x[/red] é ± 漢字 \U0001f600 " + "n" * 95


def shown(results=None, **settings):
    found = samples.both() if results is None else results
    return terminal.show(found, samples.refusals(), **settings)


def nasty():
    source = samples.source(system=System("x", NASTY, NASTY, NASTY), inputs=(InputFile(NASTY, "1f" * 32),))
    window = EnergyWindow(NASTY, ((1.0, 2.0),))
    return [
        (samples.result(source=source, energy_window=window, remarks=(Remark("nonstandard", NASTY),)), None)
    ]


@pytest.mark.parametrize("width", [60, 80, 100, 140])
@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("unicode", [False, True])
@pytest.mark.parametrize(
    "results",
    [samples.both(), nasty(), [(samples.bars_result(), 7)], turning.study()],
    ids=["plain", "nasty", "bars", "sources"],
)
def test_no_line_is_wider_than_the_terminal(width, colour, unicode, results):
    lines = ANSI.sub("", shown(results, width=width, colour=colour, unicode=unicode)).splitlines()
    assert max(cell_len(line) for line in lines) <= width


def test_the_first_lines_say_whether_it_is_well_which_detector_and_why_not():
    lines = shown().splitlines()
    assert lines[0].split()[:3] == ["FAIL", "detector", "1"]
    assert "SYNTHETIC DATA" in lines[0]
    assert lines[1].strip() == "integral uniformity, UFOV: 5.61 % is above the fail limit 5 % (unverified)"


def test_the_last_lines_say_it_again_for_every_detector():
    text = shown()
    end = text[text.rindex("FAIL") :]
    assert re.match(r"FAIL +detector 1, .*flood.dcm", end)
    assert re.search(r"^pass +detector 2, ", end, re.MULTILINE)
    assert re.search(r"^refused +x\.dcm: this is a CT image: give an NM image$", end, re.MULTILINE)
    assert re.search(r"^refused +zoomed\.dcm \(detector 2, scatter, 108 to 129\.5 keV\)", end, re.MULTILINE)
    assert "In short" not in text
    assert shown(samples.both()[:1]).count("detector 1, uniformity.planar") == 0


def test_a_row_holds_value_noise_limits_and_verdict():
    row = next(line for line in shown().splitlines() if line.startswith("integral uniformity "))
    assert " ".join(row.split()) == "integral uniformity UFOV 5.61 ± 0.14 % 1.50 (1.71) ≤4 / ≤5 * FAIL"
    following = shown().splitlines()[shown().splitlines().index(row) + 1]
    assert " ".join(following.split()) == "CFOV 4.49 ± 0.14 % 1.50 (1.71) ≤4 / ≤5 * pass"


def test_fields_of_view_stand_beside_each_other_where_that_fits():
    row = next(line for line in shown(width=140).splitlines() if line.startswith("integral uniformity "))
    assert "5.61 ± 0.14 %" in row
    assert "4.49 ± 0.14 %" in row
    assert row.index("FAIL") < row.index("4.49")


def test_variants_are_shown_as_not_judged():
    text = shown(samples.both()[:1])
    comparison = text[text.index("for comparison, not judged") :]
    assert re.search(r"integral uniformity, UFOV +8\.31 ± 0\.14 % +5\.41 ± 0\.14 %", comparison)
    assert "8.31" not in text[: text.index("for comparison, not judged")]


# --- metrics of quadrants and lines ----------------------------------------------------------------------


def bars(**settings):
    return shown([(samples.bars_result(), None)], **settings)


def rows_of(text, first):
    return [" ".join(line.split()) for line in text.splitlines() if line.split()[:2] == first.split()]


def test_metrics_of_the_same_quadrants_share_a_table():
    """A row for each quadrant, at most four columns at 80 characters: no line for each of eighteen values."""
    text = bars()
    assert rows_of(text, "3.97 mm") == [
        "3.97 mm 0.3114 ± 0.0031 0.3058 ± 0.0031 4.441 ± 0.017",
        "3.97 mm 4.901 ± 0.017 3.981 ± 0.017",
    ]
    headers = [" ".join(line.split()) for line in text.splitlines() if "moments" in line and "/ mm" in line]
    assert headers == [
        "modulation MTF FWHM, moments as published / mm",
        "FWHM, moments with pi/4 / mm bar width / mm",
    ]
    assert text.count("0.3114") == 1


def test_what_a_quadrant_lacks_is_a_dash_and_its_reason_is_told():
    text = bars()
    assert rows_of(text, "3.18 mm") == [
        "3.18 mm 0.1287 ± 0.0031 0.1264 ± 0.0031 -",
        "3.18 mm - 3.191 ± 0.017",
    ]
    assert re.search(r"fwhm_moments \(3\.18 mm\), resolution\.bars\.fwhm_moments_pi4\s+\(3\.18 mm\):", text)


def test_six_columns_stand_abreast_where_that_fits():
    assert rows_of(bars(width=140), "6.35 mm") == [
        "6.35 mm 0.7038 ± 0.0031 0.6911 ± 0.0031 3.900 ± 0.017 5.013 ± 0.017 6.383 ± 0.017"
    ]


def test_a_single_figure_keeps_its_row_before_the_table():
    text = bars()
    assert (
        text.index("FWHM, joint fit") < text.index("rotation of the phantom") < text.index("3.18 mm  0.1287")
    )


def test_x_and_y_stand_beside_the_figure_of_both():
    assert re.search(r"^metric +x +y$", bars(), re.MULTILINE)
    assert re.search(r"^FWHM, joint fit +4\.190 ± 0\.041 mm +4\.070 ± 0\.041 mm$", bars(), re.MULTILINE)


def test_what_has_a_limit_keeps_its_row_with_it():
    measured = [
        replace(m, limits=samples.limits(4.0, 5.0), verdict="warn")
        if m.metric.name.endswith("bars.width")
        else m
        for m in samples.bars_measurements()
    ]
    text = shown([(samples.bars_result(measurements=tuple(measured)), None)], width=100)
    (row,) = (line for line in text.splitlines() if line.startswith("bar width, 4.76 mm"))
    assert " ".join(row.split()) == "bar width, 4.76 mm 4.774 ± 0.017 mm - ≤4 / ≤5 * WARN"
    assert rows_of(text, "4.76 mm") == ["4.76 mm 0.4921 ± 0.0031 0.4832 ± 0.0031 4.236 ± 0.017 4.746 ± 0.017"]


def test_one_metric_of_several_things_is_no_table():
    width = tuple(m for m in samples.bars_measurements() if m.metric.name.endswith("bars.width"))
    text = shown([(samples.bars_result(measurements=width), None)])
    assert re.search(r"^bar width, 3\.18 mm +3\.191 ± 0\.017 mm$", text, re.MULTILINE)


# --- sources beside the figure of all of them ------------------------------------------------------------


def sources(number=5, **settings):
    return shown([(turning.head_result(number), None)], **settings)


def test_each_source_has_a_row_beside_the_others_not_a_comparison_of_methods():
    """Noise floors of single sources, and their forty values, would make the table of limits unreadable."""
    text = sources(width=140)
    assert "for comparison" not in text
    assert rows_of(text, "source 2") == [
        "source 2 3.4086 ± 0.0031 0.71012 ± 0.00065 3.202 ± 0.061 0.1554 ± 0.0021 84.0000 ± 0.0084",
        "source 2 -7.8357 ± 0.0033 0.375 ± 0.058 0.0453 ± 0.0087 0.00023 ± 0.00012 3.4123 ± 0.0033",
    ]
    judged = text[: text.index("limit not verified")]
    assert re.search(
        r"^largest residual +2\.911 ± 0\.061 mm +0\.142 \(0\.171\) +- +unjudged$", judged, re.MULTILINE
    )
    assert "source 1" not in judged


def test_the_figures_of_all_sources_come_before_those_of_each():
    text = sources(width=140)
    assert (
        text.index("limit not verified") < text.index("sag, second harmonic") < text.index("source 1  3.0987")
    )
    assert re.search(r"^FWHM, 200 mm +9\.411 ± 0\.021 mm$", text, re.MULTILINE)


def test_one_source_is_not_told_twice():
    """Of one source the mean over sources is its own value; what has no mean is told."""
    text = sources(1, width=140)
    assert text.count("source 1") == 1
    assert re.search(r"^distance from the axis, source 1 +31\.0000 ± 0\.0084 mm$", text, re.MULTILINE)
    assert "for comparison" not in text


def test_one_source_on_the_axis_is_not_told_twice_either():
    """It has no distance from the axis: that it should have one tells that the source is a thing."""
    whole = turning.head_result(1)
    measured = tuple(m for m in whole.measurements if m.metric.name != "cor.radius")
    missing = NotMeasured("cor.radius", "source 1", "no_code", "the source lies on the axis")
    result = replace(whole, measurements=measured, not_measured=(missing,))
    text = shown([(result, None)], width=140)
    assert "for comparison" not in text
    assert text.count("source 1") == 1
    assert "cor.radius (source 1)" in text


def test_a_source_with_a_limit_of_its_own_keeps_its_row():
    whole = turning.head_result()
    measured = tuple(
        replace(m, limits=turning.limits(1.0, 2.0), verdict="fail")
        if (m.metric.name, m.of) == ("cor.offset", "source 3")
        else m
        for m in whole.measurements
    )
    text = shown([(replace(whole, measurements=measured), None)], width=140)
    assert re.search(r"^centre-of-rotation offset, source 3 +3\.7184 .*FAIL$", text, re.MULTILINE)
    assert rows_of(text, "source 3")[0].startswith("source 3 - 0.77467")


def test_a_pair_of_detectors_is_called_one():
    lines = shown([(turning.pair_result(), 3)]).splitlines()
    assert lines[0].startswith("unjudged  detectors 1 and 2   cor.point-sources")
    assert "  detectors  1 and 2" in lines
    assert any(
        re.match(r"axial shift between detectors, 1-2 +-1\.2031 ± 0\.0045 mm$", line) for line in lines
    )
    study = shown(turning.study())
    assert re.search(r"^unjudged +detectors 1 and 2, cor\.point-sources, ", study, re.MULTILINE)


def test_words_are_broken_only_where_they_must_be():
    """Headings of long words beside columns that can be narrowed."""
    headings = [line.split() for line in sources().splitlines() if line.count("centre-of-rotation") == 2]
    assert [words[:3] for words in headings] == [["centre-of-rotation", "centre-of-rotation", "largest"]]
    narrow = terminal.show([(turning.head_result(), None)], [], width=50)
    assert max(map(len, narrow.splitlines())) <= 50  # there they must be


def test_metrics_of_other_things_have_tables_of_their_own():
    """Two lines, and two axes: neither set holds the other."""

    def metric(name, unit="mm"):
        return Metric(f"resolution.lines.{name}", unit, "nmqc", name)

    measured = [
        Measurement(metric(name), value + number, of)
        for number, name in enumerate(("fwhm", "fwtm"))
        for of, value in (("line 1", 7.5), ("line 2", 8.25))
    ]
    measured += [
        Measurement(metric(name), value, of)
        for name in ("separation", "pixel_size")
        for of, value in (("x", 1.5), ("y", 2.5))
    ]
    text = shown([(samples.bars_result(measurements=tuple(measured)), None)])
    assert rows_of(text, "line 2") == ["line 2 8.25 9.25"]
    assert rows_of(text, "y 2.50") == ["y 2.50 2.50"]


def test_the_same_reason_for_several_things_is_told_once():
    missing = tuple(
        NotMeasured(f"a.{name}", of, "too_few", "give more")
        for name in ("fwhm", "mtf")
        for of in ("3.18 mm", "3.97 mm")
    )
    text = shown([(samples.bars_result(not_measured=missing), None)])
    assert "a.fwhm (3.18 mm, 3.97 mm), a.mtf (3.18 mm, 3.97 mm):" in text
    assert text.count("give more") == 1


def test_places_remarks_what_is_missing_and_the_entry_are_told():
    text = shown(samples.both()[:1], width=100)
    assert "max (+12.0, -80.5), min (-143.2, +61.0)" in text
    assert "edge_limited:" in text
    assert "uniformity.rows, uniformity.columns:" in text
    assert text.count("[zoomed_field]") == 1
    assert "no_reference" not in text  # what nobody asked for is not missed
    assert re.search(r"history +entry 1234", text)
    assert re.search(r"history +not recorded", shown([(samples.result(), None)]))
    assert "limit not verified: common clinical practice" in text


@pytest.mark.parametrize("results", [samples.both(), nasty()], ids=["plain", "nasty"])
@pytest.mark.parametrize("colour", [False, True])
def test_ascii_is_ascii_and_says_the_same(results, colour):
    text = shown(results, unicode=False, colour=colour, width=100)
    assert text.isascii()
    assert "5.61 +/- 0.14 %" in text
    assert "<=4 / <=5" in text


def test_letters_lose_their_accents_and_signs_get_stand_ins():
    assert terminal.ascii_only("Université ± ≤ § µ Ω × 漢") == "Universite +/- <= section  u ? x ?"


@pytest.mark.parametrize(
    ("encoding", "unicode"), [("utf-8", True), ("cp1252", False), ("ascii", False), ("UTF-16", True)]
)
def test_what_is_printed_can_be_encoded(encoding, unicode):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    screen = terminal.screen_of(stream, {})
    assert screen == terminal.Screen(80, False, unicode)
    stream.write(shown(nasty(), width=screen.width, colour=screen.colour, unicode=screen.unicode))
    stream.flush()


@pytest.mark.parametrize(
    ("environment", "person", "colour"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),
        ({"TERM": "dumb"}, True, False),
    ],
)
def test_colour_is_for_terminals_that_want_it(environment, person, colour):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    stream.isatty = lambda: person
    assert terminal.screen_of(stream, environment).colour is colour


def test_colours_are_beside_words_never_instead_of_them():
    coloured = shown(colour=True)
    assert "\x1b[" in coloured
    plain = ANSI.sub("", coloured)
    for words in ("FAIL", "pass", "5.61 ± 0.14 %", "refused", "(unverified)", "SYNTHETIC DATA", "8.31"):
        assert plain.count(words) == shown().count(words), words


def test_header_values_are_neither_markup_nor_commands_to_the_terminal():
    for colour in (False, True):
        text = shown(nasty(), colour=colour, width=140)
        assert "[red]x[/red]" in ANSI.sub("", text)
        assert "\x1b" not in ANSI.sub("", text)
        assert "\x1b[2J" not in text


def test_nothing_but_refusals_and_nothing_at_all():
    assert terminal.show([], samples.refusals()).startswith("refused  x.dcm")
    assert terminal.show([], []) == ""


def test_a_result_without_measurements_is_shown():
    empty = replace(samples.result(), measurements=(), not_measured=(), remarks=(), summary="")
    assert terminal.show([(empty, None)], []).startswith("unjudged  detector 1")


def test_redirected_output_needs_no_heavy_library():
    program = (
        "import sys\n"
        "from nmqc.report import document, terminal\n"
        "terminal.show([], [])\n"
        "heavy = {'numpy', 'pydicom', 'rich', 'matplotlib', 'typst', 'importlib.metadata'}\n"
        "heavy &= set(sys.modules)\n"
        "sys.exit(', '.join(sorted(heavy)) or None)\n"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr.strip()) == (0, "")
