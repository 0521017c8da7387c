"""PDF: lines to paragraphs, what is left out, what is refused."""

import re
from collections import Counter
from pathlib import Path

import pytest

from retrieval.document import Limits
from retrieval.errors import RetrievalError
from retrieval.readers.cleaning import Cleaner
from retrieval.readers.dispatch import read_document
from retrieval.readers.pdf import repair_lines
from retrieval.readers.pdf_layout import Line, blocks
from retrieval.readers.pdf_running import remove_running_lines
from retrieval.sentence_ends import BULLETS
from tests.conftest import Write
from tests.fakes.files import labels
from tests.fakes.pdf import text_pdf, with_stream


def line(text: str, top: float, left: float = 72, right: float = 540, size: float = 10) -> Line:
    return Line(text, left, top, right, top - size, size)


def test_a_pdf_whose_pages_all_say_the_same_keeps_its_text(write: Write) -> None:
    document = read_document(write("a.pdf", text_pdf([[(72, 700, "Only this line.")]] * 3)))
    assert document.text.split("\n\n") == ["Only this line."] * 3
    assert document.sentences == ()


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
    document = read_document(write("a.pdf", text_pdf(pages)))
    paragraphs = [f"{start} {end}" for start, end in zip(starts, ends, strict=True)]
    assert document.text == "\n\n".join(paragraphs)
    assert [document.text[span.start : span.end].strip() for span in document.pages] == paragraphs
    assert [span.label for span in document.pages] == ["1", "2", "3"]
    assert document.sentences == ("Page headers, footers and page numbers left out: 6.",)


def test_broken_words_are_joined_and_true_hyphens_stay(write: Write) -> None:
    lines = ["A well-known town has all the infor-", "mation one needs, and it is a well-", "known place to be."]
    document = read_document(
        write("a.pdf", text_pdf([[(72, 700 - 12 * place, text) for place, text in enumerate(lines)]]))
    )
    assert document.text == "A well-known town has all the information one needs, and it is a well-known place to be."


def test_a_broken_compound_keeps_its_hyphen() -> None:
    text = ["the user\x02friendly and infor\x02mation of a user who is friendly"]
    (page,) = repair_lines([[line(each, 700) for each in text]], Cleaner())
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


@pytest.mark.parametrize(
    ("first", "second", "joined"),
    [
        ("机器从数据中学习规律，让计算", "机替人做事。", "机器从数据中学习规律，让计算机替人做事。"),
        ("ภาษาไทยไม่มีช่องว่างระหว่างคำ", "ในประโยค", "ภาษาไทยไม่มีช่องว่างระหว่างคำในประโยค"),
        ("这本书是关于", "Python 的。", "这本书是关于 Python 的。"),
        ("한국어는 낱말 사이를", "띄어 쓴다.", "한국어는 낱말 사이를 띄어 쓴다."),
    ],
)
def test_a_line_ends_within_a_word_where_a_script_has_no_blanks(first: str, second: str, joined: str) -> None:
    (made,) = blocks([[line(first, 700), line(second, 688, right=200)]])
    assert made.text == joined


def test_a_broken_web_address_keeps_its_hyphen() -> None:
    (page,) = repair_lines([[line("See https://a.example/be\x02cause for infor\x02mation", 700)]], Cleaner())
    assert page[0].text == "See https://a.example/be-cause for information"


def test_pieces_of_one_line_stay_together() -> None:
    pieces = [line("Within each of the trees 2", 700, right=200), line(", there are", 700, left=200, right=260)]
    assert [block.text for block in blocks([pieces])] == ["Within each of the trees 2, there are"]


def test_entries_of_a_table_of_contents_are_no_running_headers() -> None:
    pages = [[line(f"Where is it? . . . . . . . . . . . {number}", 60)] for number in range(1, 6)]
    assert remove_running_lines(pages) == (pages, [])


def test_a_raised_mark_is_parted_from_its_word_and_sets_no_size(write: Write) -> None:
    raised = "BT /F1 6 Tf 72 703 Td (1) Tj ET BT /F1 10 Tf 75.5 700 Td (The note fills its line) Tj ET\n"
    data = text_pdf([[(72, 688, "and goes on.")]])
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


