"""What is wrong with the form of an answer in a conversation, such as one that only asks or is hardly a word.

This is what a model says that has learnt to stop early, to answer everything alike, or not to read its passages. Pure
rules; asks no model.
"""

import re
from collections.abc import Sequence

from playground.evaluation.answer_quality import SHORT_WORDS
from playground.evaluation.metrics import abstains, normalise
from playground.prompts import Turn, repeats_instructions
from retrieval.chunks import announces_more, sentences
from retrieval.follow_up import content_words
from retrieval.language import count_words
from retrieval.question_form import asks_for_name_or_number

ECHO, PROMPT, OPEN, SAME, SHORT = "echo", "prompt", "open", "same", "short"
_CITATION = re.compile(r"\[\d+\]")
ALIKE = 0.5  # share of common content words from which on two questions ask the same


def answer_warning(question: str, answer: str, earlier: Sequence[Turn], taught_short: bool = False) -> str:
    """ECHO, PROMPT, OPEN, SAME, SHORT, or an empty string.

    Args:
        question: what was asked.
        answer: the complete answer; one that says it does not know is never wrong in form.
        earlier: the turns before it of the same arm.
        taught_short: whether the arm learnt, or was shown, mostly short answers: then a short one is as wanted.
    """
    said = normalise(answer)
    if repeats_instructions(answer):
        return PROMPT
    if not said or abstains(answer):
        return ""
    if _only_asks(question, answer):
        return ECHO
    if announces_more(answer):
        return OPEN
    if any(normalise(turn.answer) == said and not _same_question(turn.question, question) for turn in earlier):
        return SAME
    short = count_words(answer) < SHORT_WORDS
    return SHORT if short and not taught_short and not asks_for_name_or_number(question) else ""


def _only_asks(question: str, answer: str) -> bool:
    """Whether every sentence of the answer is a question, or the question itself."""
    plain = _CITATION.sub("", answer)
    parts = [plain[start:end].strip() for start, end in sentences(plain)]
    said = [part for part in parts if any(map(str.isalpha, part))]
    asked = normalise(question)
    return bool(said) and all(part.rstrip('"”’)').endswith(("?", "？")) or normalise(part) == asked for part in said)


def mostly_short(answers: Sequence[str]) -> bool:
    """Whether most of these answers have fewer than SHORT_WORDS words."""
    return 2 * sum(count_words(each) < SHORT_WORDS for each in answers) > len(answers)


def _same_question(one: str, other: str) -> bool:
    """Whether two questions share most of their content words; with none, whether they are equal."""
    first, second = ({word.casefold() for word in content_words(each)} for each in (one, other))
    if not first or not second:
        return normalise(one) == normalise(other)
    return len(first & second) >= ALIKE * len(first | second)
