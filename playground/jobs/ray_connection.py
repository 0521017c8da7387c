"""Joins the Ray cluster of the settings; `python -m playground.jobs.ray_connection` prints how many runs it takes.

Imports no model: the answer must not wait for that on a busy machine.
"""

import sys
from pathlib import Path

import ray

from playground.jobs.processes import WORKER
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


def slots(settings: Settings) -> int:
    """How many runs the cluster takes at once by its cores and GPUs."""
    have = ray.cluster_resources()
    by_cores = int(have.get("CPU", 0) // settings.ray_cpus)
    return min(by_cores, int(have.get("GPU", 0))) if settings.ray_gpu else by_cores


def main() -> int:
    """Print the number; the exit code is 0. A cluster out of reach ends this with the error of Ray."""
    settings = Settings.from_environment()
    connect(settings)
    print(slots(settings))  # noqa: T201 - the answer to the process that asked
    return 0


if __name__ == "__main__":
    sys.exit(main())
