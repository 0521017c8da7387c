"""DOCX: numbers that Word prints, tables, and blocks within blocks."""

import pytest

from retrieval.errors import RetrievalError
from retrieval.readers.dispatch import read_document
from tests.conftest import Write
from tests.fakes.files import labels
from tests.fakes.word import STYLES, p, style, word_of


def level(place: int, form: str, pattern: str, more: str = "", start: int = 1) -> str:
    return (
        f'<w:lvl w:ilvl="{place}"><w:start w:val="{start}"/><w:numFmt w:val="{form}"/>{more}'
        f'<w:lvlText w:val="{pattern}"/></w:lvl>'
    )


def numbering(*levels: str, more: str = "") -> str:
    """One definition with these levels, the list 1 of it, and further lists."""
    return (
        f'<w:abstractNum w:abstractNumId="0">{"".join(levels)}</w:abstractNum>'
        f'<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>{more}'
    )


def entry(text: str, place: int = 0, number: int = 1) -> str:
    return p(text, f'<w:numPr><w:ilvl w:val="{place}"/><w:numId w:val="{number}"/></w:numPr>')


def cell(content: str, settings: str = "") -> str:
    content = content if content.startswith("<") else p(content)
    return f"<w:tc><w:tcPr>{settings}</w:tcPr>{content}</w:tc>"


def table(*rows: str) -> str:
    return f"<w:tbl>{''.join(f'<w:tr>{row}</w:tr>' for row in rows)}</w:tbl>"


def span(columns: int) -> str:
    return f'<w:gridSpan w:val="{columns}"/>'


@pytest.mark.parametrize(
    ("levels", "body", "lines"),
    [
        ([level(0, "decimal", "%1.")], entry("a") + entry("b"), ["1. a", "2. b"]),
        ([level(0, "decimal", "%1."), level(1, "lowerLetter", "%2)")],
         entry("a") + entry("b", 1) + entry("c", 1) + entry("d") + entry("e", 1),
         ["1. a", "  a) b", "  b) c", "2. d", "  a) e"]),
        ([level(0, "upperRoman", "%1"), level(1, "decimal", "%1.%2", "<w:isLgl/>")], entry("a") + entry("b", 1),
         ["I a", "  1.1 b"]),
        ([level(0, "bullet", "·")], entry("a") + entry("b"), ["- a", "- b"]),
        ([level(0, "decimal", "Điều %1.", start=5)], entry("a") + p("text") + entry("b"),
         ["Điều 5. a", "", "text", "", "Điều 6. b"]),
        ([level(0, "decimal", "%1.")], entry("a") + entry("none", number=0) + entry("b"),
         ["1. a", "", "none", "", "2. b"]),
    ],
)  # fmt: skip
def test_the_numbers_that_word_prints_are_text(write: Write, levels: list[str], body: str, lines: list[str]) -> None:
    document = read_document(write("a.docx", word_of(body, numbering=numbering(*levels))))
    assert document.text.split("\n") == lines


def test_headings_carry_the_number_of_their_style(write: Write) -> None:
    styles = STYLES.replace(
        '<w:name w:val="heading 1"/>',
        '<w:name w:val="heading 1"/><w:pPr><w:numPr><w:numId w:val="1"/></w:numPr></w:pPr>',
    ).replace(
        '<w:name w:val="heading 2"/>',
        '<w:name w:val="heading 2"/><w:pPr><w:numPr><w:ilvl w:val="1"/><w:numId w:val="1"/></w:numPr></w:pPr>',
    )
    lists = numbering(level(0, "decimal", "%1"), level(1, "decimal", "%1.%2"))
    body = p("Scope", style("H1")) + p("Aim", style("H2")) + p("text") + p("Terms", style("H1"))
    document = read_document(write("a.docx", word_of(body, styles=styles, numbering=lists)))
    assert labels(document) == ["1 Scope", "1 Scope > 1.1 Aim", "2 Terms"]


