"""Does a follow-up find its passage by what it leaves out? `python -m benchmarks.follow_ups`, on XQuAD.

Follow-ups are made by rule from two consecutive questions on one paragraph: the longest run of words that both have, a
name if there is one, becomes a pronoun in the second, or is dropped behind "And …". There the words left out always
point to the right paragraph, so the same is done with questions on two paragraphs of an article, where they point to
the wrong one too. Beside them, questions that stand alone, after a related one and after one of another article: these
must not get worse. The even articles choose the weights of the left-out words (`--choose`); the odd ones report.
"""

import argparse
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, product
from pathlib import Path

import numpy as np

from benchmarks.sets import Question, Remembering, add_folders, embedder_in, paragraph_ranks, whole_paragraphs, xquad
from retrieval.build import build
from retrieval.follow_up import content_words, words_left_out
from retrieval.index import Index
from retrieval.search import Mix, mix_for, search

WEIGHTS = (0.0, 0.25, 0.5, 1.0)
WORDS = {"en": ("it", "its", "And "), "vi": ("nó", "của nó", "Còn ")}
_WORD = re.compile(r"\w+(?:[-'’]\w+)*")
_BEFORE = (
    r"(?:\b(?:(?:of|in|at|by|for|from|to|on|with|about|của|ở|tại|trong|về|cho|với) )?(?:(?:the|a|an|các|những|một) )?)?"
)


@dataclass(frozen=True)
class Asked:
    """A question after another: `text` as it is asked, `target` with the paragraph that answers it."""

    text: str
    before: str
    target: Question


def follow_ups(pairs: Iterable[tuple[Question, Question]], language: str, dropped: bool) -> list[Asked]:
    """Every second question of a pair that shares words with the first, without these words."""
    made = []
    for first, second in pairs:
        shared = shared_words(first.text, second.text)
        text = _leave_out(second.text, shared, language, dropped) if shared else ""
        if content_words(text):
            made.append(Asked(text, first.text, second))
    return made


