"""Texts of many alike paragraphs: long enough to train on, short enough to be quick."""

from retrieval.document import Document

CLUB_RULES = "\n\n".join(f"Rule {n} of the club says that member {n} brings biscuit {n} on day {n}." for n in range(60))


def house_rules() -> Document:
    """A text of forty paragraphs."""
    paragraphs = [f"The {n}th rule of the house is to close door {n} before opening door {n + 1}." for n in range(40)]
    return Document("house.txt", "\n\n".join(paragraphs))
