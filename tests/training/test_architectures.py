"""Every architecture of the table: packs, methods, cached lower layers and steps equal what transformers computes."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

import adapters
from adapters.cost import bare_blocks
from adapters.options import build
from adapters.peft_method import unwrap
from playground.data.tokenize import NO_LOSS, Example
from playground.models.architectures import architecture_of, row_of
from playground.training import fused_decoder
from playground.training.activation_cache import ActivationCache
from playground.training.losses import summed_losses
from tests.fakes.architectures import KINDS, OURS, strong

METHODS = sorted(adapters.methods())
OTHERS = sorted(OURS - {"llama"})  # Llama has a file of its own: test_losses.py


def example(seed: int, length: int, prompt: int = 0, system: int = 0) -> Example:
    start = torch.randint(3, 259, (system,), generator=torch.Generator().manual_seed(99)).tolist()
    ids = start + torch.randint(3, 259, (length,), generator=torch.Generator().manual_seed(seed)).tolist()
    return Example(ids, [NO_LOSS] * (system + prompt) + ids[system + prompt :])


# A pack with a shared beginning, and a lone example; both longer than the window of the sliding layers.
EXAMPLES = [*(example(n, length, prompt=3, system=12) for n, length in enumerate((5, 21, 9))), example(7, 24)]


def reference(model: nn.Module) -> Tensor:
    """Each example alone, through transformers and PEFT, over all logits."""
    total = torch.zeros(())
    for each in EXAMPLES:
        logits = model(input_ids=torch.tensor([each.input_ids])).logits[0, :-1]
        total = total + cross_entropy(logits, torch.tensor(each.labels[1:]), reduction="sum", ignore_index=NO_LOSS)
    return total


def attached(kind: str, method: str, top_layers: int = 0) -> nn.Module:
    """A method on the model, its numbers moved away from where nothing has an effect."""
    own = adapters.get(method)
    model = own.attach(strong(kind), build(own.Options, {"top_layers": top_layers}), seed=1, steps=4)
    generator = torch.Generator().manual_seed(5)
    for each in model.parameters():
        if each.requires_grad:
            each.data.add_(torch.randn(each.shape, generator=generator), alpha=0.05)
    return model.train()


def gradients(model: nn.Module) -> Iterator[Tensor]:
    for each in model.parameters():
        if each.requires_grad:
            yield torch.zeros_like(each) if each.grad is None else each.grad.clone()
            each.grad = None


def assert_same(model: nn.Module, losses: Iterator[Tensor], expected: Tensor, wanted: list[Tensor]) -> None:
    found = torch.zeros(())
    for loss in losses:
        loss.backward()
        found = found + loss.detach()
    assert found.item() == pytest.approx(expected.item(), rel=1e-4)
    for got, want in zip(gradients(model), wanted, strict=True):
        assert torch.allclose(got, want, rtol=1e-3, atol=1e-4 * float(want.abs().max() + 1))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", OTHERS)
def test_loss_and_gradients_of_each_method_are_those_of_the_examples_alone(kind: str, method: str) -> None:
    model = attached(kind, method)
    assert fused_decoder.is_supported(unwrap(model))
    expected = reference(model)
    expected.backward()
    assert_same(model, summed_losses(unwrap(model), EXAMPLES), expected, list(gradients(model)))


@pytest.mark.parametrize("kind", OTHERS)
def test_kept_lower_layers_change_neither_loss_nor_gradients(kind: str, tmp_path: Path) -> None:
    model = attached(kind, "lora", top_layers=1)
    expected = reference(model)
    expected.backward()
    wanted = list(gradients(model))
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
        reference(model).item(), rel=1e-4
    )


@pytest.mark.parametrize("kind", sorted(OURS))
def test_the_blocks_that_are_timed_have_a_row_too(kind: str) -> None:
    assert fused_decoder.is_supported(bare_blocks(strong(kind).config, 1))
