"""reStructuredText -> the text as a reader sees it: without directives, targets and the marks of roles and links."""

import re

_TARGET = re.compile(r"^[ \t]*\.\. (?:_[^\n]*:|\|[^\n]*)[^\n]*\n(?:[ \t]+:[\w-]+:[^\n]*\n)*", re.MULTILINE)
_REPLACED = re.compile(r"^\.\. \|([^|\n]+)\| replace::[ \t]*(\S[^\n]*)$", re.MULTILINE)
_SUBSTITUTED = re.compile(r"\|([^|\s](?:[^|\n]*[^|\s])?)\|(?:__?)?")
# Its options stand directly below it; further down a line such as ":returns: a lamp" is text.
_DIRECTIVE = re.compile(
    r"^(?P<indent>[ \t]*)\.\. (?P<name>[\w:+.-]+)::[ \t]*(?P<rest>[^\n]*)\n(?:(?P=indent)[ \t]+:[\w-]+:[^\n]*\n)*",
    re.MULTILINE,
)
_COMMENT = re.compile(r"^\.\.(?:[ \t]+(?![\[_|])[^\n]*)?\n(?:[ \t]+[^\n]*\n|\n(?=[ \t]+\S))*", re.MULTILINE)
_FOOTNOTE = re.compile(r"[ \t]?\[#?\w*\]_")
_FOOTNOTE_TEXT = re.compile(r"^\.\. \[(#?\w*)\]", re.MULTILINE)
_ROLE = re.compile(r":[\w:+.-]+:`(?P<text>[^`]+)`")
_LINK = re.compile(r"`(?P<text>[^`<]+?)(?:\s*<[^>`]*>)?`__?")
_LITERAL = re.compile(r"``(?P<text>.+?)``", re.DOTALL)
_SHOWN = re.compile(r"^(?P<text>.*?)\s*<[^<>]*>$", re.DOTALL)
_EXPECTS = re.compile(r"[ \t]*::[ \t]*$", re.MULTILINE)  # a line that announces a literal block

# Directives whose own line says something to the reader; of the others only what stands below them is read.
_TITLED = {"rubric", "topic", "admonition", "sidebar"}
_SPOKEN = {
    "note": "Note:", "warning": "Warning:", "seealso": "See also:", "tip": "Tip:", "important": "Important:",
    "hint": "Hint:", "caution": "Caution:", "danger": "Danger:", "attention": "Attention:", "error": "Error:",
    "versionadded": "Added in version", "versionchanged": "Changed in version",
    "deprecated": "Deprecated since version",
}  # fmt: skip
# Of these the own line is a language or a path; below a figure stands its caption.
_SILENT = {"code-block", "code", "sourcecode", "doctest", "parsed-literal", "figure"}
_UNREAD = re.compile(
    r"^(?P<indent>[ \t]*)\.\. (?:index|sectionauthor|moduleauthor|highlight|toctree|testsetup|only|image|include"
    r"|raw|contents|meta)::[^\n]*\n(?:(?P=indent)[ \t]+[^\n]*\n|\n(?=(?P=indent)[ \t]+\S))*",
    re.MULTILINE,
)


def shown_text(text: str) -> tuple[str, int]:
    """The text without what a program reads, and how many blocks that were.

    Headings, lists, emphasis and code stay as they are.
    """
    text, unread = _UNREAD.subn("", text)
    shown = dict(_REPLACED.findall(text))
    text, targets = _TARGET.subn("", text)
    text = _SUBSTITUTED.sub(lambda found: shown.get(found[1], found[0]), text)
    text = _FOOTNOTE_TEXT.sub(lambda found: f"[{found[1].lstrip('#') or '*'}]", text)
    text = _DIRECTIVE.sub(_directive, text)
    text, comments = _COMMENT.subn("", text)
    text = _LITERAL.sub(lambda found: found["text"], _ROLE.sub(_role, text))
    text = _FOOTNOTE.sub("", _LINK.sub(lambda found: found["text"], text))
    return _EXPECTS.sub(_announced, text), unread + targets + comments


def _directive(found: re.Match[str]) -> str:
    name, rest = found["name"], found["rest"].strip()
    if name in _SPOKEN:
        return f"{found['indent']}{_SPOKEN[name]} {rest}".rstrip() + "\n"
    if name in _TITLED or rest and name not in _SILENT:
        return f"{found['indent']}{rest}\n"
    return ""


def _role(found: re.Match[str]) -> str:
    """What a role shows: its title where it has one, without the signs that stand before a name."""
    shown = _SHOWN.match(found["text"])
    text = shown["text"] if shown and shown["text"] else found["text"]
    return text.rsplit(".", 1)[-1] if text.startswith("~") else text.lstrip("!")


def _announced(found: re.Match[str]) -> str:
    """A single colon, or nothing where the mark is a line of its own."""
    start = found.string.rfind("\n", 0, found.start()) + 1
    return ":" if found.string[start : found.start()].strip() else ""
