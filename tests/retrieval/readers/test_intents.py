"""Intents as bot builders export them: each wording has the reply as its answer."""

import json
from typing import Any

import pytest

from tests.conftest import Write
from tests.retrieval.readers.test_training_files import pairs_of

EXPORTS: dict[str, Any] = {
    "Dialogflow": {"intents": [{
        "name": "projects/x/1", "displayName": "hours",
        "trainingPhrases": [{"parts": [{"text": "When do you "}, {"text": "open", "entityType": "@open"}]},
                            {"parts": [{"text": "Opening hours?"}]}],
        "messages": [{"text": {"text": ["We open at nine.", "At nine."]}}]}]},
    "Dialogflow ES": {
        "id": "x", "name": "hours", "auto": True,
        "responses": [{"action": "", "messages": [{"type": "0", "lang": "en", "speech": ["We open at nine."]}]}],
        "userSays": [{"id": "1", "data": [{"text": "When do you "}, {"text": "open", "meta": "@open"}]},
                     {"id": "2", "data": [{"text": "Opening hours?"}]}]},
    "Lex": {"intents": [{
        "name": "Hours", "sampleUtterances": ["When do you open", "Opening hours?"],
        "conclusionStatement": {"messages": [{"contentType": "PlainText", "content": "We open at nine."}]}}]},
    "Lex 2": {"intents": [{
        "intentName": "Hours", "sampleUtterances": [{"utterance": "When do you open"}, {"utterance": "Opening hours?"}],
        "initialResponseSetting": {"initialResponse": {"messageGroups": [
            {"message": {"plainTextMessage": {"value": "We open at nine."}}}]}}}]},
    "Watson": {
        "intents": [{"intent": "hours", "examples": [{"text": "When do you open"}, {"text": "Opening hours?"}]},
                    {"intent": "price", "examples": [{"text": "How much?"}]}],
        "dialog_nodes": [{"conditions": "#hours", "title": "hours", "output": {"generic": [
            {"response_type": "text", "values": [{"text": "We open at nine."}]}]}}]},
}  # fmt: skip


@pytest.mark.parametrize("kind", EXPORTS)
def test_each_wording_of_an_intent_has_its_reply(write: Write, kind: str) -> None:
    assert pairs_of(write, "a.json", json.dumps(EXPORTS[kind])) == [
        ("When do you open", "We open at nine."),
        ("Opening hours?", "We open at nine."),
    ]


def test_an_intent_without_a_reply_teaches_nothing(write: Write) -> None:
    intent = {"name": "hours", "sampleUtterances": ["When do you open"], "slots": [{"name": "day"}]}
    assert pairs_of(write, "a.json", json.dumps({"intents": [intent]})) == []
