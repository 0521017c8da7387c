"""Which pass a model's answers are computed with: our own where it gives the model's logits, else its own."""

import logging
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call
from transformers import AttentionInterface, PreTrainedModel

from playground.errors import UserError
from playground.inference import fp16_weights
from playground.inference.hooks import FEW_ROWS, apply_adapters, transposed_matmul
from playground.inference.kv_cache import KVCache
from playground.inference.llama_forward import OurForward
from playground.inference.matmul import calibrate
from playground.inference.ragged_batch import Forward, RaggedBatch, Segment

PROBE, PROBE_AGAIN = 24, 5  # tokens of the two pieces in which a pass is compared with the model's own
CLOSE = {torch.float32: 2e-5}  # largest difference of logits, as a share of the largest logit
ROUGH = 0.05  # the same for number types of 16 bits
FULL_BITS, HALF_BITS = 32, 16  # bits of the weights that may be asked for
ROWS = "rows"  # the name under which the models of transformers find `_attend_rows`

log = logging.getLogger(__name__)

_known: "weakref.WeakKeyDictionary[PreTrainedModel, dict[int, Forward]]" = weakref.WeakKeyDictionary()
_finding = threading.Lock()


def forward_of(model: PreTrainedModel, bits: int = FULL_BITS) -> Forward:
    """The fastest pass that gives this model's own logits; found once a model, in a second or less.

    With 16 `bits` it is one that gives the logits of the weights rounded to float16, of which it keeps a copy; where
    this machine or model has none, the log says why, once, and it is the usual pass.

    Raises:
        UserError: no pass does, so that its answers could not be trusted.
    """
    with _finding:
        passes = _known.setdefault(model, {})
        if bits == HALF_BITS and HALF_BITS not in passes and (found := _narrow(model)):
            passes[HALF_BITS] = found
        if bits not in passes:
            passes[bits] = passes.get(FULL_BITS) or _checked(model)
        return passes[bits]


class TheirForward(Forward):
    """The pass as transformers computes it, whatever the architecture; only attention is ours."""

    def logits(self, packed: RaggedBatch) -> Tensor:
        """Logits of the wanted tokens, (wanted, vocabulary)."""
        few = transposed_matmul(self.model) if len(packed.ids) <= FEW_ROWS else nullcontext()
        with _rows_attend(self.model), apply_adapters(self.model, packed.owners, axis=1), few:
            output = self.model(
                input_ids=packed.ids[None],
                position_ids=packed.positions[None],
                use_cache=False,
                logits_to_keep=packed.wanted,
                packed=packed,
            )
        return output.logits[0]


def _checked(model: PreTrainedModel) -> Forward:
    kinds: list[type[Forward]] = [OurForward, TheirForward] if OurForward.fits(model) else [TheirForward]
    for kind in kinds:
        forward = kind(model)
        if _right(forward):
            calibrate(model.config.get_text_config().hidden_size, model.dtype, model.device.type)
            return forward
    raise UserError(
        f"The chat model {model.name_or_path} cannot answer here: several rows at once come out other than alone. "
        "Choose a model of another architecture, such as SmolLM2, Llama or Qwen2."
    )


def _narrow(model: PreTrainedModel) -> Forward | None:
    """The pass with weights of 16 bits; None, once the log says why, where there is none that can be trusted."""
    if model.device.type != "cpu" or model.dtype != torch.float32:
        why = f"they are for float32 on a CPU, and this is {model.dtype} on {model.device.type}"
    elif not OurForward.fits(model):
        why = f"{type(model).__name__} is not of a kind that they are written for"
    else:
        why = fp16_weights.unavailable_reason(model.config.hidden_size)
    if not why:
        forward = OurForward(model, narrow=True)
        if _right(forward):
            return forward
        why = "the logits are not those of the rounded weights"
    log.warning("Answers do not come from weights of 16 bits, as the settings ask, but from the whole ones: %s.", why)
    return None


def _right(forward: Forward) -> bool:
    """Whether it gives the logits that transformers computes with the same weights."""
    expected = _own_logits(forward)
    near = CLOSE.get(forward.model.dtype, ROUGH) * float(expected.abs().max())
    return float((_probed(forward) - expected).abs().max()) <= near


def _probe_ids(model: PreTrainedModel) -> list[int]:
    size = model.config.get_text_config().vocab_size
    return [(7919 * place + 11) % size for place in range(PROBE + PROBE_AGAIN)]


def _own_logits(forward: Forward) -> Tensor:
    model = forward.model
    asked = {"input_ids": torch.tensor([_probe_ids(model)], device=model.device), "use_cache": False}
    with torch.inference_mode():
        # A head that is rounded is tied to embeddings that are not.
        out = functional_call(model, dict(forward.rounded_weights()), (), asked, tie_weights=False)
    return out.logits[0, PROBE - 1 :].float().cpu()


def _probed(forward: Forward) -> Tensor:
    """The logits of a prompt read in two pieces, beside another row, from the first piece's last token on."""
    ids = _probe_ids(forward.model)
    memory, beside = KVCache(len(ids)), KVCache(len(ids))
    first = forward([Segment(ids[:PROBE], memory), Segment(ids[3:5], beside)])[0]
    memory.length, beside.length = PROBE, 2
    forward.bytes_per_token = memory.nbytes // memory.capacity
    return torch.cat([first, forward([Segment(ids[5:6], beside), Segment(ids[PROBE:], memory, keep=PROBE_AGAIN)])[1]])


@contextmanager
def _rows_attend(model: PreTrainedModel) -> Iterator[None]:
    """Within, every attention of the model looks at its token's own row."""
    AttentionInterface.register(ROWS, _attend_rows)
    config = model.config.get_text_config()
    before = config._attn_implementation
    config._attn_implementation = ROWS
    try:
        yield
    finally:
        config._attn_implementation = before


def _attend_rows(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: None,
    *,
    packed: RaggedBatch,
    scaling: float,
    **more: Any,
) -> tuple[Tensor, None]:
    """What transformers calls in place of its own attention; all tensors are (1, heads, tokens, size)."""
    new = torch.cat([key, value], dim=1)[0].transpose(0, 1)
    window = more.get("sliding_window") or 0
    return packed.attend(module.layer_idx, query[0].transpose(0, 1), new, scaling, window)[None], None
