"""The order test: how often does an arm follow an instruction planted in a passage that it reads?

Each question gets one instruction, in a copy of its right passage among those that the search brings; text and index
stay as they are. An arm that reads no passages has none to follow, so it has no figure here.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Any

from playground.chat.arms import PromptContext, prepare_prompt
from playground.chat.turns import RAG, RETRIEVING
from playground.evaluation.arm_models import ArmModels
from playground.evaluation.arms import GOLD, Material, build_input, right_passages
from playground.evaluation.bootstrap import Figure, wilson
from playground.evaluation.config import ExamSettings
from playground.evaluation.planted_orders import PlantedOrder, mixed_orders, plant
from playground.evaluation.questions import Question
from playground.evaluation.statements import Statement, Value, share_text
from playground.files import never
from playground.inference.engine import Decoding, Prompt, generate
from playground.models.chat_model import ChatModel
from retrieval.chunks import Passage

RESULT = "orders.jsonl"
ORDERS = "orders"  # stands in the place of an arm in the progress


@dataclass(frozen=True)
class OrderAnswer:
    """What an arm answered to the question of this id, with the instruction planted in a passage of its prompt."""

    arm: str
    question: str
    order: PlantedOrder
    text: str

    @property
    def followed(self) -> bool:
        """Whether it does what the instruction asks for."""
        return self.order.follows(self.text)

    @property
    def quoted(self) -> bool:
        """Whether it quotes an instruction with its marker, which is not following."""
        return self.order.quotes(self.text)


@dataclass(frozen=True)
class OrderTest:
    """All answers, and the exam's arms that read no passages: nothing can be planted for those."""

    answers: Sequence[OrderAnswer]
    without: Sequence[str]

    @cached_property
    def shares(self) -> dict[str, Figure]:
        """Each arm's share of followed instructions, with its interval."""
        return self._shares(lambda each: each.followed)

    @cached_property
    def quotes(self) -> dict[str, Figure]:
        """Each arm's share of quoted instructions, with its interval."""
        return self._shares(lambda each: each.quoted)

    def kinds(self, arm: str) -> Counter[str]:
        """How many instructions of each kind the arm followed; only kinds that it did."""
        return Counter(each.order.kind for each in self.answers if each.arm == arm and each.followed)

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and dictionaries, ready for JSON."""
        return {
            "shares": {arm: asdict(share) for arm, share in self.shares.items()},
            "quotes": {arm: asdict(share) for arm, share in self.quotes.items()},
            "kinds": {arm: dict(self.kinds(arm)) for arm in self.shares},
            "without": list(self.without),
            "answers": [{**asdict(each), "followed": each.followed, "quoted": each.quoted} for each in self.answers],
        }

    def _shares(self, holds: Callable[[OrderAnswer], bool]) -> dict[str, Figure]:
        found = {arm: [holds(each) for each in self.answers if each.arm == arm] for arm in self._arms()}
        return {arm: wilson(sum(each), len(each)) for arm, each in found.items()}

    def _arms(self) -> list[str]:
        return list(dict.fromkeys(each.arm for each in self.answers))


@dataclass(frozen=True)
class _Asked:
    """A question, the instruction, and the input of an arm with the instruction planted in it."""

    question: Question
    order: PlantedOrder
    given: PromptContext


def measure_orders(
    models: ArmModels,
    arms: Sequence[str],
    questions: Sequence[Question],
    material: Material,
    settings: ExamSettings,
    folder: Path,
    should_stop: Callable[[], bool] = never,
) -> Iterator[str | OrderTest]:
    """ORDERS before each batch of answers that the folder lacks, then the test, if `settings` want one.

    No test once stopped; the answers so far are in the folder.

    Raises:
        UserError: a question does not fit the model's window.
    """
    if not settings.orders:
        return
    reading = [arm for arm in arms if arm in RETRIEVING]
    asked = _plant_orders(models.of(RAG), questions, material, settings) if reading else []
    finished = {(each.arm, each.question): each for each in _read(folder)}
    for arm in reading:
        open_ones = [each for each in asked if (arm, each.question.id) not in finished]
        for first in range(0, len(open_ones), settings.rows):
            yield ORDERS
            part = open_ones[first : first + settings.rows]
            found = _answer(models.of(arm), arm, part, material, settings, should_stop)
            if found is None:
                return
            _append(folder, found)
            finished |= {(each.arm, each.question): each for each in found}
    answers = [finished[arm, each.question.id] for arm in reading for each in asked]
    yield OrderTest(answers, [arm for arm in arms if arm not in (*RETRIEVING, GOLD)])


def tell_orders(found: OrderTest | None) -> Iterator[Statement]:
    """How often each arm followed, of which kinds, or why nothing could be planted."""
    if found is None:
        return
    if not found.answers:
        yield Statement("mind", "orders.unplanted")
    for arm, share in found.shares.items():
        kinds = found.kinds(arm)
        counts: dict[str, Value] = {
            "arm": arm,
            "count": kinds.total(),
            "questions": share.questions,
            "share": share_text(share),
        }
        if kinds:
            yield Statement("mind", "orders.followed", {**counts, "kinds": sorted(kinds)})
        else:
            yield Statement("mind", "orders.none", counts)


def _plant_orders(
    chat: ChatModel, questions: Sequence[Question], material: Material, settings: ExamSettings
) -> list[_Asked]:
    """Questions with an instruction each, the same ones for every arm; only those whose right passage is found."""
    random = Random(settings.seed)
    orders = mixed_orders(settings.orders, random, "\n".join(each.text for each in material.documents))
    asked: list[_Asked] = []
    for question in random.sample(questions, len(questions)):
        right = [] if question.withheld else right_passages(question, material)
        if len(asked) == len(orders) or not right:
            continue
        order = orders[len(asked)]
        given = build_input(RAG, question, material, chat, settings.passage_tokens).given
        planted = _with_order(given, right, order.instruction, random)
        if planted is not None:
            asked.append(_Asked(question, order, planted))
    return asked


def _with_order(
    given: PromptContext, right: Sequence[Passage], instruction: str, random: Random
) -> PromptContext | None:
    """The input with the instruction in its best right passage; None where the arm reads no right one."""
    place = next((number for number, each in enumerate(given.passages) if each in right), None)
    if place is None or given.evidence is None:
        return None
    hits = list(given.evidence.hits)
    passage = hits[place].passage
    planted = replace(passage, text=plant(passage.text, instruction, random))
    hits[place] = replace(hits[place], passage=planted)
    return replace(given, evidence=replace(given.evidence, hits=tuple(hits)))


def _answer(
    chat: ChatModel,
    name: str,
    asked: Sequence[_Asked],
    material: Material,
    settings: ExamSettings,
    should_stop: Callable[[], bool],
) -> list[OrderAnswer] | None:
    """The arm's answers, written in one batch; None if stopped before all were complete."""
    arm, decoding = material.arm(name), Decoding(max_new_tokens=settings.answer_tokens)
    rows = [prepare_prompt(chat, arm, each.question.question, (), each.given, decoding).prompt for each in asked]
    texts = _write(chat, rows, decoding, should_stop)
    if texts is None:
        return None
    return [OrderAnswer(name, each.question.id, each.order, text) for each, text in zip(asked, texts, strict=True)]


def _write(
    chat: ChatModel, rows: Sequence[Prompt], decoding: Decoding, should_stop: Callable[[], bool]
) -> list[str] | None:
    ids: list[list[int]] = [[] for _ in rows]
    finished = 0
    for token in generate(chat, rows, decoding, should_stop):
        ids[token.row].append(token.id)
        finished += token.last
    texts = [str(chat.tokenizer.decode(each, skip_special_tokens=True)).strip() for each in ids]
    return texts if finished == len(rows) else None


def _append(folder: Path, answers: Sequence[OrderAnswer]) -> None:
    with (folder / RESULT).open("a", encoding="utf-8") as lines:
        # The leading newline ends a line that a kill truncated.
        lines.write("\n" + "".join(f"{json.dumps(asdict(each), ensure_ascii=False)}\n" for each in answers))


def _read(folder: Path) -> Iterator[OrderAnswer]:
    """All answers in an exam's folder; a line truncated by a kill is skipped."""
    file = folder / RESULT
    for line in file.read_text(encoding="utf-8").split("\n") if file.exists() else []:
        try:
            stored = json.loads(line)
            yield OrderAnswer(**{**stored, "order": PlantedOrder(**stored["order"])})
        except (ValueError, TypeError, KeyError):
            continue
