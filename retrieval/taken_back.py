"""Puts the parts of a file that a visitor took back into its text; the spans of the document move with the text."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from retrieval.document import Document, LeftOut, Span, label_spans
from retrieval.pairs import Pair
from retrieval.readers.blobs import BLOBS
from retrieval.readers.invisible import remove_unseen

PARAGRAPH = "\n\n"


def with_taken_back(document: Document) -> Document:
    """The document with every part that is `taken` in its text, each as a paragraph where it stood in the file."""
    taken = sorted((part for part in document.left_out if part.taken), key=lambda part: part.start)
    if not taken:
        return document
    inserted = [_joined(document.text, part) for part in taken]
    cuts = [0, *(part.start for part in taken), len(document.text)]
    pieces = [document.text[one:two] for one, two in zip(cuts, cuts[1:], strict=False)]
    text = pieces[0] + "".join(new + old for new, old in zip(inserted, pieces[1:], strict=True))
    moves = _Moves.of(taken, inserted)
    return replace(
        document,
        text=text,
        pages=_moved_pages(document.pages, moves, taken, len(text)),
        headings=label_spans([(moves.start(each.start), each.label) for each in document.headings], len(text)),
        pairs=tuple(_moved_pair(each, moves) for each in document.pairs),
        questions=tuple(_moved_pair(each, moves) for each in document.questions),
        left_out=_moved_parts(document.left_out, moves, taken, inserted),
    )


def _joined(text: str, part: LeftOut) -> str:
    """The part with the blank line that sets it apart from the text before or after it."""
    own = remove_unseen(part.text)[0]
    before, after = text[max(0, part.start - 1) : part.start], text[part.start : part.start + 1]
    if after in ("", "\n") and before not in ("", "\n"):
        return PARAGRAPH + own
    if before in ("", "\n"):
        return own + PARAGRAPH
    return own if part.kind == BLOBS else PARAGRAPH + own + PARAGRAPH  # encoded data may stand within a line


@dataclass(frozen=True)
class _Moves:
    """Where text was put in, in order, and by how much all of it up to there moves what follows."""

    places: Sequence[int]
    sums: Sequence[int]

    @classmethod
    def of(cls, parts: Sequence[LeftOut], inserted: Sequence[str]) -> "_Moves":
        return cls([part.start for part in parts], [0, *accumulate(map(len, inserted))])

    def start(self, place: int) -> int:
        """Where a span begins that began at this offset: behind what was put in there."""
        return place + self.sums[bisect_right(self.places, place)]

    def end(self, place: int) -> int:
        """Where a span ends that ended at this offset: before what was put in there, unless the text ends with it."""
        return place + self.sums[bisect_left(self.places, place)]


def _moved_pair(pair: Pair, moves: _Moves) -> Pair:
    context = pair.context and (moves.start(pair.context[0]), moves.end(pair.context[1]))
    return replace(pair, start=moves.start(pair.start), end=moves.end(pair.end), context=context)


def _moved_pages(pages: Sequence[Span], moves: _Moves, taken: Sequence[LeftOut], length: int) -> tuple[Span, ...]:
    """The pages, each with what was put in between it and the page before if that stood on it."""
    starts = []
    for page in pages:
        own = [
            place
            for place, part in enumerate(taken)
            if part.place == page.label and 0 <= page.start - part.start <= len(PARAGRAPH)
        ]
        back = moves.sums[own[-1] + 1] - moves.sums[own[0]] if own else 0
        starts.append((moves.start(page.start) - back, page.label))
    return label_spans(starts, length)


def _moved_parts(
    parts: Sequence[LeftOut], moves: _Moves, taken: Sequence[LeftOut], inserted: Sequence[str]
) -> tuple[LeftOut, ...]:
    """The parts in their order; one that was taken begins where its own text does."""
    ranks = {id(part): rank for rank, part in enumerate(taken)}
    moved = []
    for part in parts:
        rank = ranks.get(id(part))
        if rank is None:
            start = moves.start(part.start)
        else:
            start = part.start + moves.sums[rank] + (len(PARAGRAPH) if inserted[rank].startswith(PARAGRAPH) else 0)
        moved.append(replace(part, start=start))
    return tuple(moved)
