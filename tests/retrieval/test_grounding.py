"""Which sentences support an answer: offsets in the document, honest about none, in several languages."""

import pytest

from retrieval.chunks import Passage
from retrieval.document import Document
from retrieval.grounding import SupportingSentence, claims_with_evidence

TEXT = (
    "The club was founded in 1884. Its members meet on Mondays.\n\n"
    "The annual fee is forty euros. Members under twelve pay nothing at all. The fee is due in March."
)
VIETNAMESE = "Câu lạc bộ được thành lập năm 1884. Hội viên họp vào thứ hai. Hội phí hằng năm là bốn mươi euro."


def passages(text: str) -> list[Passage]:
    """One passage a paragraph, with its offsets in the text."""
    found = []
    for part in text.split("\n\n"):
        start = text.index(part)
        found.append(Passage(part, "a.txt", "", "", start, start + len(part), 20))
    return found


def quoted(text: str, answer: str, question: str = "") -> list[list[str]]:
    """The supporting sentences of each claim, read from the document by their offsets."""
    claims = claims_with_evidence(answer, question, passages(text))
    return [[text[each.start : each.end] for each in claim.evidence] for claim in claims]


def test_the_sentence_is_found_by_its_offsets_in_the_document() -> None:
    assert quoted(TEXT, "Children under twelve pay nothing.") == [["Members under twelve pay nothing at all."]]
    (claim,) = claims_with_evidence("The fee is forty euros.", "", passages(TEXT))
    assert claim.evidence[0].passage == 1
    assert TEXT[claim.evidence[0].start : claim.evidence[0].end] == "The annual fee is forty euros."


def test_every_sentence_of_the_answer_is_a_claim_of_its_own() -> None:
    answer = "It was founded in 1884. They meet on the Moon."
    founded, moon = claims_with_evidence(answer, "", passages(TEXT))
    assert answer[founded.start : founded.end] == "It was founded in 1884."
    assert founded.evidence
    assert moon.evidence == ()


@pytest.mark.parametrize(
    "answer", ["The fee is ninety dollars a week.", "I do not know.", "Photosynthesis makes sugar."]
)
def test_an_answer_that_no_sentence_holds_has_no_support(answer: str) -> None:
    assert quoted(TEXT, answer) == [[]]


def test_repeating_the_question_is_no_support_for_what_is_added() -> None:
    question = "When is the annual fee of the club due?"
    assert quoted(TEXT, "The annual fee of the club is due in September.", question) == [[]]
    assert quoted(TEXT, "The annual fee of the club is due in March.", question) == [["The fee is due in March."]]


def test_of_several_sentences_the_one_nearest_to_the_question_stays() -> None:
    text = "The hall has 40 seats. The annual fee is 40 euros."
    assert quoted(text, "40", "What is the annual fee?") == [["The annual fee is 40 euros."]]
    assert quoted(text, "40", "How many seats has the hall?") == [["The hall has 40 seats."]]
    assert len(quoted(text, "40")[0]) == 2


def test_words_are_stemmed_by_the_language_of_the_passages() -> None:
    assert quoted(TEXT, "A member under twelve pays nothing.") == [["Members under twelve pay nothing at all."]]
    assert quoted(VIETNAMESE, "Hội phí là bốn mươi euro.") == [["Hội phí hằng năm là bốn mươi euro."]]
    assert quoted(VIETNAMESE, "Hội phí là chín mươi đô la Mỹ.", "Hội phí hằng năm là bao nhiêu?") == [[]]


@pytest.mark.parametrize("answer", ["", "  \n", "…", "!!!"])
def test_an_answer_without_words_claims_nothing(answer: str) -> None:
    assert claims_with_evidence(answer, "What?", passages(TEXT)) == []


def test_without_passages_nothing_is_supported() -> None:
    (claim,) = claims_with_evidence("It was founded in 1884.", "When?", [])
    assert claim.evidence == ()


def test_the_best_sentence_comes_first_and_scores_lie_between_none_and_all() -> None:
    (claim,) = claims_with_evidence("The fee is due in March.", "", passages(TEXT))
    assert isinstance(claim.evidence[0], SupportingSentence)
    assert claim.evidence[0].score == pytest.approx(1)


