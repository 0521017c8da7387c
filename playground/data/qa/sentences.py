"""A stretch of text as sentences that a person would say: which of them are prose, and where an answer ends."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from retrieval import chunks

MAX_ANSWER = 400  # characters of an answer of whole sentences
MAX_LIST = 700
SENTENCE_WORDS = (6, 60)
BULLET = r"[ \t]*(?:[-*•‣–.]|\d{1,3}[.)]|\(?[a-z]\))[ \t]+"
BREAK = re.compile(rf"\n[ \t]*\n|\n(?={BULLET}\S)")
ITEM = re.compile(rf"{BULLET}\S")
CODE = re.compile(
    r"[>=]>|::|\.\. |:\w+:`|[{}\\|<>=$~^@`#]|\w\(\)|\w+://|www\.|\[\d|(?<!\w)--?\w|(?<!\w)/\w|\*\w|_\w|\w_"
)
UPPER = "".join(filter(str.isupper, map(chr, range(0x1F00))))  # Latin, Greek and Cyrillic capitals
_SENTENCE = re.compile(rf"[\"“‘'(]?[{UPPER}].*[.!?…][\"”’')]*", re.DOTALL)
_LABELLED = re.compile(r"(?:\S+ ){0,2}\S+: ")


@dataclass(frozen=True)
class Sentence:
    """A sentence as it is said, without line breaks, and where it stands in the text."""

    words: str
    start: int
    end: int


def spoken_text(text: str, start: int, end: int) -> str:
    """A stretch of text as one says it: a line break stays only between paragraphs and list items."""
    return "\n".join(filter(None, (" ".join(part.split()) for part in BREAK.split(text[start:end]))))


def sentences(text: str, start: int, end: int) -> list[Sentence]:
    """Every sentence, list item and heading of a stretch, without an item's bullet."""
    spans: list[tuple[int, int]] = []
    for first, stop in chunks.sentences(text[start:end]):
        begin = start + first
        bullet = ITEM.match(text, begin, start + stop)
        if spans and not bullet and text[begin].islower():  # “What!” said …
            spans[-1] = spans[-1][0], start + stop
        else:
            spans.append((bullet.end() - 1 if bullet else begin, start + stop))
    return [Sentence(" ".join(text[a:b].split()), a, b) for a, b in spans]


def is_prose(sentence: Sentence) -> bool:
    """A whole sentence of words: neither code nor markup nor a heading."""
    words = sentence.words
    letters = sum(character.isalpha() or character == " " for character in words)
    return bool(
        _SENTENCE.fullmatch(words)
        and SENTENCE_WORDS[0] <= len(words.split()) <= SENTENCE_WORDS[1]
        and letters > 0.88 * len(words)
        and not CODE.search(words)
        and not _LABELLED.match(words)
        and words.count("(") == words.count(")")
        and words.count('"') % 2 == 0
    )


def is_verse(original: str) -> bool:
    """Whether every line of the sentence begins with a capital."""
    later = [line.strip()[:1] for line in original.split("\n")[1:]]
    return len(later) > 1 and all(map(str.isupper, later))


def opening(said: Sequence[Sentence], text: str) -> tuple[int, int] | None:
    """Start and end of the first sentences, of one paragraph, that are an answer; None where they are not prose."""
    if not said or not is_prose(said[0]):
        return None
    end = said[0].end
    for before, sentence in zip(said, said[1:], strict=False):
        apart = BREAK.search(text, before.end, sentence.start + 1)
        if apart or not is_prose(sentence) or sentence.end - said[0].start > MAX_ANSWER:
            break
        end = sentence.end
    return (said[0].start, end) if end - said[0].start <= MAX_LIST else None


def paragraphs(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Start and end of every paragraph and list item of a stretch."""
    begin = start
    for match in BREAK.finditer(text, start, end):
        yield begin, match.start()
        begin = match.end()
    yield begin, end
