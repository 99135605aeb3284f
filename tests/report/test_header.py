"""What a site puts on the first page: its lines, its logo; and its dates, which no JSON ever has."""

import io
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pikepdf
import pytest

from nmqc.errors import NmqcError
from nmqc.report import pdf, terminal
from nmqc.report.header import Header, read_logo, require_drawable
from tests.report import samples

LINES = ("Universitätsklinik Süd", "Nuklearmedizin", "Tel. 0123 / 456 789")
NASTY = '#panic() $x$ *b* <i>&amp;</i> "q" \\ 漢 \x07'
SVG = (
    b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="90" height="30">'
    b'<rect width="90" height="30" fill="#004488"/></svg>'
)


def raster(kind: str, columns: int = 90, rows: int = 30) -> bytes:
    """An image that is no one's logo, as wide as asked for."""
    from matplotlib.image import imsave

    file = io.BytesIO()
    shade = np.linspace(0, 255, rows * columns).reshape(rows, columns)
    imsave(file, np.stack([shade, 255 - shade, shade / 2], axis=2).astype(np.uint8), format=kind)
    return file.getvalue()


def build(header: Header | None, results: int = 2) -> bytes:
    return pdf.build_pdf(samples.both()[:results], [], header)


def text_of(content: bytes, folder: Path, page: int) -> str:
    program = shutil.which("pdftotext")
    if program is None:
        pytest.skip("pdftotext of poppler is not installed")
    path = folder / "r.pdf"
    path.write_bytes(content)
    asked = [program, "-raw", "-enc", "UTF-8", "-f", str(page), "-l", str(page), str(path), "-"]
    done = subprocess.run(asked, capture_output=True, check=True)
    return " ".join(done.stdout.decode("utf-8").split())


def images(content: bytes, page: int) -> list[tuple[int, int]]:
    with pikepdf.open(io.BytesIO(content)) as file:
        found = file.pages[page].get("/Resources", {}).get("/XObject", {})
        return [(int(one.Width), int(one.Height)) for one in found.values() if one.Subtype == "/Image"]


def test_the_lines_stand_on_the_first_page_alone(tmp_path: Path) -> None:
    content = build(Header(LINES))
    assert text_of(content, tmp_path, 1).startswith(" ".join(LINES))
    for page in (2, 3):
        assert not any(line in text_of(content, tmp_path, page) for line in LINES)


def test_the_running_header_gives_way_on_the_first_page_alone(tmp_path: Path) -> None:
    """A report of one result begins with it: camera and time stand there anyway."""
    running = "NM-1, intevo, SIEMENS NM Symbia Intevo Bold, acquired 2026-11-16 07:12:00"
    assert text_of(build(None, 1), tmp_path, 1).startswith(running)
    assert running not in text_of(build(Header(LINES), 1), tmp_path, 1)
    assert text_of(build(Header(LINES)), tmp_path, 2).startswith(running)


def test_one_result_still_takes_one_page() -> None:
    with pikepdf.open(io.BytesIO(build(Header(LINES, SVG), 1))) as file:
        assert len(file.pages) == 1


@pytest.mark.parametrize("kind", ["png", "jpeg"])
def test_the_logo_stands_on_the_first_page_alone(kind: str) -> None:
    content = build(Header((), raster(kind)))
    assert (90, 30) in images(content, 0)
    assert (90, 30) not in images(content, 1)
    assert (90, 30) not in images(build(Header(LINES)), 0)


@pytest.mark.parametrize("logo", [raster("png"), raster("jpeg"), SVG], ids=["png", "jpeg", "svg"])
def test_it_stays_pdf_a_and_the_logo_has_an_alternative_text(logo: bytes) -> None:
    with pikepdf.open(io.BytesIO(build(Header(LINES, logo)))) as file:
        with file.open_metadata() as metadata:
            assert metadata["pdfaid:part"] == "3"
            assert metadata["pdfaid:conformance"] == "A"
        assert any(
            isinstance(one, pikepdf.Dictionary) and str(one.get("/Alt", "")) == "Logo" for one in file.objects
        )


