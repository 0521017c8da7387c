"""How fast this machine trains a model with a method: timed in about a second on a few blocks and the model's head."""

import json
import math
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
from adapters.frozen_products import rounded_products
from adapters.peft_method import unwrap
from playground.data.tokenize import Example
from playground.device import Device
from playground.models.architectures import head_size
from playground.training.linear_cross_entropy import head_loss
from playground.training.losses import summed_losses

SHORT, LONG = 96, 352  # tokens of the two passes that are timed
BLOCKS = 3  # enough that their weights are read from memory, not from the cache
REPEATS = 4  # timings of each pass; the fastest counts, as the machine may be busy for a moment
VALID_SECONDS = 600.0  # how long a timing of the machine stays valid for what is shown
MOMENT = 3.0  # seconds; a run that starts now is planned by a timing of now
SUSTAINED = 1.15  # the time of a run's steps over that of the fastest moment: the median of six runs (docs/log.md)
ASSUMED = 0.38  # share of a large matrix product's speed that training reaches, where nothing can be timed
FORWARD, BOTH = 2, 4  # floating-point operations per weight and token; frozen weights need no gradient of their own


class Validity:
    """Numbers the stretches of time within which a timing of the machine holds."""

    def __init__(self) -> None:
        self._number = 0
        self._began = -math.inf

    def era(self, seconds: float) -> int:
        """The current stretch; a new one begins where it has lasted longer than `seconds`."""
        now = time.monotonic()
        if now - self._began > seconds:
            self._number, self._began = self._number + 1, now
        return self._number


_validity = Validity()
_timing = threading.Lock()  # two timings at once would slow each other
# By model, weakly: a figure must not keep a model in memory.
_head_seconds: "weakref.WeakKeyDictionary[PreTrainedModel, dict[tuple[bool, int], float]]" = weakref.WeakKeyDictionary()


@dataclass(frozen=True)
class Pace:
    """Seconds that a block takes: per pass, and per token of it."""

    per_pass: float
    per_token: float

    def seconds(self, passes: float, tokens: float) -> float:
        """For `passes` passes of `tokens` tokens in all."""
        return self.per_pass * passes + self.per_token * tokens


@dataclass(frozen=True)
class Speed:
    """The paces of a frozen block forward, and of an adapted one forward and in both directions.

    `head` is the vocabulary head's time in both directions, in seconds per token.
    """

    frozen: Pace
    forward: Pace
    both: Pace
    head: float


@dataclass(frozen=True)
class AdaptedBlock:
    """The paces of a block with a method on it, and whether the method trains the vocabulary head too."""

    forward: Pace
    both: Pace
    trains_head: bool


SpeedEstimator = Callable[[str, Options], Speed]  # from a method and its options


def training_speed(model: PreTrainedModel, device: Device) -> SpeedEstimator:
    """The speed of this model on this device: timed on a CPU, once per method and options; assumed elsewhere."""
    if device.name != "cpu":
        return assumed_speed(model.config, device.gflops)
    return partial(_time_model, model)


def assumed_speed(model: PretrainedConfig, gflops: float) -> SpeedEstimator:
    """The speed by operation counts, at `gflops` 10⁹ operations per second, and each method's measured slowdown."""
    block, head = _weight_counts(model)
    per_second = gflops * 1e9 * ASSUMED

    def speed(method: str, options: Options) -> Speed:
        slowdown = slowdown_of(method, replace(options, top_layers=0), model)
        forward, both = FORWARD * block / per_second, BOTH * block / per_second
        paces = (Pace(0, forward), Pace(0, slowdown * forward), Pace(0, slowdown * both))
        return Speed(*paces, BOTH * head / per_second)

    return speed


def footprint_of(method: str, options: Options, model: PretrainedConfig) -> MethodFootprint:
    """Counted once per setting, so that a plan and its estimate agree."""
    return _footprint(method, options, model.to_json_string())


def slowdown_of(method: str, options: Options, model: PretrainedConfig) -> float:
    """A block's time over LoRA's; measured once per setting, in a child process whose start takes some seconds."""
    return _slowdown(method, options, model.to_json_string())


