"""Small models of several architectures with strong weights, and adapters that fit them."""

from typing import Any

import torch
from torch import nn
from transformers import (
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedModel,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
    SmolLM3Config,
    SmolLM3ForCausalLM,
)

from adapters.base import PlainLora

SHAPE: dict[str, Any] = {
    "vocab_size": 259,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "pad_token_id": 2,
}
GEMMA: dict[str, Any] = {**SHAPE, "head_dim": 16, "query_pre_attn_scalar": 20}
TYPES = ["sliding_attention", "full_attention", "sliding_attention"]
KINDS = {
    "llama": lambda: LlamaForCausalLM(LlamaConfig(**SHAPE)),
    "llama, biased": lambda: LlamaForCausalLM(LlamaConfig(**SHAPE, attention_bias=True, mlp_bias=True)),
    "qwen2": lambda: Qwen2ForCausalLM(Qwen2Config(**SHAPE)),
    "qwen2, sliding": lambda: Qwen2ForCausalLM(
        Qwen2Config(**SHAPE, use_sliding_window=True, sliding_window=7, max_window_layers=0)
    ),
    "qwen3": lambda: Qwen3ForCausalLM(Qwen3Config(**SHAPE, head_dim=16)),
    "gemma3": lambda: Gemma3ForCausalLM(Gemma3TextConfig(**GEMMA, layer_types=TYPES[:2], sliding_window=7)),
    "gemma3, wide": lambda: Gemma3ForCausalLM(Gemma3TextConfig(**GEMMA, layer_types=TYPES[:2], sliding_window=64)),
    "gemma3, capped": lambda: Gemma3ForCausalLM(Gemma3TextConfig(**GEMMA, final_logit_softcapping=30.0)),
    "smollm3": lambda: SmolLM3ForCausalLM(SmolLM3Config(**SHAPE, no_rope_layers=[1, 0])),
    "mistral, sliding": lambda: MistralForCausalLM(MistralConfig(**SHAPE, sliding_window=7)),
    "gpt2": lambda: GPT2LMHeadModel(GPT2Config(vocab_size=259, n_embd=32, n_layer=2, n_head=4)),
}
OURS = {
    "llama",
    "llama, biased",
    "qwen2",
    "qwen2, sliding",
    "qwen3",
    "gemma3",
    "gemma3, wide",
    "smollm3",
}
TOKENS = [(11 * place) % 250 + 5 for place in range(40)]


def strong(kind: str) -> PreTrainedModel:
    """A model of this kind whose weights, biases too, are far from zero."""
    torch.manual_seed(1)
    model = KINDS[kind]().eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(0, 0.3)
    return model


def fit(model: PreTrainedModel, seed: int, rank: int = 4, part: str = "", scaled: bool = False) -> PlainLora:
    """An adapter of the layers whose names hold `part`."""
    random = torch.Generator().manual_seed(seed)
    layers = {
        name: (
            torch.randn(rank, layer.in_features, generator=random) / 8,
            torch.randn(layer.out_features, rank, generator=random) / 8,
        )
        for name, layer in model.named_modules()
        if isinstance(layer, nn.Linear) and name != "lm_head" and part in name
    }
    scales = {name: 0.5 + torch.rand(len(B), generator=random) for name, (_, B) in layers.items()} if scaled else {}
    return PlainLora(layers, scales)
