"""The forward pass of known decoders in few operations, over the model's own weights or a 16-bit copy of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import rms_norm
from transformers import PreTrainedModel

from playground.inference.fp16_weights import FP16, Fp16Weight, round_to_fp16
from playground.inference.lora_matmul import LoraSliceCache
from playground.inference.matmul import fast_linear
from playground.inference.ragged_batch import AdapterSpan, Forward, RaggedBatch
from playground.models.architectures import (
    UNTURNED,
    Block,
    LayerPlan,
    known_row,
    rotary_angles,
    row_of,
    take_apart,
)

HeadAngles = tuple[Tensor, Tensor]  # cosines and sines for all heads, (tokens, heads, size)


class OurForward(Forward):
    """The pass of the architectures in the table in few operations: a step takes half as long as the model's own.

    RMSNorm, rotary positions (arXiv 2104.09864), grouped queries (arXiv 2305.13245), gated feed-forward parts (arXiv
    2002.05202).
    """

    def __init__(self, model: Any, half_precision: bool = False) -> None:
        super().__init__(model)
        self._half_precision = half_precision
        self._names = {id(module): name for name, module in model.named_modules()}
        self._offset, self._epsilon = known_row(model).norm_offset, model.config.rms_norm_eps
        parts = take_apart(model)
        self._plans = [each.plan for each in parts.blocks]
        self._layers = [self._layer(each) for each in parts.blocks]
        self._head = self._linear(parts.head)
        self._embed, self._norm = parts.embed, self._rms_norm(parts.norm)
        self._head_size, self._scale = parts.head_size, parts.attention_scale
        self._heads, self._key_value_heads = parts.heads, parts.key_value_heads

    @classmethod
    def fits(cls, model: PreTrainedModel) -> bool:
        """Whether the model is of a kind that this pass is written for."""
        return row_of(model) is not None

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
            attended = self._attention(number, layer, layer.attention_norm(hidden), angles[layer.plan.rope], batch)
            spans = batch.spans
            if number == len(self._layers) - 1:  # what follows concerns the output positions alone
                outputs = batch.output_positions
                hidden, attended, spans = hidden[outputs], attended[outputs], batch.output_spans
            hidden = hidden + layer.attention_out_norm(layer.o(attended, spans))
            gate, up = layer.gate_up(layer.mlp_norm(hidden), spans).chunk(2, dim=-1)
            hidden = hidden + layer.mlp_out_norm(layer.down(layer.activation(gate) * up, spans))
        return self._head(self._norm(hidden), batch.output_spans)

    def _angles(self, hidden: Tensor, positions: Tensor) -> Mapping[str, HeadAngles | None]:
        """The angles of each kind of positions; None for layers without any."""
        kinds = rotary_angles(self.model, self._plans, hidden[None], positions)
        return {UNTURNED: None, **{kind: self._spread(*each) for kind, each in kinds.items()}}

    def _spread(self, cos: Tensor, sin: Tensor) -> HeadAngles:
        """Angles (1, tokens, size) for all heads, (tokens, heads, size); the values' heads are turned by no angle."""
        cos, sin = cos[0][:, None], sin[0][:, None]
        half = self._head_size // 2
        sin = torch.cat([-sin[..., :half], sin[..., half:]], dim=-1)
        still = cos.new_ones(len(cos), self._key_value_heads, self._head_size)
        cos, sin = (each.expand(-1, self._heads + self._key_value_heads, -1) for each in (cos, sin))
        return torch.cat([cos, still], dim=1), torch.cat([sin, torch.zeros_like(still)], dim=1)

    def _attention(
        self, number: int, layer: "_Layer", x: Tensor, angles: HeadAngles | None, batch: RaggedBatch
    ) -> Tensor:
        """Each token's attention to its row, (tokens, heads · head size)."""
        heads = layer.qkv(x, batch.spans).view(len(x), -1, self._head_size)
        if layer.head_norm is not None:
            turned = heads[:, : self._heads + self._key_value_heads]
            turned.copy_(rms_norm(turned, (self._head_size,), None, self._epsilon).mul_(layer.head_norm))
        if angles is not None:
            cos, sin = angles
            heads = torch.addcmul(heads * cos, heads.roll(self._head_size // 2, dims=-1), sin)
        queries, keys_values = heads[:, : self._heads], heads[:, self._heads :]
        return batch.attend(number, queries, keys_values, self._scale, layer.plan.window).flatten(1)

    def _layer(self, block: Block) -> "_Layer":
        return _Layer(
            plan=block.plan,
            attention_norm=self._rms_norm(block.attention_norm),
            qkv=self._linear(block.q, block.k, block.v),
            head_norm=self._head_norm(block),
            o=self._linear(block.o),
            attention_out_norm=self._rms_norm(block.attention_out_norm),
            mlp_norm=self._rms_norm(block.mlp_norm),
            gate_up=self._linear(block.gate, block.up),
            activation=block.activation,
            down=self._linear(block.down),
            mlp_out_norm=self._rms_norm(block.mlp_out_norm),
        )

    def _head_norm(self, block: Block) -> Tensor | None:
        """What the normed heads of queries and keys are multiplied by, (heads, size); None where they are not."""
        if block.q_norm is None:
            return None
        counts = (block.q.out_features, block.k.out_features)
        weights = zip((block.q_norm, block.k_norm), counts, strict=True)
        return torch.cat([(each.weight.data + self._offset).expand(n // len(each.weight), -1) for each, n in weights])

    def _rms_norm(self, norm: Any) -> "Callable[[Tensor], Tensor]":
        return _same if norm is None else _RmsNorm(norm.weight, self._offset, self._epsilon)

    def _linear(self, *modules: nn.Linear) -> "_JointLinear":
        return _JointLinear([self._names[id(each)] for each in modules], modules, self._half_precision)


@dataclass(frozen=True)
class _Layer:
    """One block's parts, in the order in which they compute."""

    plan: LayerPlan
    attention_norm: Callable[[Tensor], Tensor]
    qkv: "_JointLinear"
    head_norm: Tensor | None
    o: "_JointLinear"
    attention_out_norm: Callable[[Tensor], Tensor]
    mlp_norm: Callable[[Tensor], Tensor]
    gate_up: "_JointLinear"
    activation: Callable[[Tensor], Tensor]
    down: "_JointLinear"
    mlp_out_norm: Callable[[Tensor], Tensor]


class _RmsNorm:
    """RMSNorm (arXiv 1910.07467, eq. 4) with a weight, to which some architectures add 1."""

    def __init__(self, weight: Tensor, offset: float, epsilon: float) -> None:
        self._weight, self._epsilon = weight.data + offset if offset else weight, epsilon

    def __call__(self, x: Tensor) -> Tensor:
        return rms_norm(x, (x.shape[-1],), self._weight, self._epsilon)


class _JointLinear:
    """Linear layers that read the same input, and the adapters of some of its tokens."""

    def __init__(self, names: Sequence[str], modules: Sequence[nn.Linear], half_precision: bool) -> None:
        if half_precision:
            self._multiply = Fp16Weight(torch.cat([each.weight.data for each in modules])).multiply
        else:
            self._weight = _join_weights(modules) if len(modules) > 1 else modules[0].weight
            self._multiply = lambda x: fast_linear(x, self._weight)
        self._bias = _join_biases(modules)
        ends = list(accumulate(each.out_features for each in modules))
        self._columns = list(zip(names, [0, *ends[:-1]], ends, strict=True))
        self._slices = LoraSliceCache(self._columns)

    def __call__(self, x: Tensor, spans: Sequence[AdapterSpan]) -> Tensor:
        """Their outputs side by side, (tokens, sum of outputs), for x of (tokens, inputs)."""
        out = self._multiply(x)
        for adapter, start, end in spans:
            for each in self._slices.slices(adapter):
                each.apply(out[start:end], x[start:end])
        if self._bias is not None:
            out += self._bias
        return out


def _join_weights(modules: Sequence[nn.Linear]) -> Tensor:
    """The layers' weights as one tensor, of which theirs are views from now on: the same numbers, and no byte more."""
    whole = torch.cat([each.weight.data for each in modules])
    for each, part in zip(modules, whole.split([each.out_features for each in modules]), strict=True):
        each.weight.data = part
    return whole


def _join_biases(modules: Sequence[nn.Linear]) -> Tensor | None:
    """The layers' biases side by side, zeros for a layer without one; None where none has any."""
    if all(each.bias is None for each in modules):
        return None
    return torch.cat(
        [each.weight.new_zeros(len(each.weight)) if each.bias is None else each.bias.data for each in modules]
    )


def _same(x: Tensor) -> Tensor:
    return x
