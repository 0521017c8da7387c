"""Joins the Ray cluster of the settings; `python -m playground.jobs.ray_connection` prints its room for runs as JSON.

Imports no model: the answer must not wait for that on a busy machine.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import ray

from playground.jobs.processes import WORKER
from playground.jobs.room import Room
from playground.settings import Settings

PACKAGES = ("playground", "retrieval", "adapters")  # what a node needs of ours; the libraries are there


def connect(settings: Settings) -> None:
    """Join the cluster. Ray sends each of PACKAGES to every node once.

    Raises:
        ConnectionError: it is out of reach.
    """
    packages = [str(Path(__file__).parents[2] / each) for each in PACKAGES]
    environment = {"py_modules": packages, "env_vars": {**WORKER, "OMP_NUM_THREADS": str(settings.ray_cpus)}}
    ray.init(settings.ray, log_to_driver=False, configure_logging=False, runtime_env=environment)


def room(settings: Settings) -> Room:
    """How many runs the cluster takes at once by its cores and GPUs, and the memory of its largest node."""
    have = [dict(each["Resources"]) for each in ray.nodes() if each["Alive"]]
    slots = [_slots(each, settings) for each in have]
    memory = [int(each.get("memory", 0)) for each, runs in zip(have, slots, strict=True) if runs]
    return Room(sum(slots), max(memory, default=0))


def _slots(node: Mapping[str, Any], settings: Settings) -> int:
    by_cores = int(node.get("CPU", 0) // settings.ray_cpus)
    return min(by_cores, int(node.get("GPU", 0))) if settings.ray_gpu else by_cores


def main() -> int:
    """Print the room; the exit code is 0. A cluster out of reach ends this with the error of Ray."""
    settings = Settings.from_environment()
    connect(settings)
    print(json.dumps(asdict(room(settings))))  # noqa: T201 - the answer to the process that asked
    return 0


if __name__ == "__main__":
    sys.exit(main())
