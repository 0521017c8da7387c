"""Documents -> training examples and a held-out split by section; knows nothing of models but their tokenizer."""

import hashlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from datasets import Dataset
from transformers import PreTrainedTokenizerBase

from playground.errors import UserError
from playground.prompts import defuse, messages, render
from retrieval.documents import Document, Pair

NO_LOSS = -100
MIN_TOKENS = 128
MAX_HELDOUT_TOKENS = 1_024


@dataclass(frozen=True)
class Example:
    """Token ids and, for each of them, the id to predict there or NO_LOSS."""

    input_ids: list[int]
    labels: list[int]


@dataclass(frozen=True)
class Corpus:
    """Tokenised examples (columns input_ids, labels) on both sides of the split."""

    train: Dataset
    heldout: Dataset
    train_tokens: int
    heldout_tokens: int
    data_hash: str


def build(
    documents: Sequence[Document], tokenizer: PreTrainedTokenizerBase, *, window: int, heldout_share: float, seed: int
) -> Corpus:
    """Cut, tokenise and split; pairs carry loss on their answers only, prose on every token.

    Raises:
        UserError: when there is too little text to train on and hold some out.
    """
    units = [unit for document in documents for unit in _units(document, tokenizer, window)]
    train_units, heldout_units = _split(units, heldout_share, seed)
    train = list(_examples(train_units, window))
    heldout = list(_capped(_examples(heldout_units, window)))
    found = sum(len(each.input_ids) for each in train)
    if not heldout or found < MIN_TOKENS:
        raise UserError(
            f"This text is too short to train on: {found} tokens in {len(units)} section(s) were found, at least "
            f"{MIN_TOKENS} tokens in two sections are needed. Add more text."
        )
    return Corpus(
        train=_dataset(train),
        heldout=_dataset(heldout),
        train_tokens=found,
        heldout_tokens=sum(len(each.input_ids) for each in heldout),
        data_hash=data_hash(documents),
    )


def data_hash(documents: Sequence[Document]) -> str:
    """16 hex digits over every document's name and text."""
    digest = hashlib.sha256()
    for document in documents:
        digest.update(f"{document.name}\0{document.text}\0".encode())
    return digest.hexdigest()[:16]


def sections(document: Document) -> list[str]:
    """The document cut at every heading; without headings, one piece."""
    cuts = sorted({0, len(document.text), *(span.start for span in document.headings)})
    pieces = [document.text[start:end].strip() for start, end in zip(cuts, cuts[1:], strict=False)]
    return [piece for piece in pieces if piece]


def _units(document: Document, tokenizer: PreTrainedTokenizerBase, window: int) -> list[list[Example]]:
    """What the split may not tear apart: a pair, or a stretch of one section's prose."""
    if document.pairs:
        return [[_pair_example(pair, tokenizer, window)] for pair in document.pairs]
    return [[Example(ids, ids)] for part in sections(document) for ids in _stretches(part, tokenizer, 2 * window)]


def _stretches(section: str, tokenizer: PreTrainedTokenizerBase, most: int) -> Iterator[list[int]]:
    """Whole paragraphs, joined until `most` tokens are reached, so that a text without headings can be split too."""
    held: list[int] = []
    for paragraph in section.split("\n\n"):
        ids = tokenizer(defuse(tokenizer, paragraph.strip()) + "\n\n", add_special_tokens=False)["input_ids"]
        if held and len(held) + len(ids) > most:
            yield held
            held = []
        held = held + ids
    if held:
        yield held


def _pair_example(pair: Pair, tokenizer: PreTrainedTokenizerBase, window: int) -> Example:
    prompt = render(tokenizer, messages(pair.question))
    end = [] if tokenizer.eos_token_id is None else [tokenizer.eos_token_id]
    answer = tokenizer(defuse(tokenizer, pair.answer), add_special_tokens=False)["input_ids"] + end
    prompt = prompt[: window // 2] if len(prompt) > window // 2 else prompt
    ids = (prompt + answer)[: 2 * window]
    return Example(ids, ([NO_LOSS] * len(prompt) + answer)[: 2 * window])


def _split(
    units: list[list[Example]], heldout_share: float, seed: int
) -> tuple[list[list[Example]], list[list[Example]]]:
    """Whole units at random until the held-out share is reached; both sides keep the order of the text."""
    order = list(range(len(units)))
    random.Random(seed).shuffle(order)
    sizes = [sum(len(each.input_ids) for each in unit) for unit in units]
    wanted = min(heldout_share * sum(sizes), MAX_HELDOUT_TOKENS)
    chosen: set[int] = set()
    for number in order[: max(len(units) - 1, 0)]:
        if sum(sizes[each] for each in chosen) >= wanted:
            break
        chosen.add(number)
    train = [unit for number, unit in enumerate(units) if number not in chosen]
    return train, [unit for number, unit in enumerate(units) if number in chosen]


def _examples(units: Sequence[Sequence[Example]], window: int) -> Iterator[Example]:
    """Pairs as they are; prose of neighbouring units joined and cut into full windows."""
    held: list[int] = []
    for example in (example for unit in units for example in unit):
        if example.labels != example.input_ids:
            yield example
            continue
        held = held + example.input_ids
        while len(held) >= window:
            yield Example(held[:window], held[:window])
            held = held[window:]
    if len(held) > 1:
        yield Example(held, held)


def _capped(examples: Iterator[Example]) -> Iterator[Example]:
    """Enough held-out text for a steady figure, not so much that measuring it slows the run."""
    total = 0
    for example in examples:
        if total >= MAX_HELDOUT_TOKENS:
            return
        total += len(example.input_ids)
        yield example


def _dataset(examples: Sequence[Example]) -> Dataset:
    return Dataset.from_dict(
        {"input_ids": [each.input_ids for each in examples], "labels": [each.labels for each in examples]}
    )
