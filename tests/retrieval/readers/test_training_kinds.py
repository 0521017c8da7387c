"""Kinds of training files whose rows are not all meant to be learnt, or not as they stand."""

import json
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


def test_sentences_in_a_list_are_one_answer_and_short_ones_are_alternatives(write: Write) -> None:
    steps = ["First open the lid.", "Then take it out."]
    assert pairs_of(write, "a.jsonl", jsonl({"question": ASKED, "answer": steps})) == [(ASKED, "\n".join(steps))]
    assert pairs_of(write, "b.jsonl", jsonl({"question": ASKED, "answers": steps})) == [(ASKED, steps[0])]
    assert pairs_of(write, "c.jsonl", jsonl({"question": ASKED, "answer": ["1998", "in 1998"]})) == [(ASKED, "1998")]


def test_sentences_as_labels_are_answers_and_classes_are_not(write: Write) -> None:
    assert pairs_of(write, "a.jsonl", jsonl({"id": 1, "text": ASKED, "label": [GOOD]})) == [(ASKED, GOOD)]
    assert pairs_of(write, "b.jsonl", jsonl({"id": 1, "text": ASKED, "label": ["opening hours of shops"]})) == []


def test_a_label_of_a_question_for_yes_or_no_is_its_answer(write: Write) -> None:
    rows = [{"question": "is it open at nine", "passage": GOOD, "label": label} for label in (1, 0)]
    assert [answer for _, answer in pairs_of(write, "a.jsonl", jsonl(*rows))] == ["yes", "no"]
    ranked = [{"question": ASKED, "passage": GOOD, "label": label} for label in (1, 0)]
    assert pairs_of(write, "b.jsonl", jsonl(*ranked)) == []


def test_questions_and_answers_by_language_are_told_apart(write: Write) -> None:
    data = {"enabled": True, "questions": {"en": [ASKED, "Open?"], "de": ["Wann?"]}, "answers": {"en": [GOOD], "de":
            ["Um neun."]}}  # fmt: skip
    found = pairs_of(write, "a.json", json.dumps({"qnas": [{"id": "x", "data": data}, {"id": "y", "data": data}]}))
    assert found[:3] == [(ASKED, GOOD), ("Open?", GOOD), ("Wann?", "Um neun.")]


def test_answers_that_people_ranked_lower_are_not_learnt(write: Write) -> None:
    rows = [
        {"message_id": "1", "parent_id": None, "role": "prompter", "text": ASKED, "rank": None},
        {"message_id": "2", "parent_id": "1", "role": "assistant", "text": POOR, "rank": 1},
        {"message_id": "3", "parent_id": "1", "role": "assistant", "text": GOOD, "rank": 0},
    ]
    assert pairs_of(write, "a.jsonl", jsonl(*rows)) == [(ASKED, GOOD)]
    tree = {**rows[0], "replies": [{**row, "replies": []} for row in rows[1:]]}
    assert pairs_of(write, "b.jsonl", jsonl({"message_tree_id": "1", "prompt": tree})) == [(ASKED, GOOD)]


@pytest.mark.parametrize(
    ("header", "user", "agent"),
    [
        ("ticket,author_type,body,created_at", "customer", "agent"),
        ("Session ID,Direction,Message,Time", "inbound", "outbound"),
        ("mã hội thoại,người gửi,nội dung,thời gian", "khách hàng", "nhân viên"),
        ("conversation_id,is_customer,text,timestamp", "True", "False"),
    ],
)
def test_a_table_of_messages_is_read_by_who_speaks_and_when(write: Write, header: str, user: str, agent: str) -> None:
    rows = f"1,{agent},{GOOD},2024-01-01 10:05\n1,{user},{ASKED},2024-01-01 09:59\n"
    rows += f"2,{user},How?,2024-01-02T10:00:00\n2,{agent},By card.,2024-01-02T10:01:00\n"
    assert pairs_of(write, "a.csv", f"{header}\n{rows}") == [(ASKED, GOOD), ("How?", "By card.")]


def test_line_breaks_of_qna_maker_are_line_breaks(write: Write) -> None:
    rows = f"Question\tAnswer\tSource\tMetadata\n{ASKED}\tAt nine.\\n\\n* daily\teditorial\tkind:x\n"
    assert pairs_of(write, "a.tsv", rows) == [(ASKED, "At nine.\n\n* daily")]
    assert pairs_of(write, "b.tsv", "Question\tAnswer\nWhere?\tIn C:\\new\n") == [("Where?", "In C:\\new")]


@pytest.mark.parametrize(
    "mark",
    [{"deleted": True}, {"review_result": False}, {"private": True}, {"public": False}, {"part_type": "note"}],
)
def test_deleted_messages_and_notes_of_the_staff_are_not_learnt(write: Write, mark: dict[str, Any]) -> None:
    said = [("user", ASKED, {}), ("assistant", POOR, mark), ("assistant", GOOD, {next(iter(mark)): None})]
    messages = [{"role": role, "content": text, **more} for role, text, more in said]
    document = read_document(write("a.jsonl", jsonl({"messages": messages})))
    assert [pair.answer for pair in document.pairs] == [GOOD]
    assert document.table
    assert document.table.left == (("unsaid", 1),)
    rows = [{"conversation_id": 1, **each} for each in messages]
    assert pairs_of(write, "b.jsonl", jsonl(*rows)) == [(ASKED, GOOD)]
