"""One question, all arms: streamed answers side by side, each with a stamp of what produced it. Knows no page."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import torch
import transformers
from transformers import PreTrainedTokenizerBase

from playground import prompts
from playground.decoding import Decoding, Prompt, Token, begin, never
from playground.errors import UserError
from playground.models import ChatModel
from playground.prompts import Turn
from playground.serving import ServedAdapter, load_adapter
from retrieval.chunks import Passage
from retrieval.search import Hit, Result, within_budget

__all__ = ["Answer", "Arm", "Decoding", "ServedAdapter", "Stamp", "answer", "load_adapter", "never"]

PASSAGE_TOKENS = 512
HISTORY_ROOM = 2048  # tokens of a prompt with history: a longer one is read for longer than a person waits
SHOW_EVERY = 0.2  # seconds between two snapshots: drawing them costs a page as much as making them


@dataclass(frozen=True)
class Arm:
    """One way to answer: with an adapter or none, with passages from the visitor's text or none."""

    name: str
    adapter: ServedAdapter | None = None
    retrieval: bool = False


@dataclass(frozen=True)
class Stamp:
    """All that an answer depends on beside the question and its history; `found` is None without retrieval."""

    base_hash: str
    adapter_hash: str | None
    method: str | None
    passages: tuple[str, ...]
    found: bool | None
    template_hash: str
    decoding: Decoding
    versions: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """JSON form, as stored beside the answer."""
        return asdict(self)

    @property
    def id(self) -> str:
        """12 hex digits; equal for equal stamps only."""
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Answer:
    """A snapshot of one arm's answer.

    `passages` are those in the prompt; where `found` is False and the arm abstains, the nearest ones, unread.
    `seconds_to_first_token` counts from the question and includes the search and the reading of shorter prompts;
    `tokens_per_second` is the pace once all prompts have been read, which the arms share.
    `dropped_turns` of the history were left out so that the prompt fits; `ahead` questions are to be answered first.
    """

    arm: str
    text: str
    tokens: int
    prompt_tokens: int
    seconds_to_first_token: float | None
    tokens_per_second: float | None
    passages: tuple[Hit, ...]
    found: bool | None
    dropped_turns: int
    stamp: Stamp
    done: bool
    stopped: bool
    ahead: int = 0


