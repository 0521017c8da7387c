"""The text of one paragraph of a Word file as Word shows it: insertions, fields, symbols, formulas, notes.

What Word does not show (deletions, hidden text, comments) is collected with its kind.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from retrieval.readers.docx_math import math_text
from retrieval.readers.docx_numbering import Styles
from retrieval.readers.docx_parts import Parts, attribute, child, is_on, name_of
from retrieval.readers.docx_symbols import symbol
from retrieval.readers.numerals import numeral
from retrieval.readers.raised import at_height
from retrieval.readers.web_address import in_print

DELETED, HIDDEN, STRUCK, COMMENTS = "Deletions", "Hidden texts", "Struck-out parts", "Comments"
PLACEHOLDERS, OBJECTS, CHUNKS = "Empty form fields", "Embedded objects", "Embedded documents"
_WALKED = frozenset(
    "w:ins w:moveTo w:hyperlink w:smartTag w:sdtContent w:customXml w:bdo w:dir w:rubyBase w:ruby mc:Choice "
    "mc:Fallback w:r".split()
)
_PAGE_FIELD = re.compile(r"\s*(?:PAGE|NUMPAGES|SECTIONPAGES)\b", re.IGNORECASE)
_CONTENTS_FIELD = re.compile(r"\s*TOC\b", re.IGNORECASE)
_LINK_FIELD = re.compile(r'\s*HYPERLINK\s+"(https?://[^"]+)"', re.IGNORECASE)
_EQUATION = re.compile(r"\s*EQ\b\s*(.*)", re.IGNORECASE | re.DOTALL)
_MADE = re.compile(
    r"automat\w* (?:\w+ )?(?:generated|generiert|generi?ert|générée?|generada|gegenereerd)|générée? automat|tự động",
    re.I,
)
_FILE = re.compile(r"\S*\.(?:png|jpe?g|gif|svg|webp|bmp|tiff?|emf|wmf)", re.I)
_SYMBOL_FIELD = re.compile(r"\s*SYMBOL\s+(\d{1,5})", re.IGNORECASE)
_FRACTION = re.compile(r"\\f\s*\(([^()]*)[,;]([^()]*)\)", re.IGNORECASE)
_SWITCH = re.compile(r"\\[a-z]+\s*", re.IGNORECASE)


@dataclass
class _Field:
    """A field of Word: its code, whether what follows is its result, and this result."""

    code: str = ""
    result: bool = False
    words: str = ""


@dataclass
class Inline:
    """Reads paragraphs one after another; fields and the count of notes go on from one to the next.

    After `text`, `boxes` are the text boxes anchored there, `notes` its foot- and endnotes as (label, element), and
    `left_out` what Word does not show as (kind, text). `numbers` says whether numbers of pages are text.
    """

    parts: Parts
    styles: Styles
    numbers: bool = True
    boxes: list[Element] = field(default_factory=list)
    notes: list[tuple[str, Element]] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    paged: bool = False
    _fields: list[_Field] = field(default_factory=list)
    _labels: dict[str, int] = field(default_factory=dict)

    def text(self, paragraph: Iterable[Element]) -> str:
        """The text of a paragraph."""
        pieces: list[str] = []
        for each in paragraph:
            for piece in self._pieces(each, "".join(pieces[-1:])):
                pieces.append(piece)
        return "".join(pieces)

    def _pieces(self, element: Element, before: str) -> Iterator[str]:
        """The text of an element within a paragraph, in pieces."""
        name = name_of(element)
        if name == "w:r":
            yield self._run(element, before)
        elif name in ("w:del", "w:moveFrom"):
            self._leave_out(DELETED, element)
        elif name in ("m:oMath", "m:oMathPara"):
            yield self._shown(math_text(element))
        elif name == "w:sdt":
            yield from self._control(element, before)
        elif name == "w:fldSimple":
            if self._is_text(attribute(element, "instr")):
                yield from self._each(element, before)
        elif name == "mc:AlternateContent":
            yield from self._alternative(element, before)
        elif name in _WALKED:
            words = ""
            for piece in self._each(element, before):
                words += piece
                yield piece
            yield in_print(attribute(element, "address"), words)

    def _each(self, element: Element | None, before: str) -> Iterator[str]:
        for each in element if element is not None else ():
            for piece in self._pieces(each, before):
                before = piece or before
                yield piece

    def _control(self, element: Element, before: str) -> Iterator[str]:
        """The content of a content control, unless it is the request to fill it."""
        content = child(element, "w:sdtContent")
        if is_on(child(element, "w:sdtPr", "w:showingPlcHdr")):
            self._leave_out(PLACEHOLDERS, content)
        else:
            yield from self._each(content, before)

    def _alternative(self, element: Element, before: str) -> Iterator[str]:
        """The first of several forms of one thing that has a text, so that it is read once."""
        for form in element:
            known = len(self.boxes)
            pieces = [*self._each(form, before), *map(self._letters, form)]
            if "".join(pieces).strip() or len(self.boxes) > known:
                yield from pieces
                return

    def _run(self, run: Element, before: str) -> str:
        """The text of a run of letters, raised or lowered as its format says."""
        text = "".join(self._letters(each) for each in run)
        properties = child(run, "w:rPr")
        if properties is None or not text:
            return text
        if is_on(child(properties, "w:vanish")) or self._is_style_hidden(properties):
            return self._aside(HIDDEN, text)
        if attribute(child(properties, "w:rStyle"), "val") == "PlaceholderText":
            return self._aside(PLACEHOLDERS, text)
        if is_on(child(properties, "w:strike")) or is_on(child(properties, "w:dstrike")):
            return self._aside(STRUCK, text)
        align = attribute(child(properties, "w:vertAlign"), "val")
        return text if text.startswith("[") else at_height(text, align.removesuffix("script"), before)

    def _is_style_hidden(self, properties: Element) -> bool:
        style = attribute(child(properties, "w:rStyle"), "val")
        return bool(style) and child(properties, "w:vanish") is None and self.styles.is_hidden(style)

    def _aside(self, kind: str, text: str) -> str:
        if text.strip():
            self.left_out.append((kind, text))
        return ""

    def _letters(self, element: Element) -> str:
        """The text of one element of a run."""
        name = name_of(element)
        if name == "w:t":
            return self._shown(element.text or "")
        if name in ("w:tab", "w:ptab"):
            return self._shown("\t")
        if name in ("w:br", "w:cr"):
            return self._shown("\n")
        if name == "w:noBreakHyphen":
            return self._shown("-")
        if name == "w:sym":
            return self._shown(symbol(element))
        if name in ("w:fldChar", "w:instrText"):
            return self._field(element, name)
        if name in ("w:footnoteReference", "w:endnoteReference"):
            return self._note(element, name)
        if name in ("w:delText", "w:delInstrText"):
            return self._aside(DELETED, element.text or "")
        return self._thing(element, name)

    def _thing(self, element: Element, name: str) -> str:
        """The text of what is no letter: a drawing, a comment, an object, an alternative."""
        if name == "w:commentReference":
            note = self._noted("comments", attribute(element, "id"))
            if note is not None:
                self._leave_out(COMMENTS, note)
        elif name in ("w:drawing", "w:pict", "w:object"):
            return self._drawing(element, name)
        elif name in ("mc:AlternateContent", "w:ruby"):
            return "".join(self._pieces(element, ""))
        return ""

    def _drawing(self, element: Element, name: str) -> str:
        """Collect the text boxes of a drawing; the words of a diagram are text here."""
        boxes = [each for each in _descendants(element) if name_of(each) == "w:txbxContent"]
        self.boxes += boxes
        words: list[str] = []
        for each in _descendants(element):
            if name_of(each) == "a:t" and not boxes:
                words.append(each.text or "")
            elif (diagram := self.parts.targets.get(attribute(each, "dm"))) is not None:
                words += [text.text or "" for text in diagram.iter() if name_of(text) == "a:t"]
            elif name_of(each) == ":docPr" and not boxes:
                words.append(_alternative(attribute(each, "descr")))
        if name == "w:object" and not boxes:
            self.left_out.append((OBJECTS, attribute(child(element, ":OLEObject"), "ProgID") or "object"))
        return "".join(f" {word} " for word in filter(None, map(str.strip, words)))

    def _note(self, element: Element, name: str) -> str:
        """The mark of a foot- or endnote, whose text is collected."""
        kind = "footnotes" if name == "w:footnoteReference" else "endnotes"
        note = self._noted(kind, attribute(element, "id"))
        if note is None:
            return ""
        self._labels[kind] = self._labels.get(kind, 0) + 1
        label = f"[{numeral(self._labels[kind], 'decimal' if kind == 'footnotes' else 'lowerRoman')}]"
        self.notes.append((label, note))
        return label

    def _noted(self, kind: str, key: str) -> Element | None:
        return next((each for each in self.parts.notes.get(kind, ()) if attribute(each, "id") == key), None)

    # Fields

    def _shown(self, text: str) -> str:
        """The text, unless it stands within the code of a field."""
        if not all(each.result for each in self._fields):
            return ""
        for each in self._fields[-1:]:
            each.words += text
        return text

    @property
    def in_contents(self) -> bool:
        """Whether a table of contents goes on."""
        return any(_CONTENTS_FIELD.match(each.code) for each in self._fields)

    def _is_text(self, code: str) -> bool:
        """Whether a field's result is text; in a header the number of a page is not."""
        if self.numbers or not _PAGE_FIELD.match(code):
            return True
        self.paged = True
        return False

    def _field(self, element: Element, name: str) -> str:
        """Follow a field through its code and its result."""
        if name == "w:instrText":
            if self._fields:
                self._fields[-1].code += element.text or ""
            return ""
        kind = attribute(element, "fldCharType")
        if kind == "begin":
            self._fields.append(_Field())
            return _form_value(element)
        if kind == "separate" and self._fields:
            self._fields[-1].result = self._is_text(self._fields[-1].code)
        elif kind == "end" and self._fields:
            ended = self._fields.pop()
            link = _LINK_FIELD.match(ended.code)
            address = in_print(link[1], ended.words) if link else ""
            return address if ended.result else self._shown(_computed(ended.code))
        return ""

    def _leave_out(self, kind: str, element: Element | None) -> None:
        words = [each.text or "" for each in (element.iter() if element is not None else ())]
        names = [name_of(each) for each in (element.iter() if element is not None else ())]
        text = "".join(word for word, name in zip(words, names, strict=True) if name in ("w:t", "w:delText", "m:t"))
        self._aside(kind, text)


