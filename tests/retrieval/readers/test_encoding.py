"""Encodings, mojibake and composed letters."""

import pytest

from retrieval.errors import NeedsEncoding, RetrievalError
from retrieval.readers.dispatch import read_document
from tests.conftest import Write

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
    assert document.sentences == ("Lines of garbled characters mended: 1.",)


def test_decomposed_vietnamese_is_composed(write: Write) -> None:
    assert read_document(write("a.txt", "Vie\u0323\u0302t Nam")).text == "Việt Nam"


PROSE = {
    "cp1250": "Szanowni Państwo, zażółć gęślą jaźń. Biblioteka jest otwarta od dziewiątej, a książki można oddać.",
    "iso8859-2": "A könyvtár kilenckor nyit, és hatkor zár. A hűtőszekrény mögött őrzik a kulcsot, ne vigye el.",
    "koi8-r": "Библиотека открыта с девяти часов утра, а книги можно вернуть до вечера. Ключ лежит под ковриком.",
    "cp866": "Библиотека открыта с девяти часов утра, а книги можно вернуть до вечера. Ключ лежит под ковриком.",
    "cp1253": "Η βιβλιοθήκη ανοίγει στις εννέα το πρωί και κλείνει στις έξι. Το κλειδί είναι κάτω από το χαλί.",
    "cp1254": "Kütüphane sabah dokuzda açılır. Anahtar paspasın altındadır, lütfen başkasına vermeyiniz, teşekkürler.",
    "cp1255": "הספרייה נפתחת בתשע בבוקר ונסגרת בשש בערב. המפתח נמצא מתחת לשטיח, נא לא לקחת אותו.",
    "cp1256": "تفتح المكتبة في التاسعة صباحا وتغلق في السادسة مساء. المفتاح تحت السجادة، من فضلك لا تأخذه.",
    "cp1257": "Biblioteka atidaroma devintą valandą ryto. Raktas guli po kilimėliu, prašome jo neimti, ačiū.",
    "cp850": "Die Bücherei öffnet um neun Uhr früh und schließt um sechs. Der Schlüssel liegt unter der Fußmatte.",
    "mac-roman": "La bibliothèque ouvre à neuf heures et ferme à six. La clé est cachée sous le paillasson à côté.",
    "cp874": "ห้องสมุดเปิดเวลาเก้าโมงเช้าและปิดเวลาหกโมงเย็น กุญแจอยู่ใต้พรม",
    "gb18030": "图书馆早上九点开门，下午六点关门。钥匙在门垫下面，请不要拿走。",
    "big5": "圖書館早上九點開門，下午六點關門。鑰匙在門墊下面，請不要拿走。",
    "euc-jp": "図書館は午前九時に開き、午後六時に閉まります。鍵は玄関のマットの下にあります。",
    "cp949": "도서관은 아침 아홉 시에 열고 저녁 여섯 시에 닫습니다. 열쇠는 매트 아래에 있습니다.",
}


@pytest.mark.parametrize("encoding", PROSE)
def test_a_code_page_is_told_by_what_it_says(write: Write, encoding: str) -> None:
    document = read_document(write("a.txt", PROSE[encoding].encode(encoding)))
    assert document.text == PROSE[encoding]
    assert document.sentences[0].startswith("Read as ")


def test_quotation_marks_alone_are_western(write: Write) -> None:
    document = read_document(write("a.txt", "“Don’t” – she said – it costs 5 €.".encode("cp1252")))
    assert (document.text, document.sentences) == ("“Don’t” – she said – it costs 5 €.", ())


def test_where_the_guess_is_unsure_a_person_is_asked(write: Write) -> None:
    path = write("a.txt", "Привет".encode("cp1251"))
    with pytest.raises(NeedsEncoding, match=r"^a\.txt does not say its encoding and may be") as asked:
        read_document(path)
    assert 2 <= len(asked.value.readings) <= 3
    assert "Привет" in [sample for _, _, sample in asked.value.readings]
    chosen = next(encoding for encoding, _, sample in asked.value.readings if sample == "Привет")
    assert read_document(path, encoding=chosen).text == "Привет"


def test_an_encoding_that_nobody_knows_is_refused(write: Write) -> None:
    with pytest.raises(RetrievalError, match="unknown encoding 'klingon'"):
        read_document(write("a.txt", b"\xe4"), encoding="klingon")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_wide_letters_without_a_mark_are_known(write: Write, encoding: str) -> None:
    assert read_document(write("a.txt", "Plain words only.".encode(encoding))).text == "Plain words only."


@pytest.mark.parametrize(
    ("text", "clean", "note"),
    [
        ("The val\x00ve is\x00 green.", "The valve is green.", "NUL characters removed: 2."),
        ("Written before the end.\n" + "\x00" * 4096, "Written before the end.", "NUL characters removed: 4096."),
        ("kes\u200btrel \u2060and\ufeff \u202emag\u202cpie", "kestrel and magpie", "Invisible characters removed: 5."),
        ("do\u00adnut \U000e0041\U000e0042here", "donut here", "Invisible characters removed: 2."),
        ("10\u202f000\u00a0euros, \u20095", "10 000 euros,  5", ""),
        ("می\u200cخواهم क्\u200dष 👩\u200d🔧", "می\u200cخواهم क्\u200dष 👩\u200d🔧", ""),
        ("flag 🏴\U000e0067\U000e0062\U000e007f", "flag 🏴\U000e0067\U000e0062\U000e007f", ""),
        ("A\u200cB joined", "AB joined", "Invisible characters removed: 1."),
    ],
)
def test_what_nobody_sees_is_removed_and_counted(write: Write, text: str, clean: str, note: str) -> None:
    document = read_document(write("a.txt", text))
    assert document.text == clean
    assert document.sentences == ((note,) if note else ())


def test_letters_of_iso_2022_are_read_though_they_are_ascii(write: Write) -> None:
    assert read_document(write("a.txt", "港は朝に開く。".encode("iso-2022-jp"))).text == "港は朝に開く。"


def test_a_page_declared_as_latin_1_is_read_as_browsers_do(write: Write) -> None:
    page = "<meta charset=iso-8859-1><p>Caf\xe9&nbsp;\x93ok\x94</p>".encode("latin-1")
    assert read_document(write("a.html", page)).text == "Café “ok”"


def test_mojibake_whose_bytes_are_a_blank_and_a_soft_hyphen_is_mended(write: Write) -> None:
    garbled = "Phà rời cảng lúc chín giờ.".encode().decode("latin-1")
    assert read_document(write("a.txt", garbled)).text == "Phà rời cảng lúc chín giờ."
