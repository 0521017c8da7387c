"""transformers and torch as training needs them: each part that is missing is named, with the version to install."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from packaging.requirements import Requirement
from torch.optim.lr_scheduler import LambdaLR
from transformers import LlamaForCausalLM, LlamaModel
from transformers.models.llama.modeling_llama import LlamaAttention, LlamaDecoderLayer, LlamaRMSNorm

import adapters
from adapters.errors import IncompatibleLibraryError
from playground.models.chat_model import ChatModel
from playground.training import compat
from playground.training import loop as training_loop
from playground.training.config import RunConfig, TrainSettings
from tests.fakes.tiny_model import tiny_llama

Patch = pytest.MonkeyPatch


@pytest.fixture(autouse=True)
def unchecked() -> Iterator[None]:
    """Each test checks anew, and leaves no failed or patched check behind."""
    compat.check_libraries.cache_clear()
    yield
    compat.check_libraries.cache_clear()


def _drop_arguments(patch: Patch) -> None:
    """Blocks that pass only what they know on to their attention."""
    whole = LlamaDecoderLayer.forward

    def forward(block: LlamaDecoderLayer, hidden: torch.Tensor, **named: object) -> torch.Tensor:
        return whole(block, hidden, **{name: each for name, each in named.items() if name != "segments"})

    patch.setattr(LlamaDecoderLayer, "forward", forward)


def _ignore_positions(patch: Patch) -> None:
    whole = LlamaForCausalLM.forward

    def forward(model: LlamaForCausalLM, logits_to_keep: object = 0, **named: object) -> object:
        return whole(model, **named)

    patch.setattr(LlamaForCausalLM, "forward", forward)


def _lose_rotary(patch: Patch) -> None:
    make_whole = LlamaModel.__init__

    def make_without(model: LlamaModel, *args: object, **named: object) -> None:
        make_whole(model, *args, **named)
        del model.rotary_emb

    patch.setattr(LlamaModel, "__init__", make_without)


def _lose_scaling(patch: Patch) -> None:
    make_whole = LlamaAttention.__init__

    def make_without(attention: Any, *args: object, **named: object) -> None:
        make_whole(attention, *args, **named)
        del attention.scaling

    patch.setattr(LlamaAttention, "__init__", make_without)


BREAKS: list[tuple[Callable[[Patch], None], str, str]] = [
    (_lose_scaling, "transformers", "attention with their projections"),
    (_lose_rotary, "transformers", "LlamaModel.rotary_emb"),
    (_drop_arguments, "transformers", "pass named arguments to their attention"),
    (_ignore_positions, "transformers", "logits_to_keep"),
    (lambda patch: patch.setattr(torch.ops.aten, "silu_backward", lambda a, b: a), "torch", "silu_backward"),
    (lambda patch: patch.setattr(torch.ops.aten, "gelu_backward", lambda a, b, **_: a), "torch", "gelu_backward"),
    (lambda patch: patch.setattr(LambdaLR, "state_dict", lambda _: {}), "torch", "LambdaLR"),
]


def test_the_installed_libraries_have_all_and_the_versions_written_for_are_allowed() -> None:
    compat.check_libraries()
    allowed = {}
    for line in Path("requirements.txt").read_text(encoding="utf-8").splitlines():
        if text := line.partition("#")[0].strip():
            allowed[Requirement(text).name] = Requirement(text).specifier
    assert compat.TRANSFORMERS in allowed["transformers"]
    assert compat.TORCH in allowed["torch"]


def test_the_check_passes_where_the_caller_computes_without_gradients() -> None:
    with torch.no_grad():
        compat.check_libraries()


@pytest.mark.parametrize(("break_library", "library", "named"), BREAKS)
def test_each_missing_part_is_named_before_a_run_begins(
    break_library: Callable[[Patch], None], library: str, named: str, chat: ChatModel, monkeypatch: Patch
) -> None:
    break_library(monkeypatch)
    config = RunConfig("lora", adapters.get("lora").Options(), TrainSettings(steps=1))
    with pytest.raises(IncompatibleLibraryError, match=re.escape(named)) as fault:
        training_loop.prepare_run(config, chat)
    assert f"was written for {library} " in str(fault.value)


def test_replaced_forwards_are_put_back_even_after_a_fault() -> None:
    model = tiny_llama()
    ids = torch.tensor([[5, 6, 7]])
    with torch.no_grad():
        expected = model(input_ids=ids).logits
        with (
            pytest.raises(ZeroDivisionError),
            compat.replaced_forwards(model, {LlamaRMSNorm: lambda *_: 1 / 0}),
        ):
            model(input_ids=ids)
        assert torch.equal(model(input_ids=ids).logits, expected)


def test_no_other_module_of_the_packages_uses_what_is_private_in_the_libraries() -> None:
    private = re.compile(
        r"transformers\.models|\.rotary_emb\b|logits_to_keep|torch\.ops|lr_lambdas|\bpeft\.\w+\."
        r"|(?<!self)(?<!cls)\._(?!_)[a-z]\w*"
    )
    root = Path(compat.__file__).parent
    found = {
        path.name: uses
        for path in [*root.glob("*.py"), *(root.parent / "data").rglob("*.py")]
        if path.name != "compat.py" and (uses := private.findall(path.read_text(encoding="utf-8")))
    }
    assert found == {}
