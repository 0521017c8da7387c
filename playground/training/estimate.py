"""What a run will take, before it starts: parameters, time, memory and disk; and how many steps fit a preset's time."""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, replace

from transformers import PretrainedConfig

import adapters
from adapters.cost import FLOAT, MethodFootprint
from adapters.options import build
from playground.data.packing import PACK_TOKENS
from playground.data.tokenize import MAX_GROUP_WINDOWS
from playground.errors import UserError
from playground.models.architectures import architecture_of
from playground.training import linear_cross_entropy
from playground.training.config import MAX_STEPS, Preset, RunConfig, given_values, preset_settings
from playground.training.heldout import ANSWER_TOKENS
from playground.training.throughput import SpeedEstimator, footprint_of
from playground.training.workload import ReadVolume, Workload

START_SECONDS = 8  # a worker's imports and model load
UPDATE_SECONDS, UPDATE_PARAMETER_SECONDS = 0.02, 3e-9  # clipping and AdamW: per step, and per trained parameter in it
WRITE_BYTE_SECONDS = 4e-9  # per byte of a checkpoint or an adapter, written and synced
MIN_STEPS = 24  # that a preset gets whatever its time: with half as many, answers repeat the question (docs/log.md)
RUNTIME_BYTES = 740_000_000  # interpreter, torch, transformers


@dataclass(frozen=True)
class Estimate:
    """What a run will take on this machine: parameters, seconds from start to adapter, bytes in memory and on disk.

    `disk_bytes` is the peak: the adapter before and the new one, two checkpoints and a third being written.
    """

    trainable: int
    seconds: float
    memory_bytes: int
    disk_bytes: int


def plan_run(
    method: str,
    preset: Preset,
    values: Mapping[str, object],
    run_values: Mapping[str, object],
    load: Workload,
    model: PretrainedConfig,
    speed: SpeedEstimator,
) -> RunConfig:
    """A preset on this text and machine: as many steps as fit its time and its number of epochs.

    `values` (the method's options) and `run_values` (the run's settings) override the preset; `load` is the workload
    with these `preset_settings`.

    Raises:
        MethodError: for values out of range, all named at once, or options that do not fit the model.
    """
    options = build(adapters.get(method).Options, {**values, **_preset_layers(preset, values, model)})
    config = RunConfig(method, options, preset_settings(preset, run_values))
    if "steps" in given_values(run_values):
        return config
    timing = _RunTiming(config, load, model, speed)
    steps_in_time = bisect_right(range(1, MAX_STEPS), preset.seconds, key=timing.seconds)
    steps_by_text = round(preset.epochs * load.steps)
    steps = max(1, min(max(MIN_STEPS, steps_in_time), steps_by_text))
    return replace(config, settings=replace(config.settings, steps=steps))


def _preset_layers(preset: Preset, values: Mapping[str, object], model: PretrainedConfig) -> dict[str, object]:
    wanted = 0 if values.get("top_layers") else min(preset.top_layers, model.num_hidden_layers)
    return {"top_layers": wanted} if wanted else {}


def estimate_run(config: RunConfig, load: Workload, model: PretrainedConfig, speed: SpeedEstimator) -> Estimate:
    """What the run takes; `load` is the workload of its text with its settings.

    Raises:
        MethodError: the options do not fit the model, or the method cannot run here.
    """
    cost = footprint_of(config.method, config.options, model)
    seconds = _RunTiming(config, load, model, speed).seconds(config.settings.steps)
    disk = 2 * cost.file_bytes + 3 * _checkpoint_bytes(cost)
    return Estimate(cost.trainable, seconds, memory_needed(config, model, load.longest), disk)


def memory_needed(config: RunConfig, model: PretrainedConfig, longest: int = 0) -> int:
    """A worker's peak memory in bytes, with `longest` tokens in the longest pass; with 0, the longest possible."""
    settings = config.settings
    tokens = longest or max(settings.window * MAX_GROUP_WINDOWS, PACK_TOKENS)
    logits = min(tokens, linear_cross_entropy.TOKENS) * model.vocab_size * FLOAT
    return RUNTIME_BYTES + footprint_of(config.method, config.options, model).peak_bytes(tokens) + logits


def check_capacity(cost: Estimate, memory_bytes: int, disk_bytes: int) -> None:
    """Refuse a run that needs more memory or disk than this machine has.

    Raises:
        UserError: naming what is short.
    """
    for what, needed, available in (
        ("memory", cost.memory_bytes, memory_bytes),
        ("free disk", cost.disk_bytes, disk_bytes),
    ):
        if needed > available:
            raise UserError(
                f"This run needs about {needed / 1e9:.1f} GB of {what}, and this machine has {available / 1e9:.1f} GB. "
                "Choose an adapter method, fewer top layers or a shorter window."
            )


def _checkpoint_bytes(cost: MethodFootprint) -> int:
    return FLOAT * cost.trainable + cost.optimizer_bytes


class _RunTiming:
    """How long a run takes, as a function of its number of steps."""

    def __init__(self, config: RunConfig, load: Workload, model: PretrainedConfig, speed: SpeedEstimator) -> None:
        self._load, self._settings = load, config.settings
        self._cost = footprint_of(config.method, config.options, model)
        self._speed = speed(config.method, config.options)
        self._adapted_blocks = config.options.top_layers or model.num_hidden_layers
        self._frozen_blocks = model.num_hidden_layers - self._adapted_blocks
        self._packed = architecture_of(model) is not None

    def seconds(self, steps: int) -> float:
        """From the worker's start to its end."""
        tests = min(self._settings.evaluations, steps)
        written = (tests + steps // self._settings.checkpoint_every) * _checkpoint_bytes(self._cost)
        written += tests * self._cost.file_bytes
        training = steps * self._step_seconds() + (tests + 1) * self._test_seconds() + self._frozen_seconds(steps)
        training += (tests - tests // 2) * self._answer_seconds()  # those of the second half
        return START_SECONDS + self._load.seconds + training + written * WRITE_BYTE_SECONDS

    def _step_seconds(self) -> float:
        """The adapted blocks and the head, forward and backward, then the update."""
        read = self._passes(self._load.step)
        blocks = self._adapted_blocks * self._speed.both.seconds(read.packs, read.tokens)
        update = UPDATE_SECONDS + UPDATE_PARAMETER_SECONDS * self._cost.trainable
        return blocks + self._speed.head * read.loss_tokens + update

    def _test_seconds(self) -> float:
        """A held-out test; there is one before the first step too."""
        read = self._passes(self._load.test)
        blocks = self._adapted_blocks * self._speed.forward.seconds(read.packs, read.tokens)
        return blocks + self._speed.head / 2 * read.loss_tokens

    def _answer_seconds(self) -> float:
        """The answers of a test: all blocks read the prompts, then a token of every answer in each pass."""
        rows = min(self._settings.test_questions, self._load.test.examples)
        if not rows:
            return 0.0
        prompts = rows * self._load.test.unpacked_tokens / self._load.test.examples
        pace, blocks = self._speed.forward, self._adapted_blocks + self._frozen_blocks
        return blocks * (pace.seconds(rows, prompts) + ANSWER_TOKENS * pace.seconds(1, rows))

    def _frozen_seconds(self, steps: int) -> float:
        """The blocks below the adapted ones, once for each example that is read."""
        read = [each.unpacked() for each in (self._load.first_reads(steps), self._load.test)]
        return self._frozen_blocks * sum(self._speed.frozen.seconds(each.packs, each.tokens) for each in read)

    def _passes(self, read: ReadVolume) -> ReadVolume:
        return read if self._packed else read.unpacked()
