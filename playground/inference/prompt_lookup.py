"""Guesses at what a row says next, copied from what it has read or said; the model then checks them all in one pass.

Prompt look-up decoding (A. Saxena, 2023), a case of speculative decoding (arXiv 2211.17192) without a second model.
"""

from collections.abc import Sequence

# How many of the last tokens stood together before, and how many of those that followed there are guessed then. One
# guess costs a lone row nothing, three a third of a step, four a whole one (docs/log.md).
DRAFT_LENGTHS = {3: 3, 2: 1, 1: 1}


class PromptLookup:
    """The tokens of one row, and the place after each run of one to three of them where that last stood."""

    def __init__(self, ids: Sequence[int]) -> None:
        self._ids: list[int] = []
        self._after: dict[tuple[int, ...], int] = {}
        for each in ids:
            self.add(each)

    def add(self, id_: int) -> None:
        """The row's next token."""
        for length in DRAFT_LENGTHS:
            if len(self._ids) >= length:
                self._after[tuple(self._ids[-length:])] = len(self._ids)
        self._ids.append(id_)

    def draft(self, most: int) -> list[int]:
        """What followed the last tokens where they last stood before; none where they are new."""
        for length, count in DRAFT_LENGTHS.items():
            place = self._after.get(tuple(self._ids[-length:]))
            if place is not None:
                return self._copied(place, min(count, most))
        return []

    def _copied(self, place: int, count: int) -> list[int]:
        found = self._ids[place : place + count]
        period = len(self._ids) - place
        while len(found) < count:  # what repeats itself up to now may go on so
            found.append(found[-period])
        return found
