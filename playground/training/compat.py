"""The only module here that uses private or version-bound parts of transformers and torch.

`check_libraries` tests these parts once per process, before the first model is trained or timed.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import LambdaLR
from transformers import LlamaConfig, LlamaForCausalLM

from adapters.errors import IncompatibleLibraryError
from playground.models.architectures import known_row, layer_plans, rotary_angles

TRANSFORMERS, TORCH = "5.24.0", "2.13.0"  # the versions that this module was written for
MODULE = "playground/training/compat.py"
LAMBDAS = "lr_lambdas"  # what a LambdaLR's state holds of its functions; they are made anew on restoring

Forward = Callable[..., Any]


@cache
def check_libraries() -> None:
    """Test everything that this module uses.

    Raises:
        IncompatibleLibraryError: naming all that is missing.
    """
    for library, written_for, checks in (
        ("transformers", TRANSFORMERS, _TRANSFORMERS_CHECKS),
        ("torch", TORCH, _TORCH_CHECKS),
    ):
        if missing := [words for words, works in checks.items() if not _works(works)]:
            raise IncompatibleLibraryError(library, written_for, missing, MODULE)


def part_classes(model: Any) -> tuple[type[Any], type[Any], type[Any]]:
    """The classes of a known decoder's norms, feed-forward parts and attention."""
    decoder = model.get_decoder()
    return type(decoder.norm), type(decoder.layers[-1].mlp), type(decoder.layers[-1].self_attn)


@contextmanager
def replaced_forwards(model: nn.Module, forwards: Mapping[type[Any], Forward]) -> Iterator[None]:
    """Within, modules of exactly these classes compute with these functions, which get the module first."""
    changed = [(each, forwards[type(each)]) for each in model.modules() if type(each) in forwards]
    for module, forward in changed:
        vars(module)["forward"] = partial(forward, module)
    try:
        yield
    finally:
        for module, _ in changed:
            del vars(module)["forward"]


def run_decoder_blocks(
    model: Any, hidden: Tensor, positions: Tensor, first: int, last: int | None, **named: Any
) -> Tensor:
    """(1, T, size) after the blocks from `first` to before `last`; `hidden` is (1, T, size), `positions` (T).

    Each attention's forward gets the angles of its kind of positions, None for a layer without any, its `window`, and
    the `named` arguments.
    """
    plans = layer_plans(model.config, known_row(model))[first:last]
    angles = rotary_angles(model, plans, hidden, positions.to(hidden.device))
    for block, plan in zip(model.get_decoder().layers[first:last], plans, strict=True):
        hidden = block(hidden, position_embeddings=angles.get(plan.rope), window=plan.window, **named)
    return hidden


def logits_at(model: Any, ids: Tensor, positions: Tensor) -> Tensor:
    """Logits (N, vocabulary) at N positions of one sequence of ids (1, T); no others are computed."""
    logits: Tensor = model(input_ids=ids, logits_to_keep=positions, use_cache=False).logits[0]
    return logits


def silu_gradient(gradient: Tensor, x: Tensor) -> Tensor:
    """The gradient of silu at x, times `gradient`, in one pass through memory."""
    result: Tensor = torch.ops.aten.silu_backward(gradient, x)
    return result


def gelu_gradient(gradient: Tensor, x: Tensor) -> Tensor:
    """The gradient of the tanh form of gelu at x, times `gradient`, in one pass through memory."""
    result: Tensor = torch.ops.aten.gelu_backward(gradient, x, approximate="tanh")
    return result


def schedule_state(schedule: LambdaLR) -> dict[str, Any]:
    """A schedule's state as plain JSON, without its functions."""
    return {key: value for key, value in schedule.state_dict().items() if key != LAMBDAS}


def restore_schedule(schedule: LambdaLR, state: Mapping[str, Any]) -> None:
    """The inverse of `schedule_state`; the schedule keeps its own functions."""
    schedule.load_state_dict({**state, LAMBDAS: [None] * len(schedule.lr_lambdas)})


