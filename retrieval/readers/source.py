"""Reads source text that is kept as it is: programs under their file's name, and TeX under its own headings."""

import re
from collections.abc import Iterator

from retrieval.document import Document, DocumentBuilder, HeadingMark, Limits
from retrieval.readers.cleaning import Cleaner
from retrieval.readers.encoding import decode_file
from retrieval.readers.tex_letters import with_letters

COMMENTS = "Comments"
_LEVELS = {"part": 1, "chapter": 1, "section": 2, "subsection": 3, "subsubsection": 4, "paragraph": 5}
_SECTION = re.compile(
    r"^[ \t]*\\(part|chapter|section|subsection|subsubsection|paragraph)\*?(?:\[[^\]]*\])?\{((?:[^{}]|\{[^{}]*\})*)\}",
    re.MULTILINE,
)
_TITLE = re.compile(r"\\(title|author|date)(?:\[[^\]]*\])?\{((?:[^{}]|\{[^{}]*\})*)\}")
_COMMENT = re.compile(r"(?<!\\)((?:\\\\)*)%.*")
_COMMAND = re.compile(r"\\[a-zA-Z]+\*?\s*|\\(?=[&%#$_])|[{}~]")
# In these a percent sign begins no comment.
_LITERAL = re.compile(r"\\verb\*?([^A-Za-z\s*]).*?\1|\\(?:url|path|nolinkurl|href)\{[^{}]*\}")
_UNREAD = re.compile(r"^[ \t]*\\begin\{(comment)\}", re.MULTILINE)
_VERBATIM = re.compile(r"\\begin\{((?:verbatim|lstlisting|minted)\*?)\}")


def read_code(data: bytes, name: str, limits: Limits) -> Document:
    """A program as it is; the file's name is its heading.

    Raises:
        RetrievalError: the bytes are not text.
        TooLong: more text than the limits allow.
    """
    decoded, builder, cleaner = decode_file(data, name), DocumentBuilder(limits.max_chars), Cleaner()
    text = cleaner.clean(decoded.text)
    if any(map(str.isalnum, text)):
        builder.heading(name, 1)
        builder.add(text)
    return builder.document(name, [*decoded.notes, *cleaner.notes()])


def read_tex(data: bytes, name: str, limits: Limits) -> Document:
    """TeX source with its commands, as formulas are; comments and the preamble, but for the title, are left out.

    Raises:
        RetrievalError: the bytes are not text.
        TooLong: more text than the limits allow.
    """
    decoded, builder, cleaner = decode_file(data, name), DocumentBuilder(limits.max_chars), Cleaner()
    source = "".join(
        piece if verbatim else with_letters(_without_comments(piece, builder), decoded.text)
        for piece, verbatim in _parted(decoded.text.replace("\r\n", "\n"), _VERBATIM)
    )
    head, begin, body = source.partition("\\begin{document}")
    if begin:
        for match in _TITLE.finditer(head):
            title = cleaner.clean(_COMMAND.sub(" ", match[2])).strip()
            if title:
                builder.heading(title, 1) if match[1] == "title" else builder.add(title)
        builder.leave_out("Preambles", head)
    text = cleaner.clean(body.partition("\\end{document}")[0] if begin else source).strip()
    start = builder.add(text)
    for match in _SECTION.finditer(text):
        title = " ".join(_COMMAND.sub(" ", match[2]).split())
        builder.marks.append(HeadingMark(start + match.start(), _LEVELS[match[1]], title))
    return builder.document(name, [*decoded.notes, *cleaner.notes()])


def _without_comments(text: str, builder: DocumentBuilder) -> str:
    """The text without comments; a line that is one goes whole, since it is no break of the paragraph."""
    lines = []
    for line in text.split("\n"):
        found = _COMMENT.search(_LITERAL.sub(lambda literal: "x" * len(literal[0]), line))
        if found is None:
            lines.append(line)
            continue
        comment = line[found.end(1) + 1 :].strip()
        if comment:
            builder.leave_out(COMMENTS, comment)
        if line[: found.end(1)].strip():
            lines.append(line[: found.end(1)])
    kept: list[str] = []
    for piece, unread in _parted("\n".join(lines), _UNREAD):
        if unread:
            builder.leave_out(COMMENTS, _UNREAD.sub("", piece).removesuffix("\\end{comment}").strip())
        else:
            kept.append(piece.removeprefix("\n") if kept else piece)
    return "".join(kept)


def _parted(text: str, begin: re.Pattern[str]) -> Iterator[tuple[str, bool]]:
    """The text in pieces, and whether each is an environment that begins so; one without an end is text.

    A search for the end of each beginning would take quadratic time where the ends are missing.
    """
    place = 0
    endless: set[str] = set()
    for match in begin.finditer(text):
        if match.start() < place or match[1] in endless:
            continue
        closing = f"\\end{{{match[1]}}}"
        found = text.find(closing, match.end())
        if found < 0:
            endless.add(match[1])
            continue
        yield text[place : match.start()], False
        place = found + len(closing)
        yield text[match.start() : place], True
    yield text[place:], False
