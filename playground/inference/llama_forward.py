"""The forward pass of Llama-like decoders in few operations, over the model's own weights or a 16-bit copy of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import rms_norm
from transformers import PreTrainedModel

from playground.inference import compat
from playground.inference.compat import LlamaBlock
from playground.inference.fp16_weights import FP16, Fp16Weight, round_to_fp16
from playground.inference.lora_matmul import LoraSliceCache
from playground.inference.matmul import fast_linear
from playground.inference.ragged_batch import AdapterSpan, Forward, RaggedBatch


class OurForward(Forward):
    """The pass of Llama-like decoders in few operations: a step takes half as long as the model's own.

    RMSNorm, rotary positions (arXiv 2104.09864), grouped queries (arXiv 2305.13245), SwiGLU (arXiv 2002.05202).
    """

    def __init__(self, model: Any, half_precision: bool = False) -> None:
        super().__init__(model)
        self._half_precision = half_precision
        self._names = {id(module): name for name, module in model.named_modules()}
        parts = compat.llama_parts(model)
        self._layers = [self._layer(each) for each in parts.blocks]
        self._head = self._linear(parts.head)
        self._embed, self._rotary, self._norm = parts.embed, parts.rotary, parts.norm
        self._head_size, self._scale = parts.head_size, parts.attention_scale
        self._heads, self._key_value_heads = parts.heads, parts.key_value_heads

    @classmethod
    def fits(cls, model: PreTrainedModel) -> bool:
        """Whether the model is of a kind that this pass is written for."""
        return compat.is_llama_like(model)

    @property
    def weight_dtype(self) -> str:
        """The number type of the weights that it multiplies by."""
        return FP16 if self._half_precision else super().weight_dtype

    def rounded_weights(self) -> Mapping[str, Tensor]:
        """The weights that it multiplies by, by name, where they are not the model's own; rounded anew in each call."""
        if not self._half_precision:
            return {}
        linear = {name: each for name, each in self.model.named_modules() if isinstance(each, nn.Linear)}
        return {f"{name}.weight": round_to_fp16(each.weight) for name, each in linear.items()}

    def logits(self, batch: RaggedBatch) -> Tensor:
        """Logits at the output positions, (outputs, vocabulary)."""
        hidden = self._embed(batch.ids)
        angles = self._angles(hidden, batch.positions)
        for number, layer in enumerate(self._layers):
            attended = self._attention(number, layer, _rms_norm(layer.attention_norm, hidden), angles, batch)
            spans = batch.spans
            if number == len(self._layers) - 1:  # what follows concerns the output positions alone
                outputs = batch.output_positions
                hidden, attended, spans = hidden[outputs], attended[outputs], batch.output_spans
            hidden = hidden + layer.o(attended, spans)
            gate, up = layer.gate_up(_rms_norm(layer.mlp_norm, hidden), spans).chunk(2, dim=-1)
            hidden = hidden + layer.down(layer.activation(gate) * up, spans)
        return self._head(_rms_norm(self._norm, hidden), batch.output_spans)

    def _angles(self, hidden: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Cosines and sines for all heads, (tokens, heads, size); the values' heads are turned by no angle."""
        cos, sin = (each[0][:, None] for each in self._rotary(hidden[None], positions[None]))
        half = self._head_size // 2
        sin = torch.cat([-sin[..., :half], sin[..., half:]], dim=-1)
        still = cos.new_ones(len(cos), self._key_value_heads, self._head_size)
        cos, sin = (each.expand(-1, self._heads + self._key_value_heads, -1) for each in (cos, sin))
        return torch.cat([cos, still], dim=1), torch.cat([sin, torch.zeros_like(still)], dim=1)

    def _attention(
        self, number: int, layer: "_Layer", x: Tensor, angles: tuple[Tensor, Tensor], batch: RaggedBatch
    ) -> Tensor:
        """Each token's attention to its row, (tokens, heads · head size)."""
        cos, sin = angles
        heads = layer.qkv(x, batch.spans).view(len(x), -1, self._head_size)
        heads = torch.addcmul(heads * cos, heads.roll(self._head_size // 2, dims=-1), sin)
        queries, keys_values = heads[:, : self._heads], heads[:, self._heads :]
        return batch.attend(number, queries, keys_values, self._scale).flatten(1)

    def _layer(self, block: LlamaBlock) -> "_Layer":
        return _Layer(
            attention_norm=block.attention_norm,
            qkv=self._linear(block.q, block.k, block.v),
            o=self._linear(block.o),
            mlp_norm=block.mlp_norm,
            gate_up=self._linear(block.gate, block.up),
            activation=block.activation,
            down=self._linear(block.down),
        )

    def _linear(self, *modules: nn.Linear) -> "_JointLinear":
        return _JointLinear([self._names[id(each)] for each in modules], modules, self._half_precision)


@dataclass(frozen=True)
class _Layer:
    """One block's parts, in the order in which they compute."""

    attention_norm: Any
    qkv: "_JointLinear"
    o: "_JointLinear"
    mlp_norm: Any
    gate_up: "_JointLinear"
    activation: Callable[[Tensor], Tensor]
    down: "_JointLinear"


class _JointLinear:
    """Linear layers that read the same input, and the adapters of some of its tokens."""

    def __init__(self, names: Sequence[str], modules: Sequence[nn.Linear], half_precision: bool) -> None:
        if half_precision:
            self._multiply = Fp16Weight(torch.cat([each.weight.data for each in modules])).multiply
        else:
            self._weight = _join_weights(modules) if len(modules) > 1 else modules[0].weight
            self._multiply = lambda x: fast_linear(x, self._weight)
        self._modules = modules
        ends = list(accumulate(each.out_features for each in modules))
        self._columns = list(zip(names, [0, *ends[:-1]], ends, strict=True))
        self._slices = LoraSliceCache(self._columns)

    def __call__(self, x: Tensor, spans: Sequence[AdapterSpan]) -> Tensor:
        """Their outputs side by side, (tokens, sum of outputs), for x of (tokens, inputs)."""
        out = self._multiply(x)
        for adapter, start, end in spans:
            for each in self._slices.slices(adapter):
                each.apply(out[start:end], x[start:end])
        for module, (_, left, right) in zip(self._modules, self._columns, strict=True):
            if module.bias is not None:
                out[:, left:right] += module.bias
        return out


def _join_weights(modules: Sequence[nn.Linear]) -> Tensor:
    """The layers' weights as one tensor, of which theirs are views from now on: the same numbers, and no byte more."""
    whole = torch.cat([each.weight.data for each in modules])
    for each, part in zip(modules, whole.split([each.out_features for each in modules]), strict=True):
        each.weight.data = part
    return whole


def _rms_norm(norm: Any, x: Tensor) -> Tensor:
    return rms_norm(x, (x.shape[-1],), norm.weight, compat.norm_epsilon(norm))
