"""Reads PPTX into text: slide by slide under their titles, with tables, diagrams and the speaker's notes."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from retrieval.document import Document, DocumentBuilder, Limits
from retrieval.readers.cleaning import Cleaner
from retrieval.readers.packed_xml import PackedKind, PackedParts, below, first, local, open_packed, value
from retrieval.readers.raised import at_height
from retrieval.readers.sheets import SEPARATOR

KIND = PackedKind("a PowerPoint presentation", ".pptx", "ppt/")
MARGINS = "Slide numbers, dates and footers"
_TITLES = ("title", "ctrTitle")
_MARGINS = ("sldNum", "dt", "ftr", "hdr")


@dataclass
class _Slide:
    """What one slide says: its title, its blocks in order, and what is left out as (kind, text)."""

    title: str = ""
    blocks: list[str] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)


def read_pptx(data: bytes, name: str, limits: Limits) -> Document:
    """The text of a presentation; its pages are the slides. Hidden slides, pictures and comments are counted.

    Raises:
        RetrievalError: no presentation, password-protected, damaged, or larger than the limits.
        TooLong: more text than the limits allow.
    """
    parts = open_packed(data, name, KIND, limits)
    main = next((path for kind, path in parts.targets("").values() if kind == "officeDocument"), "ppt/presentation.xml")
    builder, cleaner = DocumentBuilder(limits.max_chars), Cleaner()
    for number, path in enumerate(_slides(parts, main), start=1):
        slide, is_shown = _read_slide(parts, path)
        label = str(number)
        if not is_shown:
            builder.leave_out("Hidden slides", "\n".join([slide.title, *slide.blocks]), label)
            continue
        _add_slide(slide, label, builder, cleaner)
    return builder.document(name, cleaner.notes())


def _slides(parts: PackedParts, main: str) -> Iterator[str]:
    """The paths of the slides in the order of the presentation."""
    targets = parts.targets(main)
    for each in below(first(parts.require(main), "sldIdLst"), "sldId"):
        key = next((text for name, text in each.items() if name.endswith("}id")), "")
        if key in targets:
            yield targets[key][1]


def _add_slide(slide: _Slide, label: str, builder: DocumentBuilder, cleaner: Cleaner) -> None:
    starts = [builder.heading(cleaner.clean(slide.title), 1)] if slide.title else []
    starts += [builder.add(cleaner.clean(block)) for block in slide.blocks]
    if starts:
        builder.page(starts[0], label)
    for kind, text in slide.left_out:
        builder.leave_out(kind, text, label)


def _read_slide(parts: PackedParts, path: str) -> tuple[_Slide, bool]:
    """A slide, and whether a presentation shows it."""
    root, slide, targets = parts.parse(path), _Slide(), parts.targets(path)
    tree = first(root, "spTree")
    for shape in tree if tree is not None else ():
        _read_shape(shape, slide, parts, targets)
    for kind, target in targets.values():
        if kind == "notesSlide":
            slide.blocks += [f"Notes: {text}" for text in _notes(parts.parse(target))]
        elif kind == "comments":
            slide.left_out += [("Comments", "".join(each.itertext())) for each in below(parts.parse(target), "cm")]
    return slide, value(root, "show", "1") not in ("0", "false")


def _notes(part: Element | None) -> Iterator[str]:
    for shape in below(part, "sp"):
        if value(first(shape, "ph"), "type") == "body" and (text := _body_text(shape)):
            yield text


def _read_shape(shape: Element, slide: _Slide, parts: PackedParts, targets: dict[str, tuple[str, str]]) -> None:
    kind = local(shape)
    if kind == "grpSp":
        for each in shape:
            _read_shape(each, slide, parts, targets)
    elif kind == "AlternateContent" and len(shape):
        for each in shape[0]:
            _read_shape(each, slide, parts, targets)
    elif kind == "sp":
        _read_text_shape(shape, slide)
    elif kind == "graphicFrame":
        _read_frame(shape, slide, parts, targets)
    elif kind == "pic":
        slide.left_out.append(("Pictures", value(first(shape, "cNvPr"), "descr")))


def _read_text_shape(shape: Element, slide: _Slide) -> None:
    text, role = _body_text(shape), value(first(shape, "ph"), "type")
    if value(first(shape, "cNvPr"), "hidden") in ("1", "true"):
        slide.left_out.append(("Hidden texts", text))
    elif role in _MARGINS:
        slide.left_out += [(MARGINS, text)] if text else []
    elif role in _TITLES and text and not slide.title:
        slide.title = text
    elif text:
        slide.blocks.append(text)


def _read_frame(frame: Element, slide: _Slide, parts: PackedParts, targets: dict[str, tuple[str, str]]) -> None:
    """A table, a diagram or a chart."""
    table = first(frame, "tbl")
    if table is not None:
        slide.blocks.append("\n".join(_rows(table)))
        return
    diagram = first(frame, "relIds")
    key = value(diagram, "dm")
    if key in targets:
        lines = [_body_text(point) for point in below(parts.parse(targets[key][1]), "pt")]
        slide.blocks += ["\n".join(filter(None, lines))] if any(lines) else []
    else:
        slide.left_out.append(("Charts and embedded objects", value(first(frame, "cNvPr"), "name")))


def _rows(table: Element) -> Iterator[str]:
    """One line per row; a cell that spans rows is read in each of them."""
    above: dict[int, str] = {}
    for row in below(table, "tr"):
        cells = []
        for place, cell in enumerate(below(row, "tc")):
            goes_on = value(cell, "vMerge") in ("1", "true")
            text = above.get(place, "") if goes_on else " ".join(_body_text(cell).split())
            above[place] = text
            cells.append(text)
        if any(cells):
            yield SEPARATOR.join(cells).rstrip()


def _height(run: Element) -> str:
    """Whether letters stand above the line ("super") or below it ("sub"); a share of the line, in thousandths."""
    share = next((value(each, "baseline") for each in run if local(each) == "rPr"), "")
    return "" if not share.strip("-0%") else "sub" if share.startswith("-") else "super"


def _body_text(shape: Element) -> str:
    """The paragraphs of a shape, a cell or a point of a diagram, one a line, indented by their level."""
    lines = []
    for paragraph in below(shape, "p"):
        heights = {id(letters): _height(run) for run in below(paragraph, "r") for letters in run}
        pieces = [
            "\n" if local(each) == "br" else at_height(each.text or "", heights.get(id(each), ""))
            for each in paragraph.iter()
            if local(each) in ("t", "br")
        ]
        text = "".join(pieces)
        level = value(first(paragraph, "pPr"), "lvl", "0")
        if text.strip():
            lines.append("  " * (int(level) if level.isdigit() and int(level) < 9 else 0) + text.strip())
    return "\n".join(lines)
