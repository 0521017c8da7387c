"""One row of a recognised table -> what is learnt or indexed of it."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from retrieval.readers.shapes.choices import Choices, are_places, first_number, read_choices
from retrieval.readers.shapes.compared import best_answer, is_low, judged, least_good, winner
from retrieval.readers.shapes.conversation import Exchange, exchanges
from retrieval.readers.shapes.forms import is_bad, is_sentence, is_stem_with_choices
from retrieval.readers.shapes.markup import expanded, read_markup
from retrieval.readers.shapes.messages import ROLE_KEYS, Message, Role, holds_messages, read_messages, role_of
from retrieval.readers.shapes.names import CONTEXTS, normal
from retrieval.readers.shapes.recognise import Roles
from retrieval.readers.shapes.translations import translation_request
from retrieval.readers.shapes.values import answer_of, is_empty, labelled, nested, text_of

Row = Mapping[str, Any]
SEPARATED = 3  # rows at least, all with the same mark at the end
_SEPARATOR = re.compile(r"(?:#{2,}|={2,}|-+>|\|{2,}|<\|endoftext\|>|\bEND\b|\bSTOP\b|\[EOS\])\s*$")
PASSAGES = (*CONTEXTS, "passage_text", "search_context", "texts")  # keys of lists of passages inside a context
SUMMARIZE = {
    "en": "Summarize this text.",
    "vi": "Hãy tóm tắt văn bản này.",
    "de": "Fasse diesen Text zusammen.",
    "fr": "Résume ce texte.",
    "es": "Resume este texto.",
}


@dataclass(frozen=True)
class RowContent:
    """What a row holds: exchanges with their context, or a text with its title. Empty where nothing is read of it."""

    exchanges: Sequence[Exchange] = ()
    context: str = ""
    title: str = ""
    text: str = ""


@dataclass
class RowReader:
    """Reads the rows of one table; `left` counts, by the keys of `table_reading.LEFT`, what is not learnt.

    `separators` are the texts that all cells of a role end with, `first_choice` is the number of the first choice, and
    `placed` says that all answers are such numbers. A grade below `least_grade` rejects its answer.
    """

    shape: str
    roles: Roles
    left: Counter[str] = field(default_factory=Counter)
    first_choice: int = 0
    placed: bool = False
    least_grade: float | None = None
    separators: Mapping[Role, str] = field(default_factory=dict)

    def prepare(self, rows: Sequence[Row]) -> None:
        """Look at all rows for what one alone does not show."""
        self.least_grade = least_good([value for row in rows for value in self._values(row, "grade")])
        if self.shape == "pairs":
            sides: Mapping[Role, str] = {"user": "question", "assistant": "answer"}
            cells = {side: [value for row in rows for value in self._values(row, role)] for side, role in sides.items()}
            self.separators = {side: common_separator(values) for side, values in cells.items()}
        if self.shape == "choices":
            known = [(self._values(row, "answer"), self._choices(row)) for row in rows]
            usable = [(answer[0], len(choices.texts)) for answer, choices in known if answer and choices]
            answers, counts = [answer for answer, _ in usable], [count for _, count in usable]
            named_from = int(normal(self.roles.get("choices", ("",))[0])[-1:] == "1")
            self.first_choice = first_number(answers, counts, named_from)
            self.placed = are_places(answers, counts, self.first_choice)

    def read(self, row: Row) -> RowContent:
        """The content of one row; why it is empty is counted."""
        if any(is_bad(value) for value in self._values(row, "label")):
            self.left["rejected"] += 1
            return RowContent()
        if any(
            self.least_grade is not None and is_low(value, self.least_grade) for value in self._values(row, "grade")
        ):
            self.left["low_grade"] += 1
            return RowContent()
        if self.shape in ("text", "table"):
            return self._read_text(row)
        messages = self._messages(row)
        system = self._text(row, "system")
        if system and not any(each.role == "system" for each in messages):
            messages = [Message("system", system), *messages]
        last_only = self.shape == "preference" or "label" in self.roles
        counted = Counter[str]()
        found = exchanges(messages, counted, last_only)
        if not found and not counted["weightless"]:
            said = self.shape == "choices" or "compared" in self.roles  # these count their own reasons
            self.left["empty_pairs"] += not said
            counted -= Counter(unasked=counted["unasked"], unanswered=counted["unanswered"])
        self.left.update(counted)
        return RowContent(found, self._context(row) if found else "")

    def _messages(self, row: Row) -> list[Message]:
        if self.shape in ("messages", "markup"):
            return self._chat(row)
        if self.shape == "preference":
            return self._preferred(row)
        if self.shape == "choices":
            return self._choice(row)
        before = [*self._history(row), *self._question(row)]
        answers = [
            each for value in self._values(row, "answer") for each in self._said(self._whole(value), "assistant")
        ]
        answers += [Message("assistant", "no" if is_bad(value) else "yes") for value in self._values(row, "truth")]
        return expanded(_alternated([*before], answers))

    def _chat(self, row: Row) -> list[Message]:
        found: list[Message] = []
        for value in self._values(row, "chat"):
            listed = [nested(each) for each in (value, *self._values(row, "answer")[:1])]
            if len(listed) == 2 and all(map(_is_text_list, listed)) and len(listed[0]) == len(listed[1]) > 1:
                return expanded(read_messages(list(zip(*listed, strict=True)), self.left))
            found += read_messages(value, self.left) if holds_messages(value) else read_markup(text_of(value))
        if found and found[-1].role == "user":  # a prompt whose answer stands in a column of its own
            found += [each for answer in self._values(row, "answer") for each in self._said(answer, "assistant")]
        return expanded(found)

    def _preferred(self, row: Row) -> list[Message]:
        """The prompt, then the chosen answer; the prompt once where the chosen conversation repeats it."""
        better = self._values(row, "chosen") if "chosen" in self.roles else self._better(row)
        chosen = [each for value in better for each in self._said(value, "assistant")]
        chosen = expanded(chosen)
        chat = self._chat(row)
        asked = [each for each in self._question(row) if each.text not in [before.text for before in chat]]
        prompt = expanded([*chat, *asked])
        if any(each.role == "user" for each in chosen):
            systems = [each for each in prompt if each.role == "system"]
            return chosen if any(each.role == "system" for each in chosen) else [*systems, *chosen]
        return [*prompt, *chosen]

    def _better(self, row: Row) -> list[Any]:
        """The better of two answers; none of a tie."""
        columns, said = self.roles["compared"], self._values(row, "better")
        if "scores" in self.roles:
            place = judged([row.get(column) for column in self.roles["scores"]])
        else:
            place = winner(said[0], [normal(column) for column in columns]) if said else -1
        self.left["tied"] += place not in (0, 1)
        return [row.get(columns[place])] if place in (0, 1) else []

    def _choice(self, row: Row) -> list[Message]:
        question, choices = self._stem(row), self._choices(row)
        answers = self._values(row, "answer")
        right = choices.marked if choices else ""
        if choices and answers:
            right = choices.right(answers[0], self.first_choice, self.placed)
        if not choices or not right or not question:
            self.left["no_choice"] += 1
            return []
        return [Message("user", f"{question}\n{choices.listed}"), Message("assistant", right)]

    def _stem(self, row: Row) -> str:
        value = next(iter(self._values(row, "question")), "")
        return text_of(nested(value)["stem"]) if is_stem_with_choices(value) else text_of(value)

    def _choices(self, row: Row) -> Choices | None:
        values = self._values(row, "choices")
        question = next(iter(self._values(row, "question")), "")
        if is_stem_with_choices(question):
            return read_choices([nested(question)["choices"]])
        return read_choices(values) if values else None

    def _history(self, row: Row) -> list[Message]:
        found: list[Message] = []
        for value in self._values(row, "history"):
            found += read_messages(value, self.left) if holds_messages(value) else read_markup(text_of(value))
        return [replace(each, learnt=False) for each in found if each.text]

    def _question(self, row: Row) -> list[Message]:
        if self.shape == "summary" or "question" not in self.roles:
            context = self._context(row) if "question" not in self.roles and "answer" in self.roles else ""
            if not context:
                return []
            from retrieval.language import detect_language  # loads a language model: only where it is asked

            ask = SUMMARIZE.get(detect_language(context), SUMMARIZE["en"])
            return [Message("user", ask)]
        asked = [value for role in ("question", "answer") for value in self.roles.get(role, ())]
        request = translation_request(*asked) if len(asked) == 2 else ""
        values = [*filter(None, [request]), *self._values(row, "question"), *self._values(row, "input")]
        return [each for value in values if not _is_no_input(value) for each in self._said(value, "user")]

    def _whole(self, value: Any) -> Any:
        """An answer; its sentences as one text where a column that is named for one answer lists them."""
        opened = nested(value)
        is_one = not normal(self.roles["answer"][0]).endswith("s")
        if is_one and _is_text_list(opened) and len(opened) > 1 and all(map(is_sentence, opened)):
            return "\n".join(map(str.strip, opened))
        return value

    def _said(self, value: Any, role: Role) -> list[Message]:
        """The messages in a value, or its text as one message of this role."""
        value = best_answer(value) if role == "assistant" else value
        opened = nested(value)
        if _is_text_list(opened):
            texts = [text_of(each) for each in opened] if role == "user" else [answer_of(opened)]
            return [Message(role, text) for text in texts]
        written = isinstance(value, str) and isinstance(opened, dict) and not _names_role(opened)
        if holds_messages(opened) and not written:
            return read_messages(opened, self.left)
        text = answer_of(value) if role == "assistant" else text_of(value)
        return [Message(role, text.removesuffix(self.separators.get(role, "")).strip())]

    def _context(self, row: Row) -> str:
        return "\n\n".join(_paragraphs(value) for value in self._values(row, "context"))

    def _read_text(self, row: Row) -> RowContent:
        columns = self.roles["text"]
        title = " ".join(self._text(row, "title").split())
        if len(columns) > 1:
            text = labelled({column: row.get(column) for column in columns})
        else:
            text = text_of(row.get(columns[0]), "\n\n")
        details = labelled({column: row.get(column) for column in self.roles.get("details", ())})
        if not text and not details:
            self.left["empty_text"] += 1
            return RowContent()
        return RowContent(title=title, text="\n".join(filter(None, [text, details])))

    def _values(self, row: Row, role: str) -> list[Any]:
        """The values of a role's columns that are not empty."""
        cells = [row.get(column) for column in self.roles.get(role, ())]
        return [cell for cell in cells if not is_empty(cell)]

    def _text(self, row: Row, role: str) -> str:
        return "\n".join(text_of(value) for value in self._values(row, role))


