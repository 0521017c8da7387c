"""What does a tuned model say? `python -m benchmarks.teaching --texts faq --recipes before now` on the real model.

Each recipe is a mix of training examples; all runs of a text have equal steps. Asked closed book and with retrieval:
natural questions (`benchmarks/natural_questions.json`) for right answers and the rates of form, and reworded questions
about statements that were trained on, for useful answers and key facts. `--show` prints every answer; `--out` keeps
runs and answers, so a second call goes on.
"""

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch

import adapters
from benchmarks.teaching_questions import OF_ARTICLES, Asked, natural, reworded, texts
from playground import prompts
from playground.device import Device
from playground.evaluation.answer_quality import Quality, distinct_share, judge, mark_answer
from playground.evaluation.bootstrap import Sections
from playground.inference.engine import Decoding, Prompt, end_tokens, generate
from playground.inference.served_adapter import ServedAdapter, load_adapter
from playground.models.chat_model import ChatModel, load_chat
from playground.models.registry import chat_source, embedder_source
from playground.settings import Settings
from playground.training.config import RunConfig, TrainSettings
from playground.training.loop import train
from retrieval.build import build as build_index
from retrieval.chunks import Passage
from retrieval.document import Document
from retrieval.embed import Embedder
from retrieval.index import Index
from retrieval.search import near_best, search

CPU = Device("cpu", torch.float32, 0.0)
ROWS = 12
NEW_TOKENS = 64


RECIPES: Mapping[str, dict[str, object]] = {
    "before": {
        "exercises_share": 0.0,
        "text_form": "windows",
        "gaps": True,
        "replay_share": 0.0,
        "pairs_share": 0.25,
        "passages_share": 0.5,
    },
    "no gaps": {
        "exercises_share": 0.0,
        "text_form": "windows",
        "replay_share": 0.0,
        "pairs_share": 0.25,
        "passages_share": 0.5,
    },
    "pairs half": {
        "exercises_share": 0.0,
        "text_form": "windows",
        "replay_share": 0.0,
        "pairs_share": 0.5,
        "passages_share": 0.35,
    },
    "answers": {"exercises_share": 0.0, "replay_share": 0.0, "pairs_share": 0.5, "passages_share": 0.35},
    "now": {},
    "long parts": {"part_tokens": 120},
    "no exercises": {"exercises_share": 0.0, "pairs_share": 0.5},
    "no questions": {"pairs_share": 0.0},
    "all with passages": {"passages_share": 1.0},
    "none with passages": {"passages_share": 0.0},
    "half exercises": {"exercises_share": 0.5},
    "exercises and text": {"pairs_share": 0.0},
}


def fresh_chat() -> ChatModel:
    """The base model in float32 on the CPU."""
    return load_chat(chat_source(Settings.from_environment()), CPU)


def trained(documents: Sequence[Document], config: RunConfig, folder: Path) -> Path:
    """The adapter's folder; trained now unless it is there."""
    done = folder / "trained.json"
    if not done.exists():
        folder.mkdir(parents=True, exist_ok=True)
        *_, end = train(config, fresh_chat(), documents, folder, judge=mark_answer)
        done.write_text(json.dumps({**end.to_dict(), "settings": asdict(config.settings)}))
    return folder / "adapter"


def retrieve(question: str, index: Index, embedder: Embedder) -> list[Passage]:
    """The passages that the app's prompt would have."""
    return [hit.passage for hit in near_best(search(index, embedder, question, prompts.READ_PASSAGES).hits)]


def ask(
    chat: ChatModel, served: ServedAdapter | None, asked: Sequence[Asked], index: Index | None, embedder: Embedder
) -> list[tuple[str, bool]]:
    """The greedy answer to each question, and whether it ended by itself; with the index's passages if there is one."""
    said: list[tuple[str, bool]] = []
    ends, decoding = end_tokens(chat), Decoding(max_new_tokens=NEW_TOKENS)
    for first in range(0, len(asked), ROWS):
        part = asked[first : first + ROWS]
        passages = [retrieve(each.question, index, embedder) if index else [] for each in part]
        rows = [
            Prompt(
                prompts.render(chat.tokenizer, prompts.messages(each.question, passages=found)),
                served.lora if served else None,
                served.model if served else None,
            )
            for each, found in zip(part, passages, strict=True)
        ]
        ids: list[list[int]] = [[] for _ in rows]
        for token in generate(chat, rows, decoding):
            ids[token.row].append(token.id)
        said += [
            (chat.tokenizer.decode(each, skip_special_tokens=True).strip(), bool(each) and each[-1] in ends)
            for each in ids
        ]
    return said


