"""Sections and pairs -> token ids with the ids to predict; knows the tokenizer and the prompt, not the split.

A stretch of text carries loss on every token, a pair on its answer and the end of its turn only.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from transformers import PreTrainedTokenizerBase

from playground.data.qa.pairs import Kind
from playground.data.sections import Section
from playground.prompts import defuse, messages, render
from retrieval.chunks import Passage, sentences
from retrieval.document import Document

NO_LOSS = -100
MAX_PAIR_WINDOWS = 2  # windows that a pair may fill: an answer is not torn for a few tokens
INSTRUCTION = 40  # tokens, rounded up, that the prompt with passages has beside them and the question
PairKind = Kind | Literal["explain", "given", "written", "replay"]
ExampleKind = PairKind | Literal["text"]


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
    """A pair of any origin, `kind` "given" where the file itself is pairs; its answer begins at `start`.

    A "replay" pair is of no document: `start` and `section` are -1.
    """

    kind: PairKind
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
