"""Which forward pass computes a model's answers: our own where it gives the model's logits, else transformers'."""

import logging
import threading
import weakref
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call
from transformers import PreTrainedModel

from playground.errors import UserError
from playground.inference import compat, fp16_weights
from playground.inference.decoder_forward import OurForward
from playground.inference.hooks import FEW_ROWS, apply_adapters, transposed_matmul
from playground.inference.kv_cache import KVCache
from playground.inference.matmul import calibrate
from playground.inference.ragged_batch import Forward, RaggedBatch, Segment

PROBE, PROBE_AGAIN = 24, 5  # tokens of the two pieces on which a pass is compared with the model's own
CLOSE = {torch.float32: 2e-5}  # largest difference of logits, as a share of the largest logit
ROUGH = 0.05  # the same for number types of 16 bits
FULL_BITS, HALF_BITS = 32, 16  # bits of the weights that may be asked for

log = logging.getLogger(__name__)


@dataclass
class _KnownPasses:
    """The passes found for one model, by bits; the lock is held while one is looked for."""

    passes: dict[int, Forward] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


_known: "weakref.WeakKeyDictionary[PreTrainedModel, _KnownPasses]" = weakref.WeakKeyDictionary()
_known_lock = threading.Lock()  # held for a look-up only, never while a pass is tried


def forward_of(model: PreTrainedModel, bits: int = FULL_BITS) -> Forward:
    """The fastest pass that gives this model's own logits; found once per model, in a second or less.

    With 16 `bits` it gives the logits of the weights rounded to float16, of which it keeps a copy. Where this machine
    or model has no such pass, the log says why, once, and the result is the usual pass. Only those who ask for the
    same model wait while its pass is looked for.

    Raises:
        UserError: no pass gives the model's logits, so its answers could not be trusted.
        IncompatibleLibraryError: the installed transformers or torch lacks something that the passes use.
    """
    compat.check()
    with _known_lock:
        known = _known.setdefault(model, _KnownPasses())
    with known.lock:
        if bits == HALF_BITS and bits not in known.passes and (half := _find_half_precision_pass(model)):
            known.passes[bits] = half
        if bits not in known.passes:
            known.passes[bits] = known.passes.get(FULL_BITS) or _find_pass(model)
        return known.passes[bits]


class TheirForward(Forward):
    """The pass as transformers computes it, for any architecture; only attention is ours."""

    def logits(self, batch: RaggedBatch) -> Tensor:
        """Logits at the output positions, (outputs, vocabulary)."""
        few = transposed_matmul(self.model) if len(batch.ids) <= FEW_ROWS else nullcontext()
        with (
            compat.own_attention(self.model, _attend_within_rows),
            apply_adapters(self.model, batch.token_adapters, axis=1),
            few,
        ):
            output = self.model(
                input_ids=batch.ids[None],
                position_ids=batch.positions[None],
                use_cache=False,
                logits_to_keep=batch.output_positions,
                ragged_batch=batch,
            )
        return output.logits[0]


def _find_pass(model: PreTrainedModel) -> Forward:
    kinds: list[type[Forward]] = [OurForward, TheirForward] if OurForward.fits(model) else [TheirForward]
    for kind in kinds:
        forward = kind(model)
        if _gives_own_logits(forward):
            calibrate(model.config.get_text_config().hidden_size, model.dtype, model.device.type)
            return forward
    raise UserError(
        f"The chat model {model.name_or_path} cannot answer here: several rows at once come out other than alone. "
        "Choose a model of another architecture, such as SmolLM2, Llama or Qwen2."
    )


def _find_half_precision_pass(model: PreTrainedModel) -> Forward | None:
    """The pass with weights of 16 bits; None, once the log says why, where there is none that can be trusted."""
    if model.device.type != "cpu" or model.dtype != torch.float32:
        why = f"they are for float32 on a CPU, and this is {model.dtype} on {model.device.type}"
    elif not OurForward.fits(model):
        why = f"{type(model).__name__} is not of a kind that they are written for"
    else:
        why = fp16_weights.unavailable_reason(model.config.hidden_size)
    if not why:
        forward = OurForward(model, half_precision=True)
        if _gives_own_logits(forward):
            return forward
        why = "the logits are not those of the rounded weights"
    log.warning("Answers do not come from weights of 16 bits, as the settings ask, but from the full ones: %s.", why)
    return None


def _gives_own_logits(forward: Forward) -> bool:
    """Whether the pass gives the logits that transformers computes with the same weights."""
    expected = _reference_logits(forward)
    tolerance = CLOSE.get(forward.model.dtype, ROUGH) * float(expected.abs().max())
    return float((_probe_logits(forward) - expected).abs().max()) <= tolerance


def _probe_ids(model: PreTrainedModel) -> list[int]:
    size = model.config.get_text_config().vocab_size
    return [(7919 * place + 11) % size for place in range(PROBE + PROBE_AGAIN)]


def _reference_logits(forward: Forward) -> Tensor:
    """What transformers computes for the probe, (PROBE_AGAIN + 1, vocabulary), from the first piece's last token on."""
    model = forward.model
    inputs = {"input_ids": torch.tensor([_probe_ids(model)], device=model.device), "use_cache": False}
    with torch.inference_mode():
        # A head that is rounded is tied to embeddings that are not.
        out = functional_call(model, dict(forward.rounded_weights()), (), inputs, tie_weights=False)
    return out.logits[0, PROBE - 1 :].float().cpu()


def _probe_logits(forward: Forward) -> Tensor:
    """The same from the pass itself: a prompt read in two pieces, beside another row."""
    ids = _probe_ids(forward.model)
    cache, beside = KVCache(len(ids)), KVCache(len(ids))
    first = forward([Segment(ids[:PROBE], cache), Segment(ids[3:5], beside)])[0]
    cache.length, beside.length = PROBE, 2
    forward.bytes_per_token = cache.nbytes // cache.capacity
    return torch.cat([first, forward([Segment(ids[5:6], beside), Segment(ids[PROBE:], cache, keep=PROBE_AGAIN)])[1]])


def _attend_within_rows(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: None,
    *,
    ragged_batch: RaggedBatch,
    scaling: float,
    **more: Any,
) -> tuple[Tensor, None]:
    """What transformers calls in place of its own attention; all tensors are (1, heads, tokens, head size)."""
    new = torch.cat([key, value], dim=1)[0].transpose(0, 1)
    window = more.get("sliding_window") or 0
    attended = ragged_batch.attend(module.layer_idx, query[0].transpose(0, 1), new, scaling, window)
    return attended[None], None
