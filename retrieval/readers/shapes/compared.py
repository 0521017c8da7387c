"""Several answers to one question: which of them is the better, by a column, by scores, or by marks on each answer."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from retrieval.readers.shapes.names import SCORES, STRENGTHS, normal
from retrieval.readers.shapes.values import nested, text_of

TIES = ("tie", "tie_(bothbad)", "both", "neither", "equal", "same", "draw")
ORDINALS = {"0": 0, "1": 1, "first": 0, "second": 1}
# Marks on an answer, the most telling first.
MARKS = (
    "is_accepted", "accepted", "is_selected", "is_correct", "overall_score", "score", "pm_score", "rating",
    "upvotes", "votes", "likes", "fraction",
)  # fmt: skip
SPOKEN = ("role", "from", "speaker", "author", "sender")  # keys of a turn of a conversation
TIED = 2
SCALES = ((1, 0.5), (5, 3), (10, 5), (100, 50))  # the greatest score of a scale, and the least that is not low
MOST_LOW = 0.75  # share of the answers; with more of them low, the scores are no grades of them


def winner(value: Any, names: Sequence[str]) -> int:
    """0 or 1 for the better of two answers, 2 for a tie, -1 where a value says neither.

    Numbers count as those in the columns' names do, else from 0; SHP's 1 stands for the first.
    """
    said = str(int(value)) if isinstance(value, bool) else normal(text_of(value))
    if said in TIES:
        return TIED
    if names[0].startswith("human_ref"):
        return {"1": 0, "0": 1}.get(said, -1)
    marks = [name[-1] for name in names]
    for place, (name, mark) in enumerate(zip(names, marks, strict=True)):
        if said.replace("_", "") in {each + mark for each in ("", "model", "response", "assistant")} | {
            name.replace("_", "")
        }:
            return place
    return ORDINALS.get(said, -1) if marks == ["a", "b"] else -1


def names_winner(value: Any, names: Sequence[str]) -> bool:
    """Whether a value says which of two answers is better, or that neither is."""
    return winner(value, names) >= 0


def judging_columns(known: Mapping[str, str], names: Sequence[str]) -> tuple[str, ...]:
    """The columns with the score of each of two answers, or the one that says how strongly the second is preferred."""
    ends = [name[-1] for name in names]
    for word in SCORES:
        for form in ("{word}_{end}", "{word}{end}", "{name}_{word}"):
            each = [form.format(word=word, end=end, name=name) for end, name in zip(ends, names, strict=True)]
            if all(name in known for name in each):
                return tuple(known[name] for name in each)
    return tuple(known[name] for name in STRENGTHS if name in known)[:1]


def judged(values: Sequence[Any]) -> int:
    """0 or 1 for the better by two scores or by one strength, 2 for a tie or where they are no numbers."""
    numbers = [_number(value) for value in values]
    if None in numbers:
        return TIED
    gain = numbers[-1] - (numbers[0] if len(numbers) == 2 else 0)  # type: ignore[operator]
    return 1 if gain > 0 else 0 if gain < 0 else TIED


def least_good(scores: Sequence[Any]) -> float | None:
    """The least of the scores that does not reject its answer, by the scale that all seem to be on; None if on none.

    Where a score is below zero, those below zero reject.
    """
    known = [number for number in map(_number, scores) if number is not None]
    if len(set(known)) < 2:
        return None
    least = 0.0 if min(known) < 0 else next((good for high, good in SCALES if max(known) <= high), None)
    return None if least is None or sum(each < least for each in known) > MOST_LOW * len(known) else least


def is_low(score: Any, least: float | None) -> bool:
    """Whether a value is a number below the least good score, if there is one."""
    number = _number(score)
    return number is not None and least is not None and number < least


def is_number(value: Any) -> bool:
    """Whether a value is a number or a text that is one."""
    return _number(value) is not None


def best_answer(value: Any) -> Any:
    """The best of several answers by their marks, the first where none is marked; any other value as it is."""
    candidates = _candidates(nested(value))
    if len(candidates) < 2:
        return value
    return max(candidates, key=_worth)


def _candidates(value: Any) -> list[dict[str, Any]]:
    """Answers as objects, or as lists beside each other; an empty list where none says what it is worth."""
    if isinstance(value, dict):
        lists = {normal(str(key)): each for key, each in value.items() if isinstance(each, list)}
        if len({len(each) for each in lists.values()}) != 1 or not any(mark in lists for mark in MARKS):
            return []
        value = [dict(zip(lists, cells, strict=True)) for cells in zip(*lists.values(), strict=True)]
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        return []
    rows = [{normal(str(key)): cell for key, cell in each.items()} for each in value]
    marked = any(_number(row.get(mark)) is not None for row in rows for mark in (*MARKS, "rank"))
    return rows if marked and not any(key in row for row in rows for key in SPOKEN) else []


def _worth(answer: Mapping[str, Any]) -> tuple[float, ...]:
    rank = _number(answer.get("rank"))
    marks = [_number(answer.get(mark)) for mark in MARKS]
    return (-math.inf if rank is None else -rank, *(-math.inf if mark is None else mark for mark in marks))


def _number(value: Any) -> float | None:
    """The value of a number or of a text that is one."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
