"""A conversation as files: nothing of it is lost, and nothing of it runs."""

import json
from dataclasses import replace
from typing import Any

from playground.chat.conversation_files import conversation_html, conversation_jsonl
from playground.chat.turns import Record

WORDS = {"title": "Kept", "stamps": "Stamps", "passages": "Passages", "thoughts": "Thoughts"}
NAMES = {"base": "Base", "rag": "Base + retrieval"}
PASSAGE = {"text": "Lamp <b>lit</b>", "source": "a.txt", "page": "", "heading": "Lamps", "score": 0.5}


def turn(question: str, answer: str, **more: Any) -> Record:
    made = Record(question, answer, 9, 0.1, 30.0, None, 0, True, False, "abc123def456", {"weights": "base"})
    return replace(made, **more)


def test_each_turn_is_a_line_with_its_stamp() -> None:
    kept = conversation_jsonl({"base": [turn("Why?", "So.\nReally.")], "rag": [turn("Ai?", "Ừ", ahead=3)]}, NAMES)
    first, second = map(json.loads, kept.splitlines())
    assert (first["name"], first["question"], first["answer"]) == ("Base", "Why?", "So.\nReally.")
    assert (second["answer"], second["stamp_id"], second["stamp"]) == ("Ừ", "abc123def456", {"weights": "base"})
    assert "ahead" not in second


def test_a_page_sets_the_answers_to_each_question_side_by_side() -> None:
    asked = {"base": [turn("Why?", "One"), turn("Why?", "Two")], "rag": [turn("Why?", "Three", passages=[PASSAGE])]}
    page = conversation_html(asked, NAMES, WORDS, "en")
    first, second = page.split("<h2>Why?</h2>")[1:]
    assert [answer in first for answer in ("One", "Two", "Three")] == [True, False, True]
    assert "Two" in second
    assert "a.txt · Lamps" in first


def test_thoughts_are_folded_before_the_answer() -> None:
    asked = {"base": [turn("Why?", "So.", thoughts="Hm <b>."), turn("Who?", "She.")]}
    page = conversation_html(asked, NAMES, WORDS, "en")
    assert (
        '<details class="note"><summary>Thoughts</summary><p>Hm &lt;b&gt;.</p></details><p class="answer">So.' in page
    )
    assert page.count("<details") == 1


def test_no_text_of_a_visitor_or_a_model_is_markup() -> None:
    attack = "<script>ran = 1</script><img src=x onerror=ran()>"
    asked = {attack: [turn(attack, attack, thoughts=attack, passages=[{**PASSAGE, "text": attack, "source": attack}])]}
    page = conversation_html(asked, {}, WORDS, "en")
    assert "<script" not in page
    assert "<img" not in page
    assert page.count("&lt;script&gt;") >= 4