def judged(asked: Sequence[Asked], said: Sequence[tuple[str, bool]]) -> list[Quality]:
    """The quality of each answer."""
    return [
        judge(text, each.question, each.truth, each.evidence, ended)
        for (text, ended), each in zip(said, asked, strict=True)
    ]


Marks = Mapping[str, list[float]]  # by what is marked, one for each answer


def marks(asked: Sequence[Asked], said: Sequence[tuple[str, bool]]) -> Marks:
    """What is marked of each answer: a natural question's is right or not."""
    if any(each.needed for each in asked):
        return {"right": [float(each.is_right(text)) for (text, _), each in zip(said, asked, strict=True)]}
    if not any(each.truth for each in asked):
        return {}
    parts = judged(asked, said)
    return {"recall": [each.recall for each in parts], "useful": [float(each.useful) for each in parts]}


def compared(asked: Sequence[Asked], tuned: Marks, base: Marks) -> str:
    """The paired differences of the tuned model from the base model, with intervals over the passages asked about."""
    sections = Sections([each.evidence or each.question for each in asked])
    told = []
    for name, values in tuned.items():
        found = sections.difference("tuned", "base", values, base[name])
        told.append(f"{name} {found.value:+.3f} ({found.low:+.3f} to {found.high:+.3f})")
    return ", ".join(told)


def row(asked: Sequence[Asked], said: Sequence[tuple[str, bool]]) -> dict[str, float]:
    """The figures of one arm on one set of questions."""
    parts = judged(asked, said)
    figures = {
        "short": np.mean([each.short for each in parts]),
        "ended": np.mean([each.ended for each in parts]),
        "loops": np.mean([each.loops for each in parts]),
        "echo": np.mean([each.echo for each in parts]),
        "distinct": distinct_share([text for text, _ in said]),
        "words": np.median([each.words for each in parts]),
    }
    figures |= {name: np.nanmean(values) for name, values in marks(asked, said).items()}
    if any(each.truth for each in asked):
        figures |= {
            "support": np.mean([each.support for each in parts]),
            "invented": np.mean([bool(each.invented) for each in parts]),
        }
    return {name: float(value) for name, value in figures.items()}


def shown(figures: Mapping[str, float]) -> str:
    """The figures in a line."""
    return ", ".join(
        f"{name} {value:.2f}" if name != "words" else f"{name} {value:.0f}" for name, value in figures.items()
    )


