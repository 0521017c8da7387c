"""PDF: marks, letters, justified lines, drop capitals, columns side by side, lines from right to left."""

from itertools import count
from typing import cast

import pytest

from retrieval.compat import Letters
from retrieval.readers.dispatch import read_document
from retrieval.readers.pdf_arrange import arrange
from retrieval.readers.pdf_bidi import pieces_by_place
from retrieval.readers.pdf_columns import parted
from retrieval.readers.pdf_layout import Line, blocks
from retrieval.readers.pdf_pieces import join_pieces
from retrieval.readers.pdf_running import remove_running_lines
from tests.conftest import Write
from tests.fakes.pdf import raw_pdf


def piece(text: str, left: float, right: float, base: float = 700, size: float = 10) -> Line:
    return Line(text, left, base + size, right, base, size)


def texts(pieces: list[Line]) -> list[str]:
    return [each.text for each in pieces]


def drawn(*words: tuple[str, float, float, float]) -> bytes:
    """A page with words of Helvetica at (x, y) in a size."""
    return raw_pdf("".join(f"BT /F1 {size} Tf {x} {y} Td ({text}) Tj ET\n" for text, x, y, size in words))


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([("It weighs 10", 50, 700, 11), ("24", 115, 704, 7), (" kg in all.", 123, 700, 11)],
         "It weighs 10²⁴ kg in all."),
        ([("The yard has 12 m", 50, 700, 11), ("2", 142, 704, 7), (" of grass.", 146, 700, 11)],
         "The yard has 12 m² of grass."),
        ([("All the members", 50, 700, 11), ("1", 131, 704, 7), (", old and new, came.", 135, 700, 11)],
         "All the members 1, old and new, came."),
        ([("On the 19", 50, 700, 11), ("th", 98, 704, 7), (" of May it rained.", 105, 700, 11)],
         "On the 19th of May it rained."),
    ],
)  # fmt: skip
def test_raised_marks_stay_in_their_line(write: Write, words: list[tuple[str, float, float, float]], text: str) -> None:
    assert read_document(write("a.pdf", drawn(*words))).text == text


def test_a_lowered_number_stays_in_its_line() -> None:
    pieces = [piece("Water is H", 50, 100), piece("2", 100, 104, 697, 7), piece("O and wet.", 104, 150)]
    assert texts(join_pieces(pieces)) == ["Water is H₂O and wet."]


def test_letters_that_touch_are_one_word() -> None:
    pieces = [piece("C", 50, 57), piece("on", 57.2, 69), piece("tents", 69, 92), piece("here", 95, 120)]
    assert texts(join_pieces(pieces)) == ["Contents", "here"]


FULL = [piece("These words fill the whole line of it", 50, 300, base) for base in (700, 688)]


def test_a_justified_line_with_wide_blanks_is_one_line() -> None:
    words = [
        piece("extraordinarily", 50, 120, 676),
        piece("unmanageable", 138, 210, 676),
        piece("circumstances", 229, 300, 676),
    ]
    assert texts(join_pieces([*FULL, *words])) == [*texts(FULL), "extraordinarily unmanageable circumstances"]


def test_a_row_that_is_as_wide_as_the_text_above_stays_a_row() -> None:
    row = [piece("Name of the part", 50, 130, 676), piece("its price", 260, 300, 676)]
    assert texts(join_pieces([*FULL, *row])) == [*texts(FULL), "Name of the part", "its price"]


def test_a_drop_capital_begins_the_line_at_its_top() -> None:
    lines = [piece("hen the rain had stopped", 91, 300, 727), piece("the dog slept.", 91, 300, 715)]
    assert texts(join_pieces([piece("W", 50, 91, 700, 40), *lines])) == ["When the rain had stopped", "the dog slept."]


def test_justified_columns_are_read_one_after_another_with_the_table_in_one() -> None:
    left = [piece(f"left line {number} of the text", 50, 280, 700 - 12 * number) for number in range(8)]
    right = [piece(f"right line {number} of the text", 310, 540, 706 - 12 * number) for number in range(3)]
    table = [piece(cell, 310 + 80 * place, 340 + 80 * place, 660 - 14 * row)
             for row in range(3) for place, cell in enumerate((f"Site {row}", f"{row} ha"))]  # fmt: skip
    below = [piece(f"right line {number} of the text", 310, 540, 706 - 12 * number) for number in range(8, 11)]
    title = piece("A title that stands over both of the columns", 120, 480, 730, 16)
    lines = texts(arrange(sorted([title, *left, *right, *table, *below], key=lambda each: -each.base), count(1)))
    assert lines == [title.text, *texts(left), *texts(right), "Site 0 | 0 ha", "Site 1 | 1 ha", "Site 2 | 2 ha",
                     *texts(below)]  # fmt: skip


def sidebar() -> tuple[list[Line], list[Line]]:
    left = [piece(f"Skill {number}", 50, 100, 700 - 12 * number) for number in range(6)]
    right = [piece(f"I did work number {number} there", 200, 400, 706 - 12 * number) for number in range(6)]
    return left, right


def test_a_sidebar_without_rows_is_a_column() -> None:
    left, right = sidebar()
    assert [texts(group) for group in parted([*left, *right])] == [texts(left), texts(right)]


def test_lines_in_rows_are_no_sidebar() -> None:
    left, right = sidebar()
    rows = [*left, *(piece(each.text, 200, 400, other.base) for each, other in zip(right, left, strict=True))]
    assert len(list(parted(rows))) == 1


