"""Which results' images a trend shows."""

from __future__ import annotations

from nmqc.trend.latest import MOST_IMAGES, add_images
from nmqc.trend.report import document
from tests.trend.stories import TILT, asked, watched


def shown(series, images):
    found = document(series, asked(), "0.1.0")
    add_images(found, lambda numbers: {number: images[number] for number in numbers if number in images})
    return found["systems"][0]["tests"][0]["images"]


def test_the_last_of_each_detector_with_its_day():
    days = [0, 1, 2]
    series = [
        watched([2.8] * 3, days),
        watched([0.1] * 2, [0, 1], metric=TILT),
        watched([2.9], [2], detector=2),
    ]
    found = shown(series, {1: "one", 3: "three"})
    assert [(one["detector"], one["png"], one["acquired"][:10]) for one in found] == [
        (1, "three", "2025-11-05"),
        (2, "one", "2025-11-05"),
    ]


def test_what_is_excluded_is_not_the_last():
    found = shown([watched([2.8] * 3, excluded={2: "leak"})], {2: "two", 3: "three"})
    assert [one["png"] for one in found] == ["two"]


def test_a_result_without_an_image_shows_none():
    assert shown([watched([2.8] * 3)], {1: "one"}) == []


def test_no_more_than_have_room():
    series = [watched([2.8], detector=place) for place in range(1, MOST_IMAGES + 3)]
    assert len(shown(series, {1: "one"})) == MOST_IMAGES
