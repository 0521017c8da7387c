"""The fact test: is a true sentence of the text likelier than the same with a name or number exchanged? Writes nothing.

Follows arXiv 2601.03505: a pair of statements that differ in one fact shows what the weights hold, whatever the style
of the answers. Half of the pairs are right by chance.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from playground import prompts
from playground.chat.turns import BASE, TUNED
from playground.evaluation.bootstrap import Difference, Figure, Sections
from playground.evaluation.fact_pairs import FactPair, make_fact_pairs
from playground.evaluation.likelihood import Continuations, likelihoods
from playground.files import never, write_text
from playground.inference.engine import Prompt
from playground.inference.served_adapter import ServedAdapter
from playground.models.chat_model import ChatModel
from retrieval.document import Document

RESULT = "facts.json"
# The sentences are answers to this, as a chat model says nothing without being asked.
ASK = {"en": "Tell me one fact.", "vi": "Hãy cho tôi biết một thông tin."}
ROWS = 8  # pairs per forward pass


@dataclass(frozen=True)
class FactTest:
    """The pairs with each arm's losses in nats per token, those of the true sentence first.

    `shares` are the arms' shares of pairs whose true sentence has the lower loss, `gain` is fine-tuned minus base. A
    base model that knows the language gets most pairs right, so `margins` say by how many nats per token the true
    sentence is the likelier one.
    """

    pairs: Sequence[FactPair]
    losses: Mapping[str, Sequence[tuple[float, float]]]
    shares: Mapping[str, Figure]
    gain: Difference | None
    margins: Mapping[str, Figure]
    margin_gain: Difference | None

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and dictionaries, ready for JSON."""
        return asdict(self)


def sentence_losses(
    chat: ChatModel, adapter: ServedAdapter | None, pairs: Sequence[FactPair], should_stop: Callable[[], bool] = never
) -> list[tuple[float, float]]:
    """Nats per token of the true and of the false sentence of each pair, as answers of the model without passages.

    Shorter than `pairs` if `should_stop` came before the end.
    """
    losses: list[tuple[float, float]] = []
    if not pairs:
        return losses
    asked = prompts.render(chat.tokenizer, prompts.messages(ASK[pairs[0].language]))
    prompt = Prompt(asked, adapter.lora if adapter else None, adapter.model if adapter else None)
    for first in range(0, len(pairs), ROWS):
        if should_stop():
            break
        texts = [text for pair in pairs[first : first + ROWS] for text in (pair.true, pair.false)]
        ids = [chat.tokenizer(prompts.defuse(chat.tokenizer, text), add_special_tokens=False) for text in texts]
        found = likelihoods(chat, prompt, Continuations([], [each["input_ids"] for each in ids]))
        losses += [(true.loss, false.loss) for true, false in zip(found[::2], found[1::2], strict=True)]
    return losses


def compare_facts(
    pairs: Sequence[FactPair], losses: Mapping[str, Sequence[tuple[float, float]]], seed: int
) -> FactTest:
    """The shares per arm with intervals over sections, and how much fine-tuning gained."""
    sections = Sections([pair.section for pair in pairs], seed)
    right = {arm: [float(true < false) for true, false in each] for arm, each in losses.items()}
    shares = {arm: sections.figure(each) for arm, each in right.items()}
    margin = {arm: [false - true for true, false in each] for arm, each in losses.items()}
    margins = {arm: sections.figure(each) for arm, each in margin.items()}
    if BASE not in losses or TUNED not in losses:
        return FactTest(pairs, losses, shares, None, margins, None)
    gain, margin_gain = (sections.difference(TUNED, BASE, each[TUNED], each[BASE]) for each in (right, margin))
    return FactTest(pairs, losses, shares, gain, margins, margin_gain)


def measure_facts(
    chat: ChatModel,
    documents: Sequence[Document],
    limit: int,
    adapter: ServedAdapter | None = None,
    seed: int = 0,
    should_stop: Callable[[], bool] = never,
) -> FactTest | None:
    """The fact test of the base model and, given an adapter, of the fine-tuned one; None for no pairs, or once stopped.

    Needs no training run and no exam: the documents are what the facts are drawn from.
    """
    pairs = make_fact_pairs(documents, limit, seed)
    losses = {BASE: sentence_losses(chat, None, pairs, should_stop)}
    if adapter is not None:
        losses[TUNED] = sentence_losses(chat, adapter, pairs, should_stop)
    complete = pairs and all(len(each) == len(pairs) for each in losses.values())
    return compare_facts(pairs, losses, seed) if complete else None


def write_facts(found: FactTest, folder: Path) -> None:
    """Write what `read_facts` reads."""
    stored = {"pairs": [asdict(pair) for pair in found.pairs], "losses": dict(found.losses)}
    write_text(folder / RESULT, json.dumps(stored, ensure_ascii=False))


def read_facts(folder: Path, seed: int) -> FactTest | None:
    """The test in an exam's folder; None where it was not finished there."""
    file = folder / RESULT
    if not file.exists():
        return None
    stored = json.loads(file.read_text(encoding="utf-8"))
    losses = {arm: [(true, false) for true, false in each] for arm, each in stored["losses"].items()}
    return compare_facts([FactPair(**each) for each in stored["pairs"]], losses, seed)
