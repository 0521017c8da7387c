"""Parts of formulas in one line: (a+b)/2, x², √(x), ∑ᵢ₌₁ⁿ. Knows nothing of file formats."""

from retrieval.readers.raised import subscript, superscript


def fraction(above: str, below: str) -> str:
    """A fraction; a sum in it stands in brackets."""
    return f"{grouped(above)}/{grouped(below)}"


def scripts(base: str, low: str, high: str) -> str:
    """A term with its index and exponent, each of which may be empty."""
    return f"{grouped(base)}{subscript(low)}{superscript(high)}"


def root(degree: str, inner: str) -> str:
    """A root; an empty degree is a square root."""
    return f"{superscript(degree)}√({inner})"


def grouped(text: str) -> str:
    """A part in brackets, unless it is one term."""
    return text if len(text) <= 1 or text.isalnum() or _is_bracketed(text) else f"({text})"


def _is_bracketed(text: str) -> bool:
    """Whether one pair of brackets holds the whole text."""
    if text[0] + text[-1] not in ("()", "[]"):
        return False
    depth = 0
    for place, sign in enumerate(text):
        depth += (sign in "([") - (sign in ")]")
        if depth == 0:
            return place == len(text) - 1
    return False
