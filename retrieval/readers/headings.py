"""Finds headings in Markdown and plain text: # marks, underlined titles, numbers, "ARTICLE I."."""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate, groupby

from retrieval.document import HeadingMark, is_contents
from retrieval.readers.permalinks import without_permalink

MAX_TITLE = 200
TITLE_LINES = 3
_ATX = re.compile(r"^ {0,3}(#{1,6})(?:[ \t]+(.*))?$")
_SETEXT = re.compile(r"^ {0,3}(=+|-+)[ \t]*$")
_FENCE = re.compile(r"^ {0,3}(```+(?=[^`]*$)|~~~+)")  # "```a```" is code within a line
_NOT_A_TITLE = re.compile(r"^(\s*$| {4}|\t| {0,3}([-*+>#|]|\d+[.)] ))")
_RULE = re.compile(r"^\s*([=\-~^*#_])\1{2,}\s*$")
_WIKI = re.compile(r"^(={2,6})[ \t]*([^=\s](?:[^=\n]*[^=\s])?)[ \t]*\1[ \t]*$", re.MULTILINE)
_ASCIIDOC = re.compile(r"^(={1,6})[ \t]+([^=\s][^\n]*)$", re.MULTILINE)
_ORG = re.compile(r"^(\*{1,8})[ \t]+(?:(?:TODO|DONE)[ \t]+)?(\S[^\n]*?)(?:[ \t]+:[\w@:]+:)?[ \t]*$", re.MULTILINE)
_ORG_SETTING = re.compile(r"^#\+(?:TITLE|AUTHOR|DATE|OPTIONS|BEGIN_\w+):?|^[ \t]*:PROPERTIES:[ \t]*$", re.M | re.I)
_NUMBERED = re.compile(r"^(\d{1,3}(?:\.\d{1,3})*)\.?\s+(?=[^\W\d_]|[\"'“‘«¿¡(])")
_NAMED = re.compile(
    r"^(?:(?P<word>part|book|title|chapter|article|amendment|appendix|section|phần|chương|điều|mục|chapitre|partie|"
    r"kapitel|teil|abschnitt|artikel|capítulo|parte|sección|artículo)\s+(?:[ivxlcdm]+|\d{1,3}|[a-z])\b"
    r"|§\s*\d{1,4}[a-z]?\b|第[\d一二三四五六七八九十百零〇]+[章节節条條編])[.:]?(?P<rest>.*)$",
    re.IGNORECASE,
)
_ENDED = re.compile(r"[.!?;:…。][\"”’»)]*$")
_BEGINS_ANEW = re.compile(r"\(?(?:\d{1,3}|[a-zđ])[.)]\s|[-*•–—\"“«„(]|[^\W\d_]")  # an entry of a list, or a letter
_DEPTH = {"part": 1, "book": 1, "title": 1, "phần": 1, "partie": 1, "teil": 1, "parte": 1}
_DEEPEST = {"section": 3, "mục": 3, "abschnitt": 3, "sección": 3}


def markdown_headings(text: str) -> list[HeadingMark]:
    """ATX (`# A`) and setext (underlined) headings of CommonMark; code blocks and front matter are skipped."""
    marks: list[HeadingMark] = []
    paragraph: list[tuple[int, str]] = []
    for start, line in _outside_code(text):
        atx, setext = _ATX.match(line), _SETEXT.match(line)
        if paragraph and start != paragraph[-1][0] + len(paragraph[-1][1]) + 1:  # code stands between
            paragraph = []
        title = without_permalink(_without_closing(atx[2])) if atx and atx[2] else ""
        if atx and title:
            marks.append(HeadingMark(start, len(atx[1]), title))
        elif setext and paragraph:
            titled = _title_of(paragraph)
            title = without_permalink(" ".join(each.strip() for _, each in titled))
            marks.append(HeadingMark(titled[0][0], 1 if setext[1][0] == "=" else 2, title))
        if _NOT_A_TITLE.match(line) or atx or setext:
            paragraph = []
        else:
            paragraph.append((start, line))
    return marks


