"""Every architecture of the table: packs, methods, cached lower layers and steps equal what transformers computes."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import adapters
from adapters.base import target_layers, top_blocks
from adapters.cost import bare_blocks
from adapters.peft_method import unwrap
from playground.models.architectures import architecture_of, row_of
from playground.training import fused_decoder
from playground.training.activation_cache import ActivationCache
from playground.training.losses import summed_losses
from tests.fakes.architectures import KINDS, OURS, strong
from tests.fakes.reference_losses import attached, example, reference_loss, take_gradients

METHODS = sorted(adapters.methods())
OTHERS = sorted(OURS - {"llama"})  # Llama has a file of its own: test_losses.py


# A pack with a shared beginning, and a lone example; both longer than the window of the sliding layers.
EXAMPLES = [*(example(n, length, prompt=3, system=12) for n, length in enumerate((5, 21, 9))), example(7, 24)]


def assert_same(model: nn.Module, losses: Iterator[Tensor], expected: Tensor, wanted: list[Tensor]) -> None:
    found = torch.zeros(())
    for loss in losses:
        loss.backward()
        found = found + loss.detach()
    assert found.item() == pytest.approx(expected.item(), rel=1e-4)
    for got, want in zip(take_gradients(model), wanted, strict=True):
        assert torch.allclose(got, want, rtol=1e-3, atol=1e-4 * float(want.abs().max() + 1))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", OTHERS)
def test_loss_and_gradients_of_each_method_are_those_of_the_examples_alone(kind: str, method: str) -> None:
    model = attached(strong(kind), method)
    assert fused_decoder.is_supported(unwrap(model))
    expected = reference_loss(model, EXAMPLES)
    expected.backward()
    assert_same(model, summed_losses(unwrap(model), EXAMPLES), expected, list(take_gradients(model)))


@pytest.mark.parametrize("kind", OTHERS)
def test_kept_lower_layers_change_neither_loss_nor_gradients(kind: str, tmp_path: Path) -> None:
    model = attached(strong(kind), "lora", top_layers=1)
    expected = reference_loss(model, EXAMPLES)
    expected.backward()
    wanted = list(take_gradients(model))
    cache = ActivationCache(unwrap(model), 1, EXAMPLES, tmp_path, "base")
    for _ in range(2):
        assert_same(model, summed_losses(unwrap(model), EXAMPLES, cache), expected, wanted)


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_that_the_table_does_not_cover_has_no_row(kind: str) -> None:
    model = strong(kind)
    assert (row_of(model) is not None) is (architecture_of(model.config) is not None) is (kind in OURS)
    assert fused_decoder.is_supported(model) is (kind in OURS)
    model.__class__ = type("Other", (type(model),), {})
    assert row_of(model) is None


@pytest.mark.parametrize("kind", sorted(OURS))
def test_a_pass_whose_logits_are_others_is_left(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fused_decoder, "_norm", lambda module, x, **_: x)
    model = strong(kind)
    assert not fused_decoder.is_supported(model)
    assert sum(each.item() for each in summed_losses(model, EXAMPLES)) == pytest.approx(
        reference_loss(model, EXAMPLES).item(), rel=1e-4
    )


@pytest.mark.parametrize("kind", sorted(OURS))
def test_the_blocks_that_are_timed_have_a_row_too(kind: str) -> None:
    assert fused_decoder.is_supported(bare_blocks(strong(kind).config, 1))


@pytest.mark.parametrize("kind", sorted(OURS))
def test_more_blocks_can_be_timed_than_the_model_has(kind: str) -> None:
    config = strong(kind).config
    blocks = bare_blocks(config, config.num_hidden_layers + 3)
    assert len(top_blocks(target_layers(blocks), 0)) == config.num_hidden_layers + 3
