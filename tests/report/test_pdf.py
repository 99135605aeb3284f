"""The PDF: what it claims, what it carries, and that nothing in a header can change it."""

import io
import json
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pikepdf
import pytest

from nmqc import __version__
from nmqc.errors import NmqcError
from nmqc.model import (
    Band,
    EnergyWindow,
    InputFile,
    Line,
    NotMeasured,
    Picture,
    Position,
    Remark,
    System,
    Table,
)
from nmqc.report import document, fonts, pdf, tables, wording
from nmqc.report.descriptions import describe
from tests.report import samples, turning

MARKUP = "#strong[x] #panic() $x$ \\emph{y} \"q\" 'é' <b>&amp;"
NASTY = MARKUP + ' 漢字 \U0001f9ea --> \x07 \u202e ``` #image("no.png")'


@pytest.fixture(scope="module")
def content():
    return pdf.build_pdf(samples.both(), samples.refusals())


@pytest.fixture
def opened(content):
    with pikepdf.open(io.BytesIO(content)) as file:
        yield file


def alternatives(file):
    """All alternative texts, in the order of the structure tree."""

    def walk(node):
        if isinstance(node, pikepdf.Array):
            for item in node:
                yield from walk(item)
        elif isinstance(node, pikepdf.Dictionary):
            if "/Alt" in node:
                yield str(node.Alt)
            if "/K" in node:
                yield from walk(node.K)

    return list(walk(file.Root.StructTreeRoot.K))


def words(content, tmp_path):
    program = shutil.which("pdftotext")
    if program is None:
        pytest.skip("pdftotext of poppler is not installed")
    path = tmp_path / "r.pdf"
    path.write_bytes(content)
    done = subprocess.run([program, "-raw", "-enc", "UTF-8", str(path), "-"], capture_output=True, check=True)
    return " ".join(done.stdout.decode("utf-8").split())


# --- what it claims -------------------------------------------------------------------------------------


def test_it_is_pdf_a_3a_tagged_titled_and_in_english(opened):
    with opened.open_metadata() as metadata:
        assert metadata["pdfaid:part"] == "3"
        assert metadata["pdfaid:conformance"] == "A"
        assert metadata["dc:title"] == "Quality control: uniformity.planar"
        assert metadata["dc:creator"] == [f"nmqc {__version__}"]
    assert opened.Root.MarkInfo.Marked
    assert str(opened.Root.Lang).startswith("en")
    assert "/OutputIntents" in opened.Root
    assert str(opened.docinfo["/Author"]) == f"nmqc {__version__}"


def test_every_figure_has_an_alternative_text_that_says_what_it_shows(opened):
    texts = alternatives(opened)
    assert len(texts) == 8
    assert texts[0] == (
        "Image: counts, in counts. 320 columns by 240 rows of 2 by 2.4 mm. Outlined: UFOV, CFOV. "
        "Marked, in mm from the centre: max UFOV (+12.0, -80.5), max CFOV (+12.0, -80.5), min (-143.2, +61.0)."
    )
    assert texts[2] == "Curve: row profile. mean counts / % against x / mm. Lines: UFOV, CFOV, mean."


def test_the_attachment_is_the_json(opened):
    attached = opened.attachments["results.json"].get_file()
    expected = document.dump(document.results_document(samples.both(), samples.refusals(), None))
    assert attached.read_bytes() == expected.encode("utf-8")
    assert attached.mime_type == "application/json"
    assert str(opened.attachments["results.json"].obj.AFRelationship) == "/Data"
    assert (
        document.result_from_json(json.loads(expected)["results"][0]).measurements
        == samples.result().measurements
    )


def test_the_same_results_give_the_same_bytes(content):
    assert pdf.build_pdf(samples.both(), samples.refusals()) == content


def test_the_time_stamp_is_the_latest_acquisition(opened):
    assert str(opened.docinfo["/CreationDate"]).startswith("D:20261116071200")
    times = [None, "2026-11-16T07:12:00", "2026-11-16T09:00:00+03:00", "2026-11-15"]
    results = [samples.result(source=samples.source(acquired=time)) for time in times]
    assert pdf.latest_acquisition(results) == datetime(2026, 11, 16, 7, 12, tzinfo=UTC)
    assert pdf.latest_acquisition(results[:1]) == pdf.NO_TIME == pdf.latest_acquisition([])


