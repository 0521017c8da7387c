"""Puts the pieces of a page into reading order: columns one after another, tables row by row. Knows nothing of PDF.

A piece is a part of a line between wide gaps. Rows that leave the same gap open are a table where their pieces are
short, else columns of prose. Lengths in points, y grows upwards.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import median

from retrieval.readers.pdf_columns import parted
from retrieval.readers.pdf_layout import LABEL_CHARS, Line, Page

SEPARATOR = " | "
GAP = 1.0  # letter sizes between two pieces of one row
WIDE_GAP = 2.0  # the same where two rows are all there is
SAME_ROW = 0.35  # letter sizes between the baselines of the pieces of one row
PROSE_WORDS = 3.5  # median words per piece from which a column is prose
ROW_PITCH = 1.7  # row distance, relative to the usual one, up to which rows are of one region
UNFINISHED_WORDS = 3  # words of a cell that goes on in the next line
WRAPPED = 0.75  # distance to the row above, relative to the usual one, below which an incomplete row continues it

_Gap = tuple[float, float]


@dataclass
class _Row:
    """Pieces on one baseline, from left to right."""

    pieces: list[Line]

    @property
    def base(self) -> float:
        return self.pieces[0].base

    def gaps(self) -> list[_Gap]:
        """The open places between the pieces."""
        return [(one.right, two.left) for one, two in zip(self.pieces, self.pieces[1:], strict=False)]


def arrange(pieces: Sequence[Line], tables: Iterator[int]) -> Page:
    """The lines of a page in reading order; `tables` gives each table its number."""
    return [line for group in parted(pieces) for line in _arranged(group, tables)]


def _arranged(pieces: Sequence[Line], tables: Iterator[int]) -> Page:
    """The lines of a part of a page; one on which no pieces stand side by side stays in the order of the file."""
    rows = _rows(pieces)
    if all(len(row.pieces) == 1 for row in rows):
        return list(pieces)
    places = {id(piece): place for place, piece in enumerate(pieces)}
    parts: list[tuple[int, Page]] = []
    start = 0
    while start < len(rows):
        stop, gaps = _region(rows, start)
        region = rows[start:stop]
        first = min(places[id(piece)] for row in region for piece in row.pieces)
        parts.append((first, _region_lines(region, gaps, tables)))
        start = stop
    in_order = all(one[0] < two[0] for one, two in zip(parts, parts[1:], strict=False))
    parts = parts if in_order else _file_order(parts)
    return [line for _, lines in parts for line in lines]


def _file_order(parts: list[tuple[int, Page]]) -> list[tuple[int, Page]]:
    """Regions in the order of the file, which knows better where columns were drawn one after another."""
    return sorted(parts, key=lambda part: part[0])


def _rows(pieces: Sequence[Line]) -> list[_Row]:
    """The rows of a page from top to bottom."""
    rows: list[_Row] = []
    for piece in sorted(pieces, key=lambda piece: (-piece.base, piece.left)):
        near = rows and rows[-1].base - piece.base <= SAME_ROW * piece.size
        if near and all(piece.left >= each.right - 0.1 * each.size for each in rows[-1].pieces):
            rows[-1].pieces.append(piece)
        elif near and (at := _place_in(rows[-1], piece)) is not None:
            rows[-1].pieces.insert(at, piece)
        else:
            rows.append(_Row([piece]))
    return rows


def _place_in(row: _Row, piece: Line) -> int | None:
    """Where a piece stands in a row; None where it overlaps another."""
    overlaps = any(piece.left < each.right and each.left < piece.right for each in row.pieces)
    return None if overlaps else sum(each.left < piece.left for each in row.pieces)


def _region(rows: Sequence[_Row], start: int) -> tuple[int, list[_Gap]]:
    """The end of the rows from `start` that leave a gap open together, and these gaps; one row where there is none."""
    gaps = _wide(rows[start].gaps(), rows[start])
    stop = start + 1
    last = stop if gaps else start
    pitch = 0.0
    while gaps and stop < len(rows):
        row = rows[stop]
        distance = rows[stop - 1].base - row.base
        if pitch and distance > 2 * ROW_PITCH * pitch:
            break
        kept = _still_open(gaps, row)
        if not kept:
            break
        gaps, pitch, stop = kept, min(pitch or distance, distance), stop + 1
        if len(row.pieces) > 1:
            last = stop
    trailing = _prose_tail(rows, start, last, stop, gaps) if last - start > 2 else last
    end = max(trailing, start + 1)
    return end, _all_gaps(rows[start:end], gaps) if last - start > 1 else []


def _prose_tail(rows: Sequence[_Row], start: int, last: int, stop: int, gaps: list[_Gap]) -> int:
    """The end of a region with the lines below it that only one of its columns has."""
    columns = _columns(rows[start:last], gaps)
    if not all(map(_is_prose, columns)):
        return last
    pitch = median(one.base - two.base for one, two in zip(rows[start:last], rows[start + 1 : last], strict=False))
    while last < stop and rows[last - 1].base - rows[last].base <= ROW_PITCH * pitch:
        last += 1
    return last


def _wide(gaps: Sequence[_Gap], row: _Row) -> list[_Gap]:
    size = max(piece.size for piece in row.pieces)
    return [gap for gap in gaps if gap[1] - gap[0] >= GAP * size]


def _still_open(gaps: Sequence[_Gap], row: _Row) -> list[_Gap]:
    """The gaps that the pieces of a row leave open, narrowed by them."""
    size = max(piece.size for piece in row.pieces)
    kept = []
    for left, right in gaps:
        for piece in row.pieces:
            if piece.left < right and piece.right > left:
                # The piece belongs to the side at which less of the gap is left.
                if piece.left - left <= right - piece.right:
                    left = piece.right
                else:
                    right = piece.left
        if right - left >= GAP * size:
            kept.append((left, right))
    return kept


def _all_gaps(rows: Sequence[_Row], gaps: Sequence[_Gap]) -> list[_Gap]:
    """The gaps that all rows of a region leave open, from the pieces of all of them."""
    pieces = sorted((piece for row in rows for piece in row.pieces), key=lambda piece: piece.left)
    size = median(piece.size for piece in pieces)
    found, right = [], pieces[0].right
    for piece in pieces:
        if piece.left - right >= GAP * size:
            found.append((right, piece.left))
        right = max(right, piece.right)
    wide = any(gap[1] - gap[0] >= WIDE_GAP * size for gap in found)
    return found if len(rows) > 2 or wide or len(found) > 1 else []


def _columns(rows: Sequence[_Row], gaps: Sequence[_Gap]) -> list[list[Line]]:
    """The pieces of each column, from top to bottom."""
    edges = sorted((left + right) / 2 for left, right in gaps)
    columns: list[list[Line]] = [[] for _ in range(len(edges) + 1)]
    for row in rows:
        for piece in row.pieces:
            columns[sum(piece.left >= edge for edge in edges)].append(piece)
    return columns


def _is_prose(column: Sequence[Line]) -> bool:
    """Whether most lines of a column hold several words and reach about as far as the others."""
    if len(column) < 3:
        return False
    width = max(piece.right for piece in column) - min(piece.left for piece in column)
    words = median(len(piece.text.split()) or 1 for piece in column)
    unspaced = median(len(piece.text) for piece in column) >= 12 and words <= 2 and not column[0].text.isascii()
    filled = median((piece.right - piece.left) / (width or 1) for piece in column)
    return (words >= PROSE_WORDS or unspaced) and filled >= 0.6


def _region_lines(rows: Sequence[_Row], gaps: list[_Gap], tables: Iterator[int]) -> Page:
    """The lines of a region: its columns one after another, or one line per row of a table."""
    if not gaps:
        return [_joined(row) for row in rows]
    columns = _columns(rows, gaps)
    if all(map(_is_prose, columns)):
        return [replace(piece, margin=_margin(column)) for column in columns for piece in column]
    return _table(rows, gaps, next(tables))


def _margin(column: Sequence[Line]) -> float:
    return max(piece.right for piece in column)


def _joined(row: _Row) -> Line:
    """A row whose pieces belong together as one line."""
    first, last = row.pieces[0], row.pieces[-1]
    if len(row.pieces) == 1:
        return first
    cells = tuple(piece.text for piece in row.pieces)
    size = min(first.size, row.pieces[1].size) if len(first.text) <= LABEL_CHARS else first.size
    return replace(first, text=" ".join(cells), right=last.right, size=size, drop=last.drop, cells=cells)


def _table(rows: Sequence[_Row], gaps: Sequence[_Gap], number: int) -> Page:
    """One line per row; one that follows closely with empty cells, or amid sentences, continues the row above."""
    edges = _edges(rows, gaps)
    distances = [one.base - two.base for one, two in zip(rows, rows[1:], strict=False)]
    usual = median(distances) if distances else 0.0
    lines: list[tuple[Line, list[str]]] = []
    for place, row in enumerate(rows):
        cells = [""] * (len(edges) + 1)
        for x, text in (part for piece in row.pieces for part in _parts(piece, edges)):
            column = sum(x >= edge for edge in edges)
            cells[column] = f"{cells[column]} {text}".strip()
        close = place > 0 and distances[place - 1] < WRAPPED * usual
        apart = lines and all(cells) and all(lines[-1][1])
        if lines and (close and not apart or _goes_on(lines[-1][1], cells)):
            above = lines[-1][1]
            lines[-1] = lines[-1][0], [f"{one} {two}".strip() for one, two in zip(above, cells, strict=True)]
        else:
            lines.append((row.pieces[0], cells))
    labels = len(edges) == 1 and all(cells[0].endswith(":") or not cells[1] for _, cells in lines)
    joint = " " if labels else SEPARATOR
    right = max(piece.right for row in rows for piece in row.pieces)
    return [replace(line, text=joint.join(cells).strip(), right=right, table=number) for line, cells in lines]


def _goes_on(above: Sequence[str], cells: Sequence[str]) -> bool:
    """Whether each cell of a row goes on with an unfinished one of several words above it."""
    pairs = [(one, two) for one, two in zip(above, cells, strict=True) if two]
    unfinished = all(two[0].islower() and one and one[-1] not in ".!?:;" for one, two in pairs)
    several = any(len(one.split()) >= UNFINISHED_WORDS and " " in two for one, two in pairs)
    return unfinished and several


def _edges(rows: Sequence[_Row], gaps: Sequence[_Gap]) -> list[float]:
    """The places that part the columns: the gaps, and those between numbers that stand close side by side.

    A header over such numbers may reach across the place between them, another row may not.
    """
    edges = sorted((left + right) / 2 for left, right in gaps)
    found = list(edges)
    for column in range(len(edges) + 1):
        own = [[piece for piece in row.pieces if sum(piece.left >= edge for edge in edges) == column] for row in rows]
        several = [pieces for pieces in own if len(pieces) > 1]
        if len(several) < 2 or len({len(pieces) for pieces in several}) > 1:
            continue
        sides = [list(side) for side in zip(*several, strict=True)]
        for one, two in zip(sides, sides[1:], strict=False):
            right, left = max(piece.right for piece in one), min(piece.left for piece in two)
            edge = (left + right) / 2
            if left > right and not any(piece.left < edge < piece.right for pieces in own[1:] for piece in pieces):
                found.append(edge)
    return sorted(found)


def _parts(piece: Line, edges: Sequence[float]) -> list[tuple[float, str]]:
    """The text of a piece and where it begins; of one that reaches over an edge each word and about its middle."""
    if not any(piece.left < edge < piece.right for edge in edges):
        return [(piece.left, piece.text)]
    letter = (piece.right - piece.left) / len(piece.text)
    return [
        (piece.left + letter * (word.start() + word.end()) / 2, word[0]) for word in re.finditer(r"\S+", piece.text)
    ]