def test_offsets_hold_for_passages_cut_from_a_longer_document() -> None:
    document = Document("a.txt", f"Foreword of no interest.\n\n{TEXT}")
    start = document.text.index("The annual fee")
    passage = Passage(document.text[start:], "a.txt", "", "", start, len(document.text), 20)
    (claim,) = claims_with_evidence("It is due in March.", "", [passage])
    assert document.text[claim.evidence[0].start : claim.evidence[0].end] == "The fee is due in March."


DEBIAN = (
    "Debian packages can be installed from the command line with apt or aptitude. The project was founded in 1993.\n\n"
    "A mirror is a copy of the archive. The tool apt reads its list. The difference between apt-get and dpkg is that "
    "dpkg fetches nothing."
)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("What is the difference between apt-get and dpkg?", "apt"),
        ("How do I install Debian packages from the command line?", "apt"),
        ("What is a mirror of the archive?", "1993"),
        ("Which tool reads the list of the mirror?", "in 1993"),
    ],
)
def test_a_bare_phrase_somewhere_in_a_passage_supports_no_answer_to_another_question(
    question: str, answer: str
) -> None:
    (claim,) = claims_with_evidence(answer, question, passages(DEBIAN))
    assert claim.evidence == ()
    assert claim.too_short


def test_a_bare_phrase_beside_the_question_s_words_is_supported() -> None:
    (claim,) = claims_with_evidence("1993", "When was the Debian project founded?", passages(DEBIAN))
    assert [DEBIAN[each.start : each.end] for each in claim.evidence] == ["The project was founded in 1993."]
    assert not claim.too_short


def test_a_phrase_that_stands_nowhere_is_unsupported_and_not_too_short() -> None:
    (claim,) = claims_with_evidence("2024", "When was the Debian project founded?", passages(DEBIAN))
    assert (claim.evidence, claim.too_short) == ((), False)


@pytest.mark.parametrize(
    ("question", "answer", "quoted_sentence"),
    [
        ("What is a mirror?", "Packages are installed from the command line with apt or aptitude.", "Debian packages"),
        ("And how does it work?", "The tool apt reads its list of the mirror.", "The tool apt"),
        ("Is a mirror a copy of the archive?", "A mirror is a copy of the archive.", "A mirror is"),
    ],
)
def test_a_whole_sentence_is_never_too_short_to_check(question: str, answer: str, quoted_sentence: str) -> None:
    (claim,) = claims_with_evidence(answer, question, passages(DEBIAN))
    assert DEBIAN[claim.evidence[0].start : claim.evidence[0].end].startswith(quoted_sentence)
    assert not claim.too_short


def test_what_a_sentence_repeats_of_the_question_must_stand_beside_what_it_adds() -> None:
    (claim,) = claims_with_evidence(
        "A mirror is a copy of the archive from 1993.", "When was a mirror of the archive copied?", passages(DEBIAN)
    )
    assert claim.evidence == ()
    assert not claim.too_short


def test_what_a_follow_up_leaves_out_counts_as_asked() -> None:
    found = [
        claims_with_evidence("in 1993", "And when was it?", passages(DEBIAN), left_out)[0]
        for left_out in ((), ("project", "founded"))
    ]
    assert [claim.too_short for claim in found] == [True, False]


def test_an_answer_that_only_announces_claims_nothing() -> None:
    text = "A report should contain the following: the version and the exact command."
    stem = "A report should contain the following:"
    assert quoted(text, stem, "What should a report contain?") == []
    assert len(quoted(text, f"Reports help. {stem}", "What should a report contain?")) == 1
    assert quoted(text, f"{stem} the version and the exact command.") == [[text]]


def test_a_question_in_an_answer_claims_nothing() -> None:
    asked = "When was the club founded?"
    assert quoted(TEXT, asked, asked) == []
    assert quoted(TEXT, f"{asked} The club was founded in 1884.", asked) == [["The club was founded in 1884."]]