@dataclass(frozen=True)
class Bench:
    """What all runs share."""

    chosen: argparse.Namespace
    chat: ChatModel
    embedder: Embedder
    base: dict[str, Marks] = field(default_factory=dict)  # of the base model, by the set's label
    right: dict[str, dict[str, list[list[float]]]] = field(default_factory=dict)  # by recipe and label, one per seed

    def text(self, name: str) -> None:
        """All recipes, methods and seeds on one text."""
        documents = texts(self.chosen.data)[name]()
        index = build_index(documents, self.embedder) if self.chosen.retrieval else None
        made = {
            "natural": lambda: natural(name, self.chosen.data, self.chosen.questions),
            "reworded": lambda: reworded(documents),
        }
        sets = {of: made[of]() for of in self.chosen.sets}
        for recipe, method, seed in self.runs():
            served = self.served(name, documents, recipe, method, seed) if recipe != "base" else None
            self.examine(f"{name} | {recipe} {method} {seed}", served, sets, None)
            if index:
                self.examine(f"{name} | {recipe} {method} {seed}", served, sets, index)

    def runs(self) -> list[tuple[str, str, int]]:
        """(recipe, method, seed) of every run; the base model once."""
        chosen = self.chosen
        each = [
            (recipe, method, seed) for recipe in chosen.recipes for method in chosen.methods for seed in chosen.seeds
        ]
        return list(dict.fromkeys((recipe, "-", 0) if recipe == "base" else (recipe, *rest) for recipe, *rest in each))

    def served(self, name: str, documents: Sequence[Document], recipe: str, method: str, seed: int) -> ServedAdapter:
        """The adapter of one run."""
        chosen = self.chosen
        settings = TrainSettings(
            steps=chosen.steps, batch_tokens=chosen.batch_tokens, evaluations=2, seed=seed, **RECIPES[recipe]
        )
        run = f"{recipe}-{method}-{chosen.steps}x{chosen.batch_tokens}-{seed}".replace(" ", "_")
        config = RunConfig(method, adapters.get(method).Options(), settings)
        return load_adapter(trained(documents, config, chosen.out / name / run), self.chat)

    def examine(
        self, label: str, served: ServedAdapter | None, sets: Mapping[str, list[Asked]], index: Index | None
    ) -> None:
        """Print a row per set of questions, and the answers if they were asked for."""
        where = "retrieval" if index else "closed book"
        for of, asked in sets.items():
            if asked:
                said = ask(self.chat, served, asked, index, self.embedder)
                print(f"{label} | {where} | {of} {len(asked)} | {shown(row(asked, said))}", flush=True)
                found = marks(asked, said)
                self.compare(f"{label.split(' | ')[0]} | {where} | {of}", served is None, asked, found)
                if served and "right" in found:
                    run = label.split(" | ")[1].rpartition(" ")[0]
                    self.right.setdefault(f"{run} | {where}", {}).setdefault(
                        f"{label.split(' | ')[0]} | {where} | {of}", []
                    ).append(found["right"])
                for each, (text, ended) in zip(asked, said, strict=True) if self.chosen.show else ():
                    mark = "+" if each.needed and each.is_right(text) else " "
                    print(f"    Q {each.question}\n  {mark} A {text!r}{'' if ended else ' …'}", flush=True)

    def compare(self, label: str, is_base: bool, asked: Sequence[Asked], found: Marks) -> None:
        """Keep the base model's marks; print how a tuned model's differ from them."""
        if is_base:
            self.base[label] = found
        elif self.base.get(label):
            print(f"{label} | against base | {compared(asked, found, self.base[label])}", flush=True)

    def mean_of_seeds(self) -> None:
        """Print how often a recipe is right over all texts, as the mean of its seeds, against the base model."""
        for run, sets in self.right.items():
            known = [label for label in sets if label in self.base]
            tuned = [value for label in known for value in np.mean(sets[label], axis=0)]
            base = [value for label in known for value in self.base[label]["right"]]
            if base:
                asked = [f"{label} {number}" for label in known for number in range(len(self.base[label]["right"]))]
                found = Sections(asked).difference("tuned", "base", tuned, base)
                print(
                    f"{run} | mean of seeds | {len(base)} questions | right {np.mean(tuned):.3f}, base "
                    f"{np.mean(base):.3f}, {found.value:+.3f} ({found.low:+.3f} to {found.high:+.3f})"
                )


def main() -> None:
    """Train, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, default=Path(tempfile.gettempdir()) / "playground-teaching")
    parser.add_argument("--texts", nargs="+", default=["faq", "constitution"])
    parser.add_argument("--recipes", nargs="+", default=["base", "before", "now"])
    parser.add_argument("--methods", nargs="+", default=["lora"])
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--batch-tokens", type=int, default=256)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--sets", nargs="+", default=["natural", "reworded"])
    parser.add_argument("--questions", type=int, default=OF_ARTICLES, help="of XQuAD")
    parser.add_argument("--retrieval", action="store_true")
    parser.add_argument("--show", action="store_true")
    bench = Bench(parser.parse_args(), fresh_chat(), Embedder(embedder_source(Settings.from_environment()).folder))
    for name in bench.chosen.texts:
        bench.text(name)
    bench.mean_of_seeds()


if __name__ == "__main__":
    main()
