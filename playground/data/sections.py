"""Cuts a document into sections: the units of the train/held-out split, and what questions are made from.

Knows offsets and headings, no tokens.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from retrieval.document import TRAIL, Document, is_contents

MAX_CHARS = 1_000  # about 250 tokens; longer sections are cut between paragraphs, as texts may have no headings
_BLANK_LINE = re.compile(r"\n[ \t]*\n")


@dataclass(frozen=True)
class Section:
    """A stretch of `Document.text` under one heading, end exclusive; `body` is the offset where the heading ends."""

    start: int
    body: int
    end: int
    heading: str

    @property
    def title(self) -> str:
        """The innermost heading."""
        return self.heading.rsplit(TRAIL, 1)[-1]


def cut_sections(document: Document) -> tuple[Section, ...]:
    """Every section with words in it, in order: a pair, a heading with its text, or a part of a long section.

    A heading without text is joined to the next section; tables of contents are left out.
    """
    if document.pairs:
        return tuple(Section(pair.start, pair.start, pair.end, "") for pair in document.pairs)
    found = [part for section in _heading_sections(document) for part in _split_long(document.text, section)]
    return tuple(each for each in found if any(map(str.isalnum, document.text[each.start : each.end])))


def section_at(sections: Sequence[Section], offset: int) -> int:
    """The place of the section that contains an offset, or of the one before it where none does."""
    return max(0, bisect_right(sections, offset, key=lambda each: each.start) - 1)


def _heading_sections(document: Document) -> Iterator[Section]:
    """One section per heading with text below it, and one for the text before the first heading."""
    text, spans = document.text, document.headings
    first = spans[0].start if spans else len(text)
    if text[:first].strip():
        yield Section(0, 0, first, "")
    begin = -1
    for span in spans:
        title = span.label.rsplit(TRAIL, 1)[-1]
        if is_contents(title):
            continue
        begin = span.start if begin < 0 else begin
        body = _after_title(text, span.start, span.end)
        if text[body : span.end].strip():
            yield Section(begin, body, span.end, span.label)
            begin = -1


def _after_title(text: str, start: int, end: int) -> int:
    """The end of the heading's paragraph; of its first line where text follows on the next line."""
    blank = _BLANK_LINE.search(text, start, end)
    line = text.find("\n", start, end)
    paragraph = blank.start() if blank else end
    titled = 0 <= line and len(text[start:paragraph].splitlines()) <= 3 and blank
    return paragraph if titled else line if line >= 0 else end


def _split_long(text: str, section: Section) -> Iterator[Section]:
    """The section, or runs of its paragraphs of at most MAX_CHARS each; a longer paragraph stays whole."""
    starts = [section.start]
    borders = [match.end() for match in _BLANK_LINE.finditer(text, section.body, section.end)]
    for border, following in zip(borders, [*borders[1:], section.end], strict=False):
        if following - starts[-1] > MAX_CHARS and text[max(starts[-1], section.body) : border].strip():
            starts.append(border)
    for start, end in zip(starts, [*starts[1:], section.end], strict=True):
        yield Section(start, max(start, section.body), end, section.heading)
