"""The picture of shares: a bar as wide as the whole, figures that a reader can check, colours that stay."""

from xml.etree import ElementTree

from playground.charts.shares import WIDTH, SharesRow, draw_shares
from tests.fakes.svg import texts

NAMES = {"text": "Text <b>", "questions": "Questions", "replay": "Replay"}
ROWS = [
    SharesRow("Read", "read", {"text": 300, "replay": 100}),
    SharesRow("Trained", "trained", {"text": 50, "replay": 50}),
]


def widths(drawn: str, kind: str) -> list[float]:
    rects = ElementTree.fromstring(drawn).iter("rect")
    return [float(each.get("width", 0)) for each in rects if each.get("class") == kind]


def test_the_parts_of_a_bar_fill_it_by_their_shares() -> None:
    drawn = draw_shares("Mix", ROWS, NAMES)
    (first, second, _), (third, fourth, _) = widths(drawn, "stack0"), widths(drawn, "stack2")
    assert (first, third) == (WIDTH * 0.75, WIDTH * 0.25)
    assert (second, fourth) == (WIDTH / 2, WIDTH / 2)


def test_a_part_keeps_its_colour_where_another_is_missing() -> None:
    assert widths(draw_shares("Mix", ROWS, NAMES), "stack1") == []


def test_the_legend_and_the_description_say_every_share() -> None:
    drawn = draw_shares("Mix", ROWS, NAMES)
    assert texts(drawn)[-6:] == ["Text <b>", "75 %", "50 %", "Replay", "25 %", "50 %"]
    said = "<desc>Read: Text &lt;b&gt; 75 %, Replay 25 %; Trained: Text &lt;b&gt; 50 %, Replay 50 %</desc>"
    assert said in drawn


def test_nothing_read_draws_no_bar() -> None:
    assert "<rect" not in draw_shares("Mix", [SharesRow("Read", "read", {})], NAMES)