def common_separator(values: Sequence[Any]) -> str:
    """The mark that all texts of a column end with, such as "###" in the prompts of old; empty for few or no such."""
    ends = {match[0].strip() if match else "" for match in (_SEPARATOR.search(text_of(value)) for value in values)}
    return ends.pop() if len(ends) == 1 and len(values) >= SEPARATED else ""


def _is_no_input(value: Any) -> bool:
    """Whether a text says that an instruction has no input."""
    return isinstance(value, str) and value.strip().casefold() in ("<noinput>", "noinput", "no input", "n/a")


def _names_role(value: Mapping[str, Any]) -> bool:
    return any(role_of(value.get(key)) for key in ROLE_KEYS)


def _is_text_list(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(each, str) for each in value)


def _alternated(before: list[Message], answers: Sequence[Message]) -> list[Message]:
    """The question, then the answer."""
    if any(each.role == "user" for each in answers) and before and before[-1].text in [each.text for each in answers]:
        return [*(each for each in before if each.role == "system"), *answers]
    return [*before, *answers]


def _paragraphs(value: Any) -> str:
    """The text of a context; the passages of a list as paragraphs."""
    value = nested(value)
    if isinstance(value, dict) and _is_text_list(value.get("title")) and "sentences" in value:
        parts = zip(value["title"], value["sentences"], strict=False)
        return "\n\n".join(f"{title}\n{text_of(each, ' ')}" for title, each in parts)
    if isinstance(value, dict):
        passages = next((each for key, each in value.items() if normal(str(key)) in PASSAGES), None)
        if _is_text_list(passages):
            return "\n\n".join(map(text_of, passages or ()))
    if holds_messages(value) and not _is_text_list(value):
        return "\n".join(f"{each.name or each.role}: {each.text}" for each in read_messages(value, Counter()))
    return text_of(value, "\n" if _is_text_list(value) else " " if isinstance(value, list) else "\n")
