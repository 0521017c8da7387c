"""Which examples a step of a run reads: told from the step's number alone, so that a resumed run reads the same."""

import random


def size_of(tokens: int, examples: int, batch_tokens: int) -> float:
    """Examples a step in the mean, so that their tokens come to `batch_tokens`; at least one."""
    return max(1.0, batch_tokens * examples / tokens)


def places(examples: int, size: float, step: int, seed: int) -> list[int]:
    """The places of a step's examples, one more in some steps than in others where `size` is no whole number.

    Every reading of the text has an order of its own.
    """
    chosen = []
    for position in range(int(step * size), int((step + 1) * size)):
        epoch, place = divmod(position, examples)
        chosen.append(_order(examples, seed, epoch)[place])
    return chosen


def _order(count: int, seed: int, epoch: int) -> list[int]:
    order = list(range(count))
    random.Random(seed * 1_000_003 + epoch).shuffle(order)
    return order