def test_a_time_with_parts_of_a_second_is_stamped_in_whole_ones():
    result = samples.result(source=samples.source(acquired="2021-06-24T08:46:04.960000"), evidence=())
    with pikepdf.open(io.BytesIO(pdf.build_pdf([(result, None)], []))) as file:
        assert str(file.docinfo["/CreationDate"]).startswith("D:20210624084604")


def test_a_result_takes_one_page_after_a_summary_page(opened):
    assert len(opened.pages) == 3
    one = pdf.build_pdf(samples.both()[:1], [])
    with pikepdf.open(io.BytesIO(one)) as file:
        assert len(file.pages) == 1


def test_long_results_flow_on():
    remarks = tuple(Remark("edge_limited", "a long remark " * 40) for _ in range(20))
    with pikepdf.open(io.BytesIO(pdf.build_pdf([(samples.result(remarks=remarks), None)], []))) as file:
        assert len(file.pages) > 1


# --- what is read in it ---------------------------------------------------------------------------------


def test_the_page_says_what_the_terminal_says(content, tmp_path):
    text = words(content, tmp_path)
    for expected in (
        "detector 1, uniformity.planar",
        "Synthetic data",
        "FAIL",
        "integral uniformity, UFOV: 5.61 % is above the fail limit 5 % (unverified)",
        "5.61 ± 0.14 %",
        "1.50 (1.71)",
        "≤4 / ≤5 *",
        "For comparison, not judged",
        "8.31 ± 0.14 %",
        "8 200 counts per pixel",
        "acquire the flood without zoom [zoomed_field]",
        f"SHA-256 {'1f' * 32}",
        f"nmqc {__version__}, python {document.versions()['python']}, numpy {np.__version__}",
        "typst",
        "limits, unverified common clinical practice",
        "edge_margin_mm: 3.1",
        "entry 1234",
        "page 2 of 3",
    ):
        assert expected in text, expected
    first_page = text[: text.index("page 1 of 3")]
    assert "x.dcm: this is a CT image: give an NM image" in first_page
    assert "pass detector 2 uniformity.planar" in first_page


def test_real_data_are_not_called_synthetic(tmp_path):
    real = samples.result(source=samples.source(synthetic=False))
    assert "Synthetic" not in words(pdf.build_pdf([(real, None)], []), tmp_path)


def test_refusals_alone_make_a_report(tmp_path):
    text = words(pdf.build_pdf([], samples.refusals()), tmp_path)
    assert "zoomed.dcm (detector 2, scatter, 108 to 129.5 keV): the field is cut by the zoom" in text


def test_refusals_stand_on_the_first_page_of_a_single_result(tmp_path):
    text = words(pdf.build_pdf(samples.both()[:1], samples.refusals()), tmp_path)
    assert text.index("x.dcm: this is a CT image") < text.index("integral uniformity")


def nasty():
    source = samples.source(
        system=System(NASTY, NASTY, NASTY, NASTY), inputs=(InputFile(NASTY, "1f" * 32),), software=NASTY
    )
    remarks = (Remark("nonstandard", NASTY + "w" * 300),)
    marks = (Position(NASTY, 0.0, 0.0),)
    picture = replace(samples.smooth_picture(), title=NASTY, unit=NASTY, marks=marks)
    window = EnergyWindow(NASTY, ((1.0, 2.0),))
    return samples.result(
        source=source,
        energy_window=window,
        remarks=remarks,
        parameters={NASTY: NASTY},
        summary=NASTY,
        evidence=(picture,),
    )


def test_header_values_are_data(tmp_path):
    refused = [replace(samples.refusals()[0], file=NASTY, reason=NASTY)]
    content = pdf.build_pdf([(nasty(), None)], refused)
    with pikepdf.open(io.BytesIO(content)) as file:
        attached = json.loads(file.attachments["results.json"].get_file().read_bytes())
        assert attached["refused"][0]["file"] == NASTY
        with file.open_metadata() as metadata:
            assert metadata["pdfaid:conformance"] == "A"
    text = words(content, tmp_path)
    assert f"{MARKUP} \ufffd\ufffd \ufffd --> \ufffd \ufffd ``` #image" in text


