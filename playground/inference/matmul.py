"""Products of a few rows with large matrices, computed in the order that is faster on this machine."""

from collections.abc import Callable, Sequence
from functools import cache, partial
from statistics import median
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

COUNTS = (2, 4, 8, 16, 32, 64, 128, 256)  # numbers of rows that are timed; one in between is treated as the larger
TIMED_BYTES = 60_000_000  # of matrices in one trial: more than a processor's caches hold
MOST_TIMED = 48  # matrices in one trial; where they are so small, the order matters little
REPEATS = 5


def fast_linear(x: Tensor, weight: Tensor) -> Tensor:
    """x·Wᵀ of shape (rows, outputs), for x of (rows, inputs) and W of (outputs, inputs)."""
    if len(x) == 1 and x.device.type == "cpu":
        # A lone row would go to the matrix-vector routine, which reads the weights at half the speed.
        return fast_linear(torch.cat((x, x)), weight)[:1]
    x = x.contiguous()  # laid out column by column, it would take four times as long
    if weights_first_is_faster(len(x), x.shape[1], x.dtype, x.device.type):
        return _multiply_weights_first(x, weight)
    return _multiply_inputs_first(x, weight)


def weights_first_is_faster(rows: int, inputs: int, dtype: torch.dtype, device: str) -> bool:
    """Whether (W·xᵀ)ᵀ is faster than x·Wᵀ here for so many rows."""
    if device != "cpu":
        return False
    count = next((each for each in COUNTS if each >= rows), COUNTS[-1])
    return _time_weights_first(count, inputs, dtype)


def calibrate(inputs: int, dtype: torch.dtype, device: str) -> None:
    """Time both orders for all counts of rows, within about a second, so that no answer waits for it."""
    for count in COUNTS:
        weights_first_is_faster(count, inputs, dtype, device)


def trial_weights(inputs: int, dtype: torch.dtype) -> list[Tensor]:
    """As many square matrices as a trial needs, so that none is still in a cache when it is read again."""
    square = inputs * inputs * torch.empty(0, dtype=dtype).element_size()
    return [torch.ones(inputs, inputs, dtype=dtype) for _ in range(min(MOST_TIMED, 1 + TIMED_BYTES // square))]


def time_ratio(
    one: Callable[[Any], Tensor], ones: Sequence[Any], other: Callable[[Any], Tensor], others: Sequence[Any]
) -> float:
    """The time that one way of multiplying takes for its form of some matrices, as a share of another's.

    Other work on the machine lasts longer than a trial, so two trials in a row are compared with each other.
    """
    return median(_seconds(one, ones) / _seconds(other, others) for _ in range(REPEATS))


@cache
def _time_weights_first(rows: int, inputs: int, dtype: torch.dtype) -> bool:
    weights, x = trial_weights(inputs, dtype), torch.ones(rows, inputs, dtype=dtype)
    return time_ratio(partial(_multiply_weights_first, x), weights, partial(_multiply_inputs_first, x), weights) < 1


def _multiply_weights_first(x: Tensor, weight: Tensor) -> Tensor:
    return (weight @ x.T).T.contiguous()  # row by row again: what comes next would take longer otherwise


def _multiply_inputs_first(x: Tensor, weight: Tensor) -> Tensor:
    return x @ weight.T


def _seconds(multiply: Callable[[Any], Tensor], weights: Sequence[Any]) -> float:
    start = perf_counter()
    for weight in weights:
        multiply(weight)
    return perf_counter() - start
