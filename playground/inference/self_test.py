"""Proves on the live model that each pane is what its name says; it must be able to fail, or it would prove nothing.

Compared are: what the batch computes for every arm at once, what it computes for that arm alone, and a reference in
which nothing of the batch takes part: the plain model, or the model with the adapter written into its weights. Where
answers come from weights of 16 bits, the reference is made of the weights rounded so; no limit is wider for it.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor
from torch.func import functional_call
from transformers import PreTrainedModel

from adapters.base import PlainLora
from playground import prompts
from playground.inference.engine import Decoding, Prompt, generate, scheduler_of
from playground.inference.forward import forward_of
from playground.inference.kv_cache import KVCache
from playground.inference.ragged_batch import Segment
from playground.inference.served_adapter import ServedAdapter
from playground.models.chat_model import ChatModel

QUESTION = "Who are you, and what do you know?"
SAYS = Decoding(max_new_tokens=4, temperature=0, repetition_penalty=1)
SCOPE = "self-test"
ROUNDING = {torch.float32: 2e-5}  # largest difference of logits, as a share of the largest logit
ROUGH = 0.05  # the same for number types of 16 bits


@dataclass(frozen=True)
class SelfTestCheck:
    """One comparison. `difference` is the largest of any logit, `limit` what rounding may make of it."""

    what: str
    arm: str
    difference: float
    limit: float

    @property
    def passed(self) -> bool:
        """Whether there is no difference but rounding; a difference that is no number is one."""
        return self.difference <= self.limit


@dataclass(frozen=True)
class SelfTestReport:
    """All comparisons of one self-test, in the order they were made; `when` is unix seconds.

    `weights` is the number type of the weights that answers come from. `effects` is how much each adapter changes the
    base's next token's logits: below the limit a leak is not seen.
    """

    checks: tuple[SelfTestCheck, ...]
    weights: str
    effects: Mapping[str, float]
    when: float
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether every comparison was passed."""
        return all(each.passed for each in self.checks)

    def for_arm(self, arm: str) -> "SelfTestReport":
        """What it says of the base and one arm, "base" or an adapter's hash; nothing of other adapters."""
        checks = tuple(each for each in self.checks if each.arm in ("base", arm))
        return replace(self, checks=checks, effects={key: each for key, each in self.effects.items() if key == arm})

    def to_dict(self) -> dict[str, Any]:
        """JSON form, as kept beside an answer."""
        checks = [{**asdict(each), "passed": each.passed} for each in self.checks]
        return {
            "passed": self.passed,
            "when": self.when,
            "seconds": self.seconds,
            "weights": self.weights,
            "effects": dict(self.effects),
            "checks": checks,
        }


def run_self_test(chat: ChatModel, adapters: Sequence[ServedAdapter], weights: Path) -> SelfTestReport:
    """Compare the base and these adapters in one batch with each alone and with references; some passes long.

    `weights` is the folder that the base was loaded from. Checks are "weights" (how many of the base's are not the
    file's, bit for bit), "hooks" (how many hang on it), and for each arm "together" (beside all others it is what it is
    alone), "alone" (which is its reference) and "said" (so are the tokens that the page would show).
    """
    began, when = time.perf_counter(), time.time()
    ids = prompts.render(chat.tokenizer, prompts.messages(QUESTION))
    arms: dict[str, ServedAdapter | None] = {"base": None, **{each.hash: each for each in adapters}}
    said = _said(chat, ids, arms)
    checks: list[SelfTestCheck] = []
    first: dict[str, Tensor] = {}  # logits of the token right behind the prompt, the same for all arms
    with scheduler_of(chat.model).exclusive(), torch.inference_mode():
        checks.append(SelfTestCheck("weights", "base", float(_changed(chat.model, weights)), 0))
        checks.append(SelfTestCheck("hooks", "base", float(_attached(chat.model)), 0))
        read = {arm: ids + tokens[:-1] for arm, tokens in said.items()}
        together = _together(chat, arms, read, len(ids))
        for arm, adapter in arms.items():
            reference = _reference(chat, adapter, read[arm], len(said[arm]))
            limit = ROUNDING.get(chat.model.dtype, ROUGH) * float(reference.abs().max())
            alone = _together(chat, {arm: adapter}, read, len(ids))[arm]
            checks.append(SelfTestCheck("together", arm, _apart(together[arm], alone), limit))
            checks.append(SelfTestCheck("alone", arm, _apart(alone, reference), limit))
            checks.append(SelfTestCheck("said", arm, _missed(reference, said[arm]), limit))
            first[arm] = reference[0]
    effects = {each.hash: _apart(first[each.hash], first["base"]) for each in adapters}
    number_type = forward_of(chat.model, chat.bits).weight_dtype
    return SelfTestReport(tuple(checks), number_type, effects, when, time.perf_counter() - began)


