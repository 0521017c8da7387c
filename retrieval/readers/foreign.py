"""What a file is by its first bytes, whatever its name says, and what to save it as."""

import io
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

OWN = "Give it the ending {} and add it again."
NO_TEXT = "Add a file with text."
UNPACK = "Unpack it and add the files inside."


@dataclass(frozen=True)
class FileKind:
    """What a file is, and what to do with it."""

    name: str
    advice: str


ZIP = FileKind("a ZIP archive", UNPACK)
# What `zipfile` raises for bytes that are no whole archive, or one that it cannot unpack.
DAMAGED_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, ValueError)
MAGIC = {
    b"%PDF-": FileKind("a PDF", OWN.format(".pdf")),
    b"PAR1": FileKind("a Parquet file", OWN.format(".parquet")),
    b"PK\x03\x04": ZIP,
    b"\xd0\xcf\x11\xe0": FileKind("an old Office file", "Save a text as DOCX or PDF, or a table as CSV, and add that."),
    b"\x89PNG": FileKind("a picture", NO_TEXT),
    b"\xff\xd8\xff": FileKind("a picture", NO_TEXT),
    b"GIF8": FileKind("a picture", NO_TEXT),
    b"\x7fELF": FileKind("a program", NO_TEXT),
    b"MZ\x90": FileKind("a program", NO_TEXT),
    b"\x1f\x8b": FileKind("a compressed archive", UNPACK),
    b"7z\xbc\xaf": FileKind("a compressed archive", UNPACK),
    b"Rar!\x1a": FileKind("a compressed archive", UNPACK),
    b"\xfd7zXZ": FileKind("a compressed archive", UNPACK),
    b"RIFF": FileKind("a picture, sound or film", NO_TEXT),
    b"ID3": FileKind("a sound", NO_TEXT),
    b"OggS": FileKind("a sound or film", NO_TEXT),
    b"{\\rtf": FileKind("an RTF file", OWN.format(".rtf")),
    b"SQLite format 3": FileKind("a database", "Save its tables as CSV and add those."),
}
# Of an archive, by the beginning of a name inside it.
PACKED = {
    "word/": FileKind("a Word file", OWN.format(".docx")),
    "xl/": FileKind("an Excel workbook", OWN.format(".xlsx")),
    "ppt/": FileKind("a PowerPoint presentation", OWN.format(".pptx")),
    "OEBPS/": FileKind("an e-book (EPUB)", OWN.format(".epub")),
    "META-INF/container.xml": FileKind("an e-book (EPUB)", OWN.format(".epub")),
    "content.xml": FileKind("an OpenDocument file", OWN.format(".odt, .ods or .odp")),
}


def kind_of(data: bytes) -> FileKind | None:
    """What a file is; None where its first bytes are those of no known kind."""
    kind = next((kind for magic, kind in MAGIC.items() if data.startswith(magic)), None)
    return _packed_kind(io.BytesIO(data)) if kind is ZIP else kind


def first_bytes_kind(path: Path) -> FileKind | None:
    """The same for a file on disk of any size."""
    with path.open("rb") as file:
        kind = kind_of(file.read(32))
        return _packed_kind(file) if kind is ZIP else kind


def kind_of_names(names: Sequence[str]) -> FileKind:
    """What an archive is by the names of the files inside."""
    return next((kind for start, kind in PACKED.items() if any(name.startswith(start) for name in names)), ZIP)


def _packed_kind(file: IO[bytes]) -> FileKind:
    try:
        with zipfile.ZipFile(file) as archive:
            return kind_of_names(archive.namelist())
    except DAMAGED_ZIP:
        return ZIP
