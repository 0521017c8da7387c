"""SIGKILL at random moments, some during a save: does the resumed run end bit for bit like an undisturbed one?

`python -m benchmarks.kills [--kills 30] [--method ID ...]` trains a tiny model, each time in a process of its own.
"""

import argparse
import json
import math
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from safetensors.numpy import load_file

import adapters
from adapters.options import build, knobs
from playground.jobs.worker import work
from playground.settings import Settings
from playground.storage.run_folder import (
    CHECKPOINT,
    EVENTS,
    LEASE,
    adapter_folder,
    adapter_weights,
    read_events,
    write_config,
    write_documents,
)
from playground.training.config import RunConfig, TrainSettings
from retrieval.document import Document
from tests.fakes.tiny_model import tiny_llama, tiny_tokenizer

KILLS = 30
INSIDE_A_SAVE = 0.4  # share of the kills that hit a worker inside a save
TOUCHES = 24  # of files of unfinished saves; about eight each, so such a kill hits one of the next three saves
STEPS, TOKENS, WINDOW = 24, 128, 64
SETTINGS = TrainSettings(steps=STEPS, batch_tokens=TOKENS, window=WINDOW, evaluations=4, checkpoint_every=3)
TEXT = "\n\n".join(f"The {n}th rule of the house is to close door {n} before door {n + 1}." for n in range(40))
PRELOADED = ["tests.conftest", "playground.jobs.tasks.train", "playground.jobs.worker"]
FORKED = get_context("forkserver")  # a child starts with everything imported


@dataclass
class Tally:
    """The result of a method's kills; `resumed` counts those whose run ended like the undisturbed one.

    `lost` has the logged steps that each resumption did again, `difference` is the largest of any weight or loss.
    """

    method: str
    kills: int = 0
    inside_a_save: int = 0
    resumed: int = 0
    runs: int = 0
    alike: int = 0
    difference: float = 0.0
    lost: list[int] = field(default_factory=list)

    @property
    def exact(self) -> bool:
        """Whether every kill was followed by a resumption, and every run ended like the undisturbed one."""
        return self.resumed == self.kills and self.alike == self.runs and self.difference == 0.0


def tally(method: str, kills: int, models: Path, out: Path, seed: int = 0) -> Tally:
    """Train with a method until `kills` kills are done, over as many runs as that takes."""
    chance = random.Random(f"{method} {seed}")
    settings = Settings(data=out, chat_model=str(models))
    for name in ("warm", "whole"):  # the first one also starts what others are forked from
        whole = new_run(out / name, method)
        began = time.monotonic()
        _start(whole, settings).join()
        seconds = time.monotonic() - began
    found = Tally(method)
    while found.kills < kills:
        folder = new_run(out / f"run-{found.runs}", method)
        before = found.kills
        _kill_until_done(folder, settings, found, kills, seconds, chance)
        found.runs += 1
        found.lost += list(lost_steps(folder))
        found.difference = max(found.difference, difference(whole, folder))
        alike = weights(whole) == weights(folder) and losses(whole) == losses(folder)
        found.alike += alike
        found.resumed += (found.kills - before) * alike
    return found


def new_run(folder: Path, method: str) -> Path:
    """A run's folder as the queue makes it, with dropout where the method has it."""
    folder.mkdir(parents=True)
    options = adapters.get(method).Options
    free = {knob.name: knob for knob in knobs(options) if not knob.is_fixed}
    values = {"dropout": 0.1} if "dropout" in free and (free["dropout"].high or 0) >= 0.1 else {}
    config = RunConfig(method, build(options, values), SETTINGS)
    write_config(folder, {"kind": "train", **config.to_dict()})
    write_documents(folder, [Document("house.txt", TEXT)])
    (folder / EVENTS).touch()
    (folder / LEASE).write_text(str(time.time() + 86_400))
    return folder


def lost_steps(folder: Path) -> Iterator[int]:
    """For each resumption, the number of logged steps that were repeated."""
    reached, resuming = 0, False
    for event in raw_events(folder):
        if event["event"] == "started":
            resuming = event["resumed"]
        elif event["event"] == "progress":
            if resuming:
                yield max(0, reached - event["step"] + 1)
            reached, resuming = event["step"], False


def raw_events(folder: Path) -> list[dict[str, Any]]:
    """Every whole line of a run's log."""
    found = []
    for line in (folder / EVENTS).read_text().splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def losses(folder: Path) -> list[tuple[float | None, float | None]]:
    """Training and held-out loss of each step, exactly."""
    events = [event for event in read_events(folder) if event["event"] == "progress"]
    return [(event["loss"], event["heldout_loss"]) for event in events]


