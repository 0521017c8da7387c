"""A blind vote: one question, two arms on random sides, nothing in sight that says which is which; then who wins.

What would give an arm away stays on the server until the vote is cast. What cannot be hidden is how an answer is
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
from playground.errors import UserError
from playground.files import spreadsheet_cell
from playground.prompts import Turn
from playground.services import conversations
from playground.services.app import Services
from playground.services.conversations import BASE, BOTH, FEW_SHOT, RAG, TUNED, arm_id, usable
from playground.storage.records import Ballot, Choice, VoteRow

CHOICES: tuple[Choice, ...] = get_args(Choice)
SIDES = ("left", "right")
SEPARATOR = ":"
SHEET = (
    "voted",
    "text",
    "question",
    "choice",
    *(f"{side}_{part}" for part in ("kind", "name", "answer") for side in SIDES),
)


def arms(services: Services, visitor: str) -> list[str]:
    """The ids of all arms that can answer this visitor now."""
    text = bool(services.store.documents(visitor))
    found = [BASE, *([RAG] if text else []), *([FEW_SHOT] if services.pairs(visitor) else [])]
    for run in usable(services.store.runs.all(visitor)):
        found += [arm_id(TUNED, run.id), *([arm_id(BOTH, run.id)] if text else [])]
    return found


def ask(
    services: Services, visitor: str, question: str, wanted: Sequence[str], decoding: Decoding
) -> Iterator[Ballot | None]:
    """Yields None while both answers are written, then the ballot, which also waits on the server for its vote.

    `wanted` are up to two arms, the others being drawn; the sides are always drawn. Nothing streams: which arm is the
    faster one would tell. A retrieval arm answers even where the text does not seem to hold it: its silence would too.

    Raises:
        UserError: fewer than two arms, or what `conversation.ask` raises.
    """
    services.ballots.pop(visitor, None)
    ids = _drawn(arms(services, visitor), wanted)
    question = conversations.check_question(services, question, ids, decoding)
    chosen = [conversations.arm_of(services, visitor, each) for each in ids]
    histories: list[list[Turn]] = [[], []]
    services.stops.discard(visitor)
    answers: list[Answer] = []
    for snapshot in services.answer(visitor, chosen, question, histories, decoding, True):
        answers = snapshot
        yield None
    if any(each.stopped for each in answers):
        raise UserError("The answers were stopped before they were whole, so there is nothing to vote on. Ask again.")
    ballot = _ballot(services, visitor, question, ids, answers)
    services.ballots[visitor] = ballot
    yield ballot


def cast_vote(services: Services, visitor: str, choice: str) -> Ballot:
    """Keep a vote on the waiting ballot and give the ballot back, to be revealed.

    Raises:
        UserError: there is no such choice, or no ballot waits: each can be voted on once.
    """
    made = next((each for each in CHOICES if each == choice), None)
    if made is None:
        raise UserError(f"There is no vote {choice!r}. Choose one of {', '.join(CHOICES)}.")
    ballot = services.ballots.pop(visitor, None)
    if ballot is None:
        raise UserError("There is nothing to vote on yet, or this vote was cast already. Ask a question first.")
    services.store.add_vote(visitor, ballot, made)
    return ballot


def games(votes: Sequence[VoteRow], by: str = "arm") -> list[Game]:
    """Votes as games between arms, or between kinds of arms (`by="kind"`), which all visitors share."""
    rows = [vars(vote) for vote in votes]
    return [Game(row[f"left_{by}"], row[f"right_{by}"], row["choice"]) for row in rows]


def sheet(votes: Sequence[VoteRow]) -> str:
    """CSV with a row a vote, in which no cell can be a formula."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(SHEET)
    for vote in votes:
        writer.writerow([spreadsheet_cell(str(vars(vote)[column])) for column in SHEET])
    return out.getvalue()


def lines(votes: Sequence[VoteRow]) -> str:
    """JSONL with everything of each vote but whose it is, both stamps included."""
    rows = [{key: value for key, value in asdict(vote).items() if key != "visitor"} for vote in votes]
    return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)


def _drawn(able: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """Two different arms, those that are wanted among them, on random sides."""
    chance = random.Random(secrets.randbits(64))
    kept = list(dict.fromkeys(each for each in wanted if each))
    others = [each for each in able if each not in kept]
    chance.shuffle(others)
    two = (kept + others)[:2]
    if len(two) < 2:
        raise UserError("A blind vote needs two arms, and only the base model can answer. Add a text or train first.")
    chance.shuffle(two)
    return two


def _ballot(services: Services, visitor: str, question: str, ids: Sequence[str], answers: Sequence[Answer]) -> Ballot:
    runs = {run.id: run for run in services.store.runs.all(visitor)}
    told = {}
    for side, id_, answer in zip(SIDES, ids, answers, strict=True):
        kind, _, run = id_.partition(SEPARATOR)
        told[f"{side}_arm"] = id_
        told[f"{side}_kind"] = f"{kind}{SEPARATOR}{runs[run].method}" if run else kind
        told[f"{side}_name"] = runs[run].name if run else ""
        told[f"{side}_answer"] = answer.text
    stamps = [each.stamp.to_dict() for each in answers]
    return Ballot(text=services.library.text_hash(visitor), question=question, stamps=stamps, **told)
