"""The device and its number type are chosen by timing; ZeroGPU is one seam."""

import sys
from collections.abc import Callable, Iterator
from time import perf_counter
from types import SimpleNamespace

import pytest
import torch

from playground import device


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The choice is made anew in every test, on an ordinary machine without a card."""
    monkeypatch.delenv("SPACES_ZERO_GPU", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    device.choose.cache_clear()
    yield
    device.choose.cache_clear()


def speeds(monkeypatch: pytest.MonkeyPatch, float32: float, bfloat16: float) -> None:
    """Pretend that products of the two types run at these GFLOP/s."""
    figures = {torch.float32: float32, torch.bfloat16: bfloat16}
    monkeypatch.setattr(device, "_gflops", lambda name, dtype: figures[dtype])


def test_the_real_timing_is_short_sensible_and_done_once() -> None:
    start = perf_counter()
    first = device.choose()
    assert perf_counter() - start < 3  # 0.3 s where nothing else runs
    assert first.name == "cpu"
    assert first.dtype in (torch.float32, torch.bfloat16)
    assert 0.1 < first.gflops < 100_000
    assert device.choose() is first


@pytest.mark.parametrize(
    ("float32", "bfloat16", "expected"),
    [(160.0, 20.0, torch.float32), (160.0, 400.0, torch.float32), (160.0, 1_300.0, torch.bfloat16)],
)
def test_bfloat16_has_to_be_far_faster_off_cuda(
    monkeypatch: pytest.MonkeyPatch, float32: float, bfloat16: float, expected: torch.dtype
) -> None:
    speeds(monkeypatch, float32, bfloat16)
    assert device.choose().dtype == expected


def test_a_cpus_speed_is_one_threads_times_its_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    speeds(monkeypatch, 80.0, 10.0)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    asked: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", asked.append)
    assert device.choose() == device.Device("cpu", torch.float32, 160.0)
    assert asked == [1, 2], "one thread while timing, then as many as before"


@pytest.mark.parametrize(("supported", "expected"), [(True, torch.bfloat16), (False, torch.float32)])
def test_a_card_that_only_emulates_bfloat16_gets_float32(
    monkeypatch: pytest.MonkeyPatch, supported: bool, expected: torch.dtype
) -> None:
    speeds(monkeypatch, 8_000.0, 9_000.0)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: including_emulation or supported)
    assert (device.choose().name, device.choose().dtype) == ("cuda", expected)


def test_zero_gpu_is_not_timed_before_it_lends_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    monkeypatch.setattr(device, "_gflops", lambda name, dtype: pytest.fail("no card is there to be timed"))
    assert device.choose() == device.Device("cuda", torch.bfloat16, device.ASSUMED_GFLOPS)


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


@pytest.mark.parametrize(("count", "expected"), [(1, 1), (0, 1), (-3, 1)])
def test_at_least_one_thread_is_left(count: int, expected: int) -> None:
    device.limit_threads(count)
    assert torch.get_num_threads() == expected
