"""A tiny chat model with something to say, and adapters for it, for the tests of answers."""

from collections.abc import Sequence

import torch
from torch import nn
from transformers import LlamaForCausalLM

from adapters.base import PlainLora
from playground.inference.compat import count_hooks
from playground.inference.engine import Decoding, Prompt, generate
from playground.models.chat_model import ChatModel
from tests.fakes.tiny_model import tiny_llama, tiny_tokenizer


def lively(seed: int = 0) -> LlamaForCausalLM:
    """The tiny model with stronger layers: as made, it would say its last token for ever."""
    model = tiny_llama(seed)
    with torch.no_grad():
        for layer in _layers(model).values():
            layer.weight.mul_(20)
    return model


def small_chat(window: int = 2048, seed: int = 0, name: str = "tiny") -> ChatModel:
    """A fresh chat model; the same weights every time, others for another `seed` below 10."""
    own = str(seed) * 16
    return ChatModel(lively(seed), tiny_tokenizer(), hash=own, name=name, device=torch.device("cpu"), window=window)


def tiny_chat() -> ChatModel:
    """A fresh chat model with the tiny weights as they were made, for training."""
    return ChatModel(
        tiny_llama(), tiny_tokenizer(), hash="0" * 16, name="tiny", device=torch.device("cpu"), window=2048
    )


def lora(seed: int, rank: int = 4, part: str = "") -> PlainLora:
    """An adapter of the layers whose names hold `part`, strong enough to change what the tiny model says."""
    random = torch.Generator().manual_seed(seed)
    return PlainLora(
        {
            name: (
                torch.randn(rank, layer.in_features, generator=random) / 4,
                torch.randn(layer.out_features, rank, generator=random) / 4,
            )
            for name, layer in _layers(tiny_llama()).items()
            if part in name
        }
    )


def untouched(chat: ChatModel) -> bool:
    """Whether the model is as it was made: weights bit for bit, no hook, no replaced method."""
    clean = lively().state_dict()
    weights = chat.model.state_dict().items()
    return all(torch.equal(weight, clean[name]) for name, weight in weights) and count_hooks(chat.model) == 0


def generate_rows(chat: ChatModel, prompts: Sequence[Prompt], decoding: Decoding) -> list[list[int]]:
    """The token ids that each prompt's row generates, all in one request."""
    rows: list[list[int]] = [[] for _ in prompts]
    for token in generate(chat, prompts, decoding):
        rows[token.row].append(token.id)
    return rows


def _layers(model: LlamaForCausalLM) -> dict[str, nn.Linear]:
    named = model.named_modules()
    return {name: each for name, each in named if isinstance(each, nn.Linear) and name != "lm_head"}
