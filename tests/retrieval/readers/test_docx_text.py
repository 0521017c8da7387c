"""DOCX: the text of paragraphs as Word shows it, and what it does not show."""

import pytest

from retrieval.document import Document
from retrieval.readers.dispatch import read_document
from tests.conftest import Write
from tests.fakes.files import labels
from tests.fakes.word import p, r, style, word_of

BOX = "<w:txbxContent>{}</w:txbxContent>"


def field(code: str, result: str) -> str:
    """A field of Word with its code and its stored result."""
    marks = [f'<w:r><w:fldChar w:fldCharType="{kind}"/></w:r>' for kind in ("begin", "separate", "end")]
    return f"{marks[0]}<w:r><w:instrText>{code}</w:instrText></w:r>{marks[1]}{result}{marks[2]}"


def dropped(document: Document) -> list[tuple[str, str]]:
    return [(part.kind, part.text) for part in document.left_out]


@pytest.mark.parametrize(
    ("content", "text", "kinds"),
    [
        (f"{r('It is ')}<w:del>{r('9')}</w:del><w:ins>{r('11')}</w:ins>{r(' now.')}", "It is 11 now.", ["Deletions"]),
        (f"<w:moveFrom>{r('old')}</w:moveFrom><w:moveTo>{r('moved')}</w:moveTo>", "moved", ["Deletions"]),
        (f"<w:ins><w:del>{r('gone')}</w:del>{r('both')}</w:ins>", "both", ["Deletions"]),
        (f"{r('a ')}<w:sdt><w:sdtContent>{r('Maris')}</w:sdtContent></w:sdt>", "a Maris", []),
        (f"{r('a ')}<w:sdt><w:sdtContent><w:sdt><w:sdtContent>{r('b')}</w:sdtContent></w:sdt></w:sdtContent></w:sdt>",
         "a b", []),
        (f"{r('Name: ')}<w:sdt><w:sdtPr><w:showingPlcHdr/></w:sdtPr><w:sdtContent>{r('Click')}</w:sdtContent></w:sdt>",
         "Name:", ["Empty form fields"]),
        (f"<w:hyperlink>{r('here')}</w:hyperlink><w:smartTag>{r(' we')}</w:smartTag>", "here we", []),
        (r("seen") + r("unseen", "<w:vanish/>") + r("styled", '<w:rStyle w:val="Off"/>'), "seen", ["Hidden texts"] * 2),
        (r("now 15") + r("20", "<w:strike/>"), "now 15", ["Struck-out parts"]),
        (r("10") + r("5", '<w:vertAlign w:val="superscript"/>') + r(" H") + r("2", '<w:vertAlign w:val="subscript"/>'),
         "10⁵ H₂", []),
        (f"{r('See ')}{field('REF x', r('Table 2'))}{r('.')}", "See Table 2.", []),
        (f"{r('By ')}<w:fldSimple w:instr='AUTHOR'>{r('Ann')}</w:fldSimple>", "By Ann", []),
        (f"{r('a ')}{field('IF ' + field('X', r('inner')) + ' = 1', r('yes'))}", "a yes", []),
        ('<w:r><w:t>a</w:t><w:fldChar w:fldCharType="begin"/><w:instrText>EQ \\f(1,2)</w:instrText>'
         '<w:fldChar w:fldCharType="end"/></w:r>', "a1/2", []),
        ('<w:r><w:fldChar w:fldCharType="begin"><w:ffData><w:checkBox><w:checked/></w:checkBox></w:ffData></w:fldChar>'
         '<w:fldChar w:fldCharType="end"/><w:t> yes</w:t></w:r>', "☒ yes", []),
        ('<w:r><w:fldChar w:fldCharType="begin"><w:ffData><w:ddList><w:result w:val="1"/><w:listEntry w:val="red"/>'
         '<w:listEntry w:val="green"/></w:ddList></w:ffData></w:fldChar><w:fldChar w:fldCharType="end"/></w:r>',
         "green", []),
        ('<w:r><w:t>a</w:t><w:noBreakHyphen/><w:t>b</w:t><w:softHyphen/><w:sym w:font="Symbol" w:char="F061"/>'
         '<w:sym w:font="Wingdings" w:char="F0FC"/></w:r>', "a-bα✓", []),
        ("<m:oMath><m:f><m:num><m:r><m:t>a+b</m:t></m:r></m:num><m:den><m:r><m:t>2</m:t></m:r></m:den></m:f></m:oMath>",
         "(a+b)/2", []),
        ("<m:oMathPara><m:oMath><m:sSup><m:e><m:r><m:t>x</m:t></m:r></m:e><m:sup><m:r><m:t>2</m:t></m:r></m:sup>"
         "</m:sSup><m:r><m:t>=</m:t></m:r><m:rad><m:deg/><m:e><m:r><m:t>y</m:t></m:r></m:e></m:rad></m:oMath>"
         "</m:oMathPara>", "x²=√(y)", []),
        ("<m:oMath><m:acc><m:e><m:r><m:t>y</m:t></m:r></m:e></m:acc><m:bar><m:barPr><m:pos m:val='top'/></m:barPr><m:e>"
         "<m:r><m:t>z</m:t></m:r></m:e></m:bar></m:oMath>", "\u0177z\u0305", []),
        ("<w:r><w:ruby><w:rt><w:r><w:t>kan</w:t></w:r></w:rt><w:rubyBase><w:r><w:t>漢</w:t></w:r></w:rubyBase></w:ruby>"
         "</w:r>", "漢", []),
    ],
)  # fmt: skip
def test_a_paragraph_says_what_word_shows(write: Write, content: str, text: str, kinds: list[str]) -> None:
    document = read_document(write("a.docx", word_of(p(content))))
    assert document.text == text
    assert [kind for kind, _ in dropped(document)] == kinds


