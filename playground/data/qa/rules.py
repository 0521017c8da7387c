"""From one section to questions and where their answers stand; the words of each language are in `patterns`."""

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from playground.data.qa.patterns import ENGLISH, LANGUAGES, NUMBERED, VIETNAMESE, Rule
from playground.data.qa.sentences import (
    BREAK,
    BULLET,
    CODE,
    ITEM,
    MAX_LIST,
    UPPER,
    Sentence,
    is_prose,
    is_verse,
    opening,
    paragraphs,
    sentences,
)
from playground.data.qa.statements import connective_end, english_questions, parse, vietnamese_questions
from playground.data.sections import Section
from retrieval.document import TRAIL

Kind = Literal["heading", "definition", "item", "statement", "topic", "cloze"]
GAP = "____"
ARTICLES = ("a", "an", "the")
GAP_WORDS = (9, 40)
TOPICS = 3  # per section
TOPIC_WORDS = 6
TOPIC_CHARS = 280  # of the sentences about a topic
SUBJECT_WORDS = 9
COMMON = 400  # a word more frequent than one in this many is no telling gap
_LIST = re.compile(rf":[ \t]*\n(?:[ \t]*\n)?(?={BULLET}\S)")
_NUMBER = re.compile(r"^(?:\d{1,3}(?:\.\d{1,3})*[.)]?|[IVXLC]+\.|[a-zA-Z][.)])\s+")
_MARKUP = re.compile(r":[\w:]+:`!?~?|``?|\*\*?|^#+\s*|(?<!\w)_(?=\w)|(?<=\w)_(?!\w)")
_ENTRY = re.compile(
    r"(?P<subject>[A-Z][A-Z' -]{1,40}),\s+(?:n|v|adj|adv|v\.t|v\.i|pro|p\.p|n\.pl|x|interj|pp|conj|prep)\.\s+(?=\S)"
)
_TERM = re.compile(
    r"(?:[-*•‣–]\s+)?(?:\*\*(?P<bold>[^*\n]{2,60}?)\*\*|[“\"](?P<quoted>[^”\"\n]{2,60})[”\"])"
    r"(?:\s+(?:[-–—]|means|là|nghĩa là)|:)\s+(?=\S)"
)
# Words with a capital that do not begin the sentence; nothing that a number follows, as in Section 5.
_PROPER = rf"[{UPPER}][\w’'-]*(?:/\w+)*"
_NAME = re.compile(rf"(?<=[\w,;)]\s){_PROPER}(?:\s(?:(?:of|and|the|de|von)\s)?{_PROPER}){{0,4}}(?![\w’'-]|\s?[\d/])")
_FIGURE = re.compile(r"(?<![\w.,/:(-])(?:\d{1,3}(?:[.,]\d{3})+|\d+(?:[.,]\d+)?)(?![\w/:)%-]|[.,]\d)")
_QUOTED = re.compile(r"(?<=[“\"])\w[\w-]+(?: [\w-]+){0,2}(?=[”\"])")
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class FoundQuestion:
    """A question and where its answer stands."""

    kind: Kind
    question: str
    start: int
    end: int


