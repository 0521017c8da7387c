"""The list of a pane's passages: each with its place, its lines as they mean something, and its support marked."""

from dataclasses import replace
from typing import Any

from playground.chat.turns import Record
from playground.ui.compare.sources import CITATION, pieces
from retrieval.excerpt import SUPPORT

TURN = Record("Who?", "Ida.", 9, 0.1, 5.0, True, 0, True, False, "id", {})
WRAPPED = "Ida keeps the lighthouse on the northern coast of Farland, and has\ndone so for thirty years without a rest."


def passage(text: str, start: int = 0) -> dict[str, Any]:
    return {"source": "a.md", "page": "", "heading": "Who", "score": 0.9, "start": start, "text": text}


def listed(*passages: dict[str, Any], **turn: Any) -> list[tuple[str, str | None]]:
    return [(each.text, each.mark) for each in pieces("en", replace(TURN, passages=passages, **turn))]


def test_lists_and_code_keep_their_lines_and_wrapped_lines_are_joined() -> None:
    steps = "Do this:\n\n- Light the lamp.\n- Wind the clock."
    found = listed(passage(WRAPPED), passage(steps))
    assert found[0] == ("[1] a.md · Who · score 0.90", CITATION)
    assert found[2] == (WRAPPED.replace("\n", " "), None)
    assert found[6] == (steps, None)


def test_what_supports_the_answer_is_marked_where_it_stands() -> None:
    text, sentence = f"{WRAPPED}\n\n- Ida is her name.", "Ida is her name."
    place = {"passage": 0, "start": 40 + text.index(sentence), "end": 40 + len(text)}
    found = listed(passage(text, start=40), claims=[{"evidence": [place]}])
    assert (sentence, SUPPORT) in found
