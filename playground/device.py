"""Which device the model runs on, its number type and its speed; the only module that knows ZeroGPU's `spaces`."""

import ctypes
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from time import perf_counter
from typing import Any, TypeVar

import torch

from adapters.measure import run_in_child
from playground.machine_memory import available_memory

Function = TypeVar("Function", bound=Callable[..., Any])

SIZES = {"cpu": 256, "mps": 1024, "cuda": 2048}  # rows of the timed square product: some milliseconds each
REPEATS = 20
BUDGET_SECONDS = 0.1
CHILD_SECONDS = 120.0  # most that a busy machine may take to start Python and import torch
READ_BYTES, READ_COLUMNS, READ_REPEATS = 1 << 27, 2048, 5  # of the matrix by which reading is timed: no cache holds it
ASSUMED_GFLOPS = 20_000.0  # on ZeroGPU, which has no card to time before one is lent for a call

ARENA_MAX, POOLS = -8, 2  # glibc's M_ARENA_MAX, and its value

_choosing = threading.Lock()


@dataclass(frozen=True)
class Device:
    """A torch device name ("cpu", "cuda", "mps"), the number type to load models in, and its speed in GFLOP/s."""

    name: str
    dtype: torch.dtype
    gflops: float


def choose() -> Device:
    """What `find_device` found in this process; the first call takes up to some seconds, and others wait for it."""
    with _choosing:
        return _cached_device()


@cache
def _cached_device() -> Device:
    return find_device()


def find_device() -> Device:
    """The fastest device here; bfloat16 on CUDA if the card supports it, float32 elsewhere.

    Off CUDA bfloat16 makes an answer in the batch differ from the answer alone, and a choice by timing could differ
    between a run and its resumption. Times small products within 0.2 s; in a process with several threads the CPU is
    timed in a child process, whose start takes some seconds. A CPU's speed is that of one thread times the number of
    threads.

    Raises:
        ChildError: the child process failed.
    """
    if on_zero_gpu():
        return Device("cuda", torch.bfloat16, ASSUMED_GFLOPS)
    name = _device_name()
    dtype = _number_type(name)
    if name != "cpu":
        return Device(name, dtype, product_gflops(name, dtype))
    # With several threads, one that first uses torch while the process is limited to one thread stays limited.
    alone = threading.active_count() == 1
    speed = cpu_gflops_per_thread() if alone else run_in_child(cpu_gflops_per_thread, seconds=CHILD_SECONDS)
    return Device(name, dtype, speed * torch.get_num_threads())


def cpu_gflops_per_thread() -> float:
    """GFLOP/s of one CPU thread in float32.

    On one thread, since a second one waits for a busy core at every product and the figure would waver. The number of
    threads is the whole process's, so this is for a process in which nothing else computes.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return product_gflops("cpu", torch.float32)
    finally:
        torch.set_num_threads(threads)


def product_gflops(name: str, dtype: torch.dtype) -> float:
    """The speed of the fastest of some square products, the one least disturbed by other programs."""
    size = SIZES[name]
    left, right = (torch.ones(size, size, dtype=dtype, device=name) for _ in range(2))
    _product_seconds(left[:64], right)
    best, spent, done = float("inf"), 0.0, 0
    while done < REPEATS and spent < BUDGET_SECONDS:
        seconds = _product_seconds(left, right)
        best, spent, done = min(best, seconds), spent + seconds, done + 1
    return 2 * size**3 / best / 1e9


@cache
def read_rate(device: Device) -> float:
    """Bytes of weights per second that a product with one row reads, which bounds how fast a single answer comes."""
    weights = torch.ones(READ_BYTES // (READ_COLUMNS * device.dtype.itemsize), READ_COLUMNS, dtype=device.dtype)
    weights, row = weights.to(device.name), torch.ones(READ_COLUMNS, dtype=device.dtype, device=device.name)
    return READ_BYTES / min(_product_seconds(weights, row[:, None]) for _ in range(READ_REPEATS))


def free_memory(device: Device) -> int:
    """Bytes that a model could take on this device now."""
    if device.name == "cuda":
        return int(torch.cuda.mem_get_info()[0])
    return available_memory()


def gpu(duration: int) -> Callable[[Function], Function]:
    """Decorator for functions and generator functions: on ZeroGPU each call borrows a card for `duration` seconds.

    There each call runs in a forked process: arguments and results are pickled, and its changes in memory are lost.
    Elsewhere the function is returned unchanged.
    """
    if not on_zero_gpu():
        return lambda function: function
    import spaces

    return spaces.GPU(duration=duration)


def on_zero_gpu() -> bool:
    """Whether this is a ZeroGPU Space; `spaces` reads the variable in the same way."""
    return os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")


def share_freed_memory() -> bool:
    """Let this process's threads share two pools of freed memory; returns whether that was done.

    Else each of some forty threads keeps what it freed for itself: a gigabyte with thirty visitors (docs/log.md).
    """
    try:
        return bool(ctypes.CDLL("libc.so.6").mallopt(ARENA_MAX, POOLS))
    except (OSError, AttributeError):  # not glibc
        return False


def _device_name() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _number_type(name: str) -> torch.dtype:
    """Bfloat16 on cards that compute in it; by default torch also counts those that only emulate it."""
    exact = name != "cuda" or not torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.float32 if exact else torch.bfloat16


def _product_seconds(left: torch.Tensor, right: torch.Tensor) -> float:
    """Wall time of one product; reading an element waits until the device has finished."""
    start = perf_counter()
    (left @ right)[0, 0].item()
    return perf_counter() - start
