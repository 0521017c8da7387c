"""Vietnamese in old encodings and fonts."""

import docx
import pytest

from retrieval.readers.dispatch import read_document
from retrieval.readers.vietnamese import convert_fonts, is_syllable
from tests.conftest import Write
from tests.fakes.files import word_file

TEXT = "Nhà trường mở cửa lúc bảy giờ sáng. Học sinh phải đeo thẻ khi vào cổng, kể cả ngày nghỉ. Tổ hoà giải họp ở xã."
VNI = (
    "Nhaø tröôøng môû cöûa luùc baûy giôø saùng. Hoïc sinh phaûi ñeo theû khi vaøo coång, keå caû ngaøy nghæ. "
    "Toå hoaø giaûi hoïp ôû xaõ."
)
TCVN3 = "Nhµ tr­êng më cöa lóc b¶y giê s¸ng. Häc sinh ph¶i ®eo thÎ khi vµo cæng, kÓ c¶ ngµy nghØ. Tæ hoµ gi¶i häp ë x·."
VISCII = bytes.fromhex("4e68e0207472df b66e67206df62063d861206cfa632062e4792067 69b62073e16e672e")


@pytest.mark.parametrize(("typed", "name"), [(VNI, "VNI"), (TCVN3, "TCVN3")])
def test_text_for_old_fonts_becomes_unicode(write: Write, typed: str, name: str) -> None:
    assert convert_fonts(typed) == (TEXT, name)
    for content in (typed.encode("utf-8"), typed.encode("cp1252")):
        document = read_document(write("a.txt", content))
        assert document.text == TEXT
        assert name in document.sentences[0]


def test_old_fonts_in_a_word_file_become_unicode(write: Write) -> None:
    word = docx.Document()
    for typed in (VNI, "Nhà trường nghỉ."):
        word.add_paragraph(typed)
    document = read_document(write("a.docx", word_file(word)))
    assert document.text == f"{TEXT}\n\nNhà trường nghỉ."
    assert document.sentences == ("Paragraphs in VNI letters converted to Unicode: 1.",)


def test_capitals_for_old_fonts_become_capitals() -> None:
    assert convert_fonts("COÄNG HOØA XAÕ HOÄI CHUÛ NGHÓA VIEÄT NAM")[0] == "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM"


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        "Le café était fermé à Noël, où l'été dernier nous avions déjeuné très bien, naïfs.",
        "Die Bücherei öffnet früh, schließt später und führt auch Zeitungen für Schüler.",
        "El niño pequeño comió piñas, añadió azúcar, según la señora.",
        "Größe 3×4, 20 °C, § 5, ½ l.",
    ],
)
def test_other_text_stays(text: str) -> None:
    assert convert_fonts(text) == (text, "")


@pytest.mark.parametrize(
    ("word", "right"), [("nghiêng", True), ("quyển", True), ("ẩ", True), ("strong", False), ("café", False)]
)
def test_a_syllable_is_known_by_its_build(word: str, right: bool) -> None:
    assert is_syllable(word) is right
