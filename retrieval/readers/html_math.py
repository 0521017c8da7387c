"""Formulas of a page (MathML) as text in one line: (a+b)/2, x², √(x), ∑ᵢ₌₁ⁿ."""

import re
from collections.abc import Callable, Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

from retrieval.readers.formulas import fraction, root, scripts

MAX_DEPTH = 60  # of parts in parts that are read by their kind; of deeper ones only the letters are read
_SILENT = frozenset(("annotation", "annotation-xml", "mphantom", "none", "mprescripts"))
_UNSEEN = dict.fromkeys(range(0x2061, 0x2065))  # signs for "function of" or "times", which no person sees
_PREFIX = re.compile(r"<(/?)math:")
_RELATION = re.compile(r"[=<>≤≥≈≡≠∝∈→]")


def formula(math: LexborNode) -> str:
    """The text of a formula; where it has no parts, what its page says instead."""
    return _text(math, 0).strip() or (math.attributes.get("alttext") or "").strip()


def formula_in(xml: str) -> str:
    """The text of the formula of a file that holds nothing else; an empty string for any other file."""
    tree = LexborHTMLParser(_PREFIX.sub(r"<\1", xml))
    math = tree.css_first("math")
    return formula(math) if math is not None else ""


def _text(node: LexborNode, depth: int) -> str:
    tag = node.tag or ""
    if tag in _SILENT:
        return ""
    if tag == "mspace":
        return " "
    parts = list(_elements(node))
    if not parts or depth == MAX_DEPTH:
        words = " ".join((node.text() or "").translate(_UNSEEN).split())
        return f" {words} " if tag == "mtext" and words else words
    texts = [_text(each, depth + 1) for each in parts]
    form, least = _FORMS.get(tag, (_in_line, 1))
    return form(node, texts) if len(texts) >= least else _in_line(node, texts)


def _elements(node: LexborNode) -> Iterator[LexborNode]:
    child = node.child
    while child is not None:
        if child.tag not in ("-text", "-comment"):
            yield child
        child = child.next


def _in_line(node: LexborNode, texts: list[str]) -> str:
    """Parts one after another; a name of several letters, such as "sin", stands apart from a letter beside it."""
    line, named = "", False
    for part, text in zip(_elements(node), texts, strict=True):
        is_name = part.tag in ("mi", "mo") and len(text) > 1 and text.isalpha()
        if (named or is_name) and line[-1:].isalnum() and text[:1].isalnum():
            line += " "
        line += text
        named = is_name if text else named
    return line


def _fraction(node: LexborNode, texts: list[str]) -> str:
    return fraction(texts[0].strip(), texts[1].strip())


def _square_root(node: LexborNode, texts: list[str]) -> str:
    return root("", _in_line(node, texts).strip())


def _root(node: LexborNode, texts: list[str]) -> str:
    return root(texts[1], texts[0].strip())


def _low(node: LexborNode, texts: list[str]) -> str:
    return scripts(texts[0].strip(), texts[1], "")


def _high(node: LexborNode, texts: list[str]) -> str:
    """A term with what stands above it: an exponent, or an accent such as a bar."""
    accent = node.tag == "mover" and len(texts[1]) == 1 and not texts[1].isalnum()
    return texts[0] + texts[1] if accent else scripts(texts[0].strip(), "", texts[1])


def _both(node: LexborNode, texts: list[str]) -> str:
    return scripts(texts[0].strip(), texts[1], texts[2])


def _brackets(node: LexborNode, texts: list[str]) -> str:
    values = node.attributes
    return (values.get("open") or "(") + ", ".join(texts) + (values.get("close") or ")")


def _rows(node: LexborNode, texts: list[str]) -> str:
    return "; ".join(filter(None, texts))


def _cells(node: LexborNode, texts: list[str]) -> str:
    """A row of a matrix, "1, 2", or one of equations that stand aligned, "x =1"."""
    line = ""
    for text in filter(None, map(str.strip, texts)):
        line += ("" if not line else " " if _RELATION.match(text) else ", ") + text
    return line


_FORMS: dict[str, tuple[Callable[[LexborNode, list[str]], str], int]] = {
    "mfrac": (_fraction, 2),
    "msqrt": (_square_root, 1),
    "mroot": (_root, 2),
    "msub": (_low, 2),
    "munder": (_low, 2),
    "msup": (_high, 2),
    "mover": (_high, 2),
    "msubsup": (_both, 3),
    "munderover": (_both, 3),
    "mfenced": (_brackets, 1),
    "mtable": (_rows, 1),
    "mtr": (_cells, 1),
}
