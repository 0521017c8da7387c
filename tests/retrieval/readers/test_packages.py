"""RTF, EPUB, EML, notebooks, TeX, programs and ZIP archives: what is read of them, and what is refused."""

import io
import json
import stat
import time
import zipfile
from email.message import EmailMessage

import pytest

from retrieval.document import Document, Limits
from retrieval.errors import RetrievalError
from retrieval.readers.archive import read_archive
from retrieval.readers.dispatch import read_document
from tests.conftest import Write
from tests.fakes.files import jsonl, labels
from tests.fakes.packed import packed

# RTF


def test_an_rtf_is_read_with_headings_tables_and_notes(write: Write) -> None:
    text = (
        r"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0\fcharset0 Arial;}{\f1\fcharset204 Arial;}}{\stylesheet{\s1 heading 1;}}"
        r"\pard\s1 Guide\par\pard Caf\'e9 \u8364? 5{\footnote see b} {\v secret}{\deleted old}{\f1\'cf}\par"
        r"\trowd\intbl a\cell b\cell\row\intbl c\cell d\cell\row\pard{\pict 89504e47}{\*\unknown gone}"
        r"{\field{\*\fldinst HYPERLINK x}{\fldrslt link}}\par{\header Head}}"
    )
    document = read_document(write("a.rtf", text))
    assert document.text == "Guide\n\nCafé € 5[*] П\n\n[*] see b\n\na | b\nc | d\n\nlink"
    assert labels(document) == ["Guide"]
    assert {(part.kind, part.text) for part in document.left_out} == {
        ("Hidden texts", "secret"),
        ("Deletions", "old"),
        ("Headers", "Head"),
    }
    assert "Pictures left out: 1." in document.sentences  # its bytes are no text that could be taken back


def test_an_rtfs_raised_letters_and_list_numbers_are_kept(write: Write) -> None:
    text = (
        r"{\rtf1\pard 10{\super 5 }of H{\sub 2}O, x\super 2\nosupersub , the 19{\super th}{\super{\footnote\plain a}}."
        r"\par{\pntext\f0 1.\tab}{\*\pn\pnlvlbody{\pntxta.}}Pay\par{\listtext 2.\tab}Keep\par}"
    )
    document = read_document(write("a.rtf", text))
    assert document.text == "10⁵ of H₂O, x², the 19th[*].\n\n[*] a\n\n1.\tPay\n\n2.\tKeep"


def test_an_rtf_decodes_characters_of_two_bytes(write: Write) -> None:
    text = r"{\rtf1{\fonttbl{\f0\fcharset128 M;}}\f0 \'93\'fa\'96\'7b\par}"
    assert read_document(write("a.rtf", text)).text == "日本"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("plain", "is not an RTF file"),
        (b"%PDF-1.4", "is a PDF, not an RTF file"),
        (r"{\rtf1" + "{" * 20_000, "more than 10,000 deep"),
        (r"{\rtf1}", "no text"),
        (r"{\rtf1 " + "word " * 300, "more than 1,000 characters"),
    ],
)
def test_a_bad_rtf_is_refused(write: Write, content: str | bytes, message: str) -> None:
    with pytest.raises(RetrievalError, match=rf"^a\.rtf .*{message}.*\.$"):
        read_document(write("a.rtf", content), limits=Limits(max_chars=1_000))


# EPUB


def book(**more: str) -> bytes:
    """An e-book of two chapters and a table of contents."""
    items = "".join(
        f'<item id="{key}" href="{key}.xhtml" media-type="application/xhtml+xml" {more}/>'
        for key, more in (("two", ""), ("one", ""), ("nav", 'properties="nav"'))
    )
    spine = "".join(f'<itemref idref="{key}"/>' for key in ("nav", "one", "two"))
    page = "<html xmlns='http://www.w3.org/1999/xhtml'><head><title>t</title></head><body>{}</body></html>"
    parts = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": '<container><rootfile full-path="b/b.opf"/></container>',
        "b/b.opf": f"<package><manifest>{items}</manifest><spine>{spine}</spine></package>",
        "b/nav.xhtml": page.format("<p>contents</p>"),
        "b/one.xhtml": "<!DOCTYPE html>" + page.format("<h1>One</h1><p>first</p>"),
        "b/two.xhtml": page.format("<h1>Two</h1><table><tr><th>a</th><th>b</th></tr></table>"),
    }
    return packed({**parts, **more})


