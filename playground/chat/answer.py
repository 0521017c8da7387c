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
from playground.prompts import Turn
from retrieval.search import Hit, SearchResult

__all__ = ["Answer", "Arm", "Decoding", "ServedAdapter", "Stamp", "answer", "load_adapter", "never"]

PASSAGE_TOKENS = 512
SHOW_EVERY = 0.2  # seconds between two snapshots: drawing them costs a page as much as making them


@dataclass(frozen=True)
class Answer:
    """A snapshot of one arm's answer.

    `passages` are those in the prompt; where `found` is False and the arm abstains, the nearest ones, unread.
    `seconds_to_first_token` counts from the question and includes the search and the reading of shorter prompts;
    `tokens_per_second` is the pace once all prompts have been read, which the arms share.
    `dropped_turns` of the history were left out so that the prompt fits; `ahead` questions are to be answered first.
    `prompt` is the text of exactly the tokens that the model read, control tokens included.
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
    """Snapshots of all arms' answers, in their order, at most five a second; the last one is complete.

    `histories` has one per arm; `search` may be None when no arm retrieves, `examples` when none is few-shot. Where the
    search finds nothing, the retrieval arms abstain: done at once, no text, the nearest passages shown; `ask_anyway`
    gives those to the model. What was read is kept for later questions of the same `scope`, a visitor's name; for none
    if it is empty.

    Raises:
        UserError: the question is empty, or does not fit the model's window beside the answer.
    """
    asked = time.perf_counter()
    if not question.strip():
        raise UserError("The question is empty: type one and ask again.")
    budget = min(passage_tokens, chat.window // 2)
    evidence = retrieve_context(question, search, budget, ask_anyway) if any(arm.retrieval for arm in arms) else None
    worked = choose_examples(chat, question, examples, budget) if any(arm.few_shot for arm in arms) else None
    panes = []
    for arm, history in zip(arms, histories, strict=True):
        given = PromptContext(evidence if arm.retrieval else None, worked if arm.few_shot else None)
        panes.append(
            _Pane(chat.tokenizer, arm, given, prepare_prompt(chat, arm, question, history, given, decoding, scope))
        )
    speaking = [pane for pane in panes if pane.prompt.ids]
    yield _snapshots(panes)
    shown = time.perf_counter()
    with open_request(chat, [pane.prompt for pane in speaking], decoding, should_stop) as going:
        for ahead in going.queue_positions():
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


def visible_text(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> str:
    """The text of an answer so far: no control tokens, no character of which only some bytes have come."""
    text = str(tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False))
    return text.rstrip("\ufffd")


@dataclass
class _Pane:
    """One arm's answer while it grows; an abstaining arm has a prompt without tokens. Times in seconds since asked."""

    tokenizer: PreTrainedTokenizerBase
    arm: Arm
    given: PromptContext
    prepared: PreparedPrompt
    done: bool = False
    said: list[int] = field(default_factory=list)
    first: float | None = None
    latest: float = 0.0
    stopped: bool = False

    def __post_init__(self) -> None:
        self.done = self.given.abstains

    @property
    def prompt(self) -> Prompt:
        return self.prepared.prompt

    def take(self, token: Token, seconds: float) -> None:
        self.said.append(token.id)
        self.first = seconds if self.first is None else self.first
        self.latest, self.done = seconds, token.last

    def snapshot(self, all_read: float | None) -> Answer:
        """The answer so far; `all_read` is when the last of all prompts had been read."""
        stepping = self.latest - all_read if all_read is not None else 0.0
        evidence = self.given.evidence
        return Answer(
            arm=self.arm.name,
            text=visible_text(self.tokenizer, self.said),
            tokens=len(self.said),
            prompt=self.prepared.sent,
            prompt_tokens=len(self.prompt.ids),
            seconds_to_first_token=self.first,
            tokens_per_second=(len(self.said) - 1) / stepping if stepping > 0 else None,
            passages=evidence.hits if evidence else (),
            found=evidence.found if evidence else None,
            examples=self.given.examples,
            dropped_turns=self.prepared.dropped_turns,
            stamp=self.prepared.stamp,
            done=self.done or self.stopped,
            stopped=self.stopped,
        )


def _snapshots(panes: Sequence[_Pane]) -> list[Answer]:
    firsts = [pane.first for pane in panes if pane.prompt.ids]
    begun = [each for each in firsts if each is not None]
    all_read = max(begun) if begun and len(begun) == len(firsts) else None
    return [pane.snapshot(all_read) for pane in panes]
