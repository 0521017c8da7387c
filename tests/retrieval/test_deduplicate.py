"""Which passages are left out as repeats, and that none is that says something new."""

import pytest

from retrieval.chunks import Passage
from retrieval.deduplicate import repeated_passages


def passages(*texts: str, heading: str = "") -> list[Passage]:
    return [Passage(text, "a.txt", "", heading, 0, len(text), 0) for text in texts]


@pytest.mark.parametrize(
    "again",
    [
        "The fee is five euros a month.",
        "THE FEE is  “five euros”\na month!",
        "- The fee is five euros a month",
        "The fee is five euros",
    ],
)
def test_the_same_words_are_a_repeat(again: str) -> None:
    assert repeated_passages(passages("The fee is five euros a month.", again)) == {1}


@pytest.mark.parametrize(
    "other",
    [
        "The fee is six euros a month.",
        "The fee is five euros a month, and paid in May.",
        "The fee is not five euros a month.",
        "Five euros is the fee a month.",
    ],
)
def test_one_other_word_is_something_new(other: str) -> None:
    assert 1 not in repeated_passages(passages("The fee is five euros a month.", other))


def test_a_sign_before_a_number_and_one_after_a_name_are_something_new() -> None:
    assert not repeated_passages(passages("It is -5 today.", "It is 5 today."))
    assert not repeated_passages(passages("I like the language C++", "I like the language C"))


def test_the_shorter_one_is_folded_wherever_it_stands() -> None:
    assert repeated_passages(passages("It opens at seven.", "The bakery: it opens at seven.")) == {0}


def test_the_same_words_under_another_heading_are_something_new() -> None:
    text = "The price is five euros."
    assert not repeated_passages([*passages(text, heading="Bread"), *passages(text, heading="Cake")])
    assert repeated_passages([*passages(text, heading="Bread"), *passages(text, heading="Bread")]) == {1}


def test_runs_from_two_passages_do_not_make_a_repeat() -> None:
    assert not repeated_passages(passages("one two three four", "three four five six", "two three four five"))


def test_passages_of_signs_alone_are_compared_as_they_are() -> None:
    assert repeated_passages(passages("…", "—", "…")) == {2}
