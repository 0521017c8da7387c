"""Preview of a text's training examples: decoded, with the parts that carry loss marked, and counted by kind."""

from collections.abc import Sequence
from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from playground.data.tokenize import NO_LOSS, Example, ExampleKind

SHOWN = 5  # examples per kind to look at


@dataclass(frozen=True)
class ExampleText:
    """An example in consecutive pieces, each with whether it carries loss."""

    pieces: tuple[tuple[str, bool], ...]


@dataclass(frozen=True)
class KindPreview:
    """Examples of one kind: their number, their tokens, those that carry loss, and some to look at."""

    kind: ExampleKind
    examples: int
    tokens: int
    loss_tokens: int
    shown: tuple[ExampleText, ...]


def preview_examples(examples: Sequence[Example], tokenizer: PreTrainedTokenizerBase) -> list[KindPreview]:
    """One row per kind, in the order of first occurrence."""
    of_kind: dict[ExampleKind, list[Example]] = {}
    for example in examples:
        of_kind.setdefault(example.kind, []).append(example)
    return [
        KindPreview(
            kind,
            len(found),
            sum(len(each.input_ids) for each in found),
            sum(each.loss_tokens for each in found),
            tuple(_decode(each, tokenizer) for each in found[:: max(1, len(found) // SHOWN)][:SHOWN]),
        )
        for kind, found in of_kind.items()
    ]


def _decode(example: Example, tokenizer: PreTrainedTokenizerBase) -> ExampleText:
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
