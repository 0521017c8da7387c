"""Questions with choices: the choices for the prompt, and the text of the right one."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any

from retrieval.readers.shapes.values import nested, text_of

_LETTERED = re.compile(r"^\(?([A-Za-z])[).:]\s+")
_UNNAMED = re.compile(r"column \d+")
_NUMBER = re.compile(r"\d+(\.0)?")
_LETTER = re.compile(r"^\W*([A-Za-z])\W*$")


@dataclass(frozen=True)
class Choices:
    """The texts of the choices and their labels, A, B, C … where the file has none.

    `marked` is the only one that the list itself says is right.
    """

    texts: tuple[str, ...]
    labels: tuple[str, ...]
    marked: str = ""

    @property
    def listed(self) -> str:
        """One choice per line, with its label."""
        return "\n".join(f"{label}. {text}" for label, text in zip(self.labels, self.texts, strict=True))

    def right(self, answer: Any, first: int, placed: bool = False) -> str:
        """The text of the right choice, by its text, label or number, where numbers count from `first`; else empty.

        Where answers are `placed`, their numbers are no texts of choices, which may be numbers themselves.
        """
        answer = nested(answer)
        if isinstance(answer, list):
            answer = answer[0] if len(answer) == 1 else answer.index(1) + first if answer.count(1) == 1 else None
        said = text_of(answer) if not isinstance(answer, bool) else str(int(answer))
        bare = _LETTERED.sub("", said)
        by_text = [text for text in self.texts if text.casefold() in (said.casefold(), bare.casefold())]
        if by_text and not placed:
            return by_text[0]
        named = _LETTER.match(said) or _LETTERED.match(said)
        label = named[1].casefold() if named else said.casefold()
        known = {each.casefold(): text for each, text in zip(self.labels, self.texts, strict=True)}
        if label in known:
            return known[label]
        place = int(float(said)) - first if _NUMBER.fullmatch(said) else -1
        return self.texts[place] if 0 <= place < len(self.texts) else ""


def read_choices(values: Sequence[Any]) -> Choices | None:
    """The choices in one cell with a list of them, or in several cells; None where there are fewer than two."""
    labels: list[str] = []
    value = nested(values[0]) if len(values) == 1 else list(values)
    if isinstance(value, Mapping):
        texts = value.get("text", value.get("choices", value.get("texts")))
        labels = [text_of(each) for each in value.get("label", value.get("labels", ()))]
        if texts is None:
            labels, texts = [str(key) for key in value], list(value.values())
        value = texts
    if isinstance(value, str):
        value = [each for each in re.split(r"\n+|\s*\|\s*|;\s+", value) if each.strip()]
    if not isinstance(value, list):
        return None
    if all(isinstance(each, Mapping) for each in value):
        labels = [text_of(each.get("label", each.get("key", each.get("id")))) for each in value]
    texts = [text_of(each) for each in value]
    found = [_LETTERED.match(text) for text in texts]
    if all(found):
        labels = [match[1] for match in found if match]
        texts = [_LETTERED.sub("", text) for text in texts]
    if len(texts) < 2 or not all(texts[:2]):
        return None
    marked = texts[labels.index("1")] if set(labels) == {"0", "1"} and labels.count("1") == 1 else ""
    labels = [] if marked else labels
    named = labels if len(set(labels)) == len(texts) and all(labels) else ascii_uppercase[: len(texts)]
    kept = [(text, label) for text, label in zip(texts, named, strict=False) if text]
    return Choices(tuple(text for text, _ in kept), tuple(label for _, label in kept), marked)


def first_number(answers: Sequence[Any], counts: Sequence[int], named_from: int = 0) -> int:
    """The number of the first choice, of which no answer is less.

    It is 1 where an answer is the number of choices, or where the columns of the choices are `named_from` 1.
    """
    said = [text_of(each) if not isinstance(each, bool) else str(int(each)) for each in answers]
    numbers = [(int(float(each)), count) for each, count in zip(said, counts, strict=True) if _NUMBER.fullmatch(each)]
    whole = bool(numbers) and all(number >= 1 for number, _ in numbers)
    return 1 if whole and (named_from == 1 or any(number == count for number, count in numbers)) else 0


def are_places(answers: Sequence[Any], counts: Sequence[int], first: int) -> bool:
    """Whether all answers are whole numbers, not texts, that are the number of a choice of their question."""
    return bool(answers) and all(
        type(each) is int and first <= each < first + count for each, count in zip(answers, counts, strict=True)
    )


def unnamed_choices(sample: Mapping[str, Sequence[Any]]) -> dict[str, tuple[str, ...]] | None:
    """In a table without a header: a question, its choices, and the letter of the right one."""
    columns = list(sample)
    letters = ascii_uppercase[: len(columns) - 2]
    unnamed = len(letters) >= 2 and all(map(_UNNAMED.fullmatch, columns))
    if not unnamed or not all(text_of(value) in letters for value in sample[columns[-1]]):
        return None
    return {"question": (columns[0],), "choices": tuple(columns[1:-1]), "answer": (columns[-1],)}


def names_choice(answer: Any, choices: Sequence[Any]) -> bool:
    """Whether an answer is the text or the label of one of the choices."""
    read = read_choices(choices)
    return read is not None and bool(read.right(answer, 1))
