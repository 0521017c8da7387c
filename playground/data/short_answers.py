"""Files of pairs whose answers are mostly so short that a model learns to answer everything in a word or two."""

from collections.abc import Sequence

from retrieval.document import Document
from retrieval.language import count_words

SHORT_WORDS = 4  # an answer with fewer is short


def short_answer_files(documents: Sequence[Document]) -> list[str]:
    """The names of the files of pairs most of whose answers have fewer than SHORT_WORDS words."""
    return [document.name for document in documents if document.pairs and _are_mostly_short(document)]


def _are_mostly_short(document: Document) -> bool:
    short = sum(count_words(pair.answer) < SHORT_WORDS for pair in document.pairs)
    return 2 * short > len(document.pairs)
