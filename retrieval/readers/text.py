"""TXT, reStructuredText and Markdown: the text as it is, with its headings found."""

from retrieval.document import Document, heading_spans
from retrieval.readers import headings
from retrieval.readers.encoding import clean, decode, repair_note


def read_plain(data: bytes, name: str) -> Document:
    """Text whose headings are underlined, numbered or named; ruled lines are left out."""
    text, mended = clean(decode(data, name))
    text, underlined, removed = headings.without_rules(text)
    marks = headings.merge(underlined, headings.plain(text))
    notes = [*repair_note(mended), *([f"Ruled lines left out: {removed}."] if removed else [])]
    return Document(name, text, headings=heading_spans(marks, len(text)), notes=tuple(notes))


def read_markdown(data: bytes, name: str) -> Document:
    """Markdown text, marks and all."""
    text, mended = clean(decode(data, name))
    marks = headings.markdown(text)
    return Document(name, text, headings=heading_spans(marks, len(text)), notes=tuple(repair_note(mended)))
