"""Quizzes as their programs and people write them: the right choice is the answer."""

import pytest

from retrieval.readers.dispatch import read_document
from tests.conftest import Write
from tests.fakes.files import jsonl
from tests.retrieval.readers.test_training_files import pairs_of

ASKED = [("Who built it?\nA. Ida\nB. Bo\nC. Eve", "Ida"), ("Who sank it?\nA. Jim\nB. Ann\nC. Max", "Ann")]


@pytest.mark.parametrize(
    ("header", "right"),
    [
        ("STT,Câu hỏi,A,B,C,Đáp án đúng", "AB"),
        ("No,Question,A,B,C,Key (one letter)", "AB"),
        ("No,Question,A,B,C,Solution for teachers", ["Ida", "Ann"]),
        ("No,Question Text,Option 1,Option 2,Option 3,Correct Answer", "12"),
        ("No,Question - max 120 letters,Answer 1 - max 75,Answer 2 - max 75,Answer 3 - max 75,Correct answer(s)", "12"),
    ],
)
def test_the_right_one_of_choices_in_columns_is_the_answer(write: Write, header: str, right: list[str]) -> None:
    rows = f"{header}\n1,Who built it?,Ida,Bo,Eve,{right[0]}\n2,Who sank it?,Jim,Ann,Max,{right[1]}\n"
    assert pairs_of(write, "a.csv", rows) == ASKED


def test_the_first_choice_is_no_answer_where_none_is_right(write: Write) -> None:
    rows = "No,Question,A,B,C\n1,Who built it?,Ida,Bo,Eve\n2,Who sank it?,Jim,Ann,Max\n"
    assert pairs_of(write, "a.csv", rows) == []


def test_a_remark_behind_a_columns_name_is_no_part_of_it(write: Write) -> None:
    rows = "Question (required),Answer - as short as you can *\nWho?,Ida\n"
    assert pairs_of(write, "a.csv", rows) == [("Who?", "Ida")]


def test_prompts_with_as_many_answers_beside_them_alternate(write: Write) -> None:
    row = {"question_id": 1, "turns": ["Who built it?", "And who sank it?"], "reference": ["Ida.", "Ann."]}
    assert pairs_of(write, "a.jsonl", jsonl(row)) == [("Who built it?", "Ida."), ("And who sank it?", "Ann.")]


def test_a_prompt_beside_its_conversation_is_asked_once(write: Write) -> None:
    row = {"conversation": [{"input": "Who?", "output": None}], "prompt": "Who?", "chosen": "Ida", "rejected": "Bo"}
    assert pairs_of(write, "a.jsonl", jsonl(row)) == [("Who?", "Ida")]


def test_speakers_in_angle_brackets_are_a_conversation(write: Write) -> None:
    row = {"text": "<human>: Who?\n<bot>: Ida.\n<human>: When?\n<bot>: In May."}
    document = read_document(write("a.jsonl", jsonl(row)))
    assert [(pair.question, pair.answer) for pair in document.pairs] == [("Who?", "Ida."), ("When?", "In May.")]
