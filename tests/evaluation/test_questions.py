"""Questions: read from files, made from a text, drawn wrong answers for, reworded, and checked."""

import json
from collections import Counter
from dataclasses import replace

import pytest

from playground.errors import UserError
from playground.evaluation import question_generation, question_set, questions
from playground.evaluation.contamination import TaughtItem, find_faults, find_leaks
from playground.evaluation.paraphrase import paraphrase_by_model, paraphrase_by_rules
from playground.evaluation.questions import KINDS, OF_THE_TEXT, UNANSWERABLE, Question
from retrieval.document import Document, Pair
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


def test_every_kind_is_made_from_a_plain_text(found: dict[str, list[Question]]) -> None:
    assert all(found[kind] for kind in (*OF_THE_TEXT, UNANSWERABLE))


def test_every_made_answer_stands_where_it_is_said_to(found: dict[str, list[Question]]) -> None:
    for kind in OF_THE_TEXT:
        for each in found[kind]:
            said = [" ".join(TEXT[place.start : place.end].split()) for place in each.places]
            assert said == list(each.parts or each.answers)


def test_the_same_seed_makes_the_same_questions_and_another_one_others() -> None:
    once, again, other = (question_generation.generate_questions([document()], seed) for seed in (0, 0, 1))
    assert once == again
    assert once != other


def test_distractors_are_wrong_different_and_not_in_the_question(found: dict[str, list[Question]]) -> None:
    chosen = [each for kind in OF_THE_TEXT for each in found[kind] if each.distractors]
    assert chosen
    for each in chosen:
        assert len(set(each.choices)) == len(each.choices)
        assert each.answers[0] not in each.distractors


def test_an_exchanged_name_is_one_the_text_does_not_bring_together_with_the_question(
    found: dict[str, list[Question]],
) -> None:
    swapped = [each for each in found[UNANSWERABLE] if not each.withheld]
    originals = {each.question for each in found["literal"]}
    assert swapped
    assert not any(each.question in originals or each.answers for each in swapped)


def test_a_withheld_question_knows_its_answer_and_where_it_stands(found: dict[str, list[Question]]) -> None:
    withheld = [each for each in found[UNANSWERABLE] if each.withheld]
    assert withheld
    assert all(each.answers and each.places for each in withheld)


@pytest.mark.parametrize(
    ("question", "language", "reworded"),
    [
        ("Who was Anna Bergman?", "en", "Tell me about the person named Anna Bergman."),
        ("What is a museum?", "en", "How would you define a museum?"),
        (
            "Fill in the blank: In ____, the museum was founded.",
            "en",
            "Which words or figures are left out at ____ here? The museum was established, in ____.",
        ),
        ("Bảo tàng là gì?", "vi", "Hãy định nghĩa Bảo tàng."),
        ("Fill in the blank: It has ____ rooms.", "en", ""),
        ("Whither now?", "en", ""),
    ],
)
def test_rules_say_a_question_in_other_words_or_not_at_all(question: str, language: str, reworded: str) -> None:
    assert paraphrase_by_rules(question, language) == reworded


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("In which year did Anna Bergman establish it?", True),
        ("In which year did Anna Bergman establish it, 1884?", False),
        ("In which year was it established?", False),
        ("When did Anna Bergman found the museum?", False),
        ("", False),
    ],
)
def test_a_models_rewording_must_keep_names_change_words_and_tell_nothing(said: str, kept: bool) -> None:
    assert bool(paraphrase_by_model("When did Anna Bergman found the museum?", ["1884"], lambda _: said)) == kept


def test_faults_are_found() -> None:
    given = question("a", question="Was it founded in 1884?", answers=("1884",))
    absent = question("b", question="Who came?", answers=("Nobody Atall",))
    twice = [question("c", question="Where is it?", answers=("Lindholm",)), question("d", question="where is it")]
    faults = {(each.question, each.fault) for each in find_faults([given, absent, *twice], [document()])}
    assert faults >= {("a", "given_away"), ("b", "no_answer"), ("d", "duplicate")}
    assert ("c", "duplicate") not in faults


