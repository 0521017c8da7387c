"""Tells the running lines of pages (headers, footers, page numbers) from their text; knows nothing of PDF."""

import re
from collections import Counter
from collections.abc import Sequence

from retrieval.readers.pdf_layout import HEADING_SIZE, LEADERS, Line, Page, body_size

NEIGHBOURS = 2  # pages on each side to compare with: the headers of left and right pages alternate
SAME_CHARACTERS = 8  # of a part of a running header that stays where another part changes
WATERMARK = 2.5  # least size of a word behind the text, relative to the body
RUNNING = "Page headers, footers and page numbers"
_PAGE_NUMBER = re.compile(
    r"^[\W_]*(?:page|seite|trang|página|p\.)?\s*(?:\d{1,4}|[ivxlc]{1,7})(?:\s*(?:of|/|von|de|sur)\s*\d{1,4})?[\W_]*$",
    re.I,
)
_OF_ALL = r"\s*(?:of|/|von|de|sur|trên)\s*\d{1,4}"  # behind the number of a page, how many there are
_PAGE_LABEL = re.compile(
    rf"^(?:(?P<first>\d{{1,4}})(?:\s*[|·•–—]\s*|{_OF_ALL}\s+)(?P<after>\D.*)|"
    r"(?P<before>.*?\D)\s*(?:[|·•–—]|(?:\bpage|\bseite|\btrang|\bpágina|\bp\.|-\s))\s*(?P<last>\d{1,4})"
    rf"(?:{_OF_ALL})?)$"
)
_NUMBER_CELL = re.compile(rf"^(\d{{1,4}})(?:{_OF_ALL})?$")
_NUMBERED_OF_ALL = re.compile(rf"^(?P<before>.*\D)\s+(?P<last>\d{{1,4}}){_OF_ALL}$")  # "Boats 12 / 89"


def remove_running_lines(pages: Sequence[Page]) -> tuple[list[Page], list[tuple[int, str]]]:
    """Pages without running headers, footers and page numbers, and these lines, each with its page from 1.

    Where all lines repeat on every page they are the text, as in a form: then nothing is left out.
    """
    remaining, removed = _without_watermarks(pages)
    paged = False
    for top in (True, False, True, False):
        edges = [_edge(page, top) for page in remaining]
        running = _running(edges, body_size(remaining), paged)
        paged = paged or any(drop and edge and _is_paged(edge) for edge, drop in zip(edges, running, strict=True))
        removed += [
            (number, edge.text)
            for number, (edge, drop) in enumerate(zip(edges, running, strict=True), start=1)
            if edge is not None and drop
        ]
        remaining = [
            [line for line in page if line is not edge] if drop else page
            for page, edge, drop in zip(remaining, edges, running, strict=True)
        ]
    return (remaining, removed) if any(remaining) else (list(pages), [])


def _without_watermarks(pages: Sequence[Page]) -> tuple[list[Page], list[tuple[int, str]]]:
    """The pages without very large words that stand at the same place of most pages, such as "DRAFT", and these."""
    large = WATERMARK * body_size(pages)
    counts = Counter(_place_of(line) for page in pages for line in page if line.size >= large)
    marks = {place for place, count in counts.items() if count > 1 and 2 * count >= len(pages)}
    if not marks:
        return list(pages), []
    removed = [(number, line.text) for number, page in enumerate(pages, 1) for line in page if _place_of(line) in marks]
    return [[line for line in page if _place_of(line) not in marks] for page in pages], removed


def _place_of(line: Line) -> tuple[str, int, int, int]:
    return line.text, round(line.left), round(line.base), round(line.size)


def _edge(page: Page, top: bool) -> Line | None:
    """The line nearest the upper or lower edge of the page."""
    return (max if top else min)(page, key=lambda line: line.top, default=None)


