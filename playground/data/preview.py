"""Preview of a text's training examples: decoded, with the parts that carry loss marked, and counted by kind.

The page and the command line share it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from transformers import PreTrainedTokenizerBase

from playground.data.dataset import ExampleSplit, build_split
from playground.data.mix import MixSettings
from playground.data.tokenize import NO_LOSS, Example, ExampleKind, pair_example
from playground.data.training_pairs import given_pair
from retrieval.document import Document

SHOWN = 5  # examples per kind to look at
HEAD_CHARS = 4_000  # of a text, from which its first examples are made

PreviewKind = ExampleKind | Literal["passages", "refusal"]


@dataclass(frozen=True)
class ExampleText:
    """An example in consecutive pieces, each with whether it carries loss."""

    pieces: tuple[tuple[str, bool], ...]


@dataclass(frozen=True)
class KindPreview:
    """Examples of one kind: their number, their tokens, those that carry loss, and some to look at.

    Questions with passages are kinds of their own, wherever the questions come from.
    """

    kind: PreviewKind
    examples: int
    tokens: int
    loss_tokens: int
    shown: tuple[ExampleText, ...]


@dataclass(frozen=True)
class PreviewLine:
    """An example in two texts: what the model reads, control tokens included, and what it learns to write.

    `source` is the place of what is learnt, as document:start-end.
    """

    kind: ExampleKind
    prompt: str
    learnt: str
    source: str
    heldout: bool


def preview_lines(split: ExampleSplit, tokenizer: PreTrainedTokenizerBase) -> Iterator[PreviewLine]:
    """Every example of a split, training first."""
    for heldout, side in ((False, split.train), (True, split.heldout)):
        for example in side:
            yield preview_line(example, tokenizer, heldout)


def preview_line(example: Example, tokenizer: PreTrainedTokenizerBase, heldout: bool = False) -> PreviewLine:
    """One example; the control token that ends an answer is not part of what is shown as learnt."""
    pieces = decode_example(example, tokenizer).pieces
    prompt = "".join(text for text, learnt in pieces if not learnt)
    ids = [token for token, label in zip(example.input_ids, example.labels, strict=True) if label != NO_LOSS]
    learnt = str(tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))
    return PreviewLine(example.kind, prompt, learnt, example.source, heldout)


def first_examples(
    document: Document, tokenizer: PreTrainedTokenizerBase, mix: MixSettings, count: int = 3
) -> list[Example]:
    """The first examples of one document, without passages of others: of its pairs, or of the beginning of its text."""
    if document.pairs:
        places = range(min(count, len(document.pairs)))
        return [pair_example(given_pair(document, place), tokenizer, mix.window) for place in places]
    headings = tuple(each for each in document.headings if each.end <= HEAD_CHARS)
    head = replace(document, text=document.text[:HEAD_CHARS], headings=headings, pages=())
    return build_split([head], tokenizer, replace(mix, pairs_share=0.0)).train[:count]


def preview_examples(examples: Sequence[Example], tokenizer: PreTrainedTokenizerBase) -> list[KindPreview]:
    """One row per kind, in the order of first occurrence."""
    of_kind: dict[PreviewKind, list[Example]] = {}
    for example in examples:
        kind: PreviewKind = example.kind if example.prompt_kind == "question" else example.prompt_kind
        of_kind.setdefault(kind, []).append(example)
    return [
        KindPreview(
            kind,
            len(found),
            sum(len(each.input_ids) for each in found),
            sum(each.loss_tokens for each in found),
            tuple(decode_example(each, tokenizer) for each in found[:: max(1, len(found) // SHOWN)][:SHOWN]),
        )
        for kind, found in of_kind.items()
    ]


def decode_example(example: Example, tokenizer: PreTrainedTokenizerBase) -> ExampleText:
    """The example as text, with its control tokens."""
    runs: list[tuple[list[int], bool]] = []
    for token, label in zip(example.input_ids, example.labels, strict=True):
        has_loss = label != NO_LOSS
        if not runs or runs[-1][1] is not has_loss:
            runs.append(([], has_loss))
        runs[-1][0].append(token)
    return ExampleText(
        tuple((str(tokenizer.decode(ids, clean_up_tokenization_spaces=False)), has_loss) for ids, has_loss in runs)
    )