def test_a_leak_is_a_question_and_its_answer_in_one_thing_that_was_taught() -> None:
    asked = question("a", question="When was the Harbour museum founded?", answers=("1884",))
    shown = "user When was the Harbour museum founded? assistant In 1884."
    assert [each.fault for each in find_leaks([asked], [TaughtItem(shown, "In 1884.")])] == ["leak"]
    assert not find_leaks([asked], [TaughtItem(TEXT, TEXT)]), "the text itself is no leak"
    assert not find_leaks([asked], [TaughtItem(shown.replace("1884", "1999"), "In 1999.")])


def test_a_paper_has_all_kinds_no_faults_no_leaks_and_the_general_questions() -> None:
    drawn = question_set.from_text([document()], limit=20, seed=0)
    kinds = Counter(each.kind for each in drawn.questions)
    assert set(kinds) == set(KINDS)
    assert sum(kinds[kind] for kind in kinds if kind != "general") == 20
    assert not find_faults([each for each in drawn.questions if each.kind != "general"], [document()])


def test_a_capable_models_rewordings_come_first_where_they_pass() -> None:
    drawn = question_set.from_text([document()], 20, 0, ask=lambda request: f"Say please: {request.splitlines()[-1]}")
    assert not any(each.question.startswith("Say please") for each in drawn.questions), "nothing was reworded"
    changed = question_set.from_text([document()], 20, 0, ask=lambda request: _turned(request.splitlines()[-1]))
    assert any(each.question.startswith("Which one") for each in changed.questions if each.kind == "reworded")


def _turned(question: str) -> str:
    """Names and figures kept, all other words exchanged."""
    kept = [word for word in question.split()[1:] if word[:1].isupper() or word[:1].isdigit()]
    return f"Which one belongs to these, please: {' '.join(kept)}?"


def test_a_paper_asks_nothing_that_was_taught() -> None:
    first = next(each for each in question_set.from_text([document()], 20, 0).questions if each.kind == "literal")
    rows = [TaughtItem(f"{first.question} {first.answers[0]}", first.answers[0])]
    assert first.id not in {each.id for each in question_set.from_text([document()], 20, 0, rows).questions}


def test_a_persons_own_questions_stay_with_their_faults_named() -> None:
    own = [question("a", question="When was the Harbour museum founded?", answers=("1884",), distractors=())]
    rows = [TaughtItem("When was the Harbour museum founded? 1884", "1884")]
    drawn = question_set.from_file(own, [document()], 0, rows)
    assert drawn.leaked_ids() == {"a"}
    assert drawn.questions[0].distractors


def test_pairs_of_the_text_are_asked_as_they_are() -> None:
    text = "When does it open?\nAt nine.\n\nWhen does it close?\nAt five."
    pairs = (Pair("When does it open?", "At nine.", 0, 27), Pair("When does it close?", "At five.", 29, 57))
    found = question_generation.generate_questions([Document("faq.jsonl", text, pairs=pairs)], 0)
    assert {each.question for each in found["literal"]} == {pair.question for pair in pairs}
    assert {each.origin for each in found["literal"]} == {"pairs"}


def test_an_edited_question_is_checked_anew_and_a_deleted_one_is_gone() -> None:
    drawn = question_set.from_file(
        [question("a", answers=("1884",)), question("b", answers=("Tomar",))], [document()], 0, []
    )
    worse = question_set.replace_question(
        drawn, question("a", question="In 1884?", answers=("1884",)), [document()], []
    )
    assert [each.fault for each in worse.findings] == ["given_away"]
    assert not question_set.delete_questions(worse, ["a"]).findings


def test_a_question_whose_place_is_not_in_the_text_is_a_section_of_its_own() -> None:
    asked = [
        replace(question(each), section="", places=(questions.AnswerSpan("gone.txt", 0, 3),)) for each in ("a", "b")
    ]
    assert [each.section for each in question_generation.name_sections(asked, [document()])] == ["a", "b"]
    here = [replace(each, places=(questions.AnswerSpan(document().name, 0, 3),)) for each in asked]
    assert len({each.section for each in question_generation.name_sections(here, [document()])}) == 1
