"""Which arm serves which text: exams of four texts on the real model, and controls with a known outcome.

`python -m benchmarks.verdict PART… [--data FOLDER] [--out FOLDER] [--seconds N]`, PART one of xquad, xquad_vi, devil,
faq, rules, itself, taught, unrelated, broken. They train on the default mix; with _none, _half or _passages at their
end xquad, devil, faq and rules train on bare windows and a quarter of questions with gaps, of which none, half or all
bring passages. It stops after so many seconds; what the out folder holds is not done again.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

import adapters
from adapters.options import build
from benchmarks.sets import DATA, embedder_folder
from benchmarks.verdict_texts import as_document, devil, faq, xquad
from playground.device import Device
from playground.evaluation import contamination, question_set, report
from playground.evaluation import exam as evaluation_exam
from playground.evaluation.aggregate import aggregate_results
from playground.evaluation.answer_quality import mark_answer
from playground.evaluation.arm_models import ArmModels
from playground.evaluation.arms import ARMS, Material
from playground.evaluation.config import ExamSettings
from playground.evaluation.contamination import TaughtItem
from playground.evaluation.exam import Report
from playground.evaluation.exam_plan import Plan, write_exam
from playground.evaluation.questions import OF_THE_TEXT, Question
from playground.evaluation.results import ArmResult
from playground.evaluation.results_by_arm import ResultsByArm
from playground.evaluation.statements import render_statement, share_text
from playground.inference.served_adapter import ServedAdapter, load_adapter
from playground.models.chat_model import ChatModel, load_chat
from playground.models.registry import chat_source
from playground.settings import Settings
from playground.storage.run_folder import CHECKPOINT, CONFIG, adapter_folder, write_config, write_documents
from playground.training import loop as training_loop
from playground.training.config import RunConfig, TrainSettings
from retrieval.build import build as build_index
from retrieval.document import Document
from retrieval.embed import Embedder
from retrieval.index import Index
from retrieval.readers.dispatch import read_document

STEPS = {"xquad": 120, "xquad_vi": 60, "devil": 80, "faq": 60, "rules": 60, "taught": 50}
WINDOWS: dict[str, object] = {
    "text_form": "windows",
    "gaps": True,
    "pairs_share": 0.25,
    "replay_share": 0.0,
    "exercises_share": 0.0,
    "test_questions": 0,
}
MIXES: dict[str, dict[str, object]] = {  # by the end of the part's name
    "": {},
    "_none": {**WINDOWS, "passages_share": 0.0},
    "_half": {**WINDOWS, "passages_share": 0.5},
    "_passages": {**WINDOWS, "passages_share": 1.0},
}
FOUR = ("base", "rag", "tuned", "both")
ASKED = {"en": (100, 20), "vi": (50, 10)}  # questions of XQuAD, and those whose section is withheld
FEW = 40  # questions of a control


@dataclass
class Bench:
    """What all parts share; `should_stop` is true once the time of this call is over."""

    data: Path
    out: Path
    should_stop: Callable[[], bool]
    chat: ChatModel
    embedder: Embedder

    def trained(self, name: str, documents: Sequence[Document]) -> Path | None:
        """The run's folder once its LoRA is trained; None while it is not."""
        folder = self.out / name / "run"
        part = next(part for part in STEPS if name.removeprefix(part) in MIXES)
        mix = MIXES[name.removeprefix(part)]
        settings = build(TrainSettings, {"steps": STEPS[part], "evaluations": 4, "checkpoint_every": 10, **mix})
        config = RunConfig("lora", adapters.get("lora").Options(), settings)
        folder.mkdir(parents=True, exist_ok=True)
        write_config(folder, config.to_dict())
        write_documents(folder, documents)
        if (folder / "trained").exists():
            return folder
        chat = replace(self.chat, model=load_chat(chat_source(Settings.from_environment()), CPU).model)
        resume = (folder / CHECKPOINT).exists()
        *_, end = training_loop.train(config, chat, documents, folder, self.should_stop, resume, judge=mark_answer)
        if vars(end)["reason"] == "stopped":
            return None
        (folder / "trained").touch()
        print(f"{name}: {vars(end)['tokens']} tokens in {vars(end)['seconds']:.0f} s", flush=True)
        return folder

    def examined(
        self,
        name: str,
        drawn: question_set.QuestionSet,
        arms: Sequence[str],
        at_hand: Material,
        run: Path | None = None,
    ) -> Report | None:
        """The exam's report, printed; None while it is not finished."""
        folder = self.out / name / "exam"
        plan = Plan(ExamSettings(), tuple(arms), adapter_folder(run) if run else None, None, tuple(drawn.findings))
        if not (folder / CONFIG).exists():
            write_exam(folder, plan, drawn, at_hand.documents)
        outcome = None
        for outcome in evaluation_exam.run_exam(folder, ArmModels.one(self.chat), at_hand, self.should_stop):
            if not isinstance(outcome, Report) and outcome.arm:
                print(f"{name}: {outcome.done} of {outcome.total} ({outcome.arm}), {outcome.seconds:.0f} s", flush=True)
        if not isinstance(outcome, Report):
            return None
        report.write_report(outcome, folder, f"python -m benchmarks.verdict {name}")
        print_report(name, outcome)
        return outcome

    def material(self, documents: Sequence[Document], run: Path | None, index: Index | None = None) -> Material:
        """The text, its index and the run's adapter."""
        index = index or build_index(documents, self.embedder)
        return Material(documents, index, self.embedder, load_adapter(adapter_folder(run), self.chat) if run else None)

    def rows(self, run: Path) -> list[TaughtItem]:
        """What the run was taught."""
        return contamination.read_taught_items(run, self.chat.tokenizer)


