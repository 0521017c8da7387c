"""Cuts text into words with the forms that they are found by: compounds, identifiers, abbreviations, character pairs.

Knows no language: stop words and stems are the matter of `language.Terms`.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import regex

from retrieval.written_forms import further_terms

# Part of a set: scripts without blanks between words, whose terms are pairs of written characters with vowel signs.
UNSPACED = r"\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Han}\p{Hiragana}\p{Katakana}ー"
_LETTER = rf"[[\w\p{{M}}]--[{UNSPACED}]]"
_JOINT = r"(?:[-‐.@]|(?<=\d)[,/:](?=\d))"
_PIECE = regex.compile(
    rf"(?P<unspaced>[{UNSPACED}]+)"
    r"|§{1,2} ?\d+\p{L}?(?!\w)"
    rf"|(?:(?<![\w.])\.(?=\p{{L}}))?{_LETTER}+(?:{_JOINT}{_LETTER}+)*(?:[+#]{{1,2}}(?!\w))?",
    regex.V1,
)
_SPLIT = regex.compile(r"[-‐.@,/:_]")
_CLUSTER = regex.compile(r"\X")
# Vowel points of Arabic and Hebrew, the Arabic stretch, soft hyphens and characters without width.
_UNWRITTEN = regex.compile(
    r"[\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06dc"
    r"\u00ad\u200b-\u200f\u2060\ufeff]"
)
_OTHER_DIGIT = regex.compile(r"[\p{Nd}--[0-9]]", regex.V1)  # of Arabic, Persian, Hindi, Bengali, Thai …
_BLANK_GROUPS = regex.compile(r"(?<![\w.,])\d{1,3}(?: \d{3})+(?![\w])")
# Latin letters or a code before a Korean particle ("RX1042는").
_BEFORE_HANGUL = regex.compile(r"(?<=[A-Za-z][\d-]{0,8})(?=[가-힣])")
_COMMA_GROUPS = regex.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_CODE = regex.compile(r"(\p{L}{1,4})(\d{2,})")
_MEASURE = regex.compile(r"(?P<number>\d+(?:[.,:]\d+)*)(?P<unit>\p{L}{1,4})")
_PREFIXED = regex.compile(r"v(?P<number>\d+(?:\.\d+)+)|0x(?P<hex>[0-9a-f]{4,})")
_POINT_GROUPS = regex.compile(r"\d{1,3}(?:\.\d{3})+(?:,\d+)?")
_HYPHEN_GROUPS = regex.compile(r"(?!\d{4}-\d\d-\d\d$|\d\d?-\d\d?-\d{4}$)\d+(?:[-‐]\d+)+")  # no date
_ORDINAL = regex.compile(r"\d+(?:st|nd|rd|th|s)")
_LONG_NUMBER = 5  # digits from which on a number is a name of something rather than a year or an amount
# Vietnamese tone marks stand on either vowel of oa, oe and uy: "hoà" and "hòa" are one word.
_TONED = regex.compile(r"(o(?=[ae])|u(?=y))(\w)([\u0300\u0301\u0303\u0309\u0323])(?!\w)")
# Letters that are typed in another way too: the Turkish i, the French ligature, the Persian kaf and yeh.
_ONE_LETTER = str.maketrans({"ı": "i", "œ": "oe", "ک": "ك", "ی": "ي"})
_CAPITALS = regex.compile(r"\p{Lu}{2,}")


@dataclass(frozen=True)
class Word:
    """A word of a text: its `parts`, each a term, and the `whole` that is the same in one term ("" for a plain word).

    `capital` is an abbreviation or single letter as it is written, which no stop word of the same letters removes.
    `exact` is true of an identifier: who asks for it means this very one. `further` is true of another form of words
    that are there themselves, so that it is not missed where no passage has it.
    """

    parts: tuple[str, ...]
    whole: str = ""
    capital: str = ""
    exact: bool = False
    further: bool = False

    @property
    def terms(self) -> tuple[str, ...]:
        """All terms of the word."""
        return (*self.parts, self.whole) if self.whole else self.parts


def words_of(text: str) -> Iterator[Word]:
    """The words of a text in order, folded: one form for composed and decomposed, wide and narrow, upper and lower.

    Behind those of a line come the further forms of what it names.
    """
    known: dict[tuple[str, str], Word] = {}  # most words of a text come again
    for line in normalized(text).splitlines():
        loud = _is_loud(line)
        for piece in _PIECE.finditer(line):
            if piece["unspaced"]:
                yield from (Word((pair,)) for pair in character_pairs(piece[0]))
            else:
                written = piece[0], _capital(line, piece.start(), piece[0]) if not loud else ""
                if written not in known:
                    known[written] = _word(*written)
                yield known[written]
        yield from (Word((), term, exact=True, further=True) for term in further_terms(line))


def normalized(text: str) -> str:
    """Compatibility forms replaced (NFKC), signs without meaning for search removed, "10 000" joined, digits 0 to 9."""
    text = _UNWRITTEN.sub("", unicodedata.normalize("NFKC", text))
    text = _OTHER_DIGIT.sub(lambda found: str(unicodedata.digit(found[0])), text)
    text = _BEFORE_HANGUL.sub(" ", text)
    return _BLANK_GROUPS.sub(lambda found: found[0].replace(" ", ""), text)


def fold(word: str) -> str:
    """The word in lower case, with one place for a Vietnamese tone, and one form of letters that have several."""
    if word.isascii():
        return word.lower()
    lower = word.replace("İ", "i").casefold().translate(_ONE_LETTER)
    if lower.isascii():
        return lower
    return unicodedata.normalize("NFC", _TONED.sub(r"\1\3\2", unicodedata.normalize("NFD", lower)))


def character_pairs(run: str) -> list[str]:
    """The overlapping pairs of written characters of a script without blanks; a single one stays alone."""
    clusters = _CLUSTER.findall(run)
    return ["".join(clusters[place : place + 2]) for place in range(max(1, len(clusters) - 1))]


def _word(written: str, capital: str) -> Word:
    if _COMMA_GROUPS.fullmatch(written):
        written = written.replace(",", "")
    folded = fold(written)
    if folded[0] == "§":
        number = folded.strip("§ ")
        return Word((number,), f"§{number}", exact=True)
    if special := _prefixed(folded) or _measure(written, folded):
        return special
    code = _CODE.fullmatch(folded)
    pieces = code.groups() if code else _pieces(folded)
    if pieces == (folded,):
        return Word(pieces, capital=capital, exact=_is_identifier(written, pieces))
    if not any(map(str.isalpha, folded)):
        # The parts of a version or an amount are noise; a year or a longer number in a date is not.
        return Word((*(piece for piece in pieces if len(piece) > 3), *_ungrouped(folded)), folded, exact=True)
    if all(len(piece) == 1 for piece in pieces) and folded.count(".") == len(pieces) - 1:
        joined = "".join(pieces)
        return Word((joined,), capital=joined.upper() if written.isupper() else "")
    if "@" in folded:  # an address of e-mail is one name
        return Word(pieces, folded, exact=True)
    whole = folded if folded[0] == "." else "".join(pieces)
    return Word(pieces, whole, exact=_is_identifier(written, pieces))


def _prefixed(folded: str) -> Word | None:
    """A version with its "v" or a hexadecimal number with its "0x": the same without."""
    found = _PREFIXED.fullmatch(folded)
    if not found:
        return None
    return Word((), found["number"], exact=True) if found["number"] else Word((found["hex"],), folded, exact=True)


def _measure(written: str, folded: str) -> Word | None:
    """An amount that its unit follows without a blank ("1.4kg", "7:30pm"): found by both, too."""
    found = _MEASURE.fullmatch(folded)
    if not found or _ORDINAL.fullmatch(folded):
        return None
    number = found["number"].replace(",", "") if _COMMA_GROUPS.fullmatch(found["number"]) else found["number"]
    return Word((number, found["unit"]), folded, exact=_is_identifier(written, (folded,)))


def _ungrouped(number: str) -> tuple[str, ...]:
    """A number without the points or hyphens that part its digits in groups ("10.000", "030-1234-560"), if any."""
    if _POINT_GROUPS.fullmatch(number):
        return (number.replace(".", ""),)
    if _HYPHEN_GROUPS.fullmatch(number):
        joined = "".join(filter(str.isdigit, number))
        return (joined,) if len(joined) >= _LONG_NUMBER else ()
    return ()


def _pieces(folded: str) -> tuple[str, ...]:
    return tuple(piece for piece in _SPLIT.split(folded) if piece) or (folded,)


def _is_identifier(written: str, pieces: Sequence[str]) -> bool:
    """Whether it names one thing: "C++", ".NET", a long number, letters with digits (capitals, or three digits)."""
    if written[0] == "." or written[-1] in "+#":
        return True
    digits = sum(map(str.isdigit, written))
    if not any(map(str.isalpha, written)):
        return digits >= _LONG_NUMBER
    return not any(map(_ORDINAL.fullmatch, pieces)) and (digits >= 3 or (digits > 0 and written.isupper()))


def _is_loud(line: str) -> bool:
    """Whether a line is all capitals, so that capitals say nothing."""
    return line.upper() == line and len(line.split()) > 2


def _capital(line: str, start: int, written: str) -> str:
    """The word as written if it is in capitals, or a single capital that follows a word ("Vitamin A")."""
    if not written[0].isupper():
        return ""
    if _CAPITALS.fullmatch(written):
        return written
    follows_word = start > 1 and line[start - 1] == " " and line[start - 2].isalpha()
    ends = line[start + 1 : start + 2] not in (".", "'", "’")
    return written if len(written) == 1 and written.isupper() and written != "I" and follows_word and ends else ""
