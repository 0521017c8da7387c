"""Joins the lines of pages into paragraphs and headings; knows nothing of PDF. Lengths in points, y grows upwards.

A PDF has no blank lines: a paragraph ends where the gap, the indent or the letter size changes, or where a line ends
well before the margin.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from statistics import median

HEADING_SIZE = 1.12  # least size of a heading, relative to the body
NEIGHBOURS = 2  # pages on each side to compare with: the headers of left and right pages alternate
SAME_CHARACTERS = 12  # characters that two running headers share at their start or end
MAX_TITLE = 200
CONTENTS_LINES = 3  # dotted lines from which on a page is part of a table of contents
MARGIN_LINES = 8  # body lines that a page needs to show its right margin
PARAGRAPH_GAP = 1.35  # relative to the usual distance of lines
LIST_GAP = 2.0  # the same between two entries of a list
SAME_LINE = 0.2  # letter sizes between the baselines of two pieces of one line
PARAGRAPH = "\n\n"
_PAGE_NUMBER = re.compile(
    r"^[\W_]*(?:page|seite|trang|página|p\.)?\s*(?:\d{1,4}|[ivxlc]{1,7})(?:\s*(?:of|/|von|de|sur)\s*\d{1,4})?[\W_]*$",
    re.I,
)
_BULLET = re.compile(r"^(?:[•‣◦▪●○■□–*·-]\s|\(?(?:\d{1,2}|[a-z])[.)]\s)")
_NUMBER = re.compile(r"^(\d{1,2}(?:\.\d{1,2}){1,4})\.?\s+(?=[^\W\d_])")
_LEADERS = re.compile(r"(?:\s?\.){4,}\s*(?=(?:\d{1,4}|[ivxlc]{1,7})?\W*$)")
_SCHEME = re.compile(r"\bhttps?:$")
# An address broken where no sentence ends; after a slash only within parentheses, as an address may end in a slash.
_ADDRESS = re.compile(r"(?:^|:)//\S*[._#?=&~]$|\(https?://[^\s)]*/$")
_ENDS = re.compile(r"[.!?:;…。！？][\"'”’»)\]]*$")


@dataclass(frozen=True)
class Line:
    """One line: left and top of its first letter, right end of its last letter, its baseline, its letter size.

    Where PDFium joins a hyphenated word it makes one line of two: the last letter then stands lower by `drop`.
    """

    text: str
    left: float
    top: float
    right: float
    base: float
    size: float
    drop: float = 0.0


Page = list[Line]


@dataclass(frozen=True)
class Block:
    """A paragraph or heading of one page; level 0 is no heading; `joint` goes between it and the text before."""

    text: str
    level: int
    joint: str
    page: int


def remove_running_lines(pages: Sequence[Page]) -> tuple[list[Page], int]:
    """Pages without running headers, footers and page numbers, and the number of lines left out.

    Where all lines repeat on every page they are the text, as in a form: then nothing is left out.
    """
    removed = 0
    remaining = list(pages)
    for top in (True, False, True, False):
        edges = [_edge(page, top) for page in remaining]
        running = _running(edges, body_size(remaining))
        removed += sum(running)
        remaining = [
            [line for line in page if line is not edge] if drop else page
            for page, edge, drop in zip(remaining, edges, running, strict=True)
        ]
    return (remaining, removed) if any(remaining) else (list(pages), 0)


def _edge(page: Page, top: bool) -> Line | None:
    """The line nearest the upper or lower edge of the page."""
    return (max if top else min)(page, key=lambda line: line.top, default=None)


def _running(edges: Sequence[Line | None], body: float) -> list[bool]:
    """Per page, whether its edge line is a page number or is like those of near pages at the same height."""
    # An entry of a table of contents is like its neighbours but no running header.
    edges = [None if line is None or _LEADERS.search(line.text) else line for line in edges]
    numbers = [line is not None and bool(_PAGE_NUMBER.match(line.text)) for line in edges]
    numbered = sum(numbers) > 1 and 2 * sum(numbers) >= sum(line is not None for line in edges)
    verdicts = []
    for place, line in enumerate(edges):
        near = [*edges[max(0, place - NEIGHBOURS) : place], *edges[place + 1 : place + 1 + NEIGHBOURS]]
        repeats = line is not None and any(_is_alike(line, other) for other in near if other is not None)
        small = line is not None and line.size <= HEADING_SIZE * body
        verdicts.append(small and (repeats or (numbered and numbers[place])))
    heights = _usual_heights(edges, verdicts)
    return [
        verdict or (line is not None and round(line.top) in heights and line.size <= HEADING_SIZE * body)
        for line, verdict in zip(edges, verdicts, strict=True)
    ]


def _usual_heights(edges: Sequence[Line | None], verdicts: Sequence[bool]) -> set[int]:
    """Heights at which most edge lines are running ones, so that the others are too."""
    everything = Counter(round(line.top) for line in edges if line is not None)
    running = Counter(
        round(line.top) for line, verdict in zip(edges, verdicts, strict=True) if verdict and line is not None
    )
    return {height for height, count in running.items() if count >= 3 and count >= 0.6 * everything[height]}


def _is_alike(line: Line, other: Line) -> bool:
    """Whether two lines have the same height and the same words at one end; numbers may differ."""
    first, second = _key(line), _key(other)
    same = (
        first == second
        or first[:SAME_CHARACTERS] == second[:SAME_CHARACTERS]
        or first[-SAME_CHARACTERS:] == second[-SAME_CHARACTERS:]
    )
    return abs(line.top - other.top) < 3 and min(len(first), len(second)) >= 4 and same


def _key(line: Line) -> str:
    return re.sub(r"\d+", "#", " ".join(line.text.casefold().split()))


def remove_leaders(page: Page) -> Page:
    """A page without the dots that lead to page numbers in a table of contents."""
    lines = [replace(line, text=_LEADERS.sub(" ", line.text).strip()) for line in page]
    return [line for line in lines if line.text]


def _is_contents(page: Page) -> bool:
    return sum(bool(_LEADERS.search(line.text)) for line in page) >= CONTENTS_LINES


def body_size(pages: Sequence[Page]) -> float:
    """The letter size of most characters, in points."""
    sizes: Counter[float] = Counter()
    for line in chain.from_iterable(pages):
        sizes[_half_points(line.size)] += len(line.text)
    return sizes.most_common(1)[0][0] if sizes else 0.0


def _half_points(size: float) -> float:
    return round(size * 2) / 2


_JoinedLine = tuple[str, int, Line]


@dataclass(frozen=True)
class _Measures:
    body: float
    pitch: float
    right: float
    levels: dict[float, int]


def _measure(pages: Sequence[Page]) -> _Measures:
    """Body size, usual distance of lines in units of that size, right margin, and the heading level of larger sizes."""
    body = body_size(pages)
    lines = [line for line in chain.from_iterable(pages) if _half_points(line.size) == body]
    gaps = [(one.base - two.base) / body for page in pages for one, two in zip(page, page[1:], strict=False) if body]
    close = [gap for gap in gaps if 0.8 < gap < 2.5]
    larger = {_half_points(line.size) for line in chain.from_iterable(pages) if line.size > HEADING_SIZE * body}
    return _Measures(
        body=body,
        pitch=median(close) if close else 1.2,
        right=_right_margin(lines, 0.0),
        levels={size: level for level, size in enumerate(sorted(larger, reverse=True), start=1)},
    )


def _right_margin(lines: Sequence[Line], usual: float) -> float:
    """Where full lines end; `usual` when there are too few lines to tell."""
    rights = sorted(line.right for line in lines)
    enough = len(rights) >= MARGIN_LINES or not usual
    return rights[int(0.9 * (len(rights) - 1))] if rights and enough else usual


def blocks(pages: Sequence[Page]) -> list[Block]:
    """Paragraphs, list entries and headings in reading order; a paragraph that crosses a page gives two blocks."""
    measures = _measure(pages)
    contents = {number for number, page in enumerate(pages, start=1) if _is_contents(page)}
    lines = list(_joined_lines([remove_leaders(page) for page in pages], measures, contents))
    cuts = [
        place
        for place, (joint, page, _) in enumerate(lines)
        if joint == PARAGRAPH or place == 0 or page != lines[place - 1][1]
    ]
    return [
        _block(lines[start:end], measures, contents=lines[start][1] in contents)
        for start, end in zip(cuts, [*cuts[1:], len(lines)], strict=True)
    ]


def _joined_lines(pages: Sequence[Page], measures: _Measures, contents: set[int]) -> Iterator[_JoinedLine]:
    """Every line with its page (from 1) and the joint between it and the line before."""
    previous: Line | None = None
    for number, page in enumerate(pages, start=1):
        margin = _right_margin([line for line in page if _half_points(line.size) == measures.body], measures.right)
        here = replace(measures, right=margin)  # left and right pages have margins of their own
        for place, line in enumerate(page):
            joint = PARAGRAPH if previous is None else _joint(previous, line, here, place > 0)
            yield "\n" if number in contents and joint != PARAGRAPH else joint, number, line
            previous = line


def _joint(previous: Line, line: Line, measures: _Measures, same_page: bool) -> str:
    """What goes between two lines: a blank line, a line break, a space or nothing."""
    gap = (previous.base - previous.drop - line.base) / (line.size or 1)
    if abs(line.size - previous.size) > 0.1 * measures.body:
        return PARAGRAPH
    if same_page and abs(gap) < SAME_LINE and line.left >= previous.right:
        return "" if line.text[0] in ",.;:!?)" else " "
    if not same_page or gap < 0:  # a new page or column
        goes_on = not _ENDS.search(previous.text) or line.text[0].islower()
        return _glue(previous, line) if goes_on and not _BULLET.match(line.text) else PARAGRAPH
    hanging = bool(_BULLET.match(previous.text) or _NUMBER.match(previous.text))
    wide = LIST_GAP if _BULLET.match(line.text) and hanging else PARAGRAPH_GAP
    if gap > wide * measures.pitch or (line.left > previous.left + 0.8 * line.size and not hanging):
        return PARAGRAPH
    first_word = len(line.text.split(maxsplit=1)[0]) * 0.55 * line.size
    if _BULLET.match(line.text) or measures.right - previous.right > first_word + 1.5 * line.size:
        return "\n"
    return _glue(previous, line)


def _glue(previous: Line, line: Line) -> str:
    """Nothing after a hyphen of the word itself or within a web address, else a space."""
    begins = line.text[0].islower() or line.text[0].isdigit()
    if _SCHEME.search(previous.text):
        return "" if line.text.startswith("//") else " "
    if begins and _ADDRESS.search(previous.text):
        return ""
    return "" if re.search(r"\w-$", previous.text) and line.text[0].isalnum() else " "


def _block(run: Sequence[_JoinedLine], measures: _Measures, contents: bool) -> Block:
    """A block of lines; a heading is larger than the body or numbered "2.3", and no entry of a table of contents."""
    joint, page, first = run[0]
    text = first.text + "".join(link + line.text for link, _, line in run[1:])
    level = 0
    entry = contents and text[-1].isdigit()
    if joint == PARAGRAPH and not entry and len(text) <= MAX_TITLE and any(map(str.isalpha, text)):
        number = _NUMBER.match(text)
        level = measures.levels.get(_half_points(first.size), 0)
        if not level and not contents and number and len(run) <= 2 and not text.endswith("."):
            level = len(measures.levels) + number[1].count(".")
    return Block(text, level, joint, page)