def test_an_epub_is_read_in_the_order_of_its_spine(write: Write) -> None:
    document = read_document(write("a.epub", book()))
    assert (document.text, labels(document)) == ("One\n\nfirst\n\nTwo\n\na | b", ["One", "Two"])
    assert document.sentences == ("Tables of contents left out: 1.",)


@pytest.mark.parametrize(
    "empty", ["<title/>", "<title />", "<script src='a.js'/>", '<style type="a>b"/>', "<meta name='a'/>"]
)
def test_an_element_that_xml_closes_at_once_does_not_hold_the_rest_of_its_chapter(write: Write, empty: str) -> None:
    page = (
        f"<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'><head>{empty}</head><body>"
        "<h1><a id='p1'/>One</h1><p>first<br/>second<i/></p></body></html>"
    )
    document = read_document(write("a.epub", book(**{"b/one.xhtml": page, "b/two.xhtml": page.replace("One", "Two")})))
    assert document.text == "One\n\nfirst\nsecond\n\nTwo\n\nfirst\nsecond"
    assert labels(document) == ["One", "Two"]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"META-INF/encryption.xml": '<e><EncryptionMethod Algorithm="aes"/></e>'}, "protected against copying"),
        ({"b/b.opf": '<!DOCTYPE x [<!ENTITY a "b">]><package/>'}, "declares XML entities"),
        ({"b/b.opf": "<package"}, "it is damaged"),
        ({"b/b.opf": "<package/>"}, "no text"),
    ],
)
def test_a_bad_epub_is_refused(write: Write, more: dict[str, str], message: str) -> None:
    with pytest.raises(RetrievalError, match=rf"^a\.epub .*{message}.*\.$"):
        read_document(write("a.epub", book(**more)))


# EML


@pytest.mark.parametrize(
    ("more", "sent", "text"),
    [
        ("", "The hall \r\nis big.\r\n\r\n> It is \r\n> old.\r\n>> So? \r\nNo.\r\n- a\r\n- b",
         "The hall is big.\n\n> It is old.\n>> So?\nNo.\n- a\n- b"),
        ("; delsp=yes", "yester \r\nday, the \r\n  man\r\n-- \r\nAnn", "yesterday, the man\n--\nAnn"),
    ],
)  # fmt: skip
def test_lines_of_a_message_that_flow_are_joined(write: Write, more: str, sent: str, text: str) -> None:
    head = f"From: a@example.org\r\nContent-Type: text/plain; format=flowed{more}\r\n\r\n"
    assert read_document(write("a.eml", (head + sent).encode())).text.partition("\n\n")[2] == text


def test_a_message_is_read_with_its_page_and_its_attachments_counted(write: Write) -> None:
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = "Gäste", "a@example.org", "b@example.org"
    mail.set_content("plain words")
    mail.add_alternative("<h2>Hi</h2><p>Dear <b>Ben</b></p><img src='http://example.org/x.png'>", subtype="html")
    mail.add_attachment(b"x", maintype="application", subtype="pdf", filename="bill.pdf")
    document = read_document(write("a.eml", mail.as_bytes()))
    assert document.text == "Gäste\n\nFrom: a@example.org\nTo: b@example.org\n\nHi\n\nDear Ben"
    assert [(part.kind, part.text) for part in document.left_out] == [
        ("Second forms of the same text", "text/plain"),
        ("Attachments", "bill.pdf"),
    ]


