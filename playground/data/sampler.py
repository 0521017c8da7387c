"""Which examples each training step reads: a function of the step's number, so that a resumed run reads the same."""

import random
from collections.abc import Sequence
from itertools import chain

from playground.data.packing import join_groups, pack_length
from playground.data.tokenize import Example


class BatchSampler:
    """Batches of about `batch_tokens` tokens; every pass over the examples has its own order, drawn from `seed`.

    Examples of a group are read in the same step; what they begin with alike is counted once.
    """

    def __init__(self, examples: Sequence[Example], batch_tokens: int, seed: int) -> None:
        self._units = join_groups(examples)
        self._seed = seed
        self._mean_size = mean_batch(len(self._units), sum(map(pack_length, self._units)), batch_tokens)
        self._epoch, self._order = -1, list[int]()

    def batch(self, step: int) -> list[Example]:
        """The examples of a step, counted from 0. Where the mean number of units is fractional, it varies by one."""
        first, end = int(step * self._mean_size), int((step + 1) * self._mean_size)
        return list(chain.from_iterable(self._units[self._place(position)] for position in range(first, end)))

    def _place(self, position: int) -> int:
        """The place of the unit that stands at `position` when all epochs' orders are joined."""
        epoch, index = divmod(position, len(self._units))
        if epoch != self._epoch:
            self._epoch, self._order = epoch, epoch_order(len(self._units), self._seed, epoch)
        return self._order[index]


def mean_batch(units: int, tokens: int, batch_tokens: int) -> float:
    """Units (examples, or groups of them) per batch in the mean, at least one; `tokens` are those of all units."""
    return max(1.0, batch_tokens * units / tokens)


def epoch_order(units: int, seed: int, epoch: int) -> list[int]:
    """The places of all units in the order in which an epoch reads them."""
    order = list(range(units))
    random.Random(seed * 1_000_003 + epoch).shuffle(order)
    return order