def test_characters_without_a_glyph_are_replaced_by_a_visible_sign():
    assert fonts.printable("é ≤ Ω я 漢 \U0001f9ea") == "é ≤ Ω я \ufffd \ufffd"
    assert ord(wording.UNPRINTABLE) in fonts.characters()


def test_evidence_is_laid_out_pictures_first(content):
    mixed = samples.result(evidence=(samples.profile("row"), samples.smooth_picture()))
    with pikepdf.open(io.BytesIO(pdf.build_pdf([(mixed, None)], []))) as file:
        assert [text[:6] for text in alternatives(file)] == ["Image:", "Curve:"]


@pytest.mark.parametrize(
    ("kinds", "cells"),
    [
        ("pcc", ["p", "cc"]),
        ("ppcc", ["p", "p", "c", "c"]),
        ("pppccc", ["p", "p", "p", "cc", "c"]),
        ("ppp", ["p", "p", "p"]),
        ("cpcp", ["p", "p", "c", "c"]),
        ("scccoc", ["s", "o", "c", "c", "c", "c"]),
        ("ccs", ["s", "cc"]),
        ("", []),
    ],
)
def test_two_curves_stand_beside_a_picture_that_is_left_over(kinds, cells):
    drawn = {
        "p": samples.smooth_picture(),
        "c": samples.profile("row"),
        "s": turning.sinogram(),
        "o": turning.polar(),
    }
    evidence = tuple(drawn[kind] for kind in kinds)
    found = pdf._figures(samples.result(evidence=evidence), iter(range(len(kinds))))
    names = {item.title: kind for kind, item in drawn.items()}
    assert ["".join(names[one["caption"]] for one in cell) for cell in found] == cells
    assert [one["file"] for cell in found for one in cell] == [f"{n}.svg" for n in range(len(kinds))]


def test_a_page_of_bars_holds_its_six_figures_and_all_it_says(tmp_path):
    content = pdf.build_pdf([(samples.bars_result(), 5)], [])
    with pikepdf.open(io.BytesIO(content)) as file:
        assert len(file.pages) == 1
        texts = alternatives(file)
    assert len(texts) == 6
    assert "Outlined: ROI, quadrants, strip 0, " in texts[0]
    assert "Written, in mm from the centre: 3.18 mm (-70.0, -52.0), 3.97 mm (+84.0, -47.0)" in texts[0]
    assert texts[0].count("ROI") == 1
    text = words(content, tmp_path)
    for expected in (
        "modulation MTF FWHM, moments as published / mm FWHM, moments with pi/4 / mm bar width / mm",
        "3.97 mm 0.3114 ± 0.0031 0.3058 ± 0.0031 4.441 ± 0.017 4.901 ± 0.017 3.981 ± 0.017",
        "summary bars of 3.18, 3.97, 4.76 and 6.35 mm; all are resolved",
        "FWHM, joint fit 4.190 ± 0.041 mm 4.070 ± 0.041 mm",
    ):
        assert expected in text, expected


def test_a_study_of_point_sources_says_what_its_figures_show(tmp_path):
    content = pdf.build_pdf(turning.study(), [])
    with pikepdf.open(io.BytesIO(content)) as file:
        texts = alternatives(file)
    assert len(texts) == 12
    # by hand: the offset 3.1 mm -+ the radius, at views 4 degrees apart; the slip of 3 mm is not at an extreme
    assert texts[0].startswith(
        "Sinogram: sinogram, with the centroids found, in counts. 128 columns of 4.8 mm by 90 views. "
        "Tracks, in mm from the centre: source 1 from -27.9 to +34.1, source 2 from -80."
    )
    assert texts[1].startswith(
        "Polar plot: residuals about the gantry. residual / mm against the angle in degrees. Lines: source 1 from -0."
    )
    assert texts[2].startswith("Curve: position and fitted sinusoid. ")
    text = words(content, tmp_path)
    for expected in (
        "unjudged detectors 1 and 2 cor.point-sources",
        "detectors 1 and 2, cor.point-sources",
        "detectors 1 and 2 acquired",
        "parameters detectors: 1 and 2; separation_deg: 180",
        "axial shift between detectors, 1-2 -1.2031 ± 0.0045 mm",
        "source 5 4.3382 ± 0.0031 0.90378 ± 0.00065 4.076 ± 0.061 0.1978 ± 0.0021 150.000 ± 0.0084",
        "residual, RMS 0.1413 ± 0.0021 mm 0.0412 (0.0431) - unjudged",
    ):
        assert expected in text, expected
    assert "For comparison" not in text


