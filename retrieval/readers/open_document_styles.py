"""What the styles of an OpenDocument file say of its text: what is hidden or raised, and how lists are numbered."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from retrieval.readers.html_math import formula_in
from retrieval.readers.numerals import numeral
from retrieval.readers.packed_xml import PackedParts, below, first, local, value

MAX_DEPTH = 10  # levels of lists and of headings
_FORMS = {"a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman", "I": "upperRoman"}
_PATHS = ("styles.xml", "content.xml")


@dataclass(frozen=True)
class ListLevel:
    """How one level of a list is numbered; `shown` is the number of levels printed, as in "2.1"."""

    form: str
    prefix: str
    suffix: str
    shown: int
    start: int


Levels = Mapping[int, ListLevel]


@dataclass(frozen=True)
class TextStyles:
    """The names of styles whose text is hidden, raised ("super") or lowered ("sub"), and the levels of lists.

    `formulas` are the texts of formulas by the path of their object.
    """

    hidden: frozenset[str]
    raised: Mapping[str, str]
    lists: Mapping[str, Levels]
    headings: Levels
    formulas: Mapping[str, str]


@dataclass
class Numbers:
    """The numbers that a list has given so far; a level begins anew below each entry above it."""

    levels: Levels
    _given: dict[int, int] = field(default_factory=dict)

    def label(self, depth: int, start: str = "") -> str:
        """What stands before the next entry at a depth, such as "2.1) "; empty where the level has no numbers."""
        level = self.levels.get(depth)
        if level is None:
            return ""
        given = self._given.get(depth, level.start - 1) + 1
        for deeper in [each for each in self._given if each > depth]:
            del self._given[deeper]
        self._given[depth] = int(start) if start.isdigit() else given
        printed = ".".join(self._number(each) for each in range(max(1, depth - level.shown + 1), depth + 1))
        return f"{level.prefix}{printed}{level.suffix} " if level.form else ""

    def with_levels(self, levels: Levels) -> "Numbers":
        """The same numbers for a list within, which may look otherwise."""
        return self if levels is self.levels else Numbers(levels, self._given)

    def _number(self, depth: int) -> str:
        level = self.levels.get(depth)
        return numeral(self._given.get(depth, level.start), _FORMS.get(level.form, "decimal")) if level else ""


def read_styles(parts: PackedParts) -> TextStyles:
    """The styles of a file."""
    outline = first(parts.parse("styles.xml"), "outline-style")
    return TextStyles(
        hidden=frozenset(value(style, "name") for style in _styles(parts) if _hides(style)),
        raised=dict(_raised(parts)),
        lists={
            value(each, "name"): _levels(each) for path in _PATHS for each in below(parts.parse(path), "list-style")
        },
        headings=_levels(outline) if outline is not None else {},
        formulas=dict(_formulas(parts)),
    )


def _styles(parts: PackedParts) -> Iterator[Element]:
    for path in _PATHS:
        yield from below(parts.parse(path), "style")


def _hides(style: Element) -> bool:
    """Whether text, a sheet or a slide of this style is not shown."""
    return any(
        (local(each) == "text-properties" and value(each, "display") in ("none", "true"))
        or (local(each) == "table-properties" and value(each, "display") == "false")
        or (local(each) == "drawing-page-properties" and value(each, "visibility") == "hidden")
        for each in style
    )


def _raised(parts: PackedParts) -> Iterator[tuple[str, str]]:
    """Styles of letters that stand above or below the line; a position is "super 58%" or "33% 58%"."""
    for style in _styles(parts):
        for each in style:
            place = value(each, "text-position").partition(" ")[0]
            if place == "super" or place.rstrip("%").isdigit() and place.strip("0%"):
                yield value(style, "name"), "super"
            elif place == "sub" or place.startswith("-"):
                yield value(style, "name"), "sub"


def _levels(style: Element) -> dict[int, ListLevel]:
    """The levels of a list's style that are numbered, or those of headings."""
    found = {}
    for each in style:
        depth = value(each, "level")
        if local(each) in ("list-level-style-number", "outline-level-style") and depth.isdigit():
            found[int(depth)] = _level(each)
    return found


def _level(element: Element) -> ListLevel:
    shown, start = value(element, "display-levels", "1"), value(element, "start-value", "1")
    return ListLevel(
        form=value(element, "num-format", "1"),
        prefix=value(element, "num-prefix"),
        suffix=value(element, "num-suffix", "" if value(element, "num-format") else "."),
        shown=int(shown) if shown.isdigit() else 1,
        start=int(start) if start.isdigit() else 1,
    )


def _formulas(parts: PackedParts) -> Iterator[tuple[str, str]]:
    for path, content in parts.contents.items():
        folder, _, file = path.rpartition("/")
        if folder and file == "content.xml" and b"math" in content[:2_000]:
            yield folder, formula_in(content.decode("utf-8", errors="replace"))
