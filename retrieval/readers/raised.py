"""Superscripts and subscripts as Unicode text: 10⁵, H₂O, x^ab, 19th, [1]. Knows nothing of file formats."""

import re

_SIGNS = "0123456789+-=()"
_SUPERSCRIPT = dict(zip(f"{_SIGNS}−ni", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾⁻ⁿⁱ", strict=True))
_SUBSCRIPT = dict(zip(f"{_SIGNS}−aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎₋ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", strict=True))
_MARKS = {"tm": "™", "sm": "℠", "®": "®", "™": "™", "©": "©", "°": "°", "′": "′", "″": "″"}
# Ordinals and abbreviations that only print style raises: 19th, 1er, nº, Mlle.
_STYLE = re.compile(r"(?:st|nd|rd|th|er|re|e|ème|eme|ère|o|a|os|as|lle|me|de|ter|te)\.?", re.IGNORECASE)
_REFERENCE = re.compile(r"\[[^\[\]]{1,40}\]|[*†‡§¶]+")


def superscript(text: str, before: str = "", reference: bool = False) -> str:
    """A raised text that follows `before`; `reference` says that it points to a note."""
    text = " ".join(text.split())
    if reference and not _REFERENCE.fullmatch(text):
        return f"[{text}]" if text else ""
    if not text or _REFERENCE.fullmatch(text):
        return text
    if text.lower() in _MARKS:
        return _MARKS[text.lower()]
    if _STYLE.fullmatch(text) and (before[-1:].isdigit() or (before[-1:].isalpha() and before[-1:].isupper())):
        return text
    return _converted(text, _SUPERSCRIPT, "^")


def subscript(text: str) -> str:
    """A lowered text."""
    text = " ".join(text.split())
    return _converted(text, _SUBSCRIPT, "_") if text else ""


def at_height(text: str, place: str, before: str = "") -> str:
    """A text that stands above ("super") or below ("sub") the line, with the spaces around it."""
    if place not in ("super", "sub") or not text.strip():
        return text
    start, end = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
    return start + (superscript(text, before + start) if place == "super" else subscript(text)) + end


def _converted(text: str, letters: dict[str, str], sign: str) -> str:
    """Unicode's own raised or lowered letters where it has all of them, else a sign: "x^ab", "x^(a+b)"."""
    if all(letter in letters for letter in text.replace(" ", "")):
        return "".join(letters.get(letter, "") for letter in text)
    return f"{sign}{text}" if text.isalnum() else f"{sign}({text})"
