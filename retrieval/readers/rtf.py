"""Reads RTF into text with headings: what a word processor shows, without fonts, styles, pictures and fields' codes."""

import re
from dataclasses import dataclass, field, replace

from retrieval.document import Document, DocumentBuilder, Limits
from retrieval.errors import RetrievalError
from retrieval.readers.cleaning import Cleaner
from retrieval.readers.encoding import refuse_disguised
from retrieval.readers.raised import at_height
from retrieval.readers.sheets import SEPARATOR

MAX_DEPTH = 10_000
_TOKEN = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\([^a-zA-Z])|([{}])|[\r\n]+|([^\\{}\r\n]+)"
)
# Groups that hold no text of the document; those that begin with \* are skipped too, but for a few.
_SILENT = frozenset(
    "fonttbl colortbl stylesheet listtable listoverridetable revtbl rsidtbl info generator pict object objdata fldinst "
    "themedata colorschememapping datastore latentstyles xmlnstbl filetbl nonshppict do sp sn sv datafield "
    "bkmkstart bkmkend listname template picprop formfield ffname ffdeftext atnid atnauthor atntime atnref atndate "
    "annotation comment footnotesep nonesttables tc xe userprops falt panose mmathPr".split()
)
_STARRED = frozenset(("shptxt", "shpinst", "fldrslt", "footnote", "ud", "cs", "nesttableprops", "shppict"))
_MARGINS = {"header": "Headers", "headerl": "Headers", "headerr": "Headers", "headerf": "Headers",
            "footer": "Footers", "footerl": "Footers", "footerr": "Footers", "footerf": "Footers"}  # fmt: skip
_ASIDE = {**_MARGINS, "annotation": "Comments", "object": "Embedded objects"}
_SIGNS = {
    "emdash": "—", "endash": "–", "emspace": "\u2003", "enspace": "\u2002", "bullet": "•", "lquote": "‘", "rquote": "’",
    "ldblquote": "“", "rdblquote": "”", "tab": "\t", "line": "\n", "softline": "\n",
}  # fmt: skip
_HEIGHTS = {"super": "super", "sub": "sub", "nosupersub": "", "plain": ""}
_PAGES = {
    0: "cp1252", 77: "mac-roman", 128: "cp932", 129: "cp949", 134: "gb18030", 136: "big5hkscs", 161: "cp1253",
    162: "cp1254", 163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251", 222: "cp874",
    238: "cp1250", 254: "cp437", 255: "cp850",
}  # fmt: skip
_FONT = re.compile(rb"\\f(\d{1,5})\b[^{};]*?\\fcharset(\d{1,3})")


@dataclass(frozen=True)
class _State:
    """What holds in a group: where text goes, its code page and height, the characters to skip after a Unicode one."""

    target: str = "text"  # "text", "" for nothing, "note", or a kind that is left out
    page: str = "cp1252"
    skip: int = 1
    height: str = ""  # "super" or "sub"


@dataclass
class _Reading:
    """The state of one reading: the open groups, the text of the paragraph so far, and the cells of the row so far."""

    builder: DocumentBuilder
    cleaner: Cleaner
    fonts: dict[str, str]
    levels: dict[str, int]
    page: str = "cp1252"
    state: _State = _State()
    groups: list[_State] = field(default_factory=list)
    pieces: dict[str, list[str]] = field(default_factory=dict)
    cells: list[str] = field(default_factory=list)
    raw: bytearray = field(default_factory=bytearray)
    skipped: int = 0
    level: int = 0
    in_table: bool = False
    after_row: bool = False
    notes: list[str] = field(default_factory=list)

    def write(self, text: str) -> None:
        """Append text where the open group's text goes."""
        if self.state.target:
            pieces = self.pieces.setdefault(self.state.target, [])
            pieces.append(at_height(text, self.state.height, "".join(pieces[-1:])))

    def take(self, target: str) -> str:
        """The text of a target since the last call."""
        return "".join(self.pieces.pop(target, []))

    def flush(self) -> None:
        """Decode the bytes that wait: a character of East Asia is written as several."""
        if self.raw:
            self.write(self.raw.decode(self.state.page, errors="replace"))
            self.raw.clear()

    def end_paragraph(self) -> None:
        """Add the paragraph, or a line to the cell of a table."""
        if self.state.target != "text":
            self.write("\n")
            return
        if self.in_table:
            self.write(" ")
            return
        text = self.cleaner.clean(self.take("text")).strip()
        if any(map(str.isalnum, text)):
            self.builder.heading(text, self.level) if self.level else self.builder.add(text)
        self.after_row = False
        self._add_notes()

    def end_row(self) -> None:
        """Add the row."""
        cells = [" ".join(self.cleaner.clean(cell).split()) for cell in self.cells]
        self.cells = []
        if any(cells):
            self.builder.add(SEPARATOR.join(cells).rstrip(), "\n" if self.after_row else "\n\n")
            self.after_row = True
        self._add_notes()

    def _add_notes(self) -> None:
        for note in self.notes:
            self.builder.add(self.cleaner.clean(note))
        self.notes = []

    def close(self) -> None:
        """End a group; what was written aside in it is counted, and a note follows its paragraph."""
        ended = self.state.target
        self.state = self.groups.pop() if self.groups else _State("")
        if ended in ("", "text") or ended == self.state.target:
            return
        text = " ".join(self.take(ended).split())
        if ended == "note":
            self.notes += [f"[*] {text}"] if text else []
            self.write("[*]")
        else:
            self.builder.leave_out(ended, text)


