"""From one section to questions and where their answers stand; the words of each language are in `patterns`."""

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from playground.pairs.patterns import ENGLISH, LANGUAGES, NUMBERED, VIETNAMESE, Rule
from playground.sections import Section
from retrieval.chunks import sentences
from retrieval.language import detect
from retrieval.parts import TRAIL

Kind = Literal["heading", "definition", "item", "cloze"]
GAP = "____"
ARTICLES = ("a", "an", "the")
MAX_ANSWER = 400  # characters of an answer of whole sentences
MAX_LIST = 700
SENTENCE_WORDS = (6, 60)
GAP_WORDS = (9, 40)
SUBJECT_WORDS = 9
COMMON = 400  # a word more frequent than one in this many is no telling gap
_BULLET = r"[ \t]*(?:[-*•‣–.]|\d{1,3}[.)]|\(?[a-z]\))[ \t]+"
_BREAK = re.compile(rf"\n[ \t]*\n|\n(?={_BULLET}\S)")
_LIST = re.compile(rf":[ \t]*\n(?:[ \t]*\n)?(?={_BULLET}\S)")
_ITEM = re.compile(rf"{_BULLET}\S")
_NUMBER = re.compile(r"^(?:\d{1,3}(?:\.\d{1,3})*[.)]?|[IVXLC]+\.|[a-zA-Z][.)])\s+")
_MARKUP = re.compile(r":[\w:]+:`!?~?|``?|\*\*?|^#+\s*|(?<!\w)_(?=\w)|(?<=\w)_(?!\w)")
_CODE = re.compile(
    r"[>=]>|::|\.\. |:\w+:`|[{}\\|<>=$~^@`#]|\w\(\)|\w+://|www\.|\[\d|(?<!\w)--?\w|(?<!\w)/\w|\*\w|_\w|\w_"
)
_UPPER = "".join(filter(str.isupper, map(chr, range(0x1F00))))  # Latin, Greek and Cyrillic capitals
_SENTENCE = re.compile(rf"[\"“‘'(]?[{_UPPER}].*[.!?…][\"”’')]*", re.DOTALL)
_ENTRY = re.compile(
    r"(?P<subject>[A-Z][A-Z' -]{1,40}),\s+(?:n|v|adj|adv|v\.t|v\.i|pro|p\.p|n\.pl|x|interj|pp|conj|prep)\.\s+(?=\S)"
)
_TERM = re.compile(
    r"(?:[-*•‣–]\s+)?(?:\*\*(?P<bold>[^*\n]{2,60}?)\*\*|[“\"](?P<quoted>[^”\"\n]{2,60})[”\"])"
    r"(?:\s+(?:[-–—]|means|là|nghĩa là)|:)\s+(?=\S)"
)
# Words with a capital that do not begin the sentence; nothing that a number follows, as in Section 5.
_PROPER = rf"[{_UPPER}][\w’'-]*(?:/\w+)*"
_NAME = re.compile(rf"(?<=[\w,;)]\s){_PROPER}(?:\s(?:(?:of|and|the|de|von)\s)?{_PROPER}){{0,4}}(?![\w’'-]|\s?[\d/])")
_FIGURE = re.compile(r"(?<![\w.,/:(-])(?:\d{1,3}(?:[.,]\d{3})+|\d+(?:[.,]\d+)?)(?![\w/:)%-]|[.,]\d)")
_LABELLED = re.compile(r"(?:\S+ ){0,2}\S+: ")
_QUOTED = re.compile(r"(?<=[“\"])\w[\w-]+(?: [\w-]+){0,2}(?=[”\"])")
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Found:
    """A question and where its answer stands."""

    kind: Kind
    question: str
    start: int
    end: int


@dataclass(frozen=True)
class _Sentence:
    words: str
    start: int
    end: int


def spoken(text: str, start: int, end: int) -> str:
    """A stretch of text as one says it: a line break stays only between paragraphs and list items."""
    return "\n".join(filter(None, (" ".join(part.split()) for part in _BREAK.split(text[start:end]))))


