"""Short runs of a method on the tiny model, for the tests of methods."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

import adapters
from adapters.base import Method, Options
from adapters.options import build
from tests.fakes.tiny_model import tiny_llama

STEPS = 6


class Trained:
    """A method attached to the tiny model, and its optimizer; `seed` differs from every default."""

    def __init__(
        self, method: Method[Any], options: Options, base: PreTrainedModel | None = None, steps: int = STEPS
    ) -> None:
        self.method, self.options = method, options
        self.model = method.attach(base or tiny_llama(), options, seed=7, steps=steps)
        self.optimizer = method.optimizer(self.model, options)

    def step(self, first: int, last: int) -> "Trained":
        """Train from step `first` to step `last`, both included."""
        for number in range(first, last + 1):
            self.backward(number)
            self.optimizer.step()
            self.method.after_step(self.model, number)
            self.optimizer.zero_grad()
        return self

    def backward(self, number: int) -> None:
        """Gradients of one step, as the training loop takes them: loss from the logits, then the penalty."""
        loss(self.model, number).backward()
        if (penalty := self.method.penalty(self.model)) is not None:
            penalty.backward()

    def logits(self) -> Tensor:
        """What the adapted model says of the same tokens every time."""
        return logits(self.model)


def batch(number: int) -> Tensor:
    """Token ids, 2 × 12, the same for the same number."""
    return torch.randint(0, 259, (2, 12), generator=torch.Generator().manual_seed(number))


def loss(model: nn.Module, number: int) -> Tensor:
    """Mean next-token loss of one batch."""
    ids = batch(number)
    return cross_entropy(model(input_ids=ids).logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())


@torch.no_grad()
def logits(model: nn.Module) -> Tensor:
    """Logits of one fixed batch, (2, 12, 259)."""
    return model(input_ids=batch(99)).logits


def make(id_: str, **values: object) -> tuple[Method[Any], Any]:
    """A method and its options, with a learning rate that moves a tiny model in few steps."""
    method = adapters.get(id_)
    return method, build(method.Options, {"learning_rate": 0.02, **values})