def test_lists_of_one_definition_count_on_unless_they_start_anew(write: Write) -> None:
    more = (
        '<w:num w:numId="2"><w:abstractNumId w:val="0"/></w:num><w:num w:numId="3"><w:abstractNumId w:val="0"/>'
        '<w:lvlOverride w:ilvl="0"><w:startOverride w:val="1"/></w:lvlOverride></w:num>'
    )
    body = entry("a") + entry("b", number=2) + entry("c", number=3) + entry("d", number=3)
    data = word_of(body, numbering=numbering(level(0, "decimal", "%1."), more=more))
    assert read_document(write("a.docx", data)).text == "1. a\n2. b\n1. c\n2. d"


@pytest.mark.parametrize(
    ("rows", "lines"),
    [
        ([cell("a") + cell("b"), cell("both", span(2)), cell("c") + cell("d")], ["a | b", "both", "c | d"]),
        ([cell("a", span(2)) + cell("b"), cell("c") + cell("d") + cell("e")], ["a |  | b", "c | d | e"]),
        ([cell("Mon", '<w:vMerge w:val="restart"/>') + cell("Ann"), cell("", "<w:vMerge/>") + cell("Ben")],
         ["Mon | Ann", "Mon | Ben"]),
        ([cell("a") + cell(""), cell("b") + cell("c")], ["a |", "b | c"]),
        ([cell("a") + cell(p("b") + p("c"))], ["a | b c"]),
        ([cell("a") + cell(table(cell("x") + cell("y"), cell("z") + cell("w")) + p(""))], ["a | x, y; z, w"]),
        ([f"<w:sdt><w:sdtContent>{cell('a')}</w:sdtContent></w:sdt>" + cell("b")], ["a | b"]),
        (['<w:trPr><w:gridBefore w:val="1"/></w:trPr>' + cell("b") + cell("c"), cell("1") + cell("2") + cell("3")],
         ["| b | c", "1 | 2 | 3"]),
    ],
)  # fmt: skip
def test_a_tables_rows_are_lines(write: Write, rows: list[str], lines: list[str]) -> None:
    assert read_document(write("a.docx", word_of(p("x") + table(*rows)))).text == "\n".join(["x", "", *lines])


def test_a_deleted_row_is_left_out_and_counted(write: Write) -> None:
    body = table(cell("a") + cell("b"), "<w:trPr><w:del/></w:trPr>" + cell("c") + cell("d"))
    document = read_document(write("a.docx", word_of(body)))
    assert (document.text, document.sentences) == ("a | b", ("Deletions left out: 1.",))


def test_a_table_of_one_column_is_read_as_blocks(write: Write) -> None:
    body = table(cell(p("Frame", style("H1")) + p("one") + table(cell("a") + cell("b"))), cell("two"))
    document = read_document(write("a.docx", word_of(body)))
    assert (document.text, labels(document)) == ("Frame\n\none\n\na | b\n\ntwo", ["Frame"])


@pytest.mark.parametrize(
    "wrapped",
    [
        "<w:sdt><w:sdtContent>{}</w:sdtContent></w:sdt>",
        "<w:sdt><w:sdtContent><w:sdt><w:sdtContent>{}</w:sdtContent></w:sdt></w:sdtContent></w:sdt>",
        "<w:customXml>{}</w:customXml>",
        "<w:ins>{}</w:ins>",
    ],
)
def test_blocks_within_blocks_are_read(write: Write, wrapped: str) -> None:
    body = wrapped.replace("{}", p("Cover", style("H1")) + p("text"))
    document = read_document(write("a.docx", word_of(body + p("end"))))
    assert (document.text, labels(document)) == ("Cover\n\ntext\n\nend", ["Cover"])


def test_parts_nested_without_end_are_refused(write: Write) -> None:
    opened, closed = "<w:sdt><w:sdtContent>", "</w:sdtContent></w:sdt>"
    with pytest.raises(RetrievalError, match=r"^a\.docx nests its parts too deeply"):
        read_document(write("a.docx", word_of(f"{opened * 5_000}{p('a')}{closed * 5_000}")))
