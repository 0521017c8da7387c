"""Puts the document of a part of a file (a chapter, an attachment, a packed file) into that of the whole."""

from collections.abc import Iterable
from dataclasses import replace

from retrieval.document import TRAIL, Document, DocumentBuilder, HeadingMark
from retrieval.pairs import Pair


def add_document(builder: DocumentBuilder, part: Document, title: str = "", level: int = 0) -> int:
    """Append a document below a heading of this level, or as it is without a title; returns where its text starts.

    Raises:
        TooLong: the text would exceed its limit.
    """
    if title:
        builder.heading(title, level)
    start = builder.add(part.text)
    for span in part.headings:
        trail = span.label.split(TRAIL)
        builder.marks.append(HeadingMark(start + span.start, level + len(trail), trail[-1]))
    builder.pairs += [_moved(pair, start) for pair in part.pairs]
    for kept in part.left_out:
        builder.parts.append(
            replace(kept, place=TRAIL.join(filter(None, (title, kept.place))), start=start + kept.start)
        )
    return start


def _moved(pair: Pair, start: int) -> Pair:
    context = pair.context and (pair.context[0] + start, pair.context[1] + start)
    return replace(pair, start=pair.start + start, end=pair.end + start, context=context)


def sum_notes(notes: Iterable[str]) -> list[str]:
    """The notes of all parts, those that count the same thing as one with the sum."""
    sums: dict[str, int] = {}
    for note in notes:
        words, _, count = note.rstrip(".").rpartition(": ")
        key = f"{words}: " if count.isdigit() else note
        sums[key] = sums.get(key, 0) + (int(count) if count.isdigit() else 0)
    return [f"{words}{count}." if count else words for words, count in sums.items()]
