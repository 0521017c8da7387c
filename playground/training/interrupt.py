"""Giving up a model's pass in its middle; knows no training loop and no reason to stop."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn


class Interrupted(Exception):
    """A pass was given up because a stop was asked for."""


@contextmanager
def interruptible(model: nn.Module, should_stop: Callable[[], bool]) -> Iterator[None]:
    """Within, a forward or backward pass raises Interrupted at the next numbered block once `should_stop()` is true."""

    def check(*_: Any) -> None:
        if should_stop():
            raise Interrupted

    def check_both_ways(_module: nn.Module, _inputs: Any, output: Any) -> None:
        check()
        hidden = output[0] if isinstance(output, tuple) else output
        if isinstance(hidden, Tensor) and hidden.requires_grad:
            hidden.register_hook(check)

    blocks = [module for name, module in model.named_modules() if name.rpartition(".")[2].isdigit()]
    handles = [block.register_forward_hook(check_both_ways) for block in blocks]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
