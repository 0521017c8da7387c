"""Retrieval's quality and cost with the app's defaults, as one table: `python -m benchmarks.retrieval`.

`--only NAME` makes one row. Quality is reported on questions that nothing was chosen on (see
`benchmarks/sets.py`); the first run embeds SciFact, which `--cache` keeps.
"""

import argparse
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks import costs, rerank, scale
from benchmarks.sets import (
    FALSE_ABSTENTION,
    Question,
    Remembering,
    add_folders,
    answer_ranks,
    auroc,
    embedder_folder,
    embedder_in,
    faq,
    gate_scores,
    interval,
    json_lines,
    ndcg,
    paragraph_ranks,
    scifact,
    scifact_claims,
    share,
    whole_paragraphs,
    xquad,
)  # fmt: skip
from retrieval.build import build
from retrieval.readers.dispatch import read_document
from retrieval.search import SearchResult, mix_for, search, within_budget

CONTEXT_TOKENS = 512
HITS = 20  # enough to fill the context
EVEN = "XQuAD's even articles"
NOTHING = "nothing is tuned"
RANKS = "R@1 (95 %), R@5, MRR@10"


@dataclass(frozen=True)
class Bench:
    """What the rows are made from."""

    data: Path
    cache: Path
    folder: Path
    embedder: Remembering


@dataclass(frozen=True)
class Line:
    """One line of the table; `chosen` says on what weights and thresholds were chosen."""

    measure: str
    figure: str
    reach: str = "report"
    chosen: str = NOTHING


def reported(data: Path, language: str) -> list[Question]:
    """The questions of the articles on which nothing was chosen."""
    return [each for each in xquad(data, language)[1] if each.reported]


def scifact_lines(bench: Bench) -> Iterable[Line]:
    """NDCG@10 over whole abstracts."""
    index, claims = scifact(bench.data, bench.embedder), scifact_claims(bench.data, "test")
    bench.embedder.encode_queries([text for text, _ in claims])
    found = [search(index, bench.embedder, text, 10).hits for text, _ in claims]
    gains = [ndcg([hit.passage.source for hit in hits], cited) for hits, (_, cited) in zip(found, claims, strict=True)]
    yield Line(f"SciFact test, {len(claims)} claims: nDCG@10", f"{np.mean(gains):.4f}", "≥ 0.73", "SciFact train")


def paragraph_lines(bench: Bench, language: str, reach: str) -> Iterable[Line]:
    """The authors' paragraphs as passages."""
    index = whole_paragraphs(xquad(bench.data, language)[0], bench.embedder, language)
    questions = reported(bench.data, language)
    bench.embedder.encode_queries([each.text for each in questions])
    ranks = paragraph_ranks([search(index, bench.embedder, each.text, 10).hits for each in questions], questions)
    yield Line(f"XQuAD-{language}, {len(questions)} questions: {RANKS}", _rank_figures(ranks), reach, EVEN)


def crossed_lines(bench: Bench, asked: str, written: str) -> Iterable[Line]:
    """Questions in one language over the same paragraphs in another."""
    (own, _), (others, _) = xquad(bench.data, asked), xquad(bench.data, written)
    index = whole_paragraphs(others, bench.embedder, written)
    paragraphs = [[text for each in side for text in each.text.split("\n\n")] for side in (own, others)]
    same = dict(zip(*paragraphs, strict=True))
    questions = [replace(each, paragraph=same[each.paragraph]) for each in reported(bench.data, asked)]
    bench.embedder.encode_queries([each.text for each in questions])
    ranks = paragraph_ranks([search(index, bench.embedder, each.text, 10).hits for each in questions], questions)
    yield Line(f"XQuAD, questions in {asked}, text in {written}: {RANKS}", _rank_figures(ranks), chosen=EVEN)


def _rank_figures(ranks: np.ndarray) -> str:
    low, high = interval(ranks == 1)
    best = f"{(ranks == 1).mean():.4f} ({low:.3f} to {high:.3f})"
    return f"{best}, {(ranks <= 5).mean():.4f}, {(1 / ranks).mean():.4f}"


