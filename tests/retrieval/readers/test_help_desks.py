"""Exports of help desks: tickets with their comments, and prepared replies."""

import json

import pytest

from retrieval.readers.dispatch import read_document
from tests.conftest import Write
from tests.retrieval.readers.test_training_files import pairs_of

ASKED = "Broken lock\nBox 4 does not open."
TICKETS = {
    "by the one who asked": {
        "subject": "Broken lock", "description": "Box 4 does not open.", "requester_id": 1,
        "comments": [{"author_id": 1, "body": "Box 4 does not open.", "public": True},
                     {"author_id": 9, "body": "Hold both keys.", "public": True},
                     {"author_id": 9, "body": "He is rude.", "public": False},
                     {"author_id": 1, "body": "And then?", "public": True},
                     {"author_id": 8, "body": "Press four.", "public": True}],
    },
    "by the way it went": {
        "subject": "Broken lock", "description_text": "Box 4 does not open.",
        "conversations": [{"body_text": "Hold both keys.", "incoming": False, "private": False},
                          {"body_text": "He is rude.", "incoming": False, "private": True},
                          {"body_text": "And then?", "incoming": True, "private": False},
                          {"body_text": "Press four.", "incoming": False, "private": False}],
    },
    "by names": {
        "title": "x", "subject": "Broken lock", "body": "Box 4 does not open.", "author": {"login": "ida"},
        "comments": [{"author": {"login": "bo"}, "body": "Hold both keys."},
                     {"author": {"login": "ida"}, "body": "And then?"},
                     {"author": {"login": "bo"}, "body": "Press four."}],
    },
}  # fmt: skip


@pytest.mark.parametrize("kind", TICKETS)
def test_a_ticket_is_a_conversation_of_what_was_sent(write: Write, kind: str) -> None:
    document = read_document(write("a.json", json.dumps({"tickets": [TICKETS[kind]], "count": 1})))
    assert [(pair.question, pair.answer) for pair in document.pairs] == [
        (ASKED, "Hold both keys."),
        ("And then?", "Press four."),
    ]
    assert document.pairs[1].turns == ((ASKED, "Hold both keys."),)


def test_comments_by_nobody_known_are_no_answers(write: Write) -> None:
    ticket = {"subject": "Lock", "description": "It is stuck.", "comments": [{"body": "Mine too."}]}
    assert not read_document(write("a.json", json.dumps([ticket]))).pairs


def test_a_prepared_reply_is_its_title_and_text(write: Write) -> None:
    macros = [
        {"id": 1, "title": "Refund::Late", "actions": [{"field": "status", "value": "solved"},
                                                       {"field": "comment_value", "value": "We pay it back."}]},
        {"id": 2, "title": "Lock", "actions": [{"field": "comment_value_html", "value": "<p>Hold <b>both</b>.</p>"}]},
        {"id": 3, "title": "Close", "actions": [{"field": "status", "value": "closed"}]},
    ]  # fmt: skip
    document = read_document(write("a.json", json.dumps({"macros": macros, "next_page": None, "count": 3})))
    assert document.text == "Refund: Late\n\nWe pay it back.\n\nLock\n\nHold both."


def test_the_resolution_of_a_ticket_is_its_answer(write: Write) -> None:
    rows = "Ticket ID,Subject,Status,Description,Resolution Note\n1,Broken lock,Closed,Box 4 does not open.,Wait.\n"
    assert pairs_of(write, "a.csv", rows) == [(ASKED, "Wait.")]


def test_blocks_of_html_beside_plain_texts_are_read_as_text(write: Write) -> None:
    rows = [{"question": "When?", "answer": "<p>At nine.</p>"}, {"question": "How?", "answer": "By card, 1 < 2."}]
    assert pairs_of(write, "a.json", json.dumps(rows)) == [("When?", "At nine."), ("How?", "By card, 1 < 2.")]
    rows[0]["answer"] = "Write <b>nine</b> here."
    assert pairs_of(write, "a.json", json.dumps(rows))[0] == ("When?", "Write <b>nine</b> here.")
