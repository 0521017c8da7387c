"""Objects of a help desk: a ticket with the comments below it, and a prepared reply with what it does to a ticket."""

from collections.abc import Mapping, Sequence
from typing import Any

from retrieval.readers.shapes.messages import role_of
from retrieval.readers.shapes.names import COMMENTS, SUBJECTS, TICKETS, normal
from retrieval.readers.shapes.unsaid import is_unsaid
from retrieval.readers.shapes.values import is_empty, text_of

Object = dict[str, Any]
SAID = ("plain_body", "body_text", "body", "text", "content", "html_body", "body_html", "comment")
ASKERS = ("requester_id", "requester", "customer_id", "submitter_id", "author_id", "author", "user_id", "user")
AUTHORS = ("author_id", "author", "user_id", "user", "created_by", "sender")
INCOMING = ("incoming", "is_incoming", "inbound", "is_customer", "from_customer")
NAMES = ("id", "login", "email", "name")
REPLY = "comment_value"  # what the field of a prepared reply's text begins with


def ticket_messages(ticket: Mapping[str, Any]) -> list[Object] | None:
    """What the customer wrote, then the comments that were sent, each with its role; None for any other object."""
    fields = {normal(str(key)): value for key, value in ticket.items()}
    listed = next((fields[name] for name in COMMENTS if _are_comments(fields.get(name))), None)
    told = [text_of(_first(fields, names)) for names in (SUBJECTS, (*TICKETS, "description_text"))]
    if listed is None or not any(told):
        return None
    comments = [{normal(str(key)): value for key, value in each.items()} for each in listed]
    asker = _person(fields, ASKERS)
    if not asker and _text(comments[0]) == told[1]:
        asker = _person(comments[0], AUTHORS)
    roles = [_role(each, asker) for each in comments]
    if None in roles:
        return None
    said = [
        {**each, "role": role, "content": _text(each), "name": ""}
        for each, role in zip(comments, roles, strict=True)
        if _text(each) != told[1]
    ]
    return [{"role": "user", "content": "\n".join(filter(None, told))}, *map(_message, said)]


def reply_row(macro: Mapping[str, Any]) -> Object | None:
    """The title and the text of a prepared reply, both empty where it writes nothing; None for any other object."""
    title, actions = macro.get("title", macro.get("name")), macro.get("actions")
    if not isinstance(title, str) or not isinstance(actions, list) or not all(map(_is_action, actions)):
        return None
    texts = [text_of(each["value"]) for each in actions if str(each["field"]).startswith(REPLY)]
    return {"title": title.replace("::", ": ") if texts else "", "text": "\n".join(texts)}


def _is_action(value: Any) -> bool:
    return isinstance(value, dict) and "field" in value and "value" in value


def _message(comment: Object) -> Object:
    """A comment as a message, marked where it was not sent."""
    return {"role": comment["role"], "content": comment["content"], "private": is_unsaid(comment)}


def _are_comments(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, dict) and _text(each) for each in value)


def _role(comment: Mapping[str, Any], asker: str) -> str | None:
    """Who wrote a comment, by a flag, by the kind of its author, or by whether the one who asked did."""
    flag = next((comment[name] for name in INCOMING if isinstance(comment.get(name), bool)), None)
    if flag is not None:
        return "user" if flag else "assistant"
    author = _person(comment, AUTHORS)
    if not author or not asker:
        return role_of(_first(comment, AUTHORS))
    return "user" if author == asker else "assistant"


def _person(fields: Mapping[str, Any], names: Sequence[str]) -> str:
    """The number or name of a person."""
    person = _first(fields, names)
    return text_of(_first(person, NAMES) if isinstance(person, Mapping) else person)


def _text(comment: Mapping[str, Any]) -> str:
    return text_of(_first(comment, SAID))


def _first(fields: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((fields[name] for name in names if not is_empty(fields.get(name))), None)
