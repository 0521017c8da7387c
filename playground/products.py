"""Products of a few rows with large matrices, computed in the order that is faster on this machine."""

from collections.abc import Callable, Sequence
from functools import cache
from time import perf_counter

import torch
from torch import Tensor

COUNTS = (2, 4, 8, 16, 32, 64, 128, 256)  # rows that are timed; a count between two goes by the larger
TIMED_BYTES = 60_000_000  # of matrices in one trial: more than a processor's caches hold
REPEATS = 3


def product(x: Tensor, weights: Sequence[Tensor]) -> Tensor:
    """x·[W₁; W₂; …]ᵀ of shape (rows, sum of outputs), for x of (rows, inputs) and matrices of (outputs, inputs).

    The result may lie column by column.
    """
    rows, high = len(x), sum(len(each) for each in weights)
    if rows == 1 and x.device.type == "cpu":
        # A lone row would go to the matrix-vector routine, which reads the weights at half the speed.
        return product(x.repeat(2, 1), weights)[:1]
    first = weights_first(rows, weights[0].shape[1], x.dtype, x.device.type)
    out = x.new_empty(high, rows) if first else x.new_empty(rows, high)
    start = 0
    for weight in weights:
        end = start + len(weight)
        if first:
            torch.mm(weight, x.T, out=out[start:end])
        else:
            torch.mm(x, weight.T, out=out[:, start:end])
        start = end
    return out.T if first else out


def weights_first(rows: int, inputs: int, dtype: torch.dtype, device: str) -> bool:
    """Whether (W·xᵀ)ᵀ is faster than x·Wᵀ here for so many rows."""
    if device != "cpu":
        return False
    count = next((each for each in COUNTS if each >= rows), COUNTS[-1])
    return _faster_first(count, inputs, dtype)


def calibrate(inputs: int, dtype: torch.dtype, device: str) -> None:
    """Time both orders for all counts of rows, within about a second, so that no answer waits for it."""
    for count in COUNTS:
        weights_first(count, inputs, dtype, device)


@cache
def _faster_first(rows: int, inputs: int, dtype: torch.dtype) -> bool:
    square = inputs * inputs * torch.empty(0, dtype=dtype).element_size()
    weights = [torch.ones(inputs, inputs, dtype=dtype) for _ in range(max(1, TIMED_BYTES // square))]
    x = torch.ones(rows, inputs, dtype=dtype)
    first = _seconds(lambda weight: weight @ x.T, weights)
    return first < _seconds(lambda weight: x @ weight.T, weights)


def _seconds(multiply: Callable[[Tensor], Tensor], weights: Sequence[Tensor]) -> float:
    """The best time of a few trials: the one that nothing else on the machine disturbed."""
    best = float("inf")
    for _ in range(REPEATS):
        start = perf_counter()
        for weight in weights:
            multiply(weight)
        best = min(best, perf_counter() - start)
    return best
