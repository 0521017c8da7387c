"""One training run in a folder, laid out like a job's, so that it can be resumed and served."""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import adapters
from adapters.options import build, knobs
from playground.data.replay import shipped_turns
from playground.device import choose
from playground.errors import UserError
from playground.evaluation.answer_quality import mark_answer
from playground.files import never
from playground.models.chat_model import ChatModel, load_chat
from playground.models.registry import chat_source
from playground.settings import Settings
from playground.storage.run_folder import RUN_FILES, log_event, write_config, write_documents
from playground.surface.text import Text
from playground.training import loop as training_loop
from playground.training.best_adapter import Finished
from playground.training.config import PRESETS, RunConfig, TrainSettings, fitting_mix, mix_values, preset_settings
from playground.training.estimate import plan_run
from playground.training.loop import Progress
from playground.training.throughput import training_speed
from playground.training.workload import measure_workload
from retrieval.document import Document

Values = Mapping[str, object]


@dataclass(frozen=True)
class Trained:
    """What came of a run: its folder, how it ended, and the progress after each step that was told."""

    folder: Path
    end: Finished
    progress: tuple[Progress, ...]


def train(
    text: Text,
    out: Path | str,
    method: str = "lora",
    preset: str = "quick",
    max_steps: int = 0,
    on_progress: Callable[[Progress], object] = lambda _: None,
    **options: object,
) -> Trained:
    """Fine-tune the chat model of the settings on a text, in this process; an earlier run in the folder is replaced.

    `method` is the name of a module in `adapters`, `preset` is sketch, quick or thorough, `max_steps` the most steps
    (0 leaves them to the preset). `options` are those that `python -m playground methods` lists, such as `rank=16`.

    Raises:
        UserError: no such preset or option. MethodError: no such method, or an option with a value out of its limits.
    """
    own = {each.name for each in knobs(adapters.get(method).Options)}
    known = own | {each.name for each in knobs(TrainSettings)}
    if unknown := [name for name in options if name not in known]:
        raise UserError(f"{unknown[0]} is no option of {method}; choose from {', '.join(sorted(known))}.")
    if preset not in PRESETS:
        raise UserError(f"There is no preset {preset!r}; choose one of {', '.join(PRESETS)}.")
    chosen = {name: value for name, value in options.items() if name in own}
    run_values = mix_values(fitting_mix(text.documents)) | {
        name: value for name, value in options.items() if name not in own
    }
    build(adapters.get(method).Options, chosen)  # before the model is loaded
    build(TrainSettings, run_values)
    chat = load_chat(chat_source(Settings.from_environment()), choose())
    config = plan_training(chat, text.documents, method, preset, chosen, run_values, max_steps)
    folder, told = Path(out), list[Progress]()
    prepare_folder(folder, config, text.documents)
    for event in training_events(config, chat, text.documents, folder):
        if isinstance(event, Finished):
            return Trained(folder, event, tuple(told))
        told.append(event)
        on_progress(event)
    raise RuntimeError("Training ended without saying how.")


def plan_training(
    chat: ChatModel,
    documents: Sequence[Document],
    method: str,
    preset: str,
    values: Values,
    run_values: Values,
    max_steps: int = 0,
    max_seconds: float = 0.0,
) -> RunConfig:
    """The preset planned for this text and machine, within the given steps and seconds; 0 leaves them to the preset."""
    planned = PRESETS[preset]
    planned = replace(planned, seconds=max_seconds or planned.seconds)
    load = measure_workload(documents, chat.tokenizer, preset_settings(planned, run_values), shipped_turns(chat.hash))
    speed = training_speed(chat.model, choose())
    config = plan_run(method, planned, values, run_values, load, chat.model.config, speed)
    steps = min(config.settings.steps, max_steps or config.settings.steps)
    return replace(config, settings=replace(config.settings, steps=steps))


def prepare_folder(out: Path, config: RunConfig, documents: Sequence[Document], resume: bool = False) -> None:
    """Write the run's config and documents; unless resumed, first remove an earlier run from the folder."""
    out.mkdir(parents=True, exist_ok=True)
    if not resume:
        remove_files(out, RUN_FILES)
    write_config(out, config.to_dict())
    write_documents(out, documents)


def training_events(
    config: RunConfig,
    chat: ChatModel,
    documents: Sequence[Document],
    out: Path,
    should_stop: Callable[[], bool] = never,
    resume: bool = False,
) -> Iterator[Progress | Finished]:
    """Train in a prepared folder, and log there what is yielded, as a job's worker does; the last says how it ended."""
    for event in training_loop.train(config, chat, documents, out, should_stop, resume, judge=mark_answer):
        logged = {key: value for key, value in event.to_dict().items() if key != "adapter"}
        if logged.get("reason") == "stopped":
            logged["event"] = "stopped"
        log_event(out, logged)
        yield event


def remove_files(folder: Path, names: Sequence[str]) -> None:
    """Remove what an earlier run or exam left under these names; what else is in the folder stays."""
    for path in (folder / name for name in names):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
