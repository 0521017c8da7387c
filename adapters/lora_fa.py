"""LoRA-FA: LoRA with A frozen, so that a layer's input is not saved for the backward pass."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from peft import PeftModel
from torch import Tensor, nn
from transformers import PreTrainedModel

from adapters import compat
from adapters.base import Paper, Part
from adapters.lora import LoraFamily
from adapters.options import knob, override_knob
from adapters.peft_method import AdapterOptions


@dataclass(frozen=True)
class LoraFAOptions(AdapterOptions):
    """LoRA-FA's knobs."""

    dropout: float = override_knob(
        AdapterOptions,
        "dropout",
        high=0,
        help="Not used: each layer would keep a mask as large as its input, which LoRA-FA exists to avoid keeping.",
    )
    learning_rate: float = override_knob(AdapterOptions, "learning_rate", default=5e-3)
    correction: bool = knob(
        False,
        label="Gradient correction",
        help="Rescale B's gradient so that a step comes closest to full fine-tuning; matters only at high ranks.",
    )


class LoraFA(LoraFamily[LoraFAOptions]):
    """LoRA-FA (2308.03303): A keeps its random initial values. Version 2 of the paper adds the correction."""

    label = "LoRA-FA"
    summary = "LoRA that trains only the second matrix, so training needs less memory."
    good_for = "Long windows or little memory: a layer's input need not be kept for the backward pass."
    rule = "h = W·x + (α/r)·B·A·x, training B only"
    paper = Paper("LoRA-FA: Memory-efficient Low-rank Adaptation for Large Language Models Fine-tuning", "2308.03303")
    Options = LoraFAOptions
    core = True

    def attach(self, base: PreTrainedModel, options: LoraFAOptions, seed: int, steps: int) -> PeftModel:
        """See Method.attach."""
        model = super().attach(base, options, seed, steps)
        compat.freeze_lora_A(model)
        return model

    def parts(self, inputs: int, outputs: int, options: LoraFAOptions) -> tuple[Part, ...]:
        """LoRA's parts, A frozen."""
        weight, A, B = super().parts(inputs, outputs, options)
        return weight, replace(A, role="frozen"), B

    def optimizer(self, model: nn.Module, options: LoraFAOptions) -> torch.optim.Optimizer:
        """AdamW on B.

        Not peft.optimizers.create_lorafa_optimizer: in peft 0.21.2 it corrects in bfloat16 and fails when a layer
        got no gradient.
        """
        optimizer = super().optimizer(model, options)
        if options.correction:
            pairs = [_correction(layer) for layer in compat.lora_layers(model).values()]
            optimizer.register_step_pre_hook(lambda *_: _correct(pairs))
        return optimizer


def _correction(layer: Any) -> tuple[Tensor, Tensor]:
    """B and the matrix (A·Aᵀ)⁺/s² (rank, rank), in the adapter's float32, that corrects B's gradient."""
    A, B = compat.lora_factors(layer)
    return B, torch.linalg.pinv(A.detach() @ A.detach().T, hermitian=True) / compat.lora_scale(layer) ** 2


def _correct(pairs: list[tuple[Tensor, Tensor]]) -> None:
    """The gradient of B whose step s·B·A is nearest to full fine-tuning's: g·(A·Aᵀ)⁻¹/s² (2308.03303v2)."""
    for B, matrix in pairs:
        if B.grad is not None:
            B.grad.copy_(B.grad @ matrix)


METHOD = LoraFA()
