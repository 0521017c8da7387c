"""Reads TXT, reStructuredText and Markdown: the text as it is, with its headings."""

from retrieval.document import Document, heading_spans
from retrieval.readers import headings
from retrieval.readers.encoding import clean, decode, repair_note


def read_plain(data: bytes, name: str) -> Document:
    """Plain text; its headings are underlined, numbered or named, and ruled lines are left out."""
    text, repaired = clean(decode(data, name))
    text, underlined, removed = headings.remove_rules(text)
    marks = headings.merge_headings(underlined, headings.plain_headings(text))
    notes = [*repair_note(repaired), *([f"Ruled lines left out: {removed}."] if removed else [])]
    return Document(name, text, headings=heading_spans(marks, len(text)), notes=tuple(notes))


def read_markdown(data: bytes, name: str) -> Document:
    """Markdown text with its marks."""
    text, repaired = clean(decode(data, name))
    marks = headings.markdown_headings(text)
    return Document(name, text, headings=heading_spans(marks, len(text)), notes=tuple(repair_note(repaired)))