@pytest.mark.parametrize(
    "drawing",
    [
        f"<w:pict><v:shape><v:textbox>{BOX}</v:textbox></v:shape></w:pict>",
        f"<w:drawing><a:graphic><wps:wsp><wps:txbx>{BOX}</wps:txbx></wps:wsp></a:graphic></w:drawing>",
        "<mc:AlternateContent><mc:Choice Requires='wps'><w:drawing><wps:wsp><wps:txbx>" + BOX + "</wps:txbx></wps:wsp>"
        "</w:drawing></mc:Choice><mc:Fallback><w:pict><v:textbox>" + BOX + "</v:textbox></w:pict></mc:Fallback>"
        "</mc:AlternateContent>",
        "<mc:AlternateContent><mc:Choice Requires='new'><w:drawing/></mc:Choice><mc:Fallback><w:pict><v:textbox>" + BOX
        + "</v:textbox></w:pict></mc:Fallback></mc:AlternateContent>",
    ],
)  # fmt: skip
def test_a_text_box_is_read_once_after_its_paragraph(write: Write, drawing: str) -> None:
    body = p(f"{r('See the box.')}<w:r>{drawing.replace('{}', p('The code is 7391.'))}</w:r>") + p("After it.")
    assert read_document(write("a.docx", word_of(body))).text == "See the box.\n\nThe code is 7391.\n\nAfter it."


def test_the_words_of_a_diagram_are_read(write: Write) -> None:
    data = '<d xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"><a:t>Pump</a:t><a:t>Tank</a:t></d>'
    body = p('<w:r><w:t>Plan:</w:t><w:drawing><dgm:relIds r:dm="diagramData1"/></w:drawing></w:r>')
    document = read_document(write("a.docx", word_of(body, diagramData1=data)))
    assert document.text.split() == ["Plan:", "Pump", "Tank"]


def test_notes_follow_their_paragraph_and_comments_are_left_out(write: Write) -> None:
    notes = f'<w:footnote w:id="7">{p("Seen in May.")}</w:footnote>'
    ends = f'<w:endnote w:id="7">{p("Or June.")}</w:endnote>'
    comments = f'<w:comment w:id="3">{p("Is it so?")}</w:comment>'
    marks = '<w:r><w:footnoteReference w:id="7"/><w:endnoteReference w:id="7"/><w:commentReference w:id="3"/></w:r>'
    data = word_of(p("Bees", style("H1")) + p(r("They hum.") + marks) + p("So."), footnotes=notes, endnotes=ends,
                   comments=comments)  # fmt: skip
    document = read_document(write("a.docx", data))
    assert document.text == "Bees\n\nThey hum.[1][i]\n\n[1] Seen in May.\n\n[i] Or June.\n\nSo."
    assert dropped(document) == [("Comments", "Is it so?")]
    assert document.left_out[0].place == "Bees"


def test_headers_come_once_without_the_numbers_of_pages(write: Write) -> None:
    page = field("PAGE", r("3"))
    section = (
        '<w:sectPr><w:headerReference w:type="{}" r:id="header1"/><w:footerReference r:id="footer1"/>'
        '<w:footerReference w:type="even" r:id="footer2"/></w:sectPr>'
    )
    body = p("One.", section.format("default")) + p("Two.") + section.format("first")
    data = word_of(body, header1=p("Harbour Office"), footer1=p(f"{r('Page ')}{page}"), footer2=p("Only on even pages"))
    document = read_document(write("a.docx", data))
    assert document.text == "Harbour Office\n\nOne.\n\nTwo."
    assert "Page numbers left out: 2." in document.sentences


