"""The only module here that uses private or version-bound parts of transformers and torch; `check` tests them once."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, LlamaConfig, LlamaForCausalLM, PreTrainedModel

from adapters.errors import IncompatibleLibraryError
from playground.models.architectures import rotary_angles, row_of, take_apart

TRANSFORMERS, TORCH = "5.24.0", "2.13.0"  # the versions that this module was written for
MODULE = "playground/inference/compat.py"
ATTENTION = "rows"  # the name under which transformers' models find the attention function in use

Attention = Callable[..., tuple[Tensor, None]]


@cache
def check() -> None:
    """Test everything that this module uses of transformers and torch, on a tiny model.

    Raises:
        IncompatibleLibraryError: naming all that is missing.
    """
    for library, written_for, checks in (("transformers", TRANSFORMERS, _MODEL_CHECKS), ("torch", TORCH, _HOOK_CHECKS)):
        if missing := [words for words, works in checks.items() if not _works(works)]:
            raise IncompatibleLibraryError(library, written_for, missing, MODULE)


@contextmanager
def own_attention(model: PreTrainedModel, attention: Attention) -> Iterator[None]:
    """Within, all attention of the model is computed by `attention`.

    transformers calls it with the attention module, whose `layer_idx` counts the blocks, query, key and value of
    (1, heads, tokens, size), a mask, `scaling`, and each keyword argument of the model's call that it does not know.
    """
    AttentionInterface.register(ATTENTION, attention)
    config = model.config.get_text_config()
    before = config._attn_implementation
    config._attn_implementation = ATTENTION
    try:
        yield
    finally:
        config._attn_implementation = before


def count_hooks(model: nn.Module) -> int:
    """How many forward hooks and replaced forward methods the model's modules have."""
    return sum(
        len(each._forward_hooks) + len(each._forward_pre_hooks) + ("forward" in vars(each)) for each in model.modules()
    )


def pack_fp16(weight: Tensor) -> Any:
    """A weight of (outputs, inputs) in 16 bits, in the order in which PyTorch's product reads it.

    Raises:
        RuntimeError, AttributeError: this PyTorch, or this processor, has no such product.
    """
    return torch.ops.quantized.linear_prepack_fp16(weight.contiguous(), None)


def multiply_fp16(x: Tensor, packed: Any) -> Tensor:
    """x·Wᵀ of shape (rows, outputs), in float32, for x of (rows, inputs) and a weight packed by `pack_fp16`."""
    product: Tensor = torch.ops.quantized.linear_dynamic_fp16(x.contiguous(), packed)
    return product


def _works(check_: Callable[[], bool]) -> bool:
    try:
        with torch.inference_mode(False), torch.enable_grad():  # whatever the caller is in the middle of
            return check_()
    except (AttributeError, KeyError, TypeError, ValueError, RuntimeError):  # each is what a change shows as
        return False


def _tiny_llama() -> LlamaForCausalLM:
    """One block; the global generator stays as it was."""
    config = LlamaConfig(
        vocab_size=8,
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
    )
    with torch.random.fork_rng(devices=[]):
        return LlamaForCausalLM(config).eval()


def _can_be_taken_apart() -> bool:
    model = _tiny_llama()
    parts = take_apart(model)
    heads = (parts.heads, parts.key_value_heads, parts.head_size, parts.attention_scale)
    angles = rotary_angles(model, [parts.blocks[0].plan], torch.zeros(1, 3, 8), torch.arange(3))
    turned = [tuple(each.shape) for kind in angles.values() for each in kind] == [(1, 3, 4), (1, 3, 4)]
    return row_of(model) is not None and heads == (2, 1, 4, 0.5) and len(parts.blocks) == 1 and turned


def _attention_is_replaced() -> bool:
    calls: list[tuple[Any, ...]] = []

    def attend(
        module: Any, query: Tensor, key: Tensor, value: Tensor, mask: None, *, scaling: float, word: str, **_: Any
    ) -> tuple[Tensor, None]:
        calls.append((module.layer_idx, tuple(query.shape), tuple(key.shape), tuple(value.shape), scaling, word))
        return query.transpose(1, 2), None

    model, ids = _tiny_llama(), torch.zeros(1, 3, dtype=torch.long)
    with torch.inference_mode(), own_attention(model, attend):
        model(input_ids=ids, use_cache=False, logits_to_keep=torch.tensor([2]), word="ours")
    with torch.inference_mode():
        model(input_ids=ids, use_cache=False)
    return calls == [(0, (1, 2, 3, 4), (1, 1, 3, 4), (1, 1, 3, 4), 0.5, "ours")]


def _hooks_are_counted() -> bool:
    layer = nn.Linear(1, 1)
    layer.register_forward_hook(lambda *_: None)
    layer.register_forward_pre_hook(lambda *_: None)
    return count_hooks(layer) == 2 and count_hooks(nn.Linear(1, 1)) == 0


_MODEL_CHECKS: Mapping[str, Callable[[], bool]] = {
    "the modules of LlamaForCausalLM": _can_be_taken_apart,
    "AttentionInterface, chosen by config._attn_implementation, with layer_idx, scaling and further keywords":
        _attention_is_replaced,
}  # fmt: skip
_HOOK_CHECKS: Mapping[str, Callable[[], bool]] = {
    "Module._forward_hooks and Module._forward_pre_hooks": _hooks_are_counted,
}
