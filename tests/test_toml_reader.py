"""The lines of a TOML document, found again from its text."""

import pytest

from nmqc.toml_reader import BadFile, Document, Place

TEXT = '''\
title = "x"

[[system]]   # the first
unit = "a"
field = { shape = "ROUND", extents_mm = [
  1,
  2,
] }
[[system.head]]
detector = 1
[[system.head]]
"detector" = 2
note = """
[[system]]
detector = 3
"""
[ system.inner . deep ]
value = 1
[[system]]
unit = "b"
inner.deep.value = 2
[[system.head]]
detector = 4
'''


@pytest.mark.parametrize(
    ("place", "line"),
    [
        (("title",), 1),
        (("system", 0), 3),
        (("system", 0, "unit"), 4),
        (("system", 0, "field"), 5),
        (("system", 0, "field", "extents_mm", 1), 5),
        (("system", 0, "head"), 9),
        (("system", 0, "head", 0), 9),
        (("system", 0, "head", 0, "detector"), 10),
        (("system", 0, "head", 1), 11),
        (("system", 0, "head", 1, "detector"), 12),
        (("system", 0, "head", 1, "note"), 13),
        (("system", 0, "inner"), 17),
        (("system", 0, "inner", "deep"), 17),
        (("system", 0, "inner", "deep", "value"), 18),
        (("system", 1), 19),
        (("system", 1, "unit"), 20),
        (("system", 1, "inner", "deep", "value"), 21),
        (("system", 1, "head", 0), 22),
        (("system", 1, "head", 0, "detector"), 23),
        (("system", 1, "head", 0, "missing"), 22),  # what is missing is missed where its table begins
        (("missing",), 1),
    ],
)
def test_every_place_has_the_line_where_its_statement_begins(place: Place, line: int) -> None:
    assert Document("x.toml", TEXT).line(place) == line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a = 1\nb = \n", 2),
        ('a = 1\n\nb = """\n\n', 3),  # an end that never comes: the last line with text
        ("a = " + "[" * 100_000, 1),
        ("\n\na = " + "9" * 5_000, 3),
    ],
)
def test_what_is_not_toml_is_one_mistake(text: str, line: int) -> None:
    with pytest.raises(BadFile) as caught:
        Document("x.toml", text)
    (mistake,) = caught.value.mistakes
    assert mistake.line == line
    assert str(mistake).startswith(f"x.toml:{line}: not TOML: ")


def test_an_unknown_key_is_shown_in_one_line() -> None:
    document = Document("x.toml", '"a\\nb\\u001b[31m" = 1')
    with pytest.raises(BadFile) as caught:
        document.finish()
    assert caught.value.reason.startswith('x.toml:1: unknown key "a?b?[31m"')
