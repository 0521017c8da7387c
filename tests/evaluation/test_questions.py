"""Questions read from files and written to them."""

import json
from dataclasses import replace

import pytest

from playground.errors import UserError
from playground.evaluation import question_generation, questions
from playground.evaluation.questions import Question
from tests.conftest import Write
from tests.fakes.exams import TEXT, document, question


@pytest.fixture(scope="module")
def found() -> dict[str, list[Question]]:
    return question_generation.generate_questions([document()], seed=0)


def test_a_file_gives_questions_with_every_answer_that_counts(write: Write) -> None:
    row = {"question": "When?", "answer": "1884", "acceptable": ["in 1884"], "passage": TEXT.split("\n\n")[0]}
    (read,) = questions.read_questions(write("q.jsonl", json.dumps(row)), [document()])
    assert read.answers == ("1884", "in 1884")
    assert TEXT[read.places[0].start : read.places[0].end] == "1884"


def test_csv_is_read_too(write: Write) -> None:
    (read,) = questions.read_questions(write("q.csv", "Question,Answer,Acceptable\nWhen?,1884,in 1884|the year 1884\n"))
    assert read.answers == ("1884", "in 1884", "the year 1884")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("no json", "Line 1 of q.jsonl is not a JSON"),
        ('{"question": "Why?"}', "no answer"),
        ('{"answer": "x"}', "no question"),
        ('{"question": "Why?", "answer": "x", "kind": "odd"}', "'odd'"),
        ("\n", "no question in it"),
        (json.dumps({"question": "x" * 5000, "answer": "y"}), "5,000 characters"),
    ],
)
def test_a_bad_line_is_named(write: Write, line: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        questions.read_questions(write("q.jsonl", line))


def test_what_is_written_is_read_again(write: Write, found: dict[str, list[Question]]) -> None:
    every = [each for kind in found.values() for each in kind]
    path = write("q.jsonl", "")
    questions.write_questions(every, path)
    assert questions.read_questions(path) == every


def test_other_answers_to_a_question_of_two_places_are_those_that_count(found: dict[str, list[Question]]) -> None:
    two = found["two_places"][0]
    edited = two.edited("Both?", ("1884; Tomar",))
    assert edited.parts == ("1884", "Tomar")
    assert two.edited("Both?", two.answers).parts == two.parts
    assert edited.edited("Both?", ("Tomar",)).parts == ("Tomar",)


def test_a_pair_that_is_answered_in_a_word_wants_few() -> None:
    pair = question("a", answers=("apt",), origin="pairs")
    assert pair.wants_few_words
    assert not replace(pair, origin="file").wants_few_words, "the text may say more than the file of questions"
    assert not replace(pair, answers=("It is a tool for packages.",)).wants_few_words
    assert replace(pair, kind="two_places", answers=("apt; dpkg",), parts=("apt", "dpkg")).wants_few_words