CPU = Device("cpu", torch.float32, 0.0)


def main() -> None:
    """Run the chosen parts, as far as time allows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="+", choices=PARTS)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, default=Path(tempfile.gettempdir()) / "playground-verdict")
    parser.add_argument("--seconds", type=float, default=float("inf"))
    asked = parser.parse_args()
    ends = time.monotonic() + asked.seconds
    chat = load_chat(chat_source(Settings.from_environment()), CPU)
    bench = Bench(asked.data, asked.out, lambda: time.monotonic() > ends, chat, Embedder(embedder_folder(None)))
    for part in asked.parts:
        PARTS[part](bench)


def text_exam(name: str, language: str, arms: Sequence[str] = ARMS) -> Callable[[Bench], None]:
    """XQuAD's paragraphs as the text and its own questions, of which some have their section withheld."""

    def run(bench: Bench) -> None:
        documents, asked = xquad(bench.data, language)
        if (folder := bench.trained(name, documents)) is None:
            return
        count, more = ASKED[language]
        drawn = question_set.from_file(asked[:count], documents, 0, bench.rows(folder))
        spare = asked[count : count + more]
        hidden = [replace(each, id=f"{each.id}-", kind="unanswerable", withheld=True) for each in spare]
        drawn = question_set.QuestionSet(drawn.questions + hidden, drawn.findings)
        bench.examined(name, drawn, arms, bench.material(documents, folder), folder)

    return run


def devil_exam(name: str) -> Callable[[Bench], None]:
    """The Devil's Dictionary: entries that were kept from training and from the index; what counts is their loss."""

    def run(bench: Bench) -> None:
        text, asked = devil(bench.data)
        if (folder := bench.trained(name, [text])) is None:
            return
        drawn = question_set.from_file(asked, [], 0, bench.rows(folder))
        found = bench.examined(name, drawn, FOUR, bench.material([text], folder), folder)
        if found:
            print_losses(drawn.questions, found.results)

    return run


def rules_exam(name: str) -> Callable[[Bench], None]:
    """The US Constitution, and questions made from it by rules that the adapter was not taught."""

    def run(bench: Bench) -> None:
        text = read_document(bench.data / "us_constitution/us-constitution.txt")
        if (folder := bench.trained(name, [text])) is None:
            return
        drawn = question_set.from_text([text], 60, 0, bench.rows(folder))
        bench.examined(name, drawn, FOUR, bench.material([text], folder), folder)

    return run


def faq_exam(name: str, arms: Sequence[str] = FOUR) -> Callable[[Bench], None]:
    """The Debian FAQ: retrieval has all of it, training two thirds of its questions; the others are asked."""

    def run(bench: Bench) -> None:
        whole, text, asked = faq(bench.data)
        if (folder := bench.trained(name, [text])) is None:
            return
        drawn = question_set.from_file(asked, [whole], 0, bench.rows(folder))
        found = bench.examined(name, drawn, arms, bench.material([whole], folder), folder)
        if found:
            print_losses(drawn.questions, found.results)

    return run


def itself(bench: Bench) -> None:
    """The base model against itself, called fine-tuned: too close to call."""
    documents, asked = xquad(bench.data, "en")
    at_hand = Material(documents, None, None, ServedAdapter("none", "0" * 16, "lora", None))
    bench.examined("itself", question_set.from_file(asked[:FEW], documents, 0, []), ("base", "tuned"), at_hand)


def taught(bench: Bench) -> None:
    """An adapter that was trained on the answers of half of the questions: it wins on those, and they are named."""
    documents, asked = xquad(bench.data, "en")
    text = as_document("answers.jsonl", [(each.question, each.answers[0]) for each in asked[:FEW]])
    if (folder := bench.trained("taught", [text])) is None:
        return
    rows = bench.rows(folder)
    drawn = question_set.from_file(asked[: 2 * FEW], documents, 0, rows)
    at_hand = replace(bench.material([text], folder), documents=documents, index=None)
    found = bench.examined("taught", drawn, ("base", "tuned"), at_hand, folder)
    if found is None:
        return
    known = {each.id for each in asked[:FEW] if any(each.question in row.shown for row in rows)}
    leaked = drawn.leaked_ids()
    print(f"flagged: {len(leaked & known)} of {len(known)} taught, {len(leaked - known)} others")
    for name, inside in (("taught", True), ("others", False)):
        part = [each for each in drawn.questions if (each.id in known) == inside]
        gap = aggregate_results(part, found.results, set(), 0).choices[0]
        spread = f"{100 * gap.low:+.0f} to {100 * gap.high:+.0f}"
        print(f"{name}: base - tuned {100 * gap.value:+.0f} ({spread}), differs: {gap.differs}")


