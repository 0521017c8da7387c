"""The forms of cells by which columns are told: labels, verdicts, choices, conversations, questions."""

from typing import Any

from retrieval.readers.shapes.choices import read_choices
from retrieval.readers.shapes.markup import is_conversation
from retrieval.readers.shapes.messages import holds_messages, role_of
from retrieval.readers.shapes.names import BAD, GOOD, VERDICTS
from retrieval.readers.shapes.values import are_spans, nested, text_of


def is_plain(value: Any) -> bool:
    """Whether a value is text or a list of texts, and no list of messages."""
    value = nested(value)
    return (isinstance(value, list) and all(isinstance(each, str) for each in value)) or not holds_messages(value)


def is_label(value: Any) -> bool:
    """Whether a value says that an answer is good or bad."""
    return _label(value) in GOOD | BAD


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
