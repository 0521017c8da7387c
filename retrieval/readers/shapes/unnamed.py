"""Tables whose columns have no known names: told by what their cells look like."""

import re
from collections.abc import Mapping

from retrieval.readers.shapes.columns import TEXT_LIKE_WORDS, Column, are_classes, is_id, mostly
from retrieval.readers.shapes.forms import is_question
from retrieval.readers.shapes.values import text_of, words_per_cell

Sample = Mapping[str, Column]
ID_LIKE_WORDS = 2  # a column with at most as many holds names or numbers
TERM_WORDS = 4  # mean words of what a line defines
DEFINING_WORDS = 4  # mean words of what it is said to be
MIN_TERMS = 3
_UNNAMED = re.compile(r"column \d+")
_DIGIT = re.compile(r"\d")


def longest_text(sample: Sample) -> dict[str, tuple[str, ...]] | None:
    """The only column of running text where all others hold a word or two."""
    words = {column: words_per_cell(values) for column, values in sample.items()}
    longest = max(words, key=lambda column: words[column])
    others = [count for column, count in words.items() if column != longest]
    few = max(others, default=0) <= ID_LIKE_WORDS
    return {"text": (longest,)} if words[longest] >= TEXT_LIKE_WORDS and few and len(others) < 2 else None


def asked_column(sample: Sample) -> dict[str, tuple[str, ...]] | None:
    """Of two columns with unknown names, the first as questions where its cells end with a question mark.

    Classes of questions are no answers.
    """
    columns = [column for column, values in sample.items() if not is_id(column, values)]
    if len(columns) != 2 or not mostly(sample[columns[0]], is_question) or are_classes(sample[columns[1]]):
        return None
    return {"question": (columns[0],), "answer": (columns[1],)}


def told_by_form(sample: Sample) -> dict[str, tuple[str, ...]] | None:
    """Two columns without names that are questions and answers, or terms, each once, and what they mean."""
    columns = list(sample)
    if len(columns) != 2 or not all(map(_UNNAMED.fullmatch, columns)):
        return None
    if not mostly(sample[columns[0]], is_question):
        terms = [text_of(value) for value in sample[columns[0]]]
        short = words_per_cell(terms) <= TERM_WORDS and not any(map(_DIGIT.search, terms))
        once = MIN_TERMS <= len(terms) == len({*terms})
        if not (short and once) or words_per_cell(sample[columns[1]]) < DEFINING_WORDS:
            return None
    return None if are_classes(sample[columns[1]]) else {"question": (columns[0],), "answer": (columns[1],)}
