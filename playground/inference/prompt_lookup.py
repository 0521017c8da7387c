"""Drafts what a row generates next, copied from what it has read or generated; one pass of the model checks the draft.

Prompt look-up decoding (A. Saxena, 2023), a case of speculative decoding (arXiv 2211.17192) without a second model.
"""

from collections.abc import Sequence

# By the number of last tokens that were found earlier in the row: how many of those that followed there are drafted.
# One drafted token costs a lone row nothing, three a third of a step, four a whole one (docs/log.md).
DRAFT_LENGTHS = {3: 3, 2: 1, 1: 1}


class PromptLookup:
    """The tokens of one row, and the place after the last occurrence of each run of one to three of them."""

    def __init__(self, ids: Sequence[int]) -> None:
        self._ids: list[int] = []
        self._after: dict[tuple[int, ...], int] = {}
        for each in ids:
            self.add(each)

    def add(self, id_: int) -> None:
        """Append the row's next token."""
        for length in DRAFT_LENGTHS:
            if len(self._ids) >= length:
                self._after[tuple(self._ids[-length:])] = len(self._ids)
        self._ids.append(id_)

    def draft(self, limit: int) -> list[int]:
        """At most `limit` tokens that followed the last tokens where they occurred before; empty where they are new."""
        for length, count in DRAFT_LENGTHS.items():
            place = self._after.get(tuple(self._ids[-length:]))
            if place is not None:
                return self._copy_from(place, min(count, limit))
        return []

    def _copy_from(self, place: int, count: int) -> list[int]:
        copied = self._ids[place : place + count]
        period = len(self._ids) - place
        while len(copied) < count:  # what repeats itself up to now may go on so
            copied.append(copied[-period])
        return copied
