"""XLSX, PPTX and OpenDocument: what a person sees of them, and what is refused."""

import time
from collections.abc import Mapping

import pytest

from retrieval.document import Limits
from retrieval.errors import RetrievalError
from retrieval.readers.dispatch import read_document
from retrieval.readers.number_formats import format_number
from tests.conftest import Write
from tests.fakes.files import labels
from tests.fakes.packed import open_document, packed, relations, rows, shape, slides, workbook

# Spreadsheets


def test_a_workbook_is_read_sheet_by_sheet_row_by_row(write: Write) -> None:
    cells = (
        '<sheetData><row r="1"><c r="A1" t="s"><v>0</v></c><c r="C1" t="s"><v>1</v></c></row>'
        '<row r="2"><c r="A2" t="inlineStr"><is><t>Bolt</t></is></c><c r="C2" s="1"><v>0.19</v></c></row>'
        '<row r="9"><c r="XFD9" t="b"><v>1</v></c></row></sheetData>'
    )
    parts = workbook({"Prices": cells, "More": rows(["b"])}, ["Item", "Tax"], ["0%"])
    document = read_document(write("a.xlsx", packed(parts)))
    assert document.text == "Prices\n\nItem | Tax |\nBolt | 19% |\n\n |  | TRUE\n\nMore\n\nb"
    assert labels(document) == ["Prices", "More"]


def test_what_a_sheet_hides_is_counted_with_its_place(write: Write) -> None:
    cells = (
        '<cols><col min="2" max="2" hidden="1"/></cols><sheetData><row r="1"><c r="A1"><v>1</v></c>'
        '<c r="B1"><v>2</v></c></row><row r="2" hidden="1"><c r="A2"><v>3</v></c></row>'
        '<row r="3"><c r="A3"><f>1+1</f></c></row></sheetData>'
    )
    parts = workbook({"A": cells, "B": rows(["secret"])}, states={"B": "hidden"})
    parts["xl/worksheets/_rels/s0.xml.rels"] = relations([("c", "comments", "../comments1.xml")])
    parts["xl/comments1.xml"] = "<comments><comment><t>ask Ann</t></comment></comments>"
    document = read_document(write("a.xlsx", packed(parts)))
    assert document.text == "A\n\n1"
    assert {(part.kind, part.place, part.text) for part in document.left_out} == {
        ("Cells of hidden columns", "A", "2"),
        ("Hidden rows", "A", "3"),
        ("Formulas without a stored result", "A", "A3: =1+1"),
        ("Comments", "A", "ask Ann"),
        ("Hidden sheets", "B", "B: secret"),
    }


def test_a_merged_cell_reaches_every_row_that_it_spans(write: Write) -> None:
    cells = rows(["North", "Ann"], ["", "Ben"]) + '<mergeCells><mergeCell ref="A1:A2"/></mergeCells>'
    assert "North | Ann\nNorth | Ben" in read_document(write("a.xlsx", packed(workbook({"A": cells})))).text


def test_a_formula_that_gives_no_text_has_a_result_and_escaped_characters_are_read(write: Write) -> None:
    cells = (
        '<sheetData><row><c t="s"><v>0</v></c><c t="str"><f>IF(1,"",2)</f><v></v></c><c t="str"><f>A1</f>'
        "<v>c_x005F_x000D_</v></c></row></sheetData>"
    )
    document = read_document(write("a.xlsx", packed(workbook({"A": cells}, ["a_x000D_\nb_x1"]))))
    assert (document.text, document.sentences) == ("A\n\na b_x1 | c_x000D_", ())


def test_many_merged_cells_cost_little(write: Write) -> None:
    merged = '<mergeCell ref="A1:A2"/>' * 40_000
    cells = rows(*[[str(number), "x"] for number in range(2_000)]) + f"<mergeCells>{merged}</mergeCells>"
    begun = time.process_time()
    read_document(write("a.xlsx", packed(workbook({"A": cells}))))
    assert time.process_time() - begun < 4


