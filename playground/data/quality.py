"""Problems of a text that may spoil training: repetition, boilerplate, broken characters, languages, personal data.

It finds them and cuts them out of what is trained on, if the visitor wants that; retrieval keeps the whole text.
"""

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from operator import itemgetter

import ftfy.badness

from playground.data import near_duplicates, pii
from playground.data.sections import Section, cut_sections
from retrieval.chunks import sentences
from retrieval.document import Document, Pair, Span
from retrieval.language import UNKNOWN, count_words, detect_language

LITTLE_CHARS = 2_000  # about 500 tokens: two windows
REPEATED = 4  # a paragraph that occurs this often in a document is boilerplate
BOILERPLATE_CHARS = 200
SHORT_WORDS = 5
LONG_CHARS = 2_000  # of a pair: the rest is cut off
LANGUAGE_CHARS = 300  # of a section whose language can be detected
PROSE_LETTERS = 0.85  # share of letters among the characters that are not blank
EXAMPLE_CHARS = 90
KINDS = (
    "little",
    "duplicates",
    "near_duplicates",
    "boilerplate",
    "broken",
    "languages",
    "short",
    "long",
    *pii.FORMS,
)
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
_BLANKS = re.compile(r"\s*")


@dataclass(frozen=True)
class FlaggedSpan:
    """A stretch of one of the documents, end exclusive."""

    document: int
    start: int
    end: int


@dataclass(frozen=True)
class Finding:
    """A problem of one kind: its count, an example, and the parts to cut; none where cutting does not help."""

    kind: str
    count: int
    example: str
    parts: tuple[FlaggedSpan, ...] = ()


@dataclass(frozen=True)
class _Piece:
    """A section or pair with its text."""

    document: int
    section: Section
    body: str
    is_pair: bool

    @property
    def part(self) -> FlaggedSpan:
        return FlaggedSpan(self.document, self.section.start, self.section.end)


class _Units:
    """What of a document is left out as a whole: its sentences, or its pairs, as half a pair would teach nonsense."""

    def __init__(self, document: Document) -> None:
        self._document = document

    @cached_property
    def _spans(self) -> list[tuple[int, int]]:
        pairs = [(each.start, each.end) for each in self._document.pairs]
        return pairs or sentences(self._document.text)

    def around(self, start: int, end: int) -> tuple[int, int]:
        """All of those that a stretch touches; the stretch itself where it touches none."""
        first = bisect_right(self._spans, start, key=itemgetter(1))
        last = bisect_left(self._spans, end, key=itemgetter(0))
        return (self._spans[first][0], self._spans[last - 1][1]) if first < last else (start, end)


def find_problems(documents: Sequence[Document]) -> list[Finding]:
    """One finding per kind of problem that the documents have, in the order of KINDS."""
    units = [_Units(document) for document in documents]
    pieces = [
        _Piece(number, section, document.text[section.body : section.end], bool(document.pairs))
        for number, document in enumerate(documents)
        for section in cut_sections(document)
    ]
    found = [
        _find_little_text(documents),
        *_find_repeats(pieces),
        _find_boilerplate(documents),
        _find_broken(documents, units),
        _find_languages(documents, pieces),
    ]
    found += [_find_short(pieces), _find_long(pieces), *(_find_pii(documents, units, kind) for kind in pii.FORMS)]
    return [finding for finding in found if finding and finding.count]


def remove_spans(documents: Sequence[Document], findings: Sequence[Finding]) -> list[Document]:
    """The documents without the parts of their findings; a document of which no words are left is dropped."""
    parts = [part for finding in findings for part in finding.parts]
    kept = [
        cut_spans(document, [(part.start, part.end) for part in parts if part.document == number])
        for number, document in enumerate(documents)
    ]
    return [document for document in kept if any(map(str.isalnum, document.text))]


def cut_spans(document: Document, spans: Sequence[tuple[int, int]]) -> Document:
    """The document without these stretches of text, and without the pages, headings and pairs that were in them."""
    cuts = _merge_spans(document.text, spans)
    if not cuts:
        return document
    starts, removed = [start for start, _ in cuts], [0]  # removed[n]: characters of the first n cuts
    for start, end in cuts:
        removed.append(removed[-1] + end - start)

    def shift(offset: int) -> int:
        place = bisect_right(starts, offset) - 1
        if place < 0:
            return offset
        return offset - removed[place] - min(offset - starts[place], removed[place + 1] - removed[place])

    remaining = zip([0, *(end for _, end in cuts)], [*starts, len(document.text)], strict=True)
    return replace(
        document,
        text="".join(document.text[start:end] for start, end in remaining),
        pages=_shift_spans(document.pages, shift),
        headings=_shift_spans(document.headings, shift),
        pairs=_shift_pairs(document.pairs, cuts, shift),
        questions=_shift_pairs(document.questions, cuts, shift),
    )


def _shift_spans(spans: Sequence[Span], shift: Callable[[int], int]) -> tuple[Span, ...]:
    shifted = (Span(shift(each.start), shift(each.end), each.label) for each in spans)
    return tuple(each for each in shifted if each.end > each.start)


def _shift_pairs(
    pairs: Sequence[Pair], cuts: Sequence[tuple[int, int]], shift: Callable[[int], int]
) -> tuple[Pair, ...]:
    """The pairs that no cut touches; of a context that is cut, what is left."""

    def is_whole(pair: Pair) -> bool:
        place = bisect_right(cuts, pair.start, key=itemgetter(1))
        return place == len(cuts) or cuts[place][0] >= pair.end

    return tuple(
        replace(each, start=shift(each.start), end=shift(each.end), context=_shift_context(each.context, shift))
        for each in filter(is_whole, pairs)
    )