@lru_cache(maxsize=64)
def _footprint(method: str, options: Options, model: str) -> MethodFootprint:
    return measure_footprint(adapters.get(method), _parse_config(model), options)


@lru_cache(maxsize=64)
def _slowdown(method: str, options: Options, model: str) -> float:
    return measure_slowdowns([(method, options)], _parse_config(model))[0]


def _parse_config(json_text: str) -> PretrainedConfig:
    return AutoConfig.for_model(**json.loads(json_text))


def _time_model(model: PreTrainedModel, method: str, options: Options) -> Speed:
    with _timing:
        era, config = current_era(), model.config.to_json_string()
        block = time_adapted_block(method, replace(options, top_layers=0), config, era)
        head = _head_time(model, block.trains_head and not options.top_layers, era)
        return Speed(_time_frozen_block(config, era), block.forward, block.both, head)


def current_era() -> int:
    """The number of the stretch of time within which timings hold."""
    return _validity.era(VALID_SECONDS)


def time_again() -> None:
    """Let the next estimate time the machine, unless that was done a moment ago.

    A timing taken while others computed, such as the page that had just opened, would plan a run too short.
    """
    _validity.era(MOMENT)


@lru_cache(maxsize=4)
def _time_frozen_block(config: str, _era: int) -> Pace:
    return time_pace(partial(_forward, bare_blocks(_parse_config(config), BLOCKS).requires_grad_(False)))


@lru_cache(maxsize=64)
def time_adapted_block(method: str, options: Options, config: str, era: int) -> AdaptedBlock:
    """Time a block of a model, whose `config` is given as JSON, with a method on it.

    Once per setting and `era`, so that a plan and its estimate agree.
    """
    blocks = unwrap(few_blocks(adapters.get(method), options, _parse_config(config), BLOCKS))
    trains_head = blocks.get_output_embeddings().weight.requires_grad
    return AdaptedBlock(
        time_pace(partial(_forward, blocks)), time_pace(partial(_forward_backward, blocks)), trains_head
    )


def _head_time(model: PreTrainedModel, trains: bool, era: int) -> float:
    """Seconds per token of the head in both directions; timed once per model and era."""
    known = _head_seconds.setdefault(model, {})
    if (trains, era) not in known:
        known[trains, era] = _time_head(model, trains)
    return known[trains, era]


def _time_head(model: PreTrainedModel, trains: bool) -> float:
    hidden = torch.randn(LONG, model.config.hidden_size, dtype=model.dtype).requires_grad_()
    weight, targets = model.get_output_embeddings().weight.detach(), torch.zeros(LONG, dtype=torch.long)
    weight = weight.clone().requires_grad_() if trains else weight
    with rounded_products():
        return sustained_seconds(lambda: head_loss(hidden, weight, targets).backward()) / LONG


def time_pace(run: Callable[[Example], None]) -> Pace:
    """The pace of a block, from passes of two lengths through BLOCKS blocks; `run` makes one pass."""
    short, long = (sustained_seconds(partial(run, _probe(tokens))) / BLOCKS for tokens in (SHORT, LONG))
    per_pass = max(0.0, short - SHORT * (long - short) / (LONG - SHORT))
    return Pace(per_pass, (long - per_pass) / LONG)


def sustained_seconds(run: Callable[[], Any]) -> float:
    """Seconds that a pass takes in the long run: from the fastest of REPEATS, after one that is not counted."""
    run()
    seconds = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - started)
    return SUSTAINED * min(seconds)


def _probe(tokens: int) -> Example:
    return Example([1, 2] * (tokens // 2), [1, 2] * (tokens // 2))


def _forward(blocks: nn.Module, probe: Example) -> None:
    with torch.no_grad():
        list(summed_losses(blocks, [probe]))


def _forward_backward(blocks: nn.Module, probe: Example) -> None:
    next(iter(summed_losses(blocks, [probe]))).backward()


def _weight_counts(model: PretrainedConfig) -> tuple[int, int]:
    """Weights that every token meets in one block, and in the vocabulary head, of a Llama-like decoder."""
    hidden, heads = model.hidden_size, model.num_attention_heads
    attention = 2 * hidden * head_size(model) * (heads + model.num_key_value_heads)
    return attention + 3 * hidden * model.intermediate_size, model.vocab_size * hidden
