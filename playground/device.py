"""Where the model runs and in which number type, found by timing; the only module that knows ZeroGPU's `spaces`."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from time import perf_counter
from typing import Any, TypeVar

import torch

Function = TypeVar("Function", bound=Callable[..., Any])

SIZES = {"cpu": 256, "mps": 1024, "cuda": 2048}  # rows of the timed square product: some milliseconds each
REPEATS = 20
BUDGET_SECONDS = 0.1  # for one number type
ADVANTAGE = 4.0  # how much faster bfloat16 must be off CUDA: rounded so, a batch's answers differ from single ones
ASSUMED_GFLOPS = 20_000.0  # ZeroGPU: no card is there to be timed before a call has been lent one


@dataclass(frozen=True)
class Device:
    """A torch device name ("cpu", "cuda", "mps"), the number type to load models in, and its speed in GFLOP/s."""

    name: str
    dtype: torch.dtype
    gflops: float


@cache
def choose() -> Device:
    """The fastest device here; bfloat16 on CUDA where the card has it, elsewhere only where it is far faster.

    Times small products once per process, within 0.3 s; a CPU's speed is that of one thread times its threads.
    """
    if on_zero_gpu():
        return Device("cuda", torch.bfloat16, ASSUMED_GFLOPS)
    name = _name()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # a second thread waits for a busy core at every product, and the choice would waver
    speeds = {dtype: _gflops(name, dtype) for dtype in _number_types(name)}
    torch.set_num_threads(threads)
    dtype = _pick(speeds)
    return Device(name, dtype, speeds[dtype] * (threads if name == "cpu" else 1))


def gpu(duration: int) -> Callable[[Function], Function]:
    """Decorator for functions and generator functions: on ZeroGPU a card is lent for `duration` seconds a call.

    There each call runs in a process of its own: arguments and results are pickled, and what it changes in memory is
    lost. Everywhere else the function is left as it is.
    """
    if not on_zero_gpu():
        return lambda function: function
    import spaces

    return spaces.GPU(duration=duration)


def on_zero_gpu() -> bool:
    """Whether this is a ZeroGPU Space; `spaces` itself reads the variable this way."""
    return os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")


def limit_threads(count: int) -> None:
    """Let matrix products in this process use `count` CPU threads; two processes on all cores slow each other down."""
    torch.set_num_threads(max(1, count))


def _name() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _pick(speeds: dict[torch.dtype, float]) -> torch.dtype:
    """The only type that was timed, or float32 unless bfloat16 beats it by far."""
    if len(speeds) == 1:
        return next(iter(speeds))
    ahead = speeds[torch.bfloat16] >= ADVANTAGE * speeds[torch.float32]
    return torch.bfloat16 if ahead else torch.float32


def _number_types(name: str) -> list[torch.dtype]:
    """The types to be timed."""
    if name == "cuda":  # a card that only emulates bfloat16 says it supports it, unless asked this way
        return [torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32]
    return [torch.float32, torch.bfloat16]


def _gflops(name: str, dtype: torch.dtype) -> float:
    """The best of a few square products: the one that nothing else on the machine disturbed."""
    size = SIZES[name]
    left, right = (torch.ones(size, size, dtype=dtype, device=name) for _ in range(2))
    _product_seconds(left[:64], right)
    best, spent, done = float("inf"), 0.0, 0
    while done < REPEATS and spent < BUDGET_SECONDS:
        seconds = _product_seconds(left, right)
        best, spent, done = min(best, seconds), spent + seconds, done + 1
    return 2 * size**3 / best / 1e9


def _product_seconds(left: torch.Tensor, right: torch.Tensor) -> float:
    """Wall time of one product; reading an element waits for the device."""
    start = perf_counter()
    (left @ right)[0, 0].item()
    return perf_counter() - start
