"""A column of a table by the values of its first rows: their form, and whether it only names the rows."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from retrieval.readers.shapes.forms import is_answer, is_said, is_truth
from retrieval.readers.shapes.names import Names, normal
from retrieval.readers.shapes.values import is_empty, text_of

Column = Sequence[Any]  # the values of a column in the first rows

MOST = 0.8  # share of the sampled values that must be of a form
TEXT_LIKE_WORDS = 5  # mean words per cell; a column with at least as many is text
_ID_NAME = re.compile(
    r"(.*_)?(id|ids|idx|index|uuid|guid|hash|url|uri|link|row|no|nr|number|split|source|src|license|lang)|unnamed(:_\d+)?"
)
CLASS_WORDS = 3  # at most, of the name of a class
MIN_CLASSED = 4  # values at least, of which each occurs twice on average
_CLASS_NAME = re.compile(r"[A-Za-z]\w*(?:[_.:]\w+)+")
_LINK = re.compile(r"https?://\S+")


def mostly(values: Column, holds: Callable[[Any], bool]) -> bool:
    """Whether most of the values that are not empty are of a form."""
    there = [value for value in values if not is_empty(value)]
    return bool(there) and sum(map(holds, there)) >= MOST * len(there)


def is_id(column: str, values: Column) -> bool:
    """Whether a column holds numbers or links that only name a row."""
    there = [value for value in values if not is_empty(value)]
    return bool(_ID_NAME.fullmatch(normal(column))) or all(_LINK.fullmatch(text_of(value)) for value in there)


def are_classes(values: Column) -> bool:
    """Whether the values of a column are the names of a few classes, not texts; a yes or a no may be an answer."""
    there = [text_of(value) for value in values if not is_empty(value)]
    if not there or all(is_truth(each) for each in there) or max(len(each.split()) for each in there) > CLASS_WORDS:
        return False
    named = all(map(_CLASS_NAME.fullmatch, there))
    return named or (len(there) >= MIN_CLASSED and 2 * len({*there}) <= len(there))


def first_column(
    sample: Mapping[str, Column], names: Names, taken: set[str], holds: Callable[[Any], bool] | None
) -> str:
    """The first column by the order of names that is free and holds values of a form; an empty text for none."""
    known = {normal(column): column for column in reversed(list(sample))}
    if "b" in known:
        known.pop("a", None)  # the first of several choices, and no answer
    for name in names:
        column = known.get(name)
        if column and column not in taken and (holds is None or mostly(sample[column], holds)):
            return column
    if holds in (is_said, is_answer):  # an empty column with the right name is asked for
        return next((known[name] for name in names if name in known and all(map(is_empty, sample[known[name]]))), "")
    return ""
