"""A text of questions and answers that marks them with "Q:" and "A:" or their words in other languages -> its pairs."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from retrieval.document import Document, DocumentBuilder, Limits
from retrieval.notes import Note

MIN_PAIRS = 3
MOST_OTHER = 0.3  # share of the text that stands before the first question and under headings
ASKING = r"q|question|câu hỏi|câu|hỏi|frage|pregunta|pergunta|domanda|вопрос|问题|问|問|質問|질문"
ANSWERING = r"a|answer|ans|đáp án|đáp|trả lời|antwort|respuesta|resposta|risposta|réponse|ответ|回答|答案|答|답변|답"
_MARK = re.compile(
    rf"^[ \t>]*(?:[-*•] +)?(?:#{{1,6}} +)?(?:\d+[.)] *)?(?P<bold>\*\*|__)?(?:(?P<asks>{ASKING})|{ANSWERING})"
    r"[ .]?(?:\d+)?(?:\*\*|__)?[ \t]?[:：][ \t]*(?:\*\*|__)?(?P<rest>.*)$",
    re.IGNORECASE,
)
_INLINE = re.compile(rf"(?<=[?？])[ \t]+(?=(?:\*\*)?(?:{ANSWERING})[:：])", re.IGNORECASE)
_HEADING = re.compile(r"^(#{1,6}) +(?P<title>.+)$")
_RULE = re.compile(r"^[ \t]*(?:[-*_=][ \t]*){3,}$")


@dataclass
class _Part:
    """A question, an answer, a heading with its level, or other text."""

    kind: str
    text: str
    level: int = 0


def read_asked_text(document: Document, limits: Limits) -> Document | None:
    """The document with its questions and answers as pairs; None for a text that is not mostly such."""
    parts = [part for part in _parts(document.text) if part.text.strip()]
    told = [part for part in parts if part.kind in ("question", "answer")]
    kinds = [part.kind for part in told]
    alternating = kinds == ["question", "answer"] * (len(kinds) // 2)
    others = sum(len(part.text) for part in parts if part not in told)
    if not alternating or len(kinds) < 2 * MIN_PAIRS or others > MOST_OTHER * len(document.text):
        return None
    _end_last_answer(parts, told)
    return _built(parts, document, limits)


def _parts(text: str) -> Iterator[_Part]:
    """The parts of a text in order; a line without a mark goes on with the part before it."""
    part = _Part("other", "")
    for line in _INLINE.sub("\n", text).splitlines():
        mark, heading = _MARK.match(line), _HEADING.match(line)
        if mark:
            yield part
            part = _Part("question" if mark["asks"] else "answer", _without_bold(mark["rest"]))
        elif heading:
            yield part
            yield _Part("heading", heading["title"], len(heading[1]))
            part = _Part("other", "")
        elif not _RULE.match(line):
            part.text += f"\n{line}"
    yield part


def _without_bold(text: str) -> str:
    """The text without the end of a bold stretch that began before it."""
    text = text.strip()
    return text.removesuffix("**").removesuffix("__").strip() if text.count("**") % 2 or text.count("__") % 2 else text


def _end_last_answer(parts: list[_Part], told: Sequence[_Part]) -> None:
    """Cut what stands below the last answer from it, where all the other answers are one paragraph."""
    last = told[-1]
    first, _, rest = last.text.strip().partition("\n\n")
    if rest and not any("\n\n" in part.text.strip() for part in told[:-1]):
        last.text = first
        parts.insert(parts.index(last) + 1, _Part("other", rest))


def _built(parts: Sequence[_Part], document: Document, limits: Limits) -> Document:
    """The document of the parts in order, with a note that says how many questions were found."""
    builder = DocumentBuilder(limits.max_chars)
    question = ""
    for part in parts:
        text = part.text.strip()
        if part.kind == "heading":
            builder.heading(text, part.level)
        elif part.kind == "question":
            question = " ".join(text.split())
        elif part.kind == "answer":
            builder.pair(question, text)
        else:
            builder.add(text)
    built = builder.document(document.name, (*document.notes, Note("asked_text", len(builder.pairs))))
    return replace(built, left_out=document.left_out)