class QuestionRules:
    """The questions of a text's parts in one language: knows which words the text writes small."""

    def __init__(self, text: str, seed: int, language: str) -> None:
        self._text = text
        self._seed = seed
        self._has_rules = language in LANGUAGES  # of other languages, only headings that are questions
        self._language = LANGUAGES.get(language, ENGLISH)
        self._written = Counter(re.findall(r"(?<=[^\W\d_A-Z,]\s)\w+", text))
        self._common = max(4, self._written.total() // COMMON)

    def questions(self, section: Section) -> Iterator[FoundQuestion]:
        """Everything that one section answers."""
        said = sentences(self._text, section.body, section.end)
        if section.body > section.start:
            yield from self._of_heading(section, said)
        if self._has_rules:
            yield from self._of_entries(section)
            yield from self._of_lists(section)
            yield from self._of_topics(section, said)
            for sentence in filter(is_prose, said):
                if is_verse(self._text[sentence.start : sentence.end]):
                    continue
                yield from self._of_definition(sentence)
                yield from self._of_statement(sentence)
                yield from self._of_gap(sentence)

    def _of_heading(self, section: Section, said: Sequence[Sentence]) -> Iterator[FoundQuestion]:
        """What the heading asks for; the answer is the first sentences below it."""
        if not (answer := opening(said, self._text)):
            return
        title = " ".join(_MARKUP.sub("", _NUMBER.sub("", section.title)).replace("`", "").split()).rstrip(".:")
        numbered = NUMBERED.match(title)
        if numbered and numbered["kind"].lower() in ("article", "section", "amendment", "điều", "mục"):
            if question := self._of_article(section, numbered["rest"]):
                yield FoundQuestion("item", question, *answer)
            return
        if question := self._of_title(numbered["rest"] if numbered else title, self._text[answer[0] : answer[1]]):
            yield FoundQuestion("heading", question, *answer)

    def _of_article(self, section: Section, about: str) -> str:
        """The question for a numbered article, named with the articles above it."""
        if not self._has_rules:
            return ""
        above = (NUMBERED.match(part) for part in section.heading.split(TRAIL))
        name = ", ".join(match["name"] for match in above if match)
        template = self._language.article_about if about else self._language.article
        return template.format(name=name, what=self._lower(about))

    def _of_title(self, title: str, answer: str) -> str:
        """The title as a question; one that is none must share a word with the answer, or it says nothing of it."""
        if title.endswith("?"):
            return title if len(title.split()) > 2 else ""
        language = self._language
        if not self._has_rules or not title or CODE.search(title) or language.generic.match(title):
            return ""
        rules = ((rule, match) for rule in language.headings if (match := rule.pattern.match(title)))
        rule, match = next(rules)
        plain = "all" not in match.groupdict()
        pointing = answer.split()[0].lower() in language.pointing
        if plain and (pointing or not _content(title) & _content(answer)):
            return ""
        return _fill(rule, match, {"what": self._lower} if plain else {})

    def _of_entries(self, section: Section) -> Iterator[FoundQuestion]:
        """Entries of a dictionary and explained terms, each a paragraph or a list item."""
        for start, end in paragraphs(self._text, section.body, section.end):
            match = _ENTRY.match(self._text, start, end) or _TERM.match(self._text, start, end)
            if not match:
                continue
            said = sentences(self._text, match.end(), end)
            answer = opening(said, self._text)
            subject = next(filter(None, match.groups()))
            subject = subject.lower() if match.re is _ENTRY else subject
            if answer and not CODE.search(subject):
                yield FoundQuestion("definition", self._language.meaning.format(subject=subject.strip()), *answer)

    def _of_lists(self, section: Section) -> Iterator[FoundQuestion]:
        """Lists whose leading line shows what they list."""
        for match in _LIST.finditer(self._text, section.body, section.end):
            lead = sentences(self._text, section.body, match.start() + 1)[-1].words
            end = self._list_end(match.end(), section.end)
            items = self._text[match.end() : end].rstrip()
            whole = BREAK.search(items) and not items.endswith(":") and len(items) <= MAX_LIST
            rules = ((rule, found) for rule in self._language.listing if (found := rule.pattern.search(lead)))
            if not whole or CODE.search(items) or CODE.search(lead) or not (hit := next(rules, None)):
                continue
            rule, found = hit
            subject = found.groupdict().get("subject")
            if subject is None or self._is_subject(subject):
                yield FoundQuestion("item", _fill(rule, found, {"subject": self._lower_first}), match.end(), end)

    def _of_statement(self, sentence: Sentence) -> Iterator[FoundQuestion]:
        """Questions that the whole sentence answers, without the connective that opens it."""
        words = sentence.words[: connective_end(sentence.words)].split()
        lead = re.compile(r"\S+\s+" * len(words)).match(self._text, sentence.start, sentence.end)
        start = lead.end() if lead else sentence.start
        make = vietnamese_questions if self._language is VIETNAMESE else english_questions
        for question in make(sentence.words, self._lower_first):
            yield FoundQuestion("statement", question, start, sentence.end)

    def _of_topics(self, section: Section, said: Sequence[Sentence]) -> Iterator[FoundQuestion]:
        """What the section says of a few names, terms and subjects: the sentence with the topic and those behind it."""
        draw = random.Random(f"{self._seed} {section.start} topics")
        prose = [sentence for sentence in said if is_prose(sentence)]
        topics = [(topic, place) for place, sentence in enumerate(prose) for topic in self._topics(sentence)]
        named = {topic.casefold(): (topic, place) for topic, place in reversed(topics)}
        for topic, place in draw.sample(list(named.values()), min(TOPICS, len(named))):
            end = prose[place].end
            for sentence in prose[place + 1 : place + 3]:
                if BREAK.search(self._text, end, sentence.start + 1) or sentence.end - prose[place].start > TOPIC_CHARS:
                    break
                end = sentence.end
            question = draw.choice(self._language.topic).format(topic=topic)
            yield FoundQuestion("topic", question, prose[place].start, end)

    def _topics(self, sentence: Sentence) -> Iterator[str]:
        """What a sentence is about, unless it points back to the one before."""
        original = self._text[sentence.start : sentence.end]
        if sentence.words.split()[0].lower() in self._language.pointing:
            return
        for match in (*_NAME.finditer(original), *_QUOTED.finditer(original)):
            if self._tells(original, *match.span()) and len(match[0].split()) <= TOPIC_WORDS:
                yield " ".join(match[0].split())
        statement = parse(sentence.words.rstrip(".!?")) if self._language is ENGLISH else None
        if statement and len(statement.subject.split()) <= TOPIC_WORDS:
            yield self._lower_first(statement.subject)

    def _list_end(self, start: int, end: int) -> int:
        """Where the last item ends that begins at a bullet; an item may hold several lines but no blank one."""
        last = start
        for begin, stop in paragraphs(self._text, start, end):
            if not ITEM.match(self._text, begin, stop):
                break
            last = stop
        return last

    def _of_definition(self, sentence: Sentence) -> Iterator[FoundQuestion]:
        """A sentence that says what its subject is, means or consists of."""
        for rule in self._language.defining:
            match = rule.pattern.match(sentence.words)
            if match and self._is_subject(match["subject"]):
                question = _fill(rule, match, {"subject": lambda each: self._lower_first(_without_brackets(each))})
                yield FoundQuestion("definition", question, sentence.start, sentence.end)
                return

    def _is_subject(self, subject: str) -> bool:
        """Whether the words are a noun phrase that can be asked about alone."""
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

    def _of_gap(self, sentence: Sentence) -> Iterator[FoundQuestion]:
        """The sentence with one figure, name or quoted term left out, where nothing else in it says that word."""
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
            yield FoundQuestion("cloze", question, sentence.start + start, sentence.start + end)

    def _tells(self, sentence: str, start: int, end: int) -> bool:
        """Whether the gap's words are whole, not everywhere in the text, and nowhere else in the sentence."""
        gap, before = _WORD.findall(sentence[start:end]), sentence[:start].split()
        named = before and before[-1][:1].isupper()
        half = named and (gap[0].isdigit() or not self._written[before[-1].lower()])  # Section 5, Van Rossum
        lone = len(gap) == 1 and self._language is VIETNAMESE and not gap[0].isascii()  # a syllable of a name
        long = [word for word in gap if len(word) > 1 or word.isdigit()]
        initial = gap[-1].isalpha() and len(gap[-1]) == 1  # of Fielding H. Garrison; and I
        if half or lone or initial or all(self._written[word] > self._common for word in long):
            return False
        rest = _WORD.findall(sentence[:start] + " " + sentence[end:])
        return {_stem(word) for word in gap}.isdisjoint(map(_stem, rest))

    def _lower_first(self, phrase: str) -> str:
        """The phrase inside a sentence: its first word small, unless the text writes it large there too."""
        first, blank, rest = phrase.partition(" ")
        named = rest != rest.lower() and first.lower() not in ARTICLES  # Software in the Public Interest
        return phrase if named else self._small(first) + blank + rest

    def _lower(self, title: str) -> str:
        """A title inside a sentence: every word as the text writes it."""
        return " ".join(self._small(word, unknown=True) for word in title.split())

    def _small(self, word: str, unknown: bool = False) -> str:
        """The word in small letters if the text mostly writes it so, or, where `unknown` asks for it, never does."""
        small = word.lower()
        if small in ARTICLES:
            return small
        large, shouted = self._written[word], word.isupper() and len(word) > 1
        return small if not shouted and self._written[small] + unknown > large else word


def _without_brackets(phrase: str) -> str:
    return re.sub(r"\s*\([^)]*\)", "", phrase)


def _content(text: str) -> set[str]:
    """Beginnings of the longer words."""
    return {_stem(word) for word in _WORD.findall(text) if len(word) > 3}


def _stem(word: str) -> str:
    return word.casefold()[:5]


def _fill(rule: Rule, match: re.Match[str], wording: dict[str, Callable[[str], str]]) -> str:
    """The rule's question with the match's groups; `do` agrees with the verb that was found."""
    groups = {name: (value or "").strip() for name, value in match.groupdict().items()}
    groups["do"] = groups.get("aux") or ("does" if groups.get("s") else "do")
    for name, change in wording.items():
        groups[name] = change(groups.get(name, ""))
    words = " ".join(rule.question.format(**groups).split()).replace(" ?", "?")
    return words[:1].upper() + words[1:]
