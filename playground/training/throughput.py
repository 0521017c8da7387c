"""How fast this machine trains a model with a method: found in about a second on a few blocks and its own head."""

import json
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, PretrainedConfig, PreTrainedModel

import adapters
from adapters.base import Options
from adapters.cost import MethodFootprint, bare_blocks, few_blocks, measure_footprint, measure_slowdowns
from adapters.peft_method import unwrap
from playground.data.tokenize import Example
from playground.device import Device
from playground.training.linear_cross_entropy import head_loss
from playground.training.losses import summed_losses

SHORT, LONG = 96, 352  # tokens of the two passes that are timed
BLOCKS = 3  # so many that their weights come from memory, not from the cache
TIMES = 4  # that each is timed; the fastest counts, for the machine may be busy for a moment
FRESH = 600.0  # seconds that a timing of the machine is taken to hold
LASTING = 1.15  # what a run's steps take over the fastest moment: the median of six runs (docs/log.md)
ASSUMED = 0.38  # share of a large product's speed that training reaches where nothing can be timed
FORWARD, BOTH = 2, 4  # floating-point operations a weight and token, the frozen weights' own gradients left out

_one_at_a_time = threading.Lock()
# By model, weakly: a figure must not keep a model in memory.
_head_seconds: "weakref.WeakKeyDictionary[PreTrainedModel, dict[tuple[bool, int], float]]" = weakref.WeakKeyDictionary()


@dataclass(frozen=True)
class Pace:
    """Seconds that a block takes for each pass, and for each token of it."""

    once: float
    token: float

    def seconds(self, passes: float, tokens: float) -> float:
        """For so many passes of so many tokens together."""
        return self.once * passes + self.token * tokens


@dataclass(frozen=True)
class Speed:
    """A frozen block's forward pass, an adapted one's, its pass both ways; the head's seconds a token both ways."""

    frozen: Pace
    forward: Pace
    both: Pace
    head: float


SpeedEstimator = Callable[[str, Options], Speed]  # by method and options


def training_speed(model: PreTrainedModel, device: Device) -> SpeedEstimator:
    """This model's on this device; timed on a CPU, once a method and options; told from products elsewhere."""
    if device.name != "cpu":
        return assumed_speed(model.config, device.gflops)
    return partial(_timed, model)


def assumed_speed(model: PretrainedConfig, gflops: float) -> SpeedEstimator:
    """From operation counts and the method's measured cost."""
    block, head = _weights(model)
    second = gflops * 1e9 * ASSUMED

    def speed(method: str, options: Options) -> Speed:
        slower = slowdown_of(method, replace(options, top_layers=0), model)
        forward, both = FORWARD * block / second, BOTH * block / second
        return Speed(Pace(0, forward), Pace(0, slower * forward), Pace(0, slower * both), BOTH * head / second)

    return speed


def footprint_of(method: str, options: Options, model: PretrainedConfig) -> MethodFootprint:
    """Counted once per setting, so that a plan and its estimate agree."""
    return _footprint(method, options, model.to_json_string())


def slowdown_of(method: str, options: Options, model: PretrainedConfig) -> float:
    """A block's time over LoRA's; measured once per setting, in a child process whose start takes some seconds."""
    return _slowdown(method, options, model.to_json_string())


@lru_cache(maxsize=64)
def _footprint(method: str, options: Options, model: str) -> MethodFootprint:
    return measure_footprint(adapters.get(method), AutoConfig.for_model(**json.loads(model)), options)


@lru_cache(maxsize=64)
def _slowdown(method: str, options: Options, model: str) -> float:
    return measure_slowdowns([(method, options)], AutoConfig.for_model(**json.loads(model)))[0]


def _timed(model: PreTrainedModel, method: str, options: Options) -> Speed:
    with _one_at_a_time:
        every = replace(options, top_layers=0)  # how many are adapted changes nothing for one
        era = _era()
        shape = model.config.to_json_string()
        forward, both, learns = _adapted(method, every, shape, era)
        return Speed(_frozen(shape, era), forward, both, _head(model, learns and not options.top_layers, era))


def _era() -> int:
    """The stretch of time for which a timing holds: one taken while others computed shall not stay for ever."""
    return int(time.monotonic() // FRESH)


@lru_cache(maxsize=4)
def _frozen(config: str, _era: int) -> Pace:
    """A block without a method, forward."""
    return time_pace(partial(_forward, bare_blocks(AutoConfig.for_model(**json.loads(config)), BLOCKS)))


def _head(model: PreTrainedModel, learns: bool, era: int) -> float:
    """Seconds per token of the head both ways, whose own weights may learn; timed once per model and era."""
    known = _head_seconds.setdefault(model, {})
    if (learns, era) not in known:
        known[learns, era] = _time_head(model, learns)
    return known[learns, era]


def _time_head(model: PreTrainedModel, learns: bool) -> float:
    hidden = torch.randn(LONG, model.config.hidden_size, dtype=model.dtype).requires_grad_()
    weight, targets = model.get_output_embeddings().weight.detach(), torch.zeros(LONG, dtype=torch.long)
    weight = weight.clone().requires_grad_() if learns else weight
    return _fastest(lambda: head_loss(hidden, weight, targets).backward(), TIMES) / LONG


@lru_cache(maxsize=64)
def _adapted(method: str, options: Options, config: str, _era: int) -> tuple[Pace, Pace, bool]:
    """A block with the method on it, forward and both ways, and whether the head learns too.

    Once for each setting, so that a plan and its estimate agree.
    """
    shape = AutoConfig.for_model(**json.loads(config))
    small = unwrap(few_blocks(adapters.get(method), options, shape, BLOCKS))
    learns = small.get_output_embeddings().weight.requires_grad
    return time_pace(partial(_forward, small)), time_pace(partial(_forward_backward, small)), learns


def time_pace(run: Callable[[Example], None]) -> Pace:
    """From the fastest of some passes of two lengths, through all blocks."""
    short, long = (_fastest(partial(run, _probe(tokens)), TIMES) / BLOCKS for tokens in (SHORT, LONG))
    once = max(0.0, short - SHORT * (long - short) / (LONG - SHORT))
    return Pace(once, (long - once) / LONG)


def _probe(tokens: int) -> Example:
    return Example([1, 2] * (tokens // 2), [1, 2] * (tokens // 2))


def _forward(small: nn.Module, probe: Example) -> None:
    with torch.no_grad():
        list(summed_losses(small, [probe]))


def _forward_backward(small: nn.Module, probe: Example) -> None:
    next(iter(summed_losses(small, [probe]))).backward()


def _fastest(way: Callable[[], Any], times: int) -> float:
    """Seconds that a pass takes in the long run: from the fastest of some, after one that is not counted."""
    way()
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        way()
        seconds.append(time.perf_counter() - began)
    return LASTING * min(seconds)


def _weights(model: PretrainedConfig) -> tuple[int, int]:
    """Weights that every token meets in one block, and in the vocabulary head, of a Llama-like decoder."""
    hidden, head = model.hidden_size, model.hidden_size // model.num_attention_heads
    attention = 2 * hidden * hidden + 2 * hidden * head * model.num_key_value_heads
    return attention + 3 * hidden * model.intermediate_size, model.vocab_size * hidden
