"""What each arm gets before it answers: passages or examples, its prompt and its stamp. Asks no model."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
import transformers

from playground import prompts
from playground.chat.few_shot import Examples
from playground.errors import UserError
from playground.inference.engine import Decoding, Prompt
from playground.inference.forward import forward_of
from playground.inference.served_adapter import ServedAdapter
from playground.models.chat_model import ChatModel
from playground.prompts import Turn
from retrieval.chunks import Passage
from retrieval.search import Hit, SearchResult, near_best, within_budget

MAX_HISTORY_TOKENS = 2048  # of a prompt with history: a longer prefill takes longer than a person waits


@dataclass(frozen=True)
class Arm:
    """One way to answer: with or without an adapter; with passages, with example pairs of the text, or with neither.

    `base` names the chat model that answers; empty is the host's own.
    """

    name: str
    adapter: ServedAdapter | None = None
    retrieval: bool = False
    few_shot: bool = False
    base: str = ""


@dataclass(frozen=True)
class Stamp:
    """The provenance of an answer: all that it depends on. Hashes are 16 hex digits.

    `weights` is the number type of the weights that computed it: "float16" where the host chose 16 bits.
    `adapter_scale` multiplies the adapter's product (alpha / rank); `found` is None without retrieval. `passages` are
    source:start-end in the index, `examples` the same in the text, in the prompt's order. `prompt_hash` covers every
    token that the model read, and is None where the model was not asked.
    """

    base_hash: str
    weights: str
    adapter_hash: str | None
    adapter_scale: float | None
    method: str | None
    index_hash: str | None
    passages: tuple[str, ...]
    found: bool | None
    examples: tuple[str, ...]
    template_hash: str
    prompt_hash: str | None
    decoding: Decoding
    versions: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """JSON form, as stored with the answer."""
        return asdict(self)

    @property
    def id(self) -> str:
        """12 hex digits, equal only for equal stamps."""
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class RetrievedContext:
    """What the search found for one question; `used` says whether the model reads it."""

    found: bool
    hits: tuple[Hit, ...]
    used: bool
    index_hash: str


@dataclass(frozen=True)
class PromptContext:
    """What one arm's prompt holds besides question and history."""

    evidence: RetrievedContext | None
    examples: Examples | None

    @property
    def abstains(self) -> bool:
        """Whether the search found no answer and the model does not read the nearest passages."""
        return self.evidence is not None and not self.evidence.used

    @property
    def passages(self) -> list[Passage]:
        """Those in the prompt, the best first."""
        return [hit.passage for hit in self.evidence.hits] if self.evidence and self.evidence.used else []

    @property
    def turns(self) -> list[Turn]:
        """The examples, the most similar one nearest to the question."""
        return [each.turn for each in reversed(self.examples.chosen)] if self.examples else []


@dataclass(frozen=True)
class PreparedPrompt:
    """An arm's prompt, its text with control tokens, how many old turns had no room in it, and the answer's stamp."""

    prompt: Prompt
    text: str
    dropped_turns: int
    stamp: Stamp


def retrieve_context(
    question: str, search: Callable[[str], SearchResult] | None, max_tokens: int, ask_anyway: bool
) -> RetrievedContext:
    """The hits near the best one, within the encoder's `max_tokens`.

    The model reads them if the search is sure or `ask_anyway`.

    Raises:
        UserError: there is nothing to search.
    """
    if search is None:
        raise UserError("This way of answering looks things up in your text, but there is none: add a text first.")
    result = search(question)
    hits = within_budget(near_best(result.hits), max_tokens)[: prompts.READ_PASSAGES]
    return RetrievedContext(result.found, hits, used=result.found or ask_anyway, index_hash=result.index_hash)


def choose_examples(
    chat: ChatModel, question: str, examples: Callable[[str], Examples] | None, max_tokens: int
) -> Examples:
    """Examples for the question, within the model's `max_tokens`.

    Raises:
        UserError: there is nothing to choose from.
    """
    if examples is None:
        raise UserError("This way of answering shows examples of your text first, but there is none: add a text first.")
    return examples(question).within(lambda text: len(chat.tokenizer(text)["input_ids"]), max_tokens)


def prepare_prompt(
    chat: ChatModel,
    arm: Arm,
    question: str,
    history: Sequence[Turn],
    context: PromptContext,
    decoding: Decoding,
    scope: str = "",
) -> PreparedPrompt:
    """The arm's prompt and stamp; an abstaining arm's prompt is empty. Its prefix is cached for the same `scope`.

    Raises:
        UserError: the prompt does not fit the model's window beside the answer.
    """
    ids, dropped = list[int](), 0
    if not context.abstains:
        ids, dropped = _fit_window(chat, question, history, context, decoding)
    text = str(chat.tokenizer.decode(ids, clean_up_tokenization_spaces=False))
    own = arm.adapter.model if arm.adapter else None
    prompt = Prompt(ids, arm.adapter.lora if arm.adapter else None, own, scope)
    return PreparedPrompt(prompt, text, dropped, _stamp(chat, arm, context, ids, decoding))


def _stamp(chat: ChatModel, arm: Arm, context: PromptContext, ids: Sequence[int], decoding: Decoding) -> Stamp:
    adapter, evidence = arm.adapter, context.evidence
    return Stamp(
        base_hash=chat.hash,
        weights=forward_of((adapter.model if adapter else None) or chat.model, chat.bits).weight_dtype,
        adapter_hash=adapter.hash if adapter else None,
        adapter_scale=adapter.scale if adapter else None,
        method=adapter.method if adapter else None,
        index_hash=evidence.index_hash if evidence else None,
        passages=tuple(f"{each.source}:{each.start}-{each.end}" for each in context.passages),
        found=evidence.found if evidence else None,
        examples=tuple(each.place for each in reversed(context.examples.chosen)) if context.examples else (),
        template_hash=prompts.template_hash(chat.tokenizer),
        prompt_hash=hashlib.sha256(str(list(ids)).encode()).hexdigest()[:16] if ids else None,
        decoding=decoding,
        versions={"torch": torch.__version__, "transformers": transformers.__version__},
    )


def _fit_window(
    chat: ChatModel, question: str, history: Sequence[Turn], context: PromptContext, decoding: Decoding
) -> tuple[list[int], int]:
    """The prompt's ids, and how many of the oldest turns were dropped to leave room for the answer."""
    answered = [turn for turn in history if turn.answer]
    length = decoding.max_new_tokens
    window = chat.window - length

    def with_turns(turns: Sequence[Turn]) -> list[int]:
        conversation = prompts.messages(question, turns, context.passages, context.turns)
        return prompts.render(chat.tokenizer, conversation, decoding.thinking)

    ids = with_turns(())
    if len(ids) > window:
        raise UserError(
            f"The question does not fit: with what stands before it it is {len(ids)} tokens long, and beside an answer "
            f"of {length} tokens {chat.name} reads {max(window, 0)}. Shorten the question or the answer length."
        )
    for kept in range(1, len(answered) + 1):
        longer = with_turns(answered[-kept:])
        if len(longer) > min(window, MAX_HISTORY_TOKENS):
            return ids, len(answered) - kept + 1
        ids = longer
    return ids, 0
