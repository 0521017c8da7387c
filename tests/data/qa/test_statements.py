"""Questions about a statement: the whole sentence answers each; none is made where the subject points elsewhere."""

import pytest

from playground.data.qa.statements import connective_end, english_questions, is_subject, parse, vietnamese_questions


def as_written(phrase: str) -> str:
    """A phrase inside a sentence: only its article becomes small."""
    return phrase[:1].lower() + phrase[1:] if phrase.startswith(("The ", "A ")) else phrase


@pytest.mark.parametrize(
    ("sentence", "questions"),
    [
        (
            "The President may require the opinion of the principal officers.",
            ["Who may require the opinion of the principal officers?", "What may the President do?"],
        ),
        (
            "The Depends field gives a list of packages that have to be installed.",
            ["What gives a list of packages that have to be installed?"],
        ),
        (
            "Warsaw's first stock exchange was established in 1817 and continued trading until World War II.",
            ["When was Warsaw's first stock exchange established?"],
        ),
        (
            "If you want to work with the latest packages, then install unstable.",
            ["How do I work with the latest packages?", "How can one work with the latest packages?"],
        ),
        ("However, the Hurd is a set of servers on top of the Mach microkernel.", ["What is the Hurd?"]),
        (
            "The House has 435 members with a vote.",
            ["What has 435 members with a vote?", "How many members does the House have?"],
        ),
        ("There are 50 states in the Union today.", ["How many states are there in the Union today?"]),
        (
            "Polonia was relegated in 2013 because of their disastrous financial situation.",
            ["Why was Polonia relegated in 2013?"],
        ),
        ("Congress shall make no law respecting an establishment of religion.", ["What shall Congress do?"]),
    ],
)
def test_a_statement_is_asked_for_from_its_sides(sentence: str, questions: list[str]) -> None:
    found = list(english_questions(sentence, as_written))
    assert [each for each in questions if each not in found] == [], found


@pytest.mark.parametrize(
    "sentence",
    [
        "It is a very small package.",
        "These packages are provided by the maintainers.",
        "This, however, was changed in the next release.",
        "When the war ended the army was small and poor.",
        "His work fell into relative obscurity after his death.",
        "To install it, run the command again and again.",
        "Presumably so backup duties can be locally delegated to someone.",
    ],
)
def test_nothing_is_asked_about_what_points_elsewhere(sentence: str) -> None:
    assert list(english_questions(sentence, as_written)) == []


def test_a_participle_is_not_taken_for_the_verb() -> None:
    assert parse("The command line syntax used is very similar to the old one") is None or (
        parse("The command line syntax used is very similar to the old one").verb == "is"  # type: ignore[union-attr]
    )


def test_a_long_predicate_is_cut_at_a_clause() -> None:
    sentence = (
        "The Senate shall choose its other officers, and also a President for the time, in the absence of the Vice "
        "President, or when he shall exercise the office of President of the United States."
    )
    subject_question = next(iter(english_questions(sentence, as_written)))
    assert subject_question == "What shall choose its other officers?"


def test_a_subject_is_a_short_noun_phrase() -> None:
    assert is_subject("The package management system")
    assert not is_subject("The package that you install")
    assert not is_subject("A list of")


def test_the_connective_before_an_answer_is_known() -> None:
    assert connective_end("However, it works.") == len("However, ")
    assert connective_end("Tuy nhiên, nó hoạt động.") == len("Tuy nhiên, ")
    assert connective_end("It works.") == 0


@pytest.mark.parametrize(
    ("sentence", "question"),
    [
        (
            "Sàn giao dịch chứng khoán đầu tiên của Warsaw được thành lập vào năm 1817 và hoạt động lâu.",
            "Khi nào Sàn giao dịch chứng khoán đầu tiên của Warsaw được thành lập?",
        ),
        ("Để cài đặt một gói phần mềm, hãy chạy lệnh apt.", "Làm thế nào để cài đặt một gói phần mềm?"),
        ("Sân nhà của Polonia nằm ở Đường Konwiktorska gần phố cổ.", "Sân nhà của Polonia nằm ở đâu?"),
    ],
)
def test_vietnamese_keeps_its_order(sentence: str, question: str) -> None:
    assert question in list(vietnamese_questions(sentence, lambda phrase: phrase))


@pytest.mark.parametrize(
    ("sentence", "wrong"),
    [
        ("The VVV component is the version number specified by the upstream developer.", "Who is the VVV component?"),
        ("The package management tools will refuse to remove these.", "What will refuse to remove these?"),
        (
            "Users can select which packages to install; Debian provides a tool for this purpose.",
            "Who can select which packages to install; Debian provides a tool for this purpose?",
        ),
    ],
)
def test_a_question_stands_alone_and_asks_for_the_right_thing(sentence: str, wrong: str) -> None:
    found = list(english_questions(sentence, as_written))
    assert wrong not in found
    assert not any(";" in each for each in found)
    assert found


def test_what_a_sentence_tests_is_no_part_of_its_subject() -> None:
    said = "The import statement first tests whether the item is defined in the package."
    assert not list(english_questions(said, lambda phrase: phrase))
