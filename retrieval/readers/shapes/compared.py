"""Two answers of which a column says which is the better: that column's values in every usual spelling."""

from collections.abc import Sequence
from typing import Any

from retrieval.readers.shapes.names import normal
from retrieval.readers.shapes.values import text_of

TIES = ("tie", "tie_(bothbad)", "both", "neither", "equal", "same", "draw")
ORDINALS = {"0": 0, "1": 1, "first": 0, "second": 1}


def winner(value: Any, names: Sequence[str]) -> int:
    """0 or 1 for the better of two answers, 2 for a tie, -1 where a value says neither.

    Numbers count as those in the columns' names do, else from 0; SHP's 1 stands for the first.
    """
    said = str(int(value)) if isinstance(value, bool) else normal(text_of(value))
    if said in TIES:
        return 2
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
