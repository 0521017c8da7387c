"""`bakeoff`: several methods on the same documents, each in a process of its own, so that its memory is its own."""

import json
import time
from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import adapters
from playground.cli.commands.arguments import BAKEOFF, Line
from playground.cli.commands.index import read_all
from playground.cli.commands.train import prepare
from playground.data.dataset import data_hash
from playground.device import choose
from playground.errors import UserError
from playground.jobs.supervisor import start_worker
from playground.models.chat_model import load_chat
from playground.models.registry import chat_source
from playground.settings import Settings
from playground.storage.run_folder import EVENTS, LEASE, STOP, adapter_folder, adapter_weights, read_events
from playground.training import method_comparison
from playground.training.config import PRESETS, RunConfig, TrainSettings, preset_settings
from playground.training.estimate import plan_run
from playground.training.throughput import training_speed
from playground.training.workload import measure_workload
from retrieval.document import Document


def run(asked: Namespace, settings: Settings) -> Iterator[Line]:
    """A line a method with its figures; the same command goes on with what an interrupted one left.

    Raises:
        KeyboardInterrupt: after Ctrl-C, once the method at work has stopped.
    """
    documents = read_all(asked.files, settings)
    planned = _planned(asked, settings, documents)
    steps = _begin(asked.out, planned[0].settings, documents)
    configs = [replace(each, settings=replace(each.settings, steps=steps)) for each in planned]
    yield None, f"{len(configs)} methods, {steps} step(s) each"
    for config in configs:
        folder = asked.out / config.method
        if not _ended(folder):
            folder.mkdir(exist_ok=True)
            prepare(folder, config, documents, resume=(folder / EVENTS).exists())
            _work(folder, settings)
        found = _told(folder, config.method)
        yield found, _line(found)


def _planned(asked: Namespace, settings: Settings, documents: Sequence[Document]) -> list[RunConfig]:
    """Each method at its defaults, with equal steps."""
    methods = asked.methods or [id_ for id_, method in adapters.methods().items() if method.core]
    if asked.preset not in PRESETS:
        raise UserError(f"There is no preset {asked.preset!r}; choose one of {', '.join(PRESETS)}.")
    for id_ in methods:
        adapters.get(id_)
    chat = load_chat(chat_source(settings), choose())
    preset, model = PRESETS[asked.preset], chat.model.config
    values: dict[str, Any] = {"seed": asked.seed or 0, "max_seconds": float(settings.max_seconds)}
    load = measure_workload(documents, chat.tokenizer, preset_settings(preset, values))
    speed = training_speed(chat.model, choose())
    plans = method_comparison.equalize_steps([plan_run(id_, preset, {}, values, load, model, speed) for id_ in methods])
    most = min(plans[0].settings.steps, asked.max_steps or plans[0].settings.steps)
    return [replace(each, settings=replace(each.settings, steps=most)) for each in plans]


def _begin(out: Path, common: TrainSettings, documents: Sequence[Document]) -> int:
    """Mark the folder and tell the steps of all; those of the bake-off that it holds, and another one's is refused."""
    told = {"data_hash": data_hash(documents), **asdict(common)}
    marker = out / BAKEOFF
    if marker.exists():
        before = json.loads(marker.read_text(encoding="utf-8"))
        if {**before, "steps": 0} != {**told, "steps": 0}:  # a plan's steps follow the machine's speed of the moment
            raise UserError(f"{out} holds a bake-off of another text or with other settings; choose a new --out.")
        return int(before["steps"])
    marker.write_text(json.dumps(told), encoding="utf-8")
    return common.steps


def _work(folder: Path, settings: Settings) -> None:
    """One worker to its end; Ctrl-C lets it save what it has."""
    (folder / EVENTS).touch()
    (folder / STOP).unlink(missing_ok=True)
    (folder / LEASE).write_text("inf")
    worker = start_worker(folder, settings)
    try:
        worker.wait()
    except KeyboardInterrupt as stop:
        (folder / STOP).write_text(str(time.time()))
        worker.wait()
        raise KeyboardInterrupt("Stopped; the same command goes on from here.") from stop


def _ended(folder: Path) -> bool:
    return (folder / EVENTS).exists() and any(event["event"] == "finished" for event in read_events(folder))


def _told(folder: Path, method: str) -> dict[str, Any]:
    last, weights = read_events(folder)[-1], adapter_weights(adapter_folder(folder))
    if last["event"] != "finished" or weights is None:
        raise UserError(f"{method}: {last.get('error') or f'the worker ended; see {folder}/worker.log'}")
    return {**last, "event": "method", "method": method, "file_bytes": weights.stat().st_size, "folder": str(folder)}


def _line(found: dict[str, Any]) -> str:
    losses = f"{found['heldout_before']:.3f} -> {found['heldout_after']:.3f}"
    memory, file = f"{found['peak_bytes'] / 1e9:.2f} GB", f"{found['file_bytes'] / 1e6:.1f} MB"
    return (
        f"{found['method']}: held-out loss {losses}, {found['seconds']:.0f} s, peak {memory}, file {file}, "
        f"{found['trainable']:,} numbers trained"
    )
