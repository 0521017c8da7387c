"""Reads an HTML table into lines, one per row; a cell that spans rows is read in each of them."""

import re
from collections.abc import Callable, Iterator

from selectolax.lexbor import LexborNode

SEPARATOR = " | "
MAX_COLUMNS = 200  # to which cells that span columns widen a row
NESTING = 4  # data tables within cells of data tables
_SECTIONS = ("thead", "tbody", "tfoot")


def children(node: LexborNode, tags: tuple[str, ...]) -> Iterator[LexborNode]:
    """The child elements with these tags, in order."""
    child = node.child
    while child is not None:
        if child.tag in tags:
            yield child
        child = child.next


def table_rows(table: LexborNode) -> Iterator[LexborNode]:
    """The rows of a table, without those of tables in its cells; a footer comes last."""
    yield from children(table, ("tr",))
    for names in (("thead",), ("tbody",), ("tfoot",)):
        for section in children(table, names):
            yield from children(section, ("tr",))


def is_data(table: LexborNode, nesting: int) -> bool:
    """Whether a table holds data; one that only arranges a page is read cell by cell, each like a page's block."""
    if table.attributes.get("role") in ("presentation", "none") or nesting >= NESTING:
        return False
    found = [list(children(row, ("td", "th"))) for row in table_rows(table)]
    if max(map(len, found), default=0) < 2 and not table.css("th"):
        return False
    if len(found) == 1 and table.css("td pre"):  # a program beside the numbers of its lines
        return False
    if table.css("td h1, td h2, td h3, td main, td article, td nav, td form"):
        return False
    heads = any(cell.tag == "th" for row in found for cell in row)
    return heads or len(table.css("table")) == 1  # the search begins with the table itself


def rows(table: LexborNode, text_of: Callable[[LexborNode], str]) -> Iterator[str]:
    """One line per row with text; `text_of` reads a cell."""
    below: dict[int, tuple[str, int]] = {}  # column -> the text that a cell above spans to, and for how many rows
    for row in table_rows(table):
        header = row.parent is not None and row.parent.tag == "thead"
        line = _line(row, below, text_of, header)
        if any(map(str.isalnum, "".join(line))):
            title = len(line) > 1 and _is_whole(row) and set(line[1:]) <= {"", line[0]}
            yield line[0] if title else SEPARATOR.join(line)


def _is_whole(row: LexborNode) -> bool:
    """Whether a row has one cell only, so that it spans the whole table."""
    return sum(1 for _ in children(row, ("td", "th"))) == 1


def _line(
    row: LexborNode, below: dict[int, tuple[str, int]], text_of: Callable[[LexborNode], str], header: bool
) -> list[str]:
    """The texts of a row by column; what it spans downwards goes to `below`."""
    line: list[str] = []

    def fill_from_above() -> None:
        while len(line) in below and len(line) < MAX_COLUMNS:
            text, left = below[len(line)]
            if left > 1:
                below[len(line)] = text, left - 1
            else:
                del below[len(line)]
            line.append(text)

    for cell in children(row, ("td", "th")):
        fill_from_above()
        text = text_of(cell)
        down = _span(cell, "rowspan", 100_000)
        for place in range(_span(cell, "colspan", max(1, MAX_COLUMNS - len(line)))):
            # The heads of several columns say what each of them holds; other cells are read once.
            said = text if place == 0 or header or cell.tag == "th" else ""
            if down > 1:
                below[len(line)] = said, down - 1
            line.append(said)
    fill_from_above()
    return line


def _span(cell: LexborNode, name: str, most: int) -> int:
    """How many rows or columns a cell spans; a span of 0 reaches to the end of the table."""
    value = cell.attributes.get(name) or "1"
    if not re.fullmatch(r"\s*\d{1,6}\s*", value):
        return 1
    return min(int(value) or most, most)
