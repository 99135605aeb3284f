"""Dates as readers of a language write them, for the terminal and the PDF. JSON and what is sorted keep ISO 8601."""

from __future__ import annotations

from datetime import date

#: language -> the months, from January
MONTHS = {
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "en": "January February March April May June July August September October November December",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "nl": "januari februari maart april mei juni juli augustus september oktober november december",
    "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
}
#: language -> a day of a month and its year; of the languages that are not here, with blanks between
_ORDERS = {
    "de": "{day}. {month} {year}",
    "es": "{day} de {month} de {year}",
    "pt": "{day} de {month} de {year}",
}
#: language -> the first day of a month, where it has a sign of its own
_FIRST = {"fr": "1er", "it": "1º"}
ISO = "iso"
LANGUAGES = (ISO, *MONTHS)


def date_words(moment: str, language: str = ISO) -> str:
    """Return a date, or a date and time, of ISO 8601 in words: "16 November 2026, 07:12:00".

    The time stays as it is, with its parts of a second and its offset. The month is a word, so that nobody takes
    it for the day. `language` is one of `LANGUAGES`; "iso" is "2026-11-16 07:12:00".

    Raises
    ------
    KeyError
        If the language is none of them.
    """
    if language == ISO:
        return moment.replace("T", " ")
    day, _, time = moment.partition("T")
    words = _day(date.fromisoformat(day), language)
    return f"{words}, {time}" if time else words


def _day(day: date, language: str) -> str:
    month = MONTHS[language].split()[day.month - 1]
    number = _FIRST.get(language, "1") if day.day == 1 else str(day.day)
    return _ORDERS.get(language, "{day} {month} {year}").format(day=number, month=month, year=day.year)
