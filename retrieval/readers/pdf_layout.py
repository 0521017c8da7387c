"""Joins the lines of pages into paragraphs and headings; knows nothing of PDF. Lengths in points, y grows upwards.

A PDF has no blank lines: a paragraph ends where the gap, the indent or the letter size changes, or where a line ends
well before the margin.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, groupby
from statistics import median

from retrieval.sentence_ends import BULLETS

HEADING_SIZE = 1.12  # least size of a heading, relative to the body
MAX_TITLE = 200
LIST_ENTRIES = 3  # numbered headings in a row, without text between, from which on they are a list
CONTENTS_LINES = 3  # dotted lines from which on a page is part of a table of contents
MARGIN_LINES = 8  # body lines that a page needs to show its right margin
PARAGRAPH_GAP = 1.35  # relative to the usual distance of lines
LIST_GAP = 2.0  # the same between two entries of a list
CODE_GAP = 3.0  # letter sizes between two lines of a program, which may have an empty one between
LABEL_CHARS = 3  # of a number or bullet before an entry of a list, which may be larger than its text
SAME_LINE = 0.2  # letter sizes between the baselines of two pieces of one line
PARAGRAPH = "\n\n"
_BULLET = re.compile(rf"^(?:[{BULLETS}*·-]\s|\(?(?:\d{{1,2}}|[a-z])[.)]\s)")
_NUMBER = re.compile(r"^(\d{1,2}(?:\.\d{1,2}){1,4})\.?\s+(?=[^\W\d_])")
LEADERS = re.compile(r"(?:\s?\.){4,}\s*(?=(?:\d{1,4}|[ivxlc]{1,7})?\W*$)")
_SCHEME = re.compile(r"\bhttps?:$")
# An address broken where no sentence ends; after a slash only within parentheses, as an address may end in a slash.
_ADDRESS = re.compile(r"(?:^|:)//\S*[._#?=&~]$|\(https?://[^\s)]*/$")
# Scripts without blanks between words: Thai to Burmese, Khmer, Chinese and Japanese with their signs.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u312f\u31a0-\u9fff\uf900-\ufaff\uff00-\uff65\U00020000-\U0003ffff]"
)
_ENDS = re.compile(r"[.!?:;…。！？][\"'”’»)\]]*$")


@dataclass(frozen=True)
class Line:
    """One line: left and top of its first letter, right end of its last letter, its baseline, its letter size.

    Where PDFium joins a hyphenated word it makes one line of two: the last letter then stands lower by `drop`.
    `margin` is the right end of its column, where the page has several; `table` numbers the table that it is a row of.
    `cells` are its pieces where wide gaps part it. `typed` says that its letters are all of one width.
    """

    text: str
    left: float
    top: float
    right: float
    base: float
    size: float
    drop: float = 0.0
    margin: float = 0.0
    table: int = 0
    cells: tuple[str, ...] = ()
    typed: bool = False


Page = list[Line]


@dataclass(frozen=True)
class Block:
    """A paragraph or heading of one page; level 0 is no heading; `joint` goes between it and the text before."""

    text: str
    level: int
    joint: str
    page: int


def remove_leaders(page: Page) -> Page:
    """A page without the dots that lead to page numbers in a table of contents."""
    lines = [replace(line, text=LEADERS.sub(" ", line.text).strip()) if _has_dots(line) else line for line in page]
    return [line for line in lines if line.text]


def _has_dots(line: Line) -> bool:
    """A quick look: whether a line has dots enough to lead to a page number."""
    return line.text.count(".") >= 4


def _is_contents(page: Page) -> bool:
    return sum(bool(_has_dots(line) and LEADERS.search(line.text)) for line in page) >= CONTENTS_LINES


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
    sure: bool  # whether the page before has lines enough to show its margin
    typed: bool  # whether most of the text is in letters of one width
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
        sure=True,
        typed=2 * sum(len(line.text) for line in lines if line.typed) > sum(len(line.text) for line in lines),
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
    return _without_lists(
        [
            _block(lines[start:end], measures, contents=lines[start][1] in contents)
            for start, end in zip(cuts, [*cuts[1:], len(lines)], strict=True)
        ]
    )


def _without_lists(found: list[Block]) -> list[Block]:
    """The blocks; numbered headings of one level that follow each other without text between are entries of a list."""
    plain: list[Block] = []
    for (level, numbered), group in groupby(found, key=lambda block: (block.level, _is_entry(block.text))):
        run = list(group)
        is_list = level > 0 and numbered and len(run) >= LIST_ENTRIES
        plain += [replace(block, level=0) for block in run] if is_list else run
    return plain


def _is_entry(text: str) -> bool:
    """Whether a text begins with a mark or number, as entries of lists do."""
    return bool(_BULLET.match(text) or _NUMBER.match(text))


def _joined_lines(pages: Sequence[Page], measures: _Measures, contents: set[int]) -> Iterator[_JoinedLine]:
    """Every line with its page (from 1) and the joint between it and the line before."""
    previous: Line | None = None
    for number, page in enumerate(pages, start=1):
        margin = _right_margin([line for line in page if _half_points(line.size) == measures.body], measures.right)
        sure = number < 2 or len(pages[number - 2]) >= MARGIN_LINES
        here = replace(measures, right=margin, sure=sure)  # left and right pages have margins of their own
        for place, line in enumerate(page):
            joint = PARAGRAPH if previous is None else _joint(previous, line, here, place > 0)
            yield "\n" if number in contents and joint != PARAGRAPH else joint, number, line
            previous = line


def _joint(previous: Line, line: Line, measures: _Measures, same_page: bool) -> str:
    """What goes between two lines: a blank line, a line break, a space or nothing."""
    gap = (previous.base - previous.drop - line.base) / (line.size or 1)
    if previous.table or line.table:
        return "\n" if previous.table == line.table else PARAGRAPH
    if line.typed and previous.typed and not measures.typed and same_page and SAME_LINE < gap < CODE_GAP:
        return "\n"  # the lines of a program
    if abs(line.size - previous.size) > 0.1 * measures.body or _is_next_heading(previous, line, measures):
        return PARAGRAPH
    if same_page and SAME_LINE < gap <= PARAGRAPH_GAP * measures.pitch and line.size > HEADING_SIZE * measures.body:
        if abs(line.left - previous.left) > 0.8 * line.size:
            return _glue(previous, line) if _is_centred_below(previous, line, measures) else PARAGRAPH
    if same_page and abs(gap) < SAME_LINE and line.left >= previous.right:
        return "" if line.text[0] in ",.;:!?)" else " "
    if not same_page or gap < 0:  # a new page or column
        full = not _ends(previous.text) and measures.sure and not _ends_early(previous, line, measures)
        goes_on = full or line.text[0].islower()
        return _glue(previous, line) if goes_on and not _BULLET.match(line.text) else PARAGRAPH
    hanging = bool(_BULLET.match(previous.text) or _NUMBER.match(previous.text))
    wide = LIST_GAP if _BULLET.match(line.text) and hanging else PARAGRAPH_GAP
    if gap > wide * measures.pitch or (line.left > previous.left + 0.8 * line.size and not hanging):
        return PARAGRAPH
    if _BULLET.match(line.text) or _ends_early(previous, line, measures):
        return "\n"
    return _glue(previous, line)


def _indent(line: Line, edge: float) -> str:
    """The blanks before a line of a program that begins further right than others."""
    width = (line.right - line.left) / len(line.text)
    return " " * round((line.left - edge) / width) if line.typed and width > 0 else ""


def _is_next_heading(previous: Line, line: Line, measures: _Measures) -> bool:
    """Whether a line of a heading's size begins another one: the one before it begins as far left and ends early."""
    if min(line.size, previous.size) <= HEADING_SIZE * measures.body or line.text[0].islower():
        return False
    if _BULLET.match(previous.text) and _BULLET.match(line.text):  # entries of a list in large letters
        return False
    return abs(line.left - previous.left) < 0.5 * line.size and _ends_early(previous, line, measures)


