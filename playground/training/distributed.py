"""Data-parallel training: each process reads its share of a step, and gradients are summed over all.

Started by `accelerate launch` or `torchrun`, which pass each process its rank in the environment. A single process is
unaffected.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import nn

T = TypeVar("T")


@contextmanager
def process_group() -> Iterator[None]:
    """Within, this process belongs to the process group that its launcher started, if any."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield
        return
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield
    finally:
        dist.destroy_process_group()


def is_first() -> bool:
    """Whether this is the one process of the group that writes files and the log."""
    return not dist.is_initialized() or dist.get_rank() == 0


def shard(examples: Sequence[T]) -> Sequence[T]:
    """This process's share of a step's examples."""
    return examples[dist.get_rank() :: dist.get_world_size()] if dist.is_initialized() else examples


def sum_gradients(model: nn.Module, loss: float) -> float:
    """Sum the gradients of all processes in each of them; returns the sum of their losses."""
    if not dist.is_initialized():
        return loss
    for parameter in model.parameters():
        if parameter.requires_grad:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            dist.all_reduce(parameter.grad)
    total = torch.tensor(loss, dtype=torch.float64)
    dist.all_reduce(total)
    return float(total)
