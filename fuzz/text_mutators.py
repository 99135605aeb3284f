"""Ways to break a text file, TOML or CSV: its bytes, its lines, its values."""

from __future__ import annotations

import re
from random import Random

_VALUES = (
    *(
        "nan",
        "-inf",
        "1e999",
        "1e308",
        "-1",
        "0",
        "0.0",
        "true",
        '""',
        "''",
        "[]",
        "{}",
        "[[[[]]]]",
        "9" * 400,
        "9" * 5000,
    ),
    *(
        "0x" + "f" * 9000,
        "2026-02-30",
        "0001-01-01",
        "9999-12-31T23:59:59Z",
        "09:12:00",
        '"\\u0000"',
        '"' + "x" * 5000 + '"',
    ),
    *(
        '"../../../etc/passwd"',
        '"postgresql://user:secret@nowhere/db"',
        '"(a+)+$"',
        '"("',
        "[1, 'a', 2.5]",
        '"2026-11-16"',
    ),
    *(
        "[nan, inf]",
        "{ high = nan }",
        "{ low = 1e400 }",
        '["a", ["b"]]',
        "1_000",
        '"\\ud800"',
        "-0.0",
        "1e-320",
    ),
)
_STATEMENTS = (
    "a." * 3000 + "b = 1",
    "x = " + "[" * 200 + "]" * 200,
    "x = " + "{ a = " * 60 + "1" + " }" * 60,
    "[" + ".".join(["a"] * 2000) + "]",
    "x = [\n" + "1,\n" * 2000 + "]",
    'x = """\n' + "text\n" * 3000 + '"""',
    "\n".join(f"[[test]]\nk{n} = {n}" for n in range(300)),
    "[[limit]]",
    "\ufeff",
    "\x00",
)


def mutated_text(data: bytes, random: Random) -> bytes:
    """Return a broken copy of a text file: one to four changes."""
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        data = random.choice(_MUTATORS)(data, random)
    return data


def _flipped(data: bytes, random: Random) -> bytes:
    changed = bytearray(data)
    for _ in range(random.choice((1, 3, 20))):
        if changed:
            changed[random.randrange(len(changed))] = random.randrange(256)
    return bytes(changed)


def _cut(data: bytes, random: Random) -> bytes:
    return data[: random.randrange(len(data) + 1)]


def _line(data: bytes, random: Random) -> bytes:
    """Drop a line, write it twice, exchange it with another, or put a hostile one in."""
    lines = data.split(b"\n")
    at = random.randrange(len(lines))
    what = random.randrange(4)
    if what == 0:
        del lines[at]
    elif what == 1:
        lines.insert(at, lines[at])
    elif what == 2:
        other = random.randrange(len(lines))
        lines[at], lines[other] = lines[other], lines[at]
    else:
        lines.insert(at, random.choice(_STATEMENTS).encode())
    return b"\n".join(lines)


def _value(data: bytes, random: Random) -> bytes:
    """Give a key, or a cell, another value."""
    text = data.decode("utf-8", "replace")
    places = list(re.finditer(r"(?<=[=,;])[^=,;#\n]+", text))
    if not places:
        return data
    place = random.choice(places)
    return (text[: place.start()] + " " + random.choice(_VALUES) + text[place.end() :]).encode()


_MUTATORS = (_flipped, _cut, _line, _line, _value, _value, _value, _value)
