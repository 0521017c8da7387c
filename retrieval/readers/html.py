"""Reads HTML into text with headings: what a visitor reads on the page, without scripts, styles and navigation."""

import re
from collections.abc import Iterator
from itertools import groupby

from selectolax.lexbor import LexborHTMLParser, LexborNode

from retrieval.document import Document, DocumentBuilder, Limits
from retrieval.errors import RetrievalError
from retrieval.readers.encoding import clean, decode, repair_note

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
MAX_DEPTH = 10_000
# The parser takes quadratic time in the nesting depth of these.
_NESTING = re.compile(
    r"<(/?)(?:address|article|aside|blockquote|center|details|dialog|dir|div|dl|fieldset|figure|footer|header|main|menu"
    r"|nav|ol|pre|section|summary|table|ul)\b",
    re.IGNORECASE,
)
MAX_ADDRESS = 200  # characters; longer addresses hold session data
_WEB = re.compile(r"https?://([^/?#\s]+)\S*$", re.IGNORECASE)
_WHITESPACE = re.compile(r"[ \t\r\n\f]+")
_DECLARED = re.compile(rb"<(?:meta|\?xml)[^>]{0,200}?(?:charset|encoding)\s*=\s*[\"']?([\w-]{2,20})", re.IGNORECASE)


def read_html(data: bytes, name: str, limits: Limits) -> Document:
    """The readable text: one paragraph per block element, " | " between table cells, "- " before list entries.

    Raises:
        RetrievalError: the elements are nested too deeply.
        TooLong: more text than the limits allow.
    """
    declared = _DECLARED.search(data[:4096])
    page = decode(data, name, declared[1].decode("ascii") if declared else None)
    _check_depth(page, name)
    tree = LexborHTMLParser(page)
    builder = DocumentBuilder(limits.max_chars)
    repaired = 0
    own = tree.css_first("link[rel=canonical], base[href]")
    for block, raw in _blocks(tree, _host(own.attributes.get("href") if own else None)):
        text, lines = clean(raw)
        repaired += lines
        if block.tag in HEADINGS:
            builder.heading(text, HEADINGS[block.tag])
        else:
            builder.add(text if block.tag == "pre" else text.strip(), _joint(block))
    return builder.document(name, repair_note(repaired))


def _check_depth(page: str, name: str) -> None:
    depth = 0
    for tag in _NESTING.finditer(page):
        depth = max(0, depth - 1) if tag[1] else depth + 1
        if depth > MAX_DEPTH:
            raise RetrievalError(
                f"{name} nests its elements more than {MAX_DEPTH:,} deep, the limit. Save the page's text instead."
            )


def _joint(block: LexborNode) -> str:
    """A line break between entries of one list or rows of one table, else a blank line."""
    earlier = block.prev
    while earlier is not None and earlier.tag != block.tag:
        earlier = earlier.prev
    return "\n" if block.tag in ("li", "tr") and earlier is not None else "\n\n"


def _blocks(tree: LexborHTMLParser, own: str) -> Iterator[tuple[LexborNode, str]]:
    """Block elements with their own text, without that of nested blocks, in the order of the page."""
    for _, group in groupby(_inline_pieces(tree, own), key=lambda each: each[0].mem_id):
        run = list(group)
        block = run[0][0]
        text = "".join(piece for _, piece in run)
        if any(map(str.isalnum, text)):
            yield block, (f"- {text.strip()}" if block.tag == "li" else text)


def _inline_pieces(tree: LexborHTMLParser, own: str) -> Iterator[tuple[LexborNode, str]]:
    """Every piece of readable text with its nearest block element; a link to another site with its address.

    A loop with a stack: HTML can nest without limit, and the parser's own `traverse` is quadratic in the depth.
    """
    unread = {node.mem_id for node in tree.css(UNREAD)}
    stack: list[tuple[LexborNode | str | None, LexborNode | None]] = [(tree.body, tree.body)]
    while stack:
        node, block = stack.pop()
        if node is None or block is None:
            continue
        if isinstance(node, str):
            yield block, node
            continue
        stack.append((node.next, block))
        if node.mem_id in unread:
            continue
        piece = _inline_text(node, block.tag == "pre")
        if piece:
            yield block, piece
        if node.tag == "a" and block.tag not in HEADINGS:
            stack.append((_address(node, own), block))
        stack.append((node.child, node if node.tag in BLOCKS else block))


def _address(link: LexborNode, own: str) -> str:
    """What follows the words of a link to another site, as in print: " (https://…)". "See here" needs it."""
    address = link.attributes.get("href") or ""
    words = link.text().strip()
    host = _host(address)
    shown = words.rstrip("/") == address.rstrip("/")
    return "" if not host or host == own or not words or shown or len(address) > MAX_ADDRESS else f" ({address})"


def _host(address: str | None) -> str:
    """The host of a web address in lower case; an empty string for any other address."""
    match = _WEB.match(address or "")
    return match[1].lower() if match else ""


def _inline_text(node: LexborNode, verbatim: bool) -> str:
    if node.tag == "-text":
        text = node.text_content or ""
        return text if verbatim else _WHITESPACE.sub(" ", text)
    if node.tag == "br":
        return "\n"
    return " | " if node.tag in ("td", "th") and node.prev is not None else ""