def unrelated(bench: Bench) -> None:
    """Retrieval over a text that has nothing to do with the questions: it does not beat the base model."""
    documents, asked = xquad(bench.data, "en")
    other = [read_document(bench.data / "us_constitution/us-constitution.txt")]
    at_hand = replace(bench.material(other, None), documents=documents)
    bench.examined("unrelated", question_set.from_file(asked[:FEW], documents, 0, []), ("base", "rag"), at_hand)


def broken(bench: Bench) -> None:
    """A retriever that ranks at random: the attribution names it."""
    documents, asked = xquad(bench.data, "en")
    index = build_index(documents, bench.embedder)
    at_hand = bench.material(documents, None, Random(index))
    bench.examined("broken", question_set.from_file(asked[:FEW], documents, 0, []), ("base", "rag", "gold"), at_hand)


class Random(Index):
    """An index whose scores say nothing."""

    def __init__(self, index: Index) -> None:
        chance = np.random.default_rng(0)
        noise = chance.standard_normal(index.vectors.shape).astype(np.float32)
        noise /= np.linalg.norm(noise, axis=1, keepdims=True)
        super().__init__(index.passages, noise, index.embedder, index.embedder_hash, index.language)
        self._noise = chance

    def lexical(self, terms: Sequence[str], sentence_weight: float = 0.0) -> np.ndarray:
        """Numbers at random."""
        return self._noise.random(len(self.passages)).astype(np.float32)


def print_report(name: str, found: Report) -> None:
    """One row an arm, then the sentences."""
    print(f"\n{name}\n| arm | choice | free answer | F1 | loss's e | invented | R@1, R@5 | s | tokens read |")
    print("|---|---|---|---|---|---|---|---|---|")
    for arm in found.figures.arms.values():
        f1, ranks = f"{arm.f1.value:.3f} ({arm.f1.low:.3f}–{arm.f1.high:.3f})", [arm.recall[k] for k in arm.recall]
        recall = f"{ranks[0].value:.2f}, {ranks[-1].value:.2f}" if ranks else "–"
        invented = share_text(arm.invention) if arm.invention.questions else "–"
        print(
            f"| {arm.arm} | {share_text(arm.choice)} | {share_text(arm.right)} | {f1} | {arm.perplexity.value:.1f} | "
            f"{invented} | {recall} | {arm.seconds:.2f} | {arm.prompt_tokens:.0f} |"
        )
    for arm_name, counted in found.causes.items():
        print(f"{arm_name}: {dict(counted.items())}")
    for each in found.figures.choices:
        print(
            f"{each.first} - {each.second}: {100 * each.value:+.1f} ({100 * each.low:+.1f} to {100 * each.high:+.1f})"
        )
    for sentence in found.verdict:
        print(f"- {render_statement(sentence)}")


def print_losses(asked: Sequence[Question], results: Sequence[ArmResult]) -> None:
    """Nats per token of the true answers, and what each arm gains on the base model."""
    data = ResultsByArm(asked, results, 0)
    losses = {arm: data.values(arm, OF_THE_TEXT, lambda each: each.loss or 0.0) for arm in data.by_arm}
    for arm, values in losses.items():
        own, gap = data.figure(values), data.difference(arm, "base", values, losses["base"])
        print(
            f"{arm}: loss {own.value:.3f} ({own.low:.3f} to {own.high:.3f}), "
            f"against base {gap.value:+.3f} ({gap.low:+.3f} to {gap.high:+.3f})"
        )


PARTS: dict[str, Callable[[Bench], None]] = {
    "xquad": text_exam("xquad", "en"),
    "xquad_vi": text_exam("xquad_vi", "vi"),
    "devil": devil_exam("devil"),
    "faq": faq_exam("faq", ARMS),
    "rules": rules_exam("rules"),
    **{f"xquad{end}": text_exam(f"xquad{end}", "en", FOUR) for end in ("_none", "_half", "_passages")},
    **{f"devil{end}": devil_exam(f"devil{end}") for end in ("_none", "_half", "_passages")},
    **{f"faq{end}": faq_exam(f"faq{end}") for end in ("_none", "_half", "_passages")},
    **{f"rules{end}": rules_exam(f"rules{end}") for end in ("_none", "_half", "_passages")},
    "itself": itself,
    "taught": taught,
    "unrelated": unrelated,
    "broken": broken,
}

if __name__ == "__main__":
    main()
