"""The pass of Llama-like decoders in few operations, over the model's own weights or a copy of them in 16 bits."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import rms_norm
from transformers import LlamaForCausalLM, PreTrainedModel, Qwen2ForCausalLM

from playground.inference.fp16_weights import FP16, Fp16Weight, round_to_fp16
from playground.inference.lora_matmul import LoraSliceCache
from playground.inference.matmul import fast_linear
from playground.inference.ragged_batch import AdapterSpan, Forward, RaggedBatch

STEADY_ROPE = ("default", "linear", "llama3")  # angles that do not depend on how long the text is


class OurForward(Forward):
    """The pass of Llama-like decoders in few operations: there, a step is half as long as the model's own.

    RMSNorm, rotary positions (arXiv 2104.09864), grouped queries (arXiv 2305.13245), SwiGLU (arXiv 2002.05202).
    """

    def __init__(self, model: Any, narrow: bool = False) -> None:
        super().__init__(model)
        self._narrow = narrow
        self._decoder = model.model
        self._names = {id(module): name for name, module in model.named_modules()}
        self._layers = [self._layer(each) for each in model.model.layers]
        self._head = self._linear(model.lm_head)
        attention = model.model.layers[0].self_attn
        self._size, self._scale = attention.head_dim, attention.scaling
        self._asking, self._asked = model.config.num_attention_heads, model.config.num_key_value_heads

    @classmethod
    def fits(cls, model: PreTrainedModel) -> bool:
        """Whether the model is of a kind that this pass is written for."""
        config = model.config
        if type(model) is Qwen2ForCausalLM:
            known = not config.use_sliding_window
        else:
            known = type(model) is LlamaForCausalLM
        return known and config.rope_parameters["rope_type"] in STEADY_ROPE

    @property
    def weight_dtype(self) -> str:
        """The number type of the weights that it multiplies by."""
        return FP16 if self._narrow else super().weight_dtype

    def rounded_weights(self) -> Mapping[str, Tensor]:
        """The weights that it multiplies by, by their names, where they are not the model's own; made anew."""
        modules: dict[str, nn.Linear] = {
            name: each for name, each in self.model.named_modules() if isinstance(each, nn.Linear)
        }
        return {f"{name}.weight": round_to_fp16(each.weight) for name, each in modules.items()} if self._narrow else {}

    def logits(self, packed: RaggedBatch) -> Tensor:
        """Logits of the wanted tokens, (wanted, vocabulary)."""
        hidden = self._decoder.embed_tokens(packed.ids)
        angles = self._angles(hidden, packed.positions)
        for number, layer in enumerate(self._layers):
            last = number == len(self._layers) - 1
            seen = self._attended(number, layer, _normed(layer.before, hidden), angles, packed)
            spans = packed.spans
            if last:  # what comes now concerns the wanted tokens alone
                hidden, seen, spans = hidden[packed.wanted], seen[packed.wanted], packed.wanted_spans
            hidden = hidden + layer.out(seen, spans)
            gate, up = layer.widen(_normed(layer.between, hidden), spans).chunk(2, dim=-1)
            hidden = hidden + layer.narrow(layer.act(gate) * up, spans)
        return self._head(_normed(self._decoder.norm, hidden), packed.wanted_spans)

    def _angles(self, hidden: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Cosines and sines for all heads, (tokens, heads, size); the values' heads are turned by no angle."""
        cos, sin = (each[0][:, None] for each in self._decoder.rotary_emb(hidden[None], positions[None]))
        half = self._size // 2
        sin = torch.cat([-sin[..., :half], sin[..., half:]], dim=-1)
        still = cos.new_ones(len(cos), self._asked, self._size)
        cos, sin = (each.expand(-1, self._asking + self._asked, -1) for each in (cos, sin))
        return torch.cat([cos, still], dim=1), torch.cat([sin, torch.zeros_like(still)], dim=1)

    def _attended(
        self, number: int, layer: "_Layer", x: Tensor, angles: tuple[Tensor, Tensor], packed: RaggedBatch
    ) -> Tensor:
        """What each token gathers from its row, (tokens, heads · size)."""
        cos, sin = angles
        heads = layer.look(x, packed.spans).view(len(x), -1, self._size)
        heads = torch.addcmul(heads * cos, heads.roll(self._size // 2, dims=-1), sin)
        asking, asked = heads[:, : self._asking], heads[:, self._asking :]
        return packed.attend(number, asking, asked, self._scale).flatten(1)

    def _layer(self, block: Any) -> "_Layer":
        attention, mlp = block.self_attn, block.mlp
        return _Layer(
            before=block.input_layernorm,
            look=self._linear(attention.q_proj, attention.k_proj, attention.v_proj),
            out=self._linear(attention.o_proj),
            between=block.post_attention_layernorm,
            widen=self._linear(mlp.gate_proj, mlp.up_proj),
            act=mlp.act_fn,
            narrow=self._linear(mlp.down_proj),
        )

    def _linear(self, *modules: nn.Linear) -> "_Linear":
        return _Linear([self._names[id(each)] for each in modules], modules, self._narrow)


@dataclass(frozen=True)
class _Layer:
    """One block's parts, in the order in which they compute."""

    before: Any
    look: "_Linear"
    out: "_Linear"
    between: Any
    widen: "_Linear"
    act: Callable[[Tensor], Tensor]
    narrow: "_Linear"


class _Linear:
    """Linear layers that read the same input, and beside them the adapters of some of its tokens."""

    def __init__(self, names: Sequence[str], modules: Sequence[nn.Linear], narrow: bool) -> None:
        if narrow:
            self._product = Fp16Weight(torch.cat([each.weight.data for each in modules])).multiply
        else:
            self._weight = _joined(modules) if len(modules) > 1 else modules[0].weight
            self._product = lambda x: fast_linear(x, self._weight)
        self._modules = modules
        ends = list(accumulate(each.out_features for each in modules))
        self._places = list(zip(names, [0, *ends[:-1]], ends, strict=True))
        self._slices = LoraSliceCache(self._places)

    def __call__(self, x: Tensor, spans: Sequence[AdapterSpan]) -> Tensor:
        """Their outputs side by side, (tokens, sum of outputs), for x of (tokens, inputs)."""
        out = self._product(x)
        for adapter, start, end in spans:
            for change in self._slices.slices(adapter):
                change.apply(out[start:end], x[start:end])
        for module, (_, left, right) in zip(self._modules, self._places, strict=True):
            if module.bias is not None:
                out[:, left:right] += module.bias
        return out


def _joined(modules: Sequence[nn.Linear]) -> Tensor:
    """The layers' weights as one tensor, whose parts are theirs from now on: the same numbers, and no byte more."""
    whole = torch.cat([each.weight.data for each in modules])
    for each, part in zip(modules, whole.split([each.out_features for each in modules]), strict=True):
        each.weight.data = part
    return whole


def _normed(norm: Any, x: Tensor) -> Tensor:
    return rms_norm(x, (x.shape[-1],), norm.weight, norm.variance_epsilon)