def test_figures_without_lines_are_told():
    empty = replace(turning.sinogram(), tracks=())
    assert describe(empty).endswith("128 columns of 4.8 mm by 90 views.")
    none = Line("none", np.array([]), np.array([]))
    told = describe(replace(turning.polar(), lines=(none, Line("", np.array([3.0]), np.array([-0.004])))))
    assert told.endswith("Lines: none without points, one from +0.00 to +0.00.")
    assert describe(replace(turning.polar(), lines=())).endswith("Lines: none.")


def test_a_long_name_leaves_room_for_its_reason(tmp_path):
    """A reason beside three long names is read in few lines, not in a column of single words."""
    names = ("resolution.bars.fwhm_moments", "resolution.bars.fwhm_moments_pi4", "resolution.bars.modulation")
    missing = tuple(
        NotMeasured(name, "3.18 mm", "low", "the modulation is too low: give more counts") for name in names
    )
    content = pdf.build_pdf([(samples.bars_result(not_measured=missing), None)], [])
    program = shutil.which("pdftotext")
    if program is None:
        pytest.skip("pdftotext of poppler is not installed")
    (tmp_path / "r.pdf").write_bytes(content)
    done = subprocess.run([program, "-layout", str(tmp_path / "r.pdf"), "-"], capture_output=True, check=True)
    assert "the modulation is too low: give" in done.stdout.decode("utf-8")


def test_a_field_that_was_not_analysed_at_all_is_drawn():
    picture = Picture("none", np.zeros((4, 6)), (1.0, 2.0), "%", shown=np.zeros((4, 6), dtype=bool))
    assert pdf.build_pdf([(samples.result(evidence=(picture,)), None)], []).startswith(b"%PDF-")


# --- PET ------------------------------------------------------------------------------------------------


def of_pet(**changes):
    """A result of no head, window or collimator, whose values are those of 89 files of one series."""
    inputs = tuple(InputFile(f"PT{number:04d}.dcm", f"{number:064x}") for number in range(1, 90))
    table = Table(
        "fill sheet, F-18", ("", "spheres", "background"), (("volume / mL", "500", "9700 ± 0.5 %"),)
    )
    shown = samples.result(
        detector=None,
        test="pet.image-quality",
        detector_source=None,
        energy_window=None,
        total_counts=None,
        collimator="",
        duration_s=120.0,
        source=samples.source(inputs=inputs, radionuclide="F-18"),
        parameters={
            "matrix": [89, 192, 192],
            "voxel_mm": [2.78, 2.08333, 2.08333],
            "series": ["9fbdb2dc"],
            "lung": {"slices": [30, 69], "each": [15.21 + 0.25 * n for n in range(40)]},
            "spheres": [
                {"voxels": n, "volume_ml": 0.249, "threshold": 11598.5, "leaks": False} for n in range(6)
            ],
        },
        evidence=(samples.profile("row"), table, samples.smooth_picture()),
    )
    return replace(shown, **changes)


def test_tables_of_the_evidence_are_text_with_their_titles(tmp_path):
    content = pdf.build_pdf([(of_pet(), None)], [])
    with pikepdf.open(io.BytesIO(content)) as file:
        assert [text[:6] for text in alternatives(file)] == ["Image:", "Curve:"]
    assert "In detail fill sheet, F-18 spheres background volume / mL 500 9700 ± 0.5 %" in words(
        content, tmp_path
    )
    without = pdf.build_pdf([(of_pet(evidence=()), None)], [])
    assert "In detail" not in words(without, tmp_path)