def test_a_workbook_of_questions_and_answers_is_a_training_file(write: Write) -> None:
    cells = rows(["question", "answer"], ["When?", "At noon."], ["Where?", "Here."])
    document = read_document(write("a.xlsx", packed(workbook({"A": cells}))))
    assert [(pair.question, pair.answer) for pair in document.pairs] == [("When?", "At noon."), ("Where?", "Here.")]


NOTES = rows(["Place", "Opens"], ["Tower", "At nine."])
PAIRS = rows(["question", "answer", "x"], ["When?", "At noon.", "It closes."], ["Where?", "Here.", "There."])


def test_a_sheet_of_questions_among_others_is_taught_and_the_others_are_read(write: Write) -> None:
    path = write("a.xlsx", packed(workbook({"Notes": NOTES, "FAQ": PAIRS, "Empty": rows(), "More": NOTES})))
    document = read_document(path)
    assert [(pair.question, pair.answer) for pair in document.pairs] == [("When?", "At noon."), ("Where?", "Here.")]
    assert [document.text[pair.start : pair.end] for pair in document.pairs] == ["When?\nAt noon.", "Where?\nHere."]
    assert document.text.count("Place | Opens\nTower | At nine.") == 2
    assert [span.label for span in document.headings] == ["Notes", "FAQ", "More"]
    assert document.table
    assert document.table.roles == (("question", ("question",)), ("answer", ("answer",)))
    chosen = read_document(path, mapping={"question": ["question"], "answer": "x"})
    assert [pair.answer for pair in chosen.pairs] == ["It closes.", "There."]
    assert "Tower | At nine." in chosen.text


def test_several_sheets_of_questions_are_all_taught(write: Write) -> None:
    document = read_document(write("a.xlsx", packed(workbook({"A": PAIRS, "B": PAIRS, "C": NOTES}))))
    assert len(document.pairs) == 4
    assert document.table is None  # there is no one table whose columns could be chosen


def test_a_sheet_whose_header_promises_pairs_that_it_does_not_hold_is_text(write: Write) -> None:
    promised = rows(["question", "answer"], ["", "Nothing was asked."])
    document = read_document(write("a.xlsx", packed(workbook({"A": promised, "B": NOTES}))))
    assert not document.pairs
    assert "Nothing was asked." in document.text


@pytest.mark.parametrize(
    ("stored", "code", "shown"),
    [
        ("45292", "yyyy-mm-dd", "2024-01-01"),
        ("45292.75", "d/m/yy h:mm", "2024-01-01 18:00"),
        ("1.5", "[h]:mm", "36:00"),
        ("0.125", "0.0%", "12.5%"),
        ("-1150", '#,##0.00 "EUR";[Red]-#,##0.00', "-1,150.00 EUR"),
        ("3.5", "[$€-407] 0.00", "€ 3.50"),
        ("7", "000", "007"),
        ("0.30000000000000004", "General", "0.3"),
        ("1E3", "0.00E+00", "1000"),
        ("abc", "0", "abc"),
        ("1234567", '#,##0.0,,"M"', "1.2M"),
        ("-1500", '0.0,"K"', "-1.5K"),
        ("1234567", '#,##0,"k"', "1,235k"),
    ],
)
def test_a_number_is_shown_in_its_format(stored: str, code: str, shown: str) -> None:
    assert format_number(stored, code) == shown


def test_an_ods_takes_no_room_for_repeated_empty_cells(write: Write) -> None:
    body = (
        '<table:table table:name="S"><table:table-column/><table:table-row><table:table-cell><text:p>a</text:p>'
        '</table:table-cell><table:table-cell table:number-columns-repeated="2"><text:p>b</text:p></table:table-cell>'
        '<table:table-cell table:number-columns-repeated="16000"/></table:table-row>'
        '<table:table-row table:number-rows-repeated="1048000"><table:table-cell/></table:table-row>'
        '<table:table-row table:visibility="collapse"><table:table-cell><text:p>c</text:p></table:table-cell>'
        "</table:table-row></table:table>"
    )
    document = read_document(write("a.ods", packed(open_document(body, "spreadsheet"))))
    assert document.text == "S\n\na | b | b"
    assert document.sentences == ("Hidden rows left out: 1.",)


