"""Decodes bytes into clean text: encodings, mislabelled binary files, mojibake. Knows nothing of headings or pages."""

import re
import unicodedata

import charset_normalizer
import ftfy
import ftfy.badness

from retrieval.errors import RetrievalError

BOMS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
MAGIC = {
    b"%PDF-": "a PDF",
    b"PK\x03\x04": "a ZIP archive (DOCX, XLSX, …)",
    b"\xd0\xcf\x11\xe0": "an old Office file",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"\x7fELF": "a program",
    b"MZ\x90": "a program",
    b"\x1f\x8b": "a compressed archive",
    b"7z\xbc\xaf": "a compressed archive",
    b"Rar!\x1a": "a compressed archive",
    b"\xfd7zXZ": "a compressed archive",
    b"RIFF": "a picture, sound or film",
    b"ID3": "a sound",
    b"OggS": "a sound or film",
    b"{\\rtf": "an RTF file",
    b"SQLite format 3": "a database",
}
# Repairs only: quotation marks and full-width punctuation stay as the author wrote them.
_REPAIRS = ftfy.TextFixerConfig(unescape_html=False, uncurl_quotes=False, fix_character_width=False, explain=False)
# Letters and signs of Western European text in cp1252; š, ž, þ, ð, ý are not here because they show Czech or Turkish.
_WESTERN = frozenset("àáâãäåæçèéêëìíîïñòóôõöøùúûüÿœßÀÁÂÃÄÅÆÇÈÉÊËÎÏÑÓÔÕÖØÚÛÜŒªº«»“”‘’„‚–—…€£°§©®·•¿¡½¼²³\u00a0")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_TRAILING = re.compile(r"(?<![ \t])[ \t]+$", re.MULTILINE)  # once per run of blanks: else quadratic time
_BLANK_LINES = re.compile(r"\n{3,}")


def decode(data: bytes, name: str, declared: str | None = None) -> str:
    """The text of a file: by its byte order mark, as UTF-8, as declared, or in the likeliest encoding, in this order.

    Raises:
        RetrievalError: the bytes are not text.
    """
    refuse_disguised(data, name, "text")
    for bom, encoding in BOMS:
        if data.startswith(bom):
            return _require_text(data.decode(encoding, errors="replace"), name)
    for encoding in filter(None, ("utf-8", declared)):
        try:
            return _require_text(data.decode(encoding), name)
        except (UnicodeDecodeError, LookupError):
            continue
    return _require_text(_guess_decode(data), name)


def refuse_disguised(data: bytes, name: str, wanted: str, magic: bytes | None = None) -> None:
    """Refuse a file whose first bytes are the magic number of another type than `magic`.

    Raises:
        RetrievalError: it is of another type.
    """
    for other, kind in MAGIC.items():
        if other != magic and data.startswith(other):
            raise RetrievalError(f"{name} is {kind}, not {wanted}. Save it under its own file ending and add it again.")


def _guess_decode(data: bytes) -> str:
    """Decode as UTF-8 with a few broken bytes, UTF-16 without a mark, cp1252, or charset-normalizer's best guess."""
    text = data.decode("utf-8", errors="replace")
    foreign = sum(character > "\x7f" for character in text)
    if text.count("\ufffd") <= 0.05 * foreign:
        return text
    if data[:2000].count(0) > len(data[:2000]) // 4:
        return data.decode("utf-16-be" if data[:2000:2].count(0) > data[1:2000:2].count(0) else "utf-16-le", "replace")
    western = data.decode("cp1252", errors="replace")
    if _is_western(western):
        return western
    best = charset_normalizer.from_bytes(data).best()
    return str(best) if best else text


def _is_western(text: str) -> bool:
    """Whether few letters are accented, all of them Western European; charset-normalizer takes French for Baltic."""
    letters = sum(character.isalpha() for character in text)
    accents = [character for character in text if character > "\x7f"]
    return len(accents) < 0.25 * letters and _WESTERN.issuperset(accents)


def _require_text(text: str, name: str) -> str:
    """Return the text, unless its control characters or broken bytes show that it is no text."""
    strange = len(_CONTROL.findall(text)) + text.count("\ufffd")
    if "\x00" in text or strange > 0.02 * len(text):
        raise RetrievalError(f"{name} is not readable as text. Save it as UTF-8 text and add it again.")
    return text


def clean(text: str) -> tuple[str, int]:
    """Repair mojibake, ligatures, control characters and line breaks, and compose letters (NFC).

    Returns the text and the number of lines of mojibake that were repaired.
    """
    if text.isascii() and text.isprintable():  # most table cells are such, and need no repair
        return text.rstrip(" "), 0
    repaired = 0
    if ftfy.badness.is_bad(text):
        repaired = sum(_is_repaired(line) for line in text.splitlines())
    text = ftfy.fix_text(text.replace("\f", "\n\n").replace("\u00ad", ""), _REPAIRS).replace("\u00a0", " ")
    text = _BLANK_LINES.sub("\n\n", _TRAILING.sub("", text)).strip("\n")
    return unicodedata.normalize("NFC", text), repaired


def _is_repaired(line: str) -> bool:
    return bool(ftfy.badness.is_bad(line)) and not ftfy.badness.is_bad(ftfy.fix_encoding(line))


def repair_note(lines: int) -> list[str]:
    """The sentence for `Document.notes`, or an empty list."""
    return [f"Lines of garbled characters mended: {lines}."] if lines else []
