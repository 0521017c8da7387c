"""Files of pairs whose answers would teach a model to answer in one word."""

import pytest

from playground.data.short_answers import short_answer_files
from retrieval.document import Document, Pair


def pairs_file(*answers: str) -> Document:
    pairs = tuple(Pair(f"Question {n}?", answer, n, n + 1) for n, answer in enumerate(answers))
    return Document("pairs.csv", "x" * 50, pairs=pairs)


@pytest.mark.parametrize(
    ("answers", "short"),
    [
        (["apt", "dpkg", "A package is a file with software in it."], True),
        (["apt", "A package is a file with software in it."], False),
        (["Use the apt command.", "It is not one."], False),
        (["Hà Nội", "năm 1945", "ba"], True),
        (["東京は日本の首都です", "大阪は西にあります"], False),
    ],
)
def test_a_file_is_named_where_most_answers_have_fewer_than_four_words(answers: list[str], short: bool) -> None:
    assert short_answer_files([pairs_file(*answers)]) == ["pairs.csv"] * short


def test_a_text_has_no_answers() -> None:
    assert short_answer_files([Document("a.txt", "One. Two.")]) == []