# Presentations


def test_slides_are_pages_under_their_titles(write: Write) -> None:
    table = (
        "<p:graphicFrame><a:tbl><a:tr><a:tc><a:p><a:t>x</a:t></a:p></a:tc><a:tc><a:p><a:t>y</a:t></a:p></a:tc></a:tr>"
        "</a:tbl></p:graphicFrame>"
    )
    parts = slides(
        shape("Plan", "title") + shape("First\nSecond") + table + "<p:pic><p:cNvPr descr='A map'/></p:pic>",
        shape("hidden one"),
        shape("End", "ctrTitle") + shape("7", "sldNum"),
        attributes={1: 'show="0"'},
    )
    parts["ppt/slides/_rels/s0.xml.rels"] = relations([("n", "notesSlide", "../notes/n.xml")])
    parts["ppt/notes/n.xml"] = f"<p:notes xmlns:p='urn:p' xmlns:a='urn:a'>{shape('Say hello')}</p:notes>"
    document = read_document(write("a.pptx", packed(parts)))
    assert document.text == "Plan\n\nFirst\nSecond\n\nx | y\n\nNotes: Say hello\n\nEnd"
    assert [(page.label, document.text[page.start :][:4]) for page in document.pages] == [("1", "Plan"), ("3", "End")]
    assert [(part.kind, part.place) for part in document.left_out] == [
        ("Pictures", "1"),
        ("Hidden slides", "2"),
        ("Slide numbers, dates and footers", "3"),
    ]


def test_an_odp_is_read_page_by_page(write: Write) -> None:
    body = (
        "<draw:page><draw:frame><draw:text-box><text:list><text:list-item><text:p>one</text:p></text:list-item>"
        '</text:list></draw:text-box></draw:frame><draw:frame presentation:class="title"><draw:text-box>'
        "<text:p>Top</text:p></draw:text-box></draw:frame></draw:page>"
    )
    document = read_document(write("a.odp", packed(open_document(body, "presentation"))))
    assert (document.text, labels(document)) == ("Top\n\n- one", ["Top"])


def test_raised_and_lowered_letters_of_slides_and_sheets_are_kept(write: Write) -> None:
    def run(text: str, baseline: str) -> str:
        return f'<a:r><a:rPr baseline="{baseline}"/><a:t>{text}</a:t></a:r>'

    line = f"{run('10', '0')}{run('5 ', '30000')}{run('of H', '0')}{run('2', '-25000')}{run('O', '0')}"
    parts = slides(f"<p:sp><p:txBody><a:p>{line}</a:p></p:txBody></p:sp>")
    assert read_document(write("a.pptx", packed(parts))).text == "10⁵ of H₂O"
    cell = (
        '<c r="A1" t="inlineStr"><is><r><t>10</t></r><r><rPr><vertAlign val="superscript"/></rPr><t>5</t></r>'
        '<r><rPr><vertAlign val="subscript"/></rPr><t>2</t></r></is></c>'
    )
    sheet = workbook({"A": f'<sheetData><row r="1">{cell}</row></sheetData>'})
    assert read_document(write("a.xlsx", packed(sheet))).text.endswith("10⁵₂")


# OpenDocument texts


