"""What a run is told: method, options, settings; presets, and what they will cost, before anything starts."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import Any

from transformers import AutoConfig, PretrainedConfig

import adapters
from adapters.base import Options
from adapters.cost import FLOAT, Cost, measure
from adapters.options import build, knob
from playground.corpus import MAX_HELDOUT_TOKENS
from playground.errors import UserError
from playground.examples import LONGEST
from playground.settings import Settings
from playground.speed import Speed

START_SECONDS = 8  # a worker's imports and model load
UPDATE_SECONDS = 2e-9  # of AdamW for one trained number
BY_PRESET = ("steps", "batch_tokens")  # of the run's settings, those that 0 leaves to the preset
FEWEST_STEPS = 8  # that a preset's time is taken to hold: fewer teach nothing, and the machine may be busy for a moment
RUNTIME_BYTES = 900_000_000  # interpreter, torch, transformers


@dataclass(frozen=True)
class TrainSettings:
    """How a run goes, whatever the method."""

    steps: int = knob(40, label="Steps", help="Times the adapter is updated.", low=1, high=100_000)
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
    with_passages: bool = knob(
        False, label="Train with passages", help="Questions bring passages of the text, as retrieval's prompts do."
    )
    seed: int = knob(0, label="Seed", help="Same seed, same run.", low=0, high=2**31 - 1)


@dataclass(frozen=True)
class Preset:
    """A named wish: time to spend, times to read the text, tokens a step, held-out tests on the way."""

    seconds: float
    epochs: float
    batch_tokens: int
    evaluations: int


PRESETS: Mapping[str, Preset] = {
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
        return cls(stored["method"], build(method.Options, stored["options"]), build(TrainSettings, stored["settings"]))


@dataclass(frozen=True)
class Estimate:
    """What a run will take on this machine: parameters, seconds from start to adapter, bytes in memory and on disk.

    `disk_bytes` is the most at any time: the adapter before and the new one, two checkpoints and a third being written.
    """

    trainable: int
    seconds: float
    memory_bytes: int
    disk_bytes: int


def plan(
    method: str,
    preset: Preset,
    values: Mapping[str, object],
    run_values: Mapping[str, object],
    train_tokens: int,
    model: PretrainedConfig,
    speed: Speed,
) -> RunConfig:
    """A preset on this text and machine: as many steps as fit its time and its number of readings.

    `values` and `run_values` are what was asked for beyond the preset, and win; a 0 of BY_PRESET leaves it the choice.

    Raises:
        MethodError: for values out of range, all named at once, or options that do not fit the model.
    """
    options = build(adapters.get(method).Options, values)
    asked = {
        name: value for name, value in run_values.items() if value is not None and (value or name not in BY_PRESET)
    }
    settings = build(TrainSettings, {"batch_tokens": preset.batch_tokens, "evaluations": preset.evaluations, **asked})
    if "steps" in asked:
        return RunConfig(method, options, settings)
    fixed = START_SECONDS + _tests_seconds(options, settings, train_tokens, model, speed)
    fixed += _lower_seconds(options, replace(settings, steps=10**9), train_tokens, model, speed)
    a_step = _step_seconds(_cost(method, options, model), options, settings, model, speed)
    by_time = max(FEWEST_STEPS, int((preset.seconds - fixed) / a_step))
    by_text = round(preset.epochs * train_tokens / settings.batch_tokens)
    return RunConfig(method, options, replace(settings, steps=max(1, min(by_time, by_text))))


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


def estimate(config: RunConfig, model: PretrainedConfig, train_tokens: int, speed: Speed) -> Estimate:
    """Time and memory from operation counts, the machine's measured speed and the method's measured cost.

    Raises:
        MethodError: the options do not fit the model, or the method cannot run here.
    """
    settings, options = config.settings, config.options
    cost = _cost(config.method, options, model)
    stepping = settings.steps * _step_seconds(cost, options, settings, model, speed)
    reading = [way(options, settings, train_tokens, model, speed) for way in (_lower_seconds, _tests_seconds)]
    seconds = START_SECONDS + stepping + sum(reading)
    longest = settings.window * (LONGEST if settings.with_passages else 1)
    logits = 3 * longest * model.vocab_size * FLOAT
    memory = RUNTIME_BYTES + cost.peak_bytes(longest) + logits
    checkpoint = FLOAT * cost.trainable + cost.optimizer_bytes
    return Estimate(cost.trainable, seconds, memory, 2 * cost.file_bytes + 3 * checkpoint)


def _cost(method: str, options: Options, model: PretrainedConfig) -> Cost:
    return _measured(method, options, model.to_json_string())


@lru_cache(maxsize=64)
def _measured(method: str, options: Options, model: str) -> Cost:
    """Once for each setting, so that a plan and its estimate agree."""
    values = json.loads(model)
    return measure(adapters.get(method), AutoConfig.for_model(**values), options)


def _step_seconds(
    cost: Cost, options: Options, settings: TrainSettings, model: PretrainedConfig, speed: Speed
) -> float:
    """The adapted blocks and the head both ways, then the update; what lies below is read beforehand."""
    adapted = options.top_layers or model.num_hidden_layers
    token = adapted * speed.both * cost.slowdown + speed.head
    return settings.batch_tokens * token + cost.trainable * UPDATE_SECONDS


def _lower_seconds(
    options: Options, settings: TrainSettings, train_tokens: int, model: PretrainedConfig, speed: Speed
) -> float:
    """The blocks below the adapted ones, once over what is read of the text."""
    below = model.num_hidden_layers - options.top_layers if options.top_layers else 0
    read = min(settings.steps * settings.batch_tokens, train_tokens) + _heldout_tokens(settings, train_tokens)
    return below * speed.forward * read


def _tests_seconds(
    options: Options, settings: TrainSettings, train_tokens: int, model: PretrainedConfig, speed: Speed
) -> float:
    """Every held-out test of a run, the one before its first step included."""
    tests = min(settings.evaluations, settings.steps) + 1
    token = (options.top_layers or model.num_hidden_layers) * speed.forward + speed.head / 2
    return tests * _heldout_tokens(settings, train_tokens) * token


def _heldout_tokens(settings: TrainSettings, train_tokens: int) -> float:
    return min(MAX_HELDOUT_TOKENS, settings.heldout_share * train_tokens)
