"""Finds small parts that programs for sites add to a page: links to skip or edit it, its contents, votes, comments."""

import re
from collections.abc import Iterator
from itertools import islice

from selectolax.lexbor import LexborHTMLParser, LexborNode

MENU, CONTENTS, COMMENTS, CONTROL, SILENT = "Menus", "Tables of contents", "Comments", "Form controls", ""
MOST = 2_000  # links, lists and blocks that are looked at; each takes time with the text in it
FIRST_LINKS = 30  # among which a link to skip the menus is
CONTENTS_SHARE = 0.8  # share of a list's links that name titles of the page
VOTE_CHARS = 250
_SKIP = re.compile(
    r"(?:skip|jump) to |zum (?:haupt)?inhalt|(?:aller|passer) au contenu|(?:saltar|ir) al contenido|vai al contenuto|"
    r"pular para|(?:đi|chuyển) (?:đến|tới) nội dung|本文へ|メインコンテンツ|跳(?:转)?到|본문|перейти к",
    re.I,
)
_EDIT = re.compile(
    r"edit (?:this )?page(?: on git\w+)?|edit on git\w+|view (?:page )?source|show source|improve this page|"
    r"suggest (?:an )?edits?|report an issue|seite bearbeiten|(?:return|back) to top|nach oben|haut de page",
    re.I,
)
_VOTE = re.compile(
    r"\W*(?:was|is|did) (?:this|you find this|the) (?:\w+ ){0,3}(?:help\w*|useful|answer)|"
    r"war (?:diese[rs]?|der|die) \w+ hilfreich|(?:cet|cette|ce) \w+ vous a|"
    r"¿(?:te|le|fue|ha) (?:\w+ ){0,4}(?:útil|ayudado)|\w+ viết này (?:có )?hữu ích",
    re.I,
)
_NUMBER = re.compile(r"^[\d.]+\s+")


def site_parts(tree: LexborHTMLParser) -> Iterator[tuple[int, str]]:
    """The `mem_id` and kind of every such part."""
    for place, link in enumerate(islice(tree.css("a"), MOST)):
        words = " ".join(link.text().split())
        skips = (link.attributes.get("href") or "").startswith("#") and place < FIRST_LINKS and _SKIP.match(words)
        if skips or _EDIT.fullmatch(words):
            yield link.mem_id, MENU
    yield from _comments(tree)
    yield from _contents(tree)
    for node in islice(tree.css("div, section, p, form, fieldset"), MOST):
        if _is_vote(node):
            yield node.mem_id, CONTROL


def _comments(tree: LexborHTMLParser) -> Iterator[tuple[int, str]]:
    """The remarks that Google Docs writes below a text, and their marks in it."""
    for link in tree.css('a[id^="cmnt"]'):
        marks = (link.attributes.get("id") or "").startswith("cmnt_ref")
        wanted = ("sup",) if marks else ("div", "p")
        above = link.parent
        while above is not None and above.tag not in wanted:
            above = above.parent
        if above is not None:
            yield above.mem_id, SILENT if marks else COMMENTS


def _contents(tree: LexborHTMLParser) -> Iterator[tuple[int, str]]:
    """Lists whose links lead to the titles of the page and say the same."""
    titles: set[str] | None = None
    for node in islice(tree.css("ul, ol"), MOST):
        links = node.css('a[href^="#"]')
        if not links or len(links) != len(node.css("a")):
            continue
        titles = _titles(tree) if titles is None else titles
        words = [_plain(link.text()) for link in links]
        known = sum(each in titles or _NUMBER.sub("", each) in titles for each in words)
        letters = sum(map(len, words))
        if known >= CONTENTS_SHARE * len(words) and letters >= 0.8 * len(_plain(node.text(separator=" "))):
            yield node.mem_id, CONTENTS


def _titles(tree: LexborHTMLParser) -> set[str]:
    return {_plain(each.text()) for each in tree.css("h1, h2, h3, h4, h5, h6")} - {""}


def _plain(text: str) -> str:
    """The words of a title without the signs around them."""
    return re.sub(r"^[^\w(]+|[^\w)?!.]+$", "", " ".join(text.split())).casefold()


def _is_vote(node: LexborNode) -> bool:
    """Whether an element only asks if the page was helpful."""
    first = node.text(separator=" ")[: 2 * VOTE_CHARS].strip() if node.css_first("button, a, input, form") else ""
    return 0 < len(first) <= VOTE_CHARS and bool(_VOTE.match(first))
