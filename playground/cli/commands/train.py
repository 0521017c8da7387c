"""`train`: trains an adapter on documents; the run's folder is laid out like a job's, so a worker can resume it."""

import json
import os
import signal
import threading
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

import adapters
from adapters.options import build, knobs
from playground.cli.commands.arguments import Line
from playground.cli.commands.methods import flag
from playground.data.dataset import data_hash
from playground.data.reading import Reading
from playground.data.replay import shipped_turns
from playground.data.short_answers import SHORT_WORDS, short_answer_files
from playground.device import choose
from playground.errors import UserError
from playground.models.chat_model import ChatModel, load_chat
from playground.models.registry import chat_source
from playground.settings import Settings
from playground.storage.run_folder import read_config, read_documents
from playground.surface.text import read_documents_of
from playground.surface.training import plan_training, prepare_folder, training_events
from playground.training.best_adapter import Finished
from playground.training.config import (
    PRESETS,
    RunConfig,
    TrainSettings,
    fitting_mix,
    mix_values,
)
from playground.training.estimate import estimate_run
from playground.training.loop import Progress
from playground.training.throughput import training_speed
from playground.training.workload import measure_workload
from retrieval.document import Document

Values = dict[str, object]


@dataclass(frozen=True)
class _StoredRun:
    """The run in a folder."""

    config: RunConfig
    documents: list[Document]


def run(args: Namespace, settings: Settings) -> Iterator[Line]:
    """One line per step, and one with the adapter's folder; before them, what the visitor should know of the text.

    Raises:
        KeyboardInterrupt: Ctrl-C stopped the run; its adapter is saved.
    """
    stored = _read_run(args, settings) if args.resume else None
    documents = stored.documents if stored else _documents(args, settings)
    chat = load_chat(chat_source(settings), choose())
    config = stored.config if stored else _plan_new_run(args, chat, documents)
    prepare_folder(args.out, config, documents, args.resume)
    yield from _describe_plan(config, chat, documents, args.plan_only)
    if args.plan_only:
        return
    with stoppable() as should_stop:
        for event in training_events(config, chat, documents, args.out, should_stop, args.resume):
            yield event.to_dict(), _progress(event) if isinstance(event, Progress) else _end(event)
    if isinstance(event, Finished) and event.reason == "stopped":
        command = f"python -m playground train --resume --out {args.out}"
        raise KeyboardInterrupt(f"Stopped at step {event.step} of {event.steps}; continue with `{command}`.")


def _documents(args: Namespace, settings: Settings) -> list[Document]:
    """The documents in the files; the method and its flags are checked first."""
    method_values, run_values = _values(args, args.teach)
    build(adapters.get(args.method).Options, method_values)
    build(TrainSettings, run_values)
    if args.preset not in PRESETS:
        raise UserError(f"There is no preset {args.preset!r}; choose one of {', '.join(PRESETS)}.")
    return read_documents_of(args.files, settings, args.mapping, args.encoding)


def _values(args: Namespace, mix: str | None) -> tuple[Values, Values]:
    """The values that the flags give to the method's options and to the run's settings, over those of the mix.

    Raises:
        UserError: a flag that belongs to neither, or no such mix. MethodError: no such method.
    """
    own, every = knobs(adapters.get(args.method).Options), knobs(TrainSettings)
    known = [each.name for each in (*own, *every)]
    if unknown := [name for name in args.options if name not in known]:
        raise UserError(
            f"--{unknown[0].replace('_', '-')} is no option of {args.method}; choose from "
            f"{', '.join(flag(each) for each in (*own, *every))}."
        )
    texts: Mapping[str, str] = {name: value or "true" for name, value in args.options.items()}
    named = {"seed": args.seed, "max_seconds": args.max_seconds}
    run_values: Values = mix_values(mix) if mix else {}
    run_values |= {name: value for name, value in named.items() if value is not None}
    run_values |= {each.name: texts[each.name] for each in every if each.name in texts}
    return {each.name: texts[each.name] for each in own if each.name in texts}, run_values


def _plan_new_run(args: Namespace, chat: ChatModel, documents: Sequence[Document]) -> RunConfig:
    """The preset planned for this text and machine, within the given steps and seconds."""
    values, run_values = _values(args, args.teach or fitting_mix(documents))
    steps, seconds = args.max_steps or 0, args.max_seconds or 0.0
    return plan_training(chat, documents, args.method, args.preset, values, run_values, steps, seconds)


