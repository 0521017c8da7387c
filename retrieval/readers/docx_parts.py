"""Opens the parts of a Word file within limits: the text, its styles, lists, notes, headers. Knows no text.

Elements are named with short prefixes ("w:p"), the same for both namespaces of Word (transitional and strict).
"""

import io
import posixpath
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from xml.etree.ElementTree import Element, fromstring

from retrieval.document import Limits
from retrieval.errors import RetrievalError
from retrieval.readers.encoding import refuse_disguised
from retrieval.readers.foreign import kind_of_names

_FAMILIES = {
    "http://schemas.openxmlformats.org/wordprocessingml/2006/main": "w",
    "http://purl.oclc.org/ooxml/wordprocessingml/main": "w",
    "http://schemas.openxmlformats.org/officeDocument/2006/math": "m",
    "http://purl.oclc.org/ooxml/officeDocument/math": "m",
    "http://schemas.openxmlformats.org/markup-compatibility/2006": "mc",
    "http://schemas.openxmlformats.org/drawingml/2006/main": "a",
    "http://purl.oclc.org/ooxml/drawingml/main": "a",
}
TAG_BYTES = 200  # memory that a tag of XML takes once it is parsed, with what is read from it
# Word never declares a document type; what one declares may grow without limit.
_DOCUMENT_TYPE = (b"<!DOCTYPE", "<!DOCTYPE".encode("utf-16-le"), "<!DOCTYPE".encode("utf-16-be"))


@dataclass(frozen=True)
class Parts:
    """The parsed parts of a Word file, None where it has none; `targets` are headers, footers and diagrams by id."""

    body: Element
    styles: Element | None
    numbering: Element | None
    settings: Element | None
    notes: dict[str, Element]
    targets: dict[str, Element]


def name_of(element: Element) -> str:
    """The short name of an element, such as "w:p", or ":OLEObject" in a namespace that is not listed."""
    return _short(element.tag)


@cache
def _short(tag: str) -> str:
    space, _, local = tag[1:].rpartition("}")
    return f"{_FAMILIES.get(space, '')}:{local}"


def attribute(element: Element | None, name: str, default: str = "") -> str:
    """An attribute by its local name, in whatever namespace."""
    found = (value for key, value in element.items() if key.rpartition("}")[2] == name) if element is not None else ()
    return next(iter(found), default)


def child(element: Element | None, *path: str) -> Element | None:
    """The first element at the end of a path of child names."""
    for name in path:
        if element is None:
            return None
        element = next((each for each in element if name_of(each) == name), None)
    return element


def is_on(element: Element | None) -> bool:
    """Whether a switch such as `w:vanish` is there and not off."""
    return element is not None and attribute(element, "val", "1") not in ("0", "false", "off")


def open_parts(data: bytes, name: str, limits: Limits) -> Parts:
    """The parts of a Word file.

    Raises:
        RetrievalError: not a DOCX, password-protected, damaged, or larger than the limits when unpacked.
    """
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        raise RetrievalError(f"{name} is password-protected or an old Word file. Save it as an open DOCX.")
    refuse_disguised(data, name, "a Word file", magic=b"PK\x03\x04")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _refuse(archive, name, limits)
            return _parts(archive)
    except (MemoryError, RetrievalError):
        raise
    except Exception as error:  # zipfile and the XML parser pass on any error
        raise RetrievalError(
            f"{name} is not a readable DOCX file: damaged, or it holds too much to be read. Save it again as DOCX."
        ) from error


