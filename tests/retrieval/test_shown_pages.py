"""A document is shown page by page, nothing twice and nothing missing, with numbers where parts were left out."""

from dataclasses import replace

from retrieval.document import Document, DocumentBuilder
from retrieval.shown_pages import LEFT_OUT, MOST, TAKEN, marked_text, shown_pages
from retrieval.taken_back import with_taken_back
from tests.retrieval.test_taken_back import built


def joined(document: Document) -> str:
    return "".join(document.text[page.start : page.end] for page in shown_pages(document))


def test_pages_are_those_of_the_file() -> None:
    first, second = shown_pages(built())
    assert (first.label, first.heading, first.parts) == ("1", "Bees", (0, 1))
    assert (second.label, second.heading, second.parts) == ("2", "Ants", (2, 3))
    assert joined(built()) == built().text


def test_a_long_text_is_cut_between_paragraphs() -> None:
    builder = DocumentBuilder(100_000)
    for number in range(60):
        builder.add(f"Paragraph {number}. " + "word " * 40)
    document = builder.document("a.txt")
    pages = shown_pages(document)
    assert joined(document) == document.text
    assert len(pages) > 2
    assert all(page.end - page.start <= MOST for page in pages)
    assert all(document.text[page.start :].startswith("Paragraph") for page in pages)


def test_a_text_without_any_border_is_cut_too() -> None:
    document = Document("a.txt", "x" * (3 * MOST + 5))
    assert [page.end - page.start for page in shown_pages(document)] == [MOST, MOST, MOST, 5]


def test_a_number_stands_where_a_part_is_missing_and_what_was_taken_is_marked() -> None:
    document = built()
    parts = (document.left_out[0], replace(document.left_out[1], taken=True), *document.left_out[2:])
    document = with_taken_back(replace(document, left_out=parts))
    first, second = shown_pages(document)
    assert marked_text(document, first) == [
        ("[1]", LEFT_OUT),
        ("Bees\n\nWho flies?\nBees fly.\n\n", None),
        ("Is it\nso?", TAKEN),
        ("\n\n", None),
    ]
    assert marked_text(document, second) == [
        ("[1]", LEFT_OUT),
        ("Ants\n\nWho walks?\nAnts walk.", None),
        ("[2]", LEFT_OUT),
    ]
