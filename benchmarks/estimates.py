"""Accuracy of the estimate before a run: ten configurations, each planned, then run as the app runs it.

`python -m benchmarks.estimates [--out FILE]` keeps one line per run in FILE and continues with what is missing there.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import psutil

from playground.device import choose
from playground.jobs.processes import start_worker
from playground.models.chat_model import ChatModel, load_chat
from playground.models.registry import chat_source
from playground.settings import Settings
from playground.storage.run_folder import EVENTS, LEASE, read_events
from playground.surface.training import prepare_folder
from playground.training.config import PRESETS, Preset, RunConfig, preset_settings
from playground.training.estimate import estimate_run, plan_run
from playground.training.throughput import training_speed
from playground.training.workload import measure_workload
from retrieval.document import Document
from retrieval.readers.dispatch import read_document

SECONDS, NEAR = 45, 0.25
LOOK_EVERY = 0.1


@dataclass(frozen=True)
class Case:
    """One configuration on one text."""

    text: str
    method: str
    values: dict[str, Any]
    run_values: dict[str, Any]

    @property
    def name(self) -> str:
        """As the table names it."""
        said = [f"{key}={value}" for key, value in {**self.values, **self.run_values}.items()]
        return ", ".join([self.method, Path(self.text).stem.split(".")[0], *said])


CONSTITUTION = "us_constitution/us-constitution.txt"
FAQ, DICTIONARY = "debian_faq/debian-faq.en.txt", "devils_dictionary/devils_dictionary.jsonl"
CASES = (
    Case(CONSTITUTION, "lora", {}, {}),
    Case(FAQ, "lora", {"top_layers": 6}, {"window": 256, "pairs_share": 0.0}),
    Case(DICTIONARY, "lora", {}, {"window": 128}),
    Case(CONSTITUTION, "lora_fa", {"rank": 16}, {"window": 128, "pairs_share": 0.0}),
    Case(FAQ, "vera", {}, {"pairs_share": 0.25}),
    Case(CONSTITUTION, "dora", {"top_layers": 6}, {"pairs_share": 1.0}),
    Case(FAQ, "dora", {}, {"window": 128}),
    Case(CONSTITUTION, "qlora", {}, {"passages_share": 1.0}),
    Case(DICTIONARY, "vera", {"top_layers": 6}, {"passages_share": 1.0}),
    Case(CONSTITUTION, "full", {}, {"pairs_share": 0.25}),
)


def main() -> None:
    """Run what FILE does not hold yet, then print how many estimates are close."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of the texts")
    parser.add_argument(
        "--out", type=Path, default=Path(".cache/estimates.jsonl"), help="file of the runs that are done"
    )
    parser.add_argument("--only", type=int, nargs="*", help="numbers of the cases to run, from 0")
    asked = parser.parse_args()
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    done = {each["name"]: each for each in _read(asked.out)}
    chat = load_chat(chat_source(Settings.from_environment()), choose())
    print("| configuration | steps | seconds: estimated, real | ratio | memory, GB | disk, GB |\n" + "|---" * 6 + "|")
    found = []
    for number, case in enumerate(CASES):
        if asked.only and number not in asked.only:
            continue
        row = done.get(case.name) or measured(case, chat, asked.data)
        if case.name not in done:
            with asked.out.open("a", encoding="utf-8") as kept:
                kept.write(json.dumps(row) + "\n")
        found.append(row)
        print(_line(row), flush=True)
    near = sum(abs(each["estimated"]["seconds"] / each["seconds"] - 1) <= NEAR for each in found)
    print(f"\nwithin ±{NEAR:.0%} of the time: {near} of {len(found)}")


def measured(case: Case, chat: ChatModel, data: Path) -> dict[str, Any]:
    """Plan a run for SECONDS, estimate it, and run it by a worker process."""
    documents = [read_document(data / case.text)]
    quick = PRESETS["quick"]
    preset = Preset(SECONDS, quick.epochs, quick.batch_tokens, quick.evaluations)
    began = time.perf_counter()
    load = measure_workload(documents, chat.tokenizer, preset_settings(preset, case.run_values))
    speed, model = training_speed(chat.model, choose()), chat.model.config
    config = plan_run(case.method, preset, case.values, case.run_values, load, model, speed)
    cost = estimate_run(config, load, model, speed)
    told = time.perf_counter() - began
    return {
        "name": case.name,
        "steps": config.settings.steps,
        "estimated": asdict(cost),
        "estimating": told,
        "load": asdict(load),
        **run(config, documents),
    }


def run(config: RunConfig, documents: list[Document]) -> dict[str, Any]:
    """Seconds from the worker's start to its end and between events, its peak memory, the most on disk."""
    with tempfile.TemporaryDirectory() as data:
        settings = replace(Settings.from_environment(), data=Path(data))  # the models stay where they are
        folder = Path(data) / "visitor" / "run"
        folder.mkdir(parents=True)
        prepare_folder(folder, config, documents, resume=False)
        (folder / EVENTS).touch()
        (folder / LEASE).write_text("inf")
        began, disk, seen = time.monotonic(), 0, {}
        worker = start_worker(folder, settings)
        for now in _watched(worker):
            disk = max(disk, _bytes(folder))
            for number in range(len(read_events(folder))):
                seen.setdefault(number, now - began)
        end = read_events(folder)[-1]
    if end["event"] != "finished":
        sys.exit(f"{config.method}: {end}")
    return {
        "seconds": time.monotonic() - began,
        "memory_bytes": end["peak_bytes"],
        "disk_bytes": disk,
        "started": seen.get(0),
        "first_test": seen.get(1),
        "stepping": end["seconds"],
    }


def _watched(worker: psutil.Popen) -> Iterator[float]:
    while worker.poll() is None:
        yield time.monotonic()
        time.sleep(LOOK_EVERY)


def _bytes(folder: Path) -> int:
    """Bytes of all files but the text and the log; a file may vanish meanwhile."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.suffix == ".safetensors" else 0
        except FileNotFoundError:
            continue
    return total


def _read(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []


def _line(row: dict[str, Any]) -> str:
    told = row["estimated"]
    return (
        f"| {row['name']} | {row['steps']} | {told['seconds']:.0f}, {row['seconds']:.0f} | "
        f"{told['seconds'] / row['seconds']:.2f} | "
        f"{_pair(told, row, 'memory_bytes')} | {_pair(told, row, 'disk_bytes')} |"
    )


def _pair(told: dict[str, Any], row: dict[str, Any], figure: str) -> str:
    return f"{told[figure] / 1e9:.2f}, {row[figure] / 1e9:.2f}"


if __name__ == "__main__":
    main()