class Maker:
    """The questions of one text: knows its language, and which words it writes small."""

    def __init__(self, text: str, seed: int) -> None:
        self._text = text
        self._seed = seed
        self._language = LANGUAGES.get(detect(text))
        self._written = Counter(re.findall(r"(?<=[^\W\d_A-Z,]\s)\w+", text))
        self._common = max(4, self._written.total() // COMMON)

    def found(self, section: Section) -> Iterator[Found]:
        """Everything that one section answers."""
        said = self._sentences(section.body, section.end)
        if section.body > section.start:
            yield from self._of_heading(section, said)
        if self._language:
            yield from self._of_entries(section)
            yield from self._of_lists(section)
            for sentence in filter(_is_prose, said):
                if _is_verse(self._text[sentence.start : sentence.end]):
                    continue
                yield from self._of_definition(sentence)
                yield from self._of_gap(sentence)

    def _sentences(self, start: int, end: int) -> list[_Sentence]:
        text = self._text[start:end]
        spans: list[tuple[int, int]] = []
        for begin, stop in sentences(text):
            bullet = _ITEM.match(text, begin, stop)
            if spans and not bullet and text[begin].islower():  # “What!” said …
                spans[-1] = spans[-1][0], stop
            else:
                spans.append((bullet.end() - 1 if bullet else begin, stop))
        return [_Sentence(" ".join(text[a:b].split()), start + a, start + b) for a, b in spans]

    def _of_heading(self, section: Section, said: Sequence[_Sentence]) -> Iterator[Found]:
        """What the heading asks for; the answer is the first sentences below it."""
        if not (answer := _opening(said, self._text)):
            return
        title = " ".join(_MARKUP.sub("", _NUMBER.sub("", section.title)).replace("`", "").split()).rstrip(".:")
        numbered = NUMBERED.match(title)
        if numbered and numbered["kind"].lower() in ("article", "section", "amendment", "điều", "mục"):
            if question := self._of_article(section, numbered["rest"]):
                yield Found("item", question, *answer)
            return
        if question := self._of_title(numbered["rest"] if numbered else title, self._text[answer[0] : answer[1]]):
            yield Found("heading", question, *answer)

    def _of_article(self, section: Section, about: str) -> str:
        """The question for a numbered article, named with the articles above it."""
        if not self._language:
            return ""
        above = (NUMBERED.match(part) for part in section.heading.split(TRAIL))
        name = ", ".join(match["name"] for match in above if match)
        template = self._language.article_about if about else self._language.article
        return template.format(name=name, what=self._lowered(about))

    def _of_title(self, title: str, answer: str) -> str:
        """The title as a question; one that is none must share a word with the answer, or it says nothing of it."""
        if title.endswith("?"):
            return title if len(title.split()) > 2 else ""
        language = self._language
        if not language or not title or _CODE.search(title) or language.generic.match(title):
            return ""
        rules = ((rule, match) for rule in language.headings if (match := rule.pattern.match(title)))
        rule, match = next(rules)
        plain = "all" not in match.groupdict()
        pointing = answer.split()[0].lower() in language.pointing
        if plain and (pointing or not _content(title) & _content(answer)):
            return ""
        return _filled(rule, match, {"what": self._lowered} if plain else {})

    def _of_entries(self, section: Section) -> Iterator[Found]:
        """Entries of a dictionary and explained terms, each a paragraph or a list item."""
        assert self._language
        for start, end in _paragraphs(self._text, section.body, section.end):
            match = _ENTRY.match(self._text, start, end) or _TERM.match(self._text, start, end)
            if not match:
                continue
            said = self._sentences(match.end(), end)
            answer = _opening(said, self._text)
            subject = next(filter(None, match.groups()))
            subject = subject.lower() if match.re is _ENTRY else subject
            if answer and not _CODE.search(subject):
                yield Found("definition", self._language.meaning.format(subject=subject.strip()), *answer)

    def _of_lists(self, section: Section) -> Iterator[Found]:
        """Lists whose leading line shows what they list."""
        assert self._language
        for match in _LIST.finditer(self._text, section.body, section.end):
            lead = self._sentences(section.body, match.start() + 1)[-1].words
            end = self._list_end(match.end(), section.end)
            items = self._text[match.end() : end].rstrip()
            whole = _BREAK.search(items) and not items.endswith(":") and len(items) <= MAX_LIST
            rules = ((rule, found) for rule in self._language.listing if (found := rule.pattern.search(lead)))
            if not whole or _CODE.search(items) or _CODE.search(lead) or not (hit := next(rules, None)):
                continue
            rule, found = hit
            subject = found.groupdict().get("subject")
            if subject is None or self._is_subject(subject):
                yield Found("item", _filled(rule, found, {"subject": self._lowered_first}), match.end(), end)

    def _list_end(self, start: int, end: int) -> int:
        """Where the last item ends that begins at a bullet; an item may hold several lines but no blank one."""
        last = start
        for begin, stop in _paragraphs(self._text, start, end):
            if not _ITEM.match(self._text, begin, stop):
                break
            last = stop
        return last

    def _of_definition(self, sentence: _Sentence) -> Iterator[Found]:
        """A sentence that says what its subject is, means or consists of."""
        assert self._language
        for rule in self._language.defining:
            match = rule.pattern.match(sentence.words)
            if match and self._is_subject(match["subject"]):
                question = _filled(rule, match, {"subject": lambda each: self._lowered_first(_without_brackets(each))})
                yield Found("definition", question, sentence.start, sentence.end)
                return

    def _is_subject(self, subject: str) -> bool:
        """Whether the words are a noun phrase that can be asked about alone."""
        assert self._language
        words = _without_brackets(subject).lower().split()
        language = self._language
        if not 1 <= len(words) <= SUBJECT_WORDS or re.search(r"[,;:\"“”…]|- ", _without_brackets(subject)):
            return False
        first = words[0]
        acts = len(words) > 1 and first.endswith("ing") and language is ENGLISH
        outside = acts or first in language.pointing or first in language.not_subjects
        return (
            not outside
            and words[-1] not in ARTICLES
            and len(subject) > 2
            and not language.not_inside.intersection(words)
        )

    def _of_gap(self, sentence: _Sentence) -> Iterator[Found]:
        """The sentence with one figure, name or quoted term left out, where nothing else in it says that word."""
        assert self._language
        words = sentence.words.split()
        if not GAP_WORDS[0] <= len(words) <= GAP_WORDS[1] or words[0].lower() in self._language.pointing:
            return
        original = self._text[sentence.start : sentence.end]
        gaps = [match.span() for kind in (_FIGURE, _NAME, _QUOTED) for match in kind.finditer(original)]
        gaps = [gap for gap in gaps if self._tells(original, *gap)]
        if gaps:
            start, end = random.Random(f"{self._seed} {sentence.start}").choice(gaps)
            blanked = " ".join((original[:start] + GAP + original[end:]).split())
            question = self._language.cloze.format(sentence=blanked)
            yield Found("cloze", question, sentence.start + start, sentence.start + end)

    def _tells(self, sentence: str, start: int, end: int) -> bool:
        """Whether the gap's words are whole, not everywhere in the text, and nowhere else in the sentence."""
        gap, before = _WORD.findall(sentence[start:end]), sentence[:start].split()
        half = before and before[-1][:1].isupper() and not self._written[before[-1].lower()]  # Van Rossum, Section 5
        lone = len(gap) == 1 and self._language is VIETNAMESE and not gap[0].isascii()  # a syllable of a name
        long = [word for word in gap if len(word) > 1 or word.isdigit()]
        if half or lone or gap[0] == "I" or all(self._written[word] > self._common for word in long):
            return False
        rest = _WORD.findall(sentence[:start] + " " + sentence[end:])
        return {_stem(word) for word in gap}.isdisjoint(map(_stem, rest))

    def _lowered_first(self, phrase: str) -> str:
        """The phrase inside a sentence: its first word small, unless the text writes it large there too."""
        first, blank, rest = phrase.partition(" ")
        named = rest != rest.lower() and first.lower() not in ARTICLES  # Software in the Public Interest
        return phrase if named else self._small(first) + blank + rest

    def _lowered(self, title: str) -> str:
        """A title inside a sentence: every word as the text writes it."""
        return " ".join(self._small(word, unknown=True) for word in title.split())

    def _small(self, word: str, unknown: bool = False) -> str:
        """The word in small letters if the text mostly writes it so, or, where `unknown` asks for it, never does."""
        small = word.lower()
        if small in ARTICLES:
            return small
        large, shouted = self._written[word], word.isupper() and len(word) > 1
        return small if not shouted and self._written[small] + unknown > large else word


def _is_prose(sentence: _Sentence) -> bool:
    """A whole sentence of words: neither code nor markup nor a heading."""
    words = sentence.words
    letters = sum(character.isalpha() or character == " " for character in words)
    return bool(
        _SENTENCE.fullmatch(words)
        and SENTENCE_WORDS[0] <= len(words.split()) <= SENTENCE_WORDS[1]
        and letters > 0.88 * len(words)
        and not _CODE.search(words)
        and not _LABELLED.match(words)
        and words.count("(") == words.count(")")
        and words.count('"') % 2 == 0
    )


def _is_verse(original: str) -> bool:
    """Whether every line of the sentence begins with a capital."""
    later = [line.strip()[:1] for line in original.split("\n")[1:]]
    return len(later) > 1 and all(map(str.isupper, later))


def _opening(said: Sequence[_Sentence], text: str) -> tuple[int, int] | None:
    """Start and end of the first sentences, of one paragraph, that are an answer; None where they are not prose."""
    if not said or not _is_prose(said[0]):
        return None
    end = said[0].end
    for before, sentence in zip(said, said[1:], strict=False):
        apart = _BREAK.search(text, before.end, sentence.start + 1)
        if apart or not _is_prose(sentence) or sentence.end - said[0].start > MAX_ANSWER:
            break
        end = sentence.end
    return (said[0].start, end) if end - said[0].start <= MAX_LIST else None


def _paragraphs(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    begin = start
    for match in _BREAK.finditer(text, start, end):
        yield begin, match.start()
        begin = match.end()
    yield begin, end


def _without_brackets(phrase: str) -> str:
    return re.sub(r"\s*\([^)]*\)", "", phrase)


def _content(text: str) -> set[str]:
    """Beginnings of the longer words."""
    return {_stem(word) for word in _WORD.findall(text) if len(word) > 3}


def _stem(word: str) -> str:
    return word.casefold()[:5]


def _filled(rule: Rule, match: re.Match[str], wording: dict[str, Callable[[str], str]]) -> str:
    """The rule's question with the match's groups; `do` agrees with the verb that was found."""
    groups = {name: (value or "").strip() for name, value in match.groupdict().items()}
    groups["do"] = groups.get("aux") or ("does" if groups.get("s") else "do")
    for name, change in wording.items():
        groups[name] = change(groups.get(name, ""))
    words = " ".join(rule.question.format(**groups).split()).replace(" ?", "?")
    return words[:1].upper() + words[1:]
