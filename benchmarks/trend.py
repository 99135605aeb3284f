"""The figures of docs/methods/trend-validation.md: `python -m benchmarks trend --write FILE`.

Values are drawn, not measured on images. One process; some minutes.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from benchmarks import trend_changes, trend_years
from benchmarks.validation import table

HEAD = """# Validation of trends

Made by `python -m benchmarks trend --write docs/methods/trend-validation.md`. Values are drawn
with seeds; sigma is their true standard deviation. The method: [trends](trend.md).
"""

FALSE = """Healthy years of {days} working days after a baseline, Monday to Friday in the morning; default rules,
the gate and the repeat (the next acquisition within 36 hours: never from Friday to Monday) included.
Metrics are independent of each other. Demanded: at most one notice a camera and year. The rate is that
of {years} years (a fifth of them where nothing is demanded); {checked} other years must lie within the 95 %
interval of a Poisson number of that rate.

{table}
Notices of one series come in clusters, where its baseline happened to lie low: the number in a year
scatters more than a Poisson number does, with normal values by a tenth, with skewed ones several times
(variance over mean, 60 years). So a count of {checked} years lies outside of the interval more often than once
in twenty.

As first advised (3.3 sigma, sigma by moving ranges, a gate of one sigma, a baseline of 20 counting as
the truth) the EWMA alone gives {advised:.2f} notices a metric and year: {camera:.0f} for 20 metrics.
Hence 3.9 sigma, limits that carry the uncertainty of the baseline, and limits 1.15 times as wide where
one side alone is watched. What is correlated gives more than one a year.
"""

DETECTION = """Mean number of acquisitions until the first notice of the default rules, 500 at most ({runs} series
each), by the number of values of the baseline and what they are. In brackets: not within 500.

{table}
A simulation with limits known without error, and no demand on false notices, gave 12.5 days for 1 sigma
with EWMA 3.3, and 8.8 days for 1 sigma, 2.7 for 2 sigma, 36 for the drift with EWMA 2.86. The difference
is the price of a baseline of 20 values and of one false notice a camera and year; a stated baseline of
60 results wins much of it back. A limit far away makes small shifts unnoticed: they do not matter. Steps
and drifts (below) are looked for in all values, and are found sooner.
"""

NOTHING = """Percent of {runs} healthy series in which something is found, looked at once, at their end.

{table}"""

STEPS = """Percent of {runs} series; sizes in sigma. Demanded: dated within three acquisitions for steps of 2 sigma
and more. The interval should hold the truth in 95 % or more (places are whole).

{table}"""

DRIFTS = """Percent of {runs} series; of those in which a drift is found, how often the 95 % intervals hold the true
onset and the true slope; median width of the interval of the onset, in days. A drift that is hardly
found is found where noise makes it look steeper: there intervals hold less.

{table}
The last four are of values on a floor, whose truth no broken line describes.
"""

LINES = """Standard deviation of the slope (0.02 a day) of {runs} series of 100 values, in thousandths a day. Theil
and Sen's line gains with outliers alone, and has no interval that knows of correlation and of an
uncertain onset: least squares without lone outliers it is.

{table}"""


def page(years: int, checked: int, runs: int) -> str:
    """Return the whole page."""
    sections = (
        ("False notices", _false(years, checked)),
        ("Detection", DETECTION.format(runs=runs, table=_detection(runs))),
        ("Steps and drifts where there are none", NOTHING.format(runs=5 * runs, table=_nothing(5 * runs))),
        ("Steps", STEPS.format(runs=runs, table=_steps(runs))),
        ("Drifts", DRIFTS.format(runs=runs, table=_drifts(runs))),
        ("Which line", LINES.format(runs=5 * runs, table=_lines(5 * runs))),
    )
    return "\n".join([HEAD, *(f"## {title}\n\n{text}" for title, text in sections)])


def _false(years: int, checked: int) -> str:
    other = f"in {checked} other years"
    columns = ("camera", "baseline", "notices a year", "at most one", other, "95 %", "within")
    advised = trend_years.as_advised(2000)
    return FALSE.format(
        days=trend_years.YEAR,
        years=years,
        checked=checked,
        advised=advised,
        camera=20 * advised,
        table=table(columns, list(trend_years.false_notices(years, checked))),
    )


def _detection(runs: int) -> str:
    return table(("shift", *trend_years.DETECTED_WORDS), list(trend_years.detection(runs)))


def _nothing(runs: int) -> str:
    columns = ("values", "correlation", "skewness", "steps / %", "drifts / %")
    return table(columns, list(trend_changes.nothing(runs)))


def _steps(runs: int) -> str:
    columns = ("size", "at value", "correlation", "found / %", "within 3 / %", "in the interval / %")
    return table(columns, list(trend_changes.steps(runs)))


def _drifts(runs: int) -> str:
    columns = ("drift", "found / %", "onset held / %", "slope held / %", "width / days")
    return table(columns, list(trend_changes.drifts(runs)))


def _lines(runs: int) -> str:
    columns = ("noise", "without lone outliers", "plain", "Theil and Sen")
    return table(columns, list(trend_changes.lines(runs)))


def main(arguments: Sequence[str]) -> int:
    """Measure every table and print or write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks trend", description=__doc__)
    parser.add_argument("--years", type=int, default=1500, help="of each camera, for the rate")
    parser.add_argument("--checked", type=int, default=200, help="other years, that must agree")
    parser.add_argument("--runs", type=int, default=150, help="series of each kind")
    parser.add_argument("--write", type=Path, metavar="FILE")
    asked = parser.parse_args(arguments)
    made = page(asked.years, asked.checked, asked.runs)
    if asked.write:
        asked.write.write_text(made, encoding="utf-8")
    else:
        print(made)
    return 0
