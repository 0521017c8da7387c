"""The types that every reader returns (`Document`, `Span`) and the builder that readers fill.

Knows nothing of file formats.
"""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import astuple, dataclass, field, replace
from typing import Any

from retrieval.errors import RetrievalError
from retrieval.limits import Limits
from retrieval.notes import KINDS, Note, left_out_notes
from retrieval.pairs import Pair, Turns, read_pairs, stored_conversations, stored_pair
from retrieval.table_reading import TableReading

__all__ = [
    "TRAIL",
    "Document",
    "DocumentBuilder",
    "HeadingMark",
    "LeftOut",
    "Limits",
    "NeedsMapping",
    "Pair",
    "Span",
    "TableReading",
    "TooLong",
    "heading_spans",
    "is_contents",
    "label_spans",
]

TRAIL = " > "
MAX_LABEL = 200  # characters of each heading in a trail: every heading below repeats it
MAX_PARTS, KEPT_CHARS = 500, 200_000  # parts left out that a document keeps, and characters of all of them
MAX_CUT = 500  # characters of a part that is too long to be kept whole
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
class LeftOut:
    """A part of the file that is not in the text: what it is, the page or heading trail where it stood, its text.

    `kind` is a key of KINDS, `start` the offset in `Document.text` where the part would stand. `whole` says that the
    text is all of it; `taken` that the visitor took it back.
    """

    kind: str
    place: str
    text: str
    start: int
    whole: bool = True
    taken: bool = False

    @property
    def can_be_taken(self) -> bool:
        """Whether its text is known, so that it can be taken back."""
        return self.whole and KINDS[self.kind].has_text