def test_a_page_of_pet_does_not_name_89_files_nor_list_every_number(tmp_path):
    text = words(pdf.build_pdf([(of_pet(), None), (of_pet(), None)], []), tmp_path)
    assert text.count("PT0001.dcm") == 2  # in the provenance of each
    assert "PT0002.dcm" not in text
    assert "89 files of series 9fbdb2dc" in text
    assert "files 89 files, PT0001.dcm to PT0089.dcm; SHA-256 of their SHA-256s" in text
    assert "image 120 s for a bed position, matrix 89 x 192 x 192, voxels of 2.78 x 2.083 x 2.083 mm" in text
    assert "lung: slices 30, 69; each 40 numbers from 15.21 to 24.96" in text
    assert "spheres: 6, given in the JSON" in text


def test_an_overview_has_no_empty_columns():
    assert tables.overview([of_pet()]).header == ("verdict", "test", "file", "why")
    mixed = tables.overview([of_pet(), samples.result()])
    assert mixed.header == ("verdict", "detector", "test", "window", "file", "why")
    assert [row[1].text for row in mixed.rows] == ["-", "detector 1"]


def test_axes_and_bands_are_told():
    coronal = replace(samples.smooth_picture(), axes=("x", "z"), regions=(), marks=())
    assert describe(coronal).endswith("80 columns by 58 rows of 6.6 by 6.6 mm, x to the right and z down.")
    x = np.arange(2.0)
    judged = replace(samples.profile("row"), bands=(Band("band earl1, verified", x, x, x),))
    assert describe(judged).endswith("Lines: UFOV, CFOV, mean. Bands: band earl1, verified.")


# --- the file -------------------------------------------------------------------------------------------


def test_our_own_report_is_replaced(tmp_path):
    path = tmp_path / "r.pdf"
    pdf.write_pdf(path, samples.both()[:1], [])
    first = path.read_bytes()
    pdf.write_pdf(path, [], samples.refusals())
    assert path.read_bytes() != first
    assert [item.name for item in tmp_path.iterdir()] == ["r.pdf"]


@pytest.mark.parametrize(
    "content", [b"", b"notes", b"%PDF-1.7 of somebody else", b"<dc:creator><rdf:Seq><rdf:li>nmqc 0.1"]
)
def test_a_file_of_others_is_kept_unless_forced(tmp_path, content):
    path = tmp_path / "r.pdf"
    path.write_bytes(content)
    with pytest.raises(NmqcError, match="--force") as refused:
        pdf.write_pdf(path, [], samples.refusals())
    assert refused.value.code == "pdf_exists"
    assert path.read_bytes() == content
    pdf.write_pdf(path, [], samples.refusals(), force=True)
    assert path.read_bytes().startswith(b"%PDF-")


def test_a_link_keeps_pointing_at_the_report(tmp_path):
    (tmp_path / "kept").mkdir()
    link = tmp_path / "r.pdf"
    link.symlink_to(tmp_path / "kept" / "real.pdf")
    pdf.write_pdf(link, [], samples.refusals())
    assert link.is_symlink()
    assert (tmp_path / "kept" / "real.pdf").read_bytes().startswith(b"%PDF-")


def test_folders_are_refused_before_any_work(tmp_path):
    for path, code in ((tmp_path, "pdf_is_a_folder"), (tmp_path / "no" / "r.pdf", "pdf_no_folder")):
        with pytest.raises(NmqcError) as refused:
            pdf.check_target(path)
        assert refused.value.code == code


def test_a_failed_write_leaves_nothing_behind(tmp_path, monkeypatch):
    path = tmp_path / "r.pdf"
    pdf.write_pdf(path, [], samples.refusals())
    before = path.read_bytes()

    def full(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pdf.Path, "replace", full)
    with pytest.raises(NmqcError, match="No space left"):
        pdf.write_pdf(path, samples.both()[:1], [])
    assert path.read_bytes() == before
    assert [item.name for item in tmp_path.iterdir()] == ["r.pdf"]