@pytest.mark.parametrize(
    ("forms", "text"),
    [
        ((("x-amp-html", "<html amp4email><body>shown"), ("html", "<p>a page</p>")), "a page"),
        ((("calendar", "BEGIN:VCALENDAR"),), "plain words"),
        ((("html", "<p>a page</p>"), ("calendar", "BEGIN:VCALENDAR")), "a page"),
    ],
)
def test_of_several_forms_the_one_that_a_person_reads_is_taken(
    write: Write, forms: tuple[tuple[str, str], ...], text: str
) -> None:
    mail = EmailMessage()
    mail["From"] = "a@example.org"
    mail.set_content("plain words")
    for kind, content in forms:
        mail.add_alternative(content, subtype=kind)
    document = read_document(write("a.eml", mail.as_bytes()))
    assert document.text == f"From: a@example.org\n\n{text}"
    assert [part.kind for part in document.left_out] == ["Second forms of the same text"] * len(forms)


def test_a_forwarded_message_is_read_too(write: Write) -> None:
    inner, outer = EmailMessage(), EmailMessage()
    inner["Subject"], outer["Subject"] = "Inner", "Outer"
    inner.set_content("below")
    outer.set_content("above")
    outer.add_attachment(inner)
    assert read_document(write("a.eml", outer.as_bytes())).text == "Outer\n\nabove\n\nInner\n\nbelow"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("words", "no sender and no subject"),
        (b"%PDF-1.4", "is a PDF, not a message"),
        ("Subject: a\nContent-Type: application/pkcs7-mime\n\nx", "is encrypted"),
        ("Subject: a\n" + "Content-Type: text/plain\n" * 1_001 + "\nx", "more than 1,000 parts"),
    ],
)
def test_a_bad_message_is_refused(write: Write, content: str | bytes, message: str) -> None:
    with pytest.raises(RetrievalError, match=rf"^a\.eml .*{message}.*\.$"):
        read_document(write("a.eml", content))


# Notebooks, TeX, programs


def test_a_notebook_is_read_cell_by_cell(write: Write) -> None:
    outputs = [
        {"output_type": "stream", "text": ["\x1b[31mhello\x1b[0m\n"]},
        {"data": {"image/png": "iVBOR", "text/plain": "<Figure>"}},
        {"data": {"text/html": "<table><tr><th>a</th><td>1</td></tr></table>", "text/plain": "a 1"}},
        {"ename": "KeyError", "evalue": "'x'"},
    ]
    cells = [
        {"cell_type": "markdown", "source": ["# Plan\n", "words"]},
        {"cell_type": "code", "source": "print('hello')", "outputs": outputs},
    ]
    document = read_document(write("a.ipynb", json.dumps({"cells": cells})))
    assert document.text == "# Plan\nwords\n\nprint('hello')\n\nhello\n\na | 1\n\nKeyError: 'x'"
    assert labels(document) == ["Plan"]
    assert [(part.kind, part.place) for part in document.left_out] == [("Pictures", "cell 2")]


@pytest.mark.parametrize(
    ("content", "message"), [("{", "it is no JSON"), ("[]", "no cells"), ("[" * 90_000, "no JSON")]
)
def test_a_bad_notebook_is_refused(write: Write, content: str, message: str) -> None:
    with pytest.raises(RetrievalError, match=rf"^a\.ipynb .*{message}.*\.$"):
        read_document(write("a.ipynb", content))


def test_tex_keeps_its_formulas_and_loses_its_comments(write: Write) -> None:
    text = (
        "\\documentclass{article}\n\\title{On \\emph{Tea}}\n\\begin{document}\n\\section{Hot}\n"
        "% a note\n5\\% of $x^2$ % why\n"
        "\\begin{verbatim}\n% kept\n\\end{verbatim}\n\\end{document}\nrest"
    )
    document = read_document(write("a.tex", text))
    assert document.text == ("On Tea\n\n\\section{Hot}\n5\\% of $x^2$\n\\begin{verbatim}\n% kept\n\\end{verbatim}")
    assert labels(document) == ["On Tea", "On Tea > Hot"]
    assert [part.text for part in document.left_out if part.kind == "Comments"] == ["a note", "why"]


