"""Reads DOCX into text with headings, in document order, as Word shows it."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from retrieval.document import Document, DocumentBuilder, Limits
from retrieval.errors import RetrievalError
from retrieval.readers.cleaning import Cleaner
from retrieval.readers.docx_numbering import Numbering, Style, Styles
from retrieval.readers.docx_parts import Parts, attribute, child, is_on, name_of, open_parts
from retrieval.readers.docx_text import CHUNKS, DELETED, HIDDEN, Inline

SEPARATOR = " | "
_GROUPS = frozenset("w:sdtContent w:customXml w:smartTag w:ins w:moveTo mc:Choice".split())
_PAGE_WORDS = re.compile(r"[\W_]*(?:page|seite|trang|página|página|p|of|von|de|sur|trên|di|/)?[\W_]*", re.IGNORECASE)
CONTENTS = "Tables of contents"
_CONTENTS_STYLE = re.compile(r"toc \d", re.IGNORECASE)
_ENTRY = re.compile(r"\t\s*(?:\d{1,4}|[ivxlc]{1,7})\s*$", re.IGNORECASE)
_LIST_STYLE = re.compile(r"list (?:bullet|number)", re.IGNORECASE)


@dataclass(frozen=True)
class _Block:
    """A paragraph or a table row; level 0 is no heading; `joins` says that it goes on right below the block before."""

    text: str
    level: int = 0
    joins: bool = False


@dataclass
class _Walk:
    """Reads the blocks of a file in order."""

    parts: Parts
    styles: Styles
    numbering: Numbering
    inline: Inline
    left_out: list[tuple[str, str]] = field(default_factory=list)
    _listed: bool = False
    _held: str = ""  # the text of a paragraph whose end was deleted: it goes on in the next one

    def blocks(self, container: Iterable[Element]) -> Iterator[_Block]:
        """The blocks of a body, a cell, a note or a text box."""
        for each in container:
            name = name_of(each)
            if name == "w:p":
                yield from self._paragraph(each)
            elif name == "w:tbl":
                self._listed = False
                yield from self._table(each)
            elif name == "w:sdt":
                yield from self._control(each)
            elif name in _GROUPS:
                yield from self.blocks(each)
            elif name == "mc:AlternateContent":
                yield from self.blocks(each[0] if len(each) else each)
            elif name in ("w:del", "w:moveFrom"):
                self.left_out.append((DELETED, _letters(each)))
            elif name == "w:altChunk":
                self.left_out.append((CHUNKS, "document"))
            elif name == "m:oMathPara":
                yield _Block(self.inline.text([each]))

    def _control(self, control: Element) -> Iterator[_Block]:
        content = child(control, "w:sdtContent")
        if content is not None:
            yield from self.blocks(content)

    def _paragraph(self, paragraph: Element) -> Iterator[_Block]:
        """A paragraph with its number, and the notes and text boxes that belong to it."""
        in_contents = self.inline.in_contents
        text = self._held + self.inline.text(paragraph)
        self._held = ""
        properties = child(paragraph, "w:pPr")
        if self._is_contents(text, properties, in_contents or self.inline.in_contents):
            self.left_out.append((CONTENTS, text.replace("\t", " ")))
            text = ""
        if child(properties, "w:rPr", "w:del") is not None:
            self._held = text
            return
        boxes, notes = self._take()
        if any(map(str.isalnum, text)):
            yield self._numbered(text, properties)
        for label, note in notes:
            yield _Block(f"{label} {self._line(note)}")
        for box in boxes:
            self._listed = False
            yield from self.blocks(box)

    def _is_contents(self, text: str, properties: Element | None, within: bool) -> bool:
        """Whether a paragraph is an entry of the table of contents: by its style, or by the field and its page."""
        style = self.styles.paragraph(attribute(child(properties, "w:pStyle"), "val"))
        entry = _CONTENTS_STYLE.fullmatch(style.name) or within and _ENTRY.search(text)
        return bool(entry) and any(map(str.isalnum, text))

    def _take(self) -> tuple[list[Element], list[tuple[str, Element]]]:
        """The text boxes and notes found since the last call."""
        boxes, notes = self.inline.boxes, self.inline.notes
        self.left_out += self.inline.left_out
        self.inline.boxes, self.inline.notes, self.inline.left_out = [], [], []
        return boxes, notes

    def _numbered(self, text: str, properties: Element | None) -> _Block:
        style = self.styles.paragraph(attribute(child(properties, "w:pStyle"), "val"))
        outline = attribute(child(properties, "w:outlineLvl"), "val")
        level = int(outline) + 1 if outline.isdigit() and int(outline) < 9 else style.level
        label, depth = self._label(style, properties)
        if level:
            self._listed = False
            return _Block(label + " ".join(text.split()), level)
        joins = bool(label) and self._listed
        self._listed = bool(label)
        return _Block("  " * depth + label + text.strip() if label else text, 0, joins)

    def _label(self, style: Style, properties: Element | None) -> tuple[str, int]:
        """The number or bullet before a paragraph, and its depth; a paragraph's own settings go before its style's."""
        own = child(properties, "w:numPr")
        list_id = attribute(child(own, "w:numId"), "val") or style.list_id
        depth = attribute(child(own, "w:ilvl"), "val") or str(style.list_level)
        place = int(depth) if depth.isdigit() else 0
        label = self.numbering.label(list_id, place)
        if not label and not list_id and _LIST_STYLE.match(style.name):
            label = "- "
        return label, min(place, 9)

    def _line(self, container: Element) -> str:
        """All text of a cell or note in one line; a table in it becomes "a, b; c, d"."""
        listed, self._listed = self._listed, False
        lines = [
            block.text.replace(SEPARATOR, ", ") + (";" if SEPARATOR in block.text else "")
            for block in self.blocks(container)
        ]
        self._listed = listed
        return " ".join(" ".join(lines).split()).removesuffix(";")

    # Tables

    def _table(self, table: Element) -> Iterator[_Block]:
        """One block per row; a table of one column is read paragraph by paragraph."""
        rows = [(row, list(_cells(row))) for row in _rows(table)]
        if max((len(cells) for _, cells in rows), default=0) < 2:
            for _, cells in rows:
                for cell in cells:
                    yield from self.blocks(cell)
            return
        above: dict[int, str] = {}  # column -> the text of the cell that spans down from above
        first = True
        for row, cells in rows:
            text = self._row(row, cells, above)
            if any(map(str.isalnum, text)):
                yield _Block(text, 0, not first)
                first = False

    def _row(self, row: Element, cells: list[Element], above: dict[int, str]) -> str:
        properties = child(row, "w:trPr")
        for mark, kind in (("w:del", DELETED), ("w:hidden", HIDDEN)):
            if child(properties, mark) is not None:
                self.left_out.append((kind, _letters(row)))
                return ""
        line = [""] * _count(child(properties, "w:gridBefore"))
        for cell in cells:
            settings = child(cell, "w:tcPr")
            merge, place = child(settings, "w:vMerge"), len(line)
            goes_on = merge is not None and attribute(merge, "val") != "restart"
            text = above.get(place, "") if goes_on else self._line(cell)
            above[place] = text if merge is not None else ""
            beside = attribute(child(settings, "w:hMerge"), "val", "continue") == "continue"
            text = "" if beside and child(settings, "w:hMerge") is not None else text
            line += [text, *[""] * (_count(child(settings, "w:gridSpan"), 1) - 1)]
        return line[0] if len(cells) == 1 else SEPARATOR.join(line)


def _rows(table: Element) -> Iterator[Element]:
    for each in table:
        if name_of(each) == "w:tr":
            yield each
        elif name_of(each) in ("w:sdt", *_GROUPS):
            yield from _rows(each)


def _cells(row: Element) -> Iterator[Element]:
    for each in row:
        if name_of(each) == "w:tc":
            yield each
        elif name_of(each) in ("w:sdt", *_GROUPS):
            yield from _cells(each)


def _count(element: Element | None, default: int = 0) -> int:
    value = attribute(element, "val")
    return min(int(value), 100) if value.isdigit() else default


def _letters(element: Element) -> str:
    return "".join(each.text or "" for each in element.iter() if name_of(each) in ("w:t", "w:delText"))


def read_docx(data: bytes, name: str, limits: Limits) -> Document:
    """The text of a Word file; " | " separates table cells, headers come first and footers last, each once.

    Raises:
        RetrievalError: not a DOCX, password-protected, damaged, or larger than the limits when unpacked.
        TooLong: more text than the limits allow.
    """
    try:
        return _read(open_parts(data, name, limits), name, limits)
    except RecursionError as error:
        raise RetrievalError(f"{name} nests its parts too deeply to be read. Save its text in a new file.") from error


def _read(parts: Parts, name: str, limits: Limits) -> Document:
    walk = _new_walk(parts)
    builder = DocumentBuilder(limits.max_chars)
    cleaner = Cleaner()
    for block in _all_blocks(parts, walk):
        for kind, text in walk.left_out:
            builder.leave_out(kind, text)
        walk.left_out.clear()
        text = cleaner.clean(block.text)
        if block.level:
            builder.heading(text, block.level)
        elif text.strip():
            builder.add(
                text.rstrip() if block.joins or text.startswith("  ") else text.strip(), "\n" if block.joins else "\n\n"
            )
    for kind, text in walk.left_out:
        builder.leave_out(kind, text)
    return builder.document(name, cleaner.notes())


def _new_walk(parts: Parts, numbers: bool = True) -> _Walk:
    styles = Styles(parts.styles)
    return _Walk(parts, styles, Numbering(parts.numbering), Inline(parts, styles, numbers))


def _all_blocks(parts: Parts, walk: _Walk) -> Iterator[_Block]:
    yield from _margins(parts, walk, "w:headerReference")
    yield from walk.blocks(parts.body)
    yield from _margins(parts, walk, "w:footerReference")


def _margins(parts: Parts, walk: _Walk, kind: str) -> Iterator[_Block]:
    """The headers or footers that Word prints, each text once, without the numbers of pages."""
    seen: set[str] = set()
    apart = _new_walk(parts, numbers=False)
    for key in _references(parts, kind):
        apart.inline.paged = False
        lines = [" ".join(block.text.split()) for block in apart.blocks(parts.targets[key])]
        walk.left_out += apart.left_out
        apart.left_out.clear()
        text = " ".join(filter(None, lines))
        if apart.inline.paged and _PAGE_WORDS.fullmatch(text):
            walk.left_out.append(("Page numbers", text))
        elif text not in seen:
            seen.add(text)
            yield from (_Block(line.strip(" |–—-")) for line in lines)


def _references(parts: Parts, kind: str) -> Iterator[str]:
    """The relations of the headers or footers that the sections show."""
    even = is_on(child(parts.settings, "w:evenAndOddHeaders"))
    for section in parts.body.iter():
        if name_of(section) != "w:sectPr":
            continue
        shown = {"default": True, "first": is_on(child(section, "w:titlePg")), "even": even}
        for each in section:
            key = attribute(each, "id")
            if name_of(each) == kind and shown.get(attribute(each, "type", "default")) and key in parts.targets:
                yield key