def test_a_paragraph_whose_end_is_deleted_goes_on_in_the_next(write: Write) -> None:
    body = p("It goes", "<w:rPr><w:del/></w:rPr>") + p(" on.") + p("More.")
    assert read_document(write("a.docx", word_of(body))).text == "It goes on.\n\nMore."


def test_headings_are_known_by_their_outline_and_what_their_style_is_based_on(write: Write) -> None:
    body = p("One", style("H1")) + p("Two", style("Own")) + p("Three", '<w:outlineLvl w:val="2"/>') + p("text")
    assert labels(read_document(write("a.docx", word_of(body)))) == ["One", "One > Two", "One > Two > Three"]


def test_a_strict_word_file_is_read(write: Write) -> None:
    data = word_of(p("One", style("H1")) + p("text"), space="http://purl.oclc.org/ooxml/wordprocessingml/main")
    document = read_document(write("a.docx", data))
    assert (document.text, labels(document)) == ("One\n\ntext", ["One"])


PICTURE = '<w:r><w:drawing><x:docPr xmlns:x="wp" descr="{}"/></w:drawing></w:r>'


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (f"{r('See ')}<w:hyperlink r:id='k1'>{r('our site')}</w:hyperlink>{r('.')}", "See our site (https://a.example/x)."),
        (f"<w:hyperlink r:id='k1'>{r('https://a.example/x')}</w:hyperlink>", "https://a.example/x"),
        (f"<w:hyperlink r:id='k2'>{r('write')}</w:hyperlink><w:hyperlink w:anchor='b'>{r(' below')}</w:hyperlink>",
         "write below"),
        (field('HYPERLINK "https://b.example/"', r("old page")) + r(" too"), "old page (https://b.example/) too"),
        (field('HYPERLINK \\l "below"', r("below")), "below"),
        (r("Plan:") + PICTURE.format("The fuse box is beside the door"), "Plan: The fuse box is beside the door"),
        (r("Plan") + PICTURE.format("A dog&#10;&#10;Description automatically generated"), "Plan"),
        (r("Plan") + PICTURE.format("scan 1.png"), "Plan scan 1.png"),
        (r("Plan") + PICTURE.format("scan1.png"), "Plan"),
        (r("Name:") + r("Click here", '<w:rStyle w:val="PlaceholderText"/>'), "Name:"),
    ],
)  # fmt: skip
def test_links_and_pictures_say_what_the_author_wrote(write: Write, content: str, text: str) -> None:
    links = {"k1": "https://a.example/x", "k2": "mailto:a@b.example"}
    assert read_document(write("a.docx", word_of(p(content) + p("end"), links=links))).text == f"{text}\n\nend"


def test_a_link_of_a_note_does_not_get_an_address_of_the_body(write: Write) -> None:
    note = f'<w:footnote w:id="1"><w:p><w:hyperlink r:id="k1">{r("there")}</w:hyperlink></w:p></w:footnote>'
    body = p(f'{r("Here")}<w:r><w:footnoteReference w:id="1"/></w:r>')
    document = read_document(write("a.docx", word_of(body, links={"k1": "https://a.example"}, footnotes=note)))
    assert document.text == "Here[1]\n\n[1] there"


CONTENTS_STYLE = '<w:style w:type="paragraph" w:styleId="V1"><w:name w:val="toc 1"/></w:style>'


def test_a_table_of_contents_is_left_out_and_counted(write: Write) -> None:
    begin, middle, end = (f'<w:r><w:fldChar w:fldCharType="{kind}"/></w:r>' for kind in ("begin", "separate", "end"))
    code = "<w:r><w:instrText> TOC 1 </w:instrText></w:r>"
    tab = "<w:r><w:tab/></w:r>"
    body = (
        p(f"{begin}{code}{middle}{r('1 Noise')}{tab}{r('3')}")
        + p(f"{r('2 Waste')}{tab}{r('12')}")
        + p(f"{r('No entry of it')}{end}")
        + p(f"{r('3 Water')}{tab}{r('9')}", style("V1"))
        + p(f"{r('Room')}{tab}{r('12')}")
    )
    document = read_document(write("a.docx", word_of(body, styles=CONTENTS_STYLE)))
    assert document.text == "No entry of it\n\nRoom\t12"
    assert dropped(document) == [("Tables of contents", each) for each in ("1 Noise 3", "2 Waste 12", "3 Water 9")]
