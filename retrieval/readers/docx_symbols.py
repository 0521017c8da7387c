"""Letters of the symbol fonts of Word as Unicode."""

import re
from xml.etree.ElementTree import Element

from retrieval.readers.docx_parts import attribute

_SYMBOLS = dict(
    zip(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz¢£¥¬®°±²³´¸¹»ÎÖ×åò",
        "ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖαβχδεφγηιϕκλμνοπθρστυϖωξψζ′≤∞←→°±″≥×÷≠≈∈√·∑∫",
        strict=True,
    )
)
_WINGDINGS = {"ü": "✓", "û": "✗", "þ": "☑", "ý": "☒", "¨": "☐", "o": "☐", "x": "☒", "à": "→", "§": "▪", "l": "●"}


def symbol(element: Element) -> str:
    """A letter of a symbol font as Unicode; an empty string for one that is not known."""
    code, font = attribute(element, "char"), attribute(element, "font").lower()
    if not re.fullmatch("[0-9A-Fa-f]{1,5}", code):
        return ""
    letter = chr(int(code, 16) & 0xFF) if 0xF000 <= int(code, 16) <= 0xF0FF else chr(int(code, 16))
    known = _SYMBOLS if font == "symbol" else _WINGDINGS if font.startswith("wingdings") else {}
    return known.get(letter, letter if not known and letter.isprintable() else "")
