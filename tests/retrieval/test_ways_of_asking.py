"""Questions as people type them find the words of the text: particles, missing marks, addresses, words of questions."""

import pytest

from retrieval.build import build
from retrieval.document import Document
from retrieval.language import Terms
from retrieval.search import search
from retrieval.toneless import MarkedWords
from tests.fakes.embedders import WordEmbedder


@pytest.mark.parametrize(
    ("asked", "written"),
    [
        ("보증 기간이 얼마나 되나요?", "보증 기간은"),
        ("수리비를 누가 부담하나요?", "수리비는 부담합니다"),
        ("책임자가 누구인가요?", "책임자이다"),
        ("RX1042가 어디에 있나요?", "RX1042는"),
    ],
)
def test_korean_words_are_found_behind_other_particles(asked: str, written: str) -> None:
    terms = Terms("ko")
    assert set(terms(asked)) == set(terms(written))


def test_a_german_question_word_is_not_missed_in_the_text() -> None:
    assert Terms("de")("Wer ist Mueller?") == Terms("de")("Müller")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("thoi gian bao hanh la bao lau", "thời gian bảo hành là bao lâu"),
        ("Tho bao loi RX1042?", "thợ báo lỗi RX1042?"),
        ("What is the guarantee?", "What is the guarantee?"),
        ("bão gì", "bão gì"),
        ("tau hoa di Hue", "tau hoa di Hue"),
    ],
)
def test_a_vietnamese_question_without_marks_is_read_in_the_words_of_the_text(typed: str, meant: str) -> None:
    texts = ["Thời gian bảo hành là một năm.", "Thợ báo lỗi bao lâu? Bảo hành thế nào?"]
    assert MarkedWords(texts).with_marks(typed) == meant


def test_a_question_without_marks_finds_its_passage() -> None:
    text = "Khách tham quan đăng ký ở cổng và nhận thẻ.\n\nThời gian bảo hành là một năm kể từ ngày mua sản phẩm."
    index = build([Document("a.txt", text)], WordEmbedder())
    found = search(index, WordEmbedder(), "thoi gian bao hanh")
    assert found.question == "thoi gian bao hanh"
    assert found.found
    assert "bảo hành" in found.hits[0].passage.text


def test_an_address_of_mail_is_one_name() -> None:
    text = "Write to billing@harbour.example for invoices.\n\n" + "\n\n".join(f"Hall {n} is shut." for n in range(30))
    index = build([Document("a.txt", text)], WordEmbedder())
    assert search(index, WordEmbedder(), "Hvem svarer egentlig billing@harbour.example?").found
    assert search(index, WordEmbedder(), "sales@harbour.example").hits[0].coverage == 0
