"""What a read file is made of, and the draft that readers fill; knows nothing of file formats."""

import re
from collections.abc import Sequence
from dataclasses import astuple, dataclass, field
from typing import Any

from retrieval.errors import RetrievalError

TRAIL = " > "
MAX_LABEL = 200  # of each heading in a trail: a long one above many others would multiply
_CONTENTS = re.compile(
    r"(table of )?contents|inhalt(sverzeichnis)?|table des matières|sommaire|índice|contenido|sumário|indice|mục lục",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Span:
    """A stretch of `Document.text`, end exclusive; the label is a page ("12") or a heading's trail ("A > B")."""

    start: int
    end: int
    label: str


@dataclass(frozen=True)
class Pair:
    """A question and its answer; `text[start:end]` is the question, a line break, the answer."""

    question: str
    answer: str
    start: int
    end: int


@dataclass(frozen=True)
class Limits:
    """How much one file may hold: characters of text, pages of a PDF, bytes of the file and of what it unpacks to.

    XML has its own limit, as its tree is many times as large. The last three bind the process that reads the file: its
    memory, its processor seconds, the bytes it may hand back.
    """

    max_chars: int = 1_000_000
    max_pages: int = 1_000
    max_uncompressed_bytes: int = 100_000_000
    max_xml_bytes: int = 40_000_000
    memory_bytes: int = 1_000_000_000
    seconds: int = 20
    answer_bytes: int = 50_000_000

    @property
    def clock_seconds(self) -> int:
        """Seconds by the clock: a busy machine gives a process a third of a core at times."""
        return 3 * self.seconds


@dataclass(frozen=True)
class Document:
    """Clean text of one file. Paragraphs are parted by a blank line; all spans are in order and do not overlap.

    A heading's span runs from the heading's own line to the next heading, of whatever level. `written` are questions
    that somebody wrote about the text, each with the offsets of its answer; search takes no notice of them.
    """

    name: str
    text: str
    pages: tuple[Span, ...] = ()
    headings: tuple[Span, ...] = ()
    pairs: tuple[Pair, ...] = ()
    dropped: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    written: tuple[Pair, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and dictionaries, ready for JSON."""
        written = [list(astuple(each)) for each in self.written]
        return {
            "name": self.name,
            "text": self.text,
            "pages": [[each.start, each.end, each.label] for each in self.pages],
            "headings": [[each.start, each.end, each.label] for each in self.headings],
            "pairs": [[each.question, each.answer, each.start, each.end] for each in self.pairs],
            "dropped": list(self.dropped),
            "columns": list(self.columns),
            **({"written": written} if written else {}),  # so that a document as it was read has one form
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Document":
        """The inverse of `to_dict`."""
        return cls(
            name=values["name"],
            text=values["text"],
            pages=tuple(Span(*each) for each in values["pages"]),
            headings=tuple(Span(*each) for each in values["headings"]),
            pairs=tuple(Pair(*each) for each in values["pairs"]),
            dropped=tuple(values["dropped"]),
            columns=tuple(values["columns"]),
            written=tuple(Pair(*each) for each in values.get("written", ())),
        )


class NeedsMapping(RetrievalError):
    """A table whose columns say neither what is asked nor what is answered; a person may choose them."""

    def __init__(self, message: str, columns: Sequence[str], rows: Sequence[dict[str, str]]) -> None:
        super().__init__(message)
        self.columns = tuple(columns)
        self.rows = tuple(rows)


class TooLong(Exception):
    """The text of a file grew past its limit while it was read."""


@dataclass(frozen=True)
class Mark:
    """Where a heading starts, how deep it is (1 = outermost) and what it says."""

    start: int
    level: int
    title: str


def is_contents(title: str) -> bool:
    """Whether a heading is that of a table of contents."""
    return bool(_CONTENTS.fullmatch(title.strip()))


def sections(marks: Sequence[Mark], length: int) -> tuple[Span, ...]:
    """One span a heading, labelled with the trail of the headings above it. `marks` are in order of their start."""
    starts = []
    above: list[Mark] = []
    for mark in marks:
        above = [each for each in above if each.level < mark.level] + [mark]
        starts.append((mark.start, TRAIL.join(each.title[:MAX_LABEL] for each in above)))
        above = [each for each in above if not is_contents(each.title)]
    return _spans(starts, length)


def _spans(starts: Sequence[tuple[int, str]], length: int) -> tuple[Span, ...]:
    """Each stretch from its start to the next one's start, the last to the end of the text."""
    ends = [*(start for start, _ in starts), length][1:]
    return tuple(Span(start, end, label) for (start, label), end in zip(starts, ends, strict=False))


@dataclass
class DocumentBuilder:
    """Text that grows piece by piece, to a limit, and remembers the offset of every heading, page and pair."""

    max_chars: int
    marks: list[Mark] = field(default_factory=list)
    page_starts: list[tuple[int, str]] = field(default_factory=list)
    pairs: list[Pair] = field(default_factory=list)
    _pieces: list[str] = field(default_factory=list)
    _length: int = 0

    def add(self, text: str, joint: str = "\n\n") -> int:
        """Append a piece after a joint (none before the first piece); returns the piece's offset.

        Raises:
            TooLong: the text would grow past its limit.
        """
        joint = joint if self._pieces else ""
        start = self._length + len(joint)
        self._pieces += [joint, text]
        self._length = start + len(text)
        if self._length > self.max_chars:
            raise TooLong
        return start

    def heading(self, title: str, level: int) -> int:
        """Append a heading of its own; line breaks in a title become blanks. Returns its offset."""
        title = " ".join(title.split())
        start = self.add(title)
        self.marks.append(Mark(start, level, title))
        return start

    def page(self, start: int, label: str) -> None:
        """A page begins at this offset, unless it already did."""
        if not self.page_starts or self.page_starts[-1][1] != label:
            self.page_starts.append((start, label))

    def pair(self, question: str, answer: str) -> None:
        """Append a pair as one paragraph block."""
        start = self.add(f"{question}\n{answer}")
        self.pairs.append(Pair(question, answer, start, self._length))

    def document(self, name: str, dropped: Sequence[str] = (), columns: Sequence[str] = ()) -> Document:
        """The finished document."""
        return Document(
            name=name,
            text="".join(self._pieces),
            pages=_spans(self.page_starts, self._length),
            headings=sections(self.marks, self._length),
            pairs=tuple(self.pairs),
            dropped=tuple(dropped),
            columns=tuple(columns),
        )
