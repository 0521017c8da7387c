"""The edit-a-fact drill: changes one answer in the text and measures when each arm knows, and which keep the old one.

Indexing reuses the vectors of unchanged passages; training starts from the base model again.
"""

import copy
import json
import re
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
from retrieval.document import Document, Span
from retrieval.persistence import chunk_hash

ANSWER_TOKENS = 32
RETRAINED = "tuned_again"  # the fine-tuned arm after it was trained on the changed text
FOLDER, RESULT = "drill", "drill.json"
OLD, NEW, NEITHER = "old", "new", "neither"


@dataclass(frozen=True)
class ArmBelief:
    """One arm after the change: the answer it finds likelier, and the one it gives (old, new or neither)."""

    arm: str
    likelier: str
    says: str


@dataclass(frozen=True)
class Drill:
    """The change, the seconds until index and adapter had it, and each arm's answers."""

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
    """The first question whose short answer occurs once in the text and has a distractor to replace it."""
    texts = {document.name: document.text for document in documents}
    for each in questions:
        if each.kind not in (LITERAL, REWORDED) or len(each.places) != 1 or not each.distractors:
            continue
        place, answer = each.places[0], each.answers[0]
        text = texts.get(place.source, "")
        elsewhere = [text[: place.start], text[place.end :], *(texts[name] for name in texts if name != place.source)]
        in_place = text[place.start : place.end] == answer and len(answer.split()) < LONG
        if in_place and not any(contains_answer(part, answer) for part in elsewhere):
            return each
    return None


def choose_fact(asked: Sequence[Question], documents: Sequence[Document], seed: int) -> Question | None:
    """A fact that the exam asks about, else any that a question can be made of; None where none occurs only once."""
    return find_unique_fact(asked, documents) or find_unique_fact(
        question_generation.generate_questions(documents, seed)[LITERAL], documents
    )


def run_drill(
    chat: ChatModel,
    asked: Question,
    material: Material,
    config: RunConfig,
    trained_on: Sequence[Document],
    folder: Path,
    should_stop: Callable[[], bool],
) -> Iterator[float | Drill]:
    """Change a fact, index and train again, and ask every arm; yields the share of training done, then the outcome.

    Ends early without an outcome once `should_stop`; the checkpoint in the folder lets it resume. `config` and
    `trained_on` are the run's own. The exam's material is not changed.
    """
    old, new = asked.answers[0], asked.distractors[0]
    place = asked.places[0]
    changed = [
        edit_document(each, place.start, place.end, new) if each.name == place.source else each
        for each in material.documents
    ]
    texts = [_edit_training_text(each, old, new) if each.name == place.source else each for each in trained_on]
    folder.mkdir(parents=True, exist_ok=True)
    end = None
    copied = replace(chat, model=copy.deepcopy(chat.model))  # training changes the model it gets
    for event in training_loop.train(config, copied, texts, folder, should_stop, (folder / "checkpoint").exists()):
        if isinstance(event, Finished):
            end = event
        else:
            yield event.step / event.steps
    if end is None or end.reason == "stopped" or material.index is None or material.embedder is None:
        return
    known = {
        chunk_hash(each.found_by): row for each, row in zip(material.passages, material.index.vectors, strict=True)
    }
    began = time.perf_counter()
    index = build_index(changed, material.embedder, known=known)
    indexing = time.perf_counter() - began
    now = replace(material, documents=changed, index=index)
    again = replace(now, adapter=load_adapter(adapter_folder(folder), chat))
    beliefs = [_ask_arm(chat, name, asked, now) for name in (BASE, RAG, TUNED, BOTH)]
    beliefs.append(replace(_ask_arm(chat, TUNED, asked, again), arm=RETRAINED))
    outcome = Drill(asked.question, old, new, indexing, end.seconds, tuple(beliefs))
    (folder.parent / RESULT).write_text(json.dumps(asdict(outcome)), encoding="utf-8")
    yield outcome


def edit_document(document: Document, start: int, end: int, new: str) -> Document:
    """The document with `new` in place of the text at [start, end).

    Spans behind the change move with their text; generated questions about the changed passage are dropped.
    """
    shift = len(new) - (end - start)

    def shifted_offset(offset: int) -> int:
        return offset + shift if offset >= end else offset

    def shifted_spans(of: Sequence[Span]) -> tuple[Span, ...]:
        return tuple(Span(shifted_offset(each.start), shifted_offset(each.end), each.label) for each in of)

    text = document.text[:start] + new + document.text[end:]
    pairs = []
    for each in document.pairs:
        first, last, answer = shifted_offset(each.start), shifted_offset(each.end), each.end - len(each.answer)
        begin = answer if start >= answer else shifted_offset(answer)
        context = each.context and (shifted_offset(each.context[0]), shifted_offset(each.context[1]))
        asked, answered = text[first : begin - 1], text[begin:last]
        pairs.append(replace(each, question=asked, answer=answered, start=first, end=last, context=context))
    said = {
        (old.question, old.answer): (now.question, now.answer) for old, now in zip(document.pairs, pairs, strict=True)
    }
    pairs = [replace(each, turns=tuple(said.get(turn, turn) for turn in each.turns)) for each in pairs]
    return replace(
        document,
        text=text,
        pages=shifted_spans(document.pages),
        headings=shifted_spans(document.headings),
        pairs=tuple(pairs),
        questions=tuple(
            replace(each, start=shifted_offset(each.start), end=shifted_offset(each.end))
            for each in document.questions
            if each.end <= start or each.start >= end  # one about the changed passage is dropped
        ),
    )


def _edit_training_text(document: Document, old: str, new: str) -> Document:
    """A document that the run was trained on, with the change if it has the passage at all."""
    whole = rf"(?<!\w)(?<!\d[.,]){re.escape(old)}(?!\w|[.,]\d)"  # no part of another word or number
    found = re.search(whole, document.text)
    return edit_document(document, *found.span(), new) if found else document


def _ask_arm(chat: ChatModel, name: str, asked: Question, material: Material) -> ArmBelief:
    """The arm's belief; one that would abstain gets the nearest passages."""
    old, new = asked.answers[0], asked.distractors[0]
    arm, decoding = material.arm(name), Decoding(max_new_tokens=ANSWER_TOKENS)
    given = build_input(name, asked, material, chat, 256).given
    if name in RETRIEVING and given.evidence is not None:
        given = replace(given, evidence=replace(given.evidence, used=True))
    prompt = prepare_prompt(chat, arm, asked.question, (), given, decoding).prompt
    both = replace(asked, distractors=(new,))
    place = likeliest(likelihoods(chat, prompt, continuations(chat.tokenizer, both)))
    ids = [token.id for token in generate(chat, [prompt], decoding)]
    answer = str(chat.tokenizer.decode(ids, skip_special_tokens=True))
    given_answers = [word for word, truth in ((OLD, old), (NEW, new)) if contains_answer(answer, truth)]
    return ArmBelief(name, (OLD, NEW)[place], given_answers[0] if len(given_answers) == 1 else NEITHER)
