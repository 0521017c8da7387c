"""Sections and pairs -> token ids with the ids to predict; knows the tokenizer and the prompt, not the split.

A stretch of text carries loss on every token, a pair on its answer and the end of its turn only.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Literal

from transformers import PreTrainedTokenizerBase

from playground.data.qa.pairs import Kind
from playground.data.sections import Section
from playground.prompts import SYSTEM, Turn, defuse, end_of_answer, messages, render
from retrieval.chunks import Passage, sentences
from retrieval.document import Document

NO_LOSS = -100
MAX_PAIR_WINDOWS = 2  # windows that a pair may fill: an answer is not torn for a few tokens
MAX_GROUP_WINDOWS = MAX_PAIR_WINDOWS + 1  # that examples read together may fill, with what they share counted once
TURN = 10  # tokens, about, of the markup around a turn's question and answer
MIN_CONTEXT = 16  # tokens; less of a passage says nothing
INSTRUCTION = 40  # tokens, rounded up, that the prompt with passages has beside them and the question
PairKind = Kind | Literal["explain", "given", "written", "replay", "exercise"]
ExampleKind = PairKind | Literal["text"]
PromptKind = Literal["question", "passages", "refusal"]


@dataclass(frozen=True)
class Example:
    """Token ids and, for each of them, the same id where it carries loss, or NO_LOSS; and the pair that it holds.

    `source` is the place of what is learnt, as document:start-end; empty where it is of no document. `prompt_kind` says
    what the prompt is: a bare question, one with passages, or one with passages that do not hold the answer, which is
    then a refusal. Examples of one `group` stand side by side and are read together, as they begin alike.
    """

    input_ids: list[int]
    labels: list[int]
    kind: ExampleKind = "text"
    source: str = ""
    pair: "TrainingPair | None" = None
    prompt_kind: PromptKind = "question"
    group: str = ""

    @property
    def loss_tokens(self) -> int:
        """How many tokens carry loss; the first one never does, as nothing before it predicts it."""
        return sum(label != NO_LOSS for label in self.labels[1:])


@dataclass(frozen=True)
class TrainingPair:
    """A pair of any origin, `kind` "given" where the file itself is pairs; its answer begins at `start`.

    A "replay" or "exercise" pair is of no document: `start` and `section` are -1. `system` stands in place of the
    prompt's own system text, `turns` are the conversation before the question, and `context` is the passage that the
    file gives with it.
    """

    kind: PairKind
    question: str
    answer: str
    start: int
    section: int
    source: str = ""
    system: str = SYSTEM
    turns: tuple[Turn, ...] = ()
    context: Passage | None = None


def count_tokens(examples: Sequence[Example]) -> int:
    """Tokens of all examples together."""
    return sum(len(each.input_ids) for each in examples)


def text_windows(
    document: Document, sections: Sequence[tuple[int, Section]], tokenizer: PreTrainedTokenizerBase, window: int
) -> Iterator[Example]:
    """Next-token examples of at most `window` tokens from numbered sections of one document, in order.

    A section that fits is never torn, and one that does not is cut between sentences. The next section joins a window
    only where it follows directly, fits whole and finds it less than half full.
    """
    held: list[int] = []
    before, begin, end = -1, 0, 0
    for number, section in sections:
        for piece in _pieces(document.text[section.start : section.end], tokenizer, window):
            full = len(held) >= window // 2 or len(held) + len(piece) > window
            if held and (full or number - before > 1):
                yield Example(held, held, "text", f"{document.name}:{begin}-{end}")
                held = []
            begin = begin if held else section.start
            held = held + piece
            before, end = number, section.end
    if len(held) > 1:
        yield Example(held, held, "text", f"{document.name}:{begin}-{end}")


def _pieces(text: str, tokenizer: PreTrainedTokenizerBase, window: int) -> Iterator[list[int]]:
    """Runs of whole sentences, or lines of a longer one, with the blanks before them, of at most `window` tokens."""

    def encode(of: Sequence[str]) -> list[list[int]]:
        return tokenizer([defuse(tokenizer, part) for part in of], add_special_tokens=False)["input_ids"]

    ends = [end for _, end in sentences(text)] or [len(text)]
    parts = [text[start:end] for start, end in zip([0, *ends], [*ends[:-1], len(text)], strict=False)]
    encoded = zip(parts, encode(parts), strict=True)
    lines = [[ids] if len(ids) <= window else encode(part.splitlines(keepends=True)) for part, ids in encoded]
    held: list[int] = []
    for ids in chain.from_iterable(lines):
        if len(held) + len(ids) > window and held:
            yield held
            held = []
        held = held + ids
        while len(held) > window:
            yield held[:window]
            held = held[window:]
    if held:
        yield held


def pair_example(
    pair: TrainingPair, tokenizer: PreTrainedTokenizerBase, window: int, passages: Sequence[Passage] = ()
) -> Example:
    """The conversation as it is asked and answered, of at most MAX_PAIR_WINDOWS windows.

    `passages` stand in place of the pair's own context. Of a longer prompt the oldest turns are left out, then the
    context is cut to the part around the answer, then the question.
    """
    limit = MAX_PAIR_WINDOWS * window
    end = end_of_answer(tokenizer)
    words = tokenizer(defuse(tokenizer, pair.answer), add_special_tokens=False)["input_ids"]
    answer = words if end is None else [*words, end]
    given = passages or ([pair.context] if pair.context else [])
    prompt, kind = _prompt_within(limit - min(len(answer), window), pair, given, tokenizer)
    ids = (prompt + answer)[:limit]
    return Example(ids, ([NO_LOSS] * len(prompt) + answer)[:limit], pair.kind, pair.source, pair, kind)


def _prompt_within(
    room: int, pair: TrainingPair, passages: Sequence[Passage], tokenizer: PreTrainedTokenizerBase
) -> tuple[list[int], PromptKind]:
    """The prompt in at most `room` tokens, if cutting its turns, its passage and its question can do that; its kind."""

    def prompt(question: str, turns: Sequence[Turn], given: Sequence[Passage]) -> list[int]:
        return render(tokenizer, messages(question, turns, given, system=pair.system))

    turns: Sequence[Turn] = ()
    if pair.turns:  # to render a prompt takes a millisecond, and most pairs have no turns
        turns = _latest_turns(pair.turns, room - len(prompt(pair.question, (), passages)), tokenizer)
    while (over := len(ids := prompt(pair.question, turns, passages)) - room) > 0 and turns:
        turns = turns[1:]
    if over > 0 and len(passages) == 1:
        passages = _cut_passage(passages[0], pair.answer, over, tokenizer)
        over = len(ids := prompt(pair.question, turns, passages)) - room
    if over > 0:
        words = tokenizer(pair.question, add_special_tokens=False)["input_ids"]
        return prompt(str(tokenizer.decode(words[: max(1, len(words) - over)])), (), ()), "question"
    return ids, "passages" if passages else "question"


def _latest_turns(turns: Sequence[Turn], room: int, tokenizer: PreTrainedTokenizerBase) -> Sequence[Turn]:
    """As many turns from the end as fit into `room` tokens with their markup."""
    for place in reversed(range(len(turns))):
        room -= len(tokenizer(f"{turns[place].question}\n{turns[place].answer}", add_special_tokens=False)["input_ids"])
        room -= TURN
        if room < 0:
            return turns[place + 1 :]
    return turns


def _cut_passage(passage: Passage, answer: str, over: int, tokenizer: PreTrainedTokenizerBase) -> list[Passage]:
    """The passage with `over` tokens less, those around the answer kept; none where too little would be left."""
    words = tokenizer(passage.text, add_special_tokens=False)["input_ids"]
    kept = len(words) - over - 2  # a word that is cut in two may become more tokens
    if kept < MIN_CONTEXT:
        return []
    found = max(0, passage.text.find(answer)) / max(1, len(passage.text))
    start = min(len(words) - kept, max(0, int(found * len(words)) - kept // 2))
    return [replace(passage, text=str(tokenizer.decode(words[start : start + kept])).strip())]
