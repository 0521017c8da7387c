"""The markers before the entries of a page's lists: bullets, numbers, boxes of tasks, and their indents."""

import re
from dataclasses import dataclass, field

from selectolax.lexbor import LexborHTMLParser, LexborNode

from retrieval.readers.html_tables import children
from retrieval.readers.numerals import numeral

MOST_INDENTS = 20
_LIST_TYPES = {"a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman", "I": "upperRoman"}
_LIST_STYLES = {
    "lower-alpha": "lowerLetter", "lower-latin": "lowerLetter", "upper-alpha": "upperLetter",
    "upper-latin": "upperLetter", "lower-roman": "lowerRoman", "upper-roman": "upperRoman",
}  # fmt: skip
_LIST_STYLE = re.compile(r"list-style(?:-type)?\s*:\s*([\w-]+)", re.IGNORECASE)
# Google Docs writes the lists of an outline one after another; a class tells the outline and the depth of each.
_OUTLINE = re.compile(r"\blst-(kix_\w+)-(\d)\b")
_COUNTER = re.compile(r"\.(lst-kix_[\w-]+)\s*>\s*li:before\s*\{\s*content:[^}]*counter\([\w-]+,\s*([\w-]+)\)[^}]*\}")


@dataclass(frozen=True)
class Lists:
    """The lists of a page: the next number and the step of each, and the forms that its style gives to classes."""

    numbers: dict[int, tuple[int, int]] = field(default_factory=dict)
    forms: dict[str, str] = field(default_factory=dict)
    outlines: dict[str, int] = field(default_factory=dict)

    def begin(self, node: LexborNode) -> None:
        """Take a list's first number."""
        self.numbers[node.mem_id] = _numbering(node)

    def group(self, node: LexborNode) -> int:
        """The same number for all lists of one outline, which stand one after another."""
        found = _OUTLINE.search(node.attributes.get("class") or "")
        return self.outlines.setdefault(found[1], node.mem_id) if found else node.mem_id

    def marker(self, item: LexborNode, depth: int) -> str:
        """What stands before a list entry: "- " or its number, indented by the lists around it."""
        parent = item.parent
        names = (parent.attributes.get("class") or "") if parent is not None else ""
        outline = _OUTLINE.search(names)
        depth = int(outline[2]) if outline and depth <= 1 else depth - 1
        indent = "  " * min(max(0, depth), MOST_INDENTS)
        if parent is None or parent.tag != "ol":
            return f"{indent}- {_task(item, names)}"
        number, step = self.numbers.get(parent.mem_id, (1, 1))
        number = _integer(item.attributes.get("value"), number)
        self.numbers[parent.mem_id] = number + step, step
        style = _LIST_STYLE.search(parent.attributes.get("style") or "")
        if style and style[1].lower() == "none":
            return f"{indent}- "
        styled = _LIST_STYLES.get(style[1].lower()) if style else self.forms.get(outline[0] if outline else "")
        form = _LIST_TYPES.get(parent.attributes.get("type") or "") or styled
        return f"{indent}{numeral(number, form or 'decimal')}. "


def lists_of(tree: LexborHTMLParser) -> Lists:
    """The lists of a page, with the forms of numbers in its style."""
    styles = "".join(each.text() for each in tree.css("style") if "lst-kix" in each.text())
    return Lists(forms={name: _LIST_STYLES.get(form, "decimal") for name, form in _COUNTER.findall(styles)})


def _task(item: LexborNode, names: str) -> str:
    """The box of a task whose state its class says; an empty string for any other entry."""
    if "inline-task-list" in names.split():
        return "[x] " if "checked" in (item.attributes.get("class") or "").split() else "[ ] "
    if "to-do-list" in names.split():
        return "[x] " if item.css_first(".checkbox-on") is not None else "[ ] "
    return ""


def _numbering(node: LexborNode) -> tuple[int, int]:
    """The first number and the step of a list."""
    values = node.attributes
    if "reversed" in values:
        entries = sum(1 for _ in children(node, ("li",)))
        return _integer(values.get("start"), entries), -1
    return _integer(values.get("start"), 1), 1


def _integer(text: str | None, default: int) -> int:
    return int(text) if text and re.fullmatch(r"\s*-?\d{1,6}\s*", text) else default
