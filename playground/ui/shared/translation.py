"""English sentences of the packages below in the visitor's language: found by their templates, and filled anew.

Those packages know no language. A file of words has a template for each of their sentences, with a {} for each value;
its own template says of each value how it is written: `n` a number, `t` words that are translated too, else as it is.
Where a text can be read in several ways, the one that leaves the fewest letters to values as they are is taken.
"""

import re
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice

from playground.ui.shared.i18n import ENGLISH, catalogue, raised, write_number

NUMBER = re.compile(r"-?\d[\d,]*(\.\d+)?(e[+-]\d+)?( ?%| [GM]B)?")
JOINT = re.compile(r"(?<=\.) |; |^ ")  # between two sentences, two faults, and before a phrase that is added
MARK = re.compile(r":[nt]\}")
FIELD = re.compile(r"\{\w*\}")
MOST_SPLITS = 100  # of one text by one template: values may hold the words between them
MOST_CHARS = 2_000  # of a sentence; a longer text is none of ours
MOST_READ = 60  # texts and parts of them in one attempt, so that odd values take no time


def translate(language: str, text: str) -> str:
    """A sentence, or several, in a language; what is not known stays English."""
    if language == ENGLISH or not text:
        return text
    return "\n".join(_Attempt(language).read(line, False).own for line in text.split("\n"))


def translate_phrase(language: str, words: str) -> str:
    """A part of a sentence, such as what is wrong with a line of a file."""
    return words if language == ENGLISH else _Attempt(language).read(words, True).own


@dataclass(frozen=True)
class Template:
    """A sentence with values: the English words around them, the own sentence, and the marks of its values."""

    parts: tuple[str, ...]
    own: str
    marks: Mapping[int, str]

    def readings(self, text: str) -> Iterator[tuple[str, ...]]:
        """The values with which the English sentence is this text; none where it is another sentence."""
        first, *rest = self.parts
        if text.startswith(first) and text.endswith(rest[-1]):
            for values in islice(_splits(text[len(first) :], rest), MOST_SPLITS):
                if all(NUMBER.fullmatch(values[place]) for place, mark in self.marks.items() if mark == "n"):
                    yield values


@dataclass(frozen=True)
class Known:
    """What a language has for English: texts without values, sentences, and these with the phrases inside them."""

    fixed: Mapping[str, str]
    sentences: Sequence[Template]
    phrases: Sequence[Template]


@dataclass(frozen=True)
class _Reading:
    """A text in the language, and how many letters of it are values as they are, or not known."""

    own: str
    unknown: int


class _Attempt:
    """Reads one text; keeps what it found of its parts, which are met more than once."""

    def __init__(self, language: str) -> None:
        self.language = language
        self.known = known(language)
        self.found: dict[tuple[str, bool], _Reading] = {}

    def read(self, text: str, inside: bool) -> _Reading:
        """The text as the language says it; `inside` a sentence it may be a phrase."""
        if text in self.known.fixed:
            return _Reading(self.known.fixed[text], 0)
        key = (text, inside)
        if key not in self.found and len(text) <= MOST_CHARS and len(self.found) < MOST_READ:
            self.found[key] = _Reading(text, len(text))
            self.found[key] = min(self._all_readings(text, inside), key=lambda each: each.unknown)
        return self.found.get(key, _Reading(text, len(text)))

    def _all_readings(self, text: str, inside: bool) -> Iterator[_Reading]:
        """The text as one sentence, as several, and as it is."""
        for template in self.known.phrases if inside else self.known.sentences:
            for values in template.readings(text):
                yield self._filled(template, values)
        for joint in JOINT.finditer(text):
            first, rest = self.read(text[: joint.start()], inside), self.read(text[joint.end() :], inside)
            yield _Reading(f"{first.own}{joint[0]}{rest.own}", first.unknown + rest.unknown)
        yield _Reading(text, len(text))

    def _filled(self, template: Template, values: Sequence[str]) -> _Reading:
        """The own sentence with each value as its mark says."""
        written, unknown = list(values), 0
        for place, mark in template.marks.items():
            if mark == "n":
                written[place] = write_number(self.language, values[place])
                continue
            found = self.read(values[place], True) if mark == "t" else _Reading(values[place], len(values[place]))
            written[place], unknown = found.own, unknown + found.unknown
        return _Reading(template.own.format(*written), unknown)


@cache
def known(language: str) -> Known:
    """All that a language has; labels of the page's parts and what readers say of a file stand in errors too."""
    sentences, phrases = raised(language)
    own = {**_notes(language), **sentences}
    words = {text: catalogue(language)[key] for key, text in reversed(catalogue(ENGLISH).items()) if "{" not in text}
    fixed = {**words, **{key: text for key, text in {**phrases, **own}.items() if "{" not in text}, "": ""}
    return Known(fixed, _templates(own), _templates({**phrases, **own}))


def _templates(own: Mapping[str, str]) -> list[Template]:
    """The sentences with values, those with the most letters of their own first."""
    found = []
    for key, text in sorted(own.items(), key=lambda each: -len(each[0])):
        marks = {int(name): mark or "" for _, name, mark, _ in string.Formatter().parse(text) if name}
        if marks:
            found.append(Template(tuple(key.split("{}")), MARK.sub("}", text), marks))
    return found


def _splits(text: str, parts: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Every way to find the parts in a text in this order, the last at its end: what stands before each of them."""
    part, *rest = parts
    if not rest:
        if text.endswith(part):
            yield (text[: len(text) - len(part)],)
        return
    start, found = text.find(part), True
    while start >= 0 and found:  # what is not in a text is not in a shorter end of it
        found = False
        for more in _splits(text[start + len(part) :], rest):
            found = True
            yield (text[:start], *more)
        start = text.find(part, start + 1)


def _notes(language: str) -> dict[str, str]:
    """What readers say of a file, as templates like those of errors."""
    marks, notes = {"count": "n", "words": "t"}, {}
    for key, text in catalogue(ENGLISH).items():
        names = re.findall(r"\{(\w+)\}", text)
        if key.startswith("note.") and FIELD.sub("", text):
            places = {name: f"{{{place}:{marks[name]}}}" for place, name in enumerate(names)}
            notes[FIELD.sub("{}", text)] = catalogue(language)[key].format(**places)
    return notes
