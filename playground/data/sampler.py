"""Which examples each training step reads: a function of the step's number, so that a resumed run reads the same."""

import random
from collections.abc import Sequence

from playground.data.tokenize import Example, count_tokens


class BatchSampler:
    """Batches of about `batch_tokens` tokens; every pass over the examples has its own order, drawn from `seed`."""

    def __init__(self, examples: Sequence[Example], batch_tokens: int, seed: int) -> None:
        self._examples = examples
        self._seed = seed
        self._mean_size = mean_batch(len(examples), count_tokens(examples), batch_tokens)
        self._epoch, self._order = -1, list[int]()

    def batch(self, step: int) -> list[Example]:
        """The examples of a step, counted from 0. Where the mean size is fractional, sizes differ by one."""
        first, end = int(step * self._mean_size), int((step + 1) * self._mean_size)
        return [self._examples[self._place(position)] for position in range(first, end)]

    def _place(self, position: int) -> int:
        """The place of the example that stands at `position` when all epochs' orders are joined."""
        epoch, index = divmod(position, len(self._examples))
        if epoch != self._epoch:
            self._epoch, self._order = epoch, epoch_order(len(self._examples), self._seed, epoch)
        return self._order[index]


def mean_batch(examples: int, tokens: int, batch_tokens: int) -> float:
    """Examples per batch in the mean, at least one; `tokens` are those of all examples."""
    return max(1.0, batch_tokens * examples / tokens)


def epoch_order(examples: int, seed: int, epoch: int) -> list[int]:
    """The places of all examples in the order in which an epoch reads them."""
    order = list(range(examples))
    random.Random(seed * 1_000_003 + epoch).shuffle(order)
    return order
