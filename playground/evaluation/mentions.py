"""Names and numbers in a text, found by their form. Knows no language but the number words of English."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_UPPER = "".join(filter(str.isupper, map(chr, range(0x1F00))))  # Latin, Greek and Cyrillic capitals
# Not at the start of a sentence, where any word has a capital, and not numbered like a section.
NAME = re.compile(
    rf"(?<=[\w,;)“\"]\s)[{_UPPER}][\w’'-]+(?:\s[{_UPPER}][\w’'-]+){{0,3}}(?!\s?[\d/]|\s[IVXLC]+\b|[\w’'-])"
)
FIGURE = re.compile(r"(?<![\w.,])\d+(?:[.,]\d+)*(?![\w/])")
_UNITS = "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
_TENS = "fifteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
_COUNT = re.compile(rf"(?<![\w-])(?:(?P<unit>{_UNITS})|(?P<ten>{_TENS}))(?![\w-]|\s(?:thirds|fourths|fifths)\b)")
OF_NAMES = "name of"  # how many words, in the kind of a name
_YEAR = re.compile(r"1\d{3}|20\d{2}")
_NO_NUMBER = re.compile(  # but part of a name, as in ls(1) and Linux-2.4, or of a reference
    r"(?:\w[(-]|\b(?:section|chapter|page|figure|table|step|chương|mục|trang|hình|bảng|bước)s?\s)$", re.IGNORECASE
)
_ENDING = re.compile(r"(?:[’']s?|[’'-]+)$")  # a possessive, or a hyphen that begins a compound


@dataclass(frozen=True)
class Mention:
    """A name or number at [start, end) of its text; those of one `kind` can stand for each other."""

    text: str
    start: int
    end: int
    kind: str

    @property
    def is_name(self) -> bool:
        """Whether it is a name, not a number."""
        return self.kind.startswith(OF_NAMES)


def find_mentions(text: str) -> Iterator[Mention]:
    """Every whole name, figure and number word of a sentence; names without a possessive ending."""
    for match in NAME.finditer(text):
        name = _ENDING.sub("", match[0])
        if _is_whole(name, text[: match.start()].split(), text[match.start() + len(name) :]):
            yield Mention(name, match.start(), match.start() + len(name), f"{OF_NAMES} {len(name.split())}")
    for match in FIGURE.finditer(text):
        if _NO_NUMBER.search(text[: match.start()]):
            continue
        kind = "year" if _YEAR.fullmatch(match[0]) else re.sub(r"\d", "0", match[0])
        yield Mention(match[0], *match.span(), kind)
    for match in _COUNT.finditer(text):
        yield Mention(match[0], *match.span(), "unit" if match["unit"] else "ten")


def _is_whole(name: str, before: list[str], after: str) -> bool:
    """Whether the name is not part of a longer one, such as a title of five words or a version."""
    follows = len(before) > 1 and before[-1].lstrip("\"“‘'(")[:1].isupper() and before[-1][-1].isalpha()
    return not follows and not re.match(rf"\s[{_UPPER}]|[.\d]\d", after) and not re.search(r"\d", name)
