"""How long after "Start" does a run take its first step? `python -m benchmarks.run_start --pairs 5` on the real model.

In turn without a spare worker and with one that has had time to import: seconds until the run's "started" event and
until the event of its first step, which follows the model's load, the examples and the first held-out test.
"""

import argparse
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import psutil

import adapters
from playground.jobs.processes import SpareWorker, start_worker
from playground.settings import Settings
from playground.storage.run_folder import EVENTS, LEASE, read_events
from playground.surface.training import prepare_folder
from playground.training.config import RunConfig, TrainSettings
from retrieval.readers.dispatch import read_document

TEXT = Path(__file__).parents[1] / "playground" / "data" / "example_texts" / "us_constitution.txt"
IMPORT_SECONDS = 20.0  # that a spare has before its run
LOOK_EVERY = 0.01


def main() -> None:
    """A line per pair, then the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=5)
    rows = [(_seconds(spare=False), _seconds(spare=True)) for _ in range(parser.parse_args().pairs)]
    for cold, warm in rows:
        print(f"started {cold[0]:.2f} -> {warm[0]:.2f} s, first step {cold[1]:.2f} -> {warm[1]:.2f} s")
    for place, name in enumerate(("started", "first step")):
        cold, warm = (statistics.median(pair[kind][place] for pair in rows) for kind in (0, 1))
        print(f"median {name}: {cold:.2f} s without a spare, {warm:.2f} s with one")


def _seconds(spare: bool) -> tuple[float, float]:
    """Until "started" and until the first step of one run."""
    with tempfile.TemporaryDirectory() as data:
        settings = replace(Settings.from_environment(), data=Path(data), spare_worker=True)
        folder = Path(data) / "visitor" / "run"
        folder.mkdir(parents=True)
        config = RunConfig("lora", adapters.get("lora").Options(), TrainSettings(steps=1, batch_tokens=256))
        prepare_folder(folder, config, [read_document(TEXT)], resume=False)
        (folder / EVENTS).touch()
        (folder / LEASE).write_text("inf")
        kept = SpareWorker(settings)
        if spare:
            kept.keep()
            time.sleep(IMPORT_SECONDS)
            print(f"a waiting spare takes {_private_bytes() / 1e6:.0f} MB of its own")
        began = time.monotonic()
        worker = kept.take(folder) or start_worker(folder, settings)
        seen: list[float] = []
        while worker.poll() is None:
            seen += [time.monotonic() - began] * (len(read_events(folder)) - len(seen))
            time.sleep(LOOK_EVERY)
        return seen[0], seen[1]


def _private_bytes() -> int:
    """The memory of the children that no other process shares."""
    return sum(child.memory_full_info().uss for child in psutil.Process().children())


if __name__ == "__main__":
    main()
