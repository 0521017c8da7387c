"""Finds the links by which a title points to itself: the "¶", "#" or "Permanent link" that generators of pages add."""

import re
from collections.abc import Iterator
from itertools import islice

from selectolax.lexbor import LexborHTMLParser, LexborNode

TITLES = frozenset("h1 h2 h3 h4 h5 h6 summary dt legend th caption".split())
_LINKS = ", ".join(f"{tag} a" for tag in sorted(TITLES))
MOST_LINKS = 20_000  # that are looked at; each takes time with the title around it
MOST_ABOVE = 3  # elements that may bear a title's id: itself and the sections that it begins
_NAME = re.compile(r"anchor|perma-?link|(?:head(?:er|ing)?|hash)-?link", re.I)
_SAYING = re.compile(
    r"(?:(?:permanent|direct|copy|anchor) link|permalink|link(?= to| for))(?: (?:to|for) (?:this|the) "
    r"(?:heading|headline|header|section|title|definition))?|permanenter link|permalien|"
    r"lien permanent|enlace permanente|link permanente|liên kết cố định",
    re.I,
)
_MARKDOWN = r'\[[^\w\]]{1,3}\]\(#[^\s)]{0,200}(?: "[^"]{0,200}")?\)'
_MARKDOWN_LINK = re.compile(rf"^{_MARKDOWN}|{_MARKDOWN}$")


def permalinks(tree: LexborHTMLParser) -> Iterator[int]:
    """The `mem_id` of every link in a title that says no word of it, and points to it or is named as such a mark."""
    for link in islice(tree.css(_LINKS), MOST_LINKS):
        words, title = link.text(), _title(link)
        if _says_nothing(words) and _letters(title.text()) > _letters(words):
            if _NAME.search(link.attributes.get("class") or "") or _target(link) in _ids(title):
                yield link.mem_id


def without_permalink(title: str) -> str:
    """A Markdown title without such a link, as programs write it that turn pages into Markdown."""
    return _MARKDOWN_LINK.sub("", title).strip() or title


def _title(link: LexborNode) -> LexborNode:
    """The nearest title around a link, which is in one."""
    above = link.parent
    while above is not None and above.tag not in TITLES:
        above = above.parent
    return above or link


def _says_nothing(words: str) -> bool:
    """Whether words are signs alone, or only say that they are a link."""
    return _letters(words) == 0 or _SAYING.fullmatch(" ".join(words.split()).strip("¶#🔗§ ")) is not None


def _letters(text: str) -> int:
    return sum(map(str.isalnum, text))


def _target(link: LexborNode) -> str:
    return (link.attributes.get("href") or "").partition("#")[2]


def _ids(title: LexborNode) -> Iterator[str]:
    """The names by which a link reaches a title: its own, of what stands in it or just before it, of its sections."""
    nodes = [*title.css("[id], [name]"), *islice(_with_above(title), MOST_ABOVE), *_anchor_before(title)]
    for node in nodes:
        yield from (value for key in ("id", "name") if (value := node.attributes.get(key)))


def _with_above(node: LexborNode | None) -> Iterator[LexborNode]:
    while node is not None:
        yield node
        node = node.parent


def _anchor_before(title: LexborNode) -> Iterator[LexborNode]:
    before = title.prev
    while before is not None and before.tag == "-text" and not (before.text_content or "").strip():
        before = before.prev
    if before is not None and before.tag in ("a", "span"):
        yield before
