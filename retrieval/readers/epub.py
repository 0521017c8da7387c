"""Reads EPUB: the chapters in reading order, each as the HTML reader reads a page."""

import posixpath
from xml.etree.ElementTree import Element

from retrieval.document import Document, DocumentBuilder, Limits
from retrieval.errors import RetrievalError
from retrieval.notes import Note, sum_notes
from retrieval.readers.html import read_html
from retrieval.readers.merge import add_document
from retrieval.readers.packed_xml import (
    PackedKind,
    PackedParts,
    below,
    children,
    first,
    join_path,
    local,
    open_packed,
    value,
)

KIND = PackedKind("an e-book (EPUB)", ".epub", "META-INF/container.xml")
CONTENTS = "Tables of contents"
_PAGES = ("application/xhtml+xml", "text/html")
# Fonts may be scrambled without harm; these two schemes do only that.
_FONT_SCHEMES = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")


def read_epub(data: bytes, name: str, limits: Limits) -> Document:
    """The text of an e-book; its table of contents is left out and counted.

    Raises:
        RetrievalError: no e-book, protected against copying, damaged, or larger than the limits.
        TooLong: more text than the limits allow.
    """
    parts = open_packed(data, name, KIND, limits)
    _refuse_protection(parts)
    package = value(first(parts.require(KIND.part), "rootfile"), "full-path")
    book = parts.require(package)
    builder = DocumentBuilder(limits.max_chars)
    notes: list[Note] = []
    for path, is_contents in _chapters(book, posixpath.dirname(package)):
        content = parts.contents.get(path)
        if content is None:
            builder.leave_out("Chapters that are missing", path, path)
            continue
        chapter = read_html(content, name, limits)
        if is_contents:
            builder.leave_out(CONTENTS, chapter.text)
        elif any(map(str.isalnum, chapter.text)):
            add_document(builder, chapter)
        notes += chapter.notes
    return builder.document(name, sum_notes(notes))


def _refuse_protection(parts: PackedParts) -> None:
    """Refuse a book whose chapters are encrypted.

    Raises:
        RetrievalError: they are.
    """
    methods = [value(each, "Algorithm") for each in below(parts.parse("META-INF/encryption.xml"), "EncryptionMethod")]
    if any(method not in _FONT_SCHEMES for method in methods):
        raise RetrievalError(f"{parts.name} is protected against copying, so it cannot be read. Add a free copy of it.")


def _chapters(book: Element, folder: str) -> list[tuple[str, bool]]:
    """The paths of the chapters in reading order, each once, and whether each is a table of contents."""
    items = {value(each, "id"): each for each in below(first(book, "manifest"), "item")}
    found: dict[str, bool] = {}
    for reference in children(first(book, "spine")):
        item = items.get(value(reference, "idref")) if local(reference) == "itemref" else None
        if item is not None and value(item, "media-type") in _PAGES:
            is_contents = "nav" in value(item, "properties").split()
            found[join_path(folder, value(item, "href"))] = is_contents
    return list(found.items())
