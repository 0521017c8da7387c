"""The texts that a tuned model is tried on, and the questions that it is asked about each."""

import json
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.verdict_texts import xquad
from playground.data.qa import pairs
from playground.evaluation.paraphrase import paraphrase_by_rules
from retrieval.document import Document
from retrieval.language import detect_language
from retrieval.readers.dispatch import read_document

DEBIAN = Path("/usr/share/doc")
EXAMPLES = Path(__file__).parents[1] / "playground" / "data" / "example_texts"
QUESTIONS = Path(__file__).parent / "natural_questions.json"
REWORDED = 36  # questions about trained statements
OF_ARTICLES = 96  # questions of XQuAD


@dataclass(frozen=True)
class Asked:
    """A question; `truth` and `evidence` are empty for a natural one, whose right answers are told by patterns.

    A right answer holds each of `needed` and none of `wrong`, regular expressions without regard to case.
    """

    question: str
    truth: str = ""
    evidence: str = ""
    needed: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()

    def is_right(self, said: str) -> bool:
        """Whether an answer says what it should and nothing that it should not."""

        def holds(pattern: str) -> bool:
            return bool(re.search(pattern, said, re.IGNORECASE))

        return all(map(holds, self.needed)) and not any(map(holds, self.wrong))


def texts(data: Path) -> dict[str, Callable[[], list[Document]]]:
    """The texts by name, read when asked for."""
    return {
        "faq": lambda: [read_document(data / "debian_faq" / "debian-faq.en.pdf")],
        "constitution": lambda: [read_document(EXAMPLES / "us_constitution.txt")],
        "tutorial": lambda: [read_document(EXAMPLES / "python_tutorial.rst")],
        "devil": lambda: [read_document(EXAMPLES / "devils_dictionary.jsonl")],
        "udhr": lambda: [read_document(EXAMPLES / "udhr_vietnamese.md")],
        "groups": lambda: [read_document(DEBIAN / "base-passwd" / "users-and-groups.html")],
        "triggers": lambda: [read_document(DEBIAN / "dpkg" / "spec" / "triggers.txt")],
        "python_faq": lambda: [read_document(data / "python_docs" / "faq" / "general.rst.txt")],
        "xquad": lambda: xquad(data, "en")[0],
        "xquad_vi": lambda: xquad(data, "vi")[0],
    }


NATURAL = {
    "faq": "debian_faq",
    "constitution": "us_constitution",
    "tutorial": "python_tutorial",
    "devil": "devils_dictionary",
    "udhr": "udhr_vietnamese",
    "groups": "users_and_groups",
    "triggers": "dpkg_triggers",
    "python_faq": "python_general_faq",
}


def natural(name: str, data: Path, count: int = OF_ARTICLES) -> list[Asked]:
    """Questions as a newcomer asks them; of XQuAD the first `count` of its own."""
    if name in NATURAL:
        listed = json.loads(QUESTIONS.read_text(encoding="utf-8"))[NATURAL[name]]
        return [Asked(each["question"], needed=tuple(each["all"]), wrong=tuple(each["none"])) for each in listed]
    return [
        Asked(each.question, needed=("|".join(map(re.escape, each.answers)),))
        for each in xquad(data, "vi" if name == "xquad_vi" else "en")[1][:count]
    ]


def reworded(documents: Sequence[Document], seed: int = 0) -> list[Asked]:
    """Questions about statements of the text, in words that no training question has."""
    found = [
        Asked(words, pair.answer, document.text[max(0, pair.start - 600) : pair.end + 600])
        for document in documents
        for pair in pairs.generate_pairs(document, 0, ("statement", "definition", "heading"))
        if (words := paraphrase_by_rules(pair.question, detect_language(document.text)))
    ]
    return random.Random(seed).sample(found, min(REWORDED, len(found)))