def test_an_odt_is_read_as_it_is_shown(write: Write) -> None:
    styles = (
        '<style:style style:name="H"><style:text-properties text:display="none"/></style:style>'
        '<text:list-style style:name="N"><text:list-level-style-number text:level="1"/></text:list-style>'
    )
    body = (
        "<text:tracked-changes><text:changed-region><text:deletion><text:p>old</text:p></text:deletion>"
        '</text:changed-region></text:tracked-changes><text:h text:outline-level="1">Guide</text:h>'
        '<text:p>a<text:s text:c="2"/>b<text:note><text:note-citation>1</text:note-citation><text:note-body>'
        "<text:p>see c</text:p></text:note-body></text:note><text:span text:style-name='H'>gone</text:span>"
        "<office:annotation><text:p>why?</text:p></office:annotation></text:p>"
        '<text:list text:style-name="N"><text:list-item><text:p>one</text:p></text:list-item><text:list-item>'
        "<text:p>two</text:p></text:list-item></text:list>"
        '<table:table><table:table-row><table:table-cell table:number-rows-spanned="2"><text:p>N</text:p>'
        "</table:table-cell><table:table-cell><text:p>x</text:p></table:table-cell></table:table-row>"
        "<table:table-row><table:covered-table-cell/><table:table-cell><text:p>y</text:p></table:table-cell>"
        "</table:table-row></table:table>"
    )
    document = read_document(write("a.odt", packed(open_document(body, styles=styles))))
    assert document.text == "Guide\n\na  b[1]\n\n[1] see c\n\n1. one\n2. two\n\nN | x\nN | y"
    assert [(part.kind, part.text) for part in document.left_out] == [
        ("Deletions", "old"),
        ("Hidden texts", "gone"),
        ("Comments", "why?"),
    ]


LEVELS = (
    '<text:list-style style:name="N"><text:list-level-style-number text:level="1" style:num-format="1" '
    'style:num-suffix="."/><text:list-level-style-number text:level="2" style:num-format="a" style:num-suffix=")"/>'
    '<text:list-level-style-number text:level="3" style:num-format="1" style:num-suffix="." text:display-levels="2"/>'
    "</text:list-style>"
)
OUTLINE = (
    '<x xmlns:t="t"><t:outline-style><t:outline-level-style t:level="1" t:num-format="1"/>'
    '<t:outline-level-style t:level="2" t:num-format="1" t:display-levels="2"/></t:outline-style></x>'
)


def test_the_lists_and_chapters_of_an_odt_are_numbered_as_it_shows_them(write: Write) -> None:
    def entries(*texts: str, attributes: str = "") -> str:
        items = "".join(f"<text:list-item>{text}</text:list-item>" for text in texts)
        return f'<text:list text:style-name="N" {attributes}>{items}</text:list>'

    inner = entries("<text:p>by bank</text:p>", f"<text:p>in cash</text:p>{entries('<text:p>coins</text:p>')}")
    body = (
        '<text:h text:outline-level="1">Rent</text:h><text:h text:outline-level="2">Pay</text:h>'
        + entries(f"<text:p>Pay</text:p>{inner}", "<text:p>Keep</text:p>", attributes='xml:id="l1"')
        + '<text:h text:outline-level="2">Care</text:h>'
        + entries("<text:p>Clean</text:p>", attributes='text:continue-list="l1"')
        + "<text:p>New:</text:p>"
        + entries("<text:p>Move</text:p>")
        + entries(entries("<text:p>out</text:p>"), attributes='text:continue-numbering="true"')
    )
    parts = {**open_document(body, styles=LEVELS), "styles.xml": OUTLINE}
    document = read_document(write("a.odt", packed(parts)))
    assert document.text == (
        "1 Rent\n\n1.1 Pay\n\n1. Pay\n  a) by bank\n  b) in cash\n    b.1. coins\n2. Keep\n\n"
        "1.2 Care\n\n3. Clean\n\nNew:\n\n1. Move\n\n  a) out"
    )


def test_raised_letters_and_formulas_of_an_odt_are_read(write: Write) -> None:
    styles = "".join(
        f'<style:style style:name="{name}"><style:text-properties style:text-position="{place} 58%"/></style:style>'
        for name, place in (("U", "super"), ("D", "-33%"), ("N", "0%"))
    )
    body = (
        '<text:p>10<text:span text:style-name="U">5 </text:span>of H<text:span text:style-name="D">2</text:span>O at 1'
        '<text:span text:style-name="N">2</text:span>, <draw:frame><draw:object href="./Object 1"/></draw:frame>'
        "</text:p>"
    )
    formula = "<math xmlns='http://www.w3.org/1998/Math/MathML'><mfrac><mi>a</mi><mn>2</mn></mfrac></math>"
    parts = {**open_document(body, styles=styles), "Object 1/content.xml": formula}
    assert read_document(write("a.odt", packed(parts))).text == "10⁵ of H₂O at 12, a/2"


