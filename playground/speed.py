"""How fast this machine trains a model: found in about a second on one block of its shape and its own head."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from transformers import PretrainedConfig, PreTrainedModel

from adapters.beside import inside
from adapters.cost import one_block, yardstick
from playground.device import Device
from playground.loss import head_loss
from playground.passes import losses

TOKENS = 256
REPEATS = 6
FLOW = 1.15  # a whole model's blocks come from memory, the one that is timed here from the cache
ASSUMED = 0.38  # share of a large product's speed that training reaches where nothing can be timed
FORWARD, BOTH = 2, 4  # floating-point operations a weight and token, the frozen weights' own gradients left out

_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class Speed:
    """Seconds a token: of a block's forward pass, of a LoRA's both ways through a block, of the head both ways."""

    forward: float
    both: float
    head: float


def speed_of(model: PreTrainedModel, device: Device) -> Speed:
    """This model's on this device; timed once on a CPU, told from the device's products elsewhere."""
    if device.name != "cpu":
        return assumed(model.config, device.gflops)
    with _one_at_a_time:
        return _timed(model)


def assumed(model: PretrainedConfig, gflops: float) -> Speed:
    """From operation counts alone."""
    block, head = _weights(model)
    second = gflops * 1e9 * ASSUMED
    return Speed(FORWARD * block / second, BOTH * block / second, BOTH * head / second)


@lru_cache(maxsize=4)
def _timed(model: PreTrainedModel) -> Speed:
    method, options = yardstick()
    small = inside(one_block(method, options, model.config))
    row = {"input_ids": [1, 2] * (TOKENS // 2), "labels": [1, 2] * (TOKENS // 2)}
    hidden = torch.randn(TOKENS, model.config.hidden_size, dtype=model.dtype).requires_grad_()
    head, targets = model.get_output_embeddings().weight.detach(), torch.zeros(TOKENS, dtype=torch.long)

    def forward() -> None:
        with torch.no_grad():
            list(losses(small, [row]))

    def both() -> None:
        next(iter(losses(small, [row]))).backward()

    def vocabulary() -> None:
        head_loss(hidden, head, targets).backward()

    return Speed(
        forward=FLOW * _fastest(forward, REPEATS),
        both=FLOW * _fastest(both, REPEATS),
        head=_fastest(vocabulary, REPEATS // 2),
    )


def _fastest(way: Callable[[], Any], repeats: int) -> float:
    """Seconds a token of the fastest of some passes, after one that is not counted."""
    way()
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        way()
        seconds.append(time.perf_counter() - began)
    return min(seconds) / TOKENS


def _weights(model: PretrainedConfig) -> tuple[int, int]:
    """Weights that every token meets in one block, and in the vocabulary head, of a Llama-like decoder."""
    hidden, head = model.hidden_size, model.hidden_size // model.num_attention_heads
    attention = 2 * hidden * hidden + 2 * hidden * head * model.num_key_value_heads
    return attention + 3 * hidden * model.intermediate_size, model.vocab_size * hidden
