"""What a reader says of a file as data: kinds of parts left out, why, and notes; in English, and worded by the page."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from retrieval.table_reading import LEFT

# Why a part is left out, by the keys of `Kind.why`.
WHY = {
    "around": "It belongs to the website around the text.",
    "margin": "It stands in the margins of pages and would break into sentences.",
    "hidden": "Who opens the file does not see it.",
    "deleted": "Its author deleted it or struck it out.",
    "remark": "It is a remark about the text, not part of it.",
    "twice": "It says again what the text says.",
    "picture": "It holds no letters that can be read.",
    "program": "It is meant for a program; nobody reads it.",
    "control": "It is a part of a form that someone is to fill.",
    "unopened": "Files of this kind are not opened.",
    "garbled": "Its letters make no words.",
    "late": "The time for text recognition (OCR) was over.",
    "uncalculated": "The file stores no result, and no formula is calculated.",
    "above": "It stands above the table and is none of its rows.",
    "missing": "The file names it but does not hold it.",
}


@dataclass(frozen=True)
class Kind:
    """Why parts of a kind are left out, and whether what is kept of them is their own text or only their name."""

    why: str
    has_text: bool = True


# By the kind's name, a plural.
KINDS = {
    "Menus": Kind("around"),
    "Cookie banners": Kind("around"),
    "Page headers": Kind("around"),
    "Page footers": Kind("around"),
    "Sidebars": Kind("around"),
    "Form controls": Kind("control"),
    "Empty form fields": Kind("control"),
    "Hidden parts": Kind("hidden"),
    "Texts for browsers without scripts": Kind("hidden"),
    "Hidden texts": Kind("hidden"),
    "Hidden slides": Kind("hidden"),
    "Hidden sheets": Kind("hidden"),
    "Hidden rows": Kind("hidden"),
    "Cells of hidden columns": Kind("hidden"),
    "Struck-out parts": Kind("deleted"),
    "Deletions": Kind("deleted"),
    "Readings of characters": Kind("twice"),
    "Second forms of the same text": Kind("twice", has_text=False),
    "Tables of contents": Kind("twice"),
    "Tables of contents and indexes": Kind("twice"),
    "Page headers, footers and page numbers": Kind("margin"),
    "Headers": Kind("margin"),
    "Footers": Kind("margin"),
    "Page numbers": Kind("margin"),
    "Slide numbers, dates and footers": Kind("margin"),
    "Comments": Kind("remark"),
    "Notices": Kind("remark"),
    "Notices of sounds": Kind("remark"),
    "Notes of the subtitles": Kind("remark"),
    "Pictures": Kind("picture", has_text=False),
    "Charts": Kind("picture", has_text=False),
    "Sheets of charts": Kind("picture", has_text=False),
    "Embedded objects": Kind("picture", has_text=False),
    "Charts and embedded objects": Kind("picture", has_text=False),
    "Outputs that are no text": Kind("picture", has_text=False),
    "Pieces of encoded data": Kind("program"),
    "Preambles": Kind("program"),
    "Ruled lines": Kind("program", has_text=False),
    "Lines above the table": Kind("above", has_text=False),
    "Directives and comments": Kind("program", has_text=False),
    "Time codes": Kind("program", has_text=False),
    "Times of messages": Kind("program", has_text=False),
    "Attachments": Kind("unopened", has_text=False),
    "Embedded documents": Kind("unopened", has_text=False),
    "Parts nested too deeply": Kind("unopened", has_text=False),
    "Files of other types": Kind("unopened", has_text=False),
    "Archives within": Kind("unopened", has_text=False),
    "Files with unsafe names": Kind("unopened", has_text=False),
    "Links": Kind("unopened", has_text=False),
    "Files that cannot be read": Kind("unopened", has_text=False),
    "Pages with an unreadable text layer": Kind("garbled", has_text=False),
    "Pages left as pictures": Kind("late", has_text=False),
    "Formulas without a stored result": Kind("uncalculated"),
    "Chapters that are missing": Kind("missing", has_text=False),
}
# The sentences of notes; `words` are those of the file, such as the names of columns.
NOTES = {
    "left_out": "{words} left out: {count}.",
    "unseen": "Invisible characters removed: {count}.",
    "controls": "NUL and control characters removed: {count}.",
    "nul": "NUL characters removed: {count}.",
    "garbled": "Lines of garbled characters mended: {count}.",
    "font": "Paragraphs in {words} letters converted to Unicode: {count}.",
    "read_as": "Read as {words}, as the file does not say its encoding.",
    "html_cells": "Cells of HTML read as their text: {count}.",
    "empty_pages": "Pages without text: {count}.",
    "ocr": "Pages read by text recognition (OCR), which makes mistakes: {words}.",
    "no_text_columns": "Columns that hold no text left out: {words}.",
    "unread_columns": "Columns that are not read: {words}.",
    "classes": "Classes of texts, which are read but not learnt as answers: {words}. To teach them, choose the texts "
    "as questions and the classes as answers.",
    "first_rows": "Only the first {words} rows were read; the data set has more.",
    "first_of_rows": "Only the first {count} of {words} rows were read, as many as the limit allows.",
    "asked_text": "Questions with answers in the text, which are learnt as they stand: {count}.",
    "said": "{words}",
    **{f"rows.{reason}": f"{sentence}: {{count}}." for reason, sentence in LEFT.items()},
    "rows.malformed_at": f"{LEFT['malformed']}: {{count}} (the first: {{words}}).",
}


@dataclass(frozen=True)
class Note:
    """One thing that a reader left out, mended or found: a key of NOTES, how often, and words of the file.

    With the key "left_out" the words are a key of KINDS. Its English sentence is `str` of it.
    """

    key: str
    count: int = 0
    words: str = ""

    def __str__(self) -> str:
        return NOTES[self.key].format(count=self.count, words=self.words)


def row_notes(left: Sequence[tuple[str, int]], unread: Sequence[str], first_fault: str = "") -> list[Note]:
    """One note for each reason why rows are not learnt, and one that names the columns that are not read."""
    counted = [
        Note("rows.malformed_at", count, first_fault)
        if first_fault and reason == "malformed"
        else Note(f"rows.{reason}", count)
        for reason, count in left
        if count
    ]
    return [*counted, *([Note("unread_columns", words=", ".join(unread))] if unread else [])]


def left_out_notes(counts: Mapping[str, int]) -> list[Note]:
    """One note for each kind of part that was left out."""
    return [Note("left_out", count, kind) for kind, count in counts.items() if count]


def sum_notes(notes: Iterable[Note]) -> list[Note]:
    """The notes of all parts of a file, those that count the same thing as one with the sum."""
    sums: dict[tuple[str, str], int] = {}
    for note in notes:
        sums[note.key, note.words] = sums.get((note.key, note.words), 0) + note.count
    return [Note(key, count, words) for (key, words), count in sums.items()]