def test_what_a_notebook_shows_in_place_of_an_object_is_read(write: Write) -> None:
    outputs = [
        {"data": {"text/plain": "<IPython.core.display.HTML object>", "text/html": "<h3>The mean is 42</h3>"}},
        {"data": {"text/plain": "<IPython.core.display.Markdown object>", "text/markdown": "The **median** is 17"}},
        {"data": {"text/plain": "<lamps.Lamp at 0x7f3a>"}},
        {"output_type": "stream", "text": ["\r  0%| 0/3\r100%| 3/3\n", "done\r\n"]},
    ]
    cells = [{"cell_type": "code", "source": "show()", "outputs": outputs}]
    text = read_document(write("a.ipynb", json.dumps({"cells": cells}))).text
    assert text == "show()\n\nThe mean is 42\n\nThe **median** is 17\n\n<lamps.Lamp at 0x7f3a>\n\n100%| 3/3\ndone"


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        (r"M\"uller, Ren\'e, Garc\'{\i}a, na\"\i ve", "Müller, René, García, naïve"),
        (
            r"Dvo\v{r}\'ak, gar\c{c}on, M{\"u}ller, \emph{\"U}, Vi\d{\^e}t, t\'{\^e}",
            "Dvořák, garçon, Müller, \\emph{Ü}, Việt, tế",
        ),
        (r"Stra\ss e, \O rsted, \L{}\'od\'z, Troms\o, \LaTeX{} now", "Straße, Ørsted, Łódź, Tromsø, LaTeX now"),
        (r"Name \=Age \\\'x $\O(n)$ $\L = \dot a$ $\bar{x}$", r"Name \=Age \\\'x $\O(n)$ $\L = \dot a$ $\bar{x}$"),
        (r"\newcommand{\v}[1]{\mathbf{#1}} $\v{r}$", r"\newcommand{\v}[1]{\mathbf{#1}} $\v{r}$"),
        (r"\verb|100% sure| and \url{http://a.b/x%20y} % a note", r"\verb|100% sure| and \url{http://a.b/x%20y}"),
        ("now\n\\begin{comment}\nThe price was 7.\n\\end{comment}\nlater", "now\nlater"),
    ],
)
def test_tex_shows_its_letters_and_literals(write: Write, source: str, shown: str) -> None:
    assert read_document(write("a.tex", source)).text == shown


def test_a_notebook_shows_no_comments_of_its_markdown(write: Write) -> None:
    cells = [
        {"cell_type": "markdown", "source": "<!-- x -->\nTotal&nbsp;rain"},
        {"cell_type": "code", "source": "'&lt;'"},
    ]
    document = read_document(write("a.ipynb", json.dumps({"cells": cells})))
    assert document.text == "Total rain\n\n'&lt;'"
    assert document.sentences == ("Directives and comments left out: 1.",)


@pytest.mark.parametrize("begins", ["\\begin{comment}\n", "\\begin{verbatim}", "\\begin{minted}\\end{lstlisting}"])
def test_environments_that_never_end_take_no_quadratic_time(write: Write, begins: str) -> None:
    path = write("a.tex", begins * 20_000)
    begun = time.process_time()
    read_document(path)
    assert time.process_time() - begun < 3


def test_a_program_is_read_under_its_name(write: Write) -> None:
    document = read_document(write("tea.py", "# not a heading\n\n\ndef brew():\n    return 1\n"))
    assert (document.text, labels(document)) == ("tea.py\n\n# not a heading\n\ndef brew():\n    return 1", ["tea.py"])


# ZIP


