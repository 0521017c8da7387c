"""A question with its answer, the conversation before it and the passage that belongs to it, and their stored form."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

Turns = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Pair:
    """A question and its answer; `text[start:end]` is the question, a line break, the answer.

    `turns` are the earlier questions and answers of the same conversation, oldest first, `system` is the text that
    the file gives the assistant, and `context` the start and end of the passage in the document's text that the
    question comes with.
    """

    question: str
    answer: str
    start: int
    end: int
    system: str = ""
    turns: Turns = ()
    context: tuple[int, int] | None = None

    @property
    def is_plain(self) -> bool:
        """Whether nothing stands before the question."""
        return not (self.system or self.turns or self.context)


def standalone_pairs(pairs: Sequence[Pair]) -> list[Pair]:
    """The pairs whose questions can be asked alone: not those within a conversation, nor one asked of many contexts."""
    asked = Counter(pair.question.casefold() for pair in pairs)
    return [each for each in pairs if not each.turns and (not each.context or asked[each.question.casefold()] == 1)]


def stored_conversations(pairs: Sequence[Pair]) -> dict[str, Any]:
    """What stands before the questions, as JSON can hold it; every turn and system text once. Empty where nothing does.

    Under "pairs", by the place of each pair that has any: the number of its system text or -1, the stretches of
    numbered turns, and the start and end of its context or nothing.
    """
    turns: dict[tuple[str, str], int] = {}
    systems: dict[str, int] = {}
    stored: dict[str, Any] = {}
    for place, pair in enumerate(pairs):
        if not pair.is_plain:
            numbers = [turns.setdefault(turn, len(turns)) for turn in pair.turns]
            system = systems.setdefault(pair.system, len(systems)) if pair.system else -1
            stored[str(place)] = [system, _stretches(numbers), pair.context and list(pair.context)]
    return {"systems": list(systems), "turns": [list(turn) for turn in turns], "pairs": stored} if stored else {}


def stored_pair(pair: Pair) -> list[Any]:
    """A pair without what stands before its question."""
    return [pair.question, pair.answer, pair.start, pair.end]


def read_pairs(rows: Sequence[Sequence[Any]], stored: Mapping[str, Any]) -> tuple[Pair, ...]:
    """The inverse of `stored_pair` for each pair and of `stored_conversations`, which may be empty."""
    systems, of_pair = stored.get("systems", ()), stored.get("pairs", {})
    turns = [(question, answer) for question, answer in stored.get("turns", ())]
    pairs = []
    for place, row in enumerate(rows):
        system, stretches, context = of_pair.get(str(place), (-1, (), None))
        before = tuple(turn for start, end in stretches for turn in turns[start:end])
        named = systems[system] if system >= 0 else ""
        pairs.append(Pair(row[0], row[1], row[2], row[3], named, before, context and (context[0], context[1])))
    return tuple(pairs)


def _stretches(numbers: Sequence[int]) -> list[list[int]]:
    """Numbers as stretches [start, end) of successive ones."""
    starts = [0, *(place + 1 for place, (one, other) in enumerate(pairwise(numbers)) if other != one + 1)]
    ends = [*starts[1:], len(numbers)]
    return [[numbers[start], numbers[end - 1] + 1] for start, end in zip(starts, ends, strict=True)] if numbers else []
