"""PDF: text layers that make no words, and running lines told from content."""

import pytest

from retrieval.document import Document
from retrieval.errors import RetrievalError
from retrieval.readers.dispatch import read_document
from retrieval.readers.pdf_letters import is_unreadable
from tests.conftest import Write
from tests.fakes.pdf import text_pdf

ENGLISH = (
    "The museum opens at nine and closes at six. A ticket costs twelve euros, and children under the age of six do not "
    "pay. Dogs must wait outside. The guide speaks five languages and tells about the history of the old harbour."
)


def shifted(text: str, by: int) -> str:
    """A text whose letters are so many places further in the alphabet."""
    return "".join(
        chr((ord(each) - ord("a") + by) % 26 + ord("a")) if each.isascii() and each.islower() else each
        for each in text.lower()
    )


@pytest.mark.parametrize("by", range(1, 26))
def test_a_shifted_table_of_letters_is_noticed(by: int) -> None:
    assert is_unreadable(shifted(ENGLISH, by))


@pytest.mark.parametrize(
    "text",
    [
        "".join(chr(ord(each) + 31) if each > " " else each for each in ENGLISH),
        "".join(chr(ord(each) - 29) if each > "?" else each for each in ENGLISH),
        "".join(chr(0xE000 + ord(each)) if each > " " else each for each in ENGLISH),
        "\ufffd" * 100,
    ],
)
def test_other_wrong_tables_are_noticed(text: str) -> None:
    assert is_unreadable(text)


@pytest.mark.parametrize(
    "text",
    [
        ENGLISH,
        "Nhà trường mở cửa lúc bảy giờ sáng. Học sinh phải đeo thẻ khi vào cổng. Thư viện cho mượn năm quyển sách "
        "trong hai tuần. Người trả muộn phải nộp phạt hai nghìn đồng mỗi ngày. Căng tin bán cơm trưa từ mười một giờ.",
        "Szanowni Państwo, biblioteka jest otwarta od dziewiątej do szóstej, a wypożyczone książki można przedłużyć "
        "przez Internet. Za każdy dzień zwłoki płaci się pięćdziesiąt groszy. Psów nie wolno wprowadzać do czytelni.",
        "Kütüphane sabah dokuzda açılır ve akşam altıda kapanır. Anahtar paspasın altındadır, lütfen başkasına "
        "vermeyiniz. Geç getirilen kitaplar için her gün elli kuruş ödenir. Köpekler okuma salonuna giremez.",
        "Kirjasto avataan yhdeksältä ja suljetaan kuudelta. Avain on kynnysmaton alla. Myöhässä palautetuista "
        "kirjoista peritään sakkoa viisikymmentä senttiä päivältä. Koiria ei saa tuoda lukusaliin.",
        "図書館は午前九時に開き、午後六時に閉まります。鍵は玄関のマットの下にあります。" * 4,
        "Библиотека открыта с девяти часов утра, а книги можно вернуть до вечера. " * 4,
        "def load(path):\n    with open(path) as f:\n        return [int(each) for each in f.read().split()]\n" * 4,
        "Contents . . . . . . . . . . . . . . 3\n" * 10,
        "0.12 3,450 (7.1) 12% 45.3 [8] 1/2 2024-05-01\n" * 10,
        "Too short",
    ],
)
def test_text_that_can_be_read_is_no_gibberish(text: str) -> None:
    assert not is_unreadable(text)


def page_of(text: str) -> list[tuple[int, int, str]]:
    return [(50, 700 - 14 * place, text[90 * place : 90 * place + 90].strip()) for place in range(len(text) // 90 + 1)]


def test_a_page_that_makes_no_words_is_left_out_and_named(write: Write) -> None:
    data = text_pdf([page_of(ENGLISH), page_of(shifted(ENGLISH, 3))])
    document = read_document(write("a.pdf", data))
    assert document.text.endswith("old harbour.")
    assert document.sentences == ("Pages with an unreadable text layer left out: 1.",)
    assert document.left_out[0].place == "2"


def test_a_file_that_makes_no_words_is_refused(write: Write) -> None:
    with pytest.raises(RetrievalError, match=r"^a\.pdf has a text layer that makes no words \(.*OCR\) on it first\.$"):
        read_document(write("a.pdf", text_pdf([page_of(shifted(ENGLISH, 3))])))


BODY = [
    "Plums were sold in crates at the north gate of the harbour, as every year, and at a good price for all who came.",
    "Rain fell all night, and in the morning the river had risen by a metre, so that the ferry stayed at its pier.",
    "Two boats came in from the sea with herring, which was salted in the long shed before the sun went down again.",
    "The lamp on the pier was mended by the keeper, who had waited for the glass since the second week of the spring.",
]


def pages_with(write: Write, top: list[str], bottom: list[str]) -> Document:
    pages = [
        [(50, 770, one), *((50, 700 - 14 * row, BODY[(number + row) % 4]) for row in range(9)), (50, 40, two)]
        for number, (one, two) in enumerate(zip(top, bottom, strict=True))
    ]
    return read_document(write("a.pdf", text_pdf(pages, size=8)))


@pytest.mark.parametrize(
    "lines",
    [
        [f"Total due: {each} euros" for each in (37, 137, 237, 337)],
        [f"Invoice {each}" for each in (2041, 2042, 2043, 2044)],
        [f"Receipt {each}" for each in (1, 2, 3, 4)],
        [f"Signed by {each} on behalf of the harbour" for each in ("Ann", "Ben", "Cleo", "Dora")],
        [f"Balance carried forward {each}.50" for each in (12, 15, 19, 22)],
    ],
)
def test_lines_at_the_edge_that_differ_are_content(write: Write, lines: list[str]) -> None:
    for document in (pages_with(write, lines, ["x"] * 4), pages_with(write, [f"y {each}" for each in "abcd"], lines)):
        for line in lines:
            assert document.text.count(line) == 1


@pytest.mark.parametrize(
    "lines",
    [
        ["The Book of Rivers"] * 4,
        [f"Page {each} of 9" for each in (1, 2, 3, 4)],
        [f"The Book of Rivers | {each}" for each in (11, 12, 13, 14)],
        [f"{each} | The Book of Rivers" for each in (1, 2, 3, 4)],
        [f"Trang {each}" for each in (1, 2, 3, 4)],
        [f"- {each} -" for each in (1, 2, 3, 4)],
    ],
)
def test_lines_at_the_edge_that_repeat_are_left_out_with_their_page(write: Write, lines: list[str]) -> None:
    document = pages_with(write, [f"Chapter of {each}" for each in ("Ann", "Ben", "Cleo", "Dora")], lines)
    assert [(part.place, part.text) for part in document.left_out] == [
        (str(page), line) for page, line in enumerate(lines, start=1)
    ]
    assert document.sentences == ("Page headers, footers and page numbers left out: 4.",)