@dataclass(frozen=True)
class Document:
    """The clean text of one file. A blank line separates paragraphs; all spans are in order and do not overlap.

    A heading's span runs from the heading's own line to the next heading of any level. `notes` say what the
    reader left out or repaired. `questions` were written about the text; each has the offsets of its answer,
    and search ignores them. `table` says how a table was read.
    """

    name: str
    text: str
    pages: tuple[Span, ...] = ()
    headings: tuple[Span, ...] = ()
    pairs: tuple[Pair, ...] = ()
    notes: tuple[Note, ...] = ()
    columns: tuple[str, ...] = ()
    questions: tuple[Pair, ...] = ()
    table: TableReading | None = None
    left_out: tuple[LeftOut, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Lists and dictionaries that JSON can hold; `questions` are stored as "written"."""
        optional = {
            "written": [stored_pair(each) for each in self.questions],
            "conversations": stored_conversations(self.pairs),
            "table": self.table.to_dict() if self.table else None,
            "left_out": [list(astuple(each)) for each in self.left_out],
        }
        return {
            "name": self.name,
            "text": self.text,
            "pages": [[each.start, each.end, each.label] for each in self.pages],
            "headings": [[each.start, each.end, each.label] for each in self.headings],
            "pairs": [stored_pair(each) for each in self.pairs],
            "notes": [list(astuple(each)) for each in self.notes],
            "columns": list(self.columns),
            # What a document has none of is left out, so that it is stored in one form only.
            **{key: values for key, values in optional.items() if values},
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Document":
        """The inverse of `to_dict`."""
        return cls(
            name=values["name"],
            text=values["text"],
            pages=tuple(Span(*each) for each in values["pages"]),
            headings=tuple(Span(*each) for each in values["headings"]),
            pairs=read_pairs(values["pairs"], values.get("conversations", {})),
            notes=tuple(Note(*each) for each in values.get("notes", map(_earlier_note, values.get("dropped", ())))),
            columns=tuple(values["columns"]),
            questions=read_pairs(values.get("written", ()), {}),
            table=TableReading.from_dict(values["table"]) if "table" in values else None,
            left_out=tuple(LeftOut(*each) for each in values.get("left_out", ())),
        )

    @property
    def sentences(self) -> tuple[str, ...]:
        """The notes in English."""
        return tuple(map(str, self.notes))


def _earlier_note(sentence: str) -> tuple[str, int, str]:
    """A note as an earlier version stored it."""
    return "said", 0, sentence


class NeedsMapping(RetrievalError):
    """A table without known names of question, answer or text columns; the user may choose them."""

    def __init__(self, message: str, columns: Sequence[str], rows: Sequence[dict[str, str]]) -> None:
        super().__init__(message)
        self.columns = tuple(columns)
        self.rows = tuple(rows)


class TooLong(Exception):
    """The text of a file exceeded its limit while it was read."""


@dataclass(frozen=True)
class HeadingMark:
    """The offset, the level (1 = outermost) and the title of a heading."""

    start: int
    level: int
    title: str


def is_contents(title: str) -> bool:
    """Whether a heading is that of a table of contents."""
    return bool(_CONTENTS.fullmatch(title.strip()))


def heading_spans(marks: Sequence[HeadingMark], length: int) -> tuple[Span, ...]:
    """One span per heading, labelled with the trail of the headings above it. `marks` are in order of their start."""
    starts = []
    above: list[HeadingMark] = []
    for mark in marks:
        above = [each for each in above if each.level < mark.level] + [mark]
        starts.append((mark.start, TRAIL.join(each.title[:MAX_LABEL] for each in above)))
        above = [each for each in above if not is_contents(each.title)]
    return label_spans(starts, length)


def label_spans(starts: Sequence[tuple[int, str]], length: int) -> tuple[Span, ...]:
    """Each span from its start to the start of the next one; the last span ends with the text."""
    ends = [*(start for start, _ in starts), length][1:]
    return tuple(Span(start, end, label) for (start, label), end in zip(starts, ends, strict=False))


@dataclass
class DocumentBuilder:
    """Text that is built piece by piece, up to a limit, with the offset of every heading, page and pair."""

    max_chars: int
    marks: list[HeadingMark] = field(default_factory=list)
    page_starts: list[tuple[int, str]] = field(default_factory=list)
    pairs: list[Pair] = field(default_factory=list)
    _contexts: dict[str, tuple[int, int]] = field(default_factory=dict)
    parts: list[LeftOut] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    _pieces: list[str] = field(default_factory=list)
    _length: int = 0
    _kept: int = 0  # characters of the parts that are left out

    def add(self, text: str, joint: str = "\n\n") -> int:
        """Append a piece after `joint` (nothing before the first piece); returns the offset of the piece.

        Raises:
            TooLong: the text would exceed its limit.
        """
        joint = joint if self._pieces else ""
        start = self._length + len(joint)
        self._pieces += [joint, text]
        self._length = start + len(text)
        if self._length > self.max_chars:
            raise TooLong
        return start

    def heading(self, title: str, level: int) -> int:
        """Append a heading as a paragraph; line breaks in the title become spaces. Returns its offset."""
        title = " ".join(title.split())
        start = self.add(title)
        self.marks.append(HeadingMark(start, level, title))
        return start

    def page(self, start: int, label: str) -> None:
        """Record that a page begins at this offset; a second call for the same page has no effect."""
        if not self.page_starts or self.page_starts[-1][1] != label:
            self.page_starts.append((start, label))

    def context(self, text: str) -> tuple[int, int]:
        """Append a passage that questions come with, once; returns its start and end."""
        if text not in self._contexts:
            start = self.add(text)
            self._contexts[text] = (start, self._length)
        return self._contexts[text]

    def pair(
        self, question: str, answer: str, system: str = "", turns: Turns = (), context: tuple[int, int] | None = None
    ) -> None:
        """Append a question and its answer as one paragraph."""
        start = self.add(f"{question}\n{answer}")
        self.pairs.append(Pair(question, answer, start, self._length, system, turns, context))

    def leave_out(self, kind: str, text: str = "", place: str = "") -> None:
        """Count a part that is not read; its place is `place` or the heading above it.

        Raises:
            KeyError: `kind` is none of KINDS, so the page has no words for it.
        """
        if kind not in KINDS:
            raise KeyError(kind)
        self.counts[kind] += 1
        text = "\n".join(filter(None, (" ".join(line.split()) for line in text.splitlines())))
        self.keep_part(LeftOut(kind, place, text, self._length))

    def keep_part(self, part: LeftOut) -> None:
        """Keep a part that was left out and counted before, as far as there is room for it."""
        if not part.text or len(self.parts) >= MAX_PARTS:
            return
        if len(part.text) > KEPT_CHARS - self._kept:
            part = replace(part, text=part.text[:MAX_CUT], whole=False)
        self._kept += len(part.text)
        self.parts.append(part)

    def document(self, name: str, notes: Sequence[Note] = (), columns: Sequence[str] = ()) -> Document:
        """The finished document."""
        headings = heading_spans(self.marks, self._length)
        starts = [span.start for span in headings]
        return Document(
            name=name,
            text="".join(self._pieces),
            pages=label_spans(self.page_starts, self._length),
            headings=headings,
            pairs=tuple(self.pairs),
            notes=(*notes, *left_out_notes(self.counts)),
            columns=tuple(columns),
            left_out=tuple(
                part if part.place else replace(part, place=_label_at(headings, starts, part.start))
                for part in self.parts
            ),
        )


def _label_at(spans: Sequence[Span], starts: Sequence[int], place: int) -> str:
    """The label of the last span that begins before this offset; an empty string where there is none."""
    found = bisect_right(starts, place - 1)
    return spans[found - 1].label if found else ""