def _running(edges: Sequence[Line | None], body: float, paged: bool) -> list[bool]:
    """Per page, whether its edge line is a page number or is that of near pages at the same height.

    `paged` says that another line numbers the pages: then large lines that are the same on all of them are running too.
    """
    if _is_steady(edges, paged):
        return [line is not None for line in edges]
    # An entry of a table of contents is like its neighbours but no running header.
    edges = [None if line is None or LEADERS.search(line.text) else line for line in edges]
    numbers = [line is not None and bool(_PAGE_NUMBER.match(line.text)) for line in edges]
    numbered = sum(numbers) > 1 and 2 * sum(numbers) >= sum(line is not None for line in edges)
    verdicts = []
    for place, line in enumerate(edges):
        near = [*range(max(0, place - NEIGHBOURS), place), *range(place + 1, min(len(edges), place + 1 + NEIGHBOURS))]
        repeats = line is not None and any(_is_same(line, edges[each], each - place) for each in near)
        small = line is not None and line.size <= HEADING_SIZE * body
        verdicts.append(small and (repeats or (numbered and numbers[place])))
    heights = _usual_heights(edges, verdicts)
    return [
        verdict or (line is not None and round(line.top) in heights and line.size <= HEADING_SIZE * body)
        for line, verdict in zip(edges, verdicts, strict=True)
    ]


def _is_steady(edges: Sequence[Line | None], paged: bool) -> bool:
    """Whether several pages are numbered and all have the same edge line, of whatever size."""
    found = [(place, line) for place, line in enumerate(edges) if line is not None]
    if len(found) < 2 or not (paged or _is_paged(found[0][1])):
        return False
    (start, first), *others = found
    return all(_is_same(first, line, place - start) or _counts(first, line, place - start) for place, line in others)


def _is_paged(line: Line) -> bool:
    """Whether a line is or holds the number of its page."""
    return bool(_PAGE_NUMBER.match(line.text)) or _without_page(line)[1] is not None


def _counts(line: Line, other: Line, distance: int) -> bool:
    """Whether two lines are nothing but the numbers of pages so far apart, at the same height."""
    numbers = [re.findall(r"\d+", each.text) for each in (line, other) if _PAGE_NUMBER.match(each.text)]
    level = abs(line.top - other.top) < 3
    return level and len(numbers) == 2 and all(numbers) and int(numbers[1][0]) == int(numbers[0][0]) + distance


def _usual_heights(edges: Sequence[Line | None], verdicts: Sequence[bool]) -> set[int]:
    """Heights at which most edge lines are running ones, so that the others are too."""
    everything = Counter(round(line.top) for line in edges if line is not None)
    running = Counter(
        round(line.top) for line, verdict in zip(edges, verdicts, strict=True) if verdict and line is not None
    )
    return {height for height, count in running.items() if count >= 3 and count >= 0.6 * everything[height]}


def _is_same(line: Line, other: Line | None, distance: int) -> bool:
    """Whether two lines so many pages apart have the same height and words; only the number of the page may differ.

    Lines that differ in other numbers ("Total: 37 euros") are content.
    """
    if other is None or abs(line.top - other.top) >= 3:
        return False
    if any(len(cell) >= SAME_CHARACTERS and cell in other.cells for cell in line.cells):
        return True
    first, second = _without_page(line), _without_page(other)
    if min(len(first[0]), len(second[0])) < 4 or first[0] != second[0]:
        return False
    return first[1] == second[1] or (first[1] is not None and second[1] == first[1] + distance)


def _without_page(line: Line) -> tuple[str, int | None]:
    """The words of a line, and the number of its page where that is set apart by a gap, a sign or a word."""
    text = " ".join(line.text.casefold().split())
    for number, rest in ((line.cells[-1:], line.cells[:-1]), (line.cells[:1], line.cells[1:])):
        if number and rest and (found := _NUMBER_CELL.match(number[0])):
            return " ".join(rest).casefold(), int(found[1])
    if match := _NUMBERED_OF_ALL.match(text):
        return match["before"].strip(), int(match["last"])
    match = _PAGE_LABEL.match(text)
    if not match:
        return text, None
    return f"{match['before'] or ''} {match['after'] or ''}".strip(), int(match["first"] or match["last"])
