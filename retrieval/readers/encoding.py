"""Decodes bytes into clean text: encodings, mislabelled binary files, mojibake. Knows nothing of headings or pages."""

import re
from dataclasses import dataclass

from retrieval.errors import NeedsEncoding, RetrievalError
from retrieval.notes import Note
from retrieval.readers.cleaning import Cleaner
from retrieval.readers.foreign import kind_of

BOMS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_CONTROL = re.compile(r"[\x01-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_SHIFTED = re.compile(rb"\x1b(?:\$[@B]|\$\)C)")  # what begins letters of ISO 2022, as in mail from Japan and Korea
# Names under which pages are written in a larger code page; browsers read them so.
_AS_BROWSERS = {
    "iso-8859-1": "cp1252", "latin1": "cp1252", "us-ascii": "cp1252", "ascii": "cp1252", "iso-8859-9": "cp1254",
    "gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932", "euc-kr": "cp949", "tis-620": "cp874",
}  # fmt: skip
CHOICES, SHOWN_CHARS = 3, 160  # readings that are shown, and characters of each


@dataclass(frozen=True)
class Decoded:
    """The text of a file, and notes on how it was found."""

    text: str
    notes: tuple[Note, ...] = ()


def decode(data: bytes, name: str, declared: str | None = None) -> str:
    """The text of a file without notes; see `decode_file`."""
    return decode_file(data, name, declared).text


def decode_file(data: bytes, name: str, declared: str | None = None) -> Decoded:
    """The text of a file: by its byte order mark, as UTF-8, as declared, or in the likeliest encoding, in this order.

    Raises:
        NeedsEncoding: two readings are about equally likely.
        RetrievalError: the bytes are not text.
    """
    refuse_disguised(data, name, "text")
    for bom, encoding in BOMS:
        if data.startswith(bom):
            return _require_text(data.decode(encoding, errors="replace"), name)
    if wide := _wide_encoding(data):
        return _require_text(data.decode(wide, errors="replace"), name)
    if _SHIFTED.search(data):  # also valid ASCII
        declared = "iso-2022-kr" if b"\x1b$)C" in data else "iso-2022-jp-2004"
    declared = _AS_BROWSERS.get((declared or "").lower(), declared)
    for encoding in filter(None, (declared, "utf-8") if _SHIFTED.search(data) else ("utf-8", declared)):
        try:
            return _require_text(data.decode(encoding), name)
        except (UnicodeDecodeError, LookupError):
            continue
    text = data.decode("utf-8", errors="replace")
    foreign = sum(character > "\x7f" for character in text)
    if text.count("\ufffd") <= 0.05 * foreign:
        return _require_text(text, name)
    return _guessed(data, name)


def _wide_encoding(data: bytes) -> str:
    """UTF-16 without a byte order mark: a quarter of the bytes are zero, and stand at even or at odd places."""
    sample = data[:2000]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if even + odd <= len(sample) // 4 or min(even, odd) > max(even, odd) // 10:
        return ""
    return "utf-16-be" if even > odd else "utf-16-le"


def _guessed(data: bytes, name: str) -> Decoded:
    """The text in the code page in which it looks most like a language."""
    from retrieval.readers.code_pages import decode_page, is_typographic, rank_readings  # loads a language model

    if is_typographic(data):
        return _require_text(decode_page(data, "cp1252"), name)
    readings = rank_readings(data.replace(b"\x00", b""))
    if not readings:
        raise _no_text(name)
    likely = [each for each in readings[:CHOICES] if each.is_close(readings[0])]
    if len(likely) > 1:
        labels = " or ".join(each.label for each in likely)
        raise NeedsEncoding(
            f"{name} does not say its encoding and may be {labels}. Choose one, or save it as UTF-8 text.",
            [(each.encoding, each.label, _excerpt(each.text)) for each in readings[:CHOICES]],
        )
    found = _require_text(decode_page(data, readings[0].encoding), name)
    return Decoded(found.text, (Note("read_as", words=readings[0].label), *found.notes))


def _excerpt(text: str) -> str:
    return " ".join(text.split())[:SHOWN_CHARS]


def as_unicode(data: bytes, name: str, encoding: str) -> bytes:
    """The bytes of a text file as UTF-8 with a byte order mark, read in the encoding that a person chose.

    Raises:
        RetrievalError: there is no such encoding.
    """
    from retrieval.readers.code_pages import decode_page

    try:
        return decode_page(data, encoding).encode("utf-8-sig")
    except (LookupError, UnicodeError) as error:
        raise RetrievalError(
            f"{name} was to be read in the unknown encoding {encoding!r}. Choose another, such as cp1252."
        ) from error


def refuse_disguised(data: bytes, name: str, wanted: str, magic: bytes | None = None) -> None:
    """Refuse a file whose first bytes are the magic number of another type than `magic`.

    Raises:
        RetrievalError: it is of another type.
    """
    kind = None if magic and data.startswith(magic) else kind_of(data)
    if kind:
        raise RetrievalError(f"{name} is {kind.name}, not {wanted}. {kind.advice}")


def _require_text(text: str, name: str) -> Decoded:
    """The text without NUL, unless its control characters or broken bytes show that it is no text."""
    zeros = text.count("\x00")
    text = text.replace("\x00", "")
    strange = len(_CONTROL.findall(text)) + text.count("\ufffd")
    if strange > 0.02 * len(text):
        raise _no_text(name)
    return Decoded(text, (Note("nul", zeros),) if zeros else ())


def _no_text(name: str) -> RetrievalError:
    return RetrievalError(f"{name} is not readable as text. Save it as UTF-8 text and add it again.")


def clean(text: str) -> tuple[str, int]:
    """A clean text, and the number of lines of mojibake that were mended; a `Cleaner` counts more."""
    cleaner = Cleaner()
    return cleaner.clean(text), cleaner.garbled
