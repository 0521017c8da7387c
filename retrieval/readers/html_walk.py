"""Walks the elements of a page and yields its text piece by piece, in the order of the page; knows no document."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby

from selectolax.lexbor import LexborNode

from retrieval.readers import html_tables
from retrieval.readers.html_lists import Lists
from retrieval.readers.html_math import formula
from retrieval.readers.html_parts import SILENT, is_toggle
from retrieval.readers.raised import subscript, superscript
from retrieval.readers.web_address import host_of, in_print

BLOCKS = frozenset(
    "address article aside blockquote body caption center dd details dialog div dl dt fieldset figcaption figure "
    "footer form h1 h2 h3 h4 h5 h6 header hr html legend li main menu ol p pre section summary svg table tbody td th "
    "tfoot thead tr ul".split()
)
MAX_TERM, MIN_DESCRIPTION = 80, 60  # mean characters of a list's terms, and of descriptions that these are titles of
_WHITESPACE = re.compile(r"[ \t\r\n\f]+")
_BLANKS = re.compile(r" {2,}")
_AROUND_BREAKS = re.compile(r" *\n *")
_FILE_NAME = re.compile(r"^\S*\.(?:png|jpe?g|gif|svg|webp|bmp|tiff?|avif)$", re.IGNORECASE)


@dataclass(frozen=True)
class Place:
    """Where a piece of text stands: its block, the markers of the list entries around it, and its list.

    `group` is the same for all entries of one list; `toggle` says that the block is the title of a panel or of a
    description, `described` that the terms of the list around are such titles.
    """

    block: LexborNode
    markers: list[str] = field(default_factory=list)
    group: int = 0
    depth: int = 0
    toggle: bool = False
    described: bool = False

    def take_marker(self) -> str:
        """The marker of the list entry that begins here, once; an empty string afterwards."""
        return self.markers.pop() if self.markers else ""


@dataclass(frozen=True)
class Event:
    """A piece of text, a part left out with its kind, or a table's rows."""

    place: Place
    text: str = ""
    kind: str | None = None
    rows: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Walk:
    """What holds for a whole page."""

    left_out: Mapping[int, str]
    host: str
    lists: Lists


def events(body: LexborNode, left_out: Mapping[int, str], own: str | None, lists: Lists) -> Iterator[Event]:
    """All events of a page whose own address is `own`, or None if it does not say."""
    return _below(body, _Walk(left_out, host_of(own), lists))


def block_text(run: Iterable[Event]) -> str:
    """The text of the events of one block; white space as a browser shows it."""
    pieces = list(run)
    text = "".join(event.text for event in pieces)
    return text if _is_verbatim(pieces[0].place) else _AROUND_BREAKS.sub("\n", _BLANKS.sub(" ", text))


def _is_verbatim(place: Place) -> bool:
    return place.block.tag == "pre"


def _below(root: LexborNode, walk: _Walk, nesting: int = 0) -> Iterator[Event]:
    """The events below one element.

    A loop with a stack: HTML can nest without limit, and the parser's own `traverse` is quadratic in the depth.
    """
    stack: list[tuple[LexborNode | str | None, Place]] = [(root.child, Place(root))]
    before = ""
    while stack:
        node, place = stack.pop()
        if node is None:
            continue
        if isinstance(node, str):
            yield Event(place, node)
            continue
        stack.append((node.next, place))
        kind = walk.left_out.get(node.mem_id)
        if kind is not None:
            if kind is not SILENT and (text := node.text(separator=" ").strip()):
                yield Event(place, text, kind=kind)
            continue
        if node.tag == "table" and html_tables.is_data(node, nesting):
            yield from _table(node, place, walk, nesting)
            continue
        unit = _unit(node, before)
        if unit is not None:
            before = unit
            yield Event(place, unit)
            continue
        piece = _piece(node, place)
        if piece:
            before = piece
            yield Event(place, piece)
        stack += [(closing, place) for closing in _closing(node, place, walk)]
        stack.append((node.child, _place_of(node, place, walk)))


def _place_of(node: LexborNode, place: Place, walk: _Walk) -> Place:
    """The place of what stands in an element."""
    tag = node.tag
    if tag in ("ul", "ol", "menu"):
        walk.lists.begin(node)
        return replace(place, block=node, group=place.group or walk.lists.group(node), depth=place.depth + 1)
    if tag == "li":
        return replace(place, block=node, markers=[walk.lists.marker(node, place.depth)])
    if tag == "dl":  # a list inside another is as that one: to look at each takes time with the text below it
        return replace(place, block=node, described=place.described if place.group else _names_descriptions(node))
    if tag in ("dt", "dd"):
        return replace(place, block=node, group=_term(node), toggle=place.described and tag == "dt")
    if tag in ("summary", "button") or "role" in node.attributes:
        if is_toggle(node):
            return replace(place, block=node, toggle=True)
    return replace(place, block=node, toggle=False) if tag in BLOCKS else place


