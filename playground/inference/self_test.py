"""Checks on the live model that each arm computes what its name says; the checks can fail, or they would show nothing.

For each arm three results are compared: what the batch computes for all arms at once, what it computes for that arm
alone, and a reference without any part of the batch: the plain model, or the model with the adapter merged into its
weights. Where answers come from weights of 16 bits, the reference uses weights rounded in the same way; the limits
stay the same.
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
from playground.inference import compat
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
    """One comparison. `difference` is the largest of any logit, `limit` the most that rounding can cause."""

    what: str
    arm: str
    difference: float
    limit: float

    @property
    def passed(self) -> bool:
        """Whether there is no difference but rounding; NaN counts as a difference."""
        return self.difference <= self.limit


@dataclass(frozen=True)
class SelfTestReport:
    """All comparisons of one self-test, in the order they were made; `when` is unix seconds.

    `weights` is the number type of the weights that answers come from. `effects` is how much each adapter changes the
    logits of the base's next token: an adapter leak below the limit would not be seen.
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
        """The report on the base and one arm, "base" or an adapter's hash, without the other adapters."""
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
    """Compare the base and these adapters in one batch with each alone and with references; takes some passes.

    `weights` is the folder that the base was loaded from. Checks are "weights" (how many tensors of the base differ
    from the file, bit for bit), "hooks" (how many hooks it has), and for each arm "together" (its logits in the batch
    are those alone), "alone" (those alone are the reference's) and "said" (so are the tokens that the page would show).
    """
    began, when = time.perf_counter(), time.time()
    ids = prompts.render(chat.tokenizer, prompts.messages(QUESTION))
    arms: dict[str, ServedAdapter | None] = {"base": None, **{each.hash: each for each in adapters}}
    answers = _generate_answers(chat, ids, arms)
    checks: list[SelfTestCheck] = []
    first: dict[str, Tensor] = {}  # logits of the token right behind the prompt, the same for all arms
    with scheduler_of(chat.model).exclusive(), torch.inference_mode():
        checks.append(SelfTestCheck("weights", "base", float(_count_changed_tensors(chat.model, weights)), 0))
        checks.append(SelfTestCheck("hooks", "base", float(compat.count_hooks(chat.model)), 0))
        read = {arm: ids + tokens[:-1] for arm, tokens in answers.items()}
        together = _batch_logits(chat, arms, read, len(ids))
        for arm, adapter in arms.items():
            reference = _reference_logits(chat, adapter, read[arm], len(answers[arm]))
            limit = ROUNDING.get(chat.model.dtype, ROUGH) * float(reference.abs().max())
            alone = _batch_logits(chat, {arm: adapter}, read, len(ids))[arm]
            checks.append(SelfTestCheck("together", arm, _largest_difference(together[arm], alone), limit))
            checks.append(SelfTestCheck("alone", arm, _largest_difference(alone, reference), limit))
            checks.append(SelfTestCheck("said", arm, _largest_shortfall(reference, answers[arm]), limit))
            first[arm] = reference[0]
    effects = {each.hash: _largest_difference(first[each.hash], first["base"]) for each in adapters}
    number_type = forward_of(chat.model, chat.bits).weight_dtype
    return SelfTestReport(tuple(checks), number_type, effects, when, time.perf_counter() - began)


def _generate_answers(
    chat: ChatModel, ids: list[int], arms: Mapping[str, ServedAdapter | None]
) -> dict[str, list[int]]:
    """Each arm's tokens in one batch, from the second of two runs: there the batch uses the prefixes of the first."""
    rows = [_prompt_for(ids, adapter) for adapter in arms.values()]
    answers: list[list[int]] = []
    for _ in range(2):
        answers = [[] for _ in rows]
        for token in generate(chat, rows, SAYS):
            answers[token.row].append(token.id)
    scheduler_of(chat.model).forget(SCOPE)
    return dict(zip(arms, answers, strict=True))


def _prompt_for(ids: list[int], adapter: ServedAdapter | None) -> Prompt:
    return Prompt(ids, adapter.lora if adapter else None, adapter.model if adapter else None, SCOPE)


def _batch_logits(
    chat: ChatModel, arms: Mapping[str, ServedAdapter | None], read: Mapping[str, list[int]], prompt: int
) -> dict[str, Tensor]:
    """Each arm's logits for its own tokens behind the prompt, (tokens, vocabulary), from one pass per model."""
    logits: dict[str, Tensor] = {}
    for model in {id(each): each for each in (_model_of(chat, adapter) for adapter in arms.values())}.values():
        mine = {arm: adapter for arm, adapter in arms.items() if _model_of(chat, adapter) is model}
        segments = [
            Segment(read[arm], KVCache(len(read[arm])), adapter.lora if adapter else None, len(read[arm]) - prompt + 1)
            for arm, adapter in mine.items()
        ]
        logits.update(zip(mine, forward_of(model, chat.bits)(segments), strict=True))
    return logits


def _model_of(chat: ChatModel, adapter: ServedAdapter | None) -> PreTrainedModel:
    return adapter.model if adapter and adapter.model else chat.model


def _reference_logits(chat: ChatModel, adapter: ServedAdapter | None, ids: list[int], keep: int) -> Tensor:
    """Logits of the last tokens, (keep, vocabulary), as transformers computes them with the arm in the weights."""
    model = _model_of(chat, adapter)
    weights = dict(forward_of(model, chat.bits).rounded_weights())
    if adapter and adapter.lora:
        _merge_into(weights, adapter.lora, model)
    inputs = {"input_ids": torch.tensor([ids], device=model.device), "use_cache": False, "logits_to_keep": keep}
    # A head that is rounded is tied to embeddings that are not.
    out = functional_call(model, weights, (), inputs, tie_weights=False)
    return out.logits[0].float().cpu()


def _merge_into(weights: dict[str, Tensor], lora: PlainLora, model: PreTrainedModel) -> None:
    """Put the adapted layers' weights, with the adapter merged, among these; the model's own stay as they are."""
    for layer, (A, B) in lora.layers.items():
        name = f"{layer}.weight"
        weight = torch.addmm(weights.get(name, model.get_parameter(name)), B, A)
        weights[name] = weight * lora.scales[layer][:, None] if layer in lora.scales else weight


def _count_changed_tensors(model: PreTrainedModel, folder: Path) -> int:
    """How many of the model's tensors differ from those in its files."""
    live = model.state_dict()
    changed = 0
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118 - not a dictionary
                if name in live:
                    tensor = live[name]
                    changed += not torch.equal(file.get_tensor(name).to(tensor.dtype), tensor.cpu())
    return changed


def _largest_difference(one: Tensor, other: Tensor) -> float:
    return float((one - other).abs().max())


def _largest_shortfall(reference: Tensor, tokens: Sequence[int]) -> float:
    """By how much the tokens' logits fall short of the reference's largest: 0 where all are the likeliest."""
    return float((reference.max(dim=-1).values - reference[range(len(tokens)), list(tokens)]).max())