def _descendants(element: Element) -> Iterator[Element]:
    """All elements below, of each alternative the first form only, and none within a text box."""
    for each in element:
        yield each
        name = name_of(each)
        if name == "mc:AlternateContent":
            yield from _descendants(each[0]) if len(each) else ()
        elif name != "w:txbxContent":
            yield from _descendants(each)


def _alternative(text: str) -> str:
    """The text that an author wrote for a picture; an empty string for one that a program made, or a file's name."""
    return "" if _MADE.search(text) or _FILE.fullmatch(text) else " ".join(text.split())


def _form_value(begin: Element) -> str:
    """The value of a form field that has no result in letters: a checked box, the chosen entry of a list."""
    data = child(begin, "w:ffData")
    box, entries = child(data, "w:checkBox"), child(data, "w:ddList")
    if box is not None:
        state = child(box, "w:checked")
        return "☒" if is_on(state if state is not None else child(box, "w:default")) else "☐"
    if entries is not None:
        chosen = attribute(child(entries, "w:result"), "val", "0")
        values = [attribute(each, "val") for each in entries if name_of(each) == "w:listEntry"]
        return values[int(chosen)] if chosen.isdigit() and int(chosen) < len(values) else ""
    return ""


def _computed(code: str) -> str:
    """What Word shows for a field without a stored result: an equation or a symbol."""
    if match := _SYMBOL_FIELD.match(code):
        number = int(match[1])
        return chr(number) if number < 0xD800 else ""
    equation = _EQUATION.match(code)
    return _SWITCH.sub("", _FRACTION.sub(r"\1/\2", equation[1])).strip() if equation else ""
