"""What a table was taken for: the shape of its rows, the role of each column, and how many rows became what."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Of each reason why something of a table is not learnt, the sentence that counts it.
LEFT = {
    "malformed": "Malformed rows left out",
    "empty_pairs": "Rows without a question or an answer left out",
    "empty_text": "Rows without text left out",
    "rejected": "Rows whose label rejects the answer left out",
    "low_grade": "Rows whose answer has a low score left out",
    "tied": "Rows without a better answer left out",
    "no_choice": "Rows whose answer is none of the choices left out",
    "weightless": "Answers of a lower rank or of weight 0 that are never learnt",
    "unsaid": "Deleted messages and notes among the staff left out",
    "tools": "Calls and results of tools that are in the prompt only",
    "unasked": "Answers without a question before them that are in the prompt only",
    "unanswered": "Questions without an answer left out",
    "earlier": "Earlier answers of conversations that are in the prompt only",
    "media": "Pictures and other files in messages left out",
    "thoughts": "Thoughts and calls beside an answer left out",
    "unknown_role": "Messages of unknown roles left out",
    "repeats": "Rows that repeat an earlier row left out",
}
TABLE = "table"  # of which every row is a paragraph of the text
SHAPES = {
    "messages": "conversations",
    "turns": "conversations with one message per row",
    "markup": "conversations in chat markup",
    "preference": "preferred and rejected answers",
    "choices": "questions with choices",
    "summary": "texts with summaries",
    "pairs": "questions and answers",
    "text": "texts",
    TABLE: "a table, one row per line",
}


@dataclass(frozen=True)
class TableReading:
    """How a table was read.

    `shape` is a key of SHAPES, `roles` the columns of each role, `rows` the rows of the file, `used` those that became
    something, `left` the counts by the keys of LEFT, `unread` the columns without a role, and `sample` some rows.
    """

    shape: str
    roles: tuple[tuple[str, tuple[str, ...]], ...]
    rows: int
    used: int
    pairs: int
    left: tuple[tuple[str, int], ...] = ()
    unread: tuple[str, ...] = ()
    sample: tuple[tuple[str, ...], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Values that JSON can hold."""
        return {
            **vars(self),
            "roles": {role: list(columns) for role, columns in self.roles},
            "left": dict(self.left),
            "unread": list(self.unread),
            "sample": [list(row) for row in self.sample],
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "TableReading":
        """The inverse of `to_dict`."""
        return cls(
            **{
                **stored,
                "roles": tuple((role, tuple(columns)) for role, columns in stored["roles"].items()),
                "left": tuple(stored["left"].items()),
                "unread": tuple(stored["unread"]),
                "sample": tuple(tuple(row) for row in stored["sample"]),
            }
        )

    @property
    def taken_for(self) -> str:
        """One sentence: what the file was taken for, and how many rows became what."""
        became = f"{self.pairs:,} answers to learn" if self.pairs else f"{self.used:,} texts"
        roles = "; ".join(f"{role}: {', '.join(columns)}" for role, columns in self.roles)
        return f"Taken for {SHAPES[self.shape]} ({roles}): {self.used:,} of {self.rows:,} rows became {became}."
