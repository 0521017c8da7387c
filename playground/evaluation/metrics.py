"""What a free answer is worth: exact match, token F1, ROUGE-L, abstention, broken form. Pure functions of text.

Normalisation, exact match and F1 are SQuAD's (Rajpurkar et al. 2016, arXiv 1606.05250), ROUGE-L is Lin 2004's over
words (https://aclanthology.org/W04-1013). SQuAD drops English articles; other languages are left as they are.
"""

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

LONG = 12  # words of an answer from which order counts too, and ROUGE-L is the measure
EXACT, WORDED, BROKEN, ABSTAINED, WRONG = "exact", "worded", "broken", "abstained", "wrong"
RIGHT = (EXACT, WORDED)
F1_RIGHT = 0.5  # a long answer with this share of the true one counts as right
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_QUOTES = "‘’“”´`–—…«»"
_PUNCTUATION = str.maketrans("", "", string.punctuation + _QUOTES)
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
    """A free answer's grades; scores in 0…1.

    `outcome` is exact, worded (the truth stands among other words), broken (no usable form), abstained or wrong.
    """

    outcome: str
    exact: float
    f1: float
    rouge_l: float

    @property
    def right(self) -> bool:
        """Whether the answer says the truth, in however many words."""
        return self.outcome in RIGHT


def grade(text: str, answers: Sequence[str], question: str = "", cut: bool = False, parts: Sequence[str] = ()) -> Grade:
    """The best grade against any of the answers, or against all `parts` of one.

    `cut` says that the answer ended at its limit.
    """
    exact = max((float(normalise(text) == normalise(each)) for each in answers), default=0.0)
    f1 = max((token_f1(text, each) for each in answers), default=0.0)
    rouge = max((rouge_l(text, each) for each in answers), default=0.0)
    long = any(len(normalise(each).split()) >= LONG for each in answers)
    told = (
        all(contains_answer(text, each) for each in parts)
        if parts
        else any(contains_answer(text, each) for each in answers)
    )
    if told or (long and not parts and max(f1, rouge) >= F1_RIGHT):
        outcome = EXACT if exact else WORDED
    elif is_broken(text, question, cut):
        outcome = BROKEN
    else:
        outcome = ABSTAINED if abstains(text) else WRONG
    return Grade(outcome, exact, f1, rouge)


@lru_cache(maxsize=20_000)
def normalise(text: str) -> str:
    """Lower case, composed, without punctuation, English articles and needless blanks."""
    lowered = unicodedata.normalize("NFC", text).lower().translate(_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", lowered).split())


def token_f1(text: str, truth: str) -> float:
    """Harmonic mean of the precision and recall of the words, as multisets."""
    said, true = normalise(text).split(), normalise(truth).split()
    shared = sum((Counter(said) & Counter(true)).values())
    return _harmonic(shared, len(said), len(true))


def rouge_l(text: str, truth: str) -> float:
    """The same of the longest common subsequence of words."""
    said, true = normalise(text).split(), normalise(truth).split()
    row = [0] * (len(true) + 1)
    for word in said:
        above = row
        row = [0]
        for place, other in enumerate(true):
            row.append(above[place] + 1 if word == other else max(row[place], above[place + 1]))
    return _harmonic(row[-1], len(said), len(true))


def contains_answer(text: str, truth: str) -> bool:
    """Whether the truth stands in the text, word for word after normalisation."""
    wanted = normalise(truth)
    return bool(wanted) and f" {wanted} " in f" {normalise(text)} "


def abstains(text: str) -> bool:
    """Whether the answer says that it does not know, or that the text does not say."""
    return bool(_ABSTENTION.search(unicodedata.normalize("NFC", text)))


def is_broken(text: str, question: str = "", cut: bool = False) -> bool:
    """Whether the answer has no usable form: nothing, the question once more, a loop, or a bare passage number."""
    words = normalise(text).split()
    if not words or re.fullmatch(r"\W*\d{1,2}\W*", text) and "[" in text:
        return True
    if question and " ".join(words) == normalise(question):
        return True
    return cut and _loops(words)


def abstention(abstained: Sequence[bool], unanswerable: Sequence[bool]) -> tuple[float, float]:
    """Precision and recall of saying "I do not know"; no number where there is nothing to divide by."""
    rightly = sum(one and two for one, two in zip(abstained, unanswerable, strict=True))
    return _share(rightly, sum(abstained)), _share(rightly, sum(unanswerable))


def _loops(words: Sequence[str]) -> bool:
    """Whether the last half says the same few words again and again."""
    tail = words[len(words) // 2 :]
    return len(tail) >= 6 and len(set(tail)) <= len(tail) / 3


def _harmonic(shared: int, said: int, true: int) -> float:
    if not said or not true:
        return float(said == true)
    return 2 * shared / (said + true)


def _share(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")