def test_an_archive_is_read_file_by_file(write: Write) -> None:
    inner = packed({"deep.txt": "too deep"})
    parts: dict[str, str | bytes] = {
        "b/notes.md": "# Notes\n\nwords",
        "a.jsonl": jsonl({"q": "When?", "a": "Now."}),
        "c.zip": inner,
        "d.bin": "x",
        "../e.txt": "unsafe",
        "f.pdf": "no pdf",
        "__MACOSX/a.txt": "x",
    }
    document = read_document(write("a.zip", packed(parts)))
    assert document.text == "a.jsonl\n\nWhen?\nNow.\n\nb/notes.md\n\n# Notes\n\nwords"
    assert labels(document) == ["a.jsonl", "b/notes.md", "b/notes.md > Notes"]
    (pair,) = document.pairs
    assert document.text[pair.start : pair.end] == "When?\nNow."
    assert sorted((part.kind, part.place) for part in document.left_out) == [
        ("Archives within", "c.zip"),
        ("Files of other types", "d.bin"),
        ("Files that cannot be read", "f.pdf"),
        ("Files with unsafe names", "../e.txt"),
    ]


def test_an_archive_of_macos_keeps_its_names_and_counts_its_owners_files(write: Write) -> None:
    notes: dict[str, str | bytes] = {f"{number:03}.txt": "words" for number in range(150)}
    hidden: dict[str, str | bytes] = {f"__MACOSX/._{name}": "x" for name in notes}
    plain = packed({**notes, **hidden, "._zaa.txt": "Mac OS X", "zXXrich.txt": "The lake"})
    document = read_document(write("a.zip", plain.replace(b"zXXrich", "zürich".encode())))
    assert document.text.endswith("149.txt\n\nwords\n\nzürich.txt\n\nThe lake")
    assert "Mac OS" not in document.text
    assert not document.left_out


def test_a_link_in_an_archive_is_not_followed(write: Write) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        link = zipfile.ZipInfo("a.txt")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("b.txt", "words")
    document = read_document(write("a.zip", buffer.getvalue()))
    assert (document.text, document.sentences) == ("words", ("Links left out: 1.",))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (packed({f"{number}.txt": "x" for number in range(201)}), "holds 201 files; the limit is 200"),
        (packed({"a.txt": "x" * 3_000_000}), "unpacks to 3 MB; the limit is 2 MB"),
        (packed({"a.zip": packed({"a.zip": "x"})}), "no file in it that can be read"),
        (packed({"a.txt": b"\x89PNG"}), "no file in it that can be read.*is a picture"),
        (packed({"[Content_Types].xml": "", "word/a.xml": ""}), r"is a Word file.*ending \.docx"),
        (b"PK\x03\x04 rest is missing", "it is damaged"),
        (b"%PDF-1.4", "is a PDF, not a ZIP archive"),
    ],
)
def test_a_bad_archive_is_refused(write: Write, content: bytes, message: str) -> None:
    with pytest.raises(RetrievalError, match=rf"^a\.zip .*{message}.*\.$"):
        read_document(write("a.zip", content), limits=Limits(max_uncompressed_bytes=2_000_000))


def test_an_encrypted_archive_is_refused(write: Write) -> None:
    content = bytearray(packed({"a.txt": "x"}))
    content[content.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(RetrievalError, match="is password-protected"):
        read_document(write("a.zip", bytes(content)))


def test_a_fault_of_ours_while_a_file_is_read_is_not_called_damage() -> None:
    def faulty(_data: bytes, _name: str) -> Document:
        raise ValueError("ours")

    with pytest.raises(ValueError, match="^ours$") as fault:
        read_archive(packed({"a.txt": "x"}), "a.zip", Limits(), (".txt",), faulty)
    assert not isinstance(fault.value, RetrievalError)


def test_a_damaged_file_in_an_archive_is_called_damage() -> None:
    content = bytearray(packed({"a.txt": "The boat is green."}))
    content[content.index(b"a.txt") + len("a.txt") + 4] ^= 0xFF
    with pytest.raises(RetrievalError, match="it is damaged"):
        read_archive(bytes(content), "a.zip", Limits(), (".txt",), lambda *_: Document("a", "x"))
