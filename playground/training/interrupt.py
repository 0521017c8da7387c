"""Interrupts a model's forward or backward pass; knows no training loop and no reason to stop."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn


class Interrupted(Exception):
    """A pass was interrupted because a stop was requested."""


@contextmanager
def interruptible(model: nn.Module, should_stop: Callable[[], bool]) -> Iterator[None]:
    """Within, a forward or backward pass raises Interrupted at the next numbered block once `should_stop()` is true."""

    def raise_if_stopped(*_: Any) -> None:
        if should_stop():
            raise Interrupted

    def check_forward_and_backward(_module: nn.Module, _inputs: Any, output: Any) -> None:
        raise_if_stopped()
        hidden = output[0] if isinstance(output, tuple) else output
        if isinstance(hidden, Tensor) and hidden.requires_grad:
            hidden.register_hook(raise_if_stopped)

    blocks = [module for name, module in model.named_modules() if name.rpartition(".")[2].isdigit()]
    handles = [block.register_forward_hook(check_forward_and_backward) for block in blocks]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
