"""Which questions leave something out, and which words of the questions before say it."""

import pytest

from retrieval.follow_up import MAX_WORDS, content_words, depends_on_earlier, words_left_out


@pytest.mark.parametrize(
    "question",
    [
        "and how do I remove one?",
        "What about Italy?",
        "What is that?",
        "When was it founded?",
        "What are their powers?",
        "What powers do their members have?",
        "How many of them voted?",
        "How many members?",
        "Which one is faster?",
        "Why?",
        "Còn gỡ một gói thì sao?",
        "Thế còn phiên bản mới nhất?",
        "Nó được thành lập năm nào?",
        "Có bao nhiêu người sống ở đó?",
        "Vì sao?",
    ],
)
def test_a_follow_up_shows_that_it_leaves_something_out(question: str) -> None:
    assert depends_on_earlier(question)


@pytest.mark.parametrize(
    "question",
    [
        "What is photosynthesis?",
        "When did Tesla publish his paper?",
        "What is one of the powers of Congress?",
        "Is there a fee?",
        "How many members were there?",
        "Which university has its origins in a school?",
        "What university won the award for Most IT enabled organisation?",
        "Họ của cầu thủ ghi bàn là gì?",
        "Who registered the most sacks this season?",
        "Who said that the fee is due?",
        "Thế kỷ 19 có những phát minh nào?",
        "So với năm 2010, giá tăng bao nhiêu?",
        "Công chúng nghĩ gì về Tesla?",
        "Hội phí là bao nhiêu?",
    ],
)
def test_a_question_that_stands_alone_is_no_follow_up(question: str) -> None:
    assert not depends_on_earlier(question)
    assert words_left_out(question, ["How do I install Debian packages?"]) == ()


def test_the_words_come_from_the_question_before_without_those_it_has_itself() -> None:
    before = ["Who founded the club?", "How do I install Debian packages?"]
    assert words_left_out("and how do I remove packages?", before) == ("install", "Debian")
    assert words_left_out("Còn gỡ nó thì sao?", ["Làm thế nào để cài đặt gói Debian?"]) == (
        "cài",
        "đặt",
        "gói",
        "Debian",
    )


def test_follow_ups_are_read_back_to_the_question_that_stands_alone() -> None:
    before = ["Who founded the club?", "How do I install Debian packages?", "And how do I remove one?"]
    assert words_left_out("And upgrade it?", before) == ("remove", "install", "Debian", "packages")


def test_nothing_is_left_out_of_the_first_question_and_no_list_grows_without_end() -> None:
    assert words_left_out("And how do I remove one?", []) == ()
    assert len(words_left_out("Why?", [" ".join(f"word{n}" for n in range(50))])) == MAX_WORDS


def test_content_words_keep_their_spelling_and_parts_of_words_stay() -> None:
    assert content_words("What is the difference between apt-get and dpkg?") == ["difference", "apt-get", "dpkg"]
    assert content_words("Ngành hàng không thế kỷ 20 phát triển như thế nào?") == (
        ["Ngành", "hàng", "không", "thế", "kỷ", "20", "phát", "triển"]
    )
