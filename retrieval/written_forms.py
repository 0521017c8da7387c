"""Names that are written in several ways -> one more term each: dates, phone numbers, codes with blanks, chapters.

The term stands beside those of the words themselves, so that no way of writing finds less than before.
"""

import re
from collections.abc import Iterator
from itertools import chain

import regex

from retrieval.dates import iso_dates

# The parts of a text by the (last) words for them, and the number behind: "Chapter IV", "Kapitel 4", "chương 4", "§ 4".
PARTS = {
    "chapter": "chapter kapitel chapitre capítulo capitolo hoofdstuk chương",
    "article": "article artikel artículo articolo artigo art. điều",
    "section": "section sec. paragraph paragraf abschnitt sección sezione mục §",
    "part": "part teil partie parte deel phần",
    "book": "book buch livre libro quyển",
    "volume": "volume vol. band tome tập",
    "clause": "clause klausel khoản",
    "appendix": "appendix annex anhang annexe anexo lục",
    "figure": "figure fig. abbildung abb. hình",
    "table": "table tabelle tableau tabla bảng",
}
_NAMES = {word: name for name, words in PARTS.items() for word in words.split()}
WORDS = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
).split()
_ROMAN = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}
_PART = re.compile(
    r"(?P<name>\b[^\W\d_]++\.?|§)(?: |(?<=[.§]))"
    rf"(?P<number>\d{{1,3}}|[ivxlc]{{1,7}}|{'|'.join(WORDS)})(?!\w|[.,-]\d)",
    re.IGNORECASE,
)
_ROMAN_FORM = regex.compile(r"c{0,3}(?:xc|xl|l?x{0,3})(?:ix|iv|v?i{0,3})")
_JOINED = tuple(
    regex.compile(form)
    for form in (
        r"(?<![\w-])\p{Lu}{2,4} \d+(?![\w-])",  # WD 40
        r"(?<![\w/-])\p{Lu}{1,4}[-/ ]\d{2,}[-/ ](?:\p{Lu}{1,4}|\d+)(?!\w)",  # AB 12 CD, B/2019/77
        r"(?<!\w)\p{Lu}{2}\d\d(?: [\p{Lu}\d]{4}){2,7}(?: [\p{Lu}\d]{1,3})?(?!\w)",  # an IBAN
        r"(?<!\w)\d{4}(?: \d{4}){2,}(?!\w)",  # the number of a card
        r"(?<!\w)(?:[\da-fA-F]{2}[:-]){5}[\da-fA-F]{2}(?!\w)",  # the address of a network card
    )
)
_PHONE = regex.compile(
    r"(?<![\w.,/-])(?P<abroad>\+|00)?(?:\(0\d{1,4}\)|\(?\d{3}\)(?= ?\d{3}[ .-]\d{4})|\d{1,14})(?:[ ./-]{0,2}\(0\))?"
    r"(?:(?:[ ./-]{1,3}|(?<=\)))\(?\d{2,8}\)?)*(?!\w)"
)
_AMERICAN = regex.compile(r"\d{3}[ .-]?\d{3}[ .-]\d{4}")
_LEAST_DIGITS, _MOST_DIGITS = 9, 15  # of a phone number
_DIGIT = regex.compile(r"\d")
_NO_ALPHANUMERIC = regex.compile(r"[^\p{L}\d]")


def further_terms(line: str) -> Iterator[str]:
    """One term for every name in a line that is written in several ways."""
    yield from _parts(line)
    if _DIGIT.search(line):
        yield from iso_dates(line)
        yield from (_NO_ALPHANUMERIC.sub("", found[0]).lower() for form in _JOINED for found in form.finditer(line))
        yield from chain.from_iterable(_phone(found[0], found["abroad"] or "") for found in _PHONE.finditer(line))


def _parts(line: str) -> Iterator[str]:
    for found in _PART.finditer(line):
        name = _NAMES.get(found["name"].lower())
        number = _number(found["number"].lower()) if name else 0
        if number:
            yield f"{name} {number}"


def _number(written: str) -> int:
    """The value of a number in digits, in English words or in Roman letters; 0 where it is none."""
    if written.isdecimal():
        return int(written)
    if written in WORDS:
        return WORDS.index(written) + 1
    if not _ROMAN_FORM.fullmatch(written) or written in ("l", "c"):  # single letters that number parts as letters do
        return 0
    values = [_ROMAN[letter] for letter in written]
    return sum(-each if each < after else each for each, after in zip(values, [*values[1:], 0], strict=True))


def _phone(written: str, abroad: str) -> Iterator[str]:
    """The digits of a phone number; of one with the code of a country also those that are dialled within it.

    The code has one to three digits, so there are three readings.
    """
    digits = "".join(filter(str.isdigit, written.replace("(0)", "")))
    if not _LEAST_DIGITS <= len(digits) <= _MOST_DIGITS:
        return
    if not (abroad or digits[0] == "0" or "(" in written or _AMERICAN.fullmatch(written)):
        return
    if not abroad:
        yield f"tel {digits}"
        return
    bare = digits.removeprefix("00") if abroad == "00" else digits
    yield f"tel {bare}"
    yield from (f"tel 0{bare[length:]}" for length in (1, 2, 3))
