"""Sections and pairs -> token ids with the ids to predict; knows the tokenizer and the prompt, not the split.

A stretch of text carries loss on every token, a pair on its answer and the end of its turn only.
"""

import random
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from transformers import PreTrainedTokenizerBase

from playground.data.qa.pairs import Kind
from playground.data.sections import Section
from playground.prompts import PASSAGE, defuse, messages, render
from retrieval.chunks import Passage, sentences, split
from retrieval.document import Document

NO_LOSS = -100
DISTRACTORS = 4  # at most, as in RAFT (Zhang et al. 2024, arXiv 2403.10131, section 3)
MAX_PAIR_WINDOWS = 2  # windows that a pair may fill: an answer is not torn for a few tokens
INSTRUCTION = 40  # tokens, rounded up, that the prompt with passages has beside them and the question
ExampleKind = Literal["text", "given", "heading", "definition", "item", "cloze", "written"]


@dataclass(frozen=True)
class Example:
    """Token ids and, for each of them, the same id where it carries loss, or NO_LOSS."""

    input_ids: list[int]
    labels: list[int]
    kind: ExampleKind = "text"

    @property
    def loss_tokens(self) -> int:
        """How many tokens carry loss; the first one never does, as nothing before it predicts it."""
        return sum(label != NO_LOSS for label in self.labels[1:])


@dataclass(frozen=True)
class TrainingPair:
    """A pair of any origin, `kind` "given" where the file itself is pairs; its answer begins at `start`."""

    kind: Kind | Literal["given", "written"]
    question: str
    answer: str
    start: int
    section: int


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
    before = -1
    for number, section in sections:
        for piece in _pieces(document.text[section.start : section.end], tokenizer, window):
            full = len(held) >= window // 2 or len(held) + len(piece) > window
            if held and (full or number - before > 1):
                yield Example(held, held, "text")
                held = []
            held = held + piece
            before = number
    if len(held) > 1:
        yield Example(held, held, "text")


def _pieces(text: str, tokenizer: PreTrainedTokenizerBase, window: int) -> Iterator[list[int]]:
    """Runs of whole sentences, with the blanks before them, of at most `window` tokens."""
    ends = [end for _, end in sentences(text)] or [len(text)]
    parts = [text[start:end] for start, end in zip([0, *ends], [*ends[:-1], len(text)], strict=False)]
    held: list[int] = []
    for ids in tokenizer([defuse(tokenizer, part) for part in parts], add_special_tokens=False)["input_ids"]:
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
    """The conversation as it is asked and answered, of at most LONGEST windows; a question that is longer is cut."""
    limit = MAX_PAIR_WINDOWS * window
    end = [] if tokenizer.eos_token_id is None else [tokenizer.eos_token_id]
    answer = tokenizer(defuse(tokenizer, pair.answer), add_special_tokens=False)["input_ids"] + end
    prompt = render(tokenizer, messages(pair.question, passages=passages))
    if (over := len(prompt) + min(len(answer), window) - limit) > 0:
        words = tokenizer(pair.question, add_special_tokens=False)["input_ids"]
        prompt = render(tokenizer, messages(str(tokenizer.decode(words[: max(1, len(words) - over)]))))
    ids = (prompt + answer)[:limit]
    return Example(ids, ([NO_LOSS] * len(prompt) + answer)[:limit], pair.kind)


class PassagePool:
    """The passages of one side of the split, from which a pair gets its own and distractors in random order.

    The prompt is the one that retrieval uses, so that the adapter learns to read it and to tell which passage helps
    (RAFT, arXiv 2403.10131; without its chains of thought, which no rule can write).
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer
        self._passages: list[Passage] = []
        self._costs: list[int] = []  # tokens in a prompt
        self._starts: dict[int, list[tuple[int, int]]] = {}  # of a document: where its passages start, and their places

    def add(self, number: int, document: Document, elsewhere: Sequence[Section]) -> None:
        """Put in a document's passages but those that touch a section of the other side."""
        starts = self._starts.setdefault(number, [])
        for passage in split(document, self._count):
            if not any(each.start < passage.end and passage.start < each.end for each in elsewhere):
                starts.append((passage.start, len(self._passages)))
                self._passages.append(passage)
        listed = [
            PASSAGE.format(number=1, heading=each.heading or each.source, text=each.text)
            for each in self._passages[len(self._costs) :]
        ]
        self._costs += [count + 2 for count in self._count(listed)]  # and a blank line

    def with_distractors(self, number: int, pair: TrainingPair, room: int, seed: int) -> list[Passage]:
        """The passage where the answer begins among as many others as `room` tokens hold; none without it."""
        own = self._holding(number, pair.start)
        if own is None or self._costs[own] > room:
            return []
        draw = random.Random(f"{seed} {number} {pair.start} {pair.question}")
        chosen, room = [own], room - self._costs[own]
        for place in draw.sample(range(len(self._passages)), min(len(self._passages), 3 * DISTRACTORS)):
            if place != own and len(chosen) <= DISTRACTORS and self._costs[place] <= room:
                chosen.append(place)
                room -= self._costs[place]
        draw.shuffle(chosen)
        return [self._passages[place] for place in chosen]

    def _holding(self, number: int, offset: int) -> int | None:
        starts = self._starts.get(number, [])
        found = bisect_right(starts, (offset, len(self._passages))) - 1
        place = starts[found][1] if found >= 0 else -1
        return place if place >= 0 and offset < self._passages[place].end else None

    def _count(self, texts: list[str]) -> list[int]:
        return [len(ids) for ids in self._tokenizer(texts, add_special_tokens=False)["input_ids"]] if texts else []
