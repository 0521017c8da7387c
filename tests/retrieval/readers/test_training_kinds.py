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


ASKED_TEXTS = {
    "a.txt": "Our answers\n\nQ: When?\nA: At nine.\n\nQ: How?\nA: By card.\nOr in cash.\n\nQ: Who? A: Ida.\n\n"
    "Written by Bo.\n",
    "b.txt": "Câu hỏi 1: When?\nTrả lời: At nine.\n\nCâu hỏi 2: How?\nTrả lời: By card.\nOr in cash.\n\n"
    "Câu hỏi 3: Who?\nTrả lời: Ida.\n",
    "c.md": "# Our answers\n\n**Q1: When?**\n\n**A1:** At nine.\n\n## Money\n\n- **Question:** How?\n- **Answer:** By "
    "card.\nOr in cash.\n\n## People\n\nQ. : Who?\n\nA: Ida.\n",
}  # fmt: skip


@pytest.mark.parametrize("name", ASKED_TEXTS)
def test_a_text_of_questions_and_answers_teaches_them(write: Write, name: str) -> None:
    document = read_document(write(name, ASKED_TEXTS[name]))
    found = [(pair.question, pair.answer) for pair in document.pairs]
    assert found == [("When?", "At nine."), ("How?", "By card.\nOr in cash."), ("Who?", "Ida.")]
    assert all(f"{pair.question}\n{pair.answer}" == document.text[pair.start : pair.end] for pair in document.pairs)
    assert ("Our answers" in document.text, "Written by Bo." in document.text) == (name != "b.txt", name == "a.txt")


@pytest.mark.parametrize(
    "text",
    [
        "Q: When?\nA: At nine.\n\n" + "The harbour has many berths and some boats. " * 9,
        "Q: Which?\nA: one\nB: two\nAnswer: A\n\nQ: What?\nA: tar\nB: oil\nAnswer: B\n\n"
        "Q: Who?\nA: Bo\nB: Ida\nAnswer: B\n",
        "A: a berth\nB: a boat\nC: a car\nQ: a queue\nR: a road\n",
    ],
)
def test_a_text_that_is_not_of_questions_and_answers_stays_one(write: Write, text: str) -> None:
    assert not read_document(write("a.txt", text)).pairs
