"""Kinds of training files whose rows are not all meant to be learnt, or not as they stand."""

from typing import Any

import pytest

from retrieval.readers.dispatch import read_document
from tests.conftest import Write
from tests.fakes.files import jsonl
from tests.retrieval.readers.test_training_files import pairs_of

ASKED, GOOD, POOR = "When does it open?", "It opens at nine.", "who cares"


@pytest.mark.parametrize(
    ("column", "good", "poor"),
    [
        ("score", 5, 1),
        ("rating", "4.5", "2"),
        ("Stars", 3, 2),
        ("score", 0.9, 0.1),
        ("reward", 1.25, -2.5),
        ("quality", 80, 20),
    ],
)
def test_answers_with_a_low_score_are_not_learnt(write: Write, column: str, good: Any, poor: Any) -> None:
    rows = [{"prompt": ASKED, "response": POOR, column: poor}, {"prompt": ASKED, "response": GOOD, column: good}]
    document = read_document(write("a.jsonl", jsonl(*rows)))
    assert [pair.answer for pair in document.pairs] == [GOOD]
    assert document.table
    assert document.table.left == (("low_grade", 1),)


@pytest.mark.parametrize("scores", [(3, 3), (4, 5), (120, 3), (0, 0, 0, 0, 9)])
def test_scores_that_reject_no_answer_leave_all(write: Write, scores: tuple[int, ...]) -> None:
    rows = [{"prompt": ASKED, "response": f"{GOOD} {place}", "score": each} for place, each in enumerate(scores)]
    assert len(pairs_of(write, "a.jsonl", jsonl(*rows))) == len(scores)


@pytest.mark.parametrize(("column", "up", "down"), [("helpful", True, False), ("user_feedback", "👍", "👎"),
                         ("thumbs", "thumbs up", "thumbs down")])  # fmt: skip
def test_answers_that_people_rejected_are_not_learnt(write: Write, column: str, up: Any, down: Any) -> None:
    rows = [{"question": ASKED, "answer": POOR, column: down}, {"question": ASKED, "answer": GOOD, column: up}]
    assert pairs_of(write, "a.jsonl", jsonl(*rows)) == [(ASKED, GOOD)]


def test_the_number_of_a_choice_is_no_text_of_a_choice(write: Write) -> None:
    rows = [{"question": "3 times 8?", "choices": ["8", "2", "24", "0"], "answer": 2},
            {"question": "2 and 1?", "choices": ["1", "2", "5", "3"], "answer": 3}]  # fmt: skip
    assert [answer for _, answer in pairs_of(write, "a.jsonl", jsonl(*rows))] == ["24", "3"]
    texts = [{"question": "1 and 1?", "choices": ["1", "2", "3"], "answer": "2"}]
    assert [answer for _, answer in pairs_of(write, "b.jsonl", jsonl(*texts))] == ["2"]
