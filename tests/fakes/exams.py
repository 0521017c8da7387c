"""A small text, its index under a stand-in encoder, results made by hand and brief exams, for the tests of exams."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from playground.evaluation.config import ExamSettings
from playground.evaluation.questions import LITERAL, Question
from playground.evaluation.results import ArmResult
from retrieval.build import build
from retrieval.document import Document
from retrieval.index import Index
from tests.fakes.embedders import WordEmbedder

PARAGRAPH = (
    "The {0} museum was founded in {1} by {2} in the old harbour of {3}. In {5} the {0} museum moved to {3} Street "
    "because the first house had burnt down. The museum of {3} is a large collection of maps and letters on the sea. "
    "Its director {2} wrote {4} books about the history of {3}, which are kept in the reading room beside the hall."
)
ROWS = (
    ("Harbour", 1884, "Anna Bergman", "Lindholm", 12),
    ("Railway", 1901, "Peter Novak", "Ostrava", 31),
    ("Clock", 1756, "Maria Keller", "Furtwangen", 7),
    ("Glass", 1922, "Jan Holub", "Kamenice", 44),
    ("Paper", 1833, "Ines Ferreira", "Tomar", 5),
    ("Salt", 1947, "Karl Weber", "Hallein", 63),
)
TEXT = "\n\n".join(PARAGRAPH.format(*row, row[1] + 9) for row in ROWS)


def brief(create_draft: Callable[..., Any]) -> Callable[..., Any]:
    """`Exams.create_draft` of a service, with answers of a few tokens and few facts."""

    def create(visitor: str, run: str, settings: ExamSettings, file: Path | None) -> Any:
        return create_draft(visitor, run, replace(settings, answer_tokens=4, facts=4), file)

    return create


def document() -> Document:
    """The text, in paragraphs without headings."""
    return Document("museums.txt", TEXT)


def index() -> Index:
    """The text's index."""
    return build([document()], WordEmbedder())


def question(id_: str, kind: str = LITERAL, **values: Any) -> Question:
    """A question with two choices."""
    given: dict[str, Any] = {"question": f"Question {id_}?", "answers": ("yes",), "distractors": ("no",)}
    return Question(**{"id": id_, "kind": kind, "section": id_, "origin": "file", **given, **values})


def result(arm: str, id_: str, choice: int = 0, outcome: str = "exact", **values: Any) -> ArmResult:
    """What an arm made of a question."""
    given: dict[str, Any] = {
        "text": "Yes, so it is.", "tokens": 3, "prompt_tokens": 40, "seconds": 0.5, "memory_bytes": 1000, "loss": 1.0,
        "loss_tokens": 2, "exact": float(outcome == "exact"), "f1": float(outcome == "exact"), "rouge_l": 0.0,
        "abstained": outcome == "abstained", "found": None, "ranks": (), "in_prompt": None, "passages": (),
        "support": None, "stamp": "0" * 12,
    }  # fmt: skip
    return ArmResult(**{"arm": arm, "question": id_, "choice": choice, "outcome": outcome, **given, **values})
