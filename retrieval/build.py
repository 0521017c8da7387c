"""Builds an index: splits documents, drops repeated passages, embeds new ones. Reports progress; can be stopped."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from retrieval.chunks import Passage, split
from retrieval.deduplicate import repeated_passages
from retrieval.document import Document
from retrieval.errors import IndexingStopped, RetrievalError
from retrieval.index import Encoder, Index
from retrieval.language import detect_language
from retrieval.persistence import chunk_hash

SPECIAL_TOKENS = 2
MAX_PASSAGE_TOKENS = 126
SLICE = 512  # passages whose vectors are kept together, in case the work stops

Progress = Callable[[int, int], None]
ShouldStop = Callable[[], bool]


def build(
    documents: Sequence[Document],
    embedder: Encoder,
    progress: Progress | None = None,
    known: dict[str, np.ndarray] | None = None,
    should_stop: ShouldStop | None = None,
) -> Index:
    """An index of the documents. `known` holds vectors that are reused; new ones are added to it.

    Its keys are the `chunk_hash` of `Passage.found_by`.
    `progress` gets the number of passages embedded and of all to embed; its steps take about the same time each.

    Raises:
        RetrievalError: the documents hold no text, or the embedder did not return one vector per passage.
        IndexingStopped: `should_stop` returned true; the vectors made so far are in `known`.
    """
    known = {} if known is None else known
    step = _stoppable_progress(progress, should_stop)
    passages, repeated = _passages(documents, embedder)
    names = [chunk_hash(passage.found_by) for passage in passages]
    new_texts = {name: passage.found_by for name, passage in zip(names, passages, strict=True) if name not in known}
    _embed(new_texts, embedder, known, step)
    vectors = np.stack([known[name] for name in names])
    return Index(passages, vectors, embedder.name, embedder.hash, _language(documents), repeated)


def _passages(documents: Sequence[Document], embedder: Encoder) -> tuple[list[Passage], int]:
    """The passages that are no repeats, and the number of repeats."""
    max_tokens = min(MAX_PASSAGE_TOKENS, embedder.window - SPECIAL_TOKENS)
    every = [passage for document in documents for passage in split(document, embedder.count_tokens, max_tokens)]
    if not every:
        raise RetrievalError("There is no text to index. Add a file with text first.")
    every = _fit_context(every, embedder)
    repeated = repeated_passages(every)
    return [passage for place, passage in enumerate(every) if place not in repeated], len(repeated)


def _fit_context(passages: list[Passage], embedder: Encoder) -> list[Passage]:
    """The passages without the context that an encoder of a short window would cut their text for."""
    counts = embedder.count_tokens([passage.context for passage in passages])
    room = embedder.window - SPECIAL_TOKENS
    return [
        replace(passage, context="") if context and passage.tokens + context > room else passage
        for passage, context in zip(passages, counts, strict=True)
    ]


def _embed(new_texts: dict[str, str], embedder: Encoder, known: dict[str, np.ndarray], step: Progress) -> None:
    """Add the vectors of the texts to `known`, one slice at a time."""
    names = list(new_texts)
    step(0, len(names))
    for start in range(0, len(names), SLICE):
        part = names[start : start + SLICE]
        vectors = embedder.encode(
            [new_texts[name] for name in part], lambda done, _, start=start: step(start + done, len(names))
        )
        if vectors.shape != (len(part), embedder.dimension):
            raise RetrievalError(
                f"The embedder made vectors of {vectors.shape} for {len(part)} passages. Try again, or choose another."
            )
        known.update(zip(part, vectors, strict=True))


def _stoppable_progress(progress: Progress | None, should_stop: ShouldStop | None) -> Progress:
    """Progress that raises `IndexingStopped` when the work has to stop, which is possible between two batches."""

    def step(done: int, total: int) -> None:
        if should_stop and should_stop():
            raise IndexingStopped(
                f"Indexing was stopped with {done:,} of {total:,} passages embedded. Start it again to go on."
            )
        if progress and done:
            progress(done, total)

    return step


def _language(documents: Sequence[Document]) -> str:
    """The language of most of the text."""
    chars: Counter[str] = Counter()
    for document in documents:
        chars[detect_language(document.text)] += len(document.text)
    return chars.most_common(1)[0][0]
