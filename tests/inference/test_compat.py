"""transformers and torch as the passes need them: each part that is missing is named, with the version to install."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from transformers import AttentionInterface
from transformers.models.llama import modeling_llama

from adapters.errors import IncompatibleLibraryError
from playground.inference import compat
from playground.inference.forward import forward_of
from tests.fakes.chat_model import lively

Patch = pytest.MonkeyPatch


@pytest.fixture(autouse=True)
def unchecked() -> Iterator[None]:
    """Each test checks anew, and leaves no failed or patched check behind."""
    compat.check.cache_clear()
    yield
    compat.check.cache_clear()


def _lose(cls: Any, name: str) -> Callable[[Patch], None]:
    """A break: instances of the class lose an attribute once they are made."""

    def break_it(patch: Patch) -> None:
        make_whole = cls.__init__

        def make_without(instance: Any, *args: Any, **kwargs: Any) -> None:
            make_whole(instance, *args, **kwargs)
            delattr(instance, name)

        patch.setattr(cls, "__init__", make_without)

    return break_it


def _ignore_attention(patch: Patch) -> None:
    patch.setattr(AttentionInterface, "register", lambda *_: None)


def _drop_keywords(patch: Patch) -> None:
    whole = modeling_llama.LlamaModel.forward

    def forward(model: Any, *args: Any, word: object = None, ragged_batch: object = None, **more: Any) -> Any:
        return whole(model, *args, **more)

    patch.setattr(modeling_llama.LlamaModel, "forward", forward)


PARTS, SWITCH, HOOKS = "the modules of LlamaForCausalLM", "AttentionInterface", "Module._forward_hooks"
BREAKS: list[tuple[Callable[[Patch], None], str]] = [
    (_lose(modeling_llama.LlamaAttention, "scaling"), PARTS),
    (_lose(modeling_llama.LlamaAttention, "q_proj"), PARTS),
    (_lose(modeling_llama.LlamaMLP, "act_fn"), PARTS),
    (_lose(modeling_llama.LlamaModel, "rotary_emb"), PARTS),
    (_lose(modeling_llama.LlamaAttention, "layer_idx"), SWITCH),
    (_ignore_attention, SWITCH),
    (_drop_keywords, SWITCH),
    (lambda patch: patch.setattr(nn.Module, "register_forward_hook", lambda *_: None), HOOKS),
]


@pytest.mark.parametrize("mode", [torch.enable_grad, torch.no_grad, torch.inference_mode])
def test_the_installed_libraries_have_all_whatever_the_caller_computes(mode: Callable[[], Any]) -> None:
    with mode():
        compat.check()


@pytest.mark.parametrize(("break_library", "named"), BREAKS)
def test_each_missing_part_is_named_before_a_pass_is_looked_for(
    break_library: Callable[[Patch], None], named: str, monkeypatch: Patch
) -> None:
    model = lively()
    break_library(monkeypatch)
    with pytest.raises(IncompatibleLibraryError, match=re.escape(named)) as fault:
        forward_of(model)
    written_for = f"torch {compat.TORCH}" if named == HOOKS else f"transformers {compat.TRANSFORMERS}"
    assert f"{compat.MODULE} was written for {written_for}" in str(fault.value)


def test_the_models_own_attention_is_back_after_an_error() -> None:
    model = lively()
    ids = torch.zeros(1, 3, dtype=torch.long)
    expected = model(ids).logits

    def fail(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), compat.own_attention(model, fail):
        model(ids)
    assert torch.equal(model(ids).logits, expected)


def test_no_other_module_of_the_package_uses_what_is_private_in_the_libraries() -> None:
    private = re.compile(
        r"_attn_implementation|_forward_(?:pre_)?hooks|torch\.ops|AttentionInterface|transformers\.\w"
        r"|(?<!self)(?<!cls)(?<!other)\._(?!_)[a-z]\w*"
    )
    found = {
        path.name: uses
        for path in Path(compat.__file__).parent.glob("*.py")
        if path.name != "compat.py" and (uses := private.findall(path.read_text(encoding="utf-8")))
    }
    assert found == {}
