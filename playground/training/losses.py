"""The training loss of a model: over packs where its architecture is supported, else example by example."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from adapters.frozen_products import is_rounded, rounded_products
from playground.data.packing import Pack, pack_examples
from playground.data.tokenize import NO_LOSS, Example
from playground.training import compat, fused_decoder
from playground.training.activation_cache import ActivationCache
from playground.training.linear_cross_entropy import head_loss


def summed_losses(
    model: Any, examples: Sequence[Example], activations: ActivationCache | None = None
) -> Iterator[Tensor]:
    """One loss per pack or example: cross-entropy in nats, summed over every token that carries loss.

    `model` is a causal language model of transformers. Where `activations` are given, the frozen blocks that they
    come from are not run. Take each loss, and its gradient, before the next.
    """
    if not fused_decoder.is_supported(model):
        yield from (_example_loss(model, each) for each in examples)
        return
    for members, pack in pack_examples(examples):
        if len(pack.targets):
            with fused_decoder.fused_forward(model), rounded_products():
                loss = _pack_loss(model, members, pack, activations)
            yield loss


def product_form(model: nn.Module) -> str:
    """The numbers that `summed_losses` multiplies frozen weights in: "bfloat16" where it rounds any, else "float32"."""
    if not fused_decoder.is_supported(model):
        return "float32"
    with rounded_products():
        return "bfloat16" if any(map(is_rounded, model.parameters())) else "float32"


def count_targets(examples: Sequence[Example]) -> int:
    """Tokens that carry loss in all examples together."""
    return sum(each.loss_tokens for each in examples)


def _pack_loss(model: Any, members: Sequence[Example], pack: Pack, activations: ActivationCache | None) -> Tensor:
    if activations is None:
        hidden = fused_decoder.run_blocks(model, fused_decoder.embed_tokens(model, pack), pack)
    else:
        hidden = fused_decoder.run_blocks(model, activations.fetch(members, pack), pack, activations.blocks)
    predicting = model.get_decoder().norm(hidden[pack.predicting.to(hidden.device)])
    return head_loss(predicting, model.get_output_embeddings().weight, pack.targets.to(hidden.device))


def _example_loss(model: Any, example: Example) -> Tensor:
    """Logits are computed only at positions that predict a token with loss: (positions, vocabulary)."""
    ids = torch.tensor([example.input_ids], device=model.device)
    targets = torch.tensor(example.labels[1:], device=model.device)
    positions = (targets != NO_LOSS).nonzero().squeeze(1)
    logits = compat.logits_at(model, ids, positions)
    return cross_entropy(logits.float(), targets[positions], reduction="sum")
