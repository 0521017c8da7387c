"""What defines a training run: method, options and settings; the presets of time and of mix; and a host's limits."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import adapters
from adapters.base import Options
from adapters.options import build, knob
from playground.data.mix import MixSettings
from playground.errors import UserError
from playground.settings import Settings
from retrieval.document import Document

MAX_STEPS = 100_000
BY_PRESET = ("steps", "batch_tokens", "test_questions")  # the settings that are left to the preset where they are 0


@dataclass(frozen=True)
class TrainSettings:
    """How a run goes, whatever the method."""

    steps: int = knob(40, label="Steps", help="Number of updates of the adapter.", low=1, high=MAX_STEPS)
    batch_tokens: int = knob(512, label="Tokens per step", help="Text read before each update.", low=32, high=16_384)
    window: int = knob(256, label="Window", help="Tokens that the model sees at once.", low=32, high=2_048)
    max_seconds: float = knob(3_600.0, label="Time limit", help="Seconds after which it ends.", low=1)
    warmup_share: float = knob(0.1, label="Warm-up", help="Share of steps with a rising rate.", low=0, high=0.9)
    heldout_share: float = knob(0.1, label="Held out", help="Share of the text kept for tests.", low=0.01, high=0.5)
    evaluations: int = knob(8, label="Tests", help="Number of held-out loss measurements.", low=1, high=100)
    test_questions: int = knob(
        0,
        label="Test questions",
        help="Held-out questions that the model answers at each test in the second half; clearly better answers decide "
        "which adapter is kept, else the lower loss does. 0: the preset's number.",
        low=0,
        high=50,
    )
    patience: int = knob(0, label="Patience", help="Tests without gain before it ends; 0: never.", low=0, high=100)
    checkpoint_every: int = knob(20, label="Checkpoint every", help="Steps between checkpoints.", low=1, high=10_000)
    text_form: str = knob(
        "answers",
        label="Text form",
        help="How the model reads the text itself: as answers that end, or as bare windows that continue.",
        choices=("answers", "windows"),
    )
    part_tokens: int = knob(
        64, label="Longest part", help="Tokens of the longest answer that is a part of the text.", low=16, high=512
    )
    pairs_share: float = knob(
        0.25,
        label="Questions",
        help="Share of what the model reads of the text that is questions made from it.",
        low=0,
        high=1,
    )
    gaps: bool = knob(
        False, label="Gaps", help="Questions with a gap, answered in one word. Many of them make every answer one word."
    )
    passages_share: float = knob(
        0.5,
        label="Passages",
        help="Share of the questions that come with passages of the text, as retrieval prompts do.",
        low=0,
        high=1,
    )
    replay_share: float = knob(
        0.1,
        label="Replay",
        help="Share of the base model's own answers to general prompts, which keep what it could do before.",
        low=0,
        high=0.5,
    )
    exercises_share: float = knob(
        0.7,
        label="Reading exercises",
        help="Share of questions about texts of the playground's own: they teach to find the sentence that answers. "
        "There are some in English and Vietnamese.",
        low=0,
        high=0.9,
    )
    text_tokens: int = knob(
        0,
        label="Part of the text",
        help="Tokens to read of a long text: the sections with the most questions in every chapter. 0: the whole text.",
        low=0,
        high=100_000_000,
    )
    seed: int = knob(0, label="Seed", help="The same seed gives the same run.", low=0, high=2**31 - 1)

    @property
    def mix(self) -> MixSettings:
        """Those of the settings that decide which examples the run reads."""
        return MixSettings(**{each.name: vars(self)[each.name] for each in fields(MixSettings)})


@dataclass(frozen=True)
class Preset:
    """Named defaults: seconds to spend, epochs at most, tokens per step, held-out tests.

    `test_questions` are answered at each test of the second half: 5 to 6 s per test, too long in a short run.
    `top_layers` are adapted where the form leaves that at 0; with 0 here too, all are.
    """

    seconds: float
    epochs: float
    batch_tokens: int
    evaluations: int
    top_layers: int = 0
    test_questions: int = 0


PRESETS: Mapping[str, Preset] = {
    "sketch": Preset(seconds=45, epochs=6, batch_tokens=256, evaluations=4, top_layers=6),
    "quick": Preset(seconds=60, epochs=3, batch_tokens=256, evaluations=4),
    "thorough": Preset(seconds=900, epochs=6, batch_tokens=512, evaluations=10, test_questions=6),
}


MIX_KNOBS = ("text_form", "pairs_share", "gaps", "passages_share", "replay_share", "exercises_share")
# What to teach, by what comes out: values of the MIX_KNOBS; those left out are as TrainSettings has them.
MIXES: Mapping[str, Mapping[str, object]] = {
    "sentences": {},
    "style": {"text_form": "windows", "pairs_share": 0.25, "passages_share": 0.0, "exercises_share": 0.0},
    "pairs": {"pairs_share": 0.0, "passages_share": 0.0, "exercises_share": 0.0},
}


def mix_values(mix: str) -> dict[str, object]:
    """The values of all MIX_KNOBS for one of the MIXES.

    Raises:
        UserError: there is no such mix.
    """
    if mix not in MIXES:
        raise UserError(f"There is no mix {mix!r} to teach; choose one of {', '.join(MIXES)}.")
    defaults = asdict(TrainSettings())
    return {name: MIXES[mix].get(name, defaults[name]) for name in MIX_KNOBS}


def mix_of(values: Mapping[str, object]) -> str | None:
    """The one of the MIXES that these values of the MIX_KNOBS are; None where they are of none."""
    return next((mix for mix in MIXES if all(values[name] == value for name, value in mix_values(mix).items())), None)


def fitting_mix(documents: Sequence[Document]) -> str:
    """The mix that fits a text: its pairs as given where it is nothing but pairs."""
    return "pairs" if documents and all(document.pairs for document in documents) else "sentences"


@dataclass(frozen=True)
class RunConfig:
    """All that defines a run: the same config on the same text and machine gives the same adapter."""

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
        settings = build(TrainSettings, _upgrade_settings(stored["settings"]))
        return cls(stored["method"], build(method.Options, stored["options"]), settings)


def _upgrade_settings(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Stored settings in today's form: `with_passages`, a yes or no for all questions, became `passages_share`.

    Runs from before the text was read as answers had windows, gaps and no replay; parts of the text had up to 120
    tokens. There were no exercises.
    """
    settings = {"part_tokens": 120, "exercises_share": 0.0, **stored}
    with_passages = settings.pop("with_passages", False)
    before = {"text_form": "windows", "gaps": True, "replay_share": 0.0} if "text_form" not in settings else {}
    return {"passages_share": float(with_passages), **before, **settings}


def preset_settings(preset: Preset, run_values: Mapping[str, object]) -> TrainSettings:
    """A preset's settings, overridden by the given `run_values`.

    Raises:
        MethodError: for values out of range, all named at once.
    """
    defaults = {name: vars(preset)[name] for name in ("batch_tokens", "evaluations", "test_questions")}
    return build(TrainSettings, {**defaults, **given_values(run_values)})


def given_values(run_values: Mapping[str, object]) -> dict[str, object]:
    """The values that are given: not None, and not the 0 that leaves a setting of BY_PRESET to the preset."""
    return {name: value for name, value in run_values.items() if value is not None and (value or name not in BY_PRESET)}


def check_limits(config: RunConfig, settings: Settings) -> None:
    """Refuse a run larger than the host allows.

    Raises:
        UserError: naming every limit that is exceeded.
    """
    limits = {
        "steps": (config.settings.steps, settings.max_steps),
        "rank": (asdict(config.options).get("rank", 0), settings.max_rank),
    }
    faults = [
        f"{name} is {value}, at most {most} is allowed here" for name, (value, most) in limits.items() if value > most
    ]
    if faults:
        raise UserError(f"This run is too large for this host: {'; '.join(faults)}. Ask for less.")
