"""An adapted layer: every part with its name and size, marked by its role, well-formed whatever a name holds."""

from dataclasses import replace
from xml.etree import ElementTree

import pytest

import adapters
from adapters.base import Options, Paper, Part
from adapters.lora import Lora
from playground.charts.bars import Bar, draw_bars
from playground.charts.layer import ROLES, SIDE, THINNEST, draw_layer, draw_legend
from playground.charts.timeline import draw_timeline
from tests.fakes.svg import texts

METHODS = adapters.methods()


HOSTILE = '<b>&"x"'


class Hostile(Lora):
    """A method whose every word is markup."""

    label = HOSTILE
    paper = Paper(HOSTILE, "2501.00001")

    def parts(self, inputs: int, outputs: int, options: Options) -> tuple[Part, ...]:
        """A part of a name that must be escaped."""
        return (Part(HOSTILE, outputs, inputs, "frozen"),)


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


def test_the_legend_explains_every_role() -> None:
    legend = ElementTree.fromstring(draw_legend(str.upper))
    assert ["".join(each.itertext()).split()[-1] for each in legend.iter("li")] == [role.upper() for role in ROLES]
    assert legend.findall(".//rect[@class='part shared']")


def test_the_same_options_give_the_same_picture() -> None:
    vera = METHODS["vera"]
    assert draw_layer(vera, 576, 576, vera.Options()) == draw_layer(vera, 576, 576, replace(vera.Options()))
