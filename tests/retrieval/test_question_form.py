"""What a question asks for by its form, in both languages."""

import pytest

from retrieval.question_form import asks_for_explanation, asks_for_name_or_number


@pytest.mark.parametrize(
    "question",
    [
        "Why is the fee due in March?",
        "How do I install a package?",
        "And how can one be removed?",
        "What is the difference between apt-get and dpkg?",
        "Could you explain the fee?",
        "Describe the club.",
        "Tại sao phải đóng hội phí?",
        "Làm thế nào để cài đặt gói?",
        "Hãy giải thích hội phí.",
        "apt-get và dpkg khác nhau như thế nào?",
        "Sự khác biệt giữa hai gói là gì?",
    ],
)
def test_these_ask_for_an_explanation(question: str) -> None:
    assert asks_for_explanation(question)
    assert not asks_for_name_or_number(question)


@pytest.mark.parametrize(
    "question",
    [
        "Who founded the club?",
        "In which year was it founded?",
        "How many members are there?",
        "How is the club called?",
        "What is the annual fee?",
        "Is the fee due in March?",
        "Câu lạc bộ do ai thành lập?",
        "Hội phí là bao nhiêu?",
        "Có phải đóng hội phí không?",
    ],
)
def test_these_do_not(question: str) -> None:
    assert not asks_for_explanation(question)


@pytest.mark.parametrize("question", ["What is photosynthesis?", "What happens in March?", "Quang hợp là gì?"])
def test_some_may_ask_for_anything(question: str) -> None:
    assert not asks_for_explanation(question)
    assert not asks_for_name_or_number(question)


@pytest.mark.parametrize(
    "question", ["When was it founded?", "How many members are there?", "Is it free?", "Ai sáng lập?", "Nó ở đâu?"]
)
def test_a_name_or_number_may_be_the_whole_answer(question: str) -> None:
    assert asks_for_name_or_number(question)
