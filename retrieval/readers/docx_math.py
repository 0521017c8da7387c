"""Formulas of a Word file as text in one line: (a+b)/2, x², √(x), ∑_(i=1)^n."""

from xml.etree.ElementTree import Element

from retrieval.readers.docx_parts import attribute, child, name_of
from retrieval.readers.formulas import fraction, grouped, root, scripts
from retrieval.readers.raised import subscript, superscript


def math_text(element: Element | None) -> str:
    """The text of a formula or of a part of one; an empty string for None."""
    if element is None:
        return ""
    name = name_of(element)
    if name in ("m:t", "w:t"):
        return element.text or ""
    if name.endswith("Pr") or name in ("w:del", "w:moveFrom"):
        return ""
    form = _FORMS.get(name)
    return form(element) if form else "".join(map(math_text, element))


def _part(element: Element, name: str) -> str:
    return math_text(child(element, name)).strip()


def _property(element: Element, group: str, name: str, default: str) -> str:
    """A setting of an element; one that is there without a value is an empty string."""
    setting = child(element, group, name)
    return default if setting is None else attribute(setting, "val")


def _fraction(element: Element) -> str:
    return fraction(_part(element, "m:num"), _part(element, "m:den"))


def _scripts(element: Element) -> str:
    return scripts(_part(element, "m:e"), _part(element, "m:sub"), _part(element, "m:sup"))


def _root(element: Element) -> str:
    return root(_part(element, "m:deg"), _part(element, "m:e"))


def _sum(element: Element) -> str:
    sign = _property(element, "m:naryPr", "m:chr", "∫")
    scripts = subscript(_part(element, "m:sub")) + superscript(_part(element, "m:sup"))
    return f"{sign}{scripts} {_part(element, 'm:e')}"


def _brackets(element: Element) -> str:
    first, last = (_property(element, "m:dPr", f"m:{key}Chr", sign) for key, sign in (("beg", "("), ("end", ")")))
    between = _property(element, "m:dPr", "m:sepChr", "|")
    return first + between.join(math_text(each).strip() for each in element if name_of(each) == "m:e") + last


def _function(element: Element) -> str:
    return f"{_part(element, 'm:fName')} {grouped(_part(element, 'm:e'))}"


def _limit(element: Element) -> str:
    sign = "_" if name_of(element) == "m:limLow" else "^"
    return f"{_part(element, 'm:e')}{sign}({_part(element, 'm:lim')})"


def _accent(element: Element) -> str:
    """A term with its hat, arrow or bar, which may tell a mean from a value."""
    if name_of(element) == "m:acc":
        return _part(element, "m:e") + _property(element, "m:accPr", "m:chr", "\u0302")
    return _part(element, "m:e") + ("\u0305" if _property(element, "m:barPr", "m:pos", "bot") == "top" else "\u0332")


def _rows(element: Element) -> str:
    """A matrix "[a, b; c, d]", or equations below one another."""
    if name_of(element) == "m:eqArr":
        return "; ".join(math_text(each).strip() for each in element if name_of(each) == "m:e")
    rows = [[math_text(cell).strip() for cell in row] for row in element if name_of(row) == "m:mr"]
    return "[" + "; ".join(", ".join(row) for row in rows) + "]"


_FORMS = {
    "m:f": _fraction,
    "m:sSup": _scripts,
    "m:sSub": _scripts,
    "m:sSubSup": _scripts,
    "m:rad": _root,
    "m:nary": _sum,
    "m:d": _brackets,
    "m:func": _function,
    "m:limLow": _limit,
    "m:limUpp": _limit,
    "m:acc": _accent,
    "m:bar": _accent,
    "m:m": _rows,
    "m:eqArr": _rows,
}
