"""A Llama decoder's forward pass over packs with fewer memory transfers; knows no method and changes no weight.

Within `fused_forward`, transformers' norm, feed-forward and attention are computed by functions that save only what
the backward pass needs; the linear layers stay as the method made them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from playground.data.packing import Pack, Segments
from playground.training import compat


def is_supported(model: nn.Module) -> bool:
    """Whether this is exactly the model class whose modules are replaced here.

    Raises:
        IncompatibleLibraryError: the installed libraries lack something that the functions below use.
    """
    compat.check_libraries()
    return compat.is_llama(model)


@contextmanager
def fused_forward(model: nn.Module) -> Iterator[None]:
    """Within, the model's norms, feed-forward parts and attention are computed by the functions below."""
    forwards: dict[type, compat.Forward] = {
        compat.Norm: _norm,
        compat.FeedForward: _feed_forward,
        compat.Attention: _attention,
    }
    with compat.replaced_forwards(model, forwards):
        yield


def embed_tokens(model: Any, pack: Pack) -> Tensor:
    """What enters the first block: (T, size)."""
    vectors: Tensor = model.get_input_embeddings()(pack.ids.to(model.device))
    return vectors


def run_blocks(model: Any, vectors: Tensor, pack: Pack, first: int = 0, last: int | None = None) -> Tensor:
    """A pack's vectors (T, size) after the blocks from `first` to before `last`; call it within `fused_forward`."""
    hidden = vectors[None]
    angles = compat.rotary_angles(model, hidden, pack.positions)
    return compat.run_decoder_blocks(model, hidden, angles, first, last, segments=pack.segments.to(vectors.device))[0]


def _norm(module: Any, x: Tensor) -> Tensor:
    return _Norm.apply(x, module.weight, module.variance_epsilon)


def _feed_forward(module: Any, x: Tensor) -> Tensor:
    return module.down_proj(_Gated.apply(module.gate_proj(x), module.up_proj(x)))


def _attention(
    module: Any, hidden_states: Tensor, position_embeddings: tuple[Tensor, Tensor], segments: Segments, **_: Any
) -> tuple[Tensor, None]:
    """Attention of each token of a pack, (1, T, size), to itself and to the earlier tokens that its segment sees."""
    tokens = hidden_states.shape[1]
    cos, sin = (each[0, :, None, : module.head_dim // 2] for each in position_embeddings)
    heads = (tokens, -1, module.head_dim)
    q = _Rotated.apply(module.q_proj(hidden_states).view(heads), cos, sin)
    k = _Rotated.apply(module.k_proj(hidden_states).view(heads), cos, sin)
    v = module.v_proj(hidden_states).view(heads)
    out = _attend(q, k, v, segments, module.scaling)
    return module.o_proj(out.reshape(1, tokens, -1)), None


def _attend(q: Tensor, k: Tensor, v: Tensor, segments: Segments, scale: float) -> Tensor:
    """q, k and v are (T, heads, size), k and v with fewer heads; a segment's padding comes after its tokens."""
    rows = [each[None] if segments.gather is None else each[segments.gather] for each in (q, k, v)]
    q, k, v = (each.transpose(1, 2) for each in rows)  # (segments, heads, longest, size)
    out = F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=scale, enable_gqa=True).transpose(1, 2)
    return out[0] if segments.scatter is None else out.flatten(0, 1)[segments.scatter]


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
    """SwiGLU (arXiv 2002.05202, eq. 5): silu(gate) · up."""

    @staticmethod
    def forward(context: Any, gate: Tensor, up: Tensor) -> Tensor:
        context.save_for_backward(gate, up)
        return F.silu(gate).mul_(up)

    @staticmethod
    def backward(context: Any, *outer: Tensor) -> tuple[Tensor, Tensor]:
        gate, up = context.saved_tensors
        (gradient,) = outer
        return compat.silu_gradient(gradient * up, gate), F.silu(gate).mul_(gradient)


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
