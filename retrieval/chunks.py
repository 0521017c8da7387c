"""Splits a document into passages: at headings, then paragraphs, then sentences or rows, packed for the encoder.

Knows no tokenizer: the caller counts the tokens. Passages do not overlap.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from retrieval.document import TRAIL, Document, Pair, Span, is_contents
from retrieval.sentence_ends import sentence_ends
from retrieval.table_reading import TABLE
from retrieval.text_tables import TextTable, header_finder, tables_in

Located = TypeVar("Located", Span, Pair)
CountTokens = Callable[[list[str]], list[int]]

# For an encoder a long unknown word may be one token, but the chat model reads it as many.
MAX_CHARS_PER_TOKEN = 12
MAX_TRAIL = 200  # characters of a heading trail that a passage is found by: inner headings first
PROSE = 80  # characters of a sentence that is no entry of a table of contents
SENTENCE, PARAGRAPH, SECTION = 0, 1, 2
_ANNOUNCES = re.compile(r"[:：][\"”’)\s]*(?:\[\d+\]\s*)*$")
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
_FULL_STOP = re.compile(r"(?<![.…])[.!?…]{1,3}[\"'”’»)\]]*$")  # dots that lead to a number of a page are more
_WEAK_BREAKS = [re.compile(mark) for mark in (r"[;:]\s", r"\n", r",\s", r"\s")]


@dataclass(frozen=True)
class Passage:
    """A part of one document, `document.text[start:end] == text`, with its page, heading and length in tokens.

    `context` is what it is found by beside its text: headings above it and the header of its table. Empty in an index
    of an earlier version, whose vectors are of the text alone.
    """

    text: str
    source: str
    page: str
    heading: str
    start: int
    end: int
    tokens: int
    context: str = field(default="", repr=False)

    @property
    def found_by(self) -> str:
        """What is embedded and indexed: the context above the text."""
        return f"{self.context}\n{self.text}" if self.context else self.text


@dataclass(frozen=True)
class _Unit:
    """A sentence or part of one; `breaks` says whether a section, paragraph or only a sentence begins with it."""

    start: int
    end: int
    breaks: int
    tokens: int = 0
    title: bool = False


def split(document: Document, count_tokens: CountTokens, max_tokens: int = 126) -> list[Passage]:
    """Passages of at most `max_tokens` tokens without special tokens; 126 fills half of MiniLM's window of 256.

    The entries of a table of contents give no passage: they name every subject and explain none.
    """
    text, tables = document.text, tables_in(document.text)
    units = _fit(list(_units(document, tables)), text, count_tokens, max_tokens)
    groups = [_Unit(group[0].start, group[-1].end, SECTION) for group in _pack(units, text, max_tokens)]
    page, heading, pair = _finder(document.pages), _finder(document.headings), _finder(document.pairs)
    header, passages = header_finder(tables), []
    # The tokens of the parts may not add up to those of the whole, so the whole is counted again.
    for unit in _fit(groups, text, count_tokens, max_tokens):
        pages = [span.label for span in (page(unit.start), page(unit.end - 1)) if span]
        section, asked = heading(unit.end - 1), pair(unit.start)
        own = text[unit.start : unit.end]
        passages.append(
            Passage(
                text=own,
                source=document.name,
                page="–".join(dict.fromkeys(pages)),
                heading=section.label if section else " ".join(asked.question.split()) if asked else "",
                start=unit.start,
                end=unit.end,
                tokens=unit.tokens,
                context=_context(section.label if section else "", header(unit.start), own),
            )
        )
    return passages


def _context(trail: str, header: str, text: str) -> str:
    """The headings of a trail that are no lines of the text, and the header of its table on a line of its own."""
    lines = {line.strip("# \t") for line in text.splitlines()}
    titles = [title for title in trail.split(TRAIL) if title and title not in lines]
    while len(titles) > 1 and len(TRAIL.join(titles)) > MAX_TRAIL:
        del titles[0]
    return "\n".join(filter(None, (TRAIL.join(titles), header)))


def sentences(text: str) -> list[tuple[int, int]]:
    """Start and end of every sentence, list entry and heading of a text."""
    paragraphs = _split_at(text, 0, len(text), _BLANK_LINE)
    return [each for start, end in paragraphs for each in _sentences(text, start, end)]


def announces_more(sentence: str) -> bool:
    """Whether a sentence ends in a colon, be there citations behind it: what it announces follows, or is missing."""
    return bool(_ANNOUNCES.search(sentence))


def _units(document: Document, tables: Sequence[TextTable]) -> Iterator[_Unit]:
    """Every sentence and row of the document in order, with the strongest break before it.

    A table that was read as one row per paragraph gives one passage per row: among others it is hard to tell.
    """
    text = document.text
    between = SECTION if document.table and document.table.shape == TABLE else PARAGRAPH
    for start, end, titled in _sections(document):
        breaks = SECTION
        for first, last in _split_at(text, start, end, _BLANK_LINE):
            if titled and breaks == SECTION:
                line_end = text.find("\n", first, last)
                line_end = last if line_end < 0 else line_end
                yield _Unit(first, line_end, SECTION, title=True)
                first, breaks = line_end, SENTENCE
            for begin, stop in _rows_and_sentences(text, first, last, tables):
                yield _Unit(begin, stop, breaks)
                breaks = SENTENCE
            breaks = between


def _rows_and_sentences(text: str, start: int, end: int, tables: Sequence[TextTable]) -> Iterator[tuple[int, int]]:
    """The rows of the tables in a paragraph, and the sentences around them."""
    place = bisect_left(tables, start, key=lambda each: each.start)
    while place < len(tables) and tables[place].end <= end:
        yield from _sentences(text, start, tables[place].start)
        yield from tables[place].rows
        start, place = tables[place].end, place + 1
    yield from _sentences(text, start, end)


def _sections(document: Document) -> list[tuple[int, int, bool]]:
    """Start, end and whether it begins with a heading, for every section, pair and context, but tables of contents."""
    contents = {span.start for span in document.headings if is_contents(span.label.rsplit(TRAIL, 1)[-1])}
    titled = {span.start for span in document.headings}
    # A context stands between pairs, so it begins where a pair ends.
    starts = sorted({0, *titled, *(offset for pair in document.pairs for offset in (pair.start, pair.end))})
    every = [
        (start, end, start in titled)
        for start, end in zip(starts, [*starts[1:], len(document.text)], strict=True)
        if document.text[start:end].strip()
    ]
    kept = [
        section
        for start, end, is_titled in every
        for section in (_below_contents(document.text, start, end) if start in contents else [(start, end, is_titled)])
    ]
    return kept or every


def _below_contents(text: str, start: int, end: int) -> Iterator[tuple[int, int, bool]]:
    """The rest of a section below a table of contents, from its first paragraph of prose on, if any.

    It runs to the next heading that was recognised, which may be none of the chapters.
    """
    for first, last in _split_at(text, start, end, _BLANK_LINE):
        if any(_is_prose(text[one:two]) for one, two in _sentences(text, first, last)):
            yield first, end, False
            return


def _is_prose(sentence: str) -> bool:
    return len(sentence) >= PROSE and bool(_FULL_STOP.search(sentence))


def _split_at(text: str, start: int, end: int, separator: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    """Start and end of the text between matches of the separator, without surrounding blanks."""
    begin = start
    for match in separator.finditer(text, start, end):
        yield from _trim(text, begin, match.start())
        begin = match.end()
    yield from _trim(text, begin, end)


def _trim(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    piece = text[start:end]
    if piece.strip():
        yield start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())


def _sentences(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Sentences and list entries of one paragraph."""
    begin = start
    for stop in sentence_ends(text, start, end):
        yield from _trim(text, begin, stop)
        begin = stop
    yield from _trim(text, begin, end)


