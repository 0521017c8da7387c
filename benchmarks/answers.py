"""What four panes answer to a newcomer's questions: `python -m benchmarks.answers --out docs/answers.md`.

Trains a preset on each text as the page does, asks ten natural questions of it in every pane, and writes the answers as
they came, with nothing chosen and nothing cut.
"""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.teaching import ask, fresh_chat, row, shown, trained
from benchmarks.teaching_questions import Asked, natural, texts
from playground import device
from playground.data.replay import shipped_turns
from playground.inference.served_adapter import load_adapter
from playground.models.chat_model import ChatModel
from playground.models.registry import embedder_source
from playground.settings import Settings
from playground.training.config import PRESETS, RunConfig, preset_settings
from playground.training.estimate import plan_run
from playground.training.throughput import training_speed
from playground.training.workload import measure_workload
from retrieval.build import build as build_index
from retrieval.document import Document
from retrieval.embed import Embedder

TITLES = {
    "constitution": "Constitution of the United States",
    "tutorial": "Python tutorial",
    "devil": "The Devil's Dictionary",
    "faq": "Debian FAQ (PDF, 73 pages)",
}
QUESTIONS = 10
PANES = (("Base", False, False), ("Base + retrieval", False, True), ("Fine-tuned", True, False),
         ("Fine-tuned + retrieval", True, True))  # fmt: skip


def planned(documents: Sequence[Document], method: str, preset: str, steps: int) -> RunConfig:
    """The run that the page starts on this machine; of `steps` steps unless that is 0."""
    chat, chosen = fresh_chat(), PRESETS[preset]
    load = measure_workload(documents, chat.tokenizer, preset_settings(chosen, {}), shipped_turns(chat.hash))
    speed = training_speed(chat.model, device.choose())
    return plan_run(method, chosen, {}, {"steps": steps}, load, chat.model.config, speed)


def section(name: str, asked: argparse.Namespace, chat: ChatModel, embedder: Embedder) -> Iterator[str]:
    """The lines about one text."""
    documents = texts(asked.data)[name]()
    config = planned(documents, asked.method, asked.preset, asked.steps)
    folder = Path(asked.runs) / f"{name}-{asked.method}-{asked.preset}"
    served = load_adapter(trained(documents, config, folder), chat)
    index = build_index(documents, embedder)
    questions = natural(name, asked.data)[:QUESTIONS]
    said = [
        ask(chat, served if tuned else None, questions, index if looks else None, embedder) for _, tuned, looks in PANES
    ]
    yield f"## {TITLES[name]}\n"
    yield f"{config.settings.steps} steps of {config.settings.batch_tokens} tokens.\n"
    yield from _figures(questions, said)
    for place, question in enumerate(questions):
        yield f"### {question.question}\n"
        for (pane, _, _), answers in zip(PANES, said, strict=True):
            text, ended = answers[place]
            yield f"- **{pane}:** {_plain(text)}{'' if ended else ' …'}"
        yield ""


def _figures(questions: Sequence[Asked], said: Sequence[Sequence[tuple[str, bool]]]) -> Iterator[str]:
    for (pane, _, _), answers in zip(PANES, said, strict=True):
        yield f"- {pane}: {shown(row(questions, answers))}"
    yield ""


def _plain(text: str) -> str:
    """One line without markup of its own."""
    for mark in "\\`*_<>[]#":
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.split())


def main() -> None:
    """Train, ask, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--texts", nargs="+", choices=list(TITLES), default=["constitution", "tutorial", "devil"])
    parser.add_argument("--method", default="lora")
    parser.add_argument("--preset", choices=list(PRESETS), default="quick")
    parser.add_argument("--steps", type=int, default=0, help="steps of each run; 0: what the preset plans here")
    parser.add_argument("--runs", type=Path, default=Path(tempfile.gettempdir()) / "playground-answers")
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    chat, embedder = fresh_chat(), Embedder(embedder_source(Settings.from_environment()).folder)
    words = f"--texts {' '.join(asked.texts)} --preset {asked.preset} --steps {asked.steps}"
    head = (
        "# What four panes answer\n\nSmolLM2-135M-Instruct; "
        f"{asked.method}, {asked.preset}; greedy, at most 64 tokens (… where that cut an answer). "
        "Every answer is as it came:\n"
        f"`python -m benchmarks.answers {words} --out docs/answers.md`\n"
    )
    parts = [line for name in asked.texts for line in section(name, asked, chat, embedder)]
    asked.out.write_text("\n".join([head, *parts]), encoding="utf-8")


if __name__ == "__main__":
    main()
