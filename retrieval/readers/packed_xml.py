"""Opens files that are archives of XML (XLSX, PPTX, OpenDocument, EPUB) within limits; knows nothing of their text.

Elements go by their local names: the formats here use no name twice in a sense that matters.
"""

import io
import posixpath
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote
from xml.etree.ElementTree import Element, ParseError, fromstring

from retrieval.document import Limits
from retrieval.errors import RetrievalError
from retrieval.readers.encoding import refuse_disguised
from retrieval.readers.foreign import DAMAGED_ZIP, kind_of_names

OLE = b"\xd0\xcf\x11\xe0"
TAG_BYTES = 200  # memory that a tag of XML takes once it is parsed, with what is read from it
XML_ENDINGS = (".xml", ".rels", ".opf")
_DOCUMENT_TYPES = (b"<!DOCTYPE", "<!DOCTYPE".encode("utf-16-le"), "<!DOCTYPE".encode("utf-16-be"))
_HARMLESS_TYPE = re.compile(rb"<!DOCTYPE[^\[<>]*>")  # it declares nothing itself, and nothing outside is ever fetched


@dataclass(frozen=True)
class PackedKind:
    """A kind of packed file: its words in a sentence ("an Excel workbook"), its ending, a part that each has."""

    words: str
    ending: str
    part: str


@dataclass(frozen=True)
class PackedParts:
    """The unpacked parts of a file by their paths."""

    name: str
    kind: PackedKind
    contents: Mapping[str, bytes]

    def parse(self, path: str) -> Element | None:
        """The root of an XML part, or None where there is no such part.

        Raises:
            RetrievalError: it is no well-formed XML.
        """
        content = self.contents.get(path)
        if content is None:
            return None
        try:
            return fromstring(_HARMLESS_TYPE.sub(b"", content))
        except (ParseError, ValueError, LookupError, RecursionError) as error:
            raise damaged(self.name, self.kind) from error

    def require(self, path: str) -> Element:
        """The same for a part that every such file has.

        Raises:
            RetrievalError: it is missing or no well-formed XML.
        """
        root = self.parse(path)
        if root is None:
            raise damaged(self.name, self.kind)
        return root

    def targets(self, path: str) -> dict[str, tuple[str, str]]:
        """The parts that a part of an Office file refers to: by their id, the last word of the type, and the path."""
        folder, file = posixpath.split(path)
        root = self.parse(f"{folder}/_rels/{file}.rels".lstrip("/"))
        found = {}
        for each in root if root is not None else ():
            if each.get("TargetMode") != "External":
                kind = (each.get("Type") or "").rpartition("/")[2]
                found[each.get("Id") or ""] = kind, join_path(folder, each.get("Target") or "")
        return found


def damaged(name: str, kind: PackedKind) -> RetrievalError:
    """The refusal of a file that breaks the rules of its format."""
    return RetrievalError(f"{name} is not a readable {kind.ending} file: it is damaged. Save it again.")


def join_path(folder: str, target: str) -> str:
    """The path inside an archive of a target that a part in `folder` names."""
    target = unquote(target).partition("#")[0]
    return target.lstrip("/") if target.startswith("/") else posixpath.normpath(posixpath.join(folder, target))


def local(element: Element) -> str:
    """The name of an element without its namespace; an empty string for a comment."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def value(element: Element | None, name: str, default: str = "") -> str:
    """An attribute by its local name, in whatever namespace."""
    found = (each for key, each in element.items() if key.rpartition("}")[2] == name) if element is not None else ()
    return next(iter(found), default)


def below(element: Element | None, name: str) -> Iterator[Element]:
    """All elements of this local name at any depth."""
    return (each for each in element.iter() if local(each) == name) if element is not None else iter(())


def first(element: Element | None, name: str) -> Element | None:
    """The first element of this local name at any depth."""
    return next(below(element, name), None)


def children(element: Element | None) -> list[Element]:
    """The elements right below one; none below None."""
    return list(element) if element is not None else []


def open_packed(data: bytes, name: str, kind: PackedKind, limits: Limits) -> PackedParts:
    """The XML parts of a packed file.

    Raises:
        RetrievalError: of another kind, encrypted, damaged, with declared entities, or larger than the limits.
    """
    if data.startswith(OLE):
        raise RetrievalError(
            f"{name} is password-protected or of an old Office format. Save it without a password as {kind.ending}."
        )
    refuse_disguised(data, name, kind.words, magic=b"PK\x03\x04")
    if not data.startswith(b"PK\x03\x04"):
        raise RetrievalError(f"{name} is not {kind.words}. Save it as {kind.ending} and add it again.")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            refuse_excess(archive, name, limits)
            _refuse_kind(archive.namelist(), name, kind)
            parts = PackedParts(name, kind, dict(_contents(archive)))
    except RetrievalError:
        raise
    except DAMAGED_ZIP as error:
        raise damaged(name, kind) from error
    _refuse_xml(parts, limits)
    return parts


def refuse_excess(archive: zipfile.ZipFile, name: str, limits: Limits) -> None:
    """Refuse an archive with a password, or one that is too large when it is unpacked.

    Raises:
        RetrievalError: it is.
    """
    entries = archive.infolist()
    if any(entry.flag_bits & 1 for entry in entries):
        raise RetrievalError(f"{name} is password-protected. Save it without a password and add it again.")
    size, allowed = sum(entry.file_size for entry in entries), limits.max_uncompressed_bytes
    if size > allowed:
        raise RetrievalError(
            f"{name} unpacks to {size // 1_000_000:,} MB; the limit is {allowed // 1_000_000} MB. Add a part of it."
        )


def _refuse_kind(names: list[str], name: str, kind: PackedKind) -> None:
    if not any(each.startswith(kind.part) for each in names):
        found = kind_of_names(names)
        raise RetrievalError(f"{name} is {found.name}, not {kind.words}. {found.advice}")


def _contents(archive: zipfile.ZipFile) -> Iterator[tuple[str, bytes]]:
    for entry in archive.infolist():
        if entry.filename.lower().endswith((*XML_ENDINGS, ".xhtml", ".html", ".htm")) or entry.filename == "mimetype":
            yield entry.filename, archive.read(entry)


def _refuse_xml(parts: PackedParts, limits: Limits) -> None:
    """Refuse XML that is too large, or that declares entities, which may grow without limit."""
    xml = [content for path, content in parts.contents.items() if path.lower().endswith(XML_ENDINGS)]
    size, allowed = sum(map(len, xml)), limits.max_xml_bytes
    if size > allowed:
        raise RetrievalError(
            f"{parts.name} unpacks to {size // 1_000_000} MB of XML; the limit is {allowed // 1_000_000} MB. "
            "Add a part of it."
        )
    for content in xml:
        if any(mark in _HARMLESS_TYPE.sub(b"", content) for mark in _DOCUMENT_TYPES):
            raise RetrievalError(f"{parts.name} declares XML entities, which no such file needs. Save it again.")
    if sum(content.count(b"<") for content in xml) * TAG_BYTES > limits.memory_bytes:
        raise RetrievalError(
            f"{parts.name} holds more than fits into {limits.memory_bytes // 1_000_000:,} MB of memory, the limit. "
            "Add a part of it."
        )
