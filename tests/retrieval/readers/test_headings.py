"""Headings of Markdown and of plain text."""

import pytest

from retrieval.readers.dispatch import read_document
from tests.conftest import Write
from tests.fakes.files import labels


def test_markdown_headings_are_those_of_commonmark(write: Write) -> None:
    text = "---\ntitle: x\n---\n# A #\ntext\n\nB\n---\n```py\n# no\n```\n## C\n\n- item\n---\n#nope\n### D\nend"
    document = read_document(write("a.md", text))
    assert labels(document) == ["A", "A > B", "A > C", "A > C > D"]
    assert document.text == text
    assert [document.text[span.start] for span in document.headings] == ["#", "B", "#", "#"]
    assert document.headings[1].end == document.headings[2].start


def test_a_markdown_headings_link_to_itself_is_not_in_its_title(write: Write) -> None:
    text = '# Install [¶](#install "Link to this heading")\n\n[#](#use)Use\n---\n\n## C#\n\n## See [it](#it)\n\nend'
    document = read_document(write("a.md", text))
    assert labels(document)[-1] == "Install > See [it](#it)"
    assert labels(document)[1:3] == ["Install > Use", "Install > C#"]


def test_underlined_headings_nest_in_the_order_of_their_styles(write: Write) -> None:
    document = read_document(write("a.txt", "=====\nTitle\n=====\n\nOne\n---\n\ntext\n\nTwo\n---\n\nmore\n\n---\n"))
    assert labels(document) == ["Title", "Title > One", "Title > Two"]
    assert "---" not in document.text
    assert document.sentences == ("Ruled lines left out: 5.",)


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


def test_an_articles_title_is_its_line_where_the_text_stands_directly_below(write: Write) -> None:
    text = (
        "Điều 2. Thẻ bạn đọc\n1. Thẻ có giá trị 12 tháng.\n2. Lệ phí là 30.000 đồng.\n\n"
        "Điều 5. Mượn sách\n1. Được mượn 5 cuốn.\n2. Thời hạn là 14 ngày.\n3. Được gia hạn.\n"
        "Điều 51. Hiệu lực\nQuy chế có hiệu lực từ nay.\n"
    )
    labels = [span.label for span in read_document(write("luat.txt", text)).headings]
    assert labels == ["Điều 2. Thẻ bạn đọc", "Điều 5. Mượn sách", "Điều 51. Hiệu lực"]


def test_paragraph_signs_of_a_law_are_headings_but_not_references_to_them(write: Write) -> None:
    text = (
        "§ 1 Geltung\n(1) Dies gilt für Boote.\n\n§ 2a Kündigung\n\nDie Frist ist kurz. Nach\n§ 1 Boote sind alle\n"
        "Schiffe.\n\n§ 2 Abs. 1 BGB gilt.\n\n第二章 附则\n\n第三条 本法自公布之日起施行。\n"
    )
    labels = [span.label for span in read_document(write("gesetz.txt", text)).headings]
    assert [label.rsplit(" > ", 1)[-1] for label in labels] == ["§ 1 Geltung", "§ 2a Kündigung", "第二章 附则"]


def test_a_sentence_that_a_named_line_begins_is_no_heading(write: Write) -> None:
    text = "Article 5\nScope and purpose\n\nIt goes on.\nArticle 5 Loans and\nreturns of books are free.\n"
    assert [span.label for span in read_document(write("a.txt", text)).headings] == ["Article 5 Scope and purpose"]


def test_code_in_three_backticks_within_a_line_hides_no_heading(write: Write) -> None:
    text = "# Lamp\n\n```npm install```\n\n## Oil\n\nwords\n\n```sh\n# a comment\n```\n\n## Wick\n\nwords"
    assert labels(read_document(write("a.md", text))) == ["Lamp", "Lamp > Oil", "Lamp > Wick"]


def test_a_title_of_two_lines_is_one_heading(write: Write) -> None:
    text = "A very long\ntwo-line title\n===\n\nSub\ntitle\n---\n\nword\n```\ncode\n```\nLast\n---\n\nend"
    assert [label.split(" > ")[-1] for label in labels(read_document(write("a.md", text)))] == [
        "A very long two-line title",
        "Sub title",
        "Last",
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("'''Vell'''\n\n== History ==\nIt burnt.\n\n=== Fires ===\nTwo.", ["History", "History > Fires"]),
        (
            "= Manual\n:toc:\n\n== Engine\n\nTurn it.\n\n== Sail\n\nUp.",
            ["Manual", "Manual > Engine", "Manual > Sail"],
        ),
        ("#+TITLE: House\n* Rooms\nTwo.\n** TODO Bath  :wet:\nOne.", ["Rooms", "Rooms > Bath"]),
        ("Buy:\n* milk\n* eggs\n\nif a == b == c\n", []),
    ],
)
def test_headings_of_other_markup_in_plain_text(write: Write, text: str, found: list[str]) -> None:
    assert labels(read_document(write("a.txt", text))) == found


def test_markdown_shows_no_comments_and_its_entities_as_letters(write: Write) -> None:
    text = (
        "<!-- secret\n4711 -->\nOpen&nbsp;from 8&ndash;18 h <!-- x -->now, `&amp;` &lt;b&gt;.\n\n"
        "[//]: # (a note)\nEnd & co <!-- open\n\n```html\n<!-- code -->&nbsp;\n```"
    )
    document = read_document(write("a.md", text))
    shown = "Open from 8–18 h now, `&amp;` <b>.\n\nEnd & co <!-- open\n\n```html\n<!-- code -->&nbsp;\n```"
    assert document.text == shown
    assert document.sentences == ("Directives and comments left out: 3.",)
