"""Metrics of a free answer: exact match, token F1, ROUGE-L, abstention, malformed answers. Pure functions of text.

Normalisation, exact match and F1 are SQuAD's (Rajpurkar et al. 2016, arXiv 1606.05250), ROUGE-L is Lin 2004's over
words (https://aclanthology.org/W04-1013). Like SQuAD, normalisation drops English articles and no other words. In a
script without blanks each character counts as a word, as in MLQA (Lewis et al. 2020, arXiv 1910.07475).
"""

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import regex

from retrieval.words import UNSPACED

LONG = 12  # words from which an answer is long: word order counts, and ROUGE-L is used
EXACT, WORDED, BROKEN, ABSTAINED, WRONG = "exact", "worded", "broken", "abstained", "wrong"
RIGHT = (EXACT, WORDED)
F1_RIGHT = 0.5  # a long answer with this share of the true one counts as right
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_QUOTES = "‘’“”´`–—…«»"
_WIDE = "。、，．！？：；・（）「」『』【】《》〈〉"
_PUNCTUATION = str.maketrans("", "", string.punctuation + _QUOTES + _WIDE)
_UNSPACED = regex.compile(rf"[{UNSPACED}]\p{{M}}*")
_ABSTENTION = re.compile(
    r"\b(do(es)? ?n['o’]?t|not|cannot|can['’]?t|unable to|is not|are not|isn['’]?t|not been) "
    r"(know|sure|certain|say|tell|answer|provided?|mention(ed)?|specif(y|ied)|stated?|given|contain(ed)?|"
    r"(find|found)|available|determine|(have|provide) (any |enough |specific )*information|(a )?clear)"
    r"|\bno (information|mention|answer)\b|\bunanswerable\b|\bi (do not|don['’]t) (know|have)\b"
    r"|không (biết|rõ|có thông tin|tìm thấy|được (đề cập|nhắc|nêu|cung cấp)|thể trả lời|đề cập|nêu)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Grade:
    """The grades of a free answer; scores lie in 0…1.

    `outcome` is exact, worded (the true answer among other words), broken (malformed), abstained or wrong.
    """

    outcome: str
    exact: float
    f1: float
    rouge_l: float

    @property
    def right(self) -> bool:
        """Whether the answer contains the true one, however many words it has."""
        return self.outcome in RIGHT


def grade(text: str, answers: Sequence[str], question: str = "", cut: bool = False, parts: Sequence[str] = ()) -> Grade:
    """The best grade against any of the answers, or against all `parts` of one.

    `cut` tells that the answer ended at the token limit.
    """
    exact = max((float(normalise(text) == normalise(each)) for each in answers), default=0.0)
    f1 = max((token_f1(text, each) for each in answers), default=0.0)
    rouge = max((rouge_l(text, each) for each in answers), default=0.0)
    long = any(len(normalise(each).split()) >= LONG for each in answers)
    held = (
        all(contains_answer(text, each) for each in parts)
        if parts
        else any(contains_answer(text, each) for each in answers)
    )
    if held or (long and not parts and max(f1, rouge) >= F1_RIGHT):
        outcome = EXACT if exact else WORDED
    elif is_broken(text, question, cut):
        outcome = BROKEN
    else:
        outcome = ABSTAINED if abstains(text) else WRONG
    return Grade(outcome, exact, f1, rouge)


@lru_cache(maxsize=20_000)
def normalise(text: str) -> str:
    """Lower case, NFC, without punctuation, English articles and repeated blanks; an article alone stays.

    In a script without blanks each character becomes a word.
    """
    lowered = unicodedata.normalize("NFC", text).lower().translate(_PUNCTUATION)
    lowered = _UNSPACED.sub(r" \g<0> ", lowered)
    return " ".join(_ARTICLES.sub(" ", lowered).split()) or " ".join(lowered.split())


def token_f1(text: str, truth: str) -> float:
    """Harmonic mean of precision and recall over the multisets of words."""
    given, true = normalise(text).split(), normalise(truth).split()
    shared = sum((Counter(given) & Counter(true)).values())
    return _harmonic(shared, len(given), len(true))


def rouge_l(text: str, truth: str) -> float:
    """Harmonic mean of precision and recall over the longest common subsequence of words."""
    given, true = normalise(text).split(), normalise(truth).split()
    row = [0] * (len(true) + 1)
    for word in given:
        above = row
        row = [0]
        for place, other in enumerate(true):
            row.append(above[place] + 1 if word == other else max(row[place], above[place + 1]))
    return _harmonic(row[-1], len(given), len(true))


def contains_answer(text: str, truth: str) -> bool:
    """Whether the text contains the true answer as whole words, after normalisation."""
    wanted = normalise(truth)
    return bool(wanted) and f" {wanted} " in f" {normalise(text)} "


def abstains(text: str) -> bool:
    """Whether the answer says that it does not know, or that the text does not tell."""
    return bool(_ABSTENTION.search(unicodedata.normalize("NFC", text)))


def is_broken(text: str, question: str = "", cut: bool = False) -> bool:
    """Whether the answer is malformed: empty, the question repeated, a loop, or a bare passage number."""
    words = normalise(text).split()
    if not words or re.fullmatch(r"\W*\d{1,2}\W*", text) and "[" in text:
        return True
    if question and " ".join(words) == normalise(question):
        return True
    return cut and _loops(words)


def abstention(abstained: Sequence[bool], unanswerable: Sequence[bool]) -> tuple[float, float]:
    """Precision and recall of abstention; NaN where the denominator is 0."""
    rightly = sum(one and two for one, two in zip(abstained, unanswerable, strict=True))
    return _share(rightly, sum(abstained)), _share(rightly, sum(unanswerable))


def _loops(words: Sequence[str]) -> bool:
    """Whether the second half repeats a few words."""
    tail = words[len(words) // 2 :]
    return len(tail) >= 6 and len(set(tail)) <= len(tail) / 3


def _harmonic(shared: int, given: int, true: int) -> float:
    if not given or not true:
        return float(given == true)
    return 2 * shared / (given + true)


def _share(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")