def read_rtf(data: bytes, name: str, limits: Limits) -> Document:
    """The text of an RTF file; rows of tables are lines with " | ", notes follow their paragraphs.

    Raises:
        RetrievalError: not RTF, or its groups are nested too deeply.
        TooLong: more text than the limits allow.
    """
    start = data.lstrip(b"\xef\xbb\xbf \r\n\t")
    if not start.startswith(b"{\\rtf"):
        refuse_disguised(data, name, "an RTF file")
        raise RetrievalError(f"{name} is not an RTF file. Give it the ending of what it is, such as .txt.")
    reading = _Reading(DocumentBuilder(limits.max_chars), Cleaner(), _fonts(start), _levels(start))
    for token in _TOKEN.finditer(_without_binary(start)):
        _read_token(reading, token)
        if len(reading.groups) > MAX_DEPTH:
            raise RetrievalError(f"{name} nests its groups more than {MAX_DEPTH:,} deep, the limit. Save it again.")
        if token.end() and not reading.groups:
            break
    reading.flush()
    reading.state, reading.in_table = _State(), False
    if reading.cells:
        reading.end_row()
    reading.end_paragraph()
    return reading.builder.document(name, reading.cleaner.notes())


def _without_binary(data: bytes) -> bytes:
    """The file without pictures in bytes, which may look like its marks."""
    pieces, place = [], 0
    for match in re.finditer(rb"\\bin(\d{1,9}) ?", data):
        if match.start() >= place:
            pieces.append(data[place : match.start()])
            place = match.end() + int(match[1])
    return b"".join([*pieces, data[place:]])


def _fonts(data: bytes) -> dict[str, str]:
    """The code page of each font."""
    head = data[: data.find(b"\\pard")] if b"\\pard" in data else data[:100_000]
    return {number.decode(): _PAGES.get(int(page), "") for number, page in _FONT.findall(head)}


def _levels(data: bytes) -> dict[str, int]:
    """The heading level of each style that has one, by its outline level or a name such as "heading 2"."""
    start = data.find(b"{\\stylesheet")
    found = {}
    for style in data[start : start + 200_000].split(b"{")[1:] if start >= 0 else ():
        number = re.search(rb"\\s(\d{1,5})\b", style)
        outline = re.search(rb"\\outlinelevel(\d)", style)
        named = re.search(rb"heading (\d)\s*;", style, re.IGNORECASE)
        if number and (outline or named):
            found[number[1].decode()] = int(outline[1]) + 1 if outline else int(named[1]) if named else 0
        if b"}}" in style:
            break
    return found


def _read_token(reading: _Reading, token: re.Match[bytes]) -> None:
    word, number, code, sign, brace, text = token.groups()
    if code is not None:
        if reading.skipped:
            reading.skipped -= 1
        else:
            reading.raw.append(int(code, 16))
        return
    if text is not None and reading.skipped:
        text, reading.skipped = text[reading.skipped :], max(0, reading.skipped - len(text))
    if reading.raw and text and reading.state.page in ("cp932", "cp949", "gb18030", "big5hkscs"):
        reading.raw += text  # the second byte of a character may be a letter of ASCII
        text = None
    reading.flush()
    if brace == b"{":
        reading.groups.append(reading.state)
    elif brace == b"}":
        reading.skipped = 0
        reading.close()
    elif word:
        _read_word(reading, word.decode(), number.decode() if number else "")
    elif sign is not None:
        _read_sign(reading, sign)
    elif text:
        reading.write(text.decode(reading.state.page, errors="replace"))


