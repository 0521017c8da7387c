"""What in a text may spoil training: repetition, boilerplate, broken characters, mixed languages, personal data.

It finds and takes out; whether to is the visitor's choice, and what is searched stays whole.
"""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import ftfy.badness

from playground.data import near_duplicates, pii
from playground.data.sections import Section, cut_sections
from retrieval.chunks import sentences
from retrieval.document import Document, Pair, Span
from retrieval.language import UNKNOWN, detect_language

LITTLE_CHARS = 2_000  # some 500 tokens: two windows
REPEATED = 4  # times that a paragraph stands in a document, from which on it is boilerplate
BOILERPLATE_CHARS = 200
SHORT_WORDS = 5
LONG_CHARS = 2_000  # of a pair: more is cut
TELLING_CHARS = 300  # of a section, to tell its language by
WORDY = 0.85  # share of letters in what is not blank
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


@dataclass(frozen=True)
class FlaggedSpan:
    """A stretch of one of the documents, end exclusive."""

    document: int
    start: int
    end: int


@dataclass(frozen=True)
class Finding:
    """Something of one kind: the parts to leave out for it, none where leaving out does not help, and an example."""

    kind: str
    count: int
    example: str
    parts: tuple[FlaggedSpan, ...] = ()


@dataclass(frozen=True)
class _Piece:
    """A section or pair with its words."""

    document: int
    section: Section
    body: str
    is_pair: bool

    @property
    def part(self) -> FlaggedSpan:
        return FlaggedSpan(self.document, self.section.start, self.section.end)


def find_problems(documents: Sequence[Document]) -> list[Finding]:
    """Every kind of which there is something, in the order of KINDS."""
    pieces = [
        _Piece(number, section, document.text[section.body : section.end], bool(document.pairs))
        for number, document in enumerate(documents)
        for section in cut_sections(document)
    ]
    found = [
        _little(documents),
        *_repeats(pieces),
        _boilerplate(documents),
        _broken(documents),
        _languages(documents, pieces),
    ]
    found += [_short(pieces), _long(pieces), *(_personal(documents, kind) for kind in pii.FORMS)]
    return [finding for finding in found if finding and finding.count]


def remove_spans(documents: Sequence[Document], findings: Sequence[Finding]) -> list[Document]:
    """The documents without the parts of findings made from them; one of which nothing is left is gone."""
    parts = [part for finding in findings for part in finding.parts]
    kept = [
        cut_spans(document, [(part.start, part.end) for part in parts if part.document == number])
        for number, document in enumerate(documents)
    ]
    return [document for document in kept if any(map(str.isalnum, document.text))]


def cut_spans(document: Document, spans: Sequence[tuple[int, int]]) -> Document:
    """The document without these stretches; what lay in them is gone from its pages, headings and pairs."""
    gone = _united(document.text, spans)
    if not gone:
        return document
    starts, before = [start for start, _ in gone], [0]
    for start, end in gone:
        before.append(before[-1] + end - start)

    def moved(offset: int) -> int:
        place = bisect_right(starts, offset) - 1
        return (
            offset - before[place] - min(offset - starts[place], before[place + 1] - before[place])
            if place >= 0
            else offset
        )

    kept = zip([0, *(end for _, end in gone)], [*starts, len(document.text)], strict=True)

    def left(pairs: Sequence[Pair]) -> tuple[Pair, ...]:
        whole = [each for each in pairs if not any(start < each.end and each.start < end for start, end in gone)]
        return tuple(Pair(each.question, each.answer, moved(each.start), moved(each.end)) for each in whole)

    return replace(
        document,
        text="".join(document.text[start:end] for start, end in kept),
        pages=_moved(document.pages, moved),
        headings=_moved(document.headings, moved),
        pairs=left(document.pairs),
        questions=left(document.questions),
    )


def _moved(spans: Sequence[Span], moved: Callable[[int], int]) -> tuple[Span, ...]:
    new = (Span(moved(each.start), moved(each.end), each.label) for each in spans)
    return tuple(each for each in new if each.end > each.start)


