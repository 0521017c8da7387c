"""PDF: columns, tables, turned pages, form values."""

import pytest

from retrieval.readers.dispatch import read_document
from tests.conftest import Write
from tests.fakes.pdf import raw_pdf, text_pdf

TITLE = "A title that runs over all of the page, from left to right, and so on and on"
BEES = [
    "Bees keep the hive warm in the long",
    "winter by shaking their wings. They",
    "form a ball around the queen and",
    "take turns at its outer edge. A hive",
    "eats fifteen kilos of its honey.",
]
SHORT = [*BEES[:2], "hum to one another in the dark."]
ANTS = [
    "Ants build hills of dry needles above",
    "old tree stumps. The hill leans to",
    "the south so that the sun warms it.",
    "Workers carry the white eggs upward",
    "in the morning and down at night.",
]


def joined(lines: list[str]) -> str:
    return " ".join(lines)


def column(lines: list[str], x: int, top: int = 700) -> list[tuple[int, int, str]]:
    return [(x, top - 14 * place, text) for place, text in enumerate(lines)]


def mixed(*columns: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """Lines of all columns in the order of a typewriter."""
    return sorted((each for lines in columns for each in lines), key=lambda each: (-each[1], each[0]))


@pytest.mark.parametrize(
    ("page", "paragraphs"),
    [
        (mixed(column(BEES, 50), column(ANTS, 300)), [joined(BEES), joined(ANTS)]),
        (column(BEES, 50) + column(ANTS, 300), [joined(BEES), joined(ANTS)]),
        (mixed(column(BEES, 50), column(ANTS, 300, 697)), [joined(BEES), joined(ANTS)]),
        (mixed(column(BEES, 50), column(SHORT, 300)), [joined(BEES), joined(SHORT)]),
        (mixed(column(SHORT, 50), column(ANTS, 300)), [joined(SHORT), joined(ANTS)]),
        (
            [(50, 740, TITLE)] + mixed(column(BEES, 50), column(ANTS, 300)),
            [
                TITLE,
                joined(BEES),
                joined(ANTS),
            ],
        ),
        (mixed(column(BEES, 30), column(ANTS, 220), column(BEES, 410)), [joined(BEES), joined(ANTS), joined(BEES)]),
    ],
)
def test_columns_are_read_one_after_another(
    write: Write, page: list[tuple[int, int, str]], paragraphs: list[str]
) -> None:
    assert read_document(write("a.pdf", text_pdf([page]))).text.split("\n\n") == paragraphs


def row(y: int, *cells: tuple[int, str]) -> list[tuple[int, int, str]]:
    return [(x, y, text) for x, text in cells]


HEAD = row(700, (50, "Part"), (200, "2022"), (300, "2023"))


@pytest.mark.parametrize(
    ("page", "lines"),
    [
        (HEAD + row(684, (50, "Bolts"), (300, "410")) + row(668, (50, "Nuts"), (200, "120")),
         ["Part | 2022 | 2023", "Bolts |  | 410", "Nuts | 120 |"]),
        (HEAD + row(684, (50, "Long bolts for"), (200, "1"), (300, "2")) + row(674, (50, "the deck"))
         + row(650, (50, "Nuts"), (200, "3"), (300, "4")),
         ["Part | 2022 | 2023", "Long bolts for the deck | 1 | 2", "Nuts | 3 | 4"]),
        (row(700, (50, "Name"), (250, "Room")) + row(684, (50, "Ann Ott"), (250, "A 12"))
         + row(668, (50, "Ben Roy"), (250, "B 7")), ["Name | Room", "Ann Ott | A 12", "Ben Roy | B 7"]),
        (row(700, (50, "Name:"), (150, "Ann Ott")) + row(684, (50, "Room:"), (150, "A 12"))
         + row(668, (50, "Floor:"), (150, "2")), ["Name: Ann Ott", "Room: A 12", "Floor: 2"]),
        ([each for x, texts in ((50, ("Part", "Bolts", "Nuts")), (200, ("Price", "7", "9")), (300, ("Stock", "3", "8")))
          for each in column(list(texts), x)], ["Part | Price | Stock", "Bolts | 7 | 3", "Nuts | 9 | 8"]),
        (row(700, (50, "Item"), (120, "What it is for, in some more words"))
         + row(684, (50, "Bolt"), (120, "It holds the deck to the hull of the boat"))
         + row(668, (50, "Nut"), (120, "It goes onto the end of the bolt")),
         ["Item | What it is for, in some more words", "Bolt | It holds the deck to the hull of the boat",
          "Nut | It goes onto the end of the bolt"]),
        (row(700, (50, "Item"), (145, "Qty"), (166, "Price")) + row(684, (50, "Bolts"), (154, "3"), (170, "1.50"))
         + row(668, (50, "Nails"), (149, "12"), (170, "0.25")) + row(652, (50, "Nuts"), (143, "140"), (165, "12.75")),
         ["Item | Qty | Price", "Bolts | 3 | 1.50", "Nails | 12 | 0.25", "Nuts | 140 | 12.75"]),
        (row(700, (50, "Name"), (150, "Phone number")) + row(684, (50, "Ann"), (150, "555 1234"))
         + row(668, (50, "Ben"), (150, "555 98")), ["Name | Phone number", "Ann | 555 1234", "Ben | 555 98"]),
    ],
)  # fmt: skip
def test_a_tables_rows_are_lines_with_empty_cells_in_their_place(
    write: Write, page: list[tuple[int, int, str]], lines: list[str]
) -> None:
    words = "This sentence stands above the table and is as long as the page is wide, or about so."
    page = [(50, 760, words), *page, (50, 600, words)]
    assert read_document(write("a.pdf", text_pdf([page]))).text.split("\n\n") == [words, "\n".join(lines), words]


def test_list_entries_with_a_wide_gap_behind_their_mark_are_no_table(write: Write) -> None:
    page = [each for y, text in ((700, "Take the bolt"), (686, "Turn it twice"), (672, "Put it back"))
            for each in row(y, (50, "-"), (80, text))]  # fmt: skip
    assert read_document(write("a.pdf", text_pdf([page]))).text == "- Take the bolt\n- Turn it twice\n- Put it back"


@pytest.mark.parametrize(
    ("matrix", "x", "y"), [("0 1 -1 0", 100, 100), ("0 -1 1 0", 400, 700), ("-1 0 0 -1", 500, 300)]
)
def test_turned_pages_are_read_as_a_person_turns_them(write: Write, matrix: str, x: int, y: int) -> None:
    a, b, c, d = map(int, matrix.split())
    lines = [*BEES, "", *ANTS]
    stream = "".join(
        f"BT /F1 10 Tf {matrix} {x - 14 * place * c} {y - 14 * place * d} Tm ({text}) Tj ET\n"
        for place, text in enumerate(lines) if text
    )  # fmt: skip
    assert (a, b) != (1, 0)
    text = read_document(write("a.pdf", raw_pdf(stream))).text
    assert text == f"{joined(BEES)}\n\n{joined(ANTS)}"


def test_a_stamp_at_the_margin_does_not_part_the_text(write: Write) -> None:
    stamp = "BT /F1 10 Tf 0 1 -1 0 30 300 Tm (stamped in May) Tj ET\n"
    lines = "".join(f"BT /F1 10 Tf 72 {700 - 14 * place} Td ({text}) Tj ET\n" for place, text in enumerate(BEES))
    assert read_document(write("a.pdf", raw_pdf(stamp + lines))).text == f"{joined(BEES)}\n\nstamped in May"


FIELD = "/Type /Annot /Subtype /Widget /F 4 /P 4 0 R"


def test_typed_values_stand_beside_their_labels(write: Write) -> None:
    stream = "".join(
        f"BT /F1 12 Tf 50 {y} Td ({text}) Tj ET\n"
        for y, text in ((750, "Boat licence"), (720, "Owner"), (690, "Sail"), (660, "Kind"), (630, "Paid"))
    )
    fields = [
        f"<< {FIELD} /FT /Tx /T (a) /V (Maris Quill) /Rect [130 715 330 735] >>",
        f"<< {FIELD} /FT /Btn /T (b) /V /Yes /AS /Yes /Rect [130 687 144 701] "
        "/AP << /N << /Yes 3 0 R /Off 3 0 R >> >> >>",
        f"<< {FIELD} /FT /Ch /Ff 131072 /T (c) /Opt [(sloop) (yawl)] /V (yawl) /Rect [130 655 330 675] >>",
        "<< /Type /Annot /Subtype /FreeText /Contents (in May) /DA (/F1 12 Tf) /Rect [130 625 330 645] >>",
    ]
    document = read_document(write("a.pdf", raw_pdf(stream, fields)))
    assert document.text == "Boat licence\n\nOwner | Maris Quill\nSail | ☒\nKind | yawl\nPaid | in May"
