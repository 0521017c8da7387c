"""One question, all arms: streamed answers side by side, each with a stamp of what produced it. Knows no page."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from transformers import PreTrainedTokenizerBase

from playground.chat.arms import (
    Arm,
    PreparedPrompt,
    PromptContext,
    Stamp,
    choose_examples,
    prepare_prompt,
    retrieve_context,
)
from playground.chat.few_shot import Examples
from playground.errors import UserError
from playground.files import never
from playground.inference.engine import Decoding, Prompt, Token, open_request
from playground.inference.served_adapter import ServedAdapter, load_adapter
from playground.models.chat_model import ChatModel
from playground.prompts import Turn, split_thoughts
from retrieval.search import Hit, SearchResult

__all__ = ["Answer", "Arm", "Decoding", "ServedAdapter", "Stamp", "answer", "load_adapter"]

PASSAGE_TOKENS = 512
SNAPSHOT_SECONDS = 0.2  # between two snapshots: drawing one costs the page as much as computing it


@dataclass(frozen=True)
class Answer:
    """A snapshot of one arm's answer.

    `passages` are those in the prompt; where `found` is False and the arm abstains, the nearest ones, which the model
    did not read. `seconds_to_first_token` counts from the question and includes the search and the prefill of shorter
    prompts; `tokens_per_second` is the pace after the prefill of all prompts, which the arms share. `dropped_turns` is
    how many turns of the history had no room in the prompt. `ahead` is how many questions are answered before this
    one, and `wait` the seconds that this takes, if they can be told. `prompt` is the text of exactly the tokens that
    the model read, control tokens included. `thoughts` are what a thinking model said before its answer.
    """

    arm: str
    text: str
    tokens: int
    prompt: str
    prompt_tokens: int
    seconds_to_first_token: float | None
    tokens_per_second: float | None
    passages: tuple[Hit, ...]
    found: bool | None
    examples: Examples | None
    dropped_turns: int
    stamp: Stamp
    done: bool
    stopped: bool
    ahead: int = 0
    wait: float | None = None
    thoughts: str = ""


def answer(
    chat: ChatModel,
    arms: Sequence[Arm],
    question: str,
    histories: Sequence[Sequence[Turn]],
    search: Callable[[str], SearchResult] | None,
    decoding: Decoding,
    should_stop: Callable[[], bool] = never,
    passage_tokens: int = PASSAGE_TOKENS,
    ask_anyway: bool = False,
    examples: Callable[[str], Examples] | None = None,
    scope: str = "",
) -> Iterator[list[Answer]]:
    """Snapshots of all arms' answers, in their order, at most five per second; the last one is complete.

    `histories` has one per arm; `search` may be None when no arm retrieves, `examples` when none is few-shot. Where the
    search finds nothing, the retrieval arms abstain: they are done at once, without text, and show the nearest
    passages; with `ask_anyway` the model reads those. The prompts' prefixes are cached for later questions of the same
    `scope`, a visitor's name; with an empty one they are not.

    Raises:
        UserError: the question is empty, or does not fit the model's window beside the answer.
    """
    start = time.perf_counter()
    if not question.strip():
        raise UserError("The question is empty: type one and ask again.")
    budget = min(passage_tokens, chat.window // 2)
    evidence = retrieve_context(question, search, budget, ask_anyway) if any(arm.retrieval for arm in arms) else None
    shots = choose_examples(chat, question, examples, budget) if any(arm.few_shot for arm in arms) else None
    panes = []
    for arm, history in zip(arms, histories, strict=True):
        context = PromptContext(evidence if arm.retrieval else None, shots if arm.few_shot else None)
        prepared = prepare_prompt(chat, arm, question, history, context, decoding, scope)
        panes.append(_Pane(chat.tokenizer, arm, context, prepared))
    yield _snapshots(panes)
    yield from _stream(chat, panes, decoding, should_stop, start)
    for pane in panes:
        pane.stopped = not pane.done
    yield _snapshots(panes)


def _stream(
    chat: ChatModel, panes: "Sequence[_Pane]", decoding: Decoding, should_stop: Callable[[], bool], start: float
) -> Iterator[list[Answer]]:
    """Snapshots of all panes while those that do not abstain are answered; `start` is when the question came."""
    generating = [pane for pane in panes if pane.prompt.ids]
    latest = time.perf_counter()
    with open_request(chat, [pane.prompt for pane in generating], decoding, should_stop) as request:
        for place in request.queue_positions():
            yield [replace(each, ahead=place.ahead, wait=place.seconds) for each in _snapshots(panes)]
        for token in request.tokens():
            now = time.perf_counter()
            generating[token.row].append(token, now - start)
            if now - latest >= SNAPSHOT_SECONDS:
                latest = now
                yield _snapshots(panes)


def visible_text(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> str:
    """The text of an answer so far: no control tokens, no character of which only some bytes have come."""
    text = str(tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False))
    return text.rstrip("\ufffd")


@dataclass
class _Pane:
    """One arm's answer while it grows; an abstaining arm has a prompt without tokens. Times in seconds since start."""

    tokenizer: PreTrainedTokenizerBase
    arm: Arm
    context: PromptContext
    prepared: PreparedPrompt
    done: bool = False
    ids: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)  # of the tokens
    stopped: bool = False

    def __post_init__(self) -> None:
        self.done = self.context.abstains

    @property
    def prompt(self) -> Prompt:
        return self.prepared.prompt

    def append(self, token: Token, seconds: float) -> None:
        self.ids.append(token.id)
        self.times.append(seconds)
        self.done = token.last

    def snapshot(self, prefill_end: float | None) -> Answer:
        """The answer so far; `prefill_end` is when the last of all prompts had been read."""
        # Arms with short prompts write while those of others are still read.
        since = [each - prefill_end for each in self.times if each > prefill_end] if prefill_end is not None else []
        evidence = self.context.evidence
        thoughts, text = split_thoughts(visible_text(self.tokenizer, self.ids), self.prepared.text)
        return Answer(
            arm=self.arm.name,
            text=text,
            thoughts=thoughts,
            tokens=len(self.ids),
            prompt=self.prepared.text,
            prompt_tokens=len(self.prompt.ids),
            seconds_to_first_token=self.times[0] if self.times else None,
            tokens_per_second=len(since) / since[-1] if since else None,
            passages=evidence.hits if evidence else (),
            found=evidence.found if evidence else None,
            examples=self.context.examples,
            dropped_turns=self.prepared.dropped_turns,
            stamp=self.prepared.stamp,
            done=self.done or self.stopped,
            stopped=self.stopped,
        )


def _snapshots(panes: Sequence[_Pane]) -> list[Answer]:
    generating = [pane for pane in panes if pane.prompt.ids]
    begun = [pane.times[0] for pane in generating if pane.times]
    prefill_end = max(begun) if begun and len(begun) == len(generating) else None
    return [pane.snapshot(prefill_end) for pane in panes]
