"""A text as answers in chat form: "Explain X" is answered by a paragraph that ends, so that the model learns to stop.

Trained on bare windows of a text alone, a chat model no longer ends its answers (docs/log.md). Knows sections and the
tokenizer's count of tokens, not the split.
"""

import random
import re
from collections.abc import Callable, Iterator, Sequence
from textwrap import dedent

from playground.data.qa.patterns import ENGLISH, LANGUAGES, NUMBERED, Language
from playground.data.qa.sentences import is_verse, spoken_text
from playground.data.sections import Section
from playground.data.tokenize import TrainingPair
from retrieval.chunks import sentences
from retrieval.document import TRAIL, Document
from retrieval.language import count_words
from retrieval.text_tables import tables_in

OPENING_WORDS, OPENING_CHARS = 6, 60  # at most, that name a part without a heading of its own
MIN_WORDS = 4
ASKS = ("?", "？", "؟")  # the end of a heading that is a question itself
_MARKUP = re.compile(r"``?|\*\*?|^#+\s*|:[\w:]+:`")
_NUMBER = re.compile(r"^(?:\d{1,3}(?:\.\d{1,3})*[.)]?|[IVXLC]+\.)\s+")

CountTokens = Callable[[list[str]], list[int]]


def explanation_pairs(
    document: Document,
    sections: Sequence[tuple[int, Section]],
    language: str,
    count: CountTokens,
    max_tokens: int,
    seed: int,
) -> Iterator[TrainingPair]:
    """One question in `language` per part of at most `max_tokens` tokens, answered by that part of the text.

    The first part of a section is asked for by its heading, which may be a question itself, later ones by heading and
    opening words.
    """
    words = LANGUAGES.get(language, ENGLISH)
    for number, section in sections:
        title = section_title(section)
        for place, (start, end) in enumerate(_parts(document.text, section.body, section.end, count, max_tokens)):
            answer = _answer(document.text, start, end)
            if count_words(answer) < MIN_WORDS:
                continue
            draw = random.Random(f"{seed} {document.name} {start}")
            question = _question(words, title if place == 0 else "", title, answer, draw)
            yield TrainingPair("explain", question, answer, start, number, f"{document.name}:{start}-{end}")


def _answer(text: str, start: int, end: int) -> str:
    """The part without its hard line breaks, unless these are its form, as in verse, code and tables."""
    part = text[start:end].strip()
    if is_verse(part) or tables_in(part):
        return part
    if not any(line.startswith((" ", "\t")) for line in part.split("\n")[1:]):
        return spoken_text(text, start, end)
    line = text.rfind("\n", 0, start) + 1
    # Code that is set in keeps its shape only with the blanks before its first line.
    return dedent(text[start if text[line:start].strip() else line : end]).strip()


def section_title(section: Section) -> str:
    """What a section is about, in words: its innermost heading; a bare number with the headings above it."""
    trail = [_plain(part) for part in section.heading.split(TRAIL) if part.strip()]
    if not trail:
        return ""
    numbered = NUMBERED.match(trail[-1])
    if numbered and not numbered["rest"]:
        return ", ".join(trail[-2:])
    return trail[-1]


def _plain(heading: str) -> str:
    return " ".join(_MARKUP.sub("", _NUMBER.sub("", heading.strip())).split()).rstrip(".:")


def _question(language: Language, title: str, about: str, answer: str, draw: random.Random) -> str:
    if title.endswith(ASKS):
        return title
    if title:
        return draw.choice(language.explain).format(title=title)
    opening = _opening(answer)
    if about:
        return draw.choice(language.continued).format(title=about.rstrip("".join(ASKS)), opening=opening)
    return language.opening.format(opening=opening)


def _opening(answer: str) -> str:
    """The first words of a part, at most half of it: a question that holds its answer teaches to repeat questions."""
    text = " ".join(answer.split())
    opening, room = " ".join(text.split()[:OPENING_WORDS]), min(OPENING_CHARS, len(text) // 2)
    if len(opening) > room:
        opening = text[:room].rpartition(" ")[0] or text[:room]
    return opening.rstrip(",;:.")


def _parts(text: str, start: int, end: int, count: CountTokens, max_tokens: int) -> Iterator[tuple[int, int]]:
    """Runs of whole sentences of at most `max_tokens` tokens; a longer sentence is a part of its own.

    What ends in a colon announces what follows, so no part ends there: it begins the next part, which may be longer
    than `max_tokens` by it. At the end of a section it is left out.
    """
    spans = [(start + first, start + last) for first, last in sentences(text[start:end])]
    tokens = count([text[first:last] for first, last in spans]) if spans else []
    held: list[tuple[int, int, int]] = []
    for (first, last), size in zip(spans, tokens, strict=True):
        if sum(each for *_, each in held) + size > max_tokens:
            whole = _without_announcements(text, held)
            if whole:
                yield whole[0][0], whole[-1][1]
                held = held[len(whole) :]
        held.append((first, last, size))
    if whole := _without_announcements(text, held):
        yield whole[0][0], whole[-1][1]


def _without_announcements(text: str, held: Sequence[tuple[int, int, int]]) -> Sequence[tuple[int, int, int]]:
    """The sentences but those at the end that announce something."""
    count = len(held)
    while count and text[held[count - 1][0] : held[count - 1][1]].rstrip().endswith(":"):
        count -= 1
    return held[:count]
