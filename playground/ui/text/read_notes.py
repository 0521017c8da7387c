"""What a reader says of a file, in the visitor's language: its notes, and the parts that it left out."""

import re

from playground.services.summary import Summary
from playground.ui.shared.format import count
from playground.ui.shared.i18n import kind_key, say, write_number
from playground.ui.shared.translation import translate, translate_phrase
from playground.ui.text.column_mapping import reading_sentence
from retrieval.document import LeftOut
from retrieval.notes import KINDS, Note
from retrieval.readers.archive import REFUSED

COUNTED = ("first_rows", "first_of_rows")  # the notes whose words are a number
FAULTS = "rows.malformed_at"  # the note whose words are a fault of a file
SHOWN_CHARS = 400  # of a part that was left out
_NUMBERED = re.compile(r"(line|cell) (\d+)")  # places that readers count


def note_sentence(language: str, note: Note) -> str:
    """The sentence of one note."""
    words = note.words
    if note.key == "left_out":
        words = say(language, kind_key(words))
    elif note.key in COUNTED:
        words = write_number(language, words)
    elif note.key == FAULTS:
        words = translate_phrase(language, words)
    return say(language, f"note.{note.key}", count=count(language, note.count), words=words)


def dropped_lines(language: str, summary: Summary) -> str:
    """What a table was taken for, and a sentence for each thing left out or repaired."""
    taken = [reading_sentence(language, summary.table)] if summary.table else []
    notes = [note_sentence(language, note) for note in summary.notes]
    return "\n".join([*taken, *notes]) or say(language, "text.nothing_dropped")


def part_sentence(language: str, part: LeftOut, number: int, page: str) -> str:
    """What a part is, where it stood, why it was left out, and its text; the label of its own `page` goes unsaid."""
    kind = say(language, kind_key(part.kind))
    place = "" if part.place == page else _place(language, part.place)
    why = say(language, f"why.{KINDS[part.kind].why}")
    said = translate(language, part.text) if part.kind == REFUSED else part.text
    text = said if len(said) <= SHOWN_CHARS else f"{said[:SHOWN_CHARS]}…"
    head = say(language, "read.part", number=number, kind=f"{kind} ({place})" if place else kind, why=why)
    size = (
        say(language, "read.part_size", count=count(language, len(part.text))) if len(part.text) > SHOWN_CHARS else ""
    )
    uncut = "" if part.whole else say(language, "read.part_too_long")
    return "\n".join(filter(None, [head, f"“{text}”", size if part.whole else uncut]))


def _place(language: str, place: str) -> str:
    numbered = _NUMBERED.fullmatch(place)
    return say(language, f"read.place.{numbered[1]}", number=numbered[2]) if numbered else place
