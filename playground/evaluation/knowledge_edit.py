"""The edit-a-fact drill: one answer in the text is changed; how long until each arm knows, and which still say the old.

Indexing reuses what it embedded before; training starts from the base model again, as a changed text asks for.
"""

import copy
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from playground.chat.arms import prepare_prompt
from playground.chat.turns import BASE, BOTH, RAG, RETRIEVING, TUNED
from playground.evaluation import question_generation
from playground.evaluation.arms import Material, build_input
from playground.evaluation.likelihood import continuations, likeliest, likelihoods
from playground.evaluation.metrics import LONG, contains_answer
from playground.evaluation.questions import LITERAL, REWORDED, Question
from playground.inference.engine import Decoding, generate
from playground.inference.served_adapter import load_adapter
from playground.models.chat_model import ChatModel
from playground.storage.run_folder import adapter_folder
from playground.training import loop as training_loop
from playground.training.best_adapter import Finished
from playground.training.config import RunConfig
from retrieval.build import build as build_index
from retrieval.document import Document, Pair, Span
from retrieval.persistence import chunk_hash

ANSWER_TOKENS = 32
RETRAINED = "tuned_again"  # the fine-tuned arm after it was trained on the changed text
FOLDER, RESULT = "drill", "drill.json"
OLD, NEW, NEITHER = "old", "new", "neither"


@dataclass(frozen=True)
class ArmBelief:
    """What one arm holds true after the change: the likelier of both answers, and what it says (old, new, neither)."""

    arm: str
    likelier: str
    says: str


@dataclass(frozen=True)
class Drill:
    """The change, the seconds until index and adapter knew it, and where every arm stands."""

    question: str
    old: str
    new: str
    indexing: float
    training: float
    arms: tuple[ArmBelief, ...]

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> "Drill":
        """The inverse of `asdict`."""
        return cls(**{**stored, "arms": tuple(ArmBelief(**each) for each in stored["arms"])})


def find_unique_fact(questions: Sequence[Question], documents: Sequence[Document]) -> Question | None:
    """The first question whose short answer stands once in the text and has a wrong one to take its place."""
    texts = {document.name: document.text for document in documents}
    for each in questions:
        if each.kind not in (LITERAL, REWORDED) or len(each.places) != 1 or not each.distractors:
            continue
        place, answer = each.places[0], each.answers[0]
        text = texts.get(place.source, "")
        elsewhere = [text[: place.start], text[place.end :], *(texts[name] for name in texts if name != place.source)]
        said = text[place.start : place.end] == answer and len(answer.split()) < LONG
        if said and not any(contains_answer(part, answer) for part in elsewhere):
            return each
    return None


def choose_fact(asked: Sequence[Question], documents: Sequence[Document], seed: int) -> Question | None:
    """A fact that the exam asks about, else any that questions can be made of; None where none stands once."""
    return find_unique_fact(asked, documents) or find_unique_fact(
        question_generation.generate_questions(documents, seed)[LITERAL], documents
    )


def run_drill(
    chat: ChatModel,
    asked: Question,
    at_hand: Material,
    config: RunConfig,
    trained_on: Sequence[Document],
    folder: Path,
    should_stop: Callable[[], bool],
) -> Iterator[float | Drill]:
    """Shares of the training that are done, then the outcome; ends early, silently, once it shall stop.

    What was trained is kept in the folder, to go on from. The exam's material stays as it is.
    """
    old, new = asked.answers[0], asked.distractors[0]
    place = asked.places[0]
    changed = [
        edit_document(each, place.start, place.end, new) if each.name == place.source else each
        for each in at_hand.documents
    ]
    texts = [_told_anew(each, old, new) if each.name == place.source else each for each in trained_on]
    folder.mkdir(parents=True, exist_ok=True)
    end = None
    copied = replace(chat, model=copy.deepcopy(chat.model))  # training changes the model that it is given
    for event in training_loop.train(config, copied, texts, folder, should_stop, (folder / "checkpoint").exists()):
        if isinstance(event, Finished):
            end = event
        else:
            yield event.step / event.steps
    if end is None or end.reason == "stopped" or at_hand.index is None or at_hand.embedder is None:
        return
    known = {chunk_hash(each.text): row for each, row in zip(at_hand.passages, at_hand.index.vectors, strict=True)}
    began = time.perf_counter()
    index = build_index(changed, at_hand.embedder, known=known)
    indexing = time.perf_counter() - began
    now = replace(at_hand, documents=changed, index=index)
    again = replace(now, adapter=load_adapter(adapter_folder(folder), chat))
    stands = [_stand(chat, name, asked, now) for name in (BASE, RAG, TUNED, BOTH)]
    stands.append(replace(_stand(chat, TUNED, asked, again), arm=RETRAINED))
    outcome = Drill(asked.question, old, new, indexing, end.seconds, tuple(stands))
    (folder.parent / RESULT).write_text(json.dumps(asdict(outcome)), encoding="utf-8")
    yield outcome


def edit_document(document: Document, start: int, end: int, new: str) -> Document:
    """The document with other words at [start, end); every span that lies behind moves with its text."""
    shift = len(new) - (end - start)

    def moved(offset: int) -> int:
        return offset + shift if offset >= end else offset

    def spans(of: Sequence[Span]) -> tuple[Span, ...]:
        return tuple(Span(moved(each.start), moved(each.end), each.label) for each in of)

    text = document.text[:start] + new + document.text[end:]
    pairs = []
    for each in document.pairs:
        first, last, said = moved(each.start), moved(each.end), each.end - len(each.answer)
        begin = said if start >= said else moved(said)
        pairs.append(Pair(text[first : begin - 1], text[begin:last], first, last))
    return replace(
        document,
        text=text,
        pages=spans(document.pages),
        headings=spans(document.headings),
        pairs=tuple(pairs),
        questions=tuple(
            replace(each, start=moved(each.start), end=moved(each.end))
            for each in document.questions
            if each.end <= start or each.start >= end  # those about the changed fact go with it
        ),
    )


def _told_anew(document: Document, old: str, new: str) -> Document:
    """What a run was trained on, with the change; it may lack parts of the text, that one too."""
    start = document.text.find(old)
    return document if start < 0 else edit_document(document, start, start + len(old), new)


def _stand(chat: ChatModel, name: str, asked: Question, at_hand: Material) -> ArmBelief:
    """What an arm says and finds likelier; one that would abstain is made to read the nearest passages."""
    old, new = asked.answers[0], asked.distractors[0]
    arm, decoding = at_hand.arm(name), Decoding(max_new_tokens=ANSWER_TOKENS)
    given = build_input(name, asked, at_hand, chat, 256).given
    if name in RETRIEVING and given.evidence is not None:
        given = replace(given, evidence=replace(given.evidence, used=True))
    prompt = prepare_prompt(chat, arm, asked.question, (), given, decoding).prompt
    both = replace(asked, distractors=(new,))
    place = likeliest(likelihoods(chat, prompt, continuations(chat.tokenizer, both)))
    ids = [token.id for token in generate(chat, [prompt], decoding)]
    said = str(chat.tokenizer.decode(ids, skip_special_tokens=True))
    told = [word for word, truth in ((OLD, old), (NEW, new)) if contains_answer(said, truth)]
    return ArmBelief(name, (OLD, NEW)[place], told[0] if len(told) == 1 else NEITHER)
