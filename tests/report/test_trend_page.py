"""The page of HTML: that it holds all it needs and nothing else, and that it works in a browser."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest

from nmqc.errors import NmqcError
from nmqc.report import trend_page
from nmqc.report.header import Header
from nmqc.trend.report import Logged, document
from tests.report import browser
from tests.trend.stories import NONE, TILT, asked, found, scattered, watch, watched

NASTY = "</script><script>alert(1)</script> \u2028 & <img src=x onerror=alert(2)>"


def made(unit="Gamma 1", text="PMT 23 replaced"):
    step = scattered(250, lambda place: 2.9 + (0.9 if place >= 120 else 0))
    other = scattered(60, seed=5)
    other[-1] = 5.4
    series = [
        watched(step, unit=unit, excluded={30: "leak"}, counts=lambda place: 300 if place == 200 else 100),
        watched(scattered(250, seed=2), unit=unit, metric=TILT, limits=NONE),
        watched(other, unit="Gamma 2", detector=2),
    ]
    return document(series, asked(), "0.1.0", [Logged(unit, "2026-02-01", "service", text)])


@pytest.fixture(scope="module")
def page():
    return trend_page.build_page(made())


def held(page):
    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    return json.loads(text)


def test_it_asks_nothing_of_any_server(page):
    class Addresses(HTMLParser):
        def __init__(self):
            super().__init__()
            self.found = []

        def handle_starttag(self, tag, attributes):
            self.found += [
                (tag, name) for name, _ in attributes if name in ("src", "href", "action", "data", "srcset")
            ]

    reader = Addresses()
    reader.feed(page)
    assert reader.found == []
    assert "default-src 'none'" in page
    assert set(re.findall(r"https?://[^\"'\s<]+", page)) <= {"http://www.w3.org/2000/svg"}


def test_values_times_and_verdicts_are_those_of_the_report(page):
    series = held(page)["systems"][0]["tests"][0]["series"][0]
    wanted = made()["systems"][0]["tests"][0]["series"][0]
    assert series["v"] == pytest.approx(wanted["points"]["value"], rel=5e-5)  # five digits are written
    assert series["t"][1:] == [24 * 60] * 249
    assert series["f"] == "".join(verdict[0] for verdict in wanted["points"]["verdict"])
    assert series["x"] == {"30": "leak"}
    assert series["o"] == {"200": "its counts are not those of the values about it"}
    (change,) = series["changes"]
    assert sum(series["t"][:121]) == pytest.approx(
        change[0], abs=3 * 24 * 60
    )  # dated within three acquisitions


def test_sixty_thousand_values_are_less_than_five_megabytes():
    values = scattered(1825)
    some = [found(values, unit=f"Gamma {number % 4}", metric=f"m{number}") for number in range(33)]
    content = trend_page.build_page(document([watch([one]) for one in some], asked(), "0.1.0"))
    assert len(content.encode()) < 5_000_000


def test_words_of_people_stay_words():
    content = trend_page.build_page(made(unit=NASTY, text=NASTY), Header((NASTY,)))
    assert content.count("<script") == 2
    assert held(content)["systems"][0]["name"] == NASTY


def test_another_page_is_not_replaced_and_an_earlier_one_is(tmp_path):
    path = tmp_path / "trend.html"
    path.write_text("<html>mine</html>")
    with pytest.raises(NmqcError, match="no earlier page"):
        trend_page.write_page(path, made())
    trend_page.write_page(path, made(), force=True)
    trend_page.write_page(path, made())
    with pytest.raises(NmqcError, match="folder does not exist"):
        trend_page.write_page(tmp_path / "none" / "t.html", made())


# --- in a browser ---------------------------------------------------------------------------------------


@pytest.fixture
def tab(page, tmp_path):
    if browser.program() is None:
        pytest.skip("no Chromium is installed here (Debian: apt-get install chromium)")
    path = tmp_path / "trend.html"
    path.write_text(page, encoding="utf-8")
    with browser.opened(path, tmp_path / "profile") as opened:
        yield opened


#: where in the window a value of the first chart stands
WHERE = """(() => {
  const svg = document.querySelector("#charts svg"), one = chosen().series[0], at = times(one), place = %d;
  svg.scrollIntoView();
  const box = svg.getBoundingClientRect(), to = scales(one, at.map((_, p) => p), [at[0], at.at(-1)]);
  return [box.left + to.x(at[place]) / WIDE * box.width, box.top + to.y(one.v[place]) / HIGH * box.height];
})()"""


def charts(tab):
    return tab.run("[...document.querySelectorAll('#charts h2')].map((one) => one.textContent)")


def test_pointing_at_a_value_tells_it_and_another_system_can_be_chosen(tab):
    assert ["detector 2" in one for one in charts(tab)] == [True]  # what is out of limits comes first
    tab.run("choose(0, 0)")
    place = 100
    where = tab.run(WHERE % place)
    tab.point(*where)
    told = tab.run("byId('tip').hidden ? null : byId('tip').textContent")
    points = made()["systems"][0]["tests"][0]["series"][0]["points"]
    assert told is not None
    assert told.startswith(points["acquired"][place][:16].replace("T", " "))
    value, verdict = points["value"][place], points["verdict"][place]
    assert f": {float(f'{value:.4e}')} ± 0.12 %, {verdict} (result {place + 1})" in told
    assert "pass, left out of the trend: its counts are not" in tab.run("told(chosen().series[0], 200)")
    assert "excluded: leak (" in tab.run("told(chosen().series[0], 30)")
    tab.run("byId('system').value = 1; byId('system').dispatchEvent(new Event('change'))")
    assert ["detector 2" in one for one in charts(tab)] == [True]
    assert tab.errors == []
    assert [one for one in tab.requests if not one.startswith("file:")] == []


def test_metric_and_period_are_chosen_and_the_first_page_leads_to_the_charts(tab):
    tab.run("choose(0, 0)")
    assert len(charts(tab)) == 1  # what matters: the judged one
    tab.run("byId('metric').value = 1; byId('metric').dispatchEvent(new Event('change'))")
    assert len(charts(tab)) == 2
    tab.run("byId('metric').value = 3; byId('metric').dispatchEvent(new Event('change'))")
    assert ["tilt" in one for one in charts(tab)] == [True]
    count = "document.querySelector('#charts path[stroke-linecap]').getAttribute('d').split('M').length - 1"
    assert tab.run(count) == 250
    tab.run("byId('span').value = 31; byId('span').dispatchEvent(new Event('change'))")
    assert tab.run(count) == 32
    tab.run("document.querySelector('tr[data-test=\"1/0\"]').click()")
    assert "detector 2" in charts(tab)[0]
    assert tab.errors == []


def test_the_keyboard_does_what_the_mouse_does(tab):
    tab.run("choose(0, 0); document.querySelector('#charts svg').focus()")
    for key in ("ArrowLeft", "ArrowLeft", "ArrowRight"):
        tab.send("Input.dispatchKeyEvent", type="keyDown", key=key)
    points = made()["systems"][0]["tests"][0]["series"][0]["points"]
    assert tab.run("byId('tip').textContent").startswith(points["acquired"][-2][:16].replace("T", " "))
