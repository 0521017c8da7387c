"""Hooks that let one resident, never modified base model compute each row of a batch with that row's own adapter."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from adapters.base import PlainLora

FEW_ROWS = 6  # from 8 rows on, the usual product is the faster one


@dataclass(frozen=True)
class _AdapterGroup:
    """The rows (int64) of one adapter, and its A, B and scales per output in one layer."""

    rows: Tensor
    A: Tensor
    B: Tensor
    scale: Tensor | None


@contextmanager
def apply_adapters(model: PreTrainedModel, rows: Sequence[PlainLora | None], axis: int = 0) -> Iterator[None]:
    """Within, row i of a batch is computed with rows[i]: W·x + B·A·x, scaled; None gives the base's, bit for bit.

    With `axis` 1 the rows are the tokens of one sequence. Hooks add the products and are removed afterwards, even
    after an error; no weight and no module is replaced.
    """
    layers: dict[str, list[_AdapterGroup]] = defaultdict(list)
    for adapter in {id(each): each for each in rows if each is not None}.values():
        mine = torch.tensor([row for row, each in enumerate(rows) if each is adapter], device=model.device)
        for name, (A, B) in adapter.layers.items():
            layers[name].append(_AdapterGroup(mine, A, B, adapter.scales.get(name)))
    with ExitStack() as hooks:
        for name, groups in layers.items():
            hook = model.get_submodule(name).register_forward_hook(partial(_add_products, groups, axis))
            hooks.callback(hook.remove)
        yield


@contextmanager
def transposed_matmul(model: PreTrainedModel) -> Iterator[None]:
    """Within, float32 linear layers on a CPU compute (W·xᵀ)ᵀ: for 1 to 6 rows up to three times as fast as x·Wᵀ."""
    layers = [each for each in model.modules() if type(each) is nn.Linear]
    layers = [each for each in layers if each.weight.device.type == "cpu" and each.weight.dtype == torch.float32]
    for layer in layers:
        vars(layer)["forward"] = partial(_multiply_weights_first, layer)
    try:
        yield
    finally:
        for layer in layers:
            del vars(layer)["forward"]


def _add_products(
    groups: Sequence[_AdapterGroup], axis: int, layer: Any, inputs: tuple[Any, ...], output: Tensor
) -> None:
    for group in groups:
        change = inputs[0].index_select(axis, group.rows) @ group.A.T @ group.B.T
        if group.scale is not None:
            bias = 0 if layer.bias is None else layer.bias
            own = output.index_select(axis, group.rows) - bias
            change = (own + change) * group.scale - own
        output.index_add_(axis, group.rows, change)


def _multiply_weights_first(layer: nn.Linear, x: Tensor) -> Tensor:
    """The layer's output for x of (rows, 1, in)."""
    flat = x.reshape(-1, x.shape[-1])
    # A lone row would go to the matrix-vector routine, which reads the weights at half the speed.
    pair = flat if len(flat) > 1 else flat.repeat(2, 1)
    out = (layer.weight @ pair.T).T[: len(flat)].contiguous()
    out = out if layer.bias is None else out + layer.bias
    return out.reshape(*x.shape[:-1], -1)