@pytest.mark.skipif(shutil.which("pdftoppm") is None, reason="pdftoppm of poppler is not installed")
@pytest.mark.parametrize(
    ("columns", "rows", "width_mm", "height_mm"),
    [(90, 30, 33, 11), (900, 30, 50, 50 / 30), (30, 90, 11 / 3, 11)],
    ids=["usual", "wide", "tall"],
)
def test_the_logo_keeps_its_shape_and_its_place_at_the_right(
    tmp_path: Path, columns: int, rows: int, width_mm: float, height_mm: float
) -> None:
    """Seen in the page itself: a red logo, its right side at the margin of 15 mm."""
    red = io.BytesIO()
    from matplotlib.image import imsave

    imsave(red, np.full((rows, columns, 3), (255, 0, 0), np.uint8), format="png")
    (tmp_path / "r.pdf").write_bytes(pdf.build_pdf([], samples.refusals(), Header((), red.getvalue())))
    subprocess.run(
        ["pdftoppm", "-r", "254", "-l", "1", str(tmp_path / "r.pdf"), str(tmp_path / "r")],
        check=True,
        capture_output=True,
    )
    seen = page_of(next(tmp_path.glob("r-*.ppm")))
    is_red = (seen[:, :, 0] > 200) & (seen[:, :, 1] < 60)
    down, along = (np.flatnonzero(is_red.any(axis=axis)) for axis in (1, 0))
    # a tenth of a millimetre a pixel, and one pixel for each side that is drawn in half
    assert (along[-1] - along[0] + 1) / 10 == pytest.approx(width_mm, abs=0.2)
    assert (down[-1] - down[0] + 1) / 10 == pytest.approx(height_mm, abs=0.2)
    assert (along[-1] + 1) / 10 == pytest.approx(210 - 15, abs=0.2)


def page_of(path: Path) -> np.ndarray:
    """A page as pdftoppm writes it: rows, columns, colours."""
    magic, size, most, pixels = path.read_bytes().split(b"\n", 3)
    assert (magic, most) == (b"P6", b"255")
    width, height = map(int, size.split())
    return np.frombuffer(pixels, np.uint8).reshape(height, width, 3)


def test_no_header_and_an_empty_one_are_the_same_bytes() -> None:
    assert build(None) == build(Header())


def test_the_same_header_gives_the_same_bytes() -> None:
    header = Header(LINES, raster("png"), "de")
    assert build(header) == build(header)


def test_what_a_site_writes_is_text_and_no_markup(tmp_path: Path) -> None:
    seen = text_of(build(Header((NASTY,))), tmp_path, 1)
    assert seen.startswith('#panic() $x$ *b* <i>&amp;</i> "q" \\')
    assert "漢" not in seen


@pytest.mark.parametrize(
    "logo",
    [
        b"no image",
        raster("png")[:200],
        b"\x89PNG\r\n\x1a\n",
        b"<svg></svg>",
        SVG.replace(b"<rect", b'<image href="/etc/hostname" width="9" height="9"/><rect'),
    ],
    ids=["text", "cut", "empty", "no-namespace", "of-another-file"],
)
def test_a_logo_that_cannot_be_drawn_is_one_line_with_the_next_step(logo: bytes) -> None:
    for draw in (lambda: require_drawable(logo), lambda: build(Header(LINES, logo))):
        with pytest.raises(NmqcError, match=r"^the logo cannot be drawn \(.+\): save it again") as caught:
            draw()
        assert caught.value.code == "bad_logo"
        assert "\n" not in caught.value.reason


def test_a_good_logo_is_drawable() -> None:
    for logo in (raster("png"), raster("jpeg"), SVG):
        require_drawable(logo)


def test_a_logo_that_is_gone_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(NmqcError, match=r"logo\.png cannot be read \(No such file or directory\)"):
        read_logo(tmp_path / "logo.png")


# --- dates ----------------------------------------------------------------------------------------------


def test_dates_are_in_the_language_everywhere_but_in_the_json(tmp_path: Path) -> None:
    content = build(Header(language="de"))
    for page in (1, 2, 3):
        seen = text_of(content, tmp_path, page)
        assert "16. November 2026, 07:12:00" in seen
        assert "2026-11-16" not in seen
    with pikepdf.open(io.BytesIO(content)) as file:
        attached = json.loads(file.attachments["results.json"].get_file().read_bytes())
        assert str(file.docinfo["/CreationDate"]).startswith("D:20261116071200")
    assert [one["acquired"] for one in attached["results"]] == ["2026-11-16T07:12:00"] * 2
    assert "November" not in json.dumps(attached)


def test_the_terminal_words_dates_in_the_language() -> None:
    plain = terminal.show(samples.both(), [])
    german = terminal.show(samples.both(), [], language="de")
    assert plain.count("2026-11-16 07:12:00") == german.count("16. November 2026, 07:12:00") == 2
    assert plain.replace("2026-11-16 07:12:00", "16. November 2026, 07:12:00") == german


def test_a_terminal_without_unicode_has_dates_without_accents() -> None:
    result = samples.result(source=samples.source(acquired="2026-02-01T07:12:00"))
    shown = terminal.show([(result, None)], [], unicode=False, language="fr")
    assert "1er fevrier 2026, 07:12:00" in shown
    assert shown.isascii()


def test_a_result_without_a_time_has_none_in_any_language() -> None:
    result = samples.result(source=samples.source(acquired=None))
    assert "time unknown" in terminal.show([(result, None)], [], language="de")
