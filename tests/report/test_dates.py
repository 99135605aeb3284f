"""Dates in words: each language by hand, and what may never change."""

import pytest

from nmqc.config import DATES
from nmqc.report.dates import LANGUAGES, MONTHS, date_words


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("iso", "2026-03-09 07:12:00"),
        ("de", "9. März 2026, 07:12:00"),
        ("en", "9 March 2026, 07:12:00"),
        ("es", "9 de marzo de 2026, 07:12:00"),
        ("fr", "9 mars 2026, 07:12:00"),
        ("it", "9 marzo 2026, 07:12:00"),
        ("nl", "9 maart 2026, 07:12:00"),
        ("pt", "9 de março de 2026, 07:12:00"),
    ],
)
def test_each_language(language: str, words: str) -> None:
    assert date_words("2026-03-09T07:12:00", language) == words


def test_the_configuration_offers_what_there_is() -> None:
    assert LANGUAGES == DATES


@pytest.mark.parametrize("language", MONTHS)
def test_twelve_months_that_differ(language: str) -> None:
    words = [date_words(f"2026-{month:02}-28", language) for month in range(1, 13)]
    assert len(set(words)) == 12
    assert all(one.startswith("28") and one.endswith("2026") for one in words)


def test_the_first_of_a_month() -> None:
    firsts = {language: date_words("2026-08-01", language) for language in LANGUAGES}
    assert firsts["fr"] == "1er août 2026"
    assert firsts["it"] == "1º agosto 2026"
    assert firsts["de"] == "1. August 2026"
    assert firsts["en"] == "1 August 2026"


@pytest.mark.parametrize("time", ["07:12:00.040000", "07:12:00+05:30", "23:59:59.999999-03:00"])
def test_parts_of_a_second_and_offsets_stay(time: str) -> None:
    assert date_words(f"2026-12-31T{time}", "en") == f"31 December 2026, {time}"


def test_a_language_that_is_not_known_is_no_silent_english() -> None:
    with pytest.raises(KeyError):
        date_words("2026-12-31", "xx")
