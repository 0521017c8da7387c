"""When a pane's answer shows that a model answers everything alike, or hardly at all."""

import pytest

from playground import prompts
from playground.evaluation.answer_quality import judge
from playground.evaluation.answer_warnings import ECHO, OPEN, PROMPT, SAME, SHORT, answer_warning, mostly_short
from playground.prompts import Turn
from retrieval.chunks import Passage

DIFFERENCE = "What is the difference between apt-get and dpkg?"
INSTALL = "How do I install Debian packages from the command line?"
SENTENCE = "You install a package with apt-get install and its name."


def test_one_answer_to_two_different_questions_is_marked() -> None:
    assert answer_warning(INSTALL, "apt", [Turn(DIFFERENCE, "Apt.")]) == SAME
    assert answer_warning(INSTALL, SENTENCE, [Turn(DIFFERENCE, SENTENCE), Turn("Who?", "Ann")]) == SAME
    assert answer_warning(INSTALL, SENTENCE, [Turn(DIFFERENCE, "They differ in what they fetch.")]) == ""


def test_the_same_question_in_other_words_may_have_the_same_answer() -> None:
    assert (
        answer_warning(
            "When was the club founded?", "In the year 1884.", [Turn("When was our club founded?", "In the year 1884.")]
        )
        == ""
    )
    assert answer_warning(INSTALL, SENTENCE, [Turn(f"{INSTALL} ", SENTENCE)]) == ""


@pytest.mark.parametrize("answer", [INSTALL, f"{INSTALL} [2]", f"Question: {INSTALL}", f"1. {INSTALL.lower()}"])
def test_an_answer_that_only_repeats_the_question_is_marked(answer: str) -> None:
    assert answer_warning(INSTALL, answer, []) == ECHO
    assert answer_warning(INSTALL, f"{answer} {SENTENCE}", []) == "", "it goes on"
    assert answer_warning("Is it free?", "It is free.", []) == "", "an answer may say the question's words"


def test_an_answer_with_the_prompts_own_words_is_marked() -> None:
    asked = prompts.messages(INSTALL, passages=[Passage("apt", "a.txt", "", "", 0, 3, tokens=1)])
    instruction = asked[-1]["content"].split("\n\n")[-1].replace(INSTALL, "")
    assert answer_warning(INSTALL, f"{SENTENCE} {instruction}How do I?", []) == PROMPT
    assert answer_warning(INSTALL, prompts.SYSTEM, []) == PROMPT
    assert judge(f"{SENTENCE}\n\n{instruction}", INSTALL, SENTENCE, SENTENCE, True).echo
    assert not judge(SENTENCE, INSTALL, SENTENCE, SENTENCE, True).echo
    assert answer_warning(INSTALL, "The passages answer this question in two sentences.", []) == ""


@pytest.mark.parametrize("end", [":", ": [1]", "：", ":\n"])
def test_an_answer_that_only_announces_is_marked(end: str) -> None:
    stem = f"A report should contain the following{end}"
    assert answer_warning("What should a report contain?", stem, []) == OPEN
    assert answer_warning("What should a report contain?", f"{stem} the version.", []) == ""


@pytest.mark.parametrize("answer", ["apt", "apt [1] [3]", "the package manager"])
def test_an_answer_of_hardly_a_word_is_marked(answer: str) -> None:
    assert answer_warning(INSTALL, answer, []) == SHORT
    assert answer_warning("What is apt?", answer, []) == SHORT


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("When was the club founded?", "1884"),
        ("Is it free?", "Yes."),
        ("Ai sáng lập?", "Tesla"),
        ("How many?", "forty"),
    ],
)
def test_a_name_or_a_number_is_rightly_short(question: str, answer: str) -> None:
    assert answer_warning(question, answer, []) == ""


def test_a_model_that_learnt_short_answers_is_not_blamed_for_one_but_for_repeating_it() -> None:
    assert answer_warning(INSTALL, "apt", [], taught_short=True) == ""
    assert answer_warning(INSTALL, "apt", [Turn(DIFFERENCE, "apt")], taught_short=True) == SAME


@pytest.mark.parametrize("answer", ["", "I do not know.", "The passages do not say.", "Tôi không biết."])
def test_silence_and_not_knowing_are_not_marked(answer: str) -> None:
    assert answer_warning(INSTALL, answer, [Turn(DIFFERENCE, answer)]) == ""


def test_most_answers_decide_whether_pairs_are_short() -> None:
    assert mostly_short(["yes", "no", SENTENCE])
    assert not mostly_short(["yes", SENTENCE])
    assert not mostly_short([])


def test_a_sentence_in_a_script_without_blanks_is_not_short() -> None:
    said = "この製品は工場で作られます。"
    assert answer_warning("製品について教えてください。", said, []) == ""
    assert judge(said, "製品について教えてください。", said, said, ended=True).useful
    assert not mostly_short([said])