def _read_run(args: Namespace, settings: Settings) -> _StoredRun:
    """The run in the folder, with the time limit of the command line, if there is one.

    Raises:
        UserError: the folder is damaged, or the command line names another method, other options or another text.
    """
    try:
        config = RunConfig.from_dict(read_config(args.out))
        documents = read_documents(args.out)
    except (OSError, json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as fault:
        raise UserError(f"The run in {args.out} is damaged and cannot be resumed; train it anew.") from fault
    allowed = replace(config.settings, max_seconds=args.max_seconds or config.settings.max_seconds)
    config = replace(config, settings=allowed)
    again = read_documents_of(args.files, settings, args.mapping, args.encoding)
    same_text = not args.files or data_hash(again) == data_hash(documents)
    if not same_text or _with_arguments(args, config) != config:
        raise UserError(
            f"The run in {args.out} was planned otherwise; resume it with --resume and --out alone, or train it anew."
        )
    return _StoredRun(config, documents)


def _with_arguments(args: Namespace, config: RunConfig) -> RunConfig:
    """A run's config changed as the command line says; the same config if it says nothing new."""
    args.method = args.method or config.method
    if args.method != config.method:
        return replace(config, method=args.method)
    values, run_values = _values(args, args.teach)
    settings = build(TrainSettings, {**asdict(config.settings), **run_values})
    steps = min(settings.steps, args.max_steps or settings.steps)
    options = build(adapters.get(config.method).Options, {**asdict(config.options), **values})
    return RunConfig(config.method, options, replace(settings, steps=steps))


@contextmanager
def stoppable() -> Iterator[Callable[[], bool]]:
    """In this context the first Ctrl-C only requests a stop, so that the adapter is saved; a second one interrupts."""
    requested = threading.Event()

    def ask(*_: Any) -> None:
        requested.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.write(2, b"Stopping after this step; the adapter is saved.\n")

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield requested.is_set
    finally:
        signal.signal(signal.SIGINT, before)


def _describe_plan(
    config: RunConfig, chat: ChatModel, documents: Sequence[Document], plan_only: bool
) -> Iterator[Line]:
    """What the run takes, what it reads of the text where that is a part, and what its answers may suffer from."""
    load = measure_workload(documents, chat.tokenizer, config.settings, shipped_turns(chat.hash))
    cost = estimate_run(config, load, chat.model.config, training_speed(chat.model, choose()))
    yield (
        None,
        f"{config.method}: {config.settings.steps} step(s), {cost.trainable:,} trainable parameters, "
        f"about {cost.seconds:.0f} s and {cost.memory_bytes / 1e9:.1f} GB",
    )
    settings = config.settings
    reading = load.outline.reading(settings.steps, settings.batch_tokens, settings.seed)
    if reading.chapters:
        record, words = _part_line(reading)
        yield record if plan_only else None, words  # a run's first object stays its first step; see reading.json
    for name in short_answer_files(documents):
        warning = (
            f"Most answers in {name} have fewer than {SHORT_WORDS} words: the model will answer in one word or two."
        )
        yield {"event": "warning", "kind": "short_answers", "file": name, "warning": warning}, warning


def _part_line(reading: Reading) -> Line:
    """Which part of the text is read; the object lists the sections, the text the chapters."""
    read = [each for each in reading.chapters if each.read]
    chapters = [f"{each.title or each.document} ({len(each.read)} of {each.sections})" for each in read]
    sections = f"{reading.sections} of {reading.all_sections} sections"
    words = f"The steps read about {reading.share:.0%} of the text once, of {sections}: {'; '.join(chapters)}"
    counts = {name: count for name, count in reading.counts().items() if name != "mix"}
    return {"event": "part", **counts, "chapters": [vars(each) for each in reading.chapters]}, words


def _progress(event: Progress) -> str:
    parts = [
        f"step {event.step} of {event.steps}",
        f"loss {event.loss:.3f}" if event.loss is not None else "",
        f"held-out loss {event.heldout_loss:.3f}" if event.heldout_loss is not None else "",
        f"answers {event.answers:.0%}" if event.answers is not None else "",
        f"{event.tokens_per_second:.0f} tokens/s" if event.tokens_per_second else "",
        f"{event.seconds_left:.0f} s left" if event.seconds_left else "",
    ]
    return "  ".join(filter(None, parts))


def _end(event: Finished) -> str:
    reasons = {
        "done": "",
        "early": ", no longer improving",
        "time": ", when its time was over",
        "stopped": ", stopped early",
    }
    losses = f"Held-out loss {event.heldout_before:.3f} before"
    if event.heldout_after is not None:
        losses = f"{losses} and {event.heldout_after:.3f} after step {event.best_step}, whose adapter is kept"
    return (
        f"{losses}; {event.step} steps in {event.seconds:.0f} s{reasons[event.reason]}\n"
        f"The adapter is in {event.adapter}"
    )
