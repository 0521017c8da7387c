"""A plain text in chat markup with control tokens -> its conversations."""

import re

from retrieval.document import Document, Limits
from retrieval.readers.qa_records import read_records
from retrieval.readers.shapes.markup import has_control_tokens, is_conversation
from retrieval.readers.tables import Table

TEXT = "text"
# What begins or ends a conversation where several follow each other.
_BORDER = re.compile(r"<\|endoftext\|>|<\|end_of_text\|>|<\|begin_of_text\|>|<s>|<bos>|<｜begin▁of▁sentence｜>")


def read_markup_text(document: Document, limits: Limits) -> Document | None:
    """The conversations of a text, all of whose parts must be such; None for any other text."""
    if not has_control_tokens(document.text):
        return None
    parts = [part.strip() for part in _BORDER.split(document.text) if part.strip()]
    if not parts or not all(is_conversation(part) for part in parts):
        return None
    return read_records(Table((TEXT,), [{TEXT: part} for part in parts], 0), document.name, None, limits)
