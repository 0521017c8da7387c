"""The forms of cells by which columns are told: labels, verdicts, choices, conversations, questions."""

import re
from typing import Any

from retrieval.readers.shapes.choices import read_choices
from retrieval.readers.shapes.markup import is_conversation
from retrieval.readers.shapes.messages import holds_messages, role_of
from retrieval.readers.shapes.names import BAD, GOOD, VERDICTS
from retrieval.readers.shapes.values import are_spans, nested, text_of

LEAST_WORDS = 3  # of a sentence
_SENTENCE_END = re.compile(r"[.!?…。！？][\"'”’)]*$")
_YES_OR_NO = re.compile(
    r"\s*(?:is|are|was|were|am|do|does|did|can|could|will|would|shall|should|may|might|must|has|have|had)\b|.*\bkhông\W*$",
    re.IGNORECASE,
)


def is_plain(value: Any) -> bool:
    """Whether a value is text or a list of texts, and no list of messages."""
    value = nested(value)
    return (isinstance(value, list) and all(isinstance(each, str) for each in value)) or not holds_messages(value)


def is_label(value: Any) -> bool:
    """Whether a value says that an answer is good or bad."""
    return _label(value) in GOOD | BAD


def is_truth(value: Any) -> bool:
    """Whether a value says that something is so or not."""
    return _label(value) in ("true", "false", "yes", "no", "0", "1")


def asks_yes_or_no(value: Any) -> bool:
    """Whether a value is a question that a yes or a no answers."""
    return isinstance(value, str) and bool(_YES_OR_NO.match(value))


def is_sentence(value: Any) -> bool:
    """Whether a value is a text of at least three words that ends as a sentence does."""
    return isinstance(value, str) and len(value.split()) >= LEAST_WORDS and bool(_SENTENCE_END.search(value.strip()))


def are_sentences(value: Any) -> bool:
    """Whether a value is a sentence or a list of sentences."""
    value = nested(value)
    return all(map(is_sentence, value)) if isinstance(value, list) and value else is_sentence(value)


def is_verdict(value: Any) -> bool:
    """Whether a value is what a person who labels rows says of one."""
    return _label(value) in VERDICTS


def is_flag(value: Any) -> bool:
    """Whether a value is a yes or a no."""
    return isinstance(value, bool) or (isinstance(value, str) and value.strip().casefold() in ("true", "false"))


def is_bad(value: Any) -> bool:
    """Whether a value says that an answer is bad."""
    return _label(value) in BAD


def _label(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else text_of(value).casefold()


def is_stem_with_choices(value: Any) -> bool:
    """Whether a value is a question that holds its own choices."""
    value = nested(value)
    return isinstance(value, dict) and "choices" in value and read_choices([value["choices"]]) is not None


def is_markup(value: Any) -> bool:
    """Whether a value is a text in chat markup with an answer."""
    return isinstance(value, str) and is_conversation(value)


def is_role(value: Any) -> bool:
    """Whether a value names who speaks."""
    return role_of(value) is not None


def are_choices(value: Any) -> bool:
    """Whether a value is a list of choices."""
    return read_choices([value]) is not None


def are_marked_choices(value: Any) -> bool:
    """Whether a value is a list of choices that says which one is right."""
    choices = read_choices([value])
    return choices is not None and bool(choices.marked)


def is_history(value: Any) -> bool:
    """Whether a value is what was said before, as messages or in chat markup."""
    return holds_messages(value) or is_markup(value)


def is_answer(value: Any) -> bool:
    """Whether a value may be an answer: no verdict on the row, and no list of numbers of tokens."""
    return not is_verdict(value) and not _is_numbers(value)


def is_said(value: Any) -> bool:
    """Whether a value may be a question: no list of numbers of tokens."""
    return not _is_numbers(value)


def are_marks(value: Any) -> bool:
    """Whether a value marks stretches or words of a text by numbers, which nobody reads."""
    return _is_numbers(value) or are_spans(nested(value))


def _is_numbers(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, int | float) for each in value)


def is_words(value: Any) -> bool:
    """Whether a value is text and no number, or holds texts."""
    return is_answer(value) and (isinstance(value, list | dict) or (isinstance(value, str) and not value.isdecimal()))


def is_question(value: Any) -> bool:
    """Whether a text ends with a question mark."""
    return text_of(value).endswith(("?", "？", "؟"))
