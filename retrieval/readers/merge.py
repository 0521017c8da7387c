"""Puts the document of a part of a file (a chapter, an attachment, a packed file) into that of the whole."""

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
        place = TRAIL.join(filter(None, (title, kept.place)))
        builder.keep_part(replace(kept, place=place, start=start + kept.start))
    return start


def _moved(pair: Pair, start: int) -> Pair:
    context = pair.context and (pair.context[0] + start, pair.context[1] + start)
    return replace(pair, start=pair.start + start, end=pair.end + start, context=context)