def _works(check: Callable[[], bool]) -> bool:
    try:
        with torch.inference_mode(False), torch.enable_grad():  # whatever the caller is in the middle of
            return check()
    except (AttributeError, KeyError, TypeError, ValueError, RuntimeError):  # each is what a change in a library shows
        return False


def _tiny_llama() -> LlamaForCausalLM:
    config = LlamaConfig(
        vocab_size=8,
        hidden_size=8,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
    )
    with torch.random.fork_rng(devices=[]):
        return LlamaForCausalLM(config).eval()


def _has_parts() -> bool:
    model = _tiny_llama()
    parts: list[Any] = [next(each for each in model.modules() if type(each) is kind) for kind in part_classes(model)]
    norm, feed_forward, attention = parts
    projections = (attention.q_proj, attention.k_proj, attention.v_proj, attention.o_proj)
    gates = (feed_forward.gate_proj, feed_forward.up_proj, feed_forward.down_proj)
    return (
        [each.out_features for each in projections] == [8, 4, 4, 8]
        and [each.out_features for each in gates] == [16, 16, 8]
        and (attention.head_dim, attention.scaling) == (4, 0.5)
        and norm.weight.shape == (8,)
        and 0 < model.config.rms_norm_eps < 1
    )


@torch.no_grad()
def _runs_blocks() -> bool:
    """Block by block, a model computes what it computes whole, and passes named arguments on to its attention."""
    model, ids = _tiny_llama(), torch.tensor([[1, 2, 3]])
    expected = model(input_ids=ids).logits
    hidden = model.get_input_embeddings()(ids)
    positions = torch.arange(3)
    received: list[object] = []

    def note_argument(_: Any, hidden_states: Tensor, segments: object, **__: Any) -> tuple[Tensor, None]:
        received.append(segments)
        return hidden_states, None

    for first, last in ((0, 1), (1, None)):
        hidden = run_decoder_blocks(model, hidden, positions, first, last)
    same = torch.allclose(model.get_output_embeddings()(model.get_decoder().norm(hidden)), expected, atol=1e-5)
    with replaced_forwards(model, {part_classes(model)[2]: note_argument}):
        run_decoder_blocks(model, hidden, positions, 0, None, segments="some")
    return same and received == ["some", "some"]


@torch.no_grad()
def _keeps_logits() -> bool:
    model, ids = _tiny_llama(), torch.tensor([[1, 2, 3]])
    positions = torch.tensor([0, 2])
    return torch.allclose(logits_at(model, ids, positions), model(input_ids=ids).logits[0, positions], atol=1e-5)


def _differentiates(activate: Callable[[Tensor], Tensor], gradient: Callable[[Tensor, Tensor], Tensor]) -> bool:
    x = torch.linspace(-3, 3, 7, requires_grad=True)
    (expected,) = torch.autograd.grad(activate(x).sum(), x)
    return torch.allclose(gradient(torch.ones(7), x.detach()), expected, atol=1e-6)


def _differentiates_silu() -> bool:
    return _differentiates(F.silu, silu_gradient)


def _differentiates_gelu() -> bool:
    return _differentiates(partial(F.gelu, approximate="tanh"), gelu_gradient)


def _restores_schedules() -> bool:
    schedules = []
    for _ in range(2):
        optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
        schedules.append(LambdaLR(optimizer, lambda step: 1 / (step + 1)))
        optimizer.step()
    first, second = schedules
    first.step()
    restore_schedule(second, schedule_state(first))
    return LAMBDAS not in schedule_state(first) and second.last_epoch == first.last_epoch == 1


_TRANSFORMERS_CHECKS: Mapping[str, Callable[[], bool]] = {
    "Llama's norm, feed-forward part and attention with their projections and numbers": _has_parts,
    "LlamaModel.rotary_emb and blocks that pass named arguments to their attention": _runs_blocks,
    "logits_to_keep with positions": _keeps_logits,
}
_TORCH_CHECKS: Mapping[str, Callable[[], bool]] = {
    "torch.ops.aten.silu_backward": _differentiates_silu,
    "torch.ops.aten.gelu_backward": _differentiates_gelu,
    "LambdaLR.state_dict() with lr_lambdas": _restores_schedules,
}
