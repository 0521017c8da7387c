"""How well an answer's supporting sentences are found by words alone: `python -m benchmarks.citations FOLDER`.

FOLDER holds XQuAD's files. The passages of a question are all paragraphs of its article, so that four of five are about
the same subject; the sentence to find is the one that holds the gold answer. Two answers are tried: the gold answer
alone, and the question said again with it. Each is tried again with another article's answer in its place, which no
sentence supports. The threshold is chosen on the first half of the articles; the figures are of the second.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from retrieval import grounding
from retrieval.chunks import Passage, sentences

THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8)


@dataclass(frozen=True)
class Question:
    """A question with its article's paragraphs and the sentence that answers it."""

    text: str
    answer: str
    passages: tuple[Passage, ...]
    gold: tuple[int, int, int]


@dataclass
class Tally:
    """Counts: marked sentences, correct ones, questions whose sentence was marked, and wrong answers with support."""

    marked: int = 0
    right: int = 0
    found: int = 0
    asked: int = 0
    believed: int = 0
    lies: list[str] = field(default_factory=list)

    def line(self) -> str:
        """Precision, recall and wrong answers with support, as a line of text."""
        return (
            f"precision {self.right / max(1, self.marked):.3f}  recall {self.found / self.asked:.3f}  "
            f"wrong answers supported {self.believed / max(1, len(self.lies)):.3f}  ({self.asked} questions)"
        )


def questions(file: Path) -> list[list[Question]]:
    """The questions of each article whose gold answer lies inside one sentence."""
    articles = json.loads(file.read_text(encoding="utf-8"))["data"]
    return [list(_questions(article["paragraphs"])) for article in articles]


def _questions(paragraphs: list[dict]) -> Iterator[Question]:
    texts = [each["context"] for each in paragraphs]
    passages = tuple(Passage(text, "article", "", "", 0, len(text), 0) for text in texts)
    for number, paragraph in enumerate(paragraphs):
        cut = sentences(paragraph["context"])
        for asked in paragraph["qas"]:
            answer = asked["answers"][0]
            first, last = answer["answer_start"], answer["answer_start"] + len(answer["text"])
            inside = [(start, end) for start, end in cut if start <= first and last <= end]
            if inside:
                yield Question(asked["question"], answer["text"], passages, (number, *inside[0]))


def measure(articles: list[list[Question]], restated: bool) -> Tally:
    """Measure all questions of these articles, each with its own answer and with one of another article."""
    tally = Tally()
    for place, article in enumerate(articles):
        others = articles[(place + 1) % len(articles)]
        for number, question in enumerate(article):
            _right(tally, question, _said(question, question.answer, restated))
            lie = others[number % len(others)].answer
            if not any(lie.lower() in each.text.lower() for each in question.passages):
                _wrong(tally, question, _said(question, lie, restated))
    return tally


def _said(question: Question, answer: str, restated: bool) -> str:
    return f"{question.text.rstrip('?')}: {answer}." if restated else answer


def _marked(question: Question, said: str) -> set[tuple[int, int, int]]:
    claims = grounding.claims_with_evidence(said, question.text, question.passages)
    return {(each.passage, each.start, each.end) for claim in claims for each in claim.evidence}


def _right(tally: Tally, question: Question, said: str) -> None:
    marked = _marked(question, said)
    tally.asked += 1
    tally.marked += len(marked)
    tally.right += question.gold in marked
    tally.found += question.gold in marked


def _wrong(tally: Tally, question: Question, said: str) -> None:
    tally.lies.append(said)
    tally.believed += bool(_marked(question, said))


def main() -> None:
    """Print every threshold on the first half, and the one in use on the second."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    used = grounding.THRESHOLD
    for language in ("en", "vi"):
        articles = questions(folder / f"xquad.{language}.json")
        half = len(articles) // 2
        for restated in (False, True):
            kind = "question and answer" if restated else "answer alone"
            for threshold in THRESHOLDS:
                grounding.THRESHOLD = threshold
                print(f"{language} {kind:20} chosen on, at {threshold}: {measure(articles[:half], restated).line()}")
            grounding.THRESHOLD = used
            print(f"{language} {kind:20} REPORTED, at {used}:  {measure(articles[half:], restated).line()}")


if __name__ == "__main__":
    main()