def _said(chat: ChatModel, ids: list[int], arms: Mapping[str, ServedAdapter | None]) -> dict[str, list[int]]:
    """What each arm says in one batch, the second time over: then the batch recalls what it read the first time."""
    rows = [_row(ids, adapter) for adapter in arms.values()]
    said: list[list[int]] = []
    for _ in range(2):
        said = [[] for _ in rows]
        for token in generate(chat, rows, SAYS):
            said[token.row].append(token.id)
    scheduler_of(chat.model).forget(SCOPE)
    return dict(zip(arms, said, strict=True))


def _row(ids: list[int], adapter: ServedAdapter | None) -> Prompt:
    return Prompt(ids, adapter.lora if adapter else None, adapter.model if adapter else None, SCOPE)


def _together(
    chat: ChatModel, arms: Mapping[str, ServedAdapter | None], read: Mapping[str, list[int]], prompt: int
) -> dict[str, Tensor]:
    """Each arm's logits for its own tokens behind the prompt, (tokens, vocabulary), from one pass a model."""
    found: dict[str, Tensor] = {}
    for own in {id(each): each for each in (_own(chat, adapter) for adapter in arms.values())}.values():
        mine = {arm: adapter for arm, adapter in arms.items() if _own(chat, adapter) is own}
        segments = [
            Segment(read[arm], KVCache(len(read[arm])), adapter.lora if adapter else None, len(read[arm]) - prompt + 1)
            for arm, adapter in mine.items()
        ]
        found.update(zip(mine, forward_of(own, chat.bits)(segments), strict=True))
    return found


def _own(chat: ChatModel, adapter: ServedAdapter | None) -> PreTrainedModel:
    return adapter.model if adapter and adapter.model else chat.model


def _reference(chat: ChatModel, adapter: ServedAdapter | None, ids: list[int], keep: int) -> Tensor:
    """Logits of the last tokens, (keep, vocabulary), as transformers computes them with the arm in the weights."""
    own = _own(chat, adapter)
    weights = dict(forward_of(own, chat.bits).rounded_weights())
    if adapter and adapter.lora:
        _write(adapter.lora, own, weights)
    asked = {"input_ids": torch.tensor([ids], device=own.device), "use_cache": False, "logits_to_keep": keep}
    # A head that is rounded is tied to embeddings that are not.
    out = functional_call(own, weights, (), asked, tie_weights=False)
    return out.logits[0].float().cpu()


def _write(plain: PlainLora, model: PreTrainedModel, weights: dict[str, Tensor]) -> None:
    """Put the adapted layers' weights, with the adapter in them, among these; the model's own stay as they are."""
    for layer, (A, B) in plain.layers.items():
        name = f"{layer}.weight"
        weight = torch.addmm(weights.get(name, model.get_parameter(name)), B, A)
        weights[name] = weight * plain.scales[layer][:, None] if layer in plain.scales else weight


def _changed(model: PreTrainedModel, folder: Path) -> int:
    """How many of the model's tensors are not those of its files."""
    live = model.state_dict()
    changed = 0
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118 - not a dictionary
                if name in live:
                    kept = live[name]
                    changed += not torch.equal(file.get_tensor(name).to(kept.dtype), kept.cpu())
    return changed


def _attached(model: PreTrainedModel) -> int:
    """How many hooks and replaced methods hang on the model's parts."""
    return sum(
        len(each._forward_hooks) + len(each._forward_pre_hooks) + ("forward" in vars(each)) for each in model.modules()
    )


def _apart(one: Tensor, other: Tensor) -> float:
    return float((one - other).abs().max())


def _missed(reference: Tensor, said: Sequence[int]) -> float:
    """By how much the said tokens miss being the reference's likeliest: 0 where they all are."""
    return float((reference.max(dim=-1).values - reference[range(len(said)), list(said)]).max())
