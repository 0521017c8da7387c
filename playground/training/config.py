"""What a run is told: method, options, settings; presets, and what they will cost, before anything starts."""

import time
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from transformers import PretrainedConfig, PreTrainedTokenizerBase

import adapters
from adapters.base import Options
from adapters.cost import FLOAT, MethodFootprint
from adapters.options import build, knob
from playground.data import dataset
from playground.data.packing import PACK_TOKENS
from playground.data.tokenize import LONGEST
from playground.errors import UserError
from playground.settings import Settings
from playground.training import fused_llama, linear_cross_entropy, workload
from playground.training.throughput import SpeedOf, footprint_of
from playground.training.workload import Reading, Workload
from retrieval.document import Document

START_SECONDS = 8  # a worker's imports and model load
UPDATE_ONCE, UPDATE_NUMBER = 0.02, 3e-9  # seconds of clipping and AdamW, at all and for one trained number
SAVE_BYTE = 4e-9  # seconds to write a byte of a checkpoint, or of an adapter, and to see that it is there
MOST_STEPS = 100_000
BY_PRESET = ("steps", "batch_tokens")  # of the run's settings, those that 0 leaves to the preset
FEWEST_STEPS = 8  # that a preset's time is taken to hold: fewer teach nothing, and the machine may be busy for a moment
RUNTIME_BYTES = 740_000_000  # interpreter, torch, transformers


@dataclass(frozen=True)
class TrainSettings:
    """How a run goes, whatever the method."""

    steps: int = knob(40, label="Steps", help="Times the adapter is updated.", low=1, high=MOST_STEPS)
    batch_tokens: int = knob(512, label="Tokens a step", help="Text read before each update.", low=32, high=16_384)
    window: int = knob(256, label="Window", help="Tokens the model sees at once while it learns.", low=32, high=2_048)
    max_seconds: float = knob(3_600.0, label="Time limit", help="Seconds before it ends early.", low=1, high=86_400)
    warmup_share: float = knob(0.1, label="Warm-up", help="Share of steps with a rising rate.", low=0, high=0.9)
    heldout_share: float = knob(0.1, label="Held out", help="Share of text kept to test on.", low=0.01, high=0.5)
    evaluations: int = knob(8, label="Tests", help="Times the held-out loss is measured.", low=1, high=100)
    patience: int = knob(0, label="Patience", help="Tests without gain before it ends; 0: never.", low=0, high=100)
    checkpoint_every: int = knob(20, label="Checkpoint every", help="Steps between saved states.", low=1, high=10_000)
    pairs_share: float = knob(
        0.25, label="Questions", help="Share of what it reads that is questions made from the text.", low=0, high=1
    )
    passages_share: float = knob(
        0.5,
        label="Passages",
        help="Share of the questions that bring passages of the text, as retrieval's prompts do.",
        low=0,
        high=1,
    )
    seed: int = knob(0, label="Seed", help="Same seed, same run.", low=0, high=2**31 - 1)


@dataclass(frozen=True)
class Preset:
    """A named wish: time to spend, times to read the text, tokens a step, held-out tests on the way.

    `top_layers` are adapted where the form leaves that at 0; with 0 here too, all are.
    """

    seconds: float
    epochs: float
    batch_tokens: int
    evaluations: int
    top_layers: int = 0


PRESETS: Mapping[str, Preset] = {
    "sketch": Preset(seconds=45, epochs=6, batch_tokens=256, evaluations=4, top_layers=6),
    "quick": Preset(seconds=90, epochs=3, batch_tokens=256, evaluations=4),
    "thorough": Preset(seconds=900, epochs=6, batch_tokens=512, evaluations=10),
}


@dataclass(frozen=True)
class RunConfig:
    """A run, whole: the same config on the same text and machine gives the same adapter."""

    method: str
    options: Options
    settings: TrainSettings

    def to_dict(self) -> dict[str, Any]:
        """JSON form, as stored beside the adapter."""
        return {"method": self.method, "options": asdict(self.options), "settings": asdict(self.settings)}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "RunConfig":
        """The inverse of `to_dict`, checked like any other input."""
        method = adapters.get(stored["method"])
        return cls(stored["method"], build(method.Options, stored["options"]), build(TrainSettings, _current(stored)))


