"""Joins the lines of a text that was wrapped at a width, such as 72 columns; other line breaks stay."""

import re

from retrieval.sentence_ends import BULLETS

WIDTHS = range(50, 121)  # of a paragraph's longest line; a shorter one is verse or an address, a longer one not wrapped
_ROOM = 0.75  # of the longest line: what is shorter was broken on purpose
_PARAGRAPH = re.compile(r"(\n[ \t]*\n)")
_ITEM = re.compile(rf"[ \t]*(?:[-*{BULLETS}]|\(?(?:\d{{1,3}}|[a-z])[.)]|\d{{1,3}}(?:\.\d{{1,3}})+)[ \t]+")
_CODE_INDENT = 4  # spaces: a line so far in is code, or a part of a list entry
_KEPT = re.compile(r"\t|[^\s.!?] {2,}\S| {3}\S| \||^\s*(?:[|+>$%#]|\.\. )")  # columns, prompts, quotations, headings
_CODE = re.compile(
    r"```|\*/$|[{}\\]$|\)\s*;$|^[}\])]|^(?://|/\*|#\s*(?:include|define|if|endif)\b)|^\"[^\"]+\":\s"
    r"|^[\w.\[\]'\"*-]+(?: \w+)? [+*/-]?= \S|^[\w.]+\(.*\)[;:]?$|^(?:def|class|return|const|let|var) .*[;:]$"
    r"|^(?:for|if|while)\b.*\(.*[;:]$"
)  # by how a line begins and ends: prose may name a call in its middle
_ENDED = re.compile(r"[.!?;…][\"”’')\]]*$")


def join_wrapped_lines(text: str) -> str:
    """The text with a blank for every line break that stands only where the width was used up.

    List entries, tables, code, verse and short lines keep their breaks.
    """
    return "".join(_joined(part) for part in _PARAGRAPH.split(text))


def _joined(paragraph: str) -> str:
    lines = paragraph.split("\n")
    width = max(len(line.rstrip()) for line in lines)
    if len(lines) < 2 or width not in WIDTHS or _is_verse(lines):
        return paragraph
    joined, entry = [lines[0]], bool(_ITEM.match(lines[0]))
    for line, following in zip(lines, lines[1:], strict=False):
        if _goes_on(line, following, width, entry):
            joined[-1] = f"{joined[-1].rstrip()} {following.lstrip()}"
        else:
            joined.append(following)
            entry = bool(_ITEM.match(following)) or (entry and _indent(following) > 0)
    return "\n".join(joined)


def _goes_on(line: str, following: str, width: int, entry: bool) -> bool:
    """Whether a line broke for want of room; the later lines of a list's entry are set in."""
    words = following.split()
    if not words or _ITEM.match(following) or line.rstrip().endswith(":"):
        return False
    if any(each.search(part.strip()) for each in (_KEPT, _CODE) for part in (line, following)):
        return False
    set_in = _indent(following) - _indent(line)
    aligned = set_in == 0 or (entry and set_in > 0)
    is_code = _indent(following) >= _CODE_INDENT and not entry
    length = len(line.rstrip())
    is_full = length + 1 + len(words[0]) > width
    return aligned and not is_code and (is_full or (length >= _ROOM * width and not _ENDED.search(line)))


def _is_verse(lines: list[str]) -> bool:
    """Whether every one of several lines begins with a capital, as a verse or a list without bullets does."""
    return len(lines) > 2 and all(line.strip()[:1].isupper() for line in lines)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
