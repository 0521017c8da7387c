"""A known decoder's forward pass over packs with fewer memory transfers; knows no method and changes no weight.

Within `fused_forward`, transformers' norms, feed-forward parts and attention are computed by functions that save only
what the backward pass needs; the linear layers stay as the method made them, frozen ones with products in bfloat16
where that is faster.
"""

import logging
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from adapters import frozen_products
from playground.data.packing import Pack, Segments, build_pack
from playground.data.tokenize import Example
from playground.models.architectures import known_row, row_of
from playground.training import compat

PROBE = 24  # tokens on which the pass is compared with the model's own
CLOSE = {torch.float32: 1e-4}  # largest difference of logits, as a share of the largest logit
ROUGH = 0.05  # the same for number types of 16 bits

Activation = Callable[[Tensor], Tensor]
Gradient = Callable[[Tensor, Tensor], Tensor]  # from the gradient of an activation's output, and its input
ACTIVATIONS: Mapping[str, tuple[Activation, Gradient]] = {
    "silu": (F.silu, compat.silu_gradient),
    "gelu_pytorch_tanh": (partial(F.gelu, approximate="tanh"), compat.gelu_gradient),
}

log = logging.getLogger(__name__)
_known: "weakref.WeakKeyDictionary[nn.Module, bool]" = weakref.WeakKeyDictionary()


def is_supported(model: nn.Module) -> bool:
    """Whether the functions below give this model's own logits; tried once per model.

    Raises:
        IncompatibleLibraryError: the installed libraries lack something that the functions below use.
    """
    compat.check_libraries()
    if row_of(model) is None:
        return False
    if model not in _known:
        _known[model] = _gives_own_logits(model)
        if not _known[model]:
            log.warning("%s trains in transformers' own pass, as ours gives other logits.", type(model).__name__)
    return _known[model]


@contextmanager
def fused_forward(model: Any) -> Iterator[None]:
    """Within, the model's norms, feed-forward parts and attention are computed by the functions below."""
    row, config = known_row(model), model.config
    forwards: tuple[compat.Forward, ...] = (
        partial(_norm, offset=row.norm_offset, epsilon=config.rms_norm_eps),
        partial(_feed_forward, activation=vars(config)[row.activation]),
        partial(_attention, head_norms=row.head_norms),
    )
    replaced = dict(zip(compat.part_classes(model), forwards, strict=True))
    with compat.replaced_forwards(model, {**replaced, nn.Linear: frozen_products.linear}):
        yield


def embed_tokens(model: Any, pack: Pack) -> Tensor:
    """What enters the first block: (T, size)."""
    vectors: Tensor = model.get_input_embeddings()(pack.ids.to(model.device))
    return vectors


def run_blocks(model: Any, vectors: Tensor, pack: Pack, first: int = 0, last: int | None = None) -> Tensor:
    """A pack's vectors (T, size) after the blocks from `first` to before `last`; call it within `fused_forward`."""
    segments = pack.segments.to(vectors.device)
    return compat.run_decoder_blocks(model, vectors[None], pack.positions, first, last, segments=segments)[0]


