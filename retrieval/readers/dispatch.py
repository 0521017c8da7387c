"""Reads a file of any known type: chooses the reader by the file name's suffix. Pure: the same file, the same text."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic

from retrieval.document import Document, Limits, TooLong
from retrieval.errors import RetrievalError
from retrieval.mapping import ColumnMapping

Columns = ColumnMapping | None
LIMITS = Limits()


# Each function imports its reader when called: a process that reads one file then loads one library only.
def _plain(data: bytes, name: str, limits: Limits, mapping: Columns) -> Document:
    from retrieval.readers.asked_text import read_asked_text
    from retrieval.readers.cards import read_cards
    from retrieval.readers.markup_text import read_markup_text
    from retrieval.readers.text import read_plain
    from retrieval.readers.text_rows import read_text_rows

    cards = read_cards(data, name, limits, mapping)
    if cards:
        return cards
    document = read_plain(data, name, limits)
    training = read_markup_text(data, document, limits) or read_text_rows(data, document, limits, mapping)
    return training or read_asked_text(document, limits) or document


def _restructured(data: bytes, name: str, limits: Limits, mapping: Columns) -> Document:
    from retrieval.readers.text import read_restructured

    return read_restructured(data, name, limits)


def _markdown(data: bytes, name: str, limits: Limits, mapping: Columns) -> Document:
    from retrieval.readers.asked_text import read_asked_text
    from retrieval.readers.text import read_markdown

    document = read_markdown(data, name, limits)
    return read_asked_text(document, limits) or document


def _html(data: bytes, name: str, limits: Limits, mapping: Columns) -> Document:
    from retrieval.readers.html import read_html

    return read_html(data, name, limits)


def _pdf(data: bytes, name: str, limits: Limits, mapping: Columns) -> Document:
    from retrieval.readers.pdf import read_pdf

    return read_pdf(data, name, limits)


def _image(data: bytes, name: str, limits: Limits, mapping: Columns) -> Document:
    from retrieval.readers.images import read_image

    return read_image(data, name, limits)


def _docx(data: bytes, name: str, limits: Limits, mapping: Columns) -> Document:
    from retrieval.readers.docx import read_docx

    return read_docx(data, name, limits)


def _csv(data: bytes, name: str, limits: Limits, mapping: Columns) -> Document:
    from retrieval.readers.cards import read_cards
    from retrieval.readers.csv_table import read_csv
    from retrieval.readers.qa_records import read_records

    cards = read_cards(data, name, limits, mapping)
    return cards or read_records(read_csv(data, name), name, mapping, limits)


def _json(data: bytes, name: str, limits: Limits, mapping: Columns) -> Document:
    from retrieval.readers.qa_records import read_records
    from retrieval.readers.tables import read_json

    return read_records(read_json(data, name), name, mapping, limits)


def _parquet(data: bytes, name: str, limits: Limits, mapping: Columns) -> Document:
    from retrieval.readers.parquet import read_parquet
    from retrieval.readers.qa_records import read_records

    table, notes = read_parquet(data, name, limits)
    document = read_records(table, name, mapping, limits)
    return replace(document, notes=(*document.notes, *notes))


def _xlsx(data: bytes, name: str, limits: Limits, mapping: Columns) -> Document:
    from retrieval.readers.xlsx import read_xlsx

    return read_xlsx(data, name, limits, mapping)


def _pptx(data: bytes, name: str, limits: Limits, mapping: Columns) -> Document:
    from retrieval.readers.pptx import read_pptx

    return read_pptx(data, name, limits)


def _open_document(data: bytes, name: str, limits: Limits, mapping: Columns) -> Document:
    from retrieval.readers.open_document import read_open_document

    return read_open_document(data, name, Path(name).suffix.lower(), limits, mapping)


def _rtf(data: bytes, name: str, limits: Limits, mapping: Columns) -> Document:
    from retrieval.readers.rtf import read_rtf

    return read_rtf(data, name, limits)


def _epub(data: bytes, name: str, limits: Limits, mapping: Columns) -> Document:
    from retrieval.readers.epub import read_epub

    return read_epub(data, name, limits)


def _mail(data: bytes, name: str, limits: Limits, mapping: Columns) -> Document:
    from retrieval.readers.mail import read_mail

    return read_mail(data, name, limits)


def _notebook(data: bytes, name: str, limits: Limits, mapping: Columns) -> Document:
    from retrieval.readers.notebook import read_notebook

    return read_notebook(data, name, limits)


def _tex(data: bytes, name: str, limits: Limits, mapping: Columns) -> Document:
    from retrieval.readers.source import read_tex

    return read_tex(data, name, limits)


def _code(data: bytes, name: str, limits: Limits, mapping: Columns) -> Document:
    from retrieval.readers.data_markup import DATA, read_data_markup
    from retrieval.readers.source import read_code

    ending = Path(name).suffix.lower()
    pairs = read_data_markup(data, name, ending, limits, mapping) if ending in DATA else None
    return pairs or read_code(data, name, limits)


def _zip(data: bytes, name: str, limits: Limits, mapping: Columns) -> Document:
    from retrieval.readers.archive import read_archive

    began = monotonic()

    def read(content: bytes, inner: str) -> Document:
        left = max(0, limits.ocr_seconds - int(monotonic() - began))  # one time limit for all the pictures of a file
        return BY_ENDING[Path(inner).suffix.lower()].read(content, inner, replace(limits, ocr_seconds=left), None)

    return read_archive(
        data, name, limits, {ending for ending, each in BY_ENDING.items() if each.read is not _zip}, read
    )


CODE = (
    ".py", ".js", ".mjs", ".ts", ".tsx", ".jsx", ".java", ".kt", ".scala", ".c", ".h", ".cc", ".cpp", ".hpp", ".cs",
    ".go", ".rs", ".rb", ".php", ".swift", ".r", ".jl", ".lua", ".pl", ".sh", ".sql", ".css", ".yaml", ".yml", ".toml",
    ".ini", ".xml",
)  # fmt: skip


@dataclass(frozen=True)
class Format:
    """A format: its name for people, the endings of its files, its reader; `binary` says that it needs no encoding."""

    name: str
    endings: tuple[str, ...]
    read: Callable[[bytes, str, Limits, Columns], Document]
    binary: bool = False


# The one table of formats: the upload control, the command line, the README and the page's words follow it.
FORMATS = (
    Format("TXT", (".txt",), _plain),
    Format("reST", (".rst",), _restructured),
    Format("Markdown", (".md", ".markdown"), _markdown),
    Format("PDF", (".pdf",), _pdf, binary=True),
    Format("DOCX", (".docx",), _docx, binary=True),
    Format("ODT", (".odt",), _open_document, binary=True),
    Format("RTF", (".rtf",), _rtf, binary=True),
    Format("EPUB", (".epub",), _epub, binary=True),
    Format("HTML", (".html", ".htm", ".xhtml"), _html),
    Format("PPTX", (".pptx",), _pptx, binary=True),
    Format("ODP", (".odp",), _open_document, binary=True),
    Format("XLSX", (".xlsx", ".xlsm"), _xlsx, binary=True),
    Format("ODS", (".ods",), _open_document, binary=True),
    Format("CSV", (".csv", ".tsv"), _csv),
    Format("JSON", (".jsonl", ".ndjson", ".json"), _json),
    Format("Parquet", (".parquet",), _parquet, binary=True),
    Format("SRT", (".srt", ".vtt"), _plain),
    Format("EML", (".eml",), _mail, binary=True),
    Format("IPYNB", (".ipynb",), _notebook),
    Format("TEX", (".tex",), _tex),
    Format("code", CODE, _code),
    Format("PNG", (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp"), _image, binary=True),
    Format("ZIP", (".zip",), _zip, binary=True),
)
BY_ENDING = {ending: each for each in FORMATS for ending in each.endings}
SUFFIXES = tuple(BY_ENDING)


def read_document(
    path: Path,
    name: str | None = None,
    mapping: ColumnMapping | None = None,
    limits: Limits = LIMITS,
    encoding: str | None = None,
) -> Document:
    """Read one file. `name` is the visitor's name of the file; `mapping` names the columns of a table.

    `encoding` is that of a text file, where a person chose it.

    Raises:
        NeedsMapping: a table whose columns are not recognised.
        NeedsEncoding: a text file with several likely readings.
        RetrievalError: an unknown or wrong file type, nothing to read, or more than the limits allow.
    """
    name = name or path.name
    suffix = Path(name).suffix.lower()
    if suffix not in SUFFIXES:
        raise RetrievalError(_unknown_type(path, name))
    data = _bytes(path, name, limits)
    if encoding and not BY_ENDING[suffix].binary:
        from retrieval.readers.encoding import as_unicode

        data = as_unicode(data, name, encoding)
    try:
        document = BY_ENDING[suffix].read(data, name, limits, mapping)
    except TooLong as error:
        raise RetrievalError(
            f"{name} has more than {limits.max_chars:,} characters, the limit. Add a part of it."
        ) from error
    if not any(map(str.isalnum, document.text)):
        raise RetrievalError(f"{name} has no text in it. Add a file with text.")
    if len(document.text) > limits.max_chars:
        raise RetrievalError(
            f"{name} has {len(document.text):,} characters; the limit is {limits.max_chars:,}. Add a part of it."
        )
    return document


def _unknown_type(path: Path, name: str) -> str:
    """What a file of an unknown ending is, and what to do with it."""
    from retrieval.readers.foreign import first_bytes_kind

    kind = first_bytes_kind(path)
    if kind:
        return f"{name} is {kind.name} and cannot be read under this ending. {kind.advice}"
    return f"{name} is of an unknown type; known are {', '.join(SUFFIXES)}. Save it as one of these."


def _bytes(path: Path, name: str, limits: Limits) -> bytes:
    size = path.stat().st_size
    if size > limits.max_uncompressed_bytes:
        allowed = limits.max_uncompressed_bytes // 1_000_000
        raise RetrievalError(f"{name} has {size // 1_000_000} MB; the limit is {allowed} MB. Add a part of it.")
    data = path.read_bytes()
    if not data.strip(b"\x00 \t\r\n\xef\xbb\xbf"):
        raise RetrievalError(f"{name} is empty. Add a file with text.")
    return data
