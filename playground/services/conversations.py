"""A visitor's conversation: each arm keeps its own turns. A question goes to the chosen arms."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from playground.chat.answer import Answer, Arm, Decoding
from playground.errors import UserError
from playground.prompts import Turn
from playground.services.app import Services
from playground.storage.run_folder import has_adapter
from playground.storage.store import RunRow
from retrieval.document import Document
from retrieval.grounding import claims_with_evidence
from retrieval.search import Hit

BASE, RAG, FEW_SHOT, TUNED, BOTH = "base", "rag", "few_shot", "tuned", "both"


@dataclass(frozen=True)
class Record:
    """One turn of one arm, as it is stored and shown.

    `claims` are the sentences of a whole answer, each with the sentences of its passages that support it. `sent` is
    the prompt, kept of an arm's last turn only; `examples` are those of a few-shot prompt, the most similar first, and
    `same` says that the text has this very question, whose pair was not shown. `ahead` questions are answered first.
    `tested` is what the last self-test before the answer said of the arm's adapter and the base.
    """

    question: str
    answer: str
    prompt_tokens: int
    seconds_to_first_token: float | None
    tokens_per_second: float | None
    found: bool | None
    dropped_turns: int
    done: bool
    stopped: bool
    stamp_id: str
    stamp: Mapping[str, Any]
    passages: Sequence[Mapping[str, Any]] = field(default_factory=list)
    claims: Sequence[Mapping[str, Any]] = field(default_factory=list)
    sent: str = ""
    examples: Sequence[Mapping[str, Any]] = field(default_factory=list)
    same: bool = False
    ahead: int = 0
    tested: Mapping[str, Any] | None = None


Conversation = dict[str, list[Record]]


def arm_id(kind: str, run_id: str = "") -> str:
    """`base`, `rag`, `few_shot`, `tuned:RUN` or `both:RUN`: what a pane shows, and the key of its turns."""
    return f"{kind}:{run_id}" if run_id else kind


def usable(runs: Sequence[RunRow]) -> list[RunRow]:
    """Runs whose adapter is on disk; one that still trains has its best so far there, whole at any moment."""
    return [run for run in runs if has_adapter(run.folder)]


def load(services: Services, visitor: str) -> Conversation:
    """The turns of every arm; empty for a new visitor."""
    stored = services.store.conversation(visitor)
    return {arm: [Record(**turn) for turn in turns] for arm, turns in stored.items()}


def save(services: Services, visitor: str, conversation: Conversation) -> None:
    """Keep the turns of every arm."""
    services.store.save_conversation(
        visitor, {arm: [asdict(turn) for turn in turns] for arm, turns in conversation.items()}
    )


def ask(
    services: Services, visitor: str, question: str, arm_ids: Sequence[str], decoding: Decoding, ask_anyway: bool
) -> Iterator[Conversation]:
    """The conversation as it grows; saved when it ends, also when it is stopped or the page is gone.

    Raises:
        UserError: no arm, an empty or too long question, a retrieval arm without a text, or a missing adapter.
    """
    question = check_question(services, question, arm_ids, decoding)
    before = load(services, visitor)
    ids = list(dict.fromkeys(arm_ids))
    arms = [arm_of(services, visitor, each) for each in ids]
    histories = [_turns(before.get(each, [])) for each in ids]
    proofs = {arm.name: services.proofs.of(arm.adapter) for arm in arms}
    tested = {name: proof.to_dict() if proof else None for name, proof in proofs.items()}
    services.stops.discard(visitor)
    said: Conversation = {}
    try:
        for answers in services.answer(visitor, arms, question, histories, decoding, ask_anyway):
            said = {
                each: [*_earlier(before.get(each, [])), replace(record(question, one), tested=tested[each])]
                for each, one in zip(ids, answers, strict=True)
            }
            yield {**before, **said}
    finally:
        _keep(services, visitor, {each: _ended(turns[-1]) for each, turns in said.items()})


def _keep(services: Services, visitor: str, turns: Mapping[str, Record]) -> None:
    """Add these turns to the conversation as it is now: another question may have been asked meanwhile."""
    with services.saving:
        now = load(services, visitor)
        save(services, visitor, {**now, **{arm: [*_earlier(now.get(arm, [])), turn] for arm, turn in turns.items()}})


def take_back(services: Services, visitor: str, arm_ids: Sequence[str]) -> str:
    """Remove the last turn of the chosen arms and return its question, to be asked again.

    Raises:
        UserError: when none of them has been asked anything.
    """
    conversation = load(services, visitor)
    asked = [conversation[each][-1].question for each in arm_ids if conversation.get(each)]
    if not asked:
        raise UserError("There is no question to ask again yet. Type one and press “Ask”.")
    for each in arm_ids:
        if conversation.get(each) and conversation[each][-1].question == asked[0]:
            conversation[each].pop()
    save(services, visitor, conversation)
    return asked[0]


def record(question: str, answer: Answer) -> Record:
    """An arm's answer as a turn to keep."""
    worked = answer.examples
    examples = (
        [{**asdict(each.turn), "similarity": round(each.similarity, 4)} for each in worked.chosen] if worked else []
    )
    return Record(
        question,
        answer.text,
        answer.prompt_tokens,
        answer.seconds_to_first_token,
        answer.tokens_per_second,
        answer.found,
        answer.dropped_turns,
        answer.done,
        answer.stopped,
        answer.stamp.id,
        answer.stamp.to_dict(),
        [passage(hit) for hit in answer.passages],
        _claims(question, answer),
        answer.prompt,
        examples,
        bool(worked and worked.same),
        answer.ahead,
    )


