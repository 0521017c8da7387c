"""How the weights and thresholds of `retrieval/search.py` were chosen: `python -m benchmarks.tuning`.

Reads XQuAD's articles and the FAQs' questions with an even number and SciFact's train claims only; nothing here is
reported as a result.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.sets import (
    FALSE_ABSTENTION,
    FAQS,
    Question,
    Remembering,
    add_folders,
    answer_ranks,
    auroc,
    embedder_in,
    faq,
    gate_scores,
    ndcg,
    paragraph_ranks,
    scifact,
    scifact_claims,
    whole_paragraphs,
    xquad,
)  # fmt: skip
from retrieval.build import build
from retrieval.search import FOREIGN, PROMPTED, TRUSTED, Mix, mix_for, search

DENSE = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0)
SENTENCE = (0.0, 0.2, 0.4, 0.6, 0.8, 1.2)
COVERAGE = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)


def tuning_half(data: Path, language: str) -> list[Question]:
    """The questions of the articles that are not reported."""
    return [each for each in xquad(data, language)[1] if not each.reported]


def xquad_weights(data: Path, embedder: Remembering, language: str, mix: Mix) -> None:
    """R@1, R@5 and mean reciprocal rank of the paragraph for every weight of the cosine."""
    index = whole_paragraphs(xquad(data, language)[0], embedder, language)
    questions = tuning_half(data, language)
    embedder.encode_queries([each.text for each in questions])
    for dense in DENSE:
        changed = replace(mix, dense=dense)
        found = [search(index, embedder, each.text, 10, changed).hits for each in questions]
        ranks = paragraph_ranks(found, questions)
        figures = f"R@1 {(ranks == 1).mean():.4f}  R@5 {(ranks <= 5).mean():.4f}  MRR@10 {(1 / ranks).mean():.4f}"
        print(f"XQuAD-{language} dense {dense}: {figures}")


def sentence_weights(data: Path, embedder: Remembering) -> None:
    """R@1 and mean reciprocal rank for every weight of the best sentence."""
    for name in ("en", "vi", *FAQS):
        documents, every = faq(data, name) if name in FAQS else xquad(data, name)
        index = build(documents, embedder) if name in FAQS else whole_paragraphs(documents, embedder, name)
        questions = [each for each in every if not each.reported]
        embedder.encode_queries([each.text for each in questions])
        for weight in SENTENCE:
            mix = replace(mix_for(index, embedder), sentence=weight)
            found = [search(index, embedder, each.text, 10, mix).hits for each in questions]
            ranks = answer_ranks(found, questions) if name in FAQS else paragraph_ranks(found, questions)
            print(f"{name} sentence {weight}: R@1 {(ranks == 1).mean():.4f}  MRR@10 {(1 / ranks).mean():.4f}")


def scifact_weights(data: Path, embedder: Remembering) -> None:
    """nDCG@10 of the train claims for every weight of the cosine."""
    index, claims = scifact(data, embedder), scifact_claims(data, "train")
    embedder.encode_queries([text for text, _ in claims])
    for dense in DENSE:
        mix = replace(TRUSTED, dense=dense)
        found = [search(index, embedder, text, 10, mix).hits for text, _ in claims]
        gains = [
            ndcg([hit.passage.source for hit in hits], cited) for hits, (_, cited) in zip(found, claims, strict=True)
        ]
        print(f"SciFact train dense {dense}: nDCG@10 {np.mean(gains):.4f}")


def gates(data: Path, embedder: Remembering, language: str, mixes: Sequence[Mix]) -> None:
    """How well each gate separates questions with their article from those whose article is removed."""
    for mix in mixes:
        kept, removed = gate_scores(data, embedder, language, tuning_half(data, language), mix)
        threshold = float(np.quantile(kept, FALSE_ABSTENTION))
        caught = f"AUROC {auroc(kept, removed):.4f}, {(removed < threshold).mean():.4f} caught below {threshold:.3f}"
        print(f"XQuAD-{language} gate {mix.cosine} x cosine + {mix.coverage} x coverage: {caught}")


def main() -> None:
    """Print every choice that was considered, weight by weight."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_folders(parser)
    asked = parser.parse_args()
    embedder = embedder_in(asked.embedder, asked.cache)
    both = embedder.multilingual and embedder.prompted
    english, foreign = (PROMPTED, PROMPTED) if both else (TRUSTED, FOREIGN)
    coverage = [each / 10 for each in COVERAGE] if both else COVERAGE  # its cosines lie in a tenth of the room
    sentence_weights(asked.data, embedder)
    xquad_weights(asked.data, embedder, "en", english)
    xquad_weights(asked.data, embedder, "vi", foreign)
    scifact_weights(asked.data, embedder)
    gates(asked.data, embedder, "en", [replace(english, coverage=each) for each in coverage])
    gates(asked.data, embedder, "vi", [foreign, *(replace(foreign, cosine=1.0, coverage=each) for each in coverage)])


if __name__ == "__main__":
    main()