def unrelated(questions: Sequence[Question]) -> list[Asked]:
    """Every question unchanged, after a question of another article."""
    count = len(questions)
    others = [questions[(place + count // 2) % count] for place in range(count)]
    return [Asked(each.text, other.text, each) for each, other in zip(questions, others, strict=True)]


def related(questions: Sequence[Question]) -> list[Asked]:
    """Every second question of a pair on one paragraph, unchanged."""
    return [Asked(second.text, first.text, second) for first, second in on_one_paragraph(questions)]


def on_one_paragraph(questions: Sequence[Question]) -> Iterator[tuple[Question, Question]]:
    """Consecutive questions on one paragraph."""
    for _, group in groupby(questions, key=lambda each: each.paragraph):
        same = list(group)
        yield from zip(same, same[1:], strict=False)


def on_two_paragraphs(questions: Sequence[Question]) -> Iterator[tuple[Question, Question]]:
    """Every question after the first one on the paragraph before that shares words with it."""
    groups = [list(group) for _, group in groupby(questions, key=lambda each: each.paragraph)]
    for before, after in zip(groups, groups[1:], strict=False):
        if before[0].article == after[0].article:
            for second in after:
                sharing = [first for first in before if shared_words(first.text, second.text)]
                yield from ((first, second) for first in sharing[:1])


def shared_words(first: str, second: str) -> str:
    """The longest run of words of the second question that the first has too, of capital words if there is one."""
    words = _WORD.findall(second)
    known = f" {' '.join(_WORD.findall(first)).casefold()} "
    runs = [
        words[start:end]
        for start in range(len(words))
        for end in range(start + 1, len(words) + 1)
        if f" {' '.join(words[start:end]).casefold()} " in known and _is_phrase(words[start:end])
    ]
    names = [run for run in runs if all(word[0].isupper() for word in run) and run[0] != words[0]]
    return max((" ".join(run) for run in names or runs), key=len, default="")


def _is_phrase(words: Sequence[str]) -> bool:
    """Whether it begins and ends with a content word."""
    return bool(content_words(words[0]) and content_words(words[-1]))


def _leave_out(question: str, shared: str, language: str, dropped: bool) -> str:
    pronoun, possessive, opening = WORDS[language]
    before = _BEFORE if dropped else r"(?:\b(?:the|a|an) )?"
    pattern = before + r"\W+".join(re.escape(word) for word in shared.split()) + r"(['’]s\b|['’](?=\s))?"

    def instead(found: re.Match[str]) -> str:
        return "" if dropped else possessive if found.group(1) else pronoun

    text, count = re.subn(pattern, instead, question, count=1, flags=re.IGNORECASE)
    if not count:
        return ""
    text = re.sub(r"\s+(?=[?,.])", "", re.sub(r"\s+", " ", text)).strip()
    return f"{opening}{text[:1].lower()}{text[1:]}" if dropped else text


@dataclass(frozen=True)
class Figures:
    """Shares of the questions: found first, among five, and taken for follow-ups."""

    first: float
    five: float
    changed: float
    count: int


def measure(index: Index, embedder: Remembering, asked: Sequence[Asked], mix: Mix | None, by_rule: bool) -> Figures:
    """The ranks of the right paragraphs, with the left-out words or without."""
    left_out = [words_left_out(each.text, [each.before]) if by_rule else () for each in asked]
    embedder.encode(
        [text for each, words in zip(asked, left_out, strict=True) for text in (each.text, " ".join(words))]
    )
    hits = [
        search(index, embedder, each.text, 10, mix, words).hits for each, words in zip(asked, left_out, strict=True)
    ]
    ranks = paragraph_ranks(hits, [each.target for each in asked])
    changed = float(np.mean([bool(words) for words in left_out]))
    return Figures(float((ranks == 1).mean()), float((ranks <= 5).mean()), changed, len(asked))


def found_shares(
    data: Path, embedder: Remembering, language: str, asked: Sequence[Asked], by_rule: bool
) -> tuple[float, float]:
    """The shares for which the gate opens: with the whole text, and with the question's article removed."""
    documents, _ = xquad(data, language)
    index = build(documents, embedder)
    names = {document.name for document in documents}
    without = {name: index.restrict_to(names - {name}) for name in {each.target.article for each in asked}}
    left_out = [words_left_out(each.text, [each.before]) if by_rule else () for each in asked]

    def share(chosen: Callable[[Asked], Index]) -> float:
        found = [
            search(chosen(each), embedder, each.text, 1, left_out=words).found
            for each, words in zip(asked, left_out, strict=True)
        ]
        return float(np.mean(found))

    return share(lambda _: index), share(lambda each: without[each.target.article])


def sets_of(questions: Sequence[Question], language: str) -> dict[str, list[Asked]]:
    """The kinds of questions that are measured."""
    return {
        "pronoun, same paragraph": follow_ups(on_one_paragraph(questions), language, dropped=False),
        "opening, same paragraph": follow_ups(on_one_paragraph(questions), language, dropped=True),
        "pronoun, another paragraph": follow_ups(on_two_paragraphs(questions), language, dropped=False),
        "opening, another paragraph": follow_ups(on_two_paragraphs(questions), language, dropped=True),
        "stand-alone, after a related one": related(questions),
        "stand-alone, after an unrelated one": unrelated(questions),
    }


def choose(index: Index, embedder: Remembering, kinds: dict[str, list[Asked]]) -> None:
    """Print R@1 and R@5 of the choosing half at every pair of weights."""
    print("  ".join(f"{kind} ({len(asked)})" for kind, asked in kinds.items()))
    for dense, lexical in product(WEIGHTS, WEIGHTS):
        mix = replace(mix_for(index, embedder), left_out_dense=dense, left_out_lexical=lexical)
        found = [measure(index, embedder, asked, mix, True) for asked in kinds.values()]
        line = "  ".join(f"{each.first:.3f} {each.five:.3f}" for each in found)
        print(f"{index.language} dense {dense:<4} lexical {lexical:<4}  {line}", flush=True)


def report(data: Path, index: Index, embedder: Remembering, language: str, kinds: dict[str, list[Asked]]) -> None:
    """Print each kind's figures without the rule and with it."""
    for kind, asked in kinds.items():
        without, by_rule = (measure(index, embedder, asked, None, each) for each in (False, True))
        (found, removed), (found_by_rule, removed_by_rule) = (
            found_shares(data, embedder, language, asked, each) for each in (False, True)
        )
        cells = [
            language,
            kind,
            str(by_rule.count),
            f"{by_rule.changed:.1%}",
            f"{without.first:.3f}, {without.five:.3f}",
            f"{by_rule.first:.3f}, {by_rule.five:.3f}",
            f"{found:.1%}, {removed:.1%}",
            f"{found_by_rule:.1%}, {removed_by_rule:.1%}",
        ]
        print(f"| {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Print the table, or the choosing half at every pair of weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_folders(parser)
    parser.add_argument("--choose", action="store_true", help="the even articles at every pair of weights")
    parser.add_argument("--show", type=int, default=0, help="print so many follow-ups of each kind")
    args = parser.parse_args()
    embedder = embedder_in(args.embedder, args.cache)
    if not args.choose:
        print("| language | question | asked | taken for a follow-up | R@1, R@5 | by rule | found, removed | by rule |")
        print("|---|---|---|---|---|---|---|---|")
    for language in ("en", "vi"):
        documents, questions = xquad(args.data, language)
        index = whole_paragraphs(documents, embedder, language)
        kinds = sets_of([each for each in questions if each.reported is not args.choose], language)
        for asked in kinds.values():
            for each in asked[: args.show]:
                print(f"{each.before} -> {each.text} + {' '.join(words_left_out(each.text, [each.before]))}")
        if args.choose:
            choose(index, embedder, kinds)
        else:
            report(args.data, index, embedder, language, kinds)


if __name__ == "__main__":
    main()
