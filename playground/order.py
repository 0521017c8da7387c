"""Which examples a step of a run reads: told from the step's number alone, so that a resumed run reads the same."""

import random


def size_of(tokens: int, examples: int, batch_tokens: int) -> int:
    """Examples a step, so that their tokens come to `batch_tokens` on average; at least one."""
    return max(1, round(batch_tokens / (tokens / examples)))


def places(examples: int, size: int, step: int, seed: int) -> list[int]:
    """The places of a step's examples; every reading of the text has an order of its own."""
    chosen = []
    for position in range(step * size, (step + 1) * size):
        epoch, place = divmod(position, examples)
        chosen.append(_order(examples, seed, epoch)[place])
    return chosen


def _order(count: int, seed: int, epoch: int) -> list[int]:
    order = list(range(count))
    random.Random(seed * 1_000_003 + epoch).shuffle(order)
    return order
