"""Delta-LoRA: LoRA that also adds each step's change of B·A to the layer's own weight.

The weight itself is never written. Its updates telescope, ΔW = λ·s·(B·A − B₀·A₀) with A₀, B₀ the factors at the start
step, so the forward pass adds that term and the finished adapter is a LoRA of rank 2r.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedModel

from adapters import compat
from adapters.base import Paper, Part, Rival
from adapters.lora import LoraFamily
from adapters.lora_weights import PREFIX, PlainLora
from adapters.options import knob, override_knob
from adapters.peft_method import AdapterOptions


@dataclass(frozen=True)
class DeltaLoraOptions(AdapterOptions):
    """Delta-LoRA's knobs; the paper uses ratio 2 and starts at step 500."""

    dropout: float = override_knob(
        AdapterOptions,
        "dropout",
        high=0,
        help="Delta-LoRA uses no dropout, because B·A and the update of the weight would no longer agree.",
    )
    learning_rate: float = override_knob(AdapterOptions, "learning_rate", default=2e-3)
    ratio: float = knob(
        2.0,
        label="Update ratio λ",
        help="How strongly a change of B·A is carried over to the weight; the paper uses 2.",
        low=0,
        high=8,
    )
    start_step: int = knob(
        20,
        label="Start step",
        help="Plain LoRA for this many steps, at most half the run; then W moves too. The paper's 500 suits long runs.",
        low=0,
    )


class DeltaLora(LoraFamily[DeltaLoraOptions]):
    """Delta-LoRA (2309.02411, algorithm 1): W ← W + λ·(α/r)·(B'·A' − B·A) after every step past the start step."""

    label = "Delta-LoRA"
    summary = "LoRA that also moves the layer's own weight in each step, without extra memory for gradients."
    good_for = "Seeing how much of a method's gain comes from larger steps: compare it with its rival."
    rule = "h = W·x + (α/r)·B·A·x, and W ← W + λ·(α/r)·Δ(B·A) after each step"
    paper = Paper("Delta-LoRA: Fine-Tuning High-Rank Parameters with the Delta of Low-Rank Matrices", "2309.02411")
    Options = DeltaLoraOptions
    core = True
    caveat = (
        "Its total change has a rank of at most 2r. With Adam and start step 0, it is nearly LoRA with alpha times "
        "1 + λ: judge it against that LoRA."
    )

    def rival(self, options: DeltaLoraOptions) -> Rival:
        """LoRA whose product has the same weight as this method's after its start step."""
        alike = {"rank": options.rank, "targets": options.targets, "top_layers": options.top_layers}
        alpha = (1 + options.ratio) * options.alpha
        rates = {"learning_rate": options.learning_rate, "weight_decay": options.weight_decay}
        return Rival("lora", {**alike, **rates, "alpha": alpha}, f"LoRA, (1 + λ)·α = {alpha:g}")

    def parts(self, inputs: int, outputs: int, options: DeltaLoraOptions) -> tuple[Part, ...]:
        """LoRA's parts, and the factors of the start step, from which the change of W follows."""
        start = (
            Part("A₀", options.rank, inputs, "frozen"),
            Part("B₀", outputs, options.rank, "frozen"),
        )
        return *super().parts(inputs, outputs, options), *start

    def attach(self, base: PreTrainedModel, options: DeltaLoraOptions, seed: int, steps: int) -> PeftModel:
        """See Method.attach."""
        model = super().attach(base, options, seed, steps)
        start = min(options.start_step, steps // 2)
        for layer in compat.lora_layers(model).values():
            layer.add_module("telescope", Telescope(options.ratio, start))
            layer.register_forward_hook(_add_update)
        self.after_step(model, 0)  # with a start step of 0, the first step counts
        return model

    def after_step(self, model: nn.Module, step: int) -> None:
        """Store the factors as they are before the first step that counts."""
        for layer in compat.lora_layers(model).values():
            if step == layer.telescope.start_step:
                layer.telescope.begin(*compat.lora_factors(layer))

    def state(self, model: nn.Module) -> dict[str, Tensor]:
        """A and B, and after the start step A₀ and B₀."""
        starts = {name: buffer.cpu().clone() for name, buffer in model.named_buffers() if ".telescope." in name}
        return {**super().state(model), **starts}

    def load_state(self, model: nn.Module, state: Mapping[str, Tensor]) -> None:
        """See Method.load_state."""
        starts = {name: tensor for name, tensor in state.items() if ".telescope." in name}
        super().load_state(model, {name: tensor for name, tensor in state.items() if name not in starts})
        for name, layer in compat.lora_layers(model).items():
            if starts:
                A, B = compat.lora_factors(layer)
                telescope = f"{name}.telescope"
                layer.telescope.begin(starts[f"{telescope}.start_A"].to(A), starts[f"{telescope}.start_B"].to(B))

    def save(self, model: nn.Module, folder: Path) -> None:
        """Write the equal plain LoRA: rank 2r after the start step, r before."""
        layers = {name.removeprefix(PREFIX): _plain(layer) for name, layer in compat.lora_layers(model).items()}
        PlainLora(layers).save(folder, compat.peft_config(model).base_model_name_or_path or "")


class Telescope(nn.Module):
    """The factors at the start step of one layer, (rank, in) and (out, rank); None before it."""

    start_A: Tensor | None
    start_B: Tensor | None

    def __init__(self, ratio: float, start_step: int) -> None:
        super().__init__()
        self.ratio = ratio
        self.start_step = start_step
        self.register_buffer("start_A", None, persistent=False)
        self.register_buffer("start_B", None, persistent=False)

    def begin(self, A: Tensor, B: Tensor) -> None:
        """Take these factors as A₀ and B₀."""
        self.start_A, self.start_B = A.detach().clone(), B.detach().clone()


def _add_update(layer: Any, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor | None:
    """Forward hook: add ΔW·x. ΔW is not a parameter, so x gets a gradient through it, A and B get none."""
    start_A, start_B = layer.telescope.start_A, layer.telescope.start_B
    if start_A is None or start_B is None or compat.is_disabled(layer):
        return None
    A, B = (factor.detach() for factor in compat.lora_factors(layer))
    strength = layer.telescope.ratio * compat.lora_scale(layer)
    low = F.linear(inputs[0].to(A.dtype), torch.cat([A, start_A]))
    return output + F.linear(low, torch.cat([strength * B, -strength * start_B], dim=1)).to(output.dtype)


def _plain(layer: Any) -> tuple[Tensor, Tensor]:
    """s·B·A + λ·s·(B·A − B₀·A₀) as one product, rows and columns side by side."""
    A, B = (factor.detach() for factor in compat.lora_factors(layer))
    start_A, start_B = layer.telescope.start_A, layer.telescope.start_B
    scale, ratio = compat.lora_scale(layer), layer.telescope.ratio
    if start_A is None or start_B is None:
        return A, scale * B
    return torch.cat([A, start_A]), torch.cat([scale * (1 + ratio) * B, -scale * ratio * start_B], dim=1)


METHOD = DeltaLora()
