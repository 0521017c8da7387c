"""The exam's bars on the page: what is drawn is what was measured, and every word is escaped."""

import re

from playground.charts.bars import WIDTH, IntervalBar, draw_interval_bars

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
