"""The letters that TeX writes as commands: accents, letters with names of their own, and the names of TeX itself."""

import re
import unicodedata

_MARKS = dict(
    zip(
        "'`^\"~.=cvuHkrd",
        "\u0301\u0300\u0302\u0308\u0303\u0307\u0304\u0327\u030c\u0306\u030b\u0328\u030a\u0323",
        strict=True,
    )
)
_LETTERS = {
    "ss": "ß", "o": "ø", "O": "Ø", "l": "ł", "L": "Ł", "ae": "æ", "AE": "Æ", "oe": "œ", "OE": "Œ", "aa": "å",
    "AA": "Å", "TeX": "TeX", "LaTeX": "LaTeX", "BibTeX": "BibTeX",
}  # fmt: skip
_NAMES = "|".join(sorted(_LETTERS, key=len, reverse=True))
# Without braces `\=` sets a tab stop, and names such as `\v` are mostly an author's own.
_COMMAND = re.compile(
    r"(?<!\\)(?P<line>(?:\\\\)*)(?P<open>\{)?\\(?:"
    r"(?P<sign>['`^\"~.])(?P<bare>[^\W\d_]|\\[ij](?![A-Za-z])[ ]?)"
    r"|(?P<mark>['`^\"~.=cvuHkrd])\{(?P<inner>[^\W\d_]|\\[ij])\}"
    rf"|(?P<name>{_NAMES})(?![A-Za-z])(?:\{{\}}|[ ]+)?"
    r")(?(open)\})"
)
_TAKES_BRACES = re.compile(r"(?:\\[A-Za-z]+\*?|[}\]])$")
_DEFINED = re.compile(r"\\(?:(?:re|provide)?(?:new)?command\*?\s*\{?|def|let)\s*\\([A-Za-z]+)")


def with_letters(source: str, definitions: str) -> str:
    """TeX source with its letters as Unicode; a command to which the definitions give another meaning stays."""
    own = frozenset(_DEFINED.findall(definitions))
    for _ in range(2):  # a letter may have two accents, as in Vietnamese
        source = _COMMAND.sub(lambda found: _shown(found, own), source)
    return source


def _shown(found: re.Match[str], own: frozenset[str]) -> str:
    """What a command shows; the command itself where that is no letter."""
    letter = _letter(found)
    if not letter or (found["mark"] or found["name"]) in own:
        return found[0]
    braced = found["open"] and _TAKES_BRACES.search(found.string[max(0, found.start() - 40) : found.start()])
    return found["line"] + (f"{{{letter}}}" if braced else letter)


def _letter(found: re.Match[str]) -> str | None:
    name = found["name"]
    if name:
        return _LETTERS[name] if len(name) > 1 or _is_in_word(found) else None
    base = (found["bare"] or found["inner"]).strip().lstrip("\\")
    letter = unicodedata.normalize("NFC", base + _MARKS[found["sign"] or found["mark"]])
    return letter if len(letter) == 1 else None


def _is_in_word(found: re.Match[str]) -> bool:
    """Whether letters stand beside the command; authors often give such short names to formulas."""
    after = found.string[found.end() : found.end() + 2]
    return (
        found.string[max(0, found.start() - 1) : found.start()].isalpha()
        or after[:1].isalpha()
        or after in ("\\'", "\\`", "\\^")
    )
