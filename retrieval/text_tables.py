"""Tables in plain text: runs of lines with cells apart by "|". Markdown's and those that readers write."""

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass

# Each part of a line ends where the next begins, so that a long line without a bar is read once.
_LINE = r"(?:[ \t]*\|[^\n]*\|[ \t]*|[^\S\n]*[^\s|][^\n|]*(?<= )\| [^\n]*)"
_TABLE = re.compile(rf"(?:^|(?<=\n)){_LINE}(?:\n{_LINE})+(?=\n|\Z)")
_RULE = re.compile(r"[\s|:-]+")
MAX_HEADER = 200  # characters of a header that every part of its table is found by


@dataclass(frozen=True)
class TextTable:
    """A table in a text: its rows as offsets, end exclusive; the first has the header and a rule of dashes below it."""

    rows: tuple[tuple[int, int], ...]
    header: str

    @property
    def start(self) -> int:
        """The offset of its first row."""
        return self.rows[0][0]

    @property
    def end(self) -> int:
        """The offset behind its last row."""
        return self.rows[-1][1]


def tables_in(text: str) -> list[TextTable]:
    """The tables of a text in order."""
    return [_table(text, found.start(), found.end()) for found in _TABLE.finditer(text)]


def _table(text: str, start: int, end: int) -> TextTable:
    rows = []
    for line in text[start:end].split("\n"):
        rows.append((start, start + len(line)))
        start += len(line) + 1
    header = text[slice(*rows[0])]
    if _RULE.fullmatch(text[slice(*rows[1])]):
        rows[:2] = [(rows[0][0], rows[1][1])]
    return TextTable(tuple(rows), ", ".join(cell for each in header.split("|") if (cell := each.strip()))[:MAX_HEADER])


def header_finder(tables: Sequence[TextTable]) -> Callable[[int], str]:
    """A function from an offset to the header of the table whose later rows it lies in, or an empty string."""
    bodies = [each.rows[0][1] for each in tables]

    def find(offset: int) -> str:
        place = bisect_right(bodies, offset) - 1
        return tables[place].header if place >= 0 and offset < tables[place].end else ""

    return find