def _refuse(archive: zipfile.ZipFile, name: str, limits: Limits) -> None:
    """Refuse what is no Word file, too large when unpacked, or with XML entities, which Word never writes."""
    entries = archive.infolist()
    parts = [entry for entry in entries if entry.filename.endswith((".xml", ".rels"))]
    if not any(entry.filename.startswith("word/") for entry in entries):
        kind = kind_of_names([entry.filename for entry in entries])
        raise RetrievalError(f"{name} is {kind.name}, not a Word file. {kind.advice}")
    _refuse_excess(name, entries, parts, limits)
    tags = 0
    for content in map(archive.read, parts):
        tags += content.count(b"<")
        if any(mark in content for mark in _DOCUMENT_TYPE):
            raise RetrievalError(f"{name} declares XML entities, which no Word file needs. Save it again as DOCX.")
    if tags * TAG_BYTES > limits.memory_bytes:
        allowed = limits.memory_bytes // 1_000_000
        raise RetrievalError(f"{name} holds more than fits into {allowed:,} MB of memory, the limit. Add a part of it.")


def _refuse_excess(
    name: str, entries: Sequence[zipfile.ZipInfo], parts: Sequence[zipfile.ZipInfo], limits: Limits
) -> None:
    """Refuse a file whose parts, or whose XML alone, exceed their limit."""
    found = {
        "MB": (sum(entry.file_size for entry in entries), limits.max_uncompressed_bytes),
        "MB of XML": (sum(entry.file_size for entry in parts), limits.max_xml_bytes),
    }
    for unit, (size, allowed) in found.items():
        if size > allowed:
            raise RetrievalError(
                f"{name} unpacks to {size // 1_000_000} {unit}; the limit is {allowed // 1_000_000} MB. "
                "Add a part of it."
            )


def _parts(archive: zipfile.ZipFile) -> Parts:
    names = {entry.lower(): entry for entry in archive.namelist()}

    def parse(path: str) -> Element | None:
        entry = names.get(path.lower())
        root = fromstring(archive.read(entry)) if entry else None
        if root is not None and (links := names.get(_links_of(path).lower())):
            _name_addresses(root, fromstring(archive.read(links)))
        return root

    main = next((target for kind, _, target in _relations(parse("_rels/.rels"), "") if kind == "officeDocument"), "")
    main = main or "word/document.xml"
    folder = posixpath.dirname(main)
    relations = list(_relations(parse(_links_of(main)), folder))
    by_kind = {kind: target for kind, _, target in relations}
    root = parse(main)
    body = child(root, "w:body")
    if body is None:
        raise ValueError("no body")
    notes = {kind: parse(by_kind[kind]) for kind in ("footnotes", "endnotes", "comments") if kind in by_kind}
    wanted = ("header", "footer", "diagramData")
    targets = {key: parse(target) for kind, key, target in relations if kind in wanted}
    return Parts(
        body=body,
        styles=parse(by_kind["styles"]) if "styles" in by_kind else None,
        numbering=parse(by_kind["numbering"]) if "numbering" in by_kind else None,
        settings=parse(by_kind["settings"]) if "settings" in by_kind else None,
        notes={kind: part for kind, part in notes.items() if part is not None},
        targets={key: part for key, part in targets.items() if part is not None},
    )


def _links_of(path: str) -> str:
    """The path of the part that says what another part refers to."""
    folder, file = posixpath.split(path)
    return posixpath.join(folder, "_rels", f"{file}.rels")


def _name_addresses(root: Element, relations: Element) -> None:
    """Write into each link of a part the address that it leads to, as `address`."""
    addresses = {
        attribute(each, "Id"): attribute(each, "Target")
        for each in relations
        if attribute(each, "TargetMode") == "External" and attribute(each, "Type").endswith("/hyperlink")
    }
    for each in root.iter() if addresses else ():
        if name_of(each) == "w:hyperlink" and attribute(each, "id") in addresses:
            each.set("address", addresses[attribute(each, "id")])


def _relations(part: Element | None, folder: str) -> Iterator[tuple[str, str, str]]:
    """Kind, id and path of every part that a part refers to; links out of the file are left out."""
    for each in part if part is not None else ():
        if attribute(each, "TargetMode") != "External":
            target = attribute(each, "Target")
            path = target.lstrip("/") if target.startswith("/") else posixpath.normpath(posixpath.join(folder, target))
            yield attribute(each, "Type").rpartition("/")[2], attribute(each, "Id"), path
