"""The ids of the arms, and a conversation: what each arm was asked and answered, as stored and shown. Asks no model."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from playground.chat.answer import Answer
from playground.prompts import Turn
from retrieval.follow_up import depends_on_earlier
from retrieval.grounding import claims_with_evidence
from retrieval.search import Hit

BASE, FEW_SHOT, RAG, TUNED, BOTH = ARM_KINDS = ("base", "few_shot", "rag", "tuned", "both")
RETRIEVING = (RAG, BOTH)
TUNING = (TUNED, BOTH)
SEPARATOR = ":"  # between the kind of an arm and its run
OVER = "@"  # between the kind of an arm and its base model, where that is not the host's own


@dataclass(frozen=True)
class Record:
    """One turn of one arm, as it is stored and shown.

    `claims` are the sentences of a complete answer, each with the sentences of its passages that support it. `sent` is
    the prompt, kept for an arm's last turn only; `examples` are those of a few-shot prompt, the most similar first, and
    `same` says that the text has this very question, whose pair was not shown. `ahead` questions are answered first,
    which takes `wait` seconds. `tested` is what the last self-test before the answer said of the arm's adapter and the
    base. `left_out` are words of earlier questions that the arm's search added to a follow-up; `warning` says what is
    wrong with the answer's form (`answer_warnings`), if anything is; `thoughts` are what stood before the answer.
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
    wait: float | None = None
    tested: Mapping[str, Any] | None = None
    left_out: Sequence[str] = field(default_factory=list)
    warning: str = ""
    thoughts: str = ""


Conversation = dict[str, list[Record]]  # an arm's id -> its turns, oldest first


def arm_id(kind: str, run_id: str = "", base: str = "") -> str:
    """`base`, `rag`, `few_shot`, `tuned:RUN` or `both:RUN`: what a pane shows, and the key of its turns.

    Without a run it may name a base, as `rag@BASE`; a run has its own.
    """
    own = f"{kind}{SEPARATOR}{run_id}" if run_id else kind
    return f"{own}{OVER}{base}" if base else own


def split_arm_id(id_: str) -> tuple[str, str]:
    """The kind of an arm and its run's id, empty without one."""
    kind, _, run = id_.partition(OVER)[0].partition(SEPARATOR)
    return kind, run


def arm_base(id_: str) -> str:
    """The base model that an arm's id names; empty where it names none."""
    return id_.partition(OVER)[2]


def record(
    question: str,
    answer: Answer,
    tested: Mapping[str, Any] | None = None,
    before: Record | None = None,
    left_out: Sequence[str] = (),
) -> Record:
    """An arm's answer as a turn to keep; `tested` is the JSON form of its self-test.

    `left_out` are the words that its search added to a follow-up. `before` is the record of an earlier snapshot of the
    same answer, of which all that cannot change is taken: passages, stamp and prompt, and the claims of a finished one.
    """
    if before:
        return _grown(question, answer, before, left_out)
    worked = answer.examples
    chosen = worked.chosen if worked else ()
    return Record(
        question=question,
        answer=answer.text,
        prompt_tokens=answer.prompt_tokens,
        seconds_to_first_token=answer.seconds_to_first_token,
        tokens_per_second=answer.tokens_per_second,
        found=answer.found,
        dropped_turns=answer.dropped_turns,
        done=answer.done,
        stopped=answer.stopped,
        stamp_id=answer.stamp.id,
        stamp=answer.stamp.to_dict(),
        passages=[passage(hit) for hit in answer.passages],
        claims=_claims(question, answer, left_out),
        sent=answer.prompt,
        examples=[{**asdict(each.turn), "similarity": round(each.similarity, 4)} for each in chosen],
        same=bool(worked and worked.same),
        ahead=answer.ahead,
        wait=answer.wait,
        tested=tested,
        left_out=list(left_out),
        thoughts=answer.thoughts,
    )


def _grown(question: str, answer: Answer, before: Record, left_out: Sequence[str]) -> Record:
    return replace(
        before,
        answer=answer.text,
        thoughts=answer.thoughts,
        seconds_to_first_token=answer.seconds_to_first_token,
        tokens_per_second=answer.tokens_per_second,
        done=answer.done,
        stopped=answer.stopped,
        claims=before.claims if before.done else _claims(question, answer, left_out),
        ahead=answer.ahead,
        wait=answer.wait,
    )


def answer_record(answer: Answer) -> dict[str, Any]:
    """JSON form of an answer for programs; `arm` is its kind, without the run, and one that was cut is `stopped`."""
    return {
        "arm": split_arm_id(answer.arm)[0],
        "answer": answer.text,
        "thoughts": answer.thoughts,
        "tokens": answer.tokens,
        "stopped": answer.stopped,
        "found": answer.found,
        "seconds_to_first_token": answer.seconds_to_first_token,
        "tokens_per_second": answer.tokens_per_second,
        "prompt": answer.prompt,
        "prompt_tokens": answer.prompt_tokens,
        "stamp": {**answer.stamp.to_dict(), "id": answer.stamp.id},
        "passages": [passage(hit) for hit in answer.passages],
    }


def passage(hit: Hit) -> dict[str, Any]:
    """A found passage with its place in the text: `start` and `end` are character offsets into the document."""
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


def answered(records: Sequence[Record]) -> list[Turn]:
    """The turns in which an arm said something."""
    return [Turn(each.question, each.answer) for each in records if each.answer]


def history(question: str, turns: Sequence[Turn]) -> list[Turn]:
    """The turns that an arm reads before a question: none where it stands alone, else back to the last that did.

    A small model that reads more repeats its earlier answers (docs/log.md).
    """
    read: list[Turn] = []
    for turn in reversed(turns):
        if not depends_on_earlier(question):
            break
        read.insert(0, turn)
        question = turn.question
    return read


def without_prompts(turns: Sequence[Record]) -> list[Record]:
    """Turns that are no longer the last: their prompts, each of which holds all turns before it, are dropped."""
    return [replace(each, sent="") for each in turns]


def closed_turn(turn: Record) -> Record:
    """The turn as it is kept: one that was cut off when its page closed counts as stopped."""
    return turn if turn.done else replace(turn, done=True, stopped=True, ahead=0, wait=None)


def _claims(question: str, answer: Answer, left_out: Sequence[str]) -> Sequence[Mapping[str, Any]]:
    """Only for a complete answer: half a sentence would claim something else."""
    if not answer.done or not answer.passages:
        return []
    passages = [hit.passage for hit in answer.passages]
    return [asdict(claim) for claim in claims_with_evidence(answer.text, question, passages, left_out)]
