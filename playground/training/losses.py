"""The loss of a model on examples: over packs where its architecture is known, else example by example."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from playground.data.dataset import NO_LOSS
from playground.data.packing import Pack, Row, packs
from playground.training import fused_llama
from playground.training.activation_cache import LowerLayers
from playground.training.linear_cross_entropy import head_loss


def losses(model: Any, examples: Sequence[Row], lower: LowerLayers | None = None) -> Iterator[Tensor]:
    """Summed losses in nats, a pack or an example each, together over every token with loss.

    `model` is a causal language model of transformers; `lower` gives what its lowest blocks say, which are not run.
    Take each loss, and its gradient, before the next.
    """
    if not fused_llama.applies(model):
        yield from (_example_loss(model, each) for each in examples)
        return
    for members, packed in packs(examples):
        if len(packed.targets):
            with fused_llama.lean(model):
                loss = _pack_loss(model, members, packed, lower)
            yield loss


def count_targets(examples: Sequence[Row]) -> int:
    """Tokens with loss; the first of an example is predicted by nothing."""
    return sum(label != NO_LOSS for each in examples for label in each["labels"][1:])


def _pack_loss(model: Any, members: Sequence[Row], packed: Pack, lower: LowerLayers | None) -> Tensor:
    if lower is None:
        vectors = fused_llama.through(model, fused_llama.embed_tokens(model, packed), packed)
    else:
        vectors = fused_llama.through(model, lower.of(members, packed), packed, lower.blocks)
    chosen = model.get_decoder().norm(vectors[packed.read.to(vectors.device)])
    return head_loss(chosen, model.get_output_embeddings().weight, packed.targets.to(vectors.device))


def _example_loss(model: Any, example: Row) -> Tensor:
    """Logits are made only at positions that predict a token with loss: (positions, vocabulary)."""
    ids = torch.tensor([example["input_ids"]], device=model.device)
    targets = torch.tensor(example["labels"][1:], device=model.device)
    positions = (targets != NO_LOSS).nonzero().squeeze(1)
    logits = model(input_ids=ids, logits_to_keep=positions, use_cache=False).logits[0]
    return cross_entropy(logits.float(), targets[positions], reduction="sum")