def _united(text: str, spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The stretches in order and apart, each with the blanks after it where blanks stand before it too."""
    united: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if start == 0 or text[start - 1].isspace():
            end += len(text[end:]) - len(text[end:].lstrip())
        if united and start <= united[-1][1]:
            start, end = united.pop()[0], max(end, united[-1][1] if united else end)
        united.append((start, end))
    return united


def _little(documents: Sequence[Document]) -> Finding | None:
    chars = sum(len(document.text) for document in documents)
    return Finding("little", chars, "") if chars < LITTLE_CHARS else None


def _repeats(pieces: Sequence[_Piece]) -> Iterator[Finding]:
    """Sections that say what an earlier one says, and those that nearly do."""
    pieces = [piece for piece in pieces if len(piece.body.split()) >= SHORT_WORDS]
    found = near_duplicates.group_repeats([piece.body for piece in pieces])
    same = [piece for place, piece in enumerate(pieces) if found.same[place] != place]
    near = [piece for place, piece in enumerate(pieces) if found.same[place] == place != found.group[place]]
    yield _of_pieces("duplicates", same)
    yield _of_pieces("near_duplicates", near)


def _of_pieces(kind: str, pieces: Sequence[_Piece]) -> Finding:
    return Finding(kind, len(pieces), _shown(pieces[0].body) if pieces else "", tuple(each.part for each in pieces))


def _boilerplate(documents: Sequence[Document]) -> Finding:
    """Short paragraphs that stand in a document again and again and are no headings, as page headers are."""
    parts, example = [], ""
    for number, document in enumerate(documents):
        headings = {span.start for span in document.headings}
        spans = [] if document.pairs else [span for span in _paragraphs(document.text) if span[0] not in headings]
        times = Counter(document.text[start:end] for start, end in spans if end - start <= BOILERPLATE_CHARS)
        again = {text for text, count in times.items() if count >= REPEATED and sum(map(str.isalpha, text)) > 3}
        example = example or next(iter(sorted(again, key=lambda text: -times[text])), "")
        parts += [FlaggedSpan(number, start, end) for start, end in spans if document.text[start:end] in again]
    return Finding("boilerplate", len(parts), _shown(example), tuple(parts))


def _paragraphs(text: str) -> Iterator[tuple[int, int]]:
    begin = 0
    for match in _BLANK_LINE.finditer(text):
        yield begin, match.start()
        begin = match.end()
    yield begin, len(text)


def _broken(documents: Sequence[Document]) -> Finding:
    """Lines with characters that were lost or read in a wrong encoding."""
    parts = []
    for number, document in enumerate(documents):
        offset = 0
        for line in document.text.split("\n"):
            if not line.isascii() and ("\ufffd" in line or ftfy.badness.is_bad(line)):
                parts.append(_widened(document, FlaggedSpan(number, offset, offset + len(line))))
            offset += len(line) + 1
    return _of_parts("broken", documents, parts)


def _languages(documents: Sequence[Document], pieces: Sequence[_Piece]) -> Finding:
    """Sections in another language than most of the text."""
    chars: Counter[str] = Counter()
    for document in documents:
        chars[detect_language(document.text)] += len(document.text)
    usual = {UNKNOWN, chars.most_common(1)[0][0] if chars else UNKNOWN}
    return _of_pieces(
        "languages", [each for each in pieces if _tells_language(each.body) and detect_language(each.body) not in usual]
    )


def _tells_language(text: str) -> bool:
    """Whether a text is long enough, and of words rather than code or figures."""
    return len(text) >= TELLING_CHARS and sum(map(str.isalpha, text)) > WORDY * sum(map(len, text.split()))


def _short(pieces: Sequence[_Piece]) -> Finding:
    """Headings with hardly a sentence below them."""
    headed = [each for each in pieces if each.section.body > each.section.start]
    return _of_pieces("short", [each for each in headed if len(each.body.split()) < SHORT_WORDS])


def _long(pieces: Sequence[_Piece]) -> Finding:
    return _of_pieces("long", [each for each in pieces if each.is_pair and len(each.body) > LONG_CHARS])


def _personal(documents: Sequence[Document], kind: str) -> Finding:
    """Sentences that hold something of one kind of personal data."""
    found = [
        (_sentence(document, FlaggedSpan(number, start, end)), document.text[start:end])
        for number, document in enumerate(documents)
        for start, end in pii.find_pii(document.text, kind)
    ]
    return Finding(kind, len(found), found[0][1] if found else "", tuple(dict.fromkeys(part for part, _ in found)))


def _sentence(document: Document, part: FlaggedSpan) -> FlaggedSpan:
    """The sentence, or the pair, that a part lies in."""
    if document.pairs:
        return _widened(document, part)
    start = document.text.rfind("\n\n", 0, part.start) + 1
    end = document.text.find("\n\n", part.end)
    paragraph = document.text[start : end if end >= 0 else len(document.text)]
    spans = [(start + first, start + last) for first, last in sentences(paragraph)]
    first = max((begin for begin, _ in spans if begin <= part.start), default=part.start)
    last = min((stop for _, stop in spans if stop >= part.end), default=part.end)
    return FlaggedSpan(part.document, first, last)


def _widened(document: Document, part: FlaggedSpan) -> FlaggedSpan:
    """The whole pairs that a part touches, or the part itself: half a pair teaches something wrong."""
    touched = [each for each in document.pairs if each.start < part.end and part.start < each.end]
    return FlaggedSpan(part.document, touched[0].start, touched[-1].end) if touched else part


def _of_parts(kind: str, documents: Sequence[Document], parts: Sequence[FlaggedSpan]) -> Finding:
    parts = tuple(dict.fromkeys(parts))
    example = documents[parts[0].document].text[parts[0].start : parts[0].end] if parts else ""
    return Finding(kind, len(parts), _shown(example), parts)


def _shown(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= EXAMPLE_CHARS else f"{words[: EXAMPLE_CHARS - 1]}…"