@torch.no_grad()
def _gives_own_logits(model: Any) -> bool:
    """Whether a pack of two examples gets the logits that transformers computes for each alone."""
    size, training = model.config.vocab_size, model.training
    ids = [(7919 * place + 11) % size for place in range(PROBE)]
    both = [ids, ids[: PROBE // 2] + ids[: PROBE // 3]]
    pack = build_pack([Example(each, each) for each in both])
    rows = [torch.tensor([each], device=model.device) for each in both]
    model.eval()  # so that nothing is switched off at random
    try:
        with fused_forward(model):
            hidden = model.get_decoder().norm(run_blocks(model, embed_tokens(model, pack), pack))
            found = model.get_output_embeddings()(hidden).float()
        expected = torch.cat([model(input_ids=each, use_cache=False).logits[0] for each in rows]).float()
    finally:
        model.train(training)
    return float((found - expected).abs().max()) <= CLOSE.get(model.dtype, ROUGH) * float(expected.abs().max())


def _norm(module: Any, x: Tensor, *, offset: float, epsilon: float) -> Tensor:
    return _Norm.apply(x, module.weight + offset if offset else module.weight, epsilon)


def _feed_forward(module: Any, x: Tensor, *, activation: str) -> Tensor:
    return module.down_proj(_Gated.apply(module.gate_proj(x), module.up_proj(x), activation))


def _attention(
    module: Any,
    hidden_states: Tensor,
    position_embeddings: tuple[Tensor, Tensor] | None,
    segments: Segments,
    window: int,
    *,
    head_norms: bool,
    **_: Any,
) -> tuple[Tensor, None]:
    """Attention of each token of a pack, (1, T, size), to itself and to the earlier tokens that its segment sees."""
    tokens = hidden_states.shape[1]
    heads = (tokens, -1, module.head_dim)
    q, k, v = (project(hidden_states).view(heads) for project in (module.q_proj, module.k_proj, module.v_proj))
    if head_norms:
        q, k = module.q_norm(q), module.k_norm(k)
    if position_embeddings is not None:
        cos, sin = (each[0, :, None, : module.head_dim // 2] for each in position_embeddings)
        q, k = _Rotated.apply(q, cos, sin), _Rotated.apply(k, cos, sin)
    out = _attend(q, k, v, segments, module.scaling, window)
    return module.o_proj(out.reshape(1, tokens, -1)), None


def _attend(q: Tensor, k: Tensor, v: Tensor, segments: Segments, scale: float, window: int) -> Tensor:
    """q, k and v are (T, heads, size), k and v with fewer heads; a segment's padding comes after its tokens.

    What segments share is computed once: their own tokens attend to it, and it attends to itself alone.
    """
    if segments.gather is None or segments.scatter is None:
        return _attend_rows(q[None], k[None], v[None], scale, window)[0]
    shared = segments.shared
    keys, values = (_behind_shared(each, shared, each[segments.gather]) for each in (k, v))
    out = _attend_rows(q[segments.gather], keys, values, scale, window).flatten(0, 1)[segments.scatter]
    if not shared:
        return out
    return torch.cat((_attend_rows(q[None, :shared], k[None, :shared], v[None, :shared], scale, window)[0], out))


def _behind_shared(x: Tensor, shared: int, own: Tensor) -> Tensor:
    """The segments' `own` rows (S, longest, heads, size), each behind the first `shared` rows of a pack's x."""
    return torch.cat((x[:shared].expand(len(own), -1, -1, -1), own), dim=1)


def _attend_rows(q: Tensor, k: Tensor, v: Tensor, scale: float, window: int) -> Tensor:
    """Causal attention of q (S, last, heads, size), the last tokens of k and v (S, tokens, heads, size).

    With a `window`, a token sees itself and the window - 1 tokens before it.
    """
    last, tokens = q.shape[1], k.shape[1]
    before = tokens - last
    is_cut = 0 < window < tokens
    seen = None
    if before or is_cut:
        seen = torch.ones(last, tokens, dtype=torch.bool, device=q.device).tril(before)
        seen = seen.triu(before + 1 - window) if is_cut else seen
    q, k, v = (each.transpose(1, 2) for each in (q, k, v))
    out = F.scaled_dot_product_attention(q, k, v, seen, is_causal=seen is None, scale=scale, enable_gqa=True)
    return out.transpose(1, 2)


class _Norm(torch.autograd.Function):
    """RMSNorm (arXiv 1910.07467, eq. 4): x · weight / rms(x), in float32 inside."""

    @staticmethod
    def forward(context: Any, x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
        exact = x.float()
        scale = torch.linalg.vector_norm(exact, dim=-1, keepdim=True).square_().div_(x.shape[-1]).add_(epsilon).rsqrt_()
        context.save_for_backward(x, weight, scale)
        return (exact * scale).to(x.dtype).mul_(weight)

    @staticmethod
    def backward(context: Any, *outer: Tensor) -> tuple[Tensor, Tensor | None, None]:
        x, weight, scale = context.saved_tensors
        exact, gradient = x.float(), outer[0].float()
        own = (gradient * exact).mul_(scale).flatten(0, -2).sum(0) if context.needs_input_grad[1] else None
        weighted = gradient * weight
        along = (weighted * exact).sum(-1, keepdim=True).mul_(scale.square()).div_(-x.shape[-1])
        into_x = weighted.addcmul_(exact, along).mul_(scale).to(x.dtype)
        return into_x, own if own is None else own.to(weight.dtype), None


class _Gated(torch.autograd.Function):
    """A gated unit (arXiv 2002.05202, eq. 5): activation(gate) · up."""

    @staticmethod
    def forward(context: Any, gate: Tensor, up: Tensor, activation: str) -> Tensor:
        context.save_for_backward(gate, up)
        context.activation = activation
        return ACTIVATIONS[activation][0](gate).mul_(up)

    @staticmethod
    def backward(context: Any, *outer: Tensor) -> tuple[Tensor, Tensor, None]:
        gate, up = context.saved_tensors
        activate, differentiate = ACTIVATIONS[context.activation]
        (gradient,) = outer
        return differentiate(gradient * up, gate), activate(gate).mul_(gradient), None


class _Rotated(torch.autograd.Function):
    """Rotary positions (arXiv 2104.09864, eq. 34) of x (T, heads, size); cos and sin are (T, 1, size / 2)."""

    @staticmethod
    def forward(context: Any, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        context.save_for_backward(cos, sin)
        return _rotate(x, cos, sin)

    @staticmethod
    def backward(context: Any, *outer: Tensor) -> tuple[Tensor, None, None]:
        cos, sin = context.saved_tensors
        return _rotate(outer[0], cos, -sin), None, None


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    first, second = x.chunk(2, dim=-1)
    out = torch.empty_like(x, memory_format=torch.contiguous_format)
    left, right = out.chunk(2, dim=-1)
    torch.mul(first, cos, out=left).addcmul_(second, sin, value=-1)
    torch.mul(second, cos, out=right).addcmul_(first, sin)
    return out
