"""Guesses at what a row says next, copied from what it has read or said; the model then checks them all in one pass.

Prompt look-up decoding (A. Saxena, 2023), a case of speculative decoding (arXiv 2211.17192) without a second model.
"""

from collections.abc import Sequence

MATCH = 3  # tokens that must have stood together before for what followed them to be guessed
FEWEST, MOST = 2, 8  # guesses at once


class Lookup:
    """The tokens of one row, and where each run of MATCH of them was last followed by what."""

    def __init__(self, ids: Sequence[int]) -> None:
        self._ids: list[int] = []
        self._follows: dict[tuple[int, ...], int] = {}
        self._reach = FEWEST
        for each in ids:
            self.add(each)

    def add(self, id_: int) -> None:
        """The row's next token."""
        if len(self._ids) >= MATCH:
            self._follows[tuple(self._ids[-MATCH:])] = len(self._ids)
        self._ids.append(id_)

    def guesses(self, most: int) -> list[int]:
        """What followed the last tokens where they last stood before; none where they are new."""
        place = self._follows.get(tuple(self._ids[-MATCH:]))
        if place is None:
            return []
        found = self._ids[place : place + min(self._reach, most)]
        period = len(self._ids) - place
        while len(found) < min(self._reach, most):  # what repeats itself up to now may go on so
            found.append(found[-period])
        return found

    def judge(self, guessed: int, right: int) -> None:
        """Guess further ahead while all guesses are right, less far after a wrong one."""
        self._reach = min(2 * self._reach, MOST) if right == guessed else max(FEWEST, right)
