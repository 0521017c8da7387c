"""Paraphrases a question: by rules for English and Vietnamese, or by a model that is large enough.

A rule changes the order or the words of a question, never its meaning; a question that no rule fits has no paraphrase.
"""

import re
from collections.abc import Callable, Mapping, Sequence

from playground import prompts
from playground.data.qa.paraphrase import ASK, first_line, in_other_words
from playground.evaluation.metrics import contains_answer
from playground.inference.engine import complete
from playground.models.chat_model import ChatModel

CAPABLE = 1_000_000_000  # parameters from which a model may paraphrase; smaller ones change the meaning

Rules = Sequence[tuple[re.Pattern[str], str]]


def _rules(*pairs: tuple[str, str]) -> Rules:
    return tuple((re.compile(pattern), template) for pattern, template in pairs)


# A pattern for the whole question, and its paraphrase.
QUESTIONS: Mapping[str, Rules] = {
    "en": _rules(
        (r"What does “(.+)” mean\?", r"How would you explain the term “\1”?"),
        (r"What (?:is|does it) mean[t]? (?:by )?(.+)\?", r"Explain the meaning of \1."),
        (r"What (is|are|was|were) (.+) composed of\?", r"Name the parts that make up \2."),
        (r"What (is|are|was|were) (.+) called\?", r"By which name does one know \2?"),
        (r"What do(?:es)? (.+) consist of\?", r"Of which parts is \1 made?"),
        (r"What do(?:es)? (.+) say about (.+)\?", r"How is \2 settled by \1?"),
        (r"What do(?:es)? (.+) say\?", r"Summarise the content of \1."),
        (r"What should one know about (.+)\?", r"Explain the essentials of \1."),
        (r"Who (is|are|was|were) (.+)\?", r"Tell me about the person named \2."),
        (r"What (is|are|was|were) the (.+)\?", r"Please describe the \2."),
        (r"What (is|are|was|were) (an? .+)\?", r"How would you define \2?"),
        (r"What (?:is|are|was|were) (.+)\?", r"Please describe \1."),
        (r"How (?:do I|does one|can I|do you) (.+)\?", r"Which steps let someone \1?"),
        (r"Why (?:is|are|was|were|does|do|did) (.+)\?", r"Give the reason behind this: \1."),
    ),
    "vi": _rules(
        (r"“(.+)” có nghĩa là gì\?", r"Hãy giải thích thuật ngữ “\1”."),
        (r"(.+) gồm những gì\?", r"Hãy kể các thành phần của \1."),
        (r"(.+) được gọi là gì\?", r"Người ta đặt tên nào cho \1?"),
        (r"(.+) là ai\?", r"Hãy giới thiệu nhân vật \1."),
        (r"(.+) là gì\?", r"Hãy định nghĩa \1."),
        (r"Làm thế nào để (.+)\?", r"Cần những bước nào để \1?"),
        (r"Cần biết gì về (.+)\?", r"Hãy nêu những điều chính về \1."),
    ),
}
# The words before a sentence with a gap, and their replacement.
GAPS = {
    "en": ("Fill in the blank: ", "Which words or figures are left out at ____ here? "),
    "vi": ("Điền vào chỗ trống: ", "Chỗ ____ trong câu này thiếu từ hoặc số nào? "),
}
# A phrase before the first comma, which moves behind the rest.
FRONTED = {
    "en": re.compile(
        r"((?:In|At|On|After|Before|During|By|From|With|Without|Under|Until|Since|When|If|As|Because|Although|While) "
        r"[^,;:]{2,60}), ([^;:]+?)([.!?])"
    ),
    "vi": re.compile(r"((?:Năm|Vào|Trong|Sau|Trước|Khi|Ở|Tại|Từ|Với|Nếu|Theo) [^,;:]{2,60}), ([^;:]+?)([.!?])"),
}
SYNONYMS = {
    "en": {
        "about": "roughly", "almost": "nearly", "although": "though", "approximately": "about",
        "because": "since", "began": "started", "big": "large", "built": "constructed",
        "called": "named", "chosen": "selected", "commonly": "often", "created": "made", "currently": "now",
        "entire": "whole", "established": "set up", "every": "each", "famous": "well known", "founded": "established",
        "frequently": "often", "generally": "usually", "however": "yet", "important": "significant",
        "large": "big", "many": "numerous", "might": "may", "often": "frequently",
        "only": "solely", "primarily": "mainly", "received": "got", "several": "a number of", "shall": "must",
        "usually": "normally", "various": "different", "while": "whereas",
        "within": "inside",
    },
    "vi": {
        "bắt đầu": "khởi đầu", "khoảng": "chừng", "lớn": "to lớn", "nhiều": "không ít", "quan trọng": "trọng yếu",
        "thành lập": "lập nên", "thường": "hay", "tuy nhiên": "song", "vì": "bởi", "xây dựng": "dựng nên",
    },
}  # fmt: skip


def paraphrase_by_rules(question: str, language: str) -> str:
    """The paraphrase, or "" where no rule changes more than the beginning of the question."""
    rules = QUESTIONS.get(language, ())
    lead, other_lead = GAPS.get(language, ("", ""))
    if lead and question.startswith(lead):
        sentence = question[len(lead) :]
        changed = _replace_synonyms(_move_phrase(sentence, language), language)
        return other_lead + changed if changed != sentence else ""
    return next((pattern.sub(template, question) for pattern, template in rules if pattern.fullmatch(question)), "")


def paraphrase_by_model(question: str, answers: Sequence[str], ask: Callable[[str], str]) -> str:
    """The model's paraphrase, or "" if it gives an answer away, or changes too much or nothing.

    It must keep every name and number, and change some of the other words. `ask` completes a request.
    """
    found = first_line(ask(ASK.format(question)))
    leaks = any(contains_answer(found, each) and not contains_answer(question, each) for each in answers)
    return found if in_other_words(question, found) and not leaks else ""


def completer(chat: ChatModel) -> Callable[[str], str] | None:
    """A function that completes a request greedily; None for a model too small to paraphrase."""
    if chat.model.num_parameters() < CAPABLE:
        return None
    return lambda request: complete(chat, [prompts.messages(request)])[0]


def _move_phrase(sentence: str, language: str) -> str:
    match = FRONTED[language].fullmatch(sentence)
    if not match:
        return sentence
    first, rest, end = match.groups()
    return f"{rest[:1].upper()}{rest[1:]}, {first[:1].lower()}{first[1:]}{end}"


def _replace_synonyms(sentence: str, language: str) -> str:
    """The sentence with every word that has a synonym replaced by it."""
    words = SYNONYMS[language]
    pattern = re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, words))})(?![\w-])")
    return pattern.sub(lambda match: words[match[0]], sentence)
