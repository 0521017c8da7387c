"""Messages of an export that were not said to anyone: deleted ones, notes among the staff, refused ones."""

from collections.abc import Mapping
from typing import Any

from retrieval.readers.shapes.names import normal
from retrieval.readers.shapes.values import text_of

HIDING = (
    "deleted", "is_deleted", "private", "is_private", "internal", "is_internal", "internal_note", "is_note",
)  # fmt: skip
SHOWING = ("public", "is_public", "review_result")
KINDS = ("type", "part_type", "message_type", "comment_type", "visibility")
NOTES = ("note", "internal_note", "private_note", "internal", "private")


def is_unsaid(message: Mapping[str, Any]) -> bool:
    """Whether a message says of itself that it was deleted, refused, or is a note among the staff."""
    known = {normal(str(key)): value for key, value in message.items()}
    hidden = any(_said(known.get(name)) in ("yes", "true", "1") for name in HIDING)
    shown = not any(_said(known.get(name)) in ("no", "false", "0") for name in SHOWING)
    return hidden or not shown or any(normal(text_of(known.get(kind))) in NOTES for kind in KINDS)


def _said(value: Any) -> str:
    return text_of(value).casefold()