def _current(stored: Mapping[str, Any]) -> dict[str, Any]:
    """The stored settings; in runs from before passages came in shares, all questions brought some or none did."""
    settings = dict(stored["settings"])
    all_or_none = settings.pop("with_passages", False)
    return {"passages_share": float(all_or_none), **settings}


@dataclass(frozen=True)
class Estimate:
    """What a run will take on this machine: parameters, seconds from start to adapter, bytes in memory and on disk.

    `disk_bytes` is the most at any time: the adapter before and the new one, two checkpoints and a third being written.
    """

    trainable: int
    seconds: float
    memory_bytes: int
    disk_bytes: int


def settings_of(preset: Preset, run_values: Mapping[str, object]) -> TrainSettings:
    """A preset's settings, with those of `run_values` that are given; a 0 of BY_PRESET leaves it the choice.

    Raises:
        MethodError: for values out of range, all named at once.
    """
    return build(
        TrainSettings,
        {"batch_tokens": preset.batch_tokens, "evaluations": preset.evaluations, **_asked(run_values)},
    )


def _asked(run_values: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in run_values.items() if value is not None and (value or name not in BY_PRESET)}


def workload_of(documents: Sequence[Document], tokenizer: PreTrainedTokenizerBase, settings: TrainSettings) -> Workload:
    """What a run with these settings reads of the documents.

    Raises:
        UserError: the text is too short to train on.
    """
    began = time.perf_counter()
    made = sides_of(documents, tokenizer, settings)
    dataset.check(made)
    return workload.measure(made, settings.batch_tokens, settings.seed, time.perf_counter() - began)


def sides_of(
    documents: Sequence[Document], tokenizer: PreTrainedTokenizerBase, settings: TrainSettings
) -> dataset.Sides:
    """The examples of a run with these settings."""
    mix = (settings.window, settings.heldout_share, settings.seed, settings.pairs_share, settings.passages_share)
    return dataset.sides(documents, tokenizer, *mix)


def plan(
    method: str,
    preset: Preset,
    values: Mapping[str, object],
    run_values: Mapping[str, object],
    load: Workload,
    model: PretrainedConfig,
    speed: SpeedOf,
) -> RunConfig:
    """A preset on this text and machine: as many steps as fit its time and its number of readings.

    `values` and `run_values` are what was asked for beyond the preset, and win; `load` is of `settings_of` them.

    Raises:
        MethodError: for values out of range, all named at once, or options that do not fit the model.
    """
    options = build(adapters.get(method).Options, {**values, **_fewer_layers(preset, values, model)})
    config = RunConfig(method, options, settings_of(preset, run_values))
    if "steps" in _asked(run_values):
        return config
    in_time = bisect_right(range(1, MOST_STEPS), preset.seconds, key=_Clock(config, load, model, speed).seconds)
    by_text = round(preset.epochs * load.steps)
    return replace(config, settings=replace(config.settings, steps=max(1, min(max(FEWEST_STEPS, in_time), by_text))))


def _fewer_layers(preset: Preset, values: Mapping[str, object], model: PretrainedConfig) -> dict[str, object]:
    wanted = 0 if values.get("top_layers") else min(preset.top_layers, model.num_hidden_layers)
    return {"top_layers": wanted} if wanted else {}


def check_limits(config: RunConfig, settings: Settings) -> None:
    """Refuse a run larger than the host allows.

    Raises:
        UserError: naming every limit passed.
    """
    asked = {
        "steps": (config.settings.steps, settings.max_steps),
        "rank": (asdict(config.options).get("rank", 0), settings.max_rank),
    }
    faults = [
        f"{name} is {value}, at most {most} is allowed here" for name, (value, most) in asked.items() if value > most
    ]
    if faults:
        raise UserError(f"This run is too large for this host: {'; '.join(faults)}. Ask for less.")


