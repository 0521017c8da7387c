"""Does a second node halve the time? `python -m benchmarks.scaling` on the real model, a Ray cluster on this machine.

The comparison of methods is put through the queue over Ray with one node and with two, one core and one thread each,
and once without Ray. Prints the time from the first start to the last end, what a run costs beside its training, and
what these costs come to on 1 to 64 nodes (`simulate`), for as many equal runs as 64 visitors start at once.
"""

import argparse
import heapq
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ray.cluster_utils import Cluster

import adapters
from benchmarks.teaching_questions import EXAMPLES
from playground.jobs.queue import JobQueue, training_job
from playground.jobs.supervisor import Supervisor
from playground.settings import NOTHING, Settings
from playground.storage.store import RunRow, Store, new_secret
from playground.training.config import RunConfig, TrainSettings
from retrieval.readers.dispatch import read_document

METHODS = ("lora", "lora_fa", "vera", "delta_lora", "lora_plus")
NODES = (1, 2, 4, 8, 16, 32, 64)
VISITORS = 64
NODE_MEMORY = 100_000_000


def simulate(runs: Sequence[float], overhead: float, gap: float, nodes: int) -> float:
    """Seconds until all runs are done, where each node takes the next one as soon as it is free.

    `overhead` comes to each run; the one server starts them at least `gap` seconds apart.
    """
    free, now, last = [0.0] * nodes, 0.0, 0.0
    for seconds in runs:
        begins = max(heapq.heappop(free), now)
        now = begins + gap
        heapq.heappush(free, begins + overhead + seconds)
        last = max(last, begins + overhead + seconds)
    return last


def compare(settings: Settings, steps: int) -> list[RunRow]:
    """All methods on one text, queued together; returns their rows."""
    store = Store(settings)
    visitor, queue = store.visitor(new_secret()), JobQueue(store, settings)
    documents = [read_document(EXAMPLES / "us_constitution.txt")]
    plans = [
        RunConfig(each, adapters.get(each).Options(), TrainSettings(steps=steps, batch_tokens=256, evaluations=1))
        for each in METHODS
    ]
    supervisor = Supervisor(store, settings)
    supervisor.start()
    runs = queue.add(visitor, [training_job(each, documents, kept=True) for each in plans])
    while any(store.runs.get(visitor, each).state not in ("done", "failed", "stopped") for each in runs):
        time.sleep(0.2)
    supervisor.close()
    return [store.runs.get(visitor, each) for each in runs]


def training_seconds(row: RunRow) -> float:
    """What the run itself took."""
    return float(row.figures["seconds"])


def measure(settings: Settings, steps: int, label: str) -> tuple[float, list[float]]:
    """Print and return the seconds of the comparison, and those of each run's training."""
    began = time.monotonic()
    rows = compare(settings, steps)
    wall, inside = time.monotonic() - began, [training_seconds(each) for each in rows]
    states = ", ".join(f"{each.method} {each.state} {seconds:.0f}" for each, seconds in zip(rows, inside, strict=True))
    print(f"{label} | {wall:.0f} s | sum of training {sum(inside):.0f} s | {states}", flush=True)
    return wall, inside


def on_nodes(count: int, settings: Settings, steps: int) -> tuple[float, list[float]]:
    """The comparison on a cluster of so many nodes of one core."""
    cluster = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 0, "include_dashboard": False, "object_store_memory": NODE_MEMORY},
    )
    for _ in range(count):
        cluster.add_node(num_cpus=1, object_store_memory=NODE_MEMORY)
    try:
        return measure(replace(settings, ray=cluster.address), steps, f"Ray, {count} node(s)")
    finally:
        cluster.shutdown()


def main() -> None:
    """Measure, then simulate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=20)
    steps = parser.parse_args().steps
    os.environ.update(OMP_NUM_THREADS="1", RAY_USAGE_STATS_ENABLED="0")
    host = Settings.from_environment()
    with tempfile.TemporaryDirectory() as scratch:
        settings = replace(
            host, data=Path(scratch), models=host.models.absolute(), spare_worker=False, prepare=NOTHING,
            visitor_runs=100,
        )  # fmt: skip
        here, _ = measure(settings, steps, "without Ray, one at a time")
        one, inside = on_nodes(1, settings, steps)
        two, _ = on_nodes(2, settings, steps)
    overhead = (one - sum(inside)) / len(METHODS)
    print(f"two nodes against one: {one / two:.2f} times as fast; Ray's one against none: {here / one:.2f}")
    print(f"a run costs {overhead:.1f} s beside its training")
    runs = inside * VISITORS
    for nodes in NODES:
        seconds = simulate(runs, overhead, 0.25, nodes)
        print(
            f"{nodes} nodes | {seconds / 60:.1f} min | {sum(runs) / seconds / nodes:.0%} of the nodes' time is training"
        )


if __name__ == "__main__":
    main()
