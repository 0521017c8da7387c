"""The texts and questions of `benchmarks.verdict`, in a fixed random order."""

import json
import random
from collections.abc import Sequence
from pathlib import Path

from playground.evaluation.questions import LITERAL, AnswerSpan, Question, question_id
from retrieval.document import Document, Pair
from retrieval.readers.dispatch import read_document

HELD_OUT = 50  # entries of the Devil's Dictionary that are kept from training and from the index
ASKED = 40  # of the Debian FAQ's 119 pairs, kept from training


def xquad(data: Path, language: str) -> tuple[list[Document], list[Question]]:
    """The articles, with blank lines between paragraphs, and their questions with their places."""
    file = data / "xquad_half" / f"xquad.{language}.json"
    documents, asked = [], []
    for number, article in enumerate(json.loads(file.read_text(encoding="utf-8"))["data"]):
        name, offset = f"{number}.txt", 0
        for part in article["paragraphs"]:
            for each in part["qas"]:
                first = each["answers"][0]
                start = offset + first["answer_start"]
                place = AnswerSpan(name, start, start + len(first["text"]))
                answers = tuple(dict.fromkeys(answer["text"] for answer in each["answers"]))
                asked.append(Question(each["id"], LITERAL, each["question"], answers, places=(place,), origin="file"))
            offset += len(part["context"]) + 2
        documents.append(Document(name, "\n\n".join(part["context"] for part in article["paragraphs"])))
    random.Random(0).shuffle(asked)
    return documents, asked


def devil(data: Path) -> tuple[Document, list[Question]]:
    """The dictionary without the held-out entries, and those as questions."""
    document = read_document(data / "devils_dictionary/devils_dictionary.jsonl")
    kept, held = _split(document, HELD_OUT)
    return kept, held


def faq(data: Path) -> tuple[Document, Document, list[Question]]:
    """The whole FAQ, what of it is trained on, and the rest as questions."""
    document = read_document(data / "debian_faq/debian_faq.jsonl")
    kept, held = _split(document, ASKED)
    return document, kept, held


def as_document(name: str, pairs: Sequence[tuple[str, str]]) -> Document:
    """Questions and answers as a file of them is read."""
    text, placed = "", []
    for question, answer in pairs:
        start = len(text)
        text += f"{question}\n{answer}\n\n"
        placed.append(Pair(question, answer, start, len(text) - 2))
    return Document(name, text.rstrip("\n"), pairs=tuple(placed))


def _split(document: Document, count: int) -> tuple[Document, list[Question]]:
    """The document without `count` of its pairs, text and all, and those pairs as questions."""
    order = list(range(len(document.pairs)))
    random.Random(0).shuffle(order)
    gone = set(order[:count])
    kept = [(pair.question, pair.answer) for number, pair in enumerate(document.pairs) if number not in gone]
    held = [document.pairs[number] for number in order[:count]]
    asked = [
        Question(
            question_id(LITERAL, each.question),
            LITERAL,
            each.question,
            (each.answer,),
            places=(AnswerSpan(document.name, each.end - len(each.answer), each.end),),
            origin="file",
        )
        for each in held
    ]
    return as_document(document.name, kept), asked
