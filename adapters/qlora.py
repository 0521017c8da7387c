"""QLoRA: LoRA over a copy of the model whose linear layers are stored in four bits."""

import copy
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedModel

from adapters import compat
from adapters.base import Paper, Part, target_layers
from adapters.errors import MethodError
from adapters.lora import LoraFamily
from adapters.peft_method import AdapterOptions

BITS = 4 + 8 / 64 + 32 / (64 * 256)  # per weight: itself, its share of a block's 8-bit scale and of that scale's


@dataclass(frozen=True)
class QLoraOptions(AdapterOptions):
    """QLoRA's knobs are LoRA's."""


class QLora(LoraFamily[QLoraOptions]):
    """QLoRA (2305.14314, eq. 5): NF4 with double quantisation; LoRA on all linear layers."""

    label = "QLoRA"
    summary = "LoRA on a copy of the model that is quantised to 4 bits per weight, so that larger models fit in memory."
    good_for = "Models that do not fit otherwise; on one as small as this it saves little."
    rule = "h = NF4(W)·x + (α/r)·B·A·x, training A and B"
    paper = Paper("QLoRA: Efficient Finetuning of Quantized LLMs", "2305.14314")
    Options = QLoraOptions
    from_stored = True
    frozen_form = "nf4"
    caveat = "It trains on the rounded model but answers here with the exact one, which differs a little."

    def unavailable(self) -> str:
        """The four-bit kernels are in a package that not every machine has."""
        if compat.has_bitsandbytes():
            return ""
        return f"QLoRA needs the package {compat.KERNELS}, which is not installed here; LoRA trains the same adapter."

    def frozen_base(self, base: PreTrainedModel) -> PreTrainedModel:
        """A copy whose linear layers in the blocks are NF4; it shares all other tensors with the base.

        On a CPU these become float32, in the base too. Layers that are quantised are made float32 one at a time.
        """
        if reason := self.unavailable():
            raise MethodError(reason)
        compat.check_bitsandbytes()
        shared = {id(each): each for each in [*base.parameters(), *base.buffers()]}
        model = copy.deepcopy(base, shared)
        for name in target_layers(base):
            parent, _, own = name.rpartition(".")
            setattr(model.get_submodule(parent), own, NF4Linear(base.get_submodule(name)))
        return model.float() if base.device.type == "cpu" else model

    def parts(self, inputs: int, outputs: int, options: QLoraOptions) -> tuple[Part, ...]:
        """LoRA's parts, W in four bits."""
        weight, *learnt = super().parts(inputs, outputs, options)
        return replace(weight, bits=BITS), *learnt


class NF4Linear(nn.Linear):
    """A frozen linear layer whose weight is stored in NF4 with doubly quantised scales.

    Not bitsandbytes' own Linear4bit: in evaluation, on CPUs with AVX512_BF16, version 0.50.2 repacks the weight for
    good and multiplies in bfloat16, so that measuring the held-out loss would change the run.
    """

    def __init__(self, linear: Any) -> None:
        super().__init__(linear.in_features, linear.out_features, bias=False, device="meta")
        self.bias = linear.bias
        exact = linear.weight.detach()
        weight, self.quantisation = compat.quantize_nf4(exact.float() if exact.device.type == "cpu" else exact)
        self.weight = nn.Parameter(weight, requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """X of (…, in) to (…, out)."""
        product: Tensor = _NF4Function.apply(x, self.weight, self.quantisation)
        return product if self.bias is None else product + self.bias

    def dequantise(self) -> Tensor:
        """The weight as it is multiplied with, (out, in)."""
        return compat.dequantize_nf4(self.weight, self.quantisation)


class _NF4Function(torch.autograd.Function):
    """x·Wᵀ, for which only the four-bit W is saved until the backward pass."""

    @staticmethod
    def forward(context: Any, x: Tensor, weight: Tensor, quantisation: Any) -> Tensor:
        context.save_for_backward(weight)
        context.quantisation = quantisation
        return F.linear(x, compat.dequantize_nf4(weight, quantisation).to(x.dtype))

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        weight = compat.dequantize_nf4(context.saved_tensors[0], context.quantisation)
        return gradients[0] @ weight.to(gradients[0].dtype), None, None


METHOD = QLora()