def answer(
    chat: ChatModel,
    arms: Sequence[Arm],
    question: str,
    histories: Sequence[Sequence[Turn]],
    search: Callable[[str], Result] | None,
    decoding: Decoding,
    should_stop: Callable[[], bool] = never,
    passage_tokens: int = PASSAGE_TOKENS,
    ask_anyway: bool = False,
    scope: str = "",
) -> Iterator[list[Answer]]:
    """Snapshots of all arms' answers, in their order, at most five a second; the last one is complete.

    `histories` has one per arm; `search` may be None when no arm retrieves. Where the search finds nothing, the
    retrieval arms abstain: done at once, no text, the nearest passages shown. `ask_anyway` gives those to the model.
    What was read is kept for later questions of the same `scope`, a visitor's name; for none if it is empty.

    Raises:
        UserError: the question is empty, or does not fit the model's window beside the answer.
    """
    asked = time.perf_counter()
    if not question.strip():
        raise UserError("The question is empty: type one and ask again.")
    evidence = None
    if any(arm.retrieval for arm in arms):
        evidence = _look_up(question, search, min(passage_tokens, chat.window // 2), ask_anyway)
    panes = [
        _pane(chat, arm, question, history, evidence if arm.retrieval else None, decoding, scope)
        for arm, history in zip(arms, histories, strict=True)
    ]
    speaking = [pane for pane in panes if pane.prompt.ids]
    yield _snapshots(panes)
    shown = time.perf_counter()
    with begin(chat, [pane.prompt for pane in speaking], decoding, should_stop) as going:
        for ahead in going.waiting():
            yield [replace(each, ahead=ahead) for each in _snapshots(panes)]
        for token in going.tokens():
            now = time.perf_counter()
            speaking[token.row].take(token, now - asked)
            if now - shown >= SHOW_EVERY:
                shown = now
                yield _snapshots(panes)
    for pane in panes:
        pane.stopped = not pane.done
    yield _snapshots(panes)


def visible(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> str:
    """The text of an answer so far: no control tokens, no character of which only some bytes have come."""
    text = str(tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False))
    return text.rstrip("\ufffd")


@dataclass(frozen=True)
class _Evidence:
    """What the search brought for one question; `used` says whether the model gets to read it."""

    found: bool
    hits: tuple[Hit, ...]
    used: bool


@dataclass
class _Pane:
    """One arm's answer while it grows; an abstaining arm has a prompt without tokens. Times in seconds since asked."""

    tokenizer: PreTrainedTokenizerBase
    arm: Arm
    evidence: _Evidence | None
    prompt: Prompt
    dropped_turns: int
    stamp: Stamp
    done: bool
    said: list[int] = field(default_factory=list)
    first: float | None = None
    latest: float = 0.0
    stopped: bool = False

    def take(self, token: Token, seconds: float) -> None:
        self.said.append(token.id)
        self.first = seconds if self.first is None else self.first
        self.latest, self.done = seconds, token.last

    def snapshot(self, all_read: float | None) -> Answer:
        """The answer so far; `all_read` is when the last of all prompts had been read."""
        stepping = self.latest - all_read if all_read is not None else 0.0
        return Answer(
            arm=self.arm.name,
            text=visible(self.tokenizer, self.said),
            tokens=len(self.said),
            prompt_tokens=len(self.prompt.ids),
            seconds_to_first_token=self.first,
            tokens_per_second=(len(self.said) - 1) / stepping if stepping > 0 else None,
            passages=self.evidence.hits if self.evidence else (),
            found=self.evidence.found if self.evidence else None,
            dropped_turns=self.dropped_turns,
            stamp=self.stamp,
            done=self.done or self.stopped,
            stopped=self.stopped,
        )


def _snapshots(panes: Sequence[_Pane]) -> list[Answer]:
    firsts = [pane.first for pane in panes if pane.prompt.ids]
    begun = [each for each in firsts if each is not None]
    all_read = max(begun) if begun and len(begun) == len(firsts) else None
    return [pane.snapshot(all_read) for pane in panes]


def _look_up(question: str, search: Callable[[str], Result] | None, max_tokens: int, ask_anyway: bool) -> _Evidence:
    if search is None:
        raise UserError("This way of answering looks things up in your text, but there is none: add a text first.")
    result = search(question)
    return _Evidence(result.found, within_budget(result.hits, max_tokens), used=result.found or ask_anyway)


def _pane(
    chat: ChatModel,
    arm: Arm,
    question: str,
    history: Sequence[Turn],
    evidence: _Evidence | None,
    decoding: Decoding,
    scope: str,
) -> _Pane:
    abstains = evidence is not None and not evidence.used
    passages = [hit.passage for hit in evidence.hits] if evidence and evidence.used else []
    ids, dropped = ([], 0) if abstains else _fit(chat, question, history, passages, decoding.max_new_tokens)
    stamp = Stamp(
        base_hash=chat.hash,
        adapter_hash=arm.adapter.hash if arm.adapter else None,
        method=arm.adapter.method if arm.adapter else None,
        passages=tuple(f"{each.source}:{each.start}-{each.end}" for each in passages),
        found=evidence.found if evidence else None,
        template_hash=prompts.template_hash(chat.tokenizer),
        decoding=decoding,
        versions={"torch": torch.__version__, "transformers": transformers.__version__},
    )
    own = arm.adapter.model if arm.adapter else None
    prompt = Prompt(ids, arm.adapter.plain if arm.adapter else None, own, scope)
    return _Pane(chat.tokenizer, arm, evidence, prompt, dropped, stamp, done=abstains)


def _fit(
    chat: ChatModel, question: str, history: Sequence[Turn], passages: Sequence[Passage], new_tokens: int
) -> tuple[list[int], int]:
    """The prompt's ids, and how many of the oldest turns were dropped to leave room for the answer."""
    answered = [turn for turn in history if turn.answer]
    window = chat.window - new_tokens
    ids = prompts.render(chat.tokenizer, prompts.messages(question, (), passages))
    if len(ids) > window:
        raise UserError(
            f"The question does not fit: with its passages it is {len(ids)} tokens long, and beside an answer of "
            f"{new_tokens} tokens {chat.name} reads {max(window, 0)}. Shorten the question or the answer length."
        )
    for kept in range(1, len(answered) + 1):
        longer = prompts.render(chat.tokenizer, prompts.messages(question, answered[-kept:], passages))
        if len(longer) > min(window, HISTORY_ROOM):
            return ids, len(answered) - kept + 1
        ids = longer
    return ids, 0
