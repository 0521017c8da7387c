"""`bakeoff`: several methods on the same documents, each in its own process, so that its memory can be measured."""

import json
import time
from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import adapters
from playground.cli.commands.arguments import BAKEOFF, Line
from playground.data.dataset import data_hash
from playground.data.replay import shipped_turns
from playground.device import choose
from playground.errors import UserError
from playground.jobs.processes import start_worker
from playground.models.chat_model import load_chat
from playground.models.registry import chat_source
from playground.settings import Settings
from playground.storage.run_folder import EVENTS, LEASE, STOP, adapter_folder, adapter_weights, read_events
from playground.surface.text import read_documents_of
from playground.surface.training import prepare_folder
from playground.training import method_comparison
from playground.training.config import PRESETS, RunConfig, TrainSettings, fitting_mix, mix_values, preset_settings
from playground.training.estimate import plan_run
from playground.training.throughput import training_speed
from playground.training.workload import measure_workload
from retrieval.document import Document


def run(args: Namespace, settings: Settings) -> Iterator[Line]:
    """One line per method with its figures; the same command again continues an interrupted bake-off.

    Raises:
        KeyboardInterrupt: after Ctrl-C, once the running method has stopped.
    """
    documents = read_documents_of(args.files, settings, args.mapping, args.encoding)
    planned = _plan_runs(args, settings, documents)
    steps = _begin(args.out, planned[0].settings, documents)
    configs = [replace(each, settings=replace(each.settings, steps=steps)) for each in planned]
    yield None, f"{len(configs)} methods, {steps} step(s) each"
    for config in configs:
        folder = args.out / config.method
        if not _has_finished(folder):
            folder.mkdir(exist_ok=True)
            prepare_folder(folder, config, documents, resume=(folder / EVENTS).exists())
            _work(folder, settings)
        figures = _method_figures(folder, config.method)
        yield figures, _describe(figures)


def _plan_runs(args: Namespace, settings: Settings, documents: Sequence[Document]) -> list[RunConfig]:
    """Each method at its defaults, with equal steps."""
    methods = args.methods or [id_ for id_, method in adapters.methods().items() if method.core]
    if args.preset not in PRESETS:
        raise UserError(f"There is no preset {args.preset!r}; choose one of {', '.join(PRESETS)}.")
    for id_ in methods:
        adapters.get(id_)
    chat = load_chat(chat_source(settings), choose())
    preset, model = PRESETS[args.preset], chat.model.config
    limits = {"seed": args.seed or 0, "max_seconds": float(settings.max_seconds)}
    values: dict[str, Any] = {**mix_values(fitting_mix(documents)), **limits}
    load = measure_workload(documents, chat.tokenizer, preset_settings(preset, values), shipped_turns(chat.hash))
    speed = training_speed(chat.model, choose())
    plans = method_comparison.equalize_steps([plan_run(id_, preset, {}, values, load, model, speed) for id_ in methods])
    most = min(plans[0].settings.steps, args.max_steps or plans[0].settings.steps)
    return [replace(each, settings=replace(each.settings, steps=most)) for each in plans]


def _begin(out: Path, common: TrainSettings, documents: Sequence[Document]) -> int:
    """Mark the folder as this bake-off's; returns the steps of each run, which an earlier start may have set.

    Raises:
        UserError: the folder holds a bake-off of another text or with other settings.
    """
    common_settings = {"data_hash": data_hash(documents), **asdict(common)}
    marker = out / BAKEOFF
    if marker.exists():
        before = json.loads(marker.read_text(encoding="utf-8"))
        if {**before, "steps": 0} != {
            **common_settings,
            "steps": 0,
        }:  # planned steps depend on the speed that was measured
            raise UserError(f"{out} holds a bake-off of another text or with other settings; choose a new --out.")
        return int(before["steps"])
    marker.write_text(json.dumps(common_settings), encoding="utf-8")
    return common.steps


def _work(folder: Path, settings: Settings) -> None:
    """Run one worker to its end; after Ctrl-C it saves its checkpoint and stops."""
    (folder / EVENTS).touch()
    (folder / STOP).unlink(missing_ok=True)
    (folder / LEASE).write_text("inf")
    worker = start_worker(folder, settings)
    try:
        worker.wait()
    except KeyboardInterrupt as stop:
        (folder / STOP).write_text(str(time.time()))
        worker.wait()
        raise KeyboardInterrupt("Stopped; the same command continues from here.") from stop


def _has_finished(folder: Path) -> bool:
    return (folder / EVENTS).exists() and any(event["event"] == "finished" for event in read_events(folder))


def _method_figures(folder: Path, method: str) -> dict[str, Any]:
    last, weights = read_events(folder)[-1], adapter_weights(adapter_folder(folder))
    if last["event"] != "finished" or weights is None:
        raise UserError(f"{method}: {last.get('error') or f'the worker ended; see {folder}/worker.log'}")
    return {**last, "event": "method", "method": method, "file_bytes": weights.stat().st_size, "folder": str(folder)}


def _describe(figures: dict[str, Any]) -> str:
    losses = f"{figures['heldout_before']:.3f} -> {figures['heldout_after']:.3f}"
    memory, file = f"{figures['peak_bytes'] / 1e9:.2f} GB", f"{figures['file_bytes'] / 1e6:.1f} MB"
    return (
        f"{figures['method']}: held-out loss {losses}, {figures['seconds']:.0f} s, peak {memory}, file {file}, "
        f"{figures['trainable']:,} trainable parameters"
    )