@pytest.mark.parametrize("sign", BULLETS)
def test_the_signs_of_slides_begin_entries_of_lists(sign: str) -> None:
    page = [
        line(f"{sign} {words} of the valley, which is wide", 700 - 12 * n) for n, words in enumerate(("One", "Two"))
    ]
    (block,) = blocks([page])
    assert block.text.count(f"\n{sign} Two") == 1


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
    assert remove_running_lines(pages) == (pages, [])


def page_with(*edges: Line, number: int) -> list[Line]:
    """A page with these lines above and below its own text."""
    return [*edges, *(line(f"Line {place} of page {number} is content", 700 - 12 * place) for place in range(9))]


@pytest.mark.parametrize("size", [9, 10, 15])
@pytest.mark.parametrize(
    "foot",
    [
        "Page {}", "{}", "Garden Handbook - Page {} of 2", "Garden Handbook 2024 | {}", "Garden Handbook {} / 2",
        "{} / 2 Garden Handbook",
    ],
)  # fmt: skip
def test_two_numbered_pages_with_the_same_lines_have_running_ones_of_any_size(size: float, foot: str) -> None:
    pages = [
        page_with(line("Garden Handbook 2024", 780, size=size), line(foot.format(number), 40, size=size), number=number)
        for number in (1, 2)
    ]
    remaining, removed = remove_running_lines(pages)
    assert remaining == [page_with(number=1), page_with(number=2)]
    assert len(removed) == 4


def test_large_lines_that_repeat_are_content_where_no_page_is_numbered_or_one_differs() -> None:
    unnumbered = [page_with(line("Results", 780, size=20), number=number) for number in (1, 2)]
    assert remove_running_lines(unnumbered)[0] == unnumbered
    titles = ("Results", "Results", "Discussion")
    slides = [
        page_with(line(title, 780, size=20), line(str(number), 40), number=number)
        for number, title in enumerate(titles, start=1)
    ]
    assert [page[0].text for page in remove_running_lines(slides)[0]] == list(titles)


BODY = [line("A body line that is as long as the page is wide", 600 - 12 * place) for place in range(5)]


def headings(*lines: Line) -> list[str]:
    return [" ".join(block.text.split()) for block in blocks([[*lines, *BODY]]) if block.level]


def test_headings_below_each_other_are_parted_and_a_wrapped_one_is_joined() -> None:
    first, second = line("Chapter 1. The Garden", 760, right=220, size=14), line("Tools", 742, right=110, size=14)
    assert headings(first, second) == ["Chapter 1. The Garden", "Tools"]
    wrapped = line("What the gardener of a large estate has to know of the", 760, right=530, size=14)
    assert headings(wrapped, second) == [f"{wrapped.text} Tools"]
    centred = line("of Europe", 742, left=150, right=200, size=14)
    assert headings(line("The Gardens", 760, left=140, right=210, size=14), centred) == ["The Gardens of Europe"]


@pytest.mark.parametrize(("size", "step"), [(14, 18), (14, 40), (10, 30)])
@pytest.mark.parametrize("number", ["{}.", "1.{}"])
def test_a_short_numbered_list_is_no_row_of_headings(size: float, step: float, number: str) -> None:
    steps = ("Take the bolt", "Turn it twice", "Put it back")
    entries = [
        line(f"{number.format(place + 1)} {text}", 760 - step * place, right=150, size=size)
        for place, text in enumerate(steps)
    ]
    assert headings(*entries) == []


def test_numbered_headings_with_text_below_them_stay_headings() -> None:
    lines = [
        each
        for place in range(3)
        for each in (
            line(f"1.{place + 1} Of bolts", 760 - 60 * place, right=150),
            line("A body line that is as long as the page is wide", 735 - 60 * place),
        )
    ]
    assert headings(*lines) == ["1.1 Of bolts", "1.2 Of bolts", "1.3 Of bolts"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"not a pdf", "not a readable PDF"),
        (text_pdf([[]]), "pictures of pages"),
        (
            text_pdf(
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
    content = text_pdf([[(72, 700, "text")]] * 3)
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


def test_a_sign_before_an_entry_of_a_list_is_a_dash_as_in_other_formats(write: Write) -> None:
    data = text_pdf([[(72, 700, "* One plan of the valley"), (72, 688, "\\225 Two plans of the valley")]])
    assert read_document(write("a.pdf", data)).text.splitlines()[-1] == "- Two plans of the valley"
