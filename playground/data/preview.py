"""What a model will see of a text: its training examples as text, with what carries loss, and their counts."""

from collections.abc import Sequence
from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from playground.data.tokenize import NO_LOSS, Example, ExampleKind

SHOWN = 5  # examples of a kind that are kept to look at


@dataclass(frozen=True)
class ExampleText:
    """An example in pieces that follow each other, each with whether the model learns to say it."""

    pieces: tuple[tuple[str, bool], ...]


@dataclass(frozen=True)
class KindPreview:
    """Examples of one kind: how many, their tokens, those that carry loss, and some to look at."""

    kind: ExampleKind
    examples: int
    tokens: int
    loss_tokens: int
    shown: tuple[ExampleText, ...]


def preview_examples(examples: Sequence[Example], tokenizer: PreTrainedTokenizerBase) -> list[KindPreview]:
    """One row a kind, in the order in which they come."""
    of_kind: dict[ExampleKind, list[Example]] = {}
    for example in examples:
        of_kind.setdefault(example.kind, []).append(example)
    return [
        KindPreview(
            kind,
            len(found),
            sum(len(each.input_ids) for each in found),
            sum(each.loss_tokens for each in found),
            tuple(_shown(each, tokenizer) for each in found[:: max(1, len(found) // SHOWN)][:SHOWN]),
        )
        for kind, found in of_kind.items()
    ]


def _shown(example: Example, tokenizer: PreTrainedTokenizerBase) -> ExampleText:
    """The example decoded as it is, control tokens too."""
    runs: list[tuple[list[int], bool]] = []
    for token, label in zip(example.input_ids, example.labels, strict=True):
        learnt = label != NO_LOSS
        if not runs or runs[-1][1] is not learnt:
            runs.append(([], learnt))
        runs[-1][0].append(token)
    return ExampleText(
        tuple((str(tokenizer.decode(ids, clean_up_tokenization_spaces=False)), learnt) for ids, learnt in runs)
    )