def weights(folder: Path) -> bytes:
    """The adapter's file."""
    return _weights_file(folder).read_bytes()


def _weights_file(folder: Path) -> Path:
    """A finished run's."""
    file = adapter_weights(adapter_folder(folder))
    if file is None:
        raise FileNotFoundError(f"{folder} has no adapter")
    return file


def difference(one: Path, other: Path) -> float:
    """The largest absolute difference of any weight or loss; infinite where shapes or steps differ."""
    left, right = _numbers(one), _numbers(other)
    if {name: each.shape for name, each in left.items()} != {name: each.shape for name, each in right.items()}:
        return math.inf
    return max(float(np.abs(left[name] - right[name]).max(initial=0.0)) for name in left)


def _numbers(folder: Path) -> dict[str, np.ndarray]:
    """Every tensor of the adapter and the losses of each step, 0 where none was measured."""
    told = {f"losses of step {step}": row for step, row in enumerate(losses(folder))}
    rows = {name: np.array([loss or 0.0 for loss in row]) for name, row in told.items()}
    return {**load_file(_weights_file(folder)), **rows}


def _kill_until_done(
    folder: Path, settings: Settings, found: Tally, kills: int, seconds: float, chance: random.Random
) -> None:
    """Restart the run after each kill; after the last one, let it finish."""
    while found.kills < kills:
        halt_at = chance.randint(1, TOUCHES) if chance.random() < INSIDE_A_SAVE else 0
        worker = _start(folder, settings, halt_at)
        if halt_at:
            _wait_until_halted(worker)
        else:
            worker.join(chance.uniform(0, seconds))
        worker.kill()
        worker.join()
        if worker.exitcode != -signal.SIGKILL:
            return
        found.kills += 1
        found.inside_a_save += bool(_saves(folder, worker))
    _start(folder, settings).join()


def _wait_until_halted(worker: BaseProcess) -> None:
    """Wait until the worker has halted itself, or has ended first."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(worker.pid)
        while worker.is_alive() and process.status() != psutil.STATUS_STOPPED:
            time.sleep(0.01)


def _halt_inside_a_save(touch: int) -> None:
    """Let this process halt at the given touch of a file or folder of an unfinished save, counted from now on."""
    touches = count(1)
    mark = f"-{os.getpid()}"

    def halt(event: str, args: tuple[Any, ...]) -> None:
        if event not in ("open", "os.rename") or not isinstance(args[0], str | Path):
            return
        inside = any(part.startswith(".tmp-") and part.endswith(mark) for part in Path(args[0]).parts)
        if inside and next(touches) == touch:
            os.kill(os.getpid(), signal.SIGSTOP)

    sys.addaudithook(halt)


def _saves(folder: Path, worker: BaseProcess) -> set[str]:
    """The worker's unfinished saves; none once a finished run has deleted its checkpoints."""
    try:
        return {path.name for path in (folder / CHECKPOINT).glob(f".tmp-*-{worker.pid}")}
    except FileNotFoundError:
        return set()


def _start(folder: Path, settings: Settings, halt_at: int = 0) -> BaseProcess:
    worker = FORKED.Process(target=_work, args=(folder, settings, halt_at), daemon=True)
    worker.start()
    return worker


def _work(folder: Path, settings: Settings, halt_at: int) -> None:
    if halt_at:
        _halt_inside_a_save(halt_at)
    torch.set_num_threads(1)
    work(folder, settings)


def tiny_models(folder: Path) -> Path:
    """The tiny chat model, made in code."""
    tiny_llama().save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder


def main(words: Sequence[str] | None = None) -> None:
    """Print one row per method."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--method", nargs="*", default=sorted(adapters.methods()))
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(words)
    FORKED.set_forkserver_preload(PRELOADED)
    print("| method | kills | inside a save | resumed | runs | bit-identical | max difference | steps lost a kill |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as place:
        models = tiny_models(Path(place) / "model")
        for method in asked.method:
            each = tally(method, asked.kills, models, Path(place) / method, asked.seed)
            lost = f"{statistics.mean(each.lost):.1f} (at most {max(each.lost)})"
            counts = f"{each.kills} | {each.inside_a_save} | {each.resumed} | {each.runs} | {each.alike}"
            print(f"| {method} | {counts} | {each.difference:g} | {lost} |", flush=True)


if __name__ == "__main__":
    main()
