"""A blind vote: one question, two arms on random sides, nothing in sight that says which is which; then who wins.

What would identify an arm stays on the server until the vote is cast. What cannot be hidden is how an answer is
written and what it knows.
"""

import csv
import io
import json
import random
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import get_args

from playground.chat.answer import Answer, Decoding
from playground.chat.bradley_terry import Game
from playground.chat.turns import arm_base, arm_id, split_arm_id
from playground.errors import UserError
from playground.files import spreadsheet_cell
from playground.prompts import Turn
from playground.services.answers import Answers
from playground.services.library import Library
from playground.services.runs import Runs
from playground.storage.records import Ballot, Choice, VoteRow
from playground.storage.store import Store

CHOICES: tuple[Choice, ...] = get_args(Choice)
SIDES = ("left", "right")
SHEET = (
    "voted",
    "text",
    "question",
    "choice",
    *(f"{side}_{part}" for part in ("kind", "name", "answer") for side in SIDES),
)


class Votes:
    """The blind votes of all visitors; a ballot waits in memory, one per visitor, until its vote is cast."""

    def __init__(self, store: Store, answers: Answers, library: Library, runs: Runs) -> None:
        self._store = store
        self._answers = answers
        self._library = library
        self._runs = runs
        self._ballots: dict[str, Ballot] = {}

    def ask(self, visitor: str, question: str, wanted: Sequence[str], decoding: Decoding) -> Iterator[Ballot | None]:
        """Yields None while both answers are written, then the ballot, which also waits on the server for its vote.

        `wanted` are up to two arms, the others are drawn at random; so are the sides. Nothing streams: the faster arm
        could be recognised. A retrieval arm answers even where the text does not seem to hold the answer: its silence
        could be recognised too.

        Raises:
            UserError: fewer than two arms, or what `Answers.check_question` and `Answers.arm` raise.
        """
        self._ballots.pop(visitor, None)
        ids = _two_arms(self._answers.arm_ids(visitor), wanted)
        question = self._answers.check_question(question, ids, decoding)
        arms = [self._answers.arm(visitor, each) for each in ids]
        histories: list[list[Turn]] = [[], []]
        answers: list[Answer] = []
        for snapshot in self._answers.stream(visitor, arms, question, histories, decoding, True):
            answers = snapshot
            yield None
        if any(each.stopped for each in answers):
            raise UserError(
                "The answers were stopped before they were complete, so there is nothing to vote on. Ask again."
            )
        ballot = self._ballot(visitor, question, ids, answers)
        self._ballots[visitor] = ballot
        yield ballot

    def cast(self, visitor: str, choice: str) -> Ballot:
        """Store a vote on the waiting ballot and return the ballot, to be revealed.

        Raises:
            UserError: there is no such choice, or no ballot waits: each can be voted on once.
        """
        made = next((each for each in CHOICES if each == choice), None)
        if made is None:
            raise UserError(f"There is no vote {choice!r}. Choose one of {', '.join(CHOICES)}.")
        ballot = self._ballots.pop(visitor, None)
        if ballot is None:
            raise UserError("There is nothing to vote on yet, or this vote was cast already. Ask a question first.")
        self._store.add_vote(visitor, ballot, made)
        return ballot

    def waiting(self, visitor: str) -> Ballot | None:
        """The ballot that waits for this visitor's vote."""
        return self._ballots.get(visitor)

    def all(self, visitor: str) -> list[VoteRow]:
        """A visitor's votes, oldest first."""
        return self._store.votes(visitor)

    def of_everyone(self) -> list[VoteRow]:
        """All visitors' votes, oldest first; for standings that the host shares, of which no text is shown."""
        return self._store.all_votes()

    def forget(self, visitor: str) -> None:
        """Drop the ballot that waits for this visitor's vote."""
        self._ballots.pop(visitor, None)

    def _ballot(self, visitor: str, question: str, ids: Sequence[str], answers: Sequence[Answer]) -> Ballot:
        sides = {}
        for side, id_, answer in zip(SIDES, ids, answers, strict=True):
            kind, trained = split_arm_id(id_)
            run = self._runs.get(visitor, trained) if trained else None  # also one that is not listed any more
            sides[f"{side}_arm"] = id_
            base = arm_base(id_) or (self._answers.named_base(run.base) if run else "")
            sides[f"{side}_kind"] = arm_id(kind, run.method if run else "", base)
            sides[f"{side}_name"] = run.name if run else ""
            sides[f"{side}_answer"] = answer.text
        stamps = [each.stamp.to_dict() for each in answers]
        return Ballot(text=self._library.text_hash(visitor), question=question, stamps=stamps, **sides)


def games(votes: Sequence[VoteRow], by: str = "arm") -> list[Game]:
    """Votes as games between arms, or between kinds of arms (`by="kind"`), which all visitors share."""
    rows = [vars(vote) for vote in votes]
    return [Game(row[f"left_{by}"], row[f"right_{by}"], row["choice"]) for row in rows]


def votes_csv(votes: Sequence[VoteRow]) -> str:
    """CSV with one row per vote, in which no cell can be a formula."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(SHEET)
    for vote in votes:
        writer.writerow([spreadsheet_cell(str(vars(vote)[column])) for column in SHEET])
    return out.getvalue()


def votes_jsonl(votes: Sequence[VoteRow]) -> str:
    """JSONL with everything about each vote except its visitor; both stamps are included."""
    rows = [{key: value for key, value in asdict(vote).items() if key != "visitor"} for vote in votes]
    return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)


def _two_arms(able: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """Two different arms, those that are wanted among them, on random sides."""
    chance = random.Random(secrets.randbits(64))
    chosen = list(dict.fromkeys(each for each in wanted if each))
    others = [each for each in able if each not in chosen]
    chance.shuffle(others)
    two = (chosen + others)[:2]
    if len(two) < 2:
        raise UserError("A blind vote needs two arms, and only the base model can answer. Add a text or train first.")
    chance.shuffle(two)
    return two
