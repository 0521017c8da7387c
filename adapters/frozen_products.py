"""Products with frozen weights while training: in bfloat16 on a CPU that multiplies it natively, about twice as fast.

Operands and results are rounded to 8 bits of precision, within `rounded_products` alone; the sums inside a product,
trained weights, gradients of these and everything else stay in float32. Knows no method.
"""

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

LEAST = 65_536  # elements of a matrix; below it, rounding takes as long as it saves
FLAGS = {"x86_64": {"avx512_bf16", "amx_bf16"}, "aarch64": {"bf16"}}  # what Linux calls the instructions, by machine
CPU_INFO = Path("/proc/cpuinfo")

_rounds: ContextVar[bool] = ContextVar("rounds", default=False)


@contextmanager
def rounded_products() -> Iterator[None]:
    """Within, products with large frozen weights are rounded; a backward pass does as its forward pass did."""
    before = _rounds.set(True)
    try:
        yield
    finally:
        _rounds.reset(before)


@cache
def multiplies_bfloat16() -> bool:
    """Whether this processor has instructions for products of bfloat16; False where the system does not tell."""
    if not CPU_INFO.is_file():
        return False
    words = set(CPU_INFO.read_text(encoding="utf-8").split())
    return not words.isdisjoint(FLAGS.get(platform.machine(), ()))


def is_rounded(W: Tensor) -> bool:
    """Whether products with this matrix are computed in bfloat16."""
    is_fit = not W.requires_grad and W.dtype == torch.float32 and W.device.type == "cpu" and W.numel() >= LEAST
    return _rounds.get() and is_fit and multiplies_bfloat16()


def product(x: Tensor, W: Tensor, rounded: bool) -> Tensor:
    """x·Wᵀ for x of (N, in) and W of (out, in)."""
    return (x.bfloat16() @ W.bfloat16().T).float() if rounded else x @ W.T


def gradient_of_input(gradient: Tensor, W: Tensor, rounded: bool) -> Tensor:
    """The gradient of `product`'s x, (N, in), from that of its result, (N, out)."""
    return (gradient.bfloat16() @ W.bfloat16()).float() if rounded else gradient @ W


def linear(module: Any, x: Tensor) -> Tensor:
    """What an nn.Linear computes of x (…, in), rounded where its weight is frozen and large."""
    if not is_rounded(module.weight):
        return F.linear(x, module.weight, module.bias)
    # Shaped here: a view that a function of autograd returns may not be changed in place, as AdaLoRA's layer does.
    out: Tensor = _RoundedProduct.apply(x.flatten(0, -2), module.weight).unflatten(0, x.shape[:-1])
    return out if module.bias is None else out + module.bias


class _RoundedProduct(torch.autograd.Function):
    """x·Wᵀ for x of (N, in) with W frozen; only W is saved for the backward pass."""

    @staticmethod
    def forward(context: Any, x: Tensor, W: Tensor) -> Tensor:
        context.save_for_backward(W)
        return product(x, W, rounded=True)

    @staticmethod
    def backward(context: Any, *outer: Tensor) -> tuple[Tensor, None]:
        (W,) = context.saved_tensors
        return gradient_of_input(outer[0], W, rounded=True), None
