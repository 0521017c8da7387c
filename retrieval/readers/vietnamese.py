"""Vietnamese before Unicode: VNI, TCVN3 (ABC) and VISCII, as bytes or as the Latin letters that a wrong reading shows.

VISCII is RFC 1456, TCVN3 the letters of TCVN 5712:1993 (VN1, upper half), VNI the Windows fonts of VNI Software.
"""

import re
import unicodedata

_VISCII_LOW = {0x02: "Ẳ", 0x05: "Ẵ", 0x06: "Ẫ", 0x14: "Ỷ", 0x19: "Ỹ", 0x1E: "Ỵ"}
_VISCII = (
    "ẠẮẰẶẤẦẨẬẼẸẾỀỂỄỆỐỒỔỖỘỢỚỜỞỊỎỌỈỦŨỤỲÕắằặấầẩậẽẹếềểễệốồổỗỠƠộờởịỰỨỪỬơớƯÀÁÂÃẢĂẳẵÈÉÊẺÌÍĨỳĐứÒÓÔạỷừửÙÚỹỵÝỡưàáâãảăữẫèéêẻìíĩỉđựòó"
    "ôõỏọụùúũủýợỮ"
)
_TCVN3 = (
    "\u00a0ĂÂÊÔƠƯĐăâêôơưđẶ\u0300\u0309\u0303\u0301\u0323"
    "àảãáạẲằẳẵắẴẮẦẨẪẤỀặầẩẫấậèỂẻẽéẹềểễếệìỉỄẾỒ"
    "ĩíịòỔỏõóọồổỗốộờởỡớợùỖủũúụừửữứựỳỷỹýỵỐ"
)  # fmt: skip
_GRAVE, _ACUTE, _HOOK, _TILDE, _DOT, _ROOF, _BREVE = "\u0300\u0301\u0309\u0303\u0323\u0302\u0306"
# What VNI prints after a vowel; the capitals are the same 32 places below.
_VNI_MARKS = {
    "ø": _GRAVE, "ù": _ACUTE, "û": _HOOK, "õ": _TILDE, "ï": _DOT, "â": _ROOF, "ê": _BREVE,
    "à": _ROOF + _GRAVE, "á": _ROOF + _ACUTE, "å": _ROOF + _HOOK, "ã": _ROOF + _TILDE, "ä": _ROOF + _DOT,
    "è": _BREVE + _GRAVE, "é": _BREVE + _ACUTE, "ú": _BREVE + _HOOK, "ü": _BREVE + _TILDE, "ë": _BREVE + _DOT,
}  # fmt: skip
_VNI_LETTERS = {"ô": "ơ", "ö": "ư", "ñ": "đ", "æ": "ỉ", "ó": "ĩ", "ò": "ị", "î": "ỵ"}
_VNI_MARKS |= {mark.upper(): sign for mark, sign in _VNI_MARKS.items()}
_VNI_LETTERS |= {letter.upper(): unicode.upper() for letter, unicode in _VNI_LETTERS.items()}
_VNI_PAIR = re.compile(f"([aeiouyAEIOUYôöÔÖ])([{''.join(_VNI_MARKS)}])")
_VNI_LETTER = re.compile(f"[{''.join(_VNI_LETTERS)}]")
_ONSET = "ngh|ng|nh|ch|gh|gi|kh|ph|qu|th|tr|[bcdđghklmnpqrstvx]"
_SYLLABLE = re.compile(rf"(?:{_ONSET})?[aăâeêioôơuưy]{{1,3}}(?:ch|ng|nh|[cmnpt])?")
_TONES = re.compile(f"[{_GRAVE}{_ACUTE}{_HOOK}{_TILDE}{_DOT}]")
_WORD = re.compile(r"[^\W\d_]+(?:[\u0300-\u0323][^\W\d_]*)*")
_MARKED = re.compile(r"[^\x00-\x7f]")
_ALREADY = re.compile("[ăđơưĂĐƠƯ\u1ea0-\u1ef9\u0300-\u0323]")  # Vietnamese that is Unicode already
_OWN = re.compile("[àáâãèéêìíòóôõùúýăđĩũơư“”‘’–—…\u00a0\u1ea0-\u1ef9\u0300-\u0323]", re.IGNORECASE)
SAMPLE_CHARS = 5_000
MIN_SYLLABLES = 0.8  # share of the words with marks that are Vietnamese syllables once they are converted
MIN_FOREIGN = 0.15  # share of the characters beyond ASCII that Vietnamese does not write: Unicode has next to none
MIN_WORDS = 4


def decode_viscii(data: bytes) -> str:
    """Text in VISCII."""
    table = "".join(_VISCII_LOW.get(code, chr(code)) for code in range(128)) + _VISCII
    return _composed(data.decode("latin-1").translate(dict(enumerate(table))))


def decode_tcvn3(data: bytes) -> str:
    """Text in TCVN3."""
    return from_tcvn3(data.decode("latin-1"))


def decode_vni(data: bytes) -> str:
    """Text for VNI fonts."""
    return from_vni(data.decode("cp1252", errors="replace"))


def from_tcvn3(text: str) -> str:
    """The Unicode text of TCVN3 that was read as Latin letters."""
    return _composed(text.translate({0xA0 + place: letter for place, letter in enumerate(_TCVN3)}))


def from_vni(text: str) -> str:
    """The Unicode text of VNI that was read as Latin letters."""
    text = _VNI_PAIR.sub(lambda pair: _VNI_LETTERS.get(pair[1], pair[1]) + _VNI_MARKS[pair[2]], text)
    return _composed(_VNI_LETTER.sub(lambda letter: _VNI_LETTERS[letter[0]], text))


def convert_fonts(text: str) -> tuple[str, str]:
    """The text with Vietnamese that was typed for old fonts as Unicode, and the name of that form or "".

    A text is converted if Vietnamese does not write its letters as they are, and most of its words with marks become
    syllables. Lines that are Unicode already stay.
    """
    sample = text[:SAMPLE_CHARS]
    if _foreign_share(sample) < MIN_FOREIGN:
        return text, ""
    for name, convert in (("VNI", from_vni), ("TCVN3", from_tcvn3)):
        if syllable_share(convert(sample)) >= MIN_SYLLABLES:
            lines = (line if _ALREADY.search(line) else convert(line) for line in text.split("\n"))
            return "\n".join(lines), name
    return text, ""


def _foreign_share(text: str) -> float:
    """The share of the characters beyond ASCII that Vietnamese does not write."""
    beyond = _MARKED.findall(text)
    return sum(not _OWN.match(letter) for letter in beyond) / len(beyond) if beyond else 0.0


def syllable_share(text: str, words: int = MIN_WORDS) -> float:
    """The share of the words with marks that are syllables of Vietnamese; 0 where there are fewer than `words`."""
    marked = [word for word in _WORD.findall(text) if _MARKED.search(word)]
    return sum(map(is_syllable, marked)) / len(marked) if len(marked) >= words else 0.0


def is_syllable(word: str) -> bool:
    """Whether a word is built like a syllable of Vietnamese, with one tone at most."""
    parts = unicodedata.normalize("NFD", word.lower())
    toneless = unicodedata.normalize("NFC", _TONES.sub("", parts))
    return len(_TONES.findall(parts)) <= 1 and bool(_SYLLABLE.fullmatch(toneless))


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)
