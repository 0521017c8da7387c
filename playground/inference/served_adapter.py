"""A trained adapter as the engine serves it, and how it is loaded from a run's folder."""

from dataclasses import dataclass
from pathlib import Path

from torch import nn
from transformers import PreTrainedModel

import adapters
from adapters.base import PlainLora
from adapters.lora_weights import saved_scale
from playground.errors import UserError
from playground.models.chat_model import ChatModel
from playground.models.weights import weights_digest
from playground.storage.run_folder import read_record

DEFAULT_METHOD = "lora"


@dataclass(frozen=True)
class ServedAdapter:
    """What a run saved, in the base's number type and on its device: a LoRA beside the base, or a model of its own.

    `hash` identifies its weights file; `scale` multiplies the product of its matrices and is already folded in.
    A model of its own that answers with weights of 16 `bits` has a copy for that.
    """

    name: str
    hash: str
    method: str
    lora: PlainLora | None
    model: PreTrainedModel | None = None
    scale: float = 1.0
    bits: int = 32

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        own = sum(int(each.nbytes) for each in self.model.parameters()) if self.model else 0
        own += own * self.bits // 32 if self.bits < 32 else 0
        return own + (self.lora.nbytes if self.lora else 0)


def load_adapter(folder: Path, chat: ChatModel) -> ServedAdapter:
    """The adapter that training saved in a folder; without a run.json it is read as a LoRA.

    Raises:
        UserError: no weights in the folder, or weights of another base model.
        MethodError: the method cannot read them.
    """
    run = read_record(folder)
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
    served = method.serving_form(chat.model, folder)
    digest = weights_digest(folder)[:16]
    if not isinstance(served, PlainLora):
        return ServedAdapter(method.label, digest, method.id, None, served, bits=chat.bits)
    _refuse_misfits(served, chat)
    return ServedAdapter(method.label, digest, method.id, _move_to(chat.model, served), scale=saved_scale(folder))


def weights_modified_ns(folder: Path) -> int:
    """When the weights in an adapter's folder were last written, in nanoseconds; 0 where there are none."""
    return max((each.stat().st_mtime_ns for each in folder.glob("*.safetensors")), default=0)


def _move_to(model: PreTrainedModel, plain: PlainLora) -> PlainLora:
    """The adapter on the model's device and in its number type; tensors that layers share stay shared."""
    tensors = {id(each): each for pair in plain.layers.values() for each in pair}
    moved = {key: each.to(model.device, model.dtype) for key, each in tensors.items()}
    scales = {name: each.to(model.device, model.dtype) for name, each in plain.scales.items()}
    return PlainLora({name: (moved[id(A)], moved[id(B)]) for name, (A, B) in plain.layers.items()}, scales)


def _refuse_misfits(plain: PlainLora, chat: ChatModel) -> None:
    """Raise a UserError that names the first layer that the base lacks or has in another shape."""
    modules = dict(chat.model.named_modules())
    for name, (A, B) in plain.layers.items():
        layer = modules.get(name)
        shape = (layer.out_features, layer.in_features) if isinstance(layer, nn.Linear) else None
        if shape != (B.shape[0], A.shape[1]):
            raise UserError(
                f"This adapter does not fit {chat.name}: it changes {name} of shape {(B.shape[0], A.shape[1])}, "
                f"the model has {shape or 'no such layer'}. Choose an adapter trained on this model."
            )
