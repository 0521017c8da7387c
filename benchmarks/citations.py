"""How well an answer's supporting sentences are found by words alone: `python -m benchmarks.citations FOLDER`.

FOLDER holds XQuAD's files. The passages of a question are all paragraphs of its article, so that four of five are about
the same subject; the sentence to find is the one that holds the gold answer. Two answers are tried: the gold answer
alone, and the question said again with it. Each is tried again with wrong answers in its place: another article's,
which no sentence supports, and those to other questions on another paragraph and on the same one, which stand in the
passages. Thresholds are chosen on the first half of the articles; the figures are of the second.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from retrieval import grounding
from retrieval.chunks import Passage, sentences

THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
NEAR = (0.0, 0.3, 0.4, 0.5, 0.6, 0.7)
WRONG = ("of another article", "of another paragraph", "of the same paragraph")


@dataclass(frozen=True)
class Question:
    """A question with its article's paragraphs and the sentence that answers it."""

    text: str
    answer: str
    passages: tuple[Passage, ...]
    gold: tuple[int, int, int]


@dataclass
class Tally:
    """Counts of gold answers: marked and correct sentences, answers too short to check; and the wrong answers."""

    marked: int = 0
    right: int = 0
    asked: int = 0
    too_short: int = 0
    wrong: dict[str, list[bool]] = field(default_factory=lambda: {kind: [] for kind in WRONG})

    def line(self) -> str:
        """Precision, recall, and the shares of wrong answers with support, as a line of text."""
        believed = "  ".join(f"{kind} {sum(each) / max(1, len(each)):.3f}" for kind, each in self.wrong.items())
        return (
            f"precision {self.right / max(1, self.marked):.3f}  recall {self.right / self.asked:.3f}  too short "
            f"{self.too_short / self.asked:.3f}  wrong answers supported: {believed}  ({self.asked} questions)"
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
    """Measure all questions of these articles, each with its own answer and with wrong ones."""
    tally = Tally()
    for place, article in enumerate(articles):
        others = articles[(place + 1) % len(articles)]
        for number, question in enumerate(article):
            _right(tally, question, _said(question, question.answer, restated))
            for kind, wrong in _wrong_answers(question, number, article, others):
                tally.wrong[kind].append(bool(_marked(question, _said(question, wrong, restated))))
    return tally


def _wrong_answers(
    question: Question, number: int, article: list[Question], others: list[Question]
) -> Iterator[tuple[str, str]]:
    """One answer of each kind, where there is one."""
    elsewhere = others[number % len(others)].answer
    if not any(elsewhere.lower() in each.text.lower() for each in question.passages):
        yield WRONG[0], elsewhere
    different = [each for each in article if each.gold != question.gold and each.answer != question.answer]
    for kind, same in ((WRONG[1], False), (WRONG[2], True)):
        answers = [each.answer for each in different if (each.gold[0] == question.gold[0]) is same]
        if answers:
            yield kind, answers[number % len(answers)]


def _said(question: Question, answer: str, restated: bool) -> str:
    return f"{question.text.rstrip('?')}: {answer}." if restated else answer


def _marked(question: Question, said: str) -> set[tuple[int, int, int]]:
    claims = grounding.claims_with_evidence(said, question.text, question.passages)
    return {(each.passage, each.start, each.end) for claim in claims for each in claim.evidence}


def _right(tally: Tally, question: Question, said: str) -> None:
    claims = grounding.claims_with_evidence(said, question.text, question.passages)
    marked = {(each.passage, each.start, each.end) for claim in claims for each in claim.evidence}
    tally.asked += 1
    tally.marked += len(marked)
    tally.right += question.gold in marked
    tally.too_short += any(claim.too_short for claim in claims)


def main() -> None:
    """Print every threshold on the first half, and the one in use on the second."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    for language in ("en", "vi"):
        articles = questions(folder / f"xquad.{language}.json")
        half = len(articles) // 2
        for restated in (False, True):
            kind = f"{language} {'question and answer' if restated else 'answer alone':20}"
            for name, values in (("THRESHOLD", THRESHOLDS), ("LEAST_NEAR", NEAR)):
                used = vars(grounding)[name]
                for value in values:
                    setattr(grounding, name, value)
                    print(f"{kind} chosen on, {name} {value}: {measure(articles[:half], restated).line()}", flush=True)
                setattr(grounding, name, used)
            print(f"{kind} REPORTED: {measure(articles[half:], restated).line()}", flush=True)


if __name__ == "__main__":
    main()