def faq_lines(bench: Bench, name: str) -> Iterable[Line]:
    """The answer to each question of a FAQ, whose headings are taken away."""
    documents, every = faq(bench.data, name)
    index, questions = build(documents, bench.embedder), [each for each in every if each.reported]
    bench.embedder.encode_queries([each.text for each in questions])
    results = [search(index, bench.embedder, each.text, 10) for each in questions]
    ranks = answer_ranks([result.hits for result in results], questions)
    figure = f"{_rank_figures(ranks)}; {1 - share(each.found for each in results):.1%} said to be absent"
    yield Line(f"{name} FAQ without headings, {len(questions)} questions: {RANKS}", figure, chosen="even questions")


def answer_lines(bench: Bench) -> Iterable[Line]:
    """Whether the best passages hold the answer, with whole articles cut as the app does."""
    documents, _ = xquad(bench.data, "en")
    index, questions = build(documents, bench.embedder), reported(bench.data, "en")
    bench.embedder.encode_queries([each.text for each in questions])
    within = share(has_answer(search(index, bench.embedder, each.text, HITS), each) for each in questions)
    longest = max(passage.tokens for passage in index.passages)
    cut = f"XQuAD-en in {len(index.passages)} passages of at most {longest} tokens"
    yield Line(f"{cut}: whole answer within {CONTEXT_TOKENS}", f"{within:.4f}", "≥ 0.985", EVEN)


def has_answer(result: SearchResult, question: Question) -> bool:
    """Whether the passages that fit into the context hold one of the answers, in the right article."""
    chosen = within_budget(result.hits, CONTEXT_TOKENS)
    right = [hit.passage.text for hit in chosen if hit.passage.source == question.article]
    return any(answer in text for text in right for answer in question.answers)


def removed_lines(bench: Bench, language: str) -> Iterable[Line]:
    """Abstention when the question's whole article is removed."""
    even = [each for each in xquad(bench.data, language)[1] if not each.reported]
    limit = float(np.quantile(gate_scores(bench.data, bench.embedder, language, even)[0], FALSE_ABSTENTION))
    kept, removed = gate_scores(bench.data, bench.embedder, language, reported(bench.data, language))
    fixed = mix_for(build(xquad(bench.data, language)[0], bench.embedder), bench.embedder).threshold
    label, english = f"XQuAD-{language}, article removed", language == "en"
    yield Line(f"{label}: AUROC", f"{auroc(kept, removed):.4f}", "≥ 0.98" if english else "report", EVEN)
    for name, threshold, reach in (
        (
            f"at {limit:.3f}, {FALSE_ABSTENTION:.0%} of the even articles",
            limit,
            "≥ 85 %" if english else "report",
        ),
        (f"at the app's {fixed}", fixed, "report"),
    ):
        figure = f"{(removed < threshold).mean():.1%}, {(kept < threshold).mean():.1%}"
        yield Line(f"{label}: caught, false abstention, {name}", figure, reach, EVEN)


def debian_lines(bench: Bench) -> Iterable[Line]:
    """The section whose heading is the question, among the best passages of the whole FAQ."""
    document = read_document(bench.data / "debian_faq/debian-faq.en.txt")
    index = build([document], bench.embedder)
    pairs = list(json_lines(bench.data / "debian_faq/debian_faq.jsonl"))
    bench.embedder.encode_queries([each["question"] for each in pairs])
    results = [search(index, bench.embedder, each["question"]) for each in pairs]
    within = share(
        any(_in_section(hit.passage.heading, each["id"]) for hit in result.hits)
        for result, each in zip(results, pairs, strict=True)
    )
    figure = f"{within:.4f}; {1 - share(each.found for each in results):.1%} said to be absent"
    yield Line(f"Debian FAQ in {len(index.passages)} passages, {len(pairs)} questions: R@5 of the section", figure)


def _in_section(heading: str, number: str) -> bool:
    return bool(re.search(rf"(^|> ){re.escape(number)}[. ]", heading))


