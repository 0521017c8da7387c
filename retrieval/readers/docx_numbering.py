"""The styles of a Word file and the numbers and bullets that Word prints before its paragraphs."""

import re
from collections import defaultdict
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from retrieval.readers.docx_parts import attribute, child, is_on, name_of
from retrieval.readers.numerals import numeral

_HEADING = re.compile(r"heading ([1-9])", re.IGNORECASE)
_PLACE = re.compile(r"%([1-9])")
LEVELS = 9


@dataclass(frozen=True)
class Style:
    """What a paragraph style says, its own and what it inherits; level 0 is no heading."""

    name: str
    level: int
    list_id: str
    list_level: int


@dataclass(frozen=True)
class _Level:
    """How one level of a list is numbered."""

    form: str
    pattern: str
    start: int
    decimal: bool


class Styles:
    """The paragraph and letter styles of a file, by their ids."""

    def __init__(self, part: Element | None) -> None:
        self._elements = {attribute(each, "styleId"): each for each in (part if part is not None else ())}
        self._default = next(
            (
                key
                for key, each in self._elements.items()
                if attribute(each, "type") == "paragraph" and attribute(each, "default") in ("1", "true")
            ),
            "",
        )
        self._paragraphs: dict[str, Style] = {}

    def paragraph(self, style_id: str) -> Style:
        """The style of this id, or the file's default style."""
        key = style_id or self._default
        if key not in self._paragraphs:
            self._paragraphs[key] = self._resolved(key)
        return self._paragraphs[key]

    def is_hidden(self, style_id: str) -> bool:
        """Whether a letter style hides its text."""
        return any(is_on(child(each, "w:rPr", "w:vanish")) for each in self._chain(style_id))

    def _chain(self, key: str) -> list[Element]:
        """A style and those that it is based on."""
        chain: list[Element] = []
        while key in self._elements and self._elements[key] not in chain and len(chain) < 20:
            chain.append(self._elements[key])
            key = attribute(child(chain[-1], "w:basedOn"), "val")
        return chain

    def _resolved(self, key: str) -> Style:
        chain = self._chain(key)
        names = [attribute(child(each, "w:name"), "val") for each in chain]
        outlines = [attribute(child(each, "w:pPr", "w:outlineLvl"), "val") for each in chain]
        lists = [attribute(child(each, "w:pPr", "w:numPr", "w:numId"), "val") for each in chain]
        levels = [attribute(child(each, "w:pPr", "w:numPr", "w:ilvl"), "val") for each in chain]
        return Style(
            name=names[0] if names else "",
            level=_heading_level(names, outlines),
            list_id=next(filter(None, lists), ""),
            list_level=_whole(next(filter(None, levels), "0")),
        )


def _heading_level(names: list[str], outlines: list[str]) -> int:
    """The level by the nearest style that gives one; Word stores the names of its own styles in English."""
    for name, outline in zip(names, outlines, strict=True):
        if name.lower() == "title":
            return 1
        if match := _HEADING.fullmatch(name):
            return int(match[1])
        if outline:
            return _whole(outline) + 1 if _whole(outline) < LEVELS else 0
    return 0


def _whole(text: str) -> int:
    return int(text) if re.fullmatch(r"-?\d{1,9}", text) else 0


@dataclass
class Numbering:
    """The lists of a file, with the numbers given so far. Lists of one definition count on, as in Word."""

    part: Element | None
    _counters: dict[str, list[int | None]] = field(default_factory=lambda: defaultdict(lambda: [None] * LEVELS))
    _begun: set[str] = field(default_factory=set)
    _levels: dict[tuple[str, int], _Level] = field(default_factory=dict)

    def __post_init__(self) -> None:
        elements = list(self.part) if self.part is not None else []
        self._definitions = {attribute(e, "abstractNumId"): e for e in elements if name_of(e) == "w:abstractNum"}
        self._lists = {attribute(e, "numId"): e for e in elements if name_of(e) == "w:num"}

    def label(self, list_id: str, level: int) -> str:
        """The number or bullet before the next entry of a list: "2.1 ", "a) ", "- "; empty for no list."""
        listed = self._lists.get(list_id)
        if listed is None or not 0 <= level < LEVELS:
            return ""
        definition = attribute(child(listed, "w:abstractNumId"), "val")
        levels = [self._level(listed, definition, each) for each in range(level + 1)]
        counters = self._counters[definition]
        self._restart(listed, list_id, counters)
        here = levels[level]
        counters[level] = here.start if counters[level] is None else (counters[level] or 0) + 1
        for below in range(level + 1, LEVELS):
            counters[below] = None
        return self._printed(levels, counters, level)

    def _restart(self, listed: Element, list_id: str, counters: list[int | None]) -> None:
        """Begin anew where a list that overrides its start is used for the first time."""
        if list_id in self._begun:
            return
        self._begun.add(list_id)
        for override in listed:
            if child(override, "w:startOverride") is not None:
                counters[_whole(attribute(override, "ilvl", "0")) % LEVELS] = None

    def _printed(self, levels: list[_Level], counters: list[int | None], level: int) -> str:
        here = levels[level]
        if here.form == "bullet":
            return "- "
        if here.form == "none" and not _PLACE.search(here.pattern):
            return f"{here.pattern.strip()} " if here.pattern.strip() else ""

        def number(match: re.Match[str]) -> str:
            place = int(match[1]) - 1
            if place > level:
                return ""
            value = counters[place]
            form = "decimal" if here.decimal else levels[place].form
            return numeral(levels[place].start if value is None else value, form)

        return f"{_PLACE.sub(number, here.pattern).strip()} "

    def _level(self, listed: Element, definition: str, level: int) -> _Level:
        """One level of a list, with what the list overrides; found once."""
        key = attribute(listed, "numId"), level
        if key not in self._levels:
            self._levels[key] = self._found_level(listed, definition, level)
        return self._levels[key]

    def _found_level(self, listed: Element, definition: str, level: int) -> _Level:
        override = next(
            (e for e in listed if name_of(e) == "w:lvlOverride" and attribute(e, "ilvl") == str(level)), None
        )
        element = child(override, "w:lvl")
        if element is None:
            element = next(
                (
                    e
                    for e in self._definitions.get(definition, ())
                    if name_of(e) == "w:lvl" and attribute(e, "ilvl") == str(level)
                ),
                None,
            )
        start = attribute(child(override, "w:startOverride"), "val") or attribute(child(element, "w:start"), "val", "1")
        return _Level(
            form=attribute(child(element, "w:numFmt"), "val", "decimal"),
            pattern=attribute(child(element, "w:lvlText"), "val", f"%{level + 1}."),
            start=_whole(start),
            decimal=is_on(child(element, "w:isLgl")),
        )
