"""DoRA: LoRA for a weight's direction, and a trained vector for its rows' lengths."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig
from torch import Tensor
from transformers import PreTrainedModel

from adapters.base import Paper, Part
from adapters.errors import MethodError
from adapters.lora import LoraFamily
from adapters.lora_weights import PREFIX, PlainLora, read_adapter
from adapters.options import override_knob
from adapters.peft_method import AdapterOptions

MAGNITUDE = ".lora_magnitude_vector"


@dataclass(frozen=True)
class DoraOptions(AdapterOptions):
    """DoRA's knobs."""

    dropout: float = override_knob(
        AdapterOptions,
        "dropout",
        high=0,
        help="With dropout, PEFT multiplies by the layer's own weight twice per step.",
    )


class Dora(LoraFamily[DoraOptions]):
    """DoRA (2402.09353, eq. 5): W' = m ⊙ (W + s·B·A) / ‖W + s·B·A‖ by rows; the norm gets no gradient (section 4.3)."""

    label = "DoRA"
    summary = "LoRA that learns the length and the direction of each row of a layer's weight separately."
    good_for = "Low ranks, where its paper gains most, at the price of slower steps and more memory."
    rule = "h = m ⊙ (W + s·B·A)·x / ‖W + s·B·A‖, training A, B and m"
    paper = Paper("DoRA: Weight-Decomposed Low-Rank Adaptation", "2402.09353")
    Options = DoraOptions
    caveat = "Its change is not low-rank, so it cannot be written as a plain LoRA."

    def config(self, layers: list[str], options: DoraOptions, seed: int, steps: int) -> LoraConfig:
        """See Adapter.config."""
        config = super().config(layers, options, seed, steps)
        config.use_dora = True
        return config

    def parts(self, inputs: int, outputs: int, options: DoraOptions) -> tuple[Part, ...]:
        """LoRA's parts, and the magnitude m."""
        return *super().parts(inputs, outputs, options), Part("m", outputs, 1, "learns")

    def as_lora(self, folder: Path) -> PlainLora:
        """There is none. PEFT's convert_to_lora must not be used: in peft 0.21.2 it silently drops the magnitude."""
        raise MethodError(
            f"The adapter in {folder.name!r} is DoRA's, which no plain LoRA equals: take it in its own form or merged."
        )

    def serving_form(self, base: PreTrainedModel, folder: Path) -> PlainLora:
        """LoRA's product, and the scale of each row of W + s·B·A: m / ‖W + s·B·A‖."""
        config, tensors, _ = read_adapter(folder)
        if not config.get("use_dora"):
            raise MethodError(f"The adapter in {folder.name!r} is not DoRA's; read it with its own method.")
        magnitudes = {_layer(key): each for key, each in tensors.items() if key.endswith(MAGNITUDE)}
        low_rank = PlainLora.from_tensors(
            config, {key: each for key, each in tensors.items() if not key.endswith(MAGNITUDE)}
        )
        scales = {
            name: magnitudes[name] / _row_norms(base.get_submodule(name), A, B)
            for name, (A, B) in low_rank.layers.items()
        }
        return PlainLora(low_rank.layers, scales)


def _layer(key: str) -> str:
    return key.removeprefix(PREFIX).removesuffix(MAGNITUDE)


def _row_norms(layer: Any, A: Tensor, B: Tensor) -> Tensor:
    """‖W + B·A‖ of each row, (out,), in float32 on the CPU."""
    return torch.linalg.norm(layer.weight.detach().float().cpu() + B @ A, dim=1)


METHOD = Dora()
