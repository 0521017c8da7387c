"""Intents of bot builders (Dialogflow, Lex, Watson): the wordings of a question and what the bot replies to them."""

from collections.abc import Iterator, Mapping
from typing import Any

from retrieval.readers.shapes.names import normal
from retrieval.readers.shapes.values import text_of

Object = dict[str, Any]
NAMES = ("name", "display_name", "intent", "intent_name", "tag")
WORDINGS = ("sample_utterances", "training_phrases", "user_says", "utterances", "examples")
REPLIES = (
    "messages", "responses", "conclusion_statement", "closing_setting", "initial_response_setting",
    "fulfillment_activity", "output",
)  # fmt: skip
SPOKEN = ("speech", "text", "content", "value", "values")
PIECES = ("parts", "data")  # of a wording that is cut where a name stands in it


def intent_rows(value: Mapping[str, Any]) -> list[Object]:
    """A row for each wording of an intent that has a reply, or of each that a dialogue replies to; else none."""
    nodes = value.get("dialog_nodes")
    intents = value.get("intents")
    if isinstance(nodes, list) and isinstance(intents, list):
        return [row for each in intents if isinstance(each, dict) for row in _told_rows(each, _reply_of(each, nodes))]
    fields = {normal(str(key)): each for key, each in value.items()}
    if not any(isinstance(fields.get(name), str) for name in NAMES):
        return []
    reply = next(filter(None, (_first_text(fields[name]) for name in REPLIES if _is_nested(fields.get(name)))), "")
    return list(_told_rows(value, reply))


def _told_rows(intent: Mapping[str, Any], reply: str) -> Iterator[Object]:
    fields = {normal(str(key)): each for key, each in intent.items()}
    wordings: list[Any] = next((fields[name] for name in WORDINGS if isinstance(fields.get(name), list)), [])
    for wording in map(_wording, wordings) if reply else ():
        if wording:
            yield {"question": wording, "answer": reply}


def _reply_of(intent: Mapping[str, Any], nodes: list[Any]) -> str:
    """What the dialogue says where this intent alone is its condition."""
    condition = f"#{intent.get('intent')}"
    replies = (_first_text(node.get("output")) for node in nodes if isinstance(node, dict) and _meets(node, condition))
    return next(filter(None, replies), "")


def _meets(node: Mapping[str, Any], condition: str) -> bool:
    return str(node.get("conditions", "")).strip() == condition


def _is_nested(value: Any) -> bool:
    """Whether a value holds its texts in objects."""
    values = value if isinstance(value, list) else [value]
    return bool(values) and all(isinstance(each, dict) for each in values)


def _wording(value: Any) -> str:
    """A wording, joined where it is cut into pieces."""
    if isinstance(value, Mapping):
        pieces = next((value[key] for key in PIECES if isinstance(value.get(key), list)), None)
        if pieces is not None:
            return "".join(each["text"] for each in pieces if isinstance(each, dict) and _is_text(each.get("text")))
        value = value.get("utterance", value.get("text"))
    return text_of(value) if isinstance(value, str) else ""


def _first_text(value: Any) -> str:
    """The first text that is said, however deep it stands."""
    if isinstance(value, list):
        return next(filter(None, map(_first_text, value)), "")
    if isinstance(value, Mapping):
        said = [value[key] for key in SPOKEN if key in value]
        nested = [each for each in value.values() if isinstance(each, dict | list)]
        return next(filter(None, map(_first_text, [*said, *nested])), "")
    return text_of(value) if _is_text(value) else ""


def _is_text(value: Any) -> bool:
    return isinstance(value, str)