def _fit(units: list[_Unit], text: str, count_tokens: CountTokens, max_tokens: int) -> list[_Unit]:
    """Units with their token counts; a unit that is too long is halved, at a blank if possible, until it fits."""
    fitting: list[_Unit] = []
    waiting = units
    while waiting:
        counts = count_tokens([text[unit.start : unit.end] for unit in waiting])
        counted = [replace(unit, tokens=count) for unit, count in zip(waiting, counts, strict=True)]
        long = [unit for unit in counted if _too_long(unit, max_tokens)]
        fitting += [unit for unit in counted if not _too_long(unit, max_tokens)]
        waiting = [half for unit in long for half in _halves(unit, text)]
    return sorted(fitting, key=lambda unit: unit.start)


def _too_long(unit: _Unit, max_tokens: int) -> bool:
    length = unit.end - unit.start
    return length > 1 and (unit.tokens > max_tokens or length > max_tokens * MAX_CHARS_PER_TOKEN)


def _halves(unit: _Unit, text: str) -> list[_Unit]:
    """Two parts, split near the middle: after a clause, else at a line break, a comma or a blank, else in a word."""
    middle = (unit.start + unit.end) // 2
    reach = (unit.end - unit.start) // 4
    for mark in _WEAK_BREAKS:
        places = [match.end() for match in mark.finditer(text, middle - reach, middle + reach)]
        if places:
            middle = min(places, key=lambda place: abs(place - middle))
            break
    spans = [*_trim(text, unit.start, middle), *_trim(text, middle, unit.end)]
    return [
        replace(unit, start=start, end=end, breaks=SENTENCE if place else unit.breaks)
        for place, (start, end) in enumerate(spans)
    ]


def _pack(units: Sequence[_Unit], text: str, max_tokens: int) -> list[list[_Unit]]:
    """Groups of adjacent units, each at most one passage long and within one section.

    A paragraph that fits into one passage does not start in a passage that is already half full.
    """
    groups: list[list[_Unit]] = []
    paragraphs = _paragraph_tokens(units)
    used = 0
    for place, unit in enumerate(units):
        need = paragraphs.get(place, 0) if used > max_tokens / 2 else 0
        need = max(unit.tokens, need if need <= max_tokens else 0)
        full = not groups or used + need > max_tokens or _chars(groups[-1], unit) > max_tokens * MAX_CHARS_PER_TOKEN
        if full or (unit.breaks == SECTION and not _leads_to(groups[-1], unit, text)):
            groups.append([])
            used = 0
        groups[-1].append(unit)
        used += unit.tokens
    return groups


def _leads_to(group: Sequence[_Unit], unit: _Unit, text: str) -> bool:
    """Whether the group is headings only, directly above the unit: then it goes with the section below."""
    return all(each.title for each in group) and not text[group[-1].end : unit.start].strip()


def _chars(group: Sequence[_Unit], unit: _Unit) -> int:
    return unit.end - group[0].start if group else 0


def _paragraph_tokens(units: Sequence[_Unit]) -> dict[int, int]:
    """Tokens of every paragraph, by the place of its first unit."""
    totals: dict[int, int] = {}
    first = 0
    for place, unit in enumerate(units):
        first = place if unit.breaks != SENTENCE else first
        totals[first] = totals.get(first, 0) + unit.tokens
    return totals


def _finder(spans: Sequence[Located]) -> Callable[[int], Located | None]:
    """A function from an offset to the span that contains it; the spans are in order and do not overlap."""
    starts = [span.start for span in spans]

    def find(offset: int) -> Located | None:
        place = bisect_right(starts, offset) - 1
        return spans[place] if place >= 0 and offset < spans[place].end else None

    return find
