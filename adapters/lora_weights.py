"""Adapter folders in PEFT's format, and the plain LoRA as which any low-rank adapter is served. Knows no training."""

import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftConfig
from peft.utils import CONFIG_NAME, SAFETENSORS_WEIGHTS_NAME
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from adapters import compat
from adapters.errors import MethodError

PREFIX = "base_model.model."  # what PEFT puts before a module's name in the bare base model


@dataclass(frozen=True)
class PlainLora:
    """W + B·A for every adapted layer: A is (rank, in), B is (out, rank) with every scale already folded in.

    Keys are module names in the bare base model, such as "model.layers.0.self_attn.q_proj". Ranks may differ.
    Where a layer has `scales`, (out,), each row of W + B·A is multiplied by its own; a LoRA file cannot express that.
    """

    layers: Mapping[str, tuple[Tensor, Tensor]]
    scales: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """Bytes in memory; a tensor that layers share counts once."""
        pairs = [tensor for pair in self.layers.values() for tensor in pair]
        tensors = {tensor.data_ptr(): tensor for tensor in [*pairs, *self.scales.values()]}
        return sum(tensor.nbytes for tensor in tensors.values())

    def merge_into(self, model: nn.Module) -> None:
        """Add the change to the model's own weights, in their number type."""
        with torch.no_grad():
            for name, (A, B) in self.layers.items():
                weight = model.get_parameter(f"{name}.weight")
                weight.add_(B @ A)
                if name in self.scales:
                    weight.mul_(self.scales[name][:, None])

    def save(self, folder: Path, base_name: str) -> None:
        """Write a standard PEFT LoRA folder whose alpha equals the rank in every layer, so that its scale is 1."""
        if self.scales:
            raise ValueError("No LoRA file can hold scales per row.")
        ranks = {name: A.shape[0] for name, (A, _) in self.layers.items()}
        usual = Counter(ranks.values()).most_common(1)[0][0]
        others = {name: rank for name, rank in ranks.items() if rank != usual}
        config = LoraConfig(
            r=usual,
            lora_alpha=usual,
            rank_pattern=others,
            alpha_pattern=dict(others),
            target_modules=list(ranks),
            base_model_name_or_path=base_name,
            task_type="CAUSAL_LM",
        )
        tensors: dict[str, Tensor] = {}
        for name, pair in self.layers.items():
            tensors.update(zip(_keys(name), pair, strict=True))
        write_adapter(folder, config, tensors)

    @classmethod
    def load(cls, folder: Path) -> "PlainLora":
        """A LoRA folder, ours or PEFT's, with alpha/rank (or alpha/√rank) folded into B.

        Raises:
            MethodError: the folder is missing or damaged, or holds something other than a plain LoRA.
        """
        config, tensors, _ = read_adapter(folder)
        names = _layer_names(tensors)
        _refuse_other_kinds(folder, config, set(tensors) ^ {key for name in names for key in _keys(name)})
        return cls.from_tensors(config, tensors)

    @classmethod
    def from_tensors(cls, config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> "PlainLora":
        """The content of a LoRA folder, with alpha/rank (or alpha/√rank) folded into B."""
        layers = {}
        for name in _layer_names(tensors):
            A, B = (tensors[key] for key in _keys(name))
            layers[name] = (A, B * _scale(config, name, A.shape[0]))
        return cls(layers)


def write_adapter(
    folder: Path, config: PeftConfig, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None
) -> None:
    """Write adapter_config.json and adapter_model.safetensors; equal contents give equal bytes.

    Not PEFT's own save_pretrained: that asks the Hub about the base model and writes a model card.
    """
    folder.mkdir(parents=True, exist_ok=True)
    values = {key: sorted(value) if isinstance(value, set) else value for key, value in config.to_dict().items()}
    values["inference_mode"] = True
    (folder / CONFIG_NAME).write_text(json.dumps(values, indent=2, sort_keys=True), encoding="utf-8")
    # Copies, because safetensors refuses tensors that share memory.
    copies = {key: tensor.detach().clone(memory_format=torch.contiguous_format) for key, tensor in tensors.items()}
    save_file(copies, folder / SAFETENSORS_WEIGHTS_NAME, metadata=dict(metadata or {"format": "pt"}))


def read_adapter(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor], dict[str, str]]:
    """The config, tensors (on the CPU, in at least 32 bits) and metadata of an adapter folder.

    Raises:
        MethodError: a file is missing or damaged.
    """
    try:
        config = json.loads((folder / CONFIG_NAME).read_text(encoding="utf-8"))
        with safe_open(folder / SAFETENSORS_WEIGHTS_NAME, framework="pt") as file:
            tensors = {key: _in_32_bits(file.get_tensor(key)) for key in file.keys()}  # noqa: SIM118 - not a dictionary
            return config, tensors, file.metadata() or {}
    except (OSError, ValueError, SafetensorError) as error:
        raise MethodError(
            f"The adapter in {folder.name!r} cannot be read: {CONFIG_NAME} or {SAFETENSORS_WEIGHTS_NAME} is missing or "
            "damaged. Train it again, or restore the folder."
        ) from error


def _in_32_bits(tensor: Tensor) -> Tensor:
    """As PEFT reads it: in 16 bits a scale would round it once more."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def saved_scale(folder: Path) -> float:
    """The scale of a folder's B·A in most layers, alpha / rank or alpha / √rank; 1 without an alpha.

    Raises:
        MethodError: the folder's config is missing or damaged.
    """
    try:
        config = json.loads((folder / CONFIG_NAME).read_text(encoding="utf-8"))
        rank = config.get("init_r", config["r"])  # AdaLoRA divides by the ranks that it began with
        return float(_scale(config, "", rank)) if config.get("lora_alpha") else 1.0
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MethodError(
            f"The adapter in {folder.name!r} has no readable {CONFIG_NAME}. Restore the folder."
        ) from error


def _layer_names(tensors: Mapping[str, Tensor]) -> list[str]:
    return sorted({key.removeprefix(PREFIX).rpartition(".lora_")[0] for key in tensors})


def _keys(name: str) -> tuple[str, str]:
    """The keys of a layer's A and B in PEFT's file."""
    return f"{PREFIX}{name}.lora_A.weight", f"{PREFIX}{name}.lora_B.weight"


def _refuse_other_kinds(folder: Path, config: Mapping[str, Any], odd: set[str]) -> None:
    kind = "DORA" if config.get("use_dora") else config.get("peft_type")
    if kind != "LORA" or odd:
        extra = f" with {min(odd)} missing or out of place" if odd else ""
        raise MethodError(
            f"The adapter in {folder.name!r} is not a plain LoRA but {kind}{extra}; "
            "read it with the method that trained it."
        )


def _scale(config: Mapping[str, Any], name: str, rank: int) -> float:
    alpha = compat.pattern_value(config.get("alpha_pattern") or {}, name, config["lora_alpha"])
    return alpha / (math.sqrt(rank) if config.get("use_rslora") else rank)
