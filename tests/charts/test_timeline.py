"""The timeline has every method in order, with labels that do not overlap."""

from xml.etree import ElementTree

import adapters
from playground.charts.timeline import draw_timeline
from tests.fakes.svg import texts

METHODS = adapters.methods()


def test_the_timeline_has_every_method_but_the_baseline_in_order_and_apart() -> None:
    drawn = draw_timeline(METHODS.values())
    rows = [text for text in texts(drawn) if "-" in text]
    shown = [method for method in METHODS.values() if not method.baseline]
    assert rows == [f"{each.label} {each.paper.year}-{each.paper.month:02}" for each in shown]
    labels = [each for each in ElementTree.fromstring(drawn).iter("text") if each.get("class") != "year"]
    heights = [float(each.get("y", 0)) for each in labels]
    assert min(after - before for before, after in zip(heights, heights[1:], strict=False)) >= 20
    assert draw_timeline(list(reversed(METHODS.values()))) == drawn
    assert draw_timeline([]) == ""
