"""Products with weights of 16 bits: half as many bytes to read per token; inputs, sums and results stay float32."""

from functools import cache

import torch
from torch import Tensor

from playground.inference.compat import multiply_fp16, pack_fp16
from playground.inference.matmul import fast_linear, time_ratio, trial_weights

FP16 = "float16"  # what stamps and self-test reports call such weights
FP16_MAX = torch.finfo(torch.float16).max
CLOSE = 1e-5  # largest difference from the same product in float32, as a share of the largest result
ROWS = (1, 4)  # of the trial: both must be faster


class Fp16Weight:
    """A copy of a weight W of (outputs, inputs) in 16 bits."""

    def __init__(self, weight: Tensor) -> None:
        copy = weight.detach().clamp(-FP16_MAX, FP16_MAX)  # PyTorch would clamp the weight itself
        self._packed = pack_fp16(copy)

    def multiply(self, x: Tensor) -> Tensor:
        """x·Wᵀ of shape (rows, outputs), for x of (rows, inputs)."""
        return multiply_fp16(x, self._packed)


def round_to_fp16(weight: Tensor) -> Tensor:
    """The numbers that `Fp16Weight` multiplies by, in the weight's own type: its own, rounded to float16."""
    return weight.detach().clamp(-FP16_MAX, FP16_MAX).half().to(weight.dtype)


def unavailable_reason(inputs: int) -> str:
    """Why this machine cannot use such products with so many inputs, as the end of a sentence; empty where it can."""
    try:
        correct = _multiplies_correctly()
    except (RuntimeError, AttributeError):  # another processor, or another PyTorch
        return "PyTorch has no such product here"
    if not correct:
        return "PyTorch's product gives other numbers here"
    return "" if is_faster(inputs) else "it is not faster here"


@cache
def is_faster(inputs: int) -> bool:
    """Whether they are faster than products of float32, for one row and for several; timed once, in half a second."""
    weights = trial_weights(inputs, torch.float32)
    packed = [Fp16Weight(each) for each in weights]

    def ratio(x: Tensor) -> float:
        return time_ratio(lambda each: each.multiply(x), packed, lambda each: fast_linear(x, each), weights)

    return all(ratio(torch.ones(rows, inputs)) < 1 for rows in ROWS)


def _multiplies_correctly() -> bool:
    """Whether products of a small matrix, some of whose numbers float16 cannot hold, are those of the rounded one."""
    random = torch.Generator().manual_seed(0)
    weight = torch.randn(40, 24, generator=random) * 10.0 ** torch.randint(-9, 2, (40, 1), generator=random)
    weight[0, 0] = 2 * FP16_MAX
    packed = Fp16Weight(weight)
    for rows in (1, 2, 9):
        x = torch.randn(rows, 24, generator=random)
        expected = x @ round_to_fp16(weight).T
        tolerance = CLOSE * expected.abs().amax(dim=0).clamp(min=1e-30)  # per output: their sizes differ widely
        if not bool(((packed.multiply(x) - expected).abs() <= tolerance).all()):
            return False
    return True