def check_room(cost: Estimate, memory_bytes: int, disk_bytes: int) -> None:
    """Refuse a run that this machine cannot hold.

    Raises:
        UserError: naming what is short.
    """
    for what, needed, there in (
        ("memory", cost.memory_bytes, memory_bytes),
        ("free disk", cost.disk_bytes, disk_bytes),
    ):
        if needed > there:
            raise UserError(
                f"This run needs about {needed / 1e9:.1f} GB of {what}, and this machine has {there / 1e9:.1f} GB. "
                "Choose an adapter method, fewer top layers or a shorter window."
            )


def estimate(config: RunConfig, load: Workload, model: PretrainedConfig, speed: SpeedOf) -> Estimate:
    """What the run takes of `load`, its text as `settings_of` it cuts it, on the machine whose speed is measured.

    Raises:
        MethodError: the options do not fit the model, or the method cannot run here.
    """
    cost = footprint_of(config.method, config.options, model)
    seconds = _Clock(config, load, model, speed).seconds(config.settings.steps)
    disk = 2 * cost.file_bytes + 3 * _checkpoint_bytes(cost)
    return Estimate(cost.trainable, seconds, memory_bytes(config, model, load.longest), disk)


def memory_bytes(config: RunConfig, model: PretrainedConfig, longest: int = 0) -> int:
    """The most that a worker holds, where `longest` tokens are read at once; as many as may be if 0."""
    settings = config.settings
    tokens = longest or max(settings.window * LONGEST, PACK_TOKENS)
    logits = min(tokens, linear_cross_entropy.TOKENS) * model.vocab_size * FLOAT
    return RUNTIME_BYTES + footprint_of(config.method, config.options, model).peak_bytes(tokens) + logits


def _checkpoint_bytes(cost: MethodFootprint) -> int:
    return FLOAT * cost.trainable + cost.optimizer_bytes


class _Clock:
    """Seconds that a run takes, by its number of steps."""

    def __init__(self, config: RunConfig, load: Workload, model: PretrainedConfig, speed: SpeedOf) -> None:
        self._load, self._settings = load, config.settings
        self._cost, self._speed = (
            footprint_of(config.method, config.options, model),
            speed(config.method, config.options),
        )
        self._adapted = config.options.top_layers or model.num_hidden_layers
        self._below = model.num_hidden_layers - self._adapted
        self._packed = model.model_type == fused_llama.MODEL_TYPE

    def seconds(self, steps: int) -> float:
        """From the worker's start to its end."""
        tests = min(self._settings.evaluations, steps)
        saved = (tests + steps // self._settings.checkpoint_every) * _checkpoint_bytes(self._cost)
        saved += tests * self._cost.file_bytes
        working = steps * self._step() + (tests + 1) * self._test() + self._lower(steps)
        return START_SECONDS + self._load.seconds + working + saved * SAVE_BYTE

    def _step(self) -> float:
        """The adapted blocks and the head both ways, then the update."""
        read = self._passes(self._load.step)
        blocks = self._adapted * self._speed.both.seconds(read.packs, read.tokens)
        return blocks + self._speed.head * read.learnt + UPDATE_ONCE + UPDATE_NUMBER * self._cost.trainable

    def _test(self) -> float:
        """A held-out test; there is one before the first step too."""
        read = self._passes(self._load.test)
        return self._adapted * self._speed.forward.seconds(read.packs, read.tokens) + self._speed.head / 2 * read.learnt

    def _lower(self, steps: int) -> float:
        """The blocks below the adapted ones, once over each example that is read."""
        read = [each.one_by_one() for each in (self._load.read(steps), self._load.test)]
        return self._below * sum(self._speed.frozen.seconds(each.packs, each.tokens) for each in read)

    def _passes(self, read: Reading) -> Reading:
        return read if self._packed else read.one_by_one()
