"""Which sections are learnt of a text that is too long for a run: the richest ones of every chapter.

Knows sections, how many questions each one answers, and the number of tokens of their examples; no tokenizer.
"""

import heapq
import random
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from playground.data.explanations import section_title
from playground.data.sections import Section
from playground.data.split import SplitDocument
from playground.data.tokenize import Example, count_tokens
from retrieval.document import TRAIL

STRETCH = 10  # sections that count as a chapter where headings name none
CHAPTER_SECTIONS = 3  # that a chapter has in the mean; headings that come more often name no chapters
OPENING_WORDS = 6  # that name a section without a heading

SECTION_TOKENS = 500  # of a section's examples, as a first guess
GUESSES, NEAR = 6, 0.05  # guesses at most, and the relative error that ends them

Place = tuple[int, int]  # a document's number, and a section's place in it


@dataclass(frozen=True)
class Chapter:
    """A chapter of a document: its sections to train on, their characters, and the titles of those that are read.

    `title` is empty for what stands before the first heading.
    """

    document: str
    title: str
    sections: int
    chars: int
    read: tuple[str, ...]
    read_chars: int


@dataclass(frozen=True)
class FittedPart:
    """The examples of some sections, and the places of these."""

    examples: list[Example]
    chosen: set[Place]


def rank_sections(texts: Sequence[SplitDocument], richness: Mapping[Place, int], seed: int) -> list[Place]:
    """All sections to train on, in the order in which a run that cannot read them all should take them.

    The chapter of which the smallest share has been taken is next, so that any first part of the order is spread over
    the whole text. In a chapter the sections with the most questions per character (`richness` counts questions) come
    first. `seed` decides ties.
    """
    draw = random.Random(seed)
    waiting = _by_chapter(texts)
    sizes = {place: _size(texts, place) for places in waiting.values() for place in places}
    for places in waiting.values():
        draw.shuffle(places)
        places.sort(key=lambda place: richness.get(place, 0) / sizes[place])  # the richest is taken first, from the end
    whole = [sum(sizes[place] for place in places) for places in waiting.values()]
    chapters = list(waiting.values())
    queue = [(0.0, tie, number) for tie, number in enumerate(draw.sample(range(len(chapters)), len(chapters)))]
    ranked, taken = list[Place](), [0] * len(chapters)
    while queue:  # a heap: sorted to begin with
        _, tie, number = heapq.heappop(queue)
        ranked.append(chapters[number].pop())
        taken[number] += sizes[ranked[-1]]
        if chapters[number]:
            heapq.heappush(queue, (taken[number] / whole[number], tie, number))
    return ranked


def without_others(texts: Sequence[SplitDocument], chosen: Collection[Place]) -> list[SplitDocument]:
    """The texts with every section to train on skipped that was not chosen."""
    skipped: list[set[int]] = [set() for _ in texts]
    for places in _by_chapter(texts).values():
        for number, place in places:
            if (number, place) not in chosen:
                skipped[number].add(place)
    return [replace(text, skipped=frozenset(places)) for text, places in zip(texts, skipped, strict=True)]


def list_chapters(texts: Sequence[SplitDocument], chosen: Collection[Place]) -> tuple[Chapter, ...]:
    """All chapters in the text's order, with the sections that were chosen."""
    return tuple(_chapter(texts, title, places, chosen) for (_, title), places in _by_chapter(texts).items())


def _chapter(texts: Sequence[SplitDocument], title: str, places: Sequence[Place], chosen: Collection[Place]) -> Chapter:
    read = [place for place in places if place in chosen]
    return Chapter(
        document=texts[places[0][0]].document.name,
        title=title,
        sections=len(places),
        chars=sum(_size(texts, place) for place in places),
        read=tuple(_title(texts[number], place) for number, place in read),
        read_chars=sum(_size(texts, place) for place in read),
    )


def _by_chapter(texts: Sequence[SplitDocument]) -> dict[tuple[int, str], list[Place]]:
    """The places of the training sections of each chapter, which a document's number and a heading name."""
    chapters: defaultdict[tuple[int, str], list[Place]] = defaultdict(list)
    for number, text in enumerate(texts):
        titles = _chapter_titles(text.sections)
        for place, _ in text.on_side(False):
            chapters[number, titles[place]].append((number, place))
    return dict(chapters)


def _chapter_depth(sections: Sequence[Section]) -> int:
    """How many headings of a trail name a chapter: as few as tell any two sections apart."""
    trails = [section.heading.split(TRAIL) for section in sections]
    deepest = max(map(len, trails), default=1)
    return next((depth for depth in range(1, deepest) if len({tuple(trail[:depth]) for trail in trails}) > 1), deepest)


def _chapter_titles(sections: Sequence[Section]) -> list[str]:
    """The chapter of each section: the first headings of its trail, or a stretch of sections by their numbers."""
    depth = _chapter_depth(sections)
    titles = [TRAIL.join(section.heading.split(TRAIL)[:depth]) for section in sections]
    if any(titles) and len(set(titles)) * CHAPTER_SECTIONS <= len(titles):
        return titles
    firsts = [place // STRETCH * STRETCH for place in range(len(sections))]
    return [f"{first + 1}–{first + STRETCH}" for first in firsts]


def _size(texts: Sequence[SplitDocument], place: Place) -> int:
    section = texts[place[0]].sections[place[1]]
    return section.end - section.start


def _title(text: SplitDocument, place: int) -> str:
    section = text.sections[place]
    words = text.document.text[section.body : section.end].split()
    return section_title(section) or f"{' '.join(words[:OPENING_WORDS])} …"


def fit_sections(ranked: Sequence[Place], tokens: int, build: Callable[[set[Place]], list[Example]]) -> FittedPart:
    """The first sections of a ranking whose examples have about so many tokens, found by a few proportional guesses."""
    fitted: dict[int, FittedPart] = {}
    count = max(1, min(len(ranked), tokens // SECTION_TOKENS))
    while count not in fitted and len(fitted) < GUESSES:
        chosen = set(ranked[:count])
        fitted[count] = part = FittedPart(build(chosen), chosen)
        found = max(1, count_tokens(part.examples))
        if abs(found - tokens) > NEAR * tokens:
            count = max(1, min(len(ranked), round(count * tokens / found)))
    return min(fitted.values(), key=lambda part: abs(count_tokens(part.examples) - tokens))