def _term(node: LexborNode) -> int:
    """The same number for a term and its descriptions."""
    earlier: LexborNode | None = node
    while earlier is not None and earlier.tag != "dt":
        earlier = earlier.prev
    return (earlier or node).mem_id


def _names_descriptions(terms: LexborNode) -> bool:
    """Whether a list of short terms describes them in sentences, so that each is the title of what follows it."""
    found = {tag: [each.text().strip() for each in terms.css(tag)] for tag in ("dt", "dd")}
    lengths = {tag: sum(map(len, texts)) / max(1, len(texts)) for tag, texts in found.items()}
    return lengths["dt"] <= MAX_TERM and lengths["dd"] >= MIN_DESCRIPTION


def _unit(node: LexborNode, before: str) -> str | None:
    """The text of an element that is read as one piece; None for any other."""
    if node.tag == "sup" and not node.css("img, table, p"):
        names = f"{node.attributes.get('class') or ''} {node.attributes.get('id') or ''}".lower()
        points = bool(node.css('a[href*="#"]')) or any(word in names for word in ("footnote", "reference", "fnref"))
        return superscript(node.text(), before.rstrip("\n"), points)
    if node.tag == "sub" and not node.css("img, table, p"):
        return subscript(node.text())
    if node.tag == "input" and _is_task(node):
        return "[x] " if "checked" in node.attributes else "[ ] "
    if node.tag == "math":
        return f" {formula(node)} " if node.attributes.get("display") == "block" else formula(node)
    if node.tag == "img":
        return _alternative(node)
    if node.tag == "svg":
        return " ".join(["", *(each.text().strip() for each in node.css("text") or node.css("title")), ""])
    return None


def _is_task(control: LexborNode) -> bool:
    """Whether a box only shows if the task of a list entry is done: the reader of the page cannot change it."""
    above = control.parent
    while above is not None and above.tag in ("label", "p", "span"):
        above = above.parent
    shows = control.attributes.get("type") == "checkbox" and "disabled" in control.attributes
    return shows and above is not None and above.tag == "li"


def _alternative(image: LexborNode) -> str:
    """The text that stands for a picture, unless it is a file's name or its caption says the same."""
    text = " ".join((image.attributes.get("alt") or "").split())
    if not text or _FILE_NAME.match(text):
        return ""
    figure = image.parent
    while figure is not None and figure.tag != "figure":
        figure = figure.parent
    captions = [" ".join(each.text().split()) for each in figure.css("figcaption")] if figure else []
    return "" if text in captions else f" {text} "


def _piece(node: LexborNode, place: Place) -> str:
    """The text that an element adds before what stands in it."""
    tag = node.tag
    if tag == "-text":
        text = node.text_content or ""
        return text if _is_verbatim(place) else _WHITESPACE.sub(" ", text)
    if tag == "br":
        return "\n"
    if tag == "q":
        return "“"
    earlier = node.prev
    if (
        earlier is not None
        and tag in ("a", "button", "label", "input")
        and earlier.tag in ("a", "button", "label", "input")
    ):
        return " "  # the page's style sets them apart
    return ""


def _closing(node: LexborNode, place: Place, walk: _Walk) -> list[str]:
    """The text that an element adds after what stands in it."""
    if node.tag == "q":
        return ["”"]
    if node.tag == "a" and not re.fullmatch("h[1-6]", place.block.tag or ""):
        return [in_print(node.attributes.get("href") or "", node.text(), walk.host)]
    return []


def _table(table: LexborNode, place: Place, walk: _Walk, nesting: int) -> Iterator[Event]:
    """The caption of a table, its rows, and what was left out of its cells."""
    aside: list[Event] = []

    def text_of(cell: LexborNode) -> str:
        found = list(_below(cell, walk, nesting + 1))
        aside.extend(replace(event, place=place) for event in found if event.kind is not None)
        return _line(event for event in found if event.kind is None)

    caption = next(html_tables.children(table, ("caption",)), None)
    if caption is not None and (words := text_of(caption)):
        yield Event(replace(place, block=caption), words)
    rows = tuple(html_tables.rows(table, text_of))
    if rows:
        yield Event(place, rows=rows)
    yield from aside


def _line(found: Iterable[Event]) -> str:
    """The text of a cell in one line; a table in it becomes "a, b; c, d"."""
    texts = []
    for _, group in groupby(found, key=lambda event: (event.place.block.mem_id, event.rows)):
        run = list(group)
        inner = "; ".join(row.replace(html_tables.SEPARATOR, ", ") for row in run[0].rows)
        texts.append(inner or run[0].place.take_marker() + block_text(run))
    return " ".join(" ".join(texts).split())
