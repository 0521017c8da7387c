"""What answers are judged against: the full sentence of the text, and the text around it."""

from dataclasses import replace

from playground.evaluation.arms import Material
from playground.evaluation.gold import AROUND, gold_answer
from playground.evaluation.questions import GENERAL, AnswerSpan, Question
from tests.fakes.exams import PARAGRAPH, ROWS, TEXT, document, question

MATERIAL = Material([document()])
SENTENCE = PARAGRAPH.format(*ROWS[0], ROWS[0][1] + 9).split(". ")[0] + "."


def place(words: str) -> AnswerSpan:
    start = TEXT.index(words)
    return AnswerSpan("museums.txt", start, start + len(words))


def year(**values: object) -> Question:
    return replace(question("y", answers=("1884",), places=(place("1884"),), origin="made"), **values)


def test_a_short_answer_is_judged_by_its_sentence_and_the_text_around() -> None:
    found = gold_answer(year(), MATERIAL)
    assert found.truth == SENTENCE
    assert SENTENCE in found.evidence
    assert len(found.evidence) <= 2 * AROUND + 4


def test_both_sentences_of_a_question_of_two_places_are_the_truth() -> None:
    two = year(answers=("1884; Tomar",), parts=("1884", "Tomar"), places=(place("1884"), place("Tomar")))
    found = gold_answer(two, MATERIAL)
    assert found.truth.startswith(SENTENCE)
    assert "Ines Ferreira" in found.truth


def test_the_answer_itself_is_the_truth_where_a_file_gives_it_or_the_place_lacks_it() -> None:
    assert gold_answer(year(origin="pairs"), MATERIAL).truth == "1884"
    assert gold_answer(year(answers=("In the eighties",)), MATERIAL).truth == "In the eighties"


def test_without_a_place_the_passages_with_the_answer_are_the_evidence() -> None:
    found = gold_answer(year(places=()), MATERIAL)
    assert (found.truth, "founded in 1884" in found.evidence) == ("1884", True)
    assert gold_answer(year(places=(), answers=("2050",)), MATERIAL).evidence == "2050"


def test_no_text_supports_a_general_answer() -> None:
    assert gold_answer(year(kind=GENERAL, places=()), MATERIAL).evidence == ""
