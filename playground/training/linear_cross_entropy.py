"""Fused vocabulary head and cross-entropy: the logits are never all in memory at once, and none are saved."""

from typing import Any

import torch
from torch import Tensor

from adapters.frozen_products import is_rounded

TOKENS = 256  # rows of logits at a time: fewer make slower matrix products, more take more memory
ENTRIES = 6_144  # of the vocabulary in one matrix product, for the same reason


def head_loss(hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    """Summed cross-entropy, in nats, of softmax(hidden · weightᵀ) against `targets`.

    `hidden` is (N, size), `weight` (vocabulary, size), `targets` (N), int64; scores and loss are float32, a frozen
    weight's products maybe bfloat16.

    The gradient is computed while the logits are in memory (as in Cut Cross-Entropy, arXiv 2411.09009, section 3,
    without its filtering), so the backward pass only scales it.
    """
    loss: Tensor = _HeadLoss.apply(hidden, weight, targets)
    return loss


class _HeadLoss(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
        needed = context.needs_input_grad
        gradient = torch.empty_like(hidden) if needed[0] else None
        weight_gradient = torch.zeros_like(weight) if needed[1] else None
        total = hidden.new_zeros((), dtype=torch.float32)
        factor = weight.bfloat16() if is_rounded(weight) else weight
        for start in range(0, len(hidden), TOKENS):
            rows, labels = hidden[start : start + TOKENS], targets[start : start + TOKENS]
            scores = linear_logits(rows.to(factor.dtype), factor)
            target_scores = scores.gather(1, labels[:, None]).squeeze(1)
            largest = scores.amax(dim=1)
            sums = scores.sub_(largest[:, None]).exp_().sum(dim=1)
            total += (sums.log() + largest - target_scores).sum()
            if gradient is not None:
                mean = (scores.to(factor.dtype) @ factor).to(hidden.dtype).div_(sums[:, None])
                torch.sub(mean, weight[labels], out=gradient[start : start + TOKENS])
            if weight_gradient is not None:
                weight_gradient.addmm_(scores.div_(sums[:, None]).to(rows.dtype).T, rows)
                weight_gradient.index_add_(0, labels, rows, alpha=-1)
        context.save_for_backward(*(each for each in (gradient, weight_gradient) if each is not None))
        return total

    @staticmethod
    def backward(context: Any, *outer: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        saved = list(context.saved_tensors)
        hidden = saved.pop(0) * outer[0] if context.needs_input_grad[0] else None
        weight = saved.pop(0) * outer[0] if context.needs_input_grad[1] else None
        return hidden, weight, None


def linear_logits(rows: Tensor, weight: Tensor) -> Tensor:
    """The scores of N rows, (N, vocabulary), computed for ENTRIES of the vocabulary at a time."""
    scores = rows.new_empty(len(rows), len(weight), dtype=torch.float32)
    for start in range(0, len(weight), ENTRIES):
        part = slice(start, start + ENTRIES)
        scores[:, part] = rows @ weight[part].T
    return scores