def _is_centred_below(previous: Line, line: Line, measures: _Measures) -> bool:
    """Whether a line stands centred below one in which its first word would not have had room."""
    centred = abs(line.left + line.right - previous.left - previous.right) < line.size
    room = 2 * (measures.right - previous.right)
    return centred and room < len(line.text.split(maxsplit=1)[0]) * 0.55 * line.size + line.size


def _ends(text: str) -> bool:
    """Whether a text ends with a sentence."""
    return bool(_ENDS.search(text[-8:]))


def _ends_early(previous: Line, line: Line, measures: _Measures) -> bool:
    """Whether a line ends although the first word of the next one had room in it; in a column a sentence goes on."""
    if previous.margin and not _ends(previous.text) and (line.text[0].islower() or line.text[0].isdigit()):
        return False
    room = (previous.margin or measures.right) - previous.right
    return room > len(line.text.split(maxsplit=1)[0]) * 0.55 * line.size + 1.5 * line.size


def _glue(previous: Line, line: Line) -> str:
    """Nothing after a hyphen of the word itself, within a web address or a script without blanks, else a space."""
    begins = line.text[0].islower() or line.text[0].isdigit()
    if _SCHEME.search(previous.text):
        return "" if line.text.startswith("//") else " "
    if begins and _ADDRESS.search(previous.text):
        return ""
    if _UNSPACED.match(previous.text[-1]) and _UNSPACED.match(line.text):
        return " " if _ends(previous.text) else ""
    return "" if re.search(r"\w-$", previous.text) and line.text[0].isalnum() else " "


def _block(run: Sequence[_JoinedLine], measures: _Measures, contents: bool) -> Block:
    """A block of lines; a heading is larger than the body or numbered "2.3", and no entry of a table of contents."""
    joint, page, first = run[0]
    # Where every line ends a sentence, lines are what the author wrote.
    glued = [before.text for (_, _, before), (link, _, _) in zip(run, run[1:], strict=False) if link == " "]
    apart = len(glued) >= 2 and all(map(_ends, [*glued, run[-1][2].text]))
    edge = min(line.left for _, _, line in run)
    text = _indent(first, edge) + first.text
    for link, _, line in run[1:]:
        text += "\n" if apart and link == " " else link
        text += (_indent(line, edge) if link == "\n" else "") + line.text
    level = 0
    entry = contents and text[-1].isdigit()
    if joint == PARAGRAPH and not entry and len(text) <= MAX_TITLE and any(map(str.isalpha, text)):
        number = _NUMBER.match(text)
        entries = sum(bool(_BULLET.match(line.text)) for _, _, line in run)
        level = measures.levels.get(_half_points(first.size), 0) if entries < 2 else 0
        if not level and not contents and number and len(run) <= 2 and not text.endswith("."):
            level = len(measures.levels) + number[1].count(".")
    return Block(text, level, joint, page)
