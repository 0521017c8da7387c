"""Whether an answer is useful: key facts recalled, supported by its evidence, in a form that a person would accept.

Parts stay apart, since each alone can be gained by a worthless answer: recall by copying everything, support by
echoing the question, form by saying nothing. Recall of key facts and support without the question's words follow
Adlakha et al. 2023 (arXiv 2307.16877), where exact match and F1 misled. Pure functions of text; asks no model.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from playground.data.qa.sentences import UPPER
from playground.data.tokenize import TrainingPair
from playground.evaluation.metrics import abstains, normalise
from playground.prompts import repeats_instructions
from retrieval.chunks import announces_more
from retrieval.language import Terms, count_words, detect_language

SHORT_WORDS = 4  # an answer with fewer words is called short
USEFUL_WORDS = (6, 60)
USEFUL_RECALL = 0.6
USEFUL_SUPPORT = 0.5
MOST_REPEATED = 0.2  # share of an answer's runs of four words that stood before in it
MOST_FACTS = 5
ECHO = 0.8  # share of an answer's terms that the question has, from which one without a key fact says nothing new
# Not at the start of a sentence or line, where any word has a capital.
_NAME = re.compile(rf"(?:(?<=[\w,;] )|(?<=[(“‘\"']))[{UPPER}][\w’'-]*\w")
_POSSESSIVE = re.compile(r"[’']s?$")
_CITATION = re.compile(r"\[\d+\]")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


@dataclass(frozen=True)
class Quality:
    """One answer's parts. `recall` and `support` in 0…1, NaN where there is nothing to compare with.

    `right` says that it holds the expected answer, be that one word. A useful answer has at least `least_words` words.
    `invented` are names and numbers that neither the
    evidence nor the question has.
    """

    words: int
    recall: float
    support: float
    repeated: float
    ended: bool
    echo: bool
    abstained: bool
    invented: tuple[str, ...]
    right: bool = False
    least_words: int = USEFUL_WORDS[0]

    @property
    def short(self) -> bool:
        """Whether it has fewer words than SHORT_WORDS."""
        return self.words < SHORT_WORDS

    @property
    def loops(self) -> bool:
        """Whether it repeats itself."""
        return self.repeated >= MOST_REPEATED

    @property
    def useful(self) -> bool:
        """Whether a person who asked would be served: facts, support and form together."""
        return (
            (self.recall >= USEFUL_RECALL or self.right)
            and not self.support < USEFUL_SUPPORT
            and self.least_words <= self.words <= USEFUL_WORDS[1]
            and self.ended
            and not self.loops
            and not self.echo
        )


def judge(
    answer: str, question: str, truth: str, evidence: str, ended: bool, right: bool = False, brief: bool = False
) -> Quality:
    """The parts of one answer.

    Args:
        answer: what was said.
        question: what was asked.
        truth: the true answer, best as a full sentence.
        evidence: the text that holds the truth; every true statement of the answer should stand there. Without any,
            support is not judged.
        ended: whether the answer ended by itself. One that ends in a colon has not: it only announces what is asked.
        right: whether it holds the expected answer. One who asks for a year is served by a sentence with that year,
            although the true sentence has more facts.
        brief: whether the truth is all that is wanted, so that an answer of as few words may be useful.
    """
    terms = Terms(detect_language(evidence or truth))
    asked = set(terms(question))
    said = terms(answer)
    recall = _recall(set(said), key_facts(truth, question, terms))
    return Quality(
        words=count_words(answer),
        recall=recall,
        support=_support(said, asked, set(terms(evidence))) if evidence else math.nan,
        repeated=repeated_share(answer),
        ended=ended and not announces_more(answer),
        echo=repeats_instructions(answer)
        or (bool(said) and not recall > 0 and len(asked.intersection(said)) >= ECHO * len(set(said))),
        abstained=abstains(answer),
        invented=invented(answer, f"{question}\n{evidence}\n{truth}", terms),
        right=right,
        least_words=min(USEFUL_WORDS[0], count_words(truth)) if brief else USEFUL_WORDS[0],
    )


def mark_answer(pair: TrainingPair, answer: str, ended: bool) -> float:
    """1 for a well-formed answer with the pair's key facts, 0.5 for a well-formed one, else 0: cut off, empty, looping.

    A pair may want fewer words than SHORT_WORDS; then so many are enough.
    """
    quality = judge(answer, pair.question, pair.answer, pair.answer, ended)
    enough = quality.words >= min(SHORT_WORDS, count_words(pair.answer))
    if not enough or not quality.ended or quality.loops or quality.echo:
        return 0.0
    return 1.0 if math.isnan(quality.recall) or quality.recall >= USEFUL_RECALL else 0.5


def key_facts(truth: str, question: str, terms: Terms) -> tuple[str, ...]:
    """At most MOST_FACTS terms of the truth that the question lacks: numbers, then names, then the longest words."""
    asked = set(terms(question))
    marked = [*_NUMBER.findall(truth), *_NAME.findall(truth)]
    ranked = [each for word in marked for each in terms(word)] + sorted(terms(truth), key=lambda each: -len(each))
    return tuple(dict.fromkeys(each for each in ranked if each not in asked))[:MOST_FACTS]


def repeated_share(answer: str) -> float:
    """The share of the answer's runs of four words that occurred before in it."""
    words = normalise(answer).split()
    runs = Counter(tuple(words[place : place + 4]) for place in range(len(words) - 3))
    return 1 - len(runs) / runs.total() if runs else 0.0


def invented(answer: str, known: str, terms: Terms) -> tuple[str, ...]:
    """Names and numbers of the answer that do not stand in what is known, in this or another form of the word.

    The numbers of cited passages are none.
    """
    words, stems = set(normalise(known).split()), set(terms(known))
    said = _CITATION.sub("", answer)
    found = [*_NUMBER.findall(said), *(_POSSESSIVE.sub("", each) for each in _NAME.findall(said))]
    new = (each for each in found if not (set(normalise(each).split()) <= words or set(terms(each)) <= stems))
    return tuple(dict.fromkeys(new))


def distinct_share(answers: Sequence[str]) -> float:
    """The share of different answers among those to different questions; NaN for none."""
    return len({normalise(each) for each in answers}) / len(answers) if answers else float("nan")


def _recall(said: set[str], facts: Sequence[str]) -> float:
    return sum(each in said for each in facts) / len(facts) if facts else float("nan")


def _support(said: Sequence[str], asked: set[str], evidence: set[str]) -> float:
    """The share of the answer's own terms that the evidence has; an answer with no term of its own has no support."""
    own = [each for each in said if each not in asked]
    return sum(each in evidence for each in own) / len(own) if own else 0.0
