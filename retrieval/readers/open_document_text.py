"""Walks the blocks of an OpenDocument body: paragraphs, headings, lists, tables, notes and frames."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from retrieval.document import DocumentBuilder
from retrieval.readers.open_document_styles import MAX_DEPTH, Numbers, TextStyles
from retrieval.readers.packed_xml import children, first, local, value
from retrieval.readers.raised import at_height
from retrieval.readers.sheets import SEPARATOR
from retrieval.readers.web_address import in_print

COMMENTS, DELETIONS, HIDDEN, PICTURES = "Comments", "Deletions", "Hidden texts", "Pictures"
OBJECTS = "Charts and embedded objects"
CONTENTS = "Tables of contents and indexes"
_GROUPS = frozenset(
    "section index-body custom-shape rect text-box g page notes shapes spreadsheet text header footer header-left "
    "header-first footer-left footer-first list-header".split()
)
_INDEXES = frozenset("table-of-content illustration-index table-index alphabetical-index bibliography".split())
_ROW_GROUPS = ("table-header-rows", "table-rows", "table-row-group")
_FIELDS_OF_PAGES = ("page-number", "page-count")
MAX_SPACES = 100


@dataclass(frozen=True)
class Block:
    """A paragraph, a list entry or a row; level 0 is no heading; `joins` says that it follows in the next line."""

    text: str
    level: int = 0
    joins: bool = False


@dataclass
class BlockWalk:
    """Reads blocks; `left_out` collects what is not shown as (kind, text)."""

    styles: TextStyles
    left_out: list[tuple[str, str]] = field(default_factory=list)
    _frames: list[Element] = field(default_factory=list)
    _notes: list[Element] = field(default_factory=list)
    _headings: Numbers = field(init=False)
    _lists: dict[str, Numbers] = field(default_factory=dict)  # by the ids and styles of the lists so far

    def __post_init__(self) -> None:
        self._headings = Numbers(self.styles.headings)

    def take_left_out(self) -> list[tuple[str, str]]:
        """What was left out since the last call."""
        found, self.left_out = self.left_out, []
        return found

    def leave_out(self, builder: DocumentBuilder) -> None:
        """Count in a document what was left out since the last call."""
        for kind, text in self.take_left_out():
            builder.leave_out(kind, text)

    def blocks(self, container: Iterable[Element]) -> Iterator[Block]:
        """The blocks of a body, a cell, a frame or a note."""
        for each in container:
            name = local(each)
            if name in ("p", "h"):
                yield from self._paragraph(each, name == "h")
            elif name == "list":
                yield from self._list(each, self._numbers(each), 1)
            elif name == "table":
                yield from self._table(each)
            elif name == "frame":
                yield from self._frame(each)
            elif name in _GROUPS and value(each, "display") != "none":
                yield from self.blocks(each)
            else:
                self._leave_out(each)

    def _leave_out(self, element: Element) -> None:
        """Note what is no text of the document: an index, deletions, a comment, a hidden section."""
        name = local(element)
        if name in _INDEXES:
            self.left_out.append((CONTENTS, _letters(element)))
        elif name == "tracked-changes":
            self.left_out += [(DELETIONS, _letters(part)) for part in element.iter() if local(part) == "deletion"]
        elif name == "annotation":
            self.left_out.append((COMMENTS, _letters(element)))
        elif name in _GROUPS:
            self.left_out.append((HIDDEN, _letters(element)))

    def _paragraph(self, paragraph: Element, heading: bool, marker: str = "", joins: bool = False) -> Iterator[Block]:
        """A paragraph, its notes, and the frames that are anchored in it."""
        text = self.inline(paragraph)
        frames, self._frames = self._frames, []
        notes, self._notes = self._notes, []
        depth = value(paragraph, "outline-level", "1")
        if value(paragraph, "style-name") in self.styles.hidden:
            self.left_out += [(HIDDEN, text)] if text.strip() else []
        elif text.strip():
            level = min(int(depth), 9) if heading and depth.isdigit() else 0
            yield Block((self._number(paragraph, level) if level else marker) + text.strip(), level, joins)
        for frame in frames:
            yield from self.blocks([frame])
        for note in notes:
            yield Block(f"[{_citation(note)}] {self.line(children(first(note, 'note-body')))}")

    def _number(self, heading: Element, level: int) -> str:
        """The number before a heading, where the file numbers its chapters."""
        unnumbered = value(heading, "is-list-header") == "true"
        return "" if unnumbered else self._headings.label(level, value(heading, "start-value"))

    def _numbers(self, entries: Element) -> Numbers:
        """The numbers of a list, which may go on from those of an earlier one."""
        style = value(entries, "style-name")
        earlier = value(entries, "continue-list") or style * (value(entries, "continue-numbering") == "true")
        known = self._lists.get(earlier) if earlier else None
        numbers = known or Numbers(self.styles.lists.get(style, {}))
        self._lists |= {value(entries, "id"): numbers, style: numbers}
        return numbers

    def _list(self, entries: Element, numbers: Numbers, depth: int, joins: bool = False) -> Iterator[Block]:
        """The entries with "- " or their number, indented by depth."""
        for item in entries:
            counts = local(item) == "list-item" and len(item) and local(item[0]) != "list"
            label = numbers.label(depth, value(item, "start-value")) if counts else ""
            marker = "  " * (depth - 1) + (label or "- ")
            for each in item:
                if local(each) == "list":
                    levels = self.styles.lists.get(value(each, "style-name"), numbers.levels)
                    yield from self._list(each, numbers.with_levels(levels), min(depth + 1, MAX_DEPTH), joins)
                elif local(each) in ("p", "h"):
                    yield from self._paragraph(each, local(each) == "h", marker, joins)
                    marker = "  " * depth
                else:
                    yield from self.blocks([each])
                joins = True

    def _frame(self, frame: Element) -> Iterator[Block]:
        kinds = {local(each): each for each in frame}
        if "text-box" in kinds:
            yield from self.blocks(kinds["text-box"])
        elif "table" in kinds:
            yield from self._table(kinds["table"])
        elif formula := self._formula(frame):
            yield Block(formula)
        elif "object" in kinds or "object-ole" in kinds:
            self.left_out.append((OBJECTS, value(frame, "name")))
        elif "image" in kinds:
            words = [each for each in frame if local(each) in ("desc", "title")]
            self.left_out.append((PICTURES, " ".join(map(_letters, words))))

    def _formula(self, frame: Element) -> str:
        """The text of a formula; an empty string for any other object."""
        targets = (value(each, "href").removeprefix("./") for each in frame if local(each) == "object")
        return next((self.styles.formulas.get(target, "") for target in targets), "")

    def _table(self, table: Element) -> Iterator[Block]:
        for place, row in enumerate(self.rows(table)):
            yield Block(row, 0, place > 0)

    def table_rows(self, table: Element) -> Iterator[Element]:
        """The rows of a table, without those of tables in its cells."""
        for each in table:
            if local(each) == "table-row":
                yield each
            elif local(each) in _ROW_GROUPS:
                yield from self.table_rows(each)

    def rows(self, table: Element) -> Iterator[str]:
        """One line per row; a cell that spans rows is read in each of them."""
        above: dict[int, tuple[str, int]] = {}  # column -> the text of a spanning cell, and the rows it still covers
        for row in self.table_rows(table):
            cells: list[str] = []
            for cell in row:
                text, left = above.pop(len(cells), ("", 0))
                if local(cell) == "table-cell":
                    span = value(cell, "number-rows-spanned", "1")
                    text, left = self.line(cell), int(span) - 1 if span.isdigit() else 0
                elif local(cell) != "covered-table-cell":
                    continue
                if left > 0:
                    above[len(cells)] = text, left - (local(cell) != "table-cell")
                cells.append(text)
            if any(cells):
                yield SEPARATOR.join(cells).rstrip()

    def line(self, container: Iterable[Element]) -> str:
        """All text of a cell or note in one line; a table in it becomes "a, b; c, d"."""
        lines = [
            block.text.replace(SEPARATOR, ", ") + (";" if SEPARATOR in block.text else "")
            for block in self.blocks(container)
        ]
        return " ".join(" ".join(lines).split()).removesuffix(";")

    def inline(self, element: Element) -> str:
        """The text of a paragraph; frames and notes in it are kept for the blocks after it."""
        pieces = [element.text or ""]
        for each in element:
            pieces += [self._piece(each), each.tail or ""]
        return "".join(pieces)

    def _piece(self, each: Element) -> str:
        name = local(each)
        if name == "s":
            count = value(each, "c", "1")
            return " " * (min(int(count), MAX_SPACES) if count.isdigit() else 1)
        if name in ("tab", "line-break"):
            return "\t" if name == "tab" else "\n"
        if name == "a":
            words = self.inline(each)
            return words + in_print(value(each, "href"), words)
        if name == "note":
            self._notes.append(each)
            return f"[{_citation(each)}]"
        if name == "frame" and (formula := self._formula(each)):
            return formula
        if name in ("frame", "custom-shape", "rect", "g"):
            self._frames.append(each)
            return ""
        if name == "annotation":
            self.left_out.append((COMMENTS, _letters(each)))
            return ""
        if name in _FIELDS_OF_PAGES or name in ("ruby-text", "annotation-end"):
            return ""
        style = value(each, "style-name") if name == "span" else ""
        text = self.inline(each)
        if name == "hidden-text" or style in self.styles.hidden:
            self.left_out.append((HIDDEN, text))
            return ""
        return self._at_its_height(text, style)

    def _at_its_height(self, text: str, style: str) -> str:
        """Letters as their style raises or lowers them; the mark of a note stays."""
        return text if text.startswith("[") else at_height(text, self.styles.raised.get(style, ""))


def _citation(note: Element) -> str:
    return _letters(first(note, "note-citation")) or "*"


def _letters(element: Element | None) -> str:
    return " ".join("".join(element.itertext()).split()) if element is not None else ""
