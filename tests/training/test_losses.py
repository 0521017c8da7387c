"""Packing, the fused forward pass, the fused loss and the activation cache: all equal to transformers and PEFT."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy

import adapters
from adapters import frozen_products
from adapters.peft_method import unwrap
from playground.data.packing import build_pack, pack_examples
from playground.data.tokenize import NO_LOSS, Example
from playground.training.activation_cache import ActivationCache
from playground.training.fused_decoder import is_supported
from playground.training.linear_cross_entropy import head_loss
from playground.training.losses import count_targets, product_form, summed_losses
from tests.conftest import tiny_llama
from tests.fakes.reference_losses import attached, example, reference_loss, take_gradients

METHODS = sorted(adapters.methods())
ROUNDING = 0.05  # of a gradient's length, where every product on its way is rounded to 8 bits


RAGGED = [example(n, length, prompt=3, system=12) for n, length in enumerate((5, 31, 9, 17, 9))]
PROSE = [example(n, 24) for n in (7, 8)]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("examples", [RAGGED, PROSE, RAGGED[:1]], ids=["ragged", "prose", "alone"])
def test_loss_and_gradients_are_those_of_the_examples_alone(method: str, examples: list[Any]) -> None:
    model = attached(tiny_llama(layers=3), method)
    expected = reference_loss(model, examples)
    expected.backward()
    wanted = list(take_gradients(model))
    found = torch.zeros(())
    for loss in summed_losses(unwrap(model), examples):
        loss.backward()
        found = found + loss.detach()
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)
    for got, want in zip(take_gradients(model), wanted, strict=True):
        assert torch.allclose(got, want, rtol=1e-3, atol=2e-5 * float(want.abs().max() + 1))


@pytest.mark.parametrize("method", METHODS)
def test_every_method_learns_of_rounded_products_nearly_the_same(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = attached(tiny_llama(), method)
    exact = sum(summed_losses(unwrap(model), PROSE))
    exact.backward()
    wanted = list(take_gradients(model))
    monkeypatch.setattr(frozen_products, "multiplies_bfloat16", lambda: True)
    monkeypatch.setattr(frozen_products, "LEAST", 1)
    found = sum(summed_losses(unwrap(model), PROSE))
    found.backward()
    assert found.item() == pytest.approx(exact.item(), rel=1e-2)
    for got, want in zip(take_gradients(model), wanted, strict=True):
        assert float((got - want).norm()) <= ROUNDING * float(want.norm()) + 1e-6


def test_the_form_of_products_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    model = attached(tiny_llama(), "lora")
    monkeypatch.setattr(frozen_products, "multiplies_bfloat16", lambda: True)
    assert product_form(unwrap(model)) == "float32", "its matrices are small"
    monkeypatch.setattr(frozen_products, "LEAST", 1)
    assert product_form(unwrap(model)) == "bfloat16"
    assert product_form(unwrap(attached(tiny_llama(), "full"))) == "float32", "nothing is frozen"


def test_another_architecture_goes_example_by_example() -> None:
    class Other(type(tiny_llama())):  # type: ignore[misc]
        """A model whose modules are not known."""

    model = tiny_llama()
    model.__class__ = Other
    assert sum(summed_losses(model, RAGGED)).item() == pytest.approx(
        reference_loss(tiny_llama(), RAGGED).item(), rel=1e-5
    )


def test_what_examples_share_at_their_start_is_in_a_pack_once() -> None:
    packed = build_pack(RAGGED)
    alone = sum(len(each.input_ids) for each in RAGGED)
    assert len(packed.ids) == alone - 12 * (len(RAGGED) - 1)
    assert len(packed.targets) == count_targets(RAGGED)


def test_a_short_common_start_is_not_shared_and_one_example_keeps_its_last_token() -> None:
    assert len(build_pack([example(1, 9, system=4), example(2, 9, system=4)]).ids) == 26
    same = example(1, 20, prompt=20)
    same.labels[-1] = same.input_ids[-1]
    assert len(build_pack([same, same]).ids) == 21


def test_a_common_start_that_is_learnt_is_learnt_by_each() -> None:
    start = example(9, 20).input_ids
    both = [Example(start + end, start + end) for end in ([5, 6], [7, 8, 9])]
    ((_, packed),) = pack_examples(both)
    assert len(packed.targets) == count_targets(both) == 43


def test_a_pack_ends_before_it_grows_too_long() -> None:
    lengths = [(1, 60), (2, 10), (3, 20), (4, 25)]
    found = [len(members) for members, _ in pack_examples([example(*each) for each in lengths], max_tokens=50)]
    assert found == [2, 1, 1]


def test_a_pack_counts_what_its_examples_share_once_and_keeps_it_shared() -> None:
    alike = [example(each, 20, system=12) for each in range(4)]
    apart = Example(list(range(40, 55)), list(range(40, 55)))
    found = list(pack_examples([*alike[:2], apart, *alike[2:]], max_tokens=95))
    assert sorted(len(members) for members, _ in found) == [1, 4]
    assert sum(len(each.ids) for _, each in found) == len(build_pack(alike).ids) + 15


def test_an_example_without_loss_gives_none() -> None:
    assert list(summed_losses(tiny_llama(), [Example([5, 6, 7], [NO_LOSS] * 3)])) == []


@pytest.mark.parametrize("rows", [1, 255, 600])
def test_the_fused_loss_is_cross_entropy_with_its_gradients(rows: int) -> None:
    generator = torch.Generator().manual_seed(rows)
    hidden = (5 * torch.randn(rows, 16, generator=generator)).requires_grad_()
    weight = torch.randn(7_000, 16, generator=generator).requires_grad_()
    targets = torch.randint(0, 7_000, (rows,), generator=generator)
    plain = cross_entropy(hidden @ weight.T, targets, reduction="sum")
    wanted = torch.autograd.grad(2 * plain, (hidden, weight))
    fused = head_loss(hidden, weight, targets)
    found = torch.autograd.grad(2 * fused, (hidden, weight))
    assert fused.item() == pytest.approx(plain.item(), rel=1e-5)
    assert all(torch.allclose(a, b, rtol=1e-3, atol=1e-4) for a, b in zip(found, wanted, strict=True))


def test_large_scores_do_not_overflow() -> None:
    hidden, weight = torch.full((1, 1), 1e3), torch.tensor([[1.0], [-1.0], [1.0]])
    assert head_loss(hidden, weight, torch.tensor([0])).item() == pytest.approx(0.6931, abs=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_the_activation_cache_changes_neither_loss_nor_gradients(method: str, tmp_path: Path) -> None:
    model = attached(tiny_llama(layers=3), method, top_layers=1)
    wanted = sum(summed_losses(unwrap(model), RAGGED))
    wanted.backward()
    before = list(take_gradients(model))
    cache = ActivationCache(unwrap(model), 2, RAGGED, tmp_path, "base")
    for _ in range(2):
        found = sum(summed_losses(unwrap(model), RAGGED, cache))
        found.backward()
        assert found.item() == pytest.approx(wanted.item(), rel=1e-5)
        for got, want in zip(take_gradients(model), before, strict=True):
            assert torch.allclose(got, want, rtol=1e-3, atol=2e-5 * float(want.abs().max() + 1))


def test_activations_are_computed_once_and_found_again(tmp_path: Path) -> None:
    first = tiny_llama()
    want = [each.item() for each in summed_losses(first, RAGGED, ActivationCache(first, 1, RAGGED, tmp_path, "base"))]
    again = tiny_llama()
    assert is_supported(again)  # tried with all blocks
    again.model.layers[0] = None  # type: ignore[assignment]  # nothing can be computed with it
    assert [
        each.item() for each in summed_losses(again, RAGGED, ActivationCache(again, 1, RAGGED, tmp_path, "base"))
    ] == want
    with pytest.raises(TypeError):
        list(summed_losses(again, RAGGED, ActivationCache(again, 1, RAGGED, tmp_path, "another base")))


def test_an_example_that_is_read_twice_is_stored_once_and_has_its_room_on_the_disk_from_the_start(
    tmp_path: Path,
) -> None:
    model = tiny_llama()
    ActivationCache(model, 1, RAGGED, tmp_path / "once", "base")
    ActivationCache(model, 1, [*RAGGED, *RAGGED[:2]], tmp_path / "twice", "base")
    once, twice = (next((tmp_path / each).iterdir()) for each in ("once", "twice"))
    assert (once.name, once.stat().st_size) == (twice.name, twice.stat().st_size)
    assert 512 * once.stat().st_blocks >= once.stat().st_size, "a page without room would end the process later"


def test_activations_of_older_texts_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_llama()
    ActivationCache(model, 1, RAGGED, tmp_path, "first")
    size = next(tmp_path.iterdir()).stat().st_size
    monkeypatch.setattr("playground.training.activation_cache.MAX_BYTES", 2 * size)
    for key in ("second", "third"):
        ActivationCache(model, 1, RAGGED, tmp_path, key)
    assert len(list(tmp_path.iterdir())) == 2
