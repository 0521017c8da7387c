"""Finds columns of a page: of justified text, whose full lines end at the same place, or side by side without rows.

Other columns of ragged lines, which stand in rows, are found by the gaps between them (`pdf_arrange`).
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from retrieval.readers.pdf_layout import Line, Page

FULL_WORDS = 4  # words of a line that shows how wide its column is
JUSTIFIED = 2  # such lines that show where lines end
COLUMN = 3  # such lines that make a column among others
NEAR = 2.5  # letter sizes between the lines of one column
SIDES_TRIED = 5  # left edges of which one may be that of a column
RUN = 1.6  # letter sizes between lines that follow each other
SIDE = 4  # lines of one of two columns that stand side by side
GUTTER = 1.5  # letter sizes between these
ROWS = 0.5  # share of the lines of the shorter one, from which on they are rows of a table
SAME_ROW = 0.35  # letter sizes between the baselines of the pieces of one row
SLACK = 3.0  # points by which lines may reach over the edges of their column


def left_edges(pieces: Sequence[Line], least: int = JUSTIFIED) -> dict[int, list[float]]:
    """Where full lines begin, by the place in whole points, or one beside it, where they end."""
    counts = Counter((round(each.right), round(each.left)) for each in pieces if _is_full(each))
    edges: dict[int, list[float]] = {}
    for (right, left), count in counts.items():
        if count >= least:
            for place in (right - 1, right, right + 1):
                edges.setdefault(place, []).append(left)
    return edges


def _is_full(line: Line) -> bool:
    """Whether a line has words enough to show how wide its column is."""
    return line.text.count(" ") + 1 >= FULL_WORDS


@dataclass(frozen=True)
class _Column:
    """The edges of a column, and between which heights its full lines stand."""

    left: float
    right: float
    top: float
    bottom: float


def parted(pieces: Sequence[Line]) -> Iterator[Page]:
    """The pieces in groups in reading order, those of each column apart; one group where there are no columns."""
    columns = _columns(pieces)
    columns = columns if len(columns) > 1 else _side_by_side(pieces)
    if len(columns) < 2:
        yield list(pieces)
        return
    places = {id(piece): place for place, piece in enumerate(pieces)}
    groups: list[Page] = [[] for _ in range(len(columns) + 1)]  # the last one holds what stands in no column
    for piece in sorted(pieces, key=lambda piece: -piece.base):
        number = _column_of(piece, columns)
        others = groups[:-1] if number is None else groups[-1:]
        if any(others):
            yield from _in_file_order(groups, places)
            groups = [[] for _ in groups]
        groups[-1 if number is None else number].append(
            piece if number is None else replace(piece, margin=columns[number].right)
        )
        places[id(groups[-1 if number is None else number][-1])] = places[id(piece)]
    yield from _in_file_order(groups, places)


def _in_file_order(groups: Sequence[Page], places: dict[int, int]) -> Iterator[Page]:
    for group in groups:
        if group:
            yield sorted(group, key=lambda piece: places[id(piece)])


def _columns(pieces: Sequence[Line]) -> list[_Column]:
    """The columns from left to right; none where they overlap."""
    spans: dict[int, list[Line]] = {}
    for right, lefts in sorted(left_edges(pieces, COLUMN).items()):
        lines = [each for each in pieces if round(each.right) == right and _is_full(each)]
        if lines and not any(abs(known - right) <= 2 for known in spans):
            near = [each for each in pieces if abs(each.right - right) <= 2 and each.left >= min(lefts) - SLACK]
            spans[right] = near
    found = [_column(lines, pieces) for lines in spans.values()]
    narrow = [each for each in found if sum(_holds(each, other) for other in found) < 3]
    narrow.sort(key=lambda column: column.left)
    apart = all(one.right < two.left for one, two in zip(narrow, narrow[1:], strict=False))
    return narrow if apart else []


def _holds(column: _Column, other: _Column) -> bool:
    return column.left - SLACK <= other.left and other.right <= column.right + SLACK


def _column(lines: Sequence[Line], pieces: Sequence[Line]) -> _Column:
    """The column of these full lines, with the lines that follow above and below them."""
    left, right = min(each.left for each in lines), max(each.right for each in lines)
    bases = [each.base for each in lines]
    top, bottom = max(bases), min(bases)
    own = sorted((each for each in pieces if left - SLACK <= each.left and each.right <= right + SLACK), key=_height)
    for each in own:
        if bottom - NEAR * each.size <= each.base < bottom:
            bottom = each.base
    for each in reversed(own):
        if top < each.base <= top + NEAR * each.size:
            top = each.base
    return _Column(left, right, top, bottom)


def _height(line: Line) -> float:
    return -line.base


def _column_of(piece: Line, columns: Sequence[_Column]) -> int | None:
    """The number of the column in which a piece stands; None for one that reaches over several, or stands outside."""
    middle = (piece.left + piece.right) / 2
    over = sum(piece.left < each.right - SLACK and piece.right > each.left + SLACK for each in columns)
    for number, each in enumerate(columns):
        if over == 1 and each.left <= middle <= each.right and each.bottom <= piece.base <= each.top:
            return number
    return None


def _side_by_side(pieces: Sequence[Line]) -> list[_Column]:
    """Two columns whose lines do not stand in rows, as those of a page with a sidebar; none where there are no such."""
    counts = Counter(round(piece.left) for piece in pieces)
    for edge, count in counts.most_common(SIDES_TRIED):
        if count < SIDE:
            break
        for run in _uncrossed(pieces, edge):
            left = [each for each in run if each.right < edge]
            right = [each for each in run if each.left >= edge - 1]
            if len(left) >= SIDE and len(right) >= SIDE and _are_columns(left, right):
                return [_around(left), _around(right)]
    return []


def _uncrossed(pieces: Sequence[Line], edge: int) -> Iterator[Page]:
    """The runs of pieces, from top to bottom, of which none stands in the gutter to the left of an edge."""
    run: Page = []
    for piece in sorted(pieces, key=_height):
        if piece.left < edge - 1 and piece.right > edge - GUTTER * piece.size:
            yield run
            run = []
        else:
            run.append(piece)
    yield run


def _are_columns(left: Page, right: Page) -> bool:
    """Whether both have lines close to each other beside the other one, and few of them share a baseline."""
    bottom = max(min(each.base for each in side) for side in (left, right)) - 1
    top = min(max(each.base for each in side) for side in (left, right)) + 1
    sides = [[each for each in side if bottom <= each.base <= top] for side in (left, right)]
    few, many = sorted(sides, key=len)
    if len(few) < SIDE or not all(2 * _in_runs(side) >= len(side) for side in sides):
        return False
    shared = sum(any(abs(one.base - two.base) <= SAME_ROW * one.size for two in many) for one in few)
    return shared < ROWS * len(few)


def _in_runs(side: Page) -> int:
    """How many lines have another one close below or above."""
    near = [one.base - two.base <= RUN * one.size for one, two in zip(side, side[1:], strict=False)]
    return sum(above or below for above, below in zip([False, *near], [*near, False], strict=True))


def _around(lines: Page) -> _Column:
    return _Column(
        min(each.left for each in lines),
        max(each.right for each in lines),
        max(each.base for each in lines),
        min(each.base for each in lines),
    )
