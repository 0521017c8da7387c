"""One resident, never modified base model that computes each row of a batch with an adapter of the row's own."""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

import adapters
from adapters.base import PlainLora
from adapters.lora_weights import saved_scale
from playground.errors import UserError
from playground.models.registry import ChatModel
from playground.models.wheels import weights_digest

DEFAULT_METHOD = "lora"
FEW = 6  # rows; from 8 on the usual product is the faster one


@dataclass(frozen=True)
class ServedAdapter:
    """What a run left, in the base's number type and on its device: a change beside the base, or a model of its own.

    `hash` names its weights file; `scale` is what the product of its matrices is multiplied by, already folded in.
    A model of its own that is answered from in fewer `bits` has a copy for that.
    """

    name: str
    hash: str
    method: str
    plain: PlainLora | None
    model: PreTrainedModel | None = None
    scale: float = 1.0
    bits: int = 32

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        own = sum(int(each.nbytes) for each in self.model.parameters()) if self.model else 0
        own += own * self.bits // 32 if self.bits < 32 else 0
        return own + (self.plain.nbytes if self.plain else 0)


@dataclass(frozen=True)
class _Group:
    """The rows (int64) of one adapter, and its A, B and row scales in one layer."""

    rows: Tensor
    A: Tensor
    B: Tensor
    scale: Tensor | None


def load_adapter(folder: Path, chat: ChatModel) -> ServedAdapter:
    """The adapter that training left in a folder; without a run.json it is taken for a LoRA.

    Raises:
        UserError: no weights in the folder, or weights of another base model.
        MethodError: the method cannot read them.
    """
    record = folder / "run.json"
    run = json.loads(record.read_text(encoding="utf-8")) if record.is_file() else {}
    base = run.get("base", {"name": chat.name, "hash": chat.hash})
    if base["hash"] != chat.hash:
        raise UserError(
            f"This adapter was trained on {base['name']} ({base['hash']}), but the model here is "
            f"{chat.name} ({chat.hash}). Train it again, or choose another."
        )
    method = adapters.get(run.get("method", DEFAULT_METHOD))
    weights = folder / method.weights_file
    if not weights.is_file():
        raise UserError(f"There is no adapter in {folder.name!r}: no {weights.name}. Train it, or choose another.")
    served = method.served(chat.model, folder)
    digest = weights_digest(folder)[:16]
    if not isinstance(served, PlainLora):
        return ServedAdapter(method.label, digest, method.id, None, served, bits=chat.bits)
    _refuse_misfits(served, chat)
    return ServedAdapter(method.label, digest, method.id, _beside(chat.model, served), scale=saved_scale(folder))


def weights_age(folder: Path) -> int:
    """When the weights in an adapter's folder were last written, in nanoseconds; 0 where there are none."""
    return max((each.stat().st_mtime_ns for each in folder.glob("*.safetensors")), default=0)


@contextmanager
def apply_adapters(model: PreTrainedModel, rows: Sequence[PlainLora | None], axis: int = 0) -> Iterator[None]:
    """Within, row i of a batch is computed with rows[i]: W·x + B·A·x, scaled; None stays the base's, bit for bit.

    With `axis` 1 the rows are the tokens of one sequence.

    Hooks add the products and are gone afterwards, whatever happens; no weight and no module is replaced.
    """
    layers: dict[str, list[_Group]] = defaultdict(list)
    for adapter in {id(each): each for each in rows if each is not None}.values():
        mine = torch.tensor([row for row, each in enumerate(rows) if each is adapter], device=model.device)
        for name, (A, B) in adapter.layers.items():
            layers[name].append(_Group(mine, A, B, adapter.scales.get(name)))
    with ExitStack() as hooks:
        for name, groups in layers.items():
            hook = model.get_submodule(name).register_forward_hook(partial(_add, groups, axis))
            hooks.callback(hook.remove)
        yield


@contextmanager
def few_rows(model: PreTrainedModel) -> Iterator[None]:
    """Within, float32 linear layers on a CPU compute (W·xᵀ)ᵀ: for 1 to 6 rows up to three times faster than x·Wᵀ."""
    layers = [each for each in model.modules() if type(each) is nn.Linear]
    layers = [each for each in layers if each.weight.device.type == "cpu" and each.weight.dtype == torch.float32]
    for layer in layers:
        vars(layer)["forward"] = partial(_weights_first, layer)
    try:
        yield
    finally:
        for layer in layers:
            del vars(layer)["forward"]


def _beside(model: PreTrainedModel, plain: PlainLora) -> PlainLora:
    """The adapter on the model's device in its number type; tensors that layers share stay shared."""
    tensors = {id(each): each for pair in plain.layers.values() for each in pair}
    moved = {key: each.to(model.device, model.dtype) for key, each in tensors.items()}
    scales = {name: each.to(model.device, model.dtype) for name, each in plain.scales.items()}
    return PlainLora({name: (moved[id(A)], moved[id(B)]) for name, (A, B) in plain.layers.items()}, scales)


def _add(groups: Sequence[_Group], axis: int, layer: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    for group in groups:
        change = inputs[0].index_select(axis, group.rows) @ group.A.T @ group.B.T
        if group.scale is not None:
            bias = 0 if layer.bias is None else layer.bias
            own = output.index_select(axis, group.rows) - bias
            change = (own + change) * group.scale - own
        output.index_add_(axis, group.rows, change)


def _weights_first(layer: nn.Linear, x: Tensor) -> Tensor:
    """The layer's output for x of (rows, 1, in)."""
    flat = x.reshape(-1, x.shape[-1])
    # A lone row would go to the matrix-vector routine, which reads the weights at half the speed.
    pair = flat if len(flat) > 1 else flat.repeat(2, 1)
    out = (layer.weight @ pair.T).T[: len(flat)].contiguous()
    out = out if layer.bias is None else out + layer.bias
    return out.reshape(*x.shape[:-1], -1)


def _refuse_misfits(plain: PlainLora, chat: ChatModel) -> None:
    """A UserError that names the first layer the base lacks or has in another shape."""
    modules = dict(chat.model.named_modules())
    for name, (A, B) in plain.layers.items():
        layer = modules.get(name)
        shape = (layer.out_features, layer.in_features) if isinstance(layer, nn.Linear) else None
        if shape != (B.shape[0], A.shape[1]):
            raise UserError(
                f"This adapter does not fit {chat.name}: it changes {name} of shape {(B.shape[0], A.shape[1])}, "
                f"the model has {shape or 'no such layer'}. Choose an adapter trained on this model."
            )