def _read_sign(reading: _Reading, sign: bytes) -> None:
    if sign == b"*":
        reading.state = replace(reading.state, target="*" if reading.state.target == "text" else reading.state.target)
    elif sign in (b"\n", b"\r"):
        reading.end_paragraph()
    else:
        signs = {b"~": "\u00a0", b"_": "\u2011", b"-": "", b"{": "{", b"}": "}", b"\\": "\\"}
        reading.write(signs.get(sign, ""))


def _read_word(reading: _Reading, word: str, number: str) -> None:
    """One control word."""
    state = reading.state
    if state.target == "*":  # the first word of a group that older programs may skip
        state = reading.state = replace(state, target="text" if word in _STARRED else "")
    if word == "pict" and state.target == "text":
        reading.builder.leave_out("Pictures")
        reading.state = replace(state, target="")
    elif word in _ASIDE and state.target == "text":
        reading.state = replace(state, target=_ASIDE[word])
    elif word == "footnote" and state.target == "text":
        reading.state = replace(state, target="note")
    elif word in _SILENT:
        reading.state = replace(state, target="")
    elif word in _SIGNS:
        reading.write(_SIGNS[word])
    elif word == "u" and number:
        reading.write(chr(int(number) % 65_536))
        reading.skipped = state.skip
    elif word == "uc":
        reading.state = replace(state, skip=int(number or 1))
    else:
        _read_layout(reading, word, number)


def _read_layout(reading: _Reading, word: str, number: str) -> None:
    """A control word that ends a paragraph or a cell, or changes how text is shown."""
    state = reading.state
    if word in ("par", "sect", "page"):
        reading.end_paragraph()
    elif word == "pard":
        reading.level, reading.in_table = 0, False
    elif word == "intbl":
        reading.in_table = True
    elif word in ("cell", "nestcell") and state.target == "text":
        reading.cells.append(reading.take("text"))
    elif word in ("row", "nestrow") and state.target == "text":
        reading.end_row()
    elif word == "s":
        reading.level = reading.levels.get(number, 0)
    elif word == "outlinelevel" and state.target == "text":
        reading.level = int(number) + 1 if number in set("012345678") else 0
    elif word in ("v", "deleted", "super", "sub", "nosupersub"):
        _show_or_hide(reading, word, number)
    elif word in ("ansicpg", "f", "plain"):
        _choose_page(reading, word, number)


def _choose_page(reading: _Reading, word: str, number: str) -> None:
    """Set the code page of what follows; plain text is also shown, and on the line."""
    if word == "plain":
        _show_or_hide(reading, word, number)
    if word == "ansicpg" and number:
        reading.page = _known_page(f"cp{number}")
    page = _font_page(reading, number) if word == "f" else reading.page
    reading.state = replace(reading.state, page=page)


def _show_or_hide(reading: _Reading, word: str, number: str) -> None:
    """Begin or end a stretch that is hidden, deleted, raised or lowered."""
    if word in _HEIGHTS:
        reading.state = replace(reading.state, height=_HEIGHTS[word] if number != "0" else "")
    kinds = {"v": "Hidden texts", "deleted": "Deletions"}
    target, kind = reading.state.target, kinds.get(word, "")
    if kind and number != "0" and target == "text":
        reading.state = replace(reading.state, target=kind)
    elif target in kinds.values() and (kind and number == "0" or word == "plain"):
        reading.builder.leave_out(target, reading.take(target))
        reading.state = replace(reading.state, target="text")


def _font_page(reading: _Reading, number: str) -> str:
    """The code page of a font; a font for Western letters follows the file's page."""
    found = reading.fonts.get(number, "")
    return found if found and found != "cp1252" else reading.page


def _known_page(page: str) -> str:
    try:
        "".encode(page)
    except LookupError:
        return "utf-8" if page == "cp65001" else "cp1252"
    return page
