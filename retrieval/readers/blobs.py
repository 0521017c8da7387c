"""Removes encoded data from a text: data addresses, base64, keys, long hexadecimal numbers. Nobody reads them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

BLOBS = "Pieces of encoded data"
MARK = "\ufdd1"  # stands where a blob was; Unicode gives this character to nobody
MIN_TOKEN = 200  # characters of a blob in one piece
MIN_LINE = 60  # the same of each of several lines
MIN_CHANGES, MIN_DIGITS = 0.5, 0.04  # shares of kinds that change, and of digits; base64 has .64 and .16
MIN_HEX_CHANGES = 0.38  # hexadecimal numbers have .47
_ADDRESS = re.compile(
    r"data:[\w.+-]{1,40}/[\w.+-]{1,60}(?:;[\w.+-]{1,40}(?:=[\w.+-]{1,40})?){0,4},"
    r"(?:[\w+/=%.~!*-]|\r?\n[ \t]*(?=[\w+/=]{20})){20,}",
    re.IGNORECASE,
)
_PEM = re.compile(r"-----BEGIN [A-Z0-9 ]{2,40}-----\s[\w+/=\s:,.]{20,}-----END [A-Z0-9 ]{2,40}-----")
_UUENCODED = re.compile(r"^begin [0-7]{3} \S+\n(?:[ -`]{1,62}\n)+end$", re.MULTILINE)
_TOKENS = re.compile(
    rf"(?<![\w+/=-])(?:[\w+/=-]{{{MIN_LINE},}}\r?\n[ \t]*)+[\w+/=-]+|(?<![\w+/=-])[\w+/=-]{{{MIN_TOKEN},}}", re.ASCII
)
_HEX = re.compile("[0-9a-fA-F]+")
_KINDS = re.compile(r"[A-Z]+|[a-z]+|[0-9]+|[^A-Za-z0-9]+")


@dataclass(frozen=True)
class Blob:
    """A piece of encoded data, and the line of the file where it begins."""

    text: str
    line: int


def remove_blobs(text: str) -> tuple[str, list[Blob]]:
    """The text with a `MARK` for each piece of encoded data, and these pieces in order."""
    places = sorted(_places(text))
    pieces, blobs, end = [], [], 0
    for start, stop in places:
        if start < end:
            continue
        pieces.append(text[end:start])
        blobs.append(Blob(text[start:stop], text.count("\n", 0, start) + 1))
        end = stop
    return MARK.join([*pieces, text[end:]]), blobs


def _places(text: str) -> Iterator[tuple[int, int]]:
    for pattern in (_ADDRESS, _PEM, _UUENCODED):
        for match in pattern.finditer(text):
            yield match.span()
    for match in _TOKENS.finditer(text):
        if _is_random(match[0]):
            yield match.span()


def _is_random(token: str) -> bool:
    """Whether capitals, small letters, digits and signs follow one another as by chance."""
    letters = "".join(token.split())[:2_000]
    changes = len(_KINDS.findall(letters)) / len(letters)
    if _HEX.fullmatch(letters):
        return changes >= MIN_HEX_CHANGES
    digits = sum(map(str.isdigit, letters)) / len(letters)
    return changes >= MIN_CHANGES and digits >= MIN_DIGITS
