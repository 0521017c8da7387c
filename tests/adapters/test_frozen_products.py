"""Products with frozen weights: rounded where that is faster, and nowhere else."""

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from adapters import frozen_products
from adapters.frozen_products import (
    gradient_of_input,
    is_rounded,
    linear,
    multiplies_bfloat16,
    product,
    rounded_products,
)

SIZE = math.isqrt(frozen_products.LEAST)
ROUNDING = 2**-7  # of a product of rounded operands, relative to the largest


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor that multiplies bfloat16; others compute the same, slowly."""
    monkeypatch.setattr(frozen_products, "multiplies_bfloat16", lambda: True)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """What the system tells of its processor."""
    monkeypatch.setattr(frozen_products, "CPU_INFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(frozen_products.platform, "machine", lambda: "x86_64")
    multiplies_bfloat16.cache_clear()
    yield tmp_path / "cpuinfo"
    multiplies_bfloat16.cache_clear()


def frozen_linear(size: int, bias: bool = False) -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(size, size, bias=bias).requires_grad_(False)


def assert_near(found: Tensor, wanted: Tensor) -> None:
    assert found.dtype == torch.float32
    difference = float((found - wanted).abs().max())
    assert 0 < difference < ROUNDING * float(wanted.abs().max())


@pytest.mark.usefixtures("fast")
@pytest.mark.parametrize("bias", [False, True])
def test_a_frozen_layer_and_its_gradient_differ_from_the_exact_ones_by_rounding(bias: bool) -> None:
    layer = frozen_linear(SIZE, bias)
    x = torch.randn(2, 3, SIZE, requires_grad=True)
    wanted = linear(layer, x)
    (wanted_gradient,) = torch.autograd.grad(wanted.square().sum(), x)
    with rounded_products():
        found = linear(layer, x)
    (gradient,) = torch.autograd.grad(found.square().sum(), x)
    torch.testing.assert_close(wanted, layer(x))
    assert_near(found, wanted)
    assert_near(gradient, wanted_gradient)


@pytest.mark.usefixtures("fast")
def test_only_large_frozen_matrices_in_float32_are_rounded() -> None:
    weight = torch.zeros(SIZE, SIZE)
    assert not is_rounded(weight)
    with rounded_products():
        assert is_rounded(weight)
        assert not is_rounded(torch.zeros(SIZE, SIZE - 1))
        assert not is_rounded(weight.double())
        assert not is_rounded(weight.clone().requires_grad_())
    assert not is_rounded(weight)


@pytest.mark.usefixtures("fast")
def test_a_weight_that_changes_is_multiplied_as_it_is_now() -> None:
    layer, x = frozen_linear(SIZE), torch.randn(1, SIZE)
    with rounded_products():
        before = linear(layer, x)
        layer.weight.mul_(2)
        torch.testing.assert_close(linear(layer, x), 2 * before)


def test_without_rounding_products_are_exact() -> None:
    x, W = torch.randn(3, 5), torch.randn(4, 5)
    assert torch.equal(product(x, W, rounded=False), x @ W.T)
    assert torch.equal(gradient_of_input(x @ W.T, W, rounded=False), x @ W.T @ W)


@pytest.mark.parametrize(
    ("flags", "fast"), [("fpu avx512f avx512_bf16", True), ("fpu amx_bf16", True), ("fpu avx512f", False)]
)
def test_the_processors_own_flags_decide(told: Path, flags: str, fast: bool) -> None:
    told.write_text(f"processor : 0\nflags : {flags}\n", encoding="utf-8")
    assert multiplies_bfloat16() is fast


def test_a_system_that_tells_nothing_gets_exact_products(told: Path) -> None:
    assert not told.exists()
    assert not multiplies_bfloat16()
