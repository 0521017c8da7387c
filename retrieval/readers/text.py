"""Reads TXT, reStructuredText, Markdown, subtitles and exported chats: the text as it is, with its headings."""

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import accumulate

from retrieval.document import Document, DocumentBuilder, HeadingMark, LeftOut, Limits, heading_spans
from retrieval.notes import Note, left_out_notes
from retrieval.readers import headings, markdown_text
from retrieval.readers.blobs import BLOBS, MARK, remove_blobs
from retrieval.readers.chats import add_chat, is_chat
from retrieval.readers.cleaning import Cleaner
from retrieval.readers.encoding import Decoded, decode_file
from retrieval.readers.restructured import shown_text
from retrieval.readers.subtitles import add_subtitles, is_subtitles

# A mark that is a paragraph of its own, with the blank lines after it, or before it at the end.
_OWN_LINE = re.compile(rf"(?:(?<=\n\n)|\A){MARK}\n+|\n+{MARK}\Z")
Clean = Callable[[str], str]
# A text without what is no text, its headings, and notes on what that was.
Structure = tuple[str, list[HeadingMark], list[Note]]


def read_plain(data: bytes, name: str, limits: Limits) -> Document:
    """Plain text; its headings are underlined, numbered or named, and ruled lines are left out.

    Subtitles and chats are recognised by their time codes.
    """
    decoded = decode_file(data, name)
    if is_subtitles(decoded.text):
        return _talk(decoded, name, limits, add_subtitles, "Time codes")
    if is_chat(decoded.text):
        return _talk(decoded, name, limits, add_chat, "Times of messages")
    return _document(decoded, name, limits, _plain_structure)


def read_restructured(data: bytes, name: str, limits: Limits) -> Document:
    """ReStructuredText as its reader sees it; directives for programs, targets and comments are left out."""
    decoded = decode_file(data, name)
    text, removed = shown_text(decoded.text)
    notes = (*decoded.notes, *left_out_notes({"Directives and comments": removed}))
    return _document(replace(decoded, text=text, notes=notes), name, limits, _plain_structure)


def read_markdown(data: bytes, name: str, limits: Limits) -> Document:
    """Markdown text with its marks; comments are left out, and entities are the letters that they stand for."""
    decoded = decode_file(data, name)
    text, removed = markdown_text.shown_text(decoded.text.replace("\r\n", "\n"))
    notes = (*decoded.notes, *left_out_notes({"Directives and comments": removed}))
    shown = replace(decoded, text=text, notes=notes)
    return _document(shown, name, limits, lambda text: (text, headings.markdown_headings(text), []))


def _plain_structure(text: str) -> Structure:
    text, underlined, removed = headings.remove_rules(text)
    marks = headings.merge_headings(underlined, headings.marked_headings(text) or headings.plain_headings(text))
    return text, marks, left_out_notes({"Ruled lines": removed})


def _document(decoded: Decoded, name: str, limits: Limits, structure_of: Callable[[str], Structure]) -> Document:
    """The document of a text; where encoded data was, the text goes on without it."""
    marked, blobs = remove_blobs(decoded.text)
    cleaner = Cleaner()
    pieces = _OWN_LINE.sub(MARK, cleaner.clean(marked)).split(MARK)
    whole = "".join(pieces)
    text, marks, notes = structure_of(whole)
    starts = [*accumulate(map(len, pieces))][:-1]
    if notes:
        starts = headings.places_without_rules(whole, starts)
    kept = DocumentBuilder(limits.max_chars)
    for blob, start in zip(blobs, starts, strict=False):
        kept.keep_part(LeftOut(BLOBS, f"line {blob.line}", blob.text, start))
    every = (*decoded.notes, *cleaner.notes(), *notes, *left_out_notes({BLOBS: len(blobs)}))
    return Document(name, text, headings=heading_spans(marks, len(text)), notes=every, left_out=tuple(kept.parts))


def _talk(
    decoded: Decoded, name: str, limits: Limits, add: Callable[[str, DocumentBuilder, Clean], int], counted: str
) -> Document:
    """The document of subtitles or of a chat."""
    builder, cleaner = DocumentBuilder(limits.max_chars), Cleaner()
    count = add(decoded.text, builder, cleaner.clean)
    return builder.document(name, [*decoded.notes, *cleaner.notes(), Note("left_out", count, counted)])
