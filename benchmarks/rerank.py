"""Does reranking by the chat model's likelihood of the question given a passage help? UPR, arXiv 2204.07496.

The ten best of a search are ordered anew, by the likelihood alone or by half of it and half of the search's score, each
scaled to 0…1 within the ten. Nothing is tuned here. Questions are evenly spaced among those that are reported.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from benchmarks.sets import Remembering, ndcg, rank, scifact, scifact_claims, whole_paragraphs, xquad
from playground.device import Device
from playground.models.chat_model import ChatModel, load_chat
from playground.models.registry import chat_source
from playground.settings import Settings
from retrieval.index import Index
from retrieval.persistence import chunk_hash
from retrieval.search import Hit, search

QUESTIONS = 60
TOP = 10
PASSAGE_TOKENS = 220
ASK = "Passage: {passage}\n\nWrite a question that this passage answers."
Item = TypeVar("Item")
Likelihood = Callable[[str, str], float]


@dataclass(frozen=True)
class Orders:
    """One measure of three orders of the same ten passages."""

    search: float
    likelihood: float
    half: float


def xquad_orders(data: Path, embedder: Remembering, likelihood: Likelihood) -> Orders:
    """R@1 on English paragraphs of the reported articles."""
    documents, questions = xquad(data, "en")
    index = whole_paragraphs(documents, embedder, "en")
    asked = _spaced([question for question in questions if question.reported])
    return _orders(
        index,
        embedder,
        likelihood,
        [(each.text, lambda ranked, each=each: float(rank(ranked, each.paragraph) == 1)) for each in asked],
        lambda hit: hit.passage.text,
    )


def scifact_orders(data: Path, embedder: Remembering, likelihood: Likelihood) -> Orders:
    """nDCG@10 on SciFact's test claims."""
    asked = _spaced(scifact_claims(data, "test"))
    return _orders(
        scifact(data, embedder),
        embedder,
        likelihood,
        [(text, lambda ranked, relevant=relevant: ndcg(ranked, relevant)) for text, relevant in asked],
        lambda hit: hit.passage.source,
    )


def likelihood_of(cache: Path | None) -> Likelihood:
    """The chat model's mean log-likelihood of a question's tokens after a passage; a cache keeps it."""
    file = cache / "likelihoods.jsonl" if cache else None
    known: dict[str, float] = {}
    if file and file.exists():
        known = dict(json.loads(line) for line in file.read_text(encoding="utf-8").splitlines())
    chat: list[ChatModel] = []

    def likelihood(passage: str, question: str) -> float:
        name = chunk_hash(f"{ASK}\0{passage}\0{question}")
        if name not in known:
            if not chat:
                settings = Settings.from_environment()
                chat.append(load_chat(chat_source(settings), Device("cpu", torch.float32, 0.0)))
            known[name] = _mean_log_likelihood(chat[0], passage, question)
            if file:
                with file.open("a", encoding="utf-8") as lines:
                    lines.write(json.dumps([name, known[name]]) + "\n")
        return known[name]

    return likelihood


@torch.inference_mode()
def _mean_log_likelihood(chat: ChatModel, passage: str, question: str) -> float:
    tokenizer = chat.tokenizer
    short = tokenizer.decode(tokenizer(passage, add_special_tokens=False)["input_ids"][:PASSAGE_TOKENS])
    asked = [{"role": "user", "content": ASK.format(passage=short)}]
    text = tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True)
    before = tokenizer(text, add_special_tokens=False)["input_ids"]
    after = tokenizer(question, add_special_tokens=False)["input_ids"]
    ids = torch.tensor([before + after])
    logits = chat.model(input_ids=ids, logits_to_keep=len(after) + 1).logits[0, :-1].float()
    return float(torch.log_softmax(logits, -1).gather(1, ids[0, len(before) :, None]).mean())


def _orders(
    index: Index,
    embedder: Remembering,
    likelihood: Likelihood,
    asked: Sequence[tuple[str, Callable[[list[str]], float]]],
    name: Callable[[Hit], str],
) -> Orders:
    """The mean measure of each order; a measure takes the names of the ten passages, best first."""
    embedder.encode_queries([text for text, _ in asked])
    measured = []
    for text, measure in asked:
        hits = search(index, embedder, text, TOP).hits
        found = np.array([hit.score for hit in hits])
        likely = np.array([likelihood(hit.passage.text, text) for hit in hits])
        scores = (found, likely, _scaled(found) + _scaled(likely))
        measured.append([measure([name(hits[place]) for place in np.argsort(-each, kind="stable")]) for each in scores])
    return Orders(*np.mean(measured, axis=0).tolist())


def _scaled(scores: np.ndarray) -> np.ndarray:
    spread = scores.max() - scores.min()
    return (scores - scores.min()) / spread if spread else np.zeros_like(scores)


def _spaced(items: Sequence[Item]) -> list[Item]:
    return [items[place] for place in np.linspace(0, len(items) - 1, QUESTIONS).astype(int)]
