"""Reads HTML into text with headings: what a visitor reads on the page, without scripts, menus and banners."""

import re
from itertools import groupby

from selectolax.lexbor import LexborHTMLParser

from retrieval.document import Document, DocumentBuilder, Limits
from retrieval.errors import RetrievalError
from retrieval.readers.cleaning import Cleaner
from retrieval.readers.encoding import decode_file
from retrieval.readers.html_lists import lists_of
from retrieval.readers.html_parts import parts_left_out
from retrieval.readers.html_walk import Event, Place, block_text, events
from retrieval.readers.shadow_roots import with_shadow_roots

HEADINGS = {f"h{level}": level for level in range(1, 7)}
MAX_DEPTH = 10_000
# The parser takes quadratic time in the nesting depth of these.
_NESTING = re.compile(
    r"<(/?)(?:address|article|aside|blockquote|center|details|dialog|dir|div|dl|fieldset|figure|footer|header|main|menu"
    r"|nav|ol|pre|section|summary|table|ul)\b",
    re.IGNORECASE,
)
_DECLARED = re.compile(rb"<(?:meta|\?xml)[^>]{0,200}?(?:charset|encoding)\s*=\s*[\"']?([\w-]{2,20})", re.IGNORECASE)
# In XML any element may end where it begins; in HTML only these do, and the others hold what follows them.
_WITHOUT_CONTENT = "area|base|br|col|embed|hr|img|input|link|meta|source|track|wbr"
_CLOSED_AT_ONCE = re.compile(
    rf"<(?!(?:{_WITHOUT_CONTENT})\b)([a-z][\w:.-]*)((?:[^<>\"']|\"[^\"]*\"|'[^']*')*)/>", re.IGNORECASE
)
_XHTML = "http://www.w3.org/1999/xhtml"


def read_html(data: bytes, name: str, limits: Limits) -> Document:
    """The readable text: one paragraph per block element, one line per row of a table with " | " between its cells.

    Raises:
        RetrievalError: the elements are nested too deeply.
        TooLong: more text than the limits allow.
    """
    declared = _DECLARED.search(data[:4096])
    decoded = decode_file(data, name, declared[1].decode("ascii") if declared else None)
    page = _CLOSED_AT_ONCE.sub(r"<\1\2></\1>", decoded.text) if _is_xml(decoded.text) else decoded.text
    page = with_shadow_roots(page)
    _check_depth(page, name)
    tree = LexborHTMLParser(page)
    writer = _Writer(DocumentBuilder(limits.max_chars))
    if tree.body is not None:
        found = events(tree.body, parts_left_out(tree), _own_address(tree), lists_of(tree))
        for _, group in groupby(found, key=lambda event: (event.place.block.mem_id, event.rows)):
            writer.write(list(group))
    return writer.builder.document(name, [*decoded.notes, *writer.cleaner.notes()])


def _is_xml(page: str) -> bool:
    head = page[:1_000].lstrip()
    return head.startswith("<?xml") or _XHTML in head


def _own_address(tree: LexborHTMLParser) -> str | None:
    own = tree.css_first("link[rel=canonical], base[href]")
    return own.attributes.get("href") if own else None


def _check_depth(page: str, name: str) -> None:
    depth = 0
    for tag in _NESTING.finditer(page):
        depth = max(0, depth - 1) if tag[1] else depth + 1
        if depth > MAX_DEPTH:
            raise RetrievalError(
                f"{name} nests its elements more than {MAX_DEPTH:,} deep, the limit. Save the page's text instead."
            )


class _Writer:
    """Adds runs of events, each of one block, to the document."""

    def __init__(self, builder: DocumentBuilder) -> None:
        self.builder = builder
        self.cleaner = Cleaner()
        self._level = 0  # of the last heading that has a level of its own
        self._group = 0  # the list of the last block; 0 after a heading

    def write(self, run: list[Event]) -> None:
        """Add one paragraph, heading or table, and note what was left out of it."""
        for event in run:
            if event.kind:
                self.builder.leave_out(event.kind, event.text)
        texts = [event for event in run if not event.kind]
        for number, row in enumerate(run[0].rows):
            self._add(row, "\n" if number else "\n\n")
            self._group = 0
        if texts and not run[0].rows:
            self._block(run[0].place, block_text(texts))

    def _block(self, place: Place, raw: str) -> None:
        if not any(map(str.isalnum, raw)):
            return
        tag = place.block.tag or ""
        if tag in HEADINGS or place.toggle:
            self._level = HEADINGS.get(tag, self._level)
            self.builder.heading(self.cleaner.clean(raw), HEADINGS.get(tag) or self._level + 1)
            self._group = 0
            return
        marker = place.take_marker()
        lines_up = place.group and place.group == self._group and (marker or tag in ("li", "dd"))
        self._group = place.group
        self._add(marker + (raw if tag == "pre" else raw.strip()), "\n" if lines_up else "\n\n", tag == "pre" or marker)

    def _add(self, raw: str, joint: str, indented: object = False) -> None:
        text = self.cleaner.clean(raw)
        self.builder.add(text if indented else text.strip(), joint)
