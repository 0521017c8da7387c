"""Makes text clean and counts what it mends: mojibake, unseen characters, encoded data, old Vietnamese fonts."""

import re
import unicodedata
from collections import Counter

import ftfy
import ftfy.badness

from retrieval.notes import Note
from retrieval.readers.blobs import BLOBS, MARK, remove_blobs
from retrieval.readers.invisible import remove_unseen
from retrieval.readers.vietnamese import convert_fonts

# Repairs only: quotation marks and full-width punctuation stay as the author wrote them.
_REPAIRS = ftfy.TextFixerConfig(unescape_html=False, uncurl_quotes=False, fix_character_width=False, explain=False)
_TRAILING = re.compile(r"(?<![ \t])[ \t]+$", re.MULTILINE)  # once per run of blanks: else quadratic time
_BLANK_LINES = re.compile(r"\n{3,}")
_SHORT = 200  # characters below which a text holds no blob


class Cleaner:
    """Cleans the texts of one file and counts what was removed or mended, by the key and words of a `Note`."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()

    def clean(self, text: str) -> str:
        """A text without what nobody reads, in composed letters (NFC)."""
        if text.isascii() and text.isprintable() and len(text) < _SHORT:  # most table cells are such
            return text.rstrip(" ")
        if MARK not in text and (len(text) >= _SHORT or "data:" in text):
            text, blobs = remove_blobs(text)
            text = text.replace(MARK, "")
            self.counts["left_out", BLOBS] += len(blobs)
        # First: in TCVN3 a soft hyphen is a letter.
        text, font = convert_fonts(text)
        if font:
            self.counts["font", font] += text.count("\n\n") + 1
        text = text.replace("\f", "\n\n")
        seen, unseen, controls = remove_unseen(text)
        text = self._decoded(text) if ftfy.badness.is_bad(seen) else seen
        self.counts["unseen", ""] += unseen
        self.counts["controls", ""] += controls
        return self._mend(text)

    def _decoded(self, text: str) -> str:
        """The text with lines of mojibake decoded; the spaces and hyphens unseen there are bytes of its letters."""
        lines = []
        for line in text.split("\n"):
            seen = remove_unseen(line)[0]
            mended = remove_unseen(ftfy.fix_encoding(line))[0] if ftfy.badness.is_bad(seen) else seen
            self.counts["garbled", ""] += mended != seen and not ftfy.badness.is_bad(mended)
            lines.append(mended)
        return "\n".join(lines)

    def _mend(self, text: str) -> str:
        text = ftfy.fix_text(text, _REPAIRS)
        text = _BLANK_LINES.sub("\n\n", _TRAILING.sub("", text)).strip("\n")
        return unicodedata.normalize("NFC", text)

    @property
    def garbled(self) -> int:
        """Lines of mojibake that were mended."""
        return self.counts["garbled", ""]

    def notes(self) -> list[Note]:
        """The notes for `Document.notes`."""
        return [Note(key, count, words) for (key, words), count in self.counts.items() if count]
