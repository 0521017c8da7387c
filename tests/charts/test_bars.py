"""Bar charts: what is drawn is what was measured, and every word is escaped."""

import re
from xml.etree import ElementTree

from playground.charts.bars import WIDTH, Bar, IntervalBar, draw_bars, draw_interval_bars, draw_stacked_bars
from tests.fakes.svg import texts

RAG = IntervalBar("Retrieval", "43 % (26–61)", "rag", 0.43, 0.26, 0.61)
BASE = IntervalBar("Base <b>model</b>", "23 % (10–39)", "base", 0.23, 0.10, 0.39)


def test_a_bar_is_as_long_as_its_share_and_its_interval_spans_it() -> None:
    drawn = draw_interval_bars("Right choices", [RAG], chance=0.25)
    (bar,) = re.findall(r'class="share rag" x="0" y="\d+" width="([\d.]+)"', drawn)
    (low, high) = re.findall(r'class="interval" d="M([\d.]+) \d+H([\d.]+)', drawn)[0]
    assert (float(bar), float(low), float(high)) == (
        round(0.43 * WIDTH, 1),
        round(0.26 * WIDTH, 1),
        round(0.61 * WIDTH, 1),
    )
    assert f'class="chance" d="M{WIDTH / 4:g} ' in drawn


def test_every_bar_has_its_name_and_figure_and_words_are_escaped() -> None:
    drawn = draw_interval_bars("Right choices", [RAG, BASE])
    assert "<desc>Retrieval: 43 % (26–61); Base &lt;b&gt;model&lt;/b&gt;: 23 % (10–39)</desc>" in drawn
    assert "<b>" not in drawn
    assert 'class="chance"' not in drawn


def test_a_group_is_named_once_and_takes_room_of_its_own() -> None:
    alone = draw_interval_bars("Learnt", [RAG])
    grouped = draw_interval_bars("Learnt", [IntervalBar(**{**vars(RAG), "group": "Worked examples"})])
    assert grouped.count(">Worked examples<") == 1
    heights = [float(re.findall(r'viewBox="0 0 \d+ ([\d.]+)"', each)[0]) for each in (alone, grouped)]
    assert heights[1] > heights[0]


def test_bars_say_their_figures_and_reach_as_far_as_they_stand_for() -> None:
    drawn = draw_bars("LoRA", [Bar("Learns", "2,442,240 · 1.82 %", 0.5), Bar("Memory", "0.89 GB", 1.0)])
    assert texts(drawn) == ["Learns", "2,442,240 · 1.82 %", "Memory", "0.89 GB"]
    reaches = [each.get("width") for each in ElementTree.fromstring(drawn).iter("rect") if each.get("class") == "reach"]
    assert reaches == ["120", "240"]


def test_stacked_bars_share_the_width_by_their_counts_and_the_key_names_what_is_used() -> None:
    rows = {"Retrieval": {"lost": 3, "misread": 1}, "Base <b>": {"misread": 5}, "Nothing wrong": {}}
    drawn = draw_stacked_bars("Causes", rows, {"lost": "Lost", "silent": "Silent", "misread": "<Misread>"})
    head, _, svg = drawn.partition("</h4>")
    assert head == "<h4>Causes"
    assert texts(svg) == ["Retrieval", "4", "3", "1", "Base <b>", "5", "5", "Lost", "<Misread>"]
    widths = {each.get("class"): [] for each in ElementTree.fromstring(svg).iter("rect")}
    for each in ElementTree.fromstring(svg).iter("rect"):
        widths[each.get("class")].append(float(each.get("width", 0)))
    assert widths["stack0"][0] == 3 * widths["stack1"][0]
    assert widths["stack0"][0] + widths["stack1"][0] == widths["stack1"][1] == WIDTH
    assert "<desc>Retrieval: Lost 3, &lt;Misread&gt; 1; Base &lt;b&gt;: &lt;Misread&gt; 5</desc>" in svg


def test_a_long_name_widens_the_picture_until_its_figure_stands_beside_it() -> None:
    name = "Correct passage (upper bound) (SmolLM2-360M)"
    short, long = (draw_interval_bars("Right", [IntervalBar(**{**vars(RAG), "label": each})]) for each in ("RAG", name))
    assert f'viewBox="0 0 {WIDTH} ' in short
    (width,) = re.findall(r'viewBox="0 0 ([\d.]+) ', long)
    assert float(width) > 6 * len(name) + 7 * len(RAG.figure) > WIDTH
    assert f'x="{width}"' in long, "the figure ends where the bar does"
