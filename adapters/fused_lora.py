"""A linear layer and its LoRA as one product with one backward pass; equal to PEFT's, with fewer copies."""

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from adapters import compat
from adapters.frozen_products import gradient_of_input, is_rounded, product


def fuse_lora(model: nn.Module) -> None:
    """Let every plain LoRA layer of a PEFT model compute itself as one product; other layers stay as they are."""
    for module in model.modules():
        if compat.is_plain_lora(module):
            vars(module)["forward"] = partial(_forward, module)


def _forward(layer: Any, x: Tensor) -> Tensor:
    """X of (…, in) to (…, out)."""
    base = layer.base_layer
    if compat.is_disabled(layer) or compat.is_merged(layer):
        out: Tensor = base(x)
        return out
    factors, scale = compat.lora_factors(layer), compat.lora_scale(layer)
    result: Tensor = _FusedLoraFunction.apply(x, base.weight, base.bias, *factors, scale)
    return result


class _FusedLoraFunction(torch.autograd.Function):
    """x·Wᵀ + s·(x·Aᵀ)·Bᵀ; x is saved for the backward pass only where A is trained."""

    @staticmethod
    def forward(context: Any, x: Tensor, W: Tensor, bias: Tensor | None, A: Tensor, B: Tensor, scale: float) -> Tensor:
        flat = x.flatten(0, -2)
        low = (A @ flat.T).T  # the thin operand first: up to three times faster on a CPU, here and below
        context.rounded = is_rounded(W)
        out = product(flat, W, context.rounded).addmm_(low, B.T, alpha=scale)
        context.save_for_backward(flat if A.requires_grad else None, W, A, B, low)
        context.scale = scale
        return (out if bias is None else out.add_(bias)).unflatten(0, x.shape[:-1])

    @staticmethod
    def backward(context: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
        x, W, A, B, low = context.saved_tensors
        needed = context.needs_input_grad
        gradient = outer[0].flatten(0, -2)
        low_gradient = (B.T @ gradient.T).T.mul_(context.scale)
        into_x = None
        if needed[0]:
            into_x = gradient_of_input(gradient, W, context.rounded).addmm_(low_gradient, A)
            into_x = into_x.unflatten(0, outer[0].shape[:-1])
        into_A = low_gradient.T @ x if needed[3] else None
        into_B = (low.T @ gradient).T.mul_(context.scale) if needed[4] else None
        return into_x, None, None, into_A, into_B, None
