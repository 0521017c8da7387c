"""Reads the files in a ZIP archive, each with the reader of its format; archives in it are not opened."""

import io
import posixpath
import stat
import zipfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from retrieval.document import Document, DocumentBuilder, Limits
from retrieval.errors import RetrievalError
from retrieval.notes import sum_notes
from retrieval.readers.encoding import refuse_disguised
from retrieval.readers.foreign import DAMAGED_ZIP, ZIP, kind_of_names
from retrieval.readers.merge import add_document
from retrieval.readers.packed_xml import refuse_excess

MAX_FILES = 200
UNKNOWN, ARCHIVES, UNSAFE, LINKS = "Files of other types", "Archives within", "Files with unsafe names", "Links"
REFUSED = "Files that cannot be read"
_ARCHIVE_ENDINGS = (".zip", ".gz", ".tar", ".tgz", ".7z", ".rar", ".xz", ".bz2", ".jar")
_OWN_FILES = (".DS_Store", "Thumbs.db", "desktop.ini")
NAMED_IN_UTF8 = 0x800  # the flag of an entry


def read_archive(
    data: bytes, name: str, limits: Limits, endings: Collection[str], read: Callable[[bytes, str], Document]
) -> Document:
    """The texts of the files with these endings, in the order of their names, each below its name.

    Raises:
        RetrievalError: no ZIP archive, encrypted, damaged, with too many files, too large, or nothing in it is read.
        TooLong: more text than the limits allow.
    """
    refuse_disguised(data, name, "a ZIP archive", magic=b"PK\x03\x04")
    with _damage_refused(name):
        archive = zipfile.ZipFile(io.BytesIO(data))
    with archive:
        _refuse(archive, name, limits)
        return _document(archive, name, limits, endings, read)


@contextmanager
def _damage_refused(name: str) -> Iterator[None]:
    """Around the archive's own bytes only: a fault while a file inside is read stays a traceback."""
    try:
        yield
    except DAMAGED_ZIP as error:
        raise RetrievalError(f"{name} is not a readable ZIP archive: it is damaged. Pack it again.") from error


def _refuse(archive: zipfile.ZipFile, name: str, limits: Limits) -> None:
    names = archive.namelist()
    kind = kind_of_names(names)
    if kind is not ZIP and any(each in ("[Content_Types].xml", "mimetype") for each in names):
        raise RetrievalError(f"{name} is {kind.name}, not a ZIP archive of files. {kind.advice}")
    refuse_excess(archive, name, limits)
    count = sum(not entry.is_dir() and not _is_systems(entry.filename) for entry in archive.infolist())
    if count > MAX_FILES:
        raise RetrievalError(f"{name} holds {count:,} files; the limit is {MAX_FILES}. Add a part of it.")


def _document(
    archive: zipfile.ZipFile,
    name: str,
    limits: Limits,
    endings: Collection[str],
    read: Callable[[bytes, str], Document],
) -> Document:
    builder = DocumentBuilder(limits.max_chars)
    found: list[tuple[str, Document]] = []
    for entry in sorted(map(_named, archive.infolist()), key=lambda each: each.filename):
        kind = _left_out(entry, endings)
        if kind:
            builder.leave_out(kind, entry.filename, entry.filename)
        elif kind is None:
            with _damage_refused(name):
                data = archive.read(entry)
            try:
                document = read(data, entry.filename)
            except RetrievalError as refusal:
                builder.leave_out(REFUSED, str(refusal), entry.filename)
                continue
            if any(map(str.isalnum, document.text)):
                found.append((entry.filename, document))
    if not found:
        reason = next((f" {part.text}" for part in builder.parts if part.kind == REFUSED), " Add a file with text.")
        raise RetrievalError(f"{name} has no file in it that can be read.{reason}")
    if len(found) == 1:
        return _alone(found[0][1], builder, name)
    for inner, document in found:
        add_document(builder, document, inner, 1)
    return builder.document(name, sum_notes(note for _, document in found for note in document.notes))


def _alone(document: Document, builder: DocumentBuilder, name: str) -> Document:
    """The document of the only file, with what was left out beside it."""
    rest = builder.document(name)
    notes, left_out = (*document.notes, *rest.notes), (*document.left_out, *rest.left_out)
    return replace(document, name=name, notes=notes, left_out=left_out)


def _named(entry: zipfile.ZipInfo) -> zipfile.ZipInfo:
    """The entry with its name in UTF-8, where macOS wrote it so without saying it."""
    if not entry.flag_bits & NAMED_IN_UTF8 and not entry.filename.isascii():
        with suppress(UnicodeError):
            entry.filename = entry.filename.encode("cp437").decode()
    return entry


def _is_systems(path: str) -> bool:
    """Whether a file is one of an operating system, not the owner's; macOS names its own "._" and the file's name."""
    name = posixpath.basename(path)
    return path.startswith("__MACOSX/") or name in _OWN_FILES or name.startswith("._")


def _left_out(entry: zipfile.ZipInfo, endings: Collection[str]) -> str | None:
    """The kind under which an entry is left out, "" for one that does not count, None for one that is read."""
    path = entry.filename
    if entry.is_dir() or _is_systems(path):
        return ""
    if stat.S_ISLNK(entry.external_attr >> 16):
        return LINKS
    if path.startswith(("/", "\\")) or ".." in path.replace("\\", "/").split("/") or ":" in path or "\x00" in path:
        return UNSAFE
    ending = posixpath.splitext(path)[1].lower()
    if ending in _ARCHIVE_ENDINGS:
        return ARCHIVES
    return None if ending in endings else UNKNOWN
