"""The device's speed is timed and its number type is not; ZeroGPU is one seam."""

import platform
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from time import perf_counter
from types import SimpleNamespace

import pytest
import torch

from playground import device


@pytest.fixture(autouse=True)
def ordinary_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """No card, not a ZeroGPU Space, and a process of one thread unless a test says otherwise."""
    monkeypatch.delenv("SPACES_ZERO_GPU", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(threading, "active_count", lambda: 1)


def speeds(monkeypatch: pytest.MonkeyPatch, float32: float, bfloat16: float) -> None:
    """Pretend that products of the two types run at these GFLOP/s."""
    figures = {torch.float32: float32, torch.bfloat16: bfloat16}
    monkeypatch.setattr(device, "product_gflops", lambda name, dtype: figures[dtype])


def test_the_real_timing_is_short_sensible_and_done_once() -> None:
    start = perf_counter()
    first = device.find_device()
    assert perf_counter() - start < 3  # 0.3 s where nothing else runs
    assert first.name == "cpu"
    assert first.dtype is torch.float32
    assert 0.1 < first.gflops < 100_000
    assert device.choose() is device.choose()


@pytest.mark.parametrize("name", ["cpu", "mps"])
def test_a_fast_bfloat16_changes_no_number_off_cuda(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A type chosen by timing once differed between the processes of one run, on a CPU whose bfloat16 is fast."""
    speeds(monkeypatch, 160.0, 1_300.0)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: name == "mps")
    chosen = device.find_device()
    assert (chosen.name, chosen.dtype) == (name, torch.float32)


def test_a_cpus_speed_is_one_threads_times_its_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    speeds(monkeypatch, 80.0, 10.0)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    asked: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", asked.append)
    assert device.find_device() == device.Device("cpu", torch.float32, 160.0)
    assert asked == [1, 2], "one thread while timing, then as many as before"


def test_threads_that_start_while_the_cpu_is_timed_keep_all_their_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    before, done = torch.get_num_threads(), threading.Event()
    torch.set_num_threads(2)
    found: list[int] = []

    def first_use() -> None:
        torch.ones(64, 64) @ torch.ones(64, 64)
        found.append(torch.get_num_threads())

    def start_threads() -> None:
        while not done.wait(0.002):
            thread = threading.Thread(target=first_use)
            thread.start()
            thread.join()

    starting = threading.Thread(target=start_threads)
    starting.start()
    try:
        chosen = device.find_device()
    finally:
        done.set()
        starting.join()
        torch.set_num_threads(before)
    assert set(found) == {2}
    assert len(found) > 10
    assert chosen.gflops > 0.1


@pytest.mark.parametrize(("supported", "expected"), [(True, torch.bfloat16), (False, torch.float32)])
def test_a_card_that_only_emulates_bfloat16_gets_float32(
    monkeypatch: pytest.MonkeyPatch, supported: bool, expected: torch.dtype
) -> None:
    speeds(monkeypatch, 8_000.0, 9_000.0)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: including_emulation or supported)
    assert (device.find_device().name, device.find_device().dtype) == ("cuda", expected)


def test_zero_gpu_is_not_timed_before_it_lends_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    monkeypatch.setattr(device, "product_gflops", lambda name, dtype: pytest.fail("no card is there to be timed"))
    assert device.find_device() == device.Device("cuda", torch.bfloat16, device.ASSUMED_GFLOPS)


def test_off_zero_gpu_a_function_and_a_generator_stay_themselves() -> None:
    def function() -> int:
        return 1

    def generator() -> Iterator[int]:
        yield 1

    assert device.gpu(60)(function) is function
    assert device.gpu(60)(generator) is generator
    assert "spaces" not in sys.modules


def test_on_zero_gpu_spaces_decorates_with_the_duration(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Callable[..., object], int]] = []

    def lend(duration: int) -> Callable[..., object]:
        return lambda function: asked.append((function, duration)) or function

    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    monkeypatch.setitem(sys.modules, "spaces", SimpleNamespace(GPU=lend))

    @device.gpu(duration=45)
    def stream() -> Iterator[str]:
        yield "token"

    assert list(stream()) == ["token"]
    assert asked == [(stream, 45)]


POOLS = """
import ctypes, re, threading, tempfile
libc = ctypes.CDLL("libc.so.6")
libc.fopen.restype = ctypes.c_void_p
if {shared}:
    from playground import device
    assert device.share_freed_memory()
def work():
    kept = [bytearray(4_000) for _ in range(100)]
    threading.Event().wait()
for _ in range(12):
    threading.Thread(target=work, daemon=True).start()
with tempfile.NamedTemporaryFile() as file:
    stream = ctypes.c_void_p(libc.fopen(file.name.encode(), b"w"))
    libc.malloc_info(0, stream)
    libc.fclose(stream)
    print(len(re.findall("<heap nr", file.read().decode())))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc keeps a pool per thread")
def test_threads_share_a_few_pools_of_freed_memory() -> None:
    counted = [
        int(subprocess.run([sys.executable, "-c", POOLS.format(shared=shared)], capture_output=True, check=True).stdout)
        for shared in (False, True)
    ]
    assert counted[0] > 3 >= counted[1]
