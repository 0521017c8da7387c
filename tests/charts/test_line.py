"""A line chart is to scale, marks the choice and escapes its words."""

from xml.etree import ElementTree

import pytest

from playground.charts.line import ChartPoint, draw_line
from tests.fakes.svg import dots, texts

HOSTILE = '<b>&"x"'


def test_a_curve_rises_with_its_figures_and_marks_the_choice() -> None:
    points = [
        ChartPoint(1, 2.0, "all", "1 ×", False),
        ChartPoint(2, 2.5, "15", "2 ×", True),
        ChartPoint(4, 3.0, "6", "4 ×", False),
    ]
    drawn = draw_line(HOSTILE, points, HOSTILE, "loss")
    ((x, y),) = dots(drawn)["dot chosen"]
    first, last = dots(drawn)["dot other"]
    assert (last[0] - first[0]) / (x - first[0]) == pytest.approx(3, abs=0.05)
    assert (first[1] - last[1]) / (first[1] - y) == pytest.approx(2, abs=0.05)
    assert texts(drawn) == ["loss ↑", f"{HOSTILE} →", "all 1 ×", "15 2 ×", "6 4 ×"]
    assert ElementTree.fromstring(drawn).findtext("desc") == "all: 1 ×; 15: 2 × ✓; 6: 4 ×"
    _, _, width, height = map(float, ElementTree.fromstring(drawn).get("viewBox", "").split())
    assert all(0 < x < width and 0 < y < height for place in dots(drawn).values() for x, y in place)


def test_a_point_without_a_name_is_on_the_line_without_a_mark_and_one_point_is_no_line() -> None:
    points = [ChartPoint(0, 0), ChartPoint(5, 1), ChartPoint(10, 2, "10:", "2")]
    drawn = draw_line("Break-even", points, "edits", "questions")
    assert sum(map(len, dots(drawn).values())) == 1
    assert drawn.count("L") == 2
    assert texts(drawn) == ["questions ↑", "edits →", "10: 2"]
    assert draw_line("Break-even", points[:1], "edits", "questions") == ""