def test_labels_in_the_middle_of_their_rows_are_no_sidebar() -> None:
    labels = [piece(f"Label {number}", 50, 100, 694 - 40 * number) for number in range(5)]
    text = [
        piece("Words of the row", 200, 400, 700 - 40 * number - 12 * line) for number in range(5) for line in (0, 1)
    ]
    assert len(list(parted([*labels, *text]))) == 1


def table_lines(*rows: tuple[float, list[str]]) -> list[str]:
    pieces = [piece(cell, 50 + 150 * place, 60 + 150 * place + 5 * len(cell), 700 - down)
              for down, cells in rows for place, cell in enumerate(cells) if cell]  # fmt: skip
    return texts(arrange(pieces, count(1)))


def test_a_sentence_in_a_cell_goes_on_in_the_next_line() -> None:
    rows = table_lines(
        (0, ["Item", "Pieces"]), (14, ["Hay bales for the", "40"]), (28, ["lower barn", ""]), (42, ["Straw", "12"])
    )
    assert rows == ["Item | Pieces", "Hay bales for the lower barn | 40", "Straw | 12"]


def test_a_cell_of_two_lines_stands_beside_one_in_their_middle() -> None:
    rows = table_lines((0, ["Part", "Torque"]), (18, ["Bolt", "25"]), (34, ["", "85 (dry) or 70"]), (40, ["Nut", ""]),
                       (46, ["", "When oiled"]), (62, ["Seal", "9"]), (80, ["Ring", "7"]))  # fmt: skip
    assert rows == ["Part | Torque", "Bolt | 25", "Nut | 85 (dry) or 70 When oiled", "Seal | 9", "Ring | 7"]


def test_a_program_keeps_its_lines_and_indents() -> None:
    prose = [piece("This is the text around the program, which fills its line", 50, 300, base) for base in (760, 748)]
    code = [Line(text, left, base + 9, left + 5 * len(text), base, 9, typed=True)
            for text, left, base in [("def run(x):", 50, 720), ("if x:", 70, 709), ("return 1", 90, 698)]]  # fmt: skip
    assert [block.text for block in blocks([[*prose, *code]])][-1] == "def run(x):\n    if x:\n        return 1"


def test_typewritten_text_is_no_program() -> None:
    typed = [("The letter was typed on an old machine and", 700), ("sent on the first of May.", 688)]
    lines = [Line(text, 50, base + 10, 300, base, 10, typed=True) for text, base in typed]
    assert len(blocks([lines])) == 1
    assert "\n" not in blocks([lines])[0].text


BODY = [piece("The body of the text stands here and fills its line well", 50, 550, base) for base in (640, 628, 616)]


def test_a_centred_title_of_two_lines_is_one_heading() -> None:
    title = [
        piece("Nesting of the Marsh Harrier in Small and very Wet", 60, 540, 720, 18),
        piece("Reedbeds", 260, 340, 700, 18),
    ]
    assert [block.text for block in blocks([[*title, *BODY]]) if block.level] == [" ".join(texts(title))]


def test_a_heading_at_the_margin_does_not_go_on_with_a_centred_title() -> None:
    title = [piece("Pump manual", 240, 360, 720, 18), piece("1 Safety", 50, 120, 700, 18)]
    assert [block.text for block in blocks([[*title, *BODY]]) if block.level] == texts(title)


def test_a_large_number_makes_no_heading_of_an_entry(write: Write) -> None:
    words = [("1", 50, 700, 12), ("Wear gloves and keep the key at hand.", 64, 700, 10)]
    body = [("The body of the text stands here and fills all of its line.", 50, 680 - 12 * row, 10) for row in range(3)]
    assert read_document(write("a.pdf", drawn(*words, *body))).headings == ()


def test_a_word_behind_the_text_of_every_page_is_left_out() -> None:
    pages = [[piece(f"Text {number} of the page", 50, 300), piece("DRAFT", 200, 400, 300, 60)] for number in range(3)]
    kept, removed = remove_running_lines(pages)
    assert [texts(page) for page in kept] == [[f"Text {number} of the page"] for number in range(3)]
    assert removed == [(1, "DRAFT"), (2, "DRAFT"), (3, "DRAFT")]


class Places:
    """Letters of 6 points each, at these places of a mirrored page."""

    def __init__(self, seen: str, stored: str) -> None:
        self.lefts = [6.0 * seen.index(letter) for letter in stored]

    def size(self, place: int) -> float:
        """The size of every letter."""
        return 10

    def origin(self, place: int) -> tuple[float, float]:
        """The right end of a letter, as the page is mirrored, and its baseline."""
        return self.lefts[place] + 6, 700

    def loose_box(self, place: int) -> tuple[float, float, float]:
        """The ends and the top of a letter."""
        return self.lefts[place], self.lefts[place] + 6, 710


@pytest.mark.parametrize(
    ("seen", "stored", "text"),
    [
        ("אבגד הו", "דגבא וה", "אבגד הו"),
        ("אב-71:5 דה", "אב5:17- דה", "אב-5:17 דה"),
        ("אב moc.x@ne ג", "אב x.com@en ג", "אב en@x.com ג"),
    ],
)
def test_lines_from_right_to_left_are_read_as_they_are_seen(seen: str, stored: str, text: str) -> None:
    letters = cast(Letters, Places(seen, stored))
    assert texts(list(pieces_by_place(letters, stored, 0))) == [text]