def _shift_context(context: tuple[int, int] | None, shift: Callable[[int], int]) -> tuple[int, int] | None:
    start, end = (shift(context[0]), shift(context[1])) if context else (0, 0)
    return (start, end) if end > start else None


def _merge_spans(text: str, spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The spans in order, overlapping ones merged; each with the blanks after it where there is a blank before it."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if start == 0 or text[start - 1].isspace():
            blanks = _BLANKS.match(text, end)
            end = blanks.end() if blanks else end
        if merged and start <= merged[-1][1]:
            earlier_start, earlier_end = merged.pop()
            start, end = earlier_start, max(end, earlier_end)
        merged.append((start, end))
    return merged


def _find_little_text(documents: Sequence[Document]) -> Finding | None:
    chars = sum(len(document.text) for document in documents)
    return Finding("little", chars, "") if chars < LITTLE_CHARS else None


def _find_repeats(pieces: Sequence[_Piece]) -> Iterator[Finding]:
    """Sections that repeat an earlier one, and those that nearly do."""
    pieces = [piece for piece in pieces if count_words(piece.body) >= SHORT_WORDS]
    found = near_duplicates.group_repeats([piece.body for piece in pieces])
    same = [piece for place, piece in enumerate(pieces) if found.same[place] != place]
    near = [piece for place, piece in enumerate(pieces) if found.same[place] == place != found.group[place]]
    yield _piece_finding("duplicates", same)
    yield _piece_finding("near_duplicates", near)


def _piece_finding(kind: str, pieces: Sequence[_Piece]) -> Finding:
    return Finding(kind, len(pieces), _shorten(pieces[0].body) if pieces else "", tuple(each.part for each in pieces))


def _find_boilerplate(documents: Sequence[Document]) -> Finding:
    """Short paragraphs that a document repeats and that are no headings, such as page headers."""
    parts, example = [], ""
    for number, document in enumerate(documents):
        headings = {span.start for span in document.headings}
        spans = [] if document.pairs else [span for span in _paragraphs(document.text) if span[0] not in headings]
        counts = Counter(document.text[start:end] for start, end in spans if end - start <= BOILERPLATE_CHARS)
        repeated = {text for text, count in counts.items() if count >= REPEATED and sum(map(str.isalpha, text)) > 3}
        example = example or next(iter(sorted(repeated, key=lambda text: -counts[text])), "")
        parts += [FlaggedSpan(number, start, end) for start, end in spans if document.text[start:end] in repeated]
    return Finding("boilerplate", len(parts), _shorten(example), tuple(parts))


def _paragraphs(text: str) -> Iterator[tuple[int, int]]:
    begin = 0
    for match in _BLANK_LINE.finditer(text):
        yield begin, match.start()
        begin = match.end()
    yield begin, len(text)


def _find_broken(documents: Sequence[Document], units: Sequence[_Units]) -> Finding:
    """Lines with characters that were lost or decoded wrongly."""
    parts = []
    for number, document in enumerate(documents):
        offset = 0
        for line in document.text.split("\n"):
            if not line.isascii() and ("\ufffd" in line or ftfy.badness.is_bad(line)):
                line_span = offset, offset + len(line)
                parts.append(FlaggedSpan(number, *(units[number].around(*line_span) if document.pairs else line_span)))
            offset += len(line) + 1
    return _span_finding("broken", documents, parts)


def _find_languages(documents: Sequence[Document], pieces: Sequence[_Piece]) -> Finding:
    """Sections in another language than most of the text is in."""
    chars: Counter[str] = Counter()
    for document in documents:
        chars[detect_language(document.text)] += len(document.text)
    expected = {UNKNOWN, chars.most_common(1)[0][0] if chars else UNKNOWN}
    return _piece_finding(
        "languages",
        [each for each in pieces if _has_language(each.body) and detect_language(each.body) not in expected],
    )


def _has_language(text: str) -> bool:
    """Whether a text is long enough to detect its language, and of words rather than code or figures."""
    return len(text) >= LANGUAGE_CHARS and sum(map(str.isalpha, text)) > PROSE_LETTERS * sum(map(len, text.split()))


def _find_short(pieces: Sequence[_Piece]) -> Finding:
    """Headings with almost no text below them."""
    headed = [each for each in pieces if each.section.body > each.section.start]
    return _piece_finding("short", [each for each in headed if count_words(each.body) < SHORT_WORDS])


def _find_long(pieces: Sequence[_Piece]) -> Finding:
    return _piece_finding("long", [each for each in pieces if each.is_pair and len(each.body) > LONG_CHARS])


def _find_pii(documents: Sequence[Document], units: Sequence[_Units], kind: str) -> Finding:
    """Sentences or pairs that contain one kind of personal data."""
    found = [
        (FlaggedSpan(number, *units[number].around(start, end)), document.text[start:end])
        for number, document in enumerate(documents)
        for start, end in pii.find_pii(document.text, kind)
    ]
    return Finding(kind, len(found), found[0][1] if found else "", tuple(dict.fromkeys(part for part, _ in found)))


def _span_finding(kind: str, documents: Sequence[Document], parts: Sequence[FlaggedSpan]) -> Finding:
    parts = tuple(dict.fromkeys(parts))
    example = documents[parts[0].document].text[parts[0].start : parts[0].end] if parts else ""
    return Finding(kind, len(parts), _shorten(example), parts)


def _shorten(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= EXAMPLE_CHARS else f"{words[: EXAMPLE_CHARS - 1]}…"
