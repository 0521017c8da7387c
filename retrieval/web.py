"""HTML to text with headings: what a person would read on the page, without scripts, styles and navigation."""

import re
from collections.abc import Iterator
from itertools import groupby

from selectolax.lexbor import LexborHTMLParser, LexborNode

from retrieval.decode import clean, decode, mended_note
from retrieval.parts import Document, Draft, Limits

HEADINGS = {f"h{level}": level for level in range(1, 7)}
UNREAD = (
    "script, style, noscript, template, svg, math annotation, nav, form, button, select, iframe, object, head, "
    "[hidden], [aria-hidden=true], [role=navigation], [role=search], .toc, .navheader, .navfooter, .headerlink"
)
BLOCKS = frozenset(
    "address article aside blockquote body caption center dd details dialog div dl dt fieldset figcaption figure "
    "footer h1 h2 h3 h4 h5 h6 header hr html legend li main menu ol p pre section summary table tbody tfoot thead tr "
    "ul".split()
)
_WHITESPACE = re.compile(r"[ \t\r\n\f]+")
_DECLARED = re.compile(rb"<(?:meta|\?xml)[^>]{0,200}?(?:charset|encoding)\s*=\s*[\"']?([\w-]{2,20})", re.IGNORECASE)


def read_html(data: bytes, name: str, limits: Limits) -> Document:
    """The page's readable text: a paragraph a block element, table cells parted by " | ", list entries with "- "."""
    declared = _DECLARED.search(data[:4096])
    tree = LexborHTMLParser(decode(data, name, declared[1].decode("ascii") if declared else None))
    draft = Draft(limits.max_chars)
    mended = 0
    for block, raw in _blocks(tree):
        text, lines = clean(raw)
        mended += lines
        if block.tag in HEADINGS:
            draft.heading(text, HEADINGS[block.tag])
        else:
            draft.add(text if block.tag == "pre" else text.strip(), _joint(block))
    return draft.document(name, mended_note(mended))


def _joint(block: LexborNode) -> str:
    """Entries of one list and rows of one table stay together."""
    earlier = block.prev
    while earlier is not None and earlier.tag != block.tag:
        earlier = earlier.prev
    return "\n" if block.tag in ("li", "tr") and earlier is not None else "\n\n"


def _blocks(tree: LexborHTMLParser) -> Iterator[tuple[LexborNode, str]]:
    """Block elements with the text that is directly theirs, in the order of the page."""
    for _, group in groupby(_inline(tree), key=lambda each: each[0].mem_id):
        run = list(group)
        block = run[0][0]
        text = "".join(piece for _, piece in run)
        if any(map(str.isalnum, text)):
            yield block, (f"- {text.strip()}" if block.tag == "li" else text)


def _inline(tree: LexborHTMLParser) -> Iterator[tuple[LexborNode, str]]:
    """Every piece of readable text with its nearest block element.

    The walk is a loop with a stack: nesting has no limit in HTML, and the parser's own `traverse` is quadratic in it.
    """
    unread = {node.mem_id for node in tree.css(UNREAD)}
    stack = [(tree.body, tree.body)]
    while stack:
        node, block = stack.pop()
        if node is None or block is None:
            continue
        stack.append((node.next, block))
        if node.mem_id in unread:
            continue
        piece = _piece(node, block.tag == "pre")
        if piece:
            yield block, piece
        stack.append((node.child, node if node.tag in BLOCKS else block))


def _piece(node: LexborNode, verbatim: bool) -> str:
    if node.tag == "-text":
        text = node.text_content or ""
        return text if verbatim else _WHITESPACE.sub(" ", text)
    if node.tag == "br":
        return "\n"
    return " | " if node.tag in ("td", "th") and node.prev is not None else ""
