"""The trade-off of fewer layers: measured figures, interpolation and the marked choice."""

from pathlib import Path

import pytest

from playground.training import layer_tradeoff
from playground.ui.shared.i18n import say
from playground.ui.train.layers_panel import layers_chart
from tests.fakes.svg import dots, texts


def test_the_measured_layers_are_those_of_the_log() -> None:
    log = Path("docs/log.md").read_text(encoding="utf-8").partition("## 2026-11-25 · Fewer layers")[2]
    for each in layer_tradeoff.MEASURED:
        name = "all" if each.layers == layer_tradeoff.BLOCKS else str(each.layers)
        row = next(line for line in log.splitlines() if line.startswith(f"| {name} |"))
        assert f"| {each.speed:.2f} × |" in row
        assert row.endswith(f"→ {each.loss:.3f} |")


def test_a_choice_between_measured_ones_lies_on_the_line_and_beyond_them_nowhere() -> None:
    first, second, *_, last = layer_tradeoff.MEASURED
    assert layer_tradeoff.interpolate(0) == layer_tradeoff.interpolate(30) == first
    assert layer_tradeoff.interpolate(6) == last
    middle = layer_tradeoff.interpolate(20)
    assert middle
    assert first.loss < middle.loss < second.loss
    assert [layer_tradeoff.interpolate(each) for each in (5, 31)] == [None, None]


@pytest.mark.parametrize(
    ("asked", "marked", "name"), [(0, 1, "all"), (10, 1, "10"), (12, 1, "12"), (3, 0, ""), (None, 0, "")]
)
@pytest.mark.parametrize("language", ["en", "vi"])
def test_the_trade_marks_the_choice_and_says_what_was_not_measured(
    language: str, asked: int | None, marked: int, name: str
) -> None:
    drawn, told = layers_chart(language, asked).split("<p class")
    assert len(dots(drawn).get("dot chosen", [])) == marked
    assert sum(map(len, dots(drawn).values())) == len(layer_tradeoff.MEASURED) + (asked == 12)
    assert any(text.split(" ")[0] == name for text in texts(drawn)) or language == "vi" or not marked
    assert len(told) > 100
    assert (say(language, "layers.between") in told) == (asked == 12)
    assert (say(language, "layers.beyond") in told) == (not marked)