def _title_of(paragraph: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """The lines of a paragraph that are a title, as it is underlined: all of a short one, else its last line."""
    short = sum(len(line) + 1 for _, line in paragraph) <= MAX_TITLE and len(paragraph) <= TITLE_LINES
    return paragraph if short else paragraph[-1:]


def _without_closing(title: str) -> str:
    """A title without closing marks: "A ##" becomes "A"; "C#" stays."""
    title = title.strip()
    shorter = title.rstrip("#")
    return shorter.rstrip() if not shorter or shorter[-1] in " \t" else title


def _outside_code(text: str) -> Iterator[tuple[int, str]]:
    """Offset and text of every line outside fenced code and front matter."""
    fence = ""
    front = text.startswith("---\n")
    for number, (start, line) in enumerate(lines(text)):
        if front:
            front = number == 0 or line.rstrip() not in ("---", "...")
            continue
        mark = _FENCE.match(line)
        if mark and not fence:
            fence = mark[1]
        elif fence:
            fence = "" if line.strip().startswith(fence) and not line.strip().strip(fence[0]) else fence
        else:
            yield start, line


def lines(text: str) -> Iterator[tuple[int, str]]:
    """Offset and text of every line, without its line break."""
    start = 0
    for line in text.split("\n"):
        yield start, line
        start += len(line) + 1


def remove_rules(text: str) -> tuple[str, list[HeadingMark], int]:
    """The text without its ruled lines, the headings that they underlined, and the number of lines removed.

    As in reStructuredText, the styles get their levels in the order in which they first appear.
    """
    remaining: list[str] = []
    marks: list[HeadingMark] = []
    styles: list[str] = []
    length, removed = 0, 0
    all_lines = text.split("\n")
    for number, line in enumerate(all_lines):
        if _RULE.match(line):
            removed += 1
            continue
        below = all_lines[number + 1] if number + 1 < len(all_lines) else ""
        if _underlines(below, line, all_lines[number - 1] if number else ""):
            over = number > 0 and all_lines[number - 1].strip() == below.strip()
            style = below.strip()[0] + ("^" if over else "")
            styles += [] if style in styles else [style]
            marks.append(HeadingMark(length, styles.index(style) + 1, line.strip()))
        remaining.append(line)
        length += len(line) + 1
    return "\n".join(remaining), marks, removed


def places_without_rules(text: str, places: Sequence[int]) -> list[int]:
    """The offsets in `remove_rules(text)` of these offsets in the text."""
    rules = [(start, len(line) + 1) for start, line in lines(text) if _RULE.match(line)]
    sums = [0, *accumulate(length for _, length in rules)]
    return [place - sums[bisect_left(rules, (place, 0))] for place in places]


def _underlines(rule: str, title: str, above: str) -> bool:
    """Whether a ruled line is about as wide as the title above it, and the title is a line of its own."""
    rule_match = _RULE.match(rule)
    if not rule_match or not title.strip() or title.startswith("    ") or len(title.strip()) > MAX_TITLE:
        return False
    alone = not above.strip() or above.strip() == rule.strip()
    return alone and any(map(str.isalnum, title)) and len(title.strip()) <= len(rule.strip()) <= len(title) + 4


def marked_headings(text: str) -> list[HeadingMark]:
    """Headings of MediaWiki (`== A ==`), of AsciiDoc (`== A`, at least two) and of Org (`* A`, if it has settings)."""
    wiki = [HeadingMark(each.start(), len(each[1]), each[2]) for each in _WIKI.finditer(text)]
    asciidoc = [HeadingMark(each.start(), len(each[1]), each[2].rstrip()) for each in _ASCIIDOC.finditer(text)]
    org = _ORG.finditer(text) if _ORG_SETTING.search(text) else ()
    marks = wiki or (asciidoc if len(asciidoc) > 1 else [])
    return marks or [HeadingMark(each.start(), len(each[1]), each[2].rstrip()) for each in org]


def plain_headings(text: str) -> list[HeadingMark]:
    """Headings recognised by their wording, each a short paragraph: "2.3 Where …", "Section 1."."""
    blocks = list(_short_paragraphs(text))
    numbers = [(start, title, match[1]) for start, title in blocks if (match := _NUMBERED.match(title))]
    chapters = {number.split(".")[0] for _, _, number in numbers if "." in number}
    marks = [
        HeadingMark(start, 3 + number.count("."), title)
        for start, title, number in numbers
        # "1. Buy milk" is a list entry, unless the text also has a "1.1 …": then it is a chapter.
        if ("." in number or number in chapters) and not title.endswith(".")
    ]
    marks += [HeadingMark(start, 1, title) for start, title in blocks if is_contents(title)]
    named = dict(blocks) | dict(_title_lines(text))
    marks += [mark for start, title in named.items() if (mark := _named_heading(start, title))]
    return sorted(marks, key=lambda mark: mark.start)


def _named_heading(start: int, title: str) -> HeadingMark | None:
    """The heading of a title such as `ARTICLE I. The name`; None for a sentence that only begins like one."""
    match = _NAMED.match(title)
    if not match or title[0].islower() or (match["rest"][:1].isspace() and match["rest"].strip()[:1].islower()):
        return None
    if not match["word"] and _ENDED.search(title):
        return None
    word = (match["word"] or "").lower()
    return HeadingMark(start, _DEPTH.get(word) or _DEEPEST.get(word, 2), title)


def _title_lines(text: str) -> Iterator[tuple[int, str]]:
    """Named lines ("Article 5. Loans", "§ 2 Notice") with their text directly below, without a blank line between."""
    every = list(lines(text))
    for place, (start, line) in enumerate(every[:-1]):
        if not _NAMED.match(line) or len(line) > MAX_TITLE or _ENDED.search(_NAMED.sub(r"\g<rest>", line).strip()):
            continue
        above, below = every[place - 1][1].strip() if place else "", every[place + 1][1].strip()
        is_apart = not above or _ENDED.search(above) or _NAMED.match(above)
        if is_apart and _BEGINS_ANEW.match(below) and not below[0].islower() and _has_text(every, place + 1):
            yield start, line.strip()


def _has_text(every: Sequence[tuple[int, str]], place: int) -> bool:
    """Whether the paragraph that goes on at this line ends as a sentence does, so is more than a title."""
    last = ""
    for _, line in every[place:]:
        if not line.strip() or _NAMED.match(line):
            break
        last = line.strip()
    return bool(_ENDED.search(last))


def _short_paragraphs(text: str) -> Iterator[tuple[int, str]]:
    """Unindented paragraphs of at most three lines and 25 words that do not end in a colon, comma or semicolon."""
    for blank, group in groupby(lines(text), key=lambda each: not each[1].strip()):
        if blank:
            continue
        block = list(group)
        title = " ".join(" ".join(line for _, line in block).split())
        if len(block) <= 3 and not block[0][1][0].isspace() and len(title) <= MAX_TITLE and len(title.split()) <= 25:
            if title[-1] not in ";,:":
                yield block[0][0], title


def merge_headings(first: list[HeadingMark], second: list[HeadingMark]) -> list[HeadingMark]:
    """Headings of both kinds in order; the second kind is nested below the first, which wins at the same place."""
    taken = {mark.start for mark in first}
    deepest = max((mark.level for mark in first), default=0)
    lower = [HeadingMark(each.start, each.level + deepest, each.title) for each in second if each.start not in taken]
    return sorted([*first, *lower], key=lambda mark: mark.start)