# Refusals

GOOD: dict[str, Mapping[str, str]] = {
    "a.xlsx": workbook({"A": rows(["text"])}),
    "a.pptx": slides(shape("text")),
    "a.odt": open_document("<text:p>text</text:p>"),
}
BOMB = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'
PARTS = {"a.xlsx": "xl/worksheets/s0.xml", "a.pptx": "ppt/slides/s0.xml", "a.odt": "content.xml"}


@pytest.mark.parametrize("name", GOOD)
def test_a_small_file_of_each_kind_is_read(write: Write, name: str) -> None:
    assert read_document(write(name, packed(GOOD[name]))).text.endswith("text")


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize(
    ("spoil", "limits", "message"),
    [
        (lambda xml: BOMB + xml, Limits(), "declares XML entities"),
        (lambda xml: xml + "<", Limits(), "it is damaged"),
        (
            lambda xml: xml + " " * 3_000_000,
            Limits(max_uncompressed_bytes=2_000_000),
            "unpacks to 3 MB; the limit is 2",
        ),
        (lambda xml: xml + " " * 3_000_000, Limits(max_xml_bytes=2_000_000), "3 MB of XML; the limit is 2"),
        (lambda xml: xml + "<!--x-->" * 10_000, Limits(memory_bytes=1_000_000), "fits into 1 MB of memory"),
    ],
)
def test_bombs_and_damage_are_refused(write: Write, name: str, spoil: object, limits: Limits, message: str) -> None:
    parts = {**GOOD[name], PARTS[name]: spoil(GOOD[name][PARTS[name]])}
    with pytest.raises(RetrievalError, match=rf"^{name} .*{message}.*\.$"):
        read_document(write(name, packed(parts)), limits=limits)


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xd0\xcf\x11\xe0 old", "password-protected or of an old Office format"),
        (b"PK\x03\x04 rest is missing", "it is damaged"),
        (b"plain text", "is not an? "),
        (b"%PDF-1.4", "is a PDF, not an? "),
        (packed({"word/document.xml": "<a/>"}), r"is a Word file, not an? .* ending \.docx"),
    ],
)
def test_files_of_another_kind_are_refused(write: Write, name: str, content: bytes, message: str) -> None:
    with pytest.raises(RetrievalError, match=rf"^{name} {message}.*\.$|^{name} .*{message}.*\.$"):
        read_document(write(name, content))


def test_an_encrypted_odt_is_refused(write: Write) -> None:
    parts = {**GOOD["a.odt"], "META-INF/manifest.xml": "<manifest><encryption-data/></manifest>"}
    with pytest.raises(RetrievalError, match="is password-protected"):
        read_document(write("a.odt", packed(parts)))


def test_a_link_of_an_open_document_says_where_it_leads(write: Write) -> None:
    links = ("https://a.example/x", "#below", "mailto:a@b.example")
    body = "".join(f'<text:p>See <text:a x:href="{each}" xmlns:x="x">it</text:a> now.</text:p>' for each in links)
    document = read_document(write("a.odt", packed(open_document(body))))
    assert document.text == "See it (https://a.example/x) now.\n\nSee it now.\n\nSee it now."


def test_titles_above_the_header_of_a_sheet_are_no_header(write: Write) -> None:
    table = [["No.", "Question", "Answer"], ["1", "When?", "At noon."], ["2", "Where?", "Here."]]
    cells = rows(["Our answers"], ["As of May"], *table)
    document = read_document(write("a.xlsx", packed(workbook({"Old": rows(["Just a note"]), "FAQ": cells}))))
    assert [(pair.question, pair.answer) for pair in document.pairs] == [("When?", "At noon."), ("Where?", "Here.")]
