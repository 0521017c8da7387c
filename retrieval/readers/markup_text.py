"""A plain text in chat markup, or with the names of those who speak before each turn -> its conversations."""

import re

from retrieval.document import Document, Limits
from retrieval.readers.encoding import decode_file
from retrieval.readers.qa_records import read_records
from retrieval.readers.shapes.markup import has_control_tokens, is_conversation
from retrieval.readers.tables import Table

TEXT = "text"
MIN_ANSWERS = 3  # of a text without control tokens
MOST_IN_ONE = 0.5  # share of such a text that one answer may have
# What begins or ends a conversation where several follow each other.
_BORDER = re.compile(r"<\|endoftext\|>|<\|end_of_text\|>|<\|begin_of_text\|>|<s>|<bos>|<｜begin▁of▁sentence｜>")
# The same of a text without control tokens: a rule, or the beginning of an instruction.
_SPOKEN_BORDER = re.compile(
    r"^[ \t]*(?:-{3,}|={3,}|\*{3,}|#{3,})[ \t]*$|^(?=Below is an instruction|[ \t]*#{2,3} *(?:Instruction|System)\b)",
    re.MULTILINE | re.IGNORECASE,
)
_SPOKEN = re.compile(
    r"\s*(?:Below is an instruction|#{2,3} *(?:System|Instruction|Human|User)\b|(?:Human|User|System|Customer|Visitor|"
    r"Agent|Operator|Khách hàng|Khách|Nhân viên|Tư vấn viên|Người dùng) *:)",
    re.IGNORECASE,
)


def read_markup_text(data: bytes, document: Document, limits: Limits) -> Document | None:
    """The conversations of a text, all of whose parts must be such; None for any other text."""
    marked = has_control_tokens(document.text)
    if not marked and not _SPOKEN.match(document.text):
        return None
    text = document.text if marked else decode_file(data, document.name).text  # with its ruled lines
    parts = [part.strip() for part in (_BORDER if marked else _SPOKEN_BORDER).split(text) if part.strip()]
    parts = parts if marked else _with_answers(parts)
    if not parts or not all(map(is_conversation, parts)):
        return None
    found = read_records(Table((TEXT,), [{TEXT: part} for part in parts], 0), document.name, None, limits)
    longest = max((len(pair.answer) for pair in found.pairs), default=0)
    plain = len(found.pairs) >= MIN_ANSWERS and longest <= MOST_IN_ONE * len(document.text)
    return found if marked or plain else None


def _with_answers(parts: list[str]) -> list[str]:
    """The parts, each that is no conversation, such as a preamble, together with the one behind it."""
    joined: list[str] = []
    for part in parts:
        if joined and not is_conversation(joined[-1]):
            joined[-1] += f"\n\n{part}"
        else:
            joined.append(part)
    return joined
