"""Blind votes: nothing tells the arms apart before the vote, every vote counts once, and files hold no formula."""

import csv
import io
import json
from collections import Counter
from collections.abc import Sequence

import pytest

from playground.chat.anonymize import anonymize
from playground.chat.answer import Decoding
from playground.errors import UserError
from playground.services import votes
from playground.services.app import Services
from playground.storage.records import Ballot, VoteRow
from tests.conftest import Write

SHORT = Decoding(max_new_tokens=3)
FACTS = "\n\n".join(f"# Rule {n}\n\nRule {n} says that member {n} brings biscuit {n} on day {n}." for n in range(12))


@pytest.fixture
def visitor(services: Services) -> str:
    id_ = services.store.visitor("x" * 40)
    services.library.add_text(id_, FACTS)
    return id_


def asked(services: Services, visitor: str, wanted: Sequence[str] = ("base", "rag")) -> Ballot:
    *waits, ballot = services.votes.ask(visitor, "What does rule 3 say?", wanted, SHORT)
    assert waits
    assert not any(waits)
    assert ballot is not None
    return ballot


@pytest.mark.parametrize(
    ("answer", "left"),
    [
        ("A Senator must be thirty [1].", "A Senator must be thirty."),
        ("Thirty years [1, 2] old [3].", "Thirty years old."),
        ("According to the text, a Senator must be thirty.", "A Senator must be thirty."),
        ("According to passage [2], it opens at nine.", "It opens at nine."),
        ("Based on the provided passages, it is blue.", "It is blue."),
        ("It is, as stated in the document, blue.", "It is blue."),
        ("The passage states that it is blue. Passage 2 says it is big.", "It is blue. It is big."),
        ("It is blue (passage 3) and big (see passage 1).", "It is blue and big."),
        ("Theo văn bản, vé giá bốn đồng.", "Vé giá bốn đồng."),
        ("Dựa trên các đoạn trích đã cho, vé giá bốn đồng [1].", "Vé giá bốn đồng."),
        ("Đoạn 2 nói rằng vé rẻ.", "Vé rẻ."),
    ],
)
def test_marks_that_give_retrieval_away_are_taken_out(answer: str, left: str) -> None:
    assert anonymize(answer) == left


@pytest.mark.parametrize(
    "answer",
    [
        "It was founded in 1990 (see the harbour).",
        "According to Aristotle, virtue is a habit.",
        "the list is x[1] = 3",
        "Write the text again, then send the document.",
        "Theo luật, vé giá bốn đồng.",
        "In 1789 (3) it began.",
    ],
)
def test_other_words_stay_as_they_are(answer: str) -> None:
    assert anonymize(answer) == answer


def test_two_arms_answer_on_sides_that_are_drawn(services: Services, visitor: str) -> None:
    sides = Counter(asked(services, visitor).left_arm for _ in range(12))
    assert set(sides) == {"base", "rag"}
    ballot = asked(services, visitor)
    by_kind = {ballot.left_kind: ballot.stamps[0], ballot.right_kind: ballot.stamps[1]}
    assert by_kind["base"]["index_hash"] is None
    assert by_kind["rag"]["index_hash"]
    assert ballot.text == services.library.text_hash(visitor)


def test_an_arm_that_would_abstain_answers_as_its_silence_would_tell(services: Services, visitor: str) -> None:
    *_, ballot = services.votes.ask(visitor, "Quantum chromodynamics?", ["base", "rag"], SHORT)
    assert ballot is not None
    assert ballot.left_answer
    assert ballot.right_answer


def test_arms_are_drawn_where_none_are_wanted(services: Services, visitor: str, write: Write) -> None:
    assert services.answers.arm_ids(visitor) == ["base", "rag"]
    pairs = write("pairs.csv", "question,answer\nWho rings the bell?,Ann does.\nWho sings?,Ben does.\n")
    services.library.add(visitor, [(pairs, pairs.name)])
    assert services.answers.arm_ids(visitor) == ["base", "rag", "few_shot"]
    drawn = {frozenset((each.left_arm, each.right_arm)) for each in (asked(services, visitor, ()) for _ in range(12))}
    assert len(drawn) > 1
    lone = services.store.visitor("y" * 40)
    with pytest.raises(UserError, match="needs two arms"):
        list(services.votes.ask(lone, "Why?", (), SHORT))


def test_a_vote_counts_once_and_reveals_the_arms(services: Services, visitor: str) -> None:
    ballot = asked(services, visitor)
    with pytest.raises(UserError, match="no vote 'up'"):
        services.votes.cast(visitor, "up")
    assert services.votes.cast(visitor, "left") == ballot
    with pytest.raises(UserError, match="nothing to vote on"):
        services.votes.cast(visitor, "left")
    (kept,) = services.store.votes(visitor)
    assert (kept.choice, kept.left_arm, kept.stamps) == ("left", ballot.left_arm, json.loads(json.dumps(ballot.stamps)))
    (game,) = votes.games([kept])
    assert (game.left, game.choice) == (ballot.left_arm, "left")


def test_votes_are_their_visitors_own_and_go_with_them(services: Services, visitor: str) -> None:
    asked(services, visitor)
    other = services.store.visitor("y" * 40)
    with pytest.raises(UserError, match="nothing to vote on"):
        services.votes.cast(other, "left")
    services.votes.cast(visitor, "bad")
    assert services.store.votes(other) == []
    assert len(services.store.all_votes()) == 1
    asked(services, visitor)
    services.visitors.forget(visitor)
    assert services.store.all_votes() == []
    assert services.votes.waiting(visitor) is None


def test_a_stopped_answer_is_not_voted_on(services: Services, visitor: str) -> None:
    generator = services.votes.ask(visitor, "Why?", ["base", "rag"], Decoding(max_new_tokens=200))
    next(generator)
    services.answers.stop(visitor)
    with pytest.raises(UserError, match="stopped"):
        list(generator)
    assert services.votes.waiting(visitor) is None


def row(**values: object) -> VoteRow:
    sides = {f"{side}_{part}": "x" for side in votes.SIDES for part in ("arm", "kind", "name", "answer")}
    fields = {"id": "1", "visitor": "secret", "voted": 1.0, "text": "t", "question": "q", "choice": "tie", "stamps": []}
    return VoteRow(**{**fields, **sides, **values})  # type: ignore[arg-type]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_of_the_table_is_a_formula(start: str) -> None:
    hostile = f"{start}cmd|'/c calc'!A1"
    written = votes.votes_csv([row(question=hostile, left_answer=hostile, right_name=hostile)])
    header, cells = csv.reader(io.StringIO(written, newline=""))
    assert tuple(header) == votes.SHEET
    assert sum(cell == f"'{hostile}" for cell in cells) == 3
    assert not any(cell.startswith(start) for cell in cells)


def test_lines_hold_both_stamps_and_not_the_visitor() -> None:
    (line,) = votes.votes_jsonl([row(stamps=[{"base_hash": "b"}, {"base_hash": "c"}])]).splitlines()
    told = json.loads(line)
    assert [each["base_hash"] for each in told["stamps"]] == ["b", "c"]
    assert "secret" not in line
