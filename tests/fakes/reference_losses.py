"""What the fast training pass is compared with: random examples, one by one through transformers and PEFT."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

import adapters
from adapters.options import build
from playground.data.tokenize import NO_LOSS, Example


def example(seed: int, length: int, prompt: int = 0, system: int = 0) -> Example:
    """Random ids after a common start of `system` tokens; the prompt carries no loss."""
    start = torch.randint(3, 259, (system,), generator=torch.Generator().manual_seed(99)).tolist()
    ids = start + torch.randint(3, 259, (length,), generator=torch.Generator().manual_seed(seed)).tolist()
    return Example(ids, [NO_LOSS] * (system + prompt) + ids[system + prompt :])


def reference_loss(model: nn.Module, examples: Sequence[Example]) -> Tensor:
    """The summed loss of each example alone, over all logits."""
    total = torch.zeros(())
    for each in examples:
        logits = model(input_ids=torch.tensor([each.input_ids])).logits[0, :-1]
        total = total + cross_entropy(logits, torch.tensor(each.labels[1:]), reduction="sum", ignore_index=NO_LOSS)
    return total


def attached(base: nn.Module, method: str, top_layers: int = 0) -> nn.Module:
    """A method on a base, its numbers moved away from where nothing has an effect."""
    own = adapters.get(method)
    model = own.attach(base, build(own.Options, {"top_layers": top_layers}), seed=1, steps=4)
    generator = torch.Generator().manual_seed(5)
    for each in model.parameters():
        if each.requires_grad:
            each.data.add_(torch.randn(each.shape, generator=generator), alpha=0.05)
    return model.train()


def take_gradients(model: nn.Module) -> Iterator[Tensor]:
    """The gradient of each trained parameter, zeros where it has none; afterwards the model has none."""
    for each in model.parameters():
        if each.requires_grad:
            yield torch.zeros_like(each) if each.grad is None else each.grad.clone()
            each.grad = None
