"""Several processes that train one adapter: each reads its share of a step, and gradients are summed over all.

Started by `accelerate launch` or `torchrun`, which tell each process its place in the environment. A lone process
passes through unchanged.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import torch
import torch.distributed as group
from torch import nn

T = TypeVar("T")


@contextmanager
def process_group() -> Iterator[None]:
    """Within, this process belongs to the group that its launcher started, if any."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield
        return
    group.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield
    finally:
        group.destroy_process_group()


def is_first() -> bool:
    """Whether this process writes files and talks; one of the group does."""
    return not group.is_initialized() or group.get_rank() == 0


def shard(examples: Sequence[T]) -> Sequence[T]:
    """What this process reads of a step's examples."""
    return examples[group.get_rank() :: group.get_world_size()] if group.is_initialized() else examples


def sum_gradients(model: nn.Module, loss: float) -> float:
    """Add up the gradients of all processes in each of them; returns the sum of their losses."""
    if not group.is_initialized():
        return loss
    for parameter in model.parameters():
        if parameter.requires_grad:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            group.all_reduce(parameter.grad)
    total = torch.tensor(loss, dtype=torch.float64)
    group.all_reduce(total)
    return float(total)