def arm_of(services: Services, visitor: str, id_: str) -> Arm:
    """The arm with this id, ready to be asked.

    Raises:
        UserError: there is no such arm, or it lacks a text or an adapter of this visitor's.
    """
    kind, _, run_id = id_.partition(":")
    if kind not in (BASE, RAG, FEW_SHOT, TUNED, BOTH):
        raise UserError(f"There is no way to answer called {id_!r}. Choose one from the list above the pane.")
    adapter = services.adapter(visitor, run_id) if kind in (TUNED, BOTH) else None
    if kind in (RAG, BOTH, FEW_SHOT) and not services.store.documents(visitor):
        raise UserError("This pane reads your text when it is asked, but there is none yet. Add one in the first tab.")
    return Arm(id_, adapter, retrieval=kind in (RAG, BOTH), few_shot=kind == FEW_SHOT)


def prepare(services: Services, visitor: str, arm_ids: Sequence[str]) -> None:
    """Fetch the adapters of these arms, which are likely to be asked, without anybody waiting."""
    for run_id in filter(None, (each.partition(":")[2] for each in arm_ids)):
        services.prepare_adapter(visitor, run_id)


def passage(hit: Hit) -> dict[str, Any]:
    """A found passage with its place in the text: `start` and `end` are character offsets into what was read."""
    found = hit.passage
    return {
        "text": found.text,
        "source": found.source,
        "page": found.page,
        "heading": found.heading,
        "start": found.start,
        "end": found.end,
        "score": round(float(hit.score), 4),
    }


def cited_document(services: Services, visitor: str, place: Mapping[str, Any]) -> tuple[str, Document]:
    """The id and the document that a stored passage was taken from.

    Raises:
        UserError: when it is not among the visitor's documents as it was.
    """
    for row in services.store.documents(visitor):
        if row.name == place["source"]:
            document = services.library.document(visitor, row.id)
            if document.text[place["start"] : place["end"]] == place["text"]:
                return row.id, document
    raise UserError(f"{place['source']} is no longer among your texts as it was when this was asked. Ask again.")


def _claims(question: str, answer: Answer) -> list[dict[str, Any]]:
    """Only of a whole answer: half a sentence would claim something else."""
    if not answer.done or not answer.passages:
        return []
    return [
        asdict(claim) for claim in claims_with_evidence(answer.text, question, [hit.passage for hit in answer.passages])
    ]


def check_question(services: Services, question: str, arm_ids: Sequence[str], decoding: Decoding) -> str:
    """The question without blanks around it.

    Raises:
        UserError: no arm, an empty or too long question, or more tokens than this host allows.
    """
    most, longest = services.settings.question_chars, services.settings.max_new_tokens
    if not arm_ids:
        raise UserError("No pane is open, so nobody would answer. Choose at least one pane.")
    if not question.strip():
        raise UserError("The question is empty. Type one and press “Ask”.")
    if len(question) > most:
        raise UserError(f"The question has {len(question)} characters; at most {most} are allowed. Shorten it.")
    if decoding.max_new_tokens > longest:
        raise UserError(
            f"An answer of {decoding.max_new_tokens} tokens was asked for; at most {longest} are allowed. Ask for less."
        )
    return question.strip()


def _turns(records: Sequence[Record]) -> list[Turn]:
    return [Turn(each.question, each.answer) for each in records if each.answer]


def _earlier(turns: Sequence[Record]) -> list[Record]:
    """Turns that are no longer the last: their prompts, each holding all turns before it, are let go."""
    return [replace(each, sent="") for each in turns]


def _ended(turn: Record) -> Record:
    """A turn that was cut off by a closed page counts as stopped."""
    return turn if turn.done else replace(turn, done=True, stopped=True, ahead=0)
