"""Tells whether a text layer can be read at all, without a word of any language, and mends the order of Arabic.

A wrong table of letters gives text whose letters are as frequent as in no language. The reference is the mean frequency
of letters in 42 languages with Latin letters; each of them is nearer to it than all its 25 shifted forms (docs/log.md).
Texts in other scripts are judged by their signs and unassigned characters only.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from math import log

# Occurrences in 1,000 letters without their marks, the mean of 42 languages (names of countries and languages).
_FREQUENCIES = dict(
    zip(
        "abcdefghijklmnopqrstuvwxyz",
        (155, 23, 23, 31, 74, 9, 26, 19, 107, 10, 38, 46, 29, 82, 59, 15, 2, 64, 64, 40, 42, 11, 7, 1.5, 13, 10),
        strict=True,
    )
)
_LOGARITHMS = {letter: log(count / 1_000 + 0.002) for letter, count in _FREQUENCIES.items()}
_LIKE_LETTERS = str.maketrans("đıłøæœßþð", "dilooesdd")
# Mean logarithms of a letter's frequency: languages have -2.7 to -3.15, nine of ten permuted tables less than -3.3, and
# shifted ones gain .2 or more when they are shifted back.
UNLIKE_ANY, UNUSUAL, BETTER_SHIFT = -3.3, -3.05, 0.15
MIN_LETTERS = 150  # for a mean that says something
MIN_CHARACTERS = 60
MAX_SIGNS = 0.3  # share of signs among the characters; prose has .05, source code up to .2
MAX_UNKNOWN = 0.2  # share of characters that are no letters, signs or digits of any script
_COMMON_SIGNS = frozenset(".,-–—_=*|/·…•'’\"“”():;?!%")
_ARABIC = re.compile("[\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff]")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_LETTER = re.compile(r"[^\W\d_]")
_FORMS = re.compile("[\ufb50-\ufd3d\ufd50-\ufdff\ufe70-\ufefc]+")


def is_unreadable(text: str) -> bool:
    """Whether a text layer is gibberish; False where there is too little of it to tell."""
    characters = Counter(text)
    for blank in " \t\r\n\f\x02\ufffe\u00a0":
        characters.pop(blank, None)
    total = sum(characters.values())
    if total < MIN_CHARACTERS:
        return False
    signs = unknown = 0
    for character, count in characters.items():
        kind = unicodedata.category(character)
        unknown += count * (kind in ("Cc", "Co", "Cn", "Cs") or character == "\ufffd")
        signs += count * (kind[0] in "PS" and character not in _COMMON_SIGNS)
    return unknown > MAX_UNKNOWN * total or signs > MAX_SIGNS * total or _is_unlike_language(characters)


def _is_unlike_language(characters: Counter[str]) -> bool:
    latin = dict.fromkeys(_LOGARITHMS, 0)
    every = 0
    for character, count in characters.items():
        letter = unicodedata.normalize("NFD", character.lower())[0].translate(_LIKE_LETTERS)
        every += count * character.isalpha()
        if letter in latin:
            latin[letter] += count
    total = sum(latin.values())
    if total < MIN_LETTERS or total < 0.7 * every:
        return False
    mean = _mean(latin, 0) / total
    if mean >= UNUSUAL:
        return False
    better = max(_mean(latin, shift) for shift in range(1, 26)) / total - mean
    return mean < UNLIKE_ANY or better > BETTER_SHIFT


def _mean(counts: dict[str, int], shift: int) -> float:
    """The sum of the logarithms, if each letter stood so many places further in the alphabet."""
    values = list(_LOGARITHMS.values())
    return sum(count * values[(place + shift) % 26] for place, count in enumerate(counts.values()))


def is_right_to_left(text: str) -> bool:
    """Whether most letters belong to scripts that run from right to left."""
    found = len(_RIGHT_TO_LEFT.findall(text)) if not text.isascii() else 0
    return bool(found) and 2 * found > len(_LETTER.findall(text))


def mend_ligatures(text: str, origin: Callable[[int], tuple[float, float]]) -> str:
    """A line whose letters that share one glyph, such as lam-alef, are in the order of reading.

    PDFium turns a line around letter by letter, and so the letters of a glyph too. `origin` is the place of a letter.
    """
    if not _ARABIC.search(text):
        return text
    letters = list(text)
    start = 0
    places = [origin(place) if _ARABIC.match(letter) else None for place, letter in enumerate(letters)]
    for place in range(1, len(letters) + 1):
        if place == len(letters) or places[place] is None or places[place] != places[start]:
            letters[start:place] = (
                letters[start:place][::-1] if _is_swapped(letters[start:place]) else letters[start:place]
            )
            start = place
    return _FORMS.sub(lambda match: unicodedata.normalize("NFKC", match[0]), "".join(letters))


def _is_swapped(letters: list[str]) -> bool:
    """Whether letters of one glyph are in the wrong order: marks stay behind their letter."""
    return len(letters) > 1 and all(unicodedata.category(letter) == "Lo" for letter in letters)
