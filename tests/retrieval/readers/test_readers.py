"""Reading files: what comes out, what is refused, and that nothing stays behind."""

import io
import json
import re
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import docx
import pytest

from retrieval.document import Document, Limits, NeedsMapping
from retrieval.errors import RetrievalError
from retrieval.language import Terms, detect_language
from retrieval.readers.dispatch import SUFFIXES, read_document
from retrieval.readers.pdf import _mend
from retrieval.readers.pdf_layout import Line, blocks, without_running
from tests.conftest import Write


def jsonl(*rows: object) -> str:
    return "\n".join(json.dumps(row) for row in rows)


def labels(document: Document) -> list[str]:
    return [span.label for span in document.headings]


def tiny_pdf(pages: list[list[tuple[int, int, str]]], extra: str = "", size: int = 10) -> bytes:
    """A PDF whose pages hold lines of Helvetica at (x, y)."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", ""]
    objects.append("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    kids = []
    for lines in pages:
        stream = "".join(f"BT /F1 {size} Tf {x} {y} Td ({text}) Tj ET\n" for x, y, text in lines)
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}endstream")
        kids.append(f"{len(objects) + 1} 0 R")
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents {len(objects)} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>"
        )
    objects[1] = f"<< /Type /Pages /Count {len(kids)} /Kids [{' '.join(kids)}] >>"
    data, offsets = "%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(data))
        data += f"{number} 0 obj\n{content}\nendobj\n"
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    trailer = f"trailer << /Size {len(objects) + 1} /Root 1 0 R {extra} >>\nstartxref\n{len(data)}\n%%EOF"
    return f"{data}xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}{trailer}".encode("latin-1")


def with_stream(data: bytes, before: str) -> bytes:
    """A tiny PDF with more at the start of its first page; its table of offsets is off, which readers repair."""
    head, rest = data.split(b"stream\n", 1)
    length = int(re.search(rb"/Length (\d+)", head)[1])
    head = head.replace(b"/Length %d" % length, b"/Length %d" % (length + len(before)))
    return head + b"stream\n" + before.encode() + rest


def word_file(document: object) -> bytes:
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


# Encodings


FRENCH = "Le café était fermé à Noël, où l'été dernier nous avions déjeuné."


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252", "latin-1"])
def test_any_usual_encoding_gives_the_same_text(write: Write, encoding: str) -> None:
    assert read_document(write("a.txt", FRENCH.encode(encoding))).text == FRENCH


def test_other_scripts_without_unicode_are_recognised(write: Write) -> None:
    russian = "Съешь же ещё этих мягких французских булок, да выпей чаю. Привет, как дела?"
    assert read_document(write("a.txt", russian.encode("cp1251"))).text == russian


def test_mojibake_is_mended_and_counted_and_quotes_stay(write: Write) -> None:
    document = read_document(write("a.txt", "schÃ¶n und fÃ¼r “alle”，ja"))
    assert document.text == "schön und für “alle”，ja"
    assert document.notes == ("Lines of garbled characters mended: 1.",)


def test_decomposed_vietnamese_is_composed(write: Write) -> None:
    assert read_document(write("a.txt", "Vie\u0323\u0302t Nam")).text == "Việt Nam"


# Headings


def test_markdown_headings_are_those_of_commonmark(write: Write) -> None:
    text = "---\ntitle: x\n---\n# A #\ntext\n\nB\n---\n```py\n# no\n```\n## C\n\n- item\n---\n#nope\n### D\nend"
    document = read_document(write("a.md", text))
    assert labels(document) == ["A", "A > B", "A > C", "A > C > D"]
    assert document.text == text
    assert [document.text[span.start] for span in document.headings] == ["#", "B", "#", "#"]
    assert document.headings[1].end == document.headings[2].start


def test_underlined_headings_nest_in_the_order_of_their_styles(write: Write) -> None:
    document = read_document(write("a.txt", "=====\nTitle\n=====\n\nOne\n---\n\ntext\n\nTwo\n---\n\nmore\n\n---\n"))
    assert labels(document) == ["Title", "Title > One", "Title > Two"]
    assert "---" not in document.text
    assert document.notes == ("Ruled lines left out: 5.",)


def test_numbered_headings_but_not_lists(write: Write) -> None:
    text = "1. First chapter\n\nx\n\n1.1. Where is it?\n\nHere.\n\n2. Buy milk and honey.\n\n3. Eggs\n4. Flour\n"
    assert labels(read_document(write("a.txt", text))) == ["1. First chapter", "1. First chapter > 1.1. Where is it?"]
    assert labels(read_document(write("b.txt", "1. Milk\n\n2. Eggs\n\n3. Flour"))) == []


def test_named_headings_but_not_sentences(write: Write) -> None:
    text = "Article I\n\nSection 1\n\nAll powers.\n\nArticle II\n\nPart a of this is a sentence\n\nSection 1\n\nMore."
    assert labels(read_document(write("a.txt", text))) == [
        "Article I", "Article I > Section 1", "Article II", "Article II > Section 1",
    ]  # fmt: skip


def test_what_follows_a_table_of_contents_is_not_inside_it(write: Write) -> None:
    text = "Contents\n\n1 One\n2 Two\n\nChapter 1\n\nText."
    assert labels(read_document(write("a.txt", text))) == ["Contents", "Chapter 1"]


# HTML


def test_html_gives_what_a_person_reads(write: Write) -> None:
    page = (
        "<head><title>no</title><style>no</style></head><body><nav><a>no</a><script>no</script></nav><h1>A<br>b</h1>"
        "<p>caf&eacute; <b>bold</b>\n text</p><ul><li>one</li> <li>two</li></ul><h2>C</h2>"
        "<table><tr><td>1</td><td>2</td></tr><tr><td>3</td><td>4</td></tr></table><pre>x\n  y</pre></body>"
    )
    document = read_document(write("a.html", page))
    assert document.text == "A b\n\ncafé bold text\n\n- one\n- two\n\nC\n\n1 | 2\n3 | 4\n\nx\n  y"
    assert labels(document) == ["A b", "A b > C"]


def test_a_link_to_another_site_keeps_its_address(write: Write) -> None:
    page = (
        '<head><link rel="canonical" href="https://here.org/a"></head><h1><a href="https://x.org">T</a></h1><p>See '
        '<a href="https://x.org/b">this</a>, <a href="https://HERE.org/c">that</a>, <a href="/d">those</a>, '
        '<a href="https://x.org/e/">https://x.org/e</a>, <a href="javascript:f()">f</a><a href="https://x.org/g"><img></a>'
    )
    assert (
        read_document(write("a.html", page)).text == "T\n\nSee this (https://x.org/b), that, those, https://x.org/e, f"
    )


def test_html_in_its_declared_encoding(write: Write) -> None:
    page = '<meta charset="windows-1251"><p>Привет</p>'
    assert read_document(write("a.htm", page.encode("cp1251"))).text == "Привет"


def test_deeply_nested_html_needs_no_recursion(write: Write) -> None:
    assert read_document(write("a.html", "<div>" * 5_000 + "deep")).text == "deep"


# DOCX


def test_docx_keeps_headings_lists_and_tables(write: Write) -> None:
    word = docx.Document()
    word.add_heading("Guide", 0)
    word.add_heading("Setup", 1)
    word.add_paragraph("Do this:")
    word.add_paragraph("one", style="List Bullet")
    word.add_paragraph("two", style="List Bullet")
    table = word.add_table(2, 2)
    table.cell(0, 0).text, table.cell(0, 1).text = "a", "b"
    table.cell(1, 0).merge(table.cell(1, 1)).text = "both"
    document = read_document(write("a.docx", word_file(word)))
    assert document.text == "Guide\n\nSetup\n\nDo this:\n\n- one\n- two\n\na | b\nboth"
    assert labels(document) == ["Guide", "Setup"]


def changed_docx(change: Callable[[str, bytes], bytes]) -> bytes:
    """A Word file whose parts went through `change`."""
    word = docx.Document()
    word.add_paragraph("hello")
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(word_file(word))) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return buffer.getvalue()


def test_an_entity_bomb_in_a_docx_is_refused(write: Write) -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'

    def plant(name: str, data: bytes) -> bytes:
        return data.replace(b"?>", b"?>" + bomb, 1).replace(b"hello", b"&b;") if name == "word/document.xml" else data

    with pytest.raises(RetrievalError, match="declares XML entities"):
        read_document(write("a.docx", changed_docx(plant)))


def test_a_zip_bomb_is_refused_before_it_unpacks(write: Write) -> None:
    big = changed_docx(lambda name, data: data + b" " * 3_000_000 if name == "docProps/core.xml" else data)
    assert len(big) < 100_000
    with pytest.raises(RetrievalError, match="unpacks to 3 MB; the limit is 2"):
        read_document(write("a.docx", big), limits=Limits(max_uncompressed_bytes=2_000_000))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\x03\x04 rest is missing", "not a readable DOCX"),
        (b"plain text", "not a readable DOCX"),
        (b"\xd0\xcf\x11\xe0 old", "password-protected or an old Word file"),
    ],
)
def test_broken_docx_is_refused(write: Write, content: bytes, message: str) -> None:
    with pytest.raises(RetrievalError, match=message):
        read_document(write("a.docx", content))


def test_a_zip_that_is_no_word_file_is_refused(write: Write) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.txt", "x")
    with pytest.raises(RetrievalError, match="without a Word text"):
        read_document(write("a.docx", buffer.getvalue()))


# PDF


def test_a_pdf_whose_pages_all_say_the_same_keeps_its_text(write: Write) -> None:
    document = read_document(write("a.pdf", tiny_pdf([[(72, 700, "Only this line.")]] * 3)))
    assert document.text.split("\n\n") == ["Only this line."] * 3
    assert document.notes == ()


def test_pdf_joins_lines_keeps_pages_and_drops_what_repeats(write: Write) -> None:
    starts = [
        "The river rises in the hills and",
        "Many towns and their people are",
        "It meets the sea and the ships at",
    ]
    ends = ["runs on and on.", "near it.", "the great port."]
    pages = [
        [(72, 760, "The Book of Rivers"), (72, 700, start), (72, 688, end), (300, 40, str(number))]
        for number, (start, end) in enumerate(zip(starts, ends, strict=True), start=7)
    ]
    document = read_document(write("a.pdf", tiny_pdf(pages)))
    paragraphs = [f"{start} {end}" for start, end in zip(starts, ends, strict=True)]
    assert document.text == "\n\n".join(paragraphs)
    assert [document.text[span.start : span.end].strip() for span in document.pages] == paragraphs
    assert [span.label for span in document.pages] == ["1", "2", "3"]
    assert document.notes == ("Page headers, footers and page numbers left out: 6.",)


def test_broken_words_are_joined_and_true_hyphens_stay(write: Write) -> None:
    lines = ["A well-known town has all the infor-", "mation one needs, and it is a well-", "known place to be."]
    document = read_document(
        write("a.pdf", tiny_pdf([[(72, 700 - 12 * place, text) for place, text in enumerate(lines)]]))
    )
    assert document.text == "A well-known town has all the information one needs, and it is a well-known place to be."


def test_a_broken_compound_keeps_its_hyphen() -> None:
    text = ["the user\x02friendly and infor\x02mation of a user who is friendly"]
    (page,), _ = _mend([[line(each, 700) for each in text]])
    assert page[0].text == "the user-friendly and information of a user who is friendly"


def test_a_broken_web_address_is_joined() -> None:
    texts = [
        "See the fine manual of it (https:",
        "//example.org/a_",
        "long_name and https://example.org.",
        "Then go on",
    ]
    made = blocks([[line(text, 700 - 12 * place) for place, text in enumerate(texts)]])
    assert (
        made[0].text == "See the fine manual of it (https://example.org/a_long_name and https://example.org. Then go on"
    )


def test_pieces_of_one_line_stay_together() -> None:
    pieces = [line("Within each of the trees 2", 700, right=200), line(", there are", 700, left=200, right=260)]
    assert [block.text for block in blocks([pieces])] == ["Within each of the trees 2, there are"]


def test_entries_of_a_table_of_contents_are_no_running_headers() -> None:
    pages = [[line(f"Where is it? . . . . . . . . . . . {number}", 60)] for number in range(1, 6)]
    assert without_running(pages) == (pages, 0)


def test_a_raised_mark_is_parted_from_its_word_and_sets_no_size(write: Write) -> None:
    raised = "BT /F1 6 Tf 72 703 Td (1) Tj ET BT /F1 10 Tf 75.5 700 Td (The note fills its line) Tj ET\n"
    data = tiny_pdf([[(72, 688, "and goes on.")]])
    document = read_document(write("a.pdf", with_stream(data, raised)))
    assert document.text == "1 The note fills its line and goes on."


def test_a_paragraph_that_crosses_a_page_stays_one() -> None:
    first = [line("The valley is wide and it is also", 700), line("so deep that nobody has ever", 688)]
    second = [line("seen its floor.", 700, right=150)]
    made = blocks([first, second])
    assert [(block.page, block.joint) for block in made] == [(1, "\n\n"), (2, " ")]


def test_layout_tells_paragraphs_lists_and_headings() -> None:
    page = [
        line("Big title", 760, size=18, right=200),
        line("A paragraph that fills the whole of its line and", 720),
        line("goes on a little.", 708, right=150),
        line("An indented one starts here and fills its own line", 696, left=90),
        line("• a point", 684, right=120),
        line("• another point", 672, right=140),
        line("After a gap comes more of the text of this page", 640),
    ]
    made = blocks([page])
    assert [(block.level, block.text.split("\n")[0][:12]) for block in made] == [
        (1, "Big title"), (0, "A paragraph "), (0, "An indented "), (0, "After a gap "),
    ]  # fmt: skip
    assert made[2].text.endswith("\n• a point\n• another point")


def test_entries_of_a_table_of_contents_are_no_headings() -> None:
    page = [line("Contents", 760, size=18)]
    page += [line(f"{number} Chapter . . . . . . . . . {number}", 740 - 30 * number, size=13) for number in range(1, 5)]
    page += [line(". . . . . . . .", 580), line("and so it goes on with much more text of the usual size", 500)] * 4
    made = blocks([page])
    assert [block.text for block in made if block.level] == ["Contents"]
    assert made[1].text == "1 Chapter 1"


def test_body_lines_that_differ_are_no_running_headers() -> None:
    texts = ["Rain fell all night", "Snow came in the morning", "Wind rose at noon", "Hail broke the glass"]
    pages = [[line(text, 760)] for text in texts]
    assert without_running(pages) == (pages, 0)


def line(text: str, top: float, left: float = 72, right: float = 540, size: float = 10) -> Line:
    return Line(text, left, top, right, top - size, size)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"not a pdf", "not a readable PDF"),
        (tiny_pdf([[]]), "pictures of pages"),
        (
            tiny_pdf(
                [[(72, 700, "secret")]],
                f"/ID [<{'00' * 16}> <{'00' * 16}>] /Encrypt << /Filter /Standard /V 1 /R 2 /P -4 "
                f"/O <{'11' * 32}> /U <{'22' * 32}> >>",
            ),
            "password-protected",
        ),
    ],
)
def test_unreadable_pdf_is_refused(write: Write, content: bytes, message: str) -> None:
    with pytest.raises(RetrievalError, match=rf"a\.pdf .*{message}"):
        read_document(write("a.pdf", content))


def test_a_pdf_with_too_many_pages_is_refused(write: Write) -> None:
    content = tiny_pdf([[(72, 700, "text")]] * 3)
    with pytest.raises(RetrievalError, match="has 3 pages; the limit is 2"):
        read_document(write("a.pdf", content), limits=Limits(max_pages=2))


def test_a_real_pdf_gives_back_its_words(shared_data: Path) -> None:
    def words(text: str) -> Counter[str]:
        return Counter(re.findall(r"\w+", text.lower()))

    document = read_document(shared_data / "debian_faq/debian-faq.en.pdf")
    truth = words((shared_data / "debian_faq/debian-faq.en.txt").read_text())
    assert sum((truth & words(document.text)).values()) >= 0.98 * sum(truth.values())
    assert "1 The Linux Standard Base" in document.text
    assert "(https://www.debian.org/releases/stable/installmanual). We" in document.text
    assert "Getting and installing Debian GNU/Linux > 2.1 What is the latest version of Debian?" in labels(document)
    assert not re.search(r"^CHAPTER \d+\.", document.text, re.MULTILINE)


# Tables


@pytest.mark.parametrize(
    ("row", "question", "answer"),
    [
        ({"question": "Why?", "answer": "So."}, "Why?", "So."),
        ({"Question": "Why?", "ANSWER": "So."}, "Why?", "So."),
        ({"instruction": "Add", "input": "1 and 2", "output": "3"}, "Add\n1 and 2", "3"),
        ({"instruction": "Say", "response": "Hi"}, "Say", "Hi"),
        ({"instruction": "Say", "instances": [{"input": "", "output": "Hi"}]}, "Say", "Hi"),
        ({"prompt": "Why?", "completion": "So."}, "Why?", "So."),
        ({"question": "Why?", "answers": {"text": ["So.", "Because."]}}, "Why?", "So."),
        ({"Câu hỏi": "Ai?", "Trả lời": "Tôi."}, "Ai?", "Tôi."),
        (
            {"messages": [{"role": "system", "content": "Be kind"}, {"role": "user", "content": "Why?"},
                          {"role": "assistant", "content": "So."}]},
            "Why?", "So.",
        ),
        ({"conversations": [{"from": "human", "value": "Why?"}, {"from": "gpt", "value": "So."}]}, "Why?", "So."),
    ],
)  # fmt: skip
def test_pairs_are_recognised(write: Write, row: dict, question: str, answer: str) -> None:
    document = read_document(write("a.jsonl", jsonl(row)))
    (pair,) = document.pairs
    assert (pair.question, pair.answer) == (question, answer)
    assert document.text[pair.start : pair.end] == f"{question}\n{answer}"


def test_a_conversation_gives_a_pair_for_every_answer(write: Write) -> None:
    roles = ["user", "assistant", "user", "assistant"]
    messages = [{"role": role, "content": f"{role} {turn}"} for turn, role in enumerate(roles)]
    pairs = read_document(write("a.jsonl", jsonl({"messages": messages}))).pairs
    assert [(pair.question, pair.answer) for pair in pairs] == [("user 0", "assistant 1"), ("user 2", "assistant 3")]


def test_malformed_and_half_empty_rows_are_left_out_and_counted(write: Write) -> None:
    text = jsonl({"q": "a?", "a": "b"}, [1], {"q": "c?", "a": ""}) + '\n{"q": broken\n' + jsonl({"q": "d?", "a": 5})
    document = read_document(write("a.jsonl", text))
    assert [pair.answer for pair in document.pairs] == ["b", "5"]
    assert document.notes == ("Malformed rows left out: 2.", "Rows without a question or an answer left out: 1.")
    assert document.columns == ("q", "a")


def test_only_line_feeds_part_rows(write: Write) -> None:
    assert (
        read_document(write("a.jsonl", '{"q": "a\u2028b", "a": "c"}\r\n{"q": "d", "a": "e"}')).pairs[0].question
        == "a\nb"
    )
    assert len(read_document(write("a.csv", "q,a\r\na\x85b,c\r\n")).pairs) == 1


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_with_any_delimiter_quotes_and_ragged_rows(write: Write, delimiter: str) -> None:
    rows = ["question,answer", '"Why, oh why?","So;\nand so"', "NA,007", "one cell", "a,b,c"]
    text = "\n".join(row.replace(",", delimiter) if "oh" not in row else row for row in rows)
    text = text.replace('?","So', f'?"{delimiter}"So')
    document = read_document(write("a.csv", text.encode("utf-16")))
    assert [(pair.question, pair.answer) for pair in document.pairs] == [("Why, oh why?", "So;\nand so"), ("NA", "007")]
    assert document.notes == ("Malformed rows left out: 2.",)


def test_a_text_column_gives_paragraphs_with_titles(write: Write) -> None:
    document = read_document(
        write("a.jsonl", jsonl({"id": 1, "title": "T", "text": "Some text."}, {"id": 2, "text": "More."}))
    )
    assert document.text == "T\n\nSome text.\n\nMore."
    assert labels(document) == ["T"]
    assert not document.pairs


def test_unknown_columns_ask_for_a_mapping_and_take_one(write: Write) -> None:
    text = "mr,ref\nname[Blue Spice] area[city] food[good],A nice place in the city\n"
    path = write("a.csv", text)
    with pytest.raises(NeedsMapping, match="mr, ref") as caught:
        read_document(path)
    assert caught.value.columns == ("mr", "ref")
    assert caught.value.rows[0]["ref"] == "A nice place in the city"
    assert (
        read_document(path, mapping={"question": "mr", "answer": "ref"}).pairs[0].answer == "A nice place in the city"
    )
    assert read_document(path, mapping={"text": "ref"}).text == "A nice place in the city"
    with pytest.raises(RetrievalError, match="no column 'nope'"):
        read_document(path, mapping={"text": "nope"})
    with pytest.raises(RetrievalError, match="got question"):
        read_document(path, mapping={"question": "mr"})


def test_a_json_list_is_read_as_rows(write: Write) -> None:
    assert len(read_document(write("a.json", json.dumps([{"q": "a?", "a": "b"}, {"q": "c?", "a": "d"}]))).pairs) == 2


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", "not json\nnor this", r"no well-formed row \(2 malformed\)"),
        ("a.jsonl", "[" * 100_000, "no well-formed row"),
        ("a.csv", "question,answer\n", "no rows below its header"),
        ("a.csv", 'question,answer\n"' + "x" * 200_000, "not a readable CSV"),
        ("a.csv", ",".join(map(str, range(200))) + "\n" + ",".join("x" * 200), "200 columns; the limit is 100"),
    ],
)
def test_useless_tables_are_refused(write: Write, name: str, content: str, message: str) -> None:
    with pytest.raises(RetrievalError, match=message):
        read_document(write(name, content))


def test_a_table_leaves_no_file_behind(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    read_document(write("a.jsonl", jsonl({"q": "a?", "a": "b"})))
    assert not list(temporary.iterdir())


# Refusals of any file


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.pdf", b"\x89PNG\r\n\x1a\n", "is a picture, not a PDF"),
        ("a.pdf", b"PK\x03\x04", "is a ZIP archive .* not a PDF"),
        ("a.docx", tiny_pdf([[(72, 700, "text")]]), "is a PDF, not a Word file"),
        ("a.docx", b"\x1f\x8b\x08", "is a compressed archive, not a Word file"),
        ("a.txt", b"{\\rtf1 words}", "is an RTF file, not text"),
        ("a.csv", b"RIFF\x00\x00\x00\x00WEBP", "is a picture, sound or film, not text"),
        ("a.json", b"{}", "no well-formed row"),
        ("a.docx", word_file(docx.Document()), "no text"),
        ("a.html", "<div>" * 10_001 + "deep", "more than 10,000 deep"),
        ("a.html", "<p>a" * 1_000, "more than 1,000 characters, the limit"),
        ("a.jsonl", '{"q": "a", "a": "b"}\n' * 1_000, "more than 1,000 characters, the limit"),
    ],
)
def test_each_kind_without_text_has_its_own_reason(write: Write, name: str, content: str | bytes, message: str) -> None:
    with pytest.raises(RetrievalError, match=rf"^{re.escape(name)} .*{message}.*\.$"):
        read_document(write(name, content), limits=Limits(max_chars=1_000))


@pytest.mark.parametrize(("name", "text"), [("a.txt", " " * 300_000 + "x"), ("a.md", "# a" + " \t" * 150_000 + "x")])
def test_long_runs_of_blanks_take_no_long_time(write: Write, name: str, text: str) -> None:
    begun = time.process_time()
    read_document(write(name, text))
    assert time.process_time() - begun < 5


def test_a_long_heading_above_many_others_does_not_multiply(write: Write) -> None:
    document = read_document(write("a.md", "# " + "long " * 1_000 + "\n" + "## a\n" * 1_000))
    assert max(map(len, labels(document))) < 250


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", "", "is empty"),
        ("a.txt", " \n\t\n", "is empty"),
        ("a.txt", "\ufeff", "is empty"),
        ("a.txt", "* * *", "no text"),
        ("a.html", "<script>x</script>", "no text"),
        ("a.txt", bytes(range(256)) * 20, "not readable as text"),
        ("a.txt", b"%PDF-1.4 \x00", "is a PDF, not text"),
        ("a.md", b"\x89PNG\r\n\x1a\n", "is a picture, not text"),
        ("a.exe", "x", r"unknown type; known are \.txt.*\.jsonl"),
        ("noending", "x", "unknown type"),
        ("a.txt", "word " * 300, "1,499 characters; the limit is 1,000"),
    ],
)
def test_refusals_name_the_file_and_say_what_to_do(write: Write, name: str, content: str | bytes, message: str) -> None:
    with pytest.raises(RetrievalError, match=message) as caught:
        read_document(write(name, content), limits=Limits(max_chars=1_000))
    assert str(caught.value).startswith(name)
    assert str(caught.value).endswith(".")


def test_a_file_over_the_size_limit_is_refused_unread(write: Write) -> None:
    with pytest.raises(RetrievalError, match="has 2 MB; the limit is 1"):
        read_document(write("a.txt", "x" * 2_000_000), limits=Limits(max_uncompressed_bytes=1_000_000))


def test_the_visitors_name_decides_the_type(write: Write) -> None:
    document = read_document(write("upload.tmp", "# A\n\ntext"), name="Notes.MD")
    assert (document.name, labels(document)) == ("Notes.MD", ["A"])


def test_every_known_ending_has_a_reader(write: Write) -> None:
    for suffix in SUFFIXES:
        with pytest.raises(RetrievalError):
            read_document(write(f"a{suffix}", "\x00"))


def test_a_document_survives_json(write: Write) -> None:
    document = read_document(write("a.jsonl", jsonl({"q": "a?", "a": "b"})))
    assert Document.from_dict(json.loads(json.dumps(document.to_dict()))) == document


# Language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The cat sat on the mat and it did not want to leave.", "en"),
        ("Việt Nam là một quốc gia nằm ở phía đông bán đảo Đông Dương.", "vi"),
        ("Le chat est sur la table et il ne veut pas descendre.", "fr"),
        ("Der Hund ist im Garten und spielt mit dem Ball.", "de"),
        ("El perro está en la casa y no quiere salir.", "es"),
        ("吾輩は猫である。名前はまだ無い。", "ja"),
        ("我们的祖国是花园", "zh"),
        ("Привет, как у тебя дела", "ru"),
        ("1 2 3 ok", "und"),
        ("", "und"),
    ],
)
def test_language_is_detected(text: str, language: str) -> None:
    assert detect_language(text) == language


def test_terms_are_stemmed_words_and_pairs_of_characters() -> None:
    assert Terms("en")("Where are the installed packages?") == ["instal", "packag"]
    assert Terms("vi")("Các thành phố") == ["các", "thành", "phố"]
    assert Terms("zh")("祖国是 CD") == ["祖国", "国是", "cd"]
    assert Terms("en")("to be or not") == ["to", "be", "or", "not"]
    assert Terms("en")("?!") == []