def scale_lines(bench: Bench) -> Iterable[Line]:
    """Vector search by size, and what else was tried at the size from which it is approximate."""
    scifact(bench.data, bench.embedder)
    file = bench.cache / f"{bench.embedder.hash}.npz"
    reaches = dict(zip(scale.COUNTS, ("report", "p95 ≤ 25 ms", "recall ≥ 0.95"), strict=True))
    for count, kind in [*((count, "") for count in scale.COUNTS), *((scale.COUNTS[1], kind) for kind in scale.OTHERS)]:
        made = scale.figures(file, count, kind)
        figure = (
            f"{made['build_s']} s, {made['added_mib']} MiB beside the vectors' {made['vectors_mib']}, "
            f"{made['p50_ms']} and {made['p95_ms']} ms, {made['recall']}"
        )
        measure = f"{count:,} vectors, {made['kind']}: build (and load), memory, p50 and p95, recall@10"
        yield Line(measure, figure, "report" if kind else reaches[count])


def rerank_lines(bench: Bench) -> Iterable[Line]:
    """The search's order against the chat model's likelihood of the question."""
    likelihood = rerank.likelihood_of(bench.cache)
    for label, orders in (("XQuAD-en R@1", rerank.xquad_orders), ("SciFact nDCG@10", rerank.scifact_orders)):
        found = orders(bench.data, bench.embedder, likelihood)
        figure = f"{found.search:.4f}, {found.likelihood:.4f}, {found.half:.4f}"
        yield Line(
            f"Top 10 of {rerank.QUESTIONS} questions by search, likelihood, half of each: {label}", figure, "a gain"
        )


def edit_lines(bench: Bench) -> Iterable[Line]:
    """Seconds from an edited text's upload until its new fact ranks first."""
    text = (bench.data / "us_constitution/us-constitution.txt").read_text(encoding="utf-8")
    seconds, embedded, passages = costs.edit(text, bench.folder)
    figure = f"{seconds:.2f} s ({embedded} of {passages} passages embedded)"
    yield Line(f"One sentence of {len(text):,} characters edited: new fact found after", figure, "≤ 2 s")


def speed_lines(bench: Bench) -> Iterable[Line]:
    """Our embedder against the library's defaults, in alternating rounds."""
    index = build(xquad(bench.data, "en")[0], bench.embedder)
    ours, plain = costs.speeds([passage.text for passage in index.passages], bench.folder)
    figure = f"{ours / plain:.2f} × ({ours:.1f} against {plain:.1f})"
    yield Line(
        f"{len(index.passages)} passages embedded, a second, against `encode` at its defaults", figure, "≥ 1.2 ×"
    )


ROWS: dict[str, Callable[[Bench], Iterable[Line]]] = {
    "scifact": scifact_lines,
    "xquad-en": lambda bench: paragraph_lines(bench, "en", "≥ 0.95, ≥ 0.99"),
    "xquad-vi": lambda bench: paragraph_lines(bench, "vi", "R@5 ≥ 0.97"),
    "crossed-vi-en": lambda bench: crossed_lines(bench, "vi", "en"),
    "crossed-en-vi": lambda bench: crossed_lines(bench, "en", "vi"),
    "answer": answer_lines,
    "removed-en": lambda bench: removed_lines(bench, "en"),
    "removed-vi": lambda bench: removed_lines(bench, "vi"),
    "debian": debian_lines,
    "debian-answers": lambda bench: faq_lines(bench, "Debian"),
    "python-answers": lambda bench: faq_lines(bench, "Python"),
    "edit": edit_lines,
    "speed": speed_lines,
    "scale": scale_lines,
    "rerank": rerank_lines,
}


def main() -> None:
    """Print the table row by row."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_folders(parser)
    parser.add_argument("--only", choices=ROWS, action="append", help="one row; may be given again")
    asked = parser.parse_args()
    embedder = embedder_in(asked.embedder, asked.cache)
    bench = Bench(asked.data, asked.cache, embedder_folder(asked.embedder), embedder)
    print(f"Embedder {embedder.name}, weights {embedder.hash}\n")
    print("| measure | figure | reach | chosen on |\n|---|---|---|---|")
    began = time.monotonic()
    for name in asked.only or ROWS:
        for line in ROWS[name](bench):
            print(f"| {line.measure} | {line.figure} | {line.reach} | {line.chosen} |", flush=True)
    print(f"\n{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
