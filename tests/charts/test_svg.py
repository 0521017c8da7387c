"""The drawings: every part with its name and size, marked by its role, well-formed whatever a name holds."""

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

import adapters
from adapters.base import Options, Paper, Part
from adapters.lora import Lora
from playground.charts.bars import Bar, draw_bars
from playground.charts.layer import ROLES, SIDE, THINNEST, draw_layer, draw_legend
from playground.charts.line import ChartPoint, draw_line
from playground.charts.timeline import draw_timeline
from playground.training import layer_tradeoff
from playground.ui.shared.i18n import say
from playground.ui.train.layers_panel import layers_chart

METHODS = adapters.methods()
HOSTILE = '<b>&"x"'


class Hostile(Lora):
    """A method whose every word is markup."""

    label = HOSTILE
    paper = Paper(HOSTILE, "2501.00001")

    def parts(self, inputs: int, outputs: int, options: Options) -> tuple[Part, ...]:
        """A part of a name that must be escaped."""
        return (Part(HOSTILE, outputs, inputs, "frozen"),)


def texts(svg: str) -> list[str]:
    return ["".join(each.itertext()) for each in ElementTree.fromstring(svg).iter("text")]


def sides(svg: str) -> list[tuple[float, float]]:
    parts = [each for each in ElementTree.fromstring(svg).iter("rect") if "part" in each.get("class", "")]
    return [(float(each.get("width", 0)), float(each.get("height", 0))) for each in parts]


@pytest.mark.parametrize("id_", METHODS)
def test_a_drawing_names_every_part_with_its_size_and_role(id_: str) -> None:
    method = METHODS[id_]
    parts = method.parts(576, 192, method.Options())
    drawn = draw_layer(method, 576, 192, method.Options())
    for part in parts:
        assert any(text.endswith(f"{part.name} {part.rows} × {part.columns}") for text in texts(drawn)), part
        assert f"{part.name} {part.rows} × {part.columns}" in drawn
    assert [drawn.count(f'"part {role}"') for role in ROLES] == [
        sum(part.role == role for part in parts) for role in ROLES
    ]
    assert drawn.count('class="hatch"') == sum(part.role == "frozen" for part in parts)
    assert ("4 bit" in texts(drawn)) == any(part.bits < 32 for part in parts)


@pytest.mark.parametrize("id_", METHODS)
def test_a_screen_reader_hears_what_it_shows(id_: str) -> None:
    method = METHODS[id_]
    root = ElementTree.fromstring(draw_layer(method, 64, 64, method.Options(), translate=lambda role: f"<{role}>"))
    assert (root.get("role"), root.findtext("title")) == ("img", method.label)
    told = root.findtext("desc") or ""
    assert all(f"<{part.role}>" in told for part in method.parts(64, 64, method.Options()))


def test_parts_are_to_scale_and_a_thin_one_can_still_be_seen() -> None:
    lora = METHODS["lora"]
    square, upright, flat = sides(draw_layer(lora, 576, 576, lora.Options(rank=192)))
    assert square == (SIDE, SIDE)
    assert upright == pytest.approx((SIDE / 3, SIDE), abs=0.1)
    assert flat == pytest.approx((SIDE, SIDE / 3), abs=0.1)
    assert sides(draw_layer(lora, 576, 576, lora.Options(rank=1)))[1:] == [(THINNEST, SIDE), (SIDE, THINNEST)]


@pytest.mark.parametrize("id_", METHODS)
def test_no_part_covers_another_or_leaves_the_picture(id_: str) -> None:
    method = METHODS[id_]
    root = ElementTree.fromstring(draw_layer(method, 576, 576, method.Options()))
    _, _, width, height = (float(each) for each in root.get("viewBox", "").split())
    boxes = []
    for each in root.iter("rect"):
        x, y, w, h = (float(each.get(name, 0)) for name in ("x", "y", "width", "height"))
        assert 0 <= x <= x + w <= width
        assert 0 <= y <= y + h <= height
        assert all(x >= right or left >= x + w or y >= low or top >= y + h for left, top, right, low in boxes)
        boxes.append((x, y, x + w, y + h))


def test_what_a_name_holds_cannot_become_markup() -> None:
    hostile = Hostile()
    for drawn in (draw_layer(hostile, 8, 8, hostile.Options()), draw_timeline([hostile], HOSTILE)):
        assert "<b>" not in drawn
        assert any(HOSTILE in text for text in texts(drawn))
    assert texts(draw_bars(HOSTILE, [Bar(HOSTILE, HOSTILE, 0.5)])) == [HOSTILE, HOSTILE]


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


def test_bars_say_their_figures_and_reach_as_far_as_they_stand_for() -> None:
    drawn = draw_bars("LoRA", [Bar("Learns", "2,442,240 · 1.82 %", 0.5), Bar("Memory", "0.89 GB", 1.0)])
    assert texts(drawn) == ["Learns", "2,442,240 · 1.82 %", "Memory", "0.89 GB"]
    reaches = [each.get("width") for each in ElementTree.fromstring(drawn).iter("rect") if each.get("class") == "reach"]
    assert reaches == ["120", "240"]


def test_the_legend_explains_every_role() -> None:
    legend = ElementTree.fromstring(draw_legend(str.upper))
    assert ["".join(each.itertext()).split()[-1] for each in legend.iter("li")] == [role.upper() for role in ROLES]
    assert legend.findall(".//rect[@class='part shared']")


def test_the_same_options_give_the_same_picture() -> None:
    vera = METHODS["vera"]
    assert draw_layer(vera, 576, 576, vera.Options()) == draw_layer(vera, 576, 576, replace(vera.Options()))


def dots(svg: str) -> dict[str, list[tuple[float, float]]]:
    """Where a curve's points lie, by their class."""
    found: dict[str, list[tuple[float, float]]] = {}
    for each in ElementTree.fromstring(svg).iter("circle"):
        place = float(each.get("cx", 0)), float(each.get("cy", 0))
        found.setdefault(each.get("class", ""), []).append(place)
    return found


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
