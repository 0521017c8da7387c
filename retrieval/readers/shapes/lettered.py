"""Questions whose choices have a column each."""

from collections.abc import Mapping, Sequence

from retrieval.readers.shapes.choices import names_choice
from retrieval.readers.shapes.columns import Column, first_column, mostly
from retrieval.readers.shapes.compared import is_number
from retrieval.readers.shapes.names import ANSWERS, CONTEXTS, LETTERS, QUESTIONS, RIGHT, STEMS, normal


def lettered_choices(sample: Mapping[str, Column]) -> dict[str, tuple[str, ...]] | None:
    """The columns of the question, its choices and the right one; None where there are no such."""
    known = {normal(column): column for column in reversed(list(sample))}
    for names in LETTERS:
        columns = [known[name] for name in names if name in known]
        if len(columns) < 2 or names[0] not in known or names[1] not in known:
            continue
        question = first_column(sample, (*STEMS, *QUESTIONS), set(columns), None)
        answer = first_column(sample, (*RIGHT, *ANSWERS), {*columns, question}, None)
        answer = answer or _naming_column(sample, columns, question)
        if question and answer:
            context = first_column(sample, CONTEXTS, {*columns, question, answer}, None)
            around = {"context": (context,)} if context else {}
            return {"question": (question,), "choices": tuple(columns), "answer": (answer,), **around}
    return None


def _naming_column(sample: Mapping[str, Column], choices: Sequence[str], question: str) -> str:
    """The column whose values all name one of the choices in their row."""
    rows = list(zip(*(sample[column] for column in choices), strict=True))
    for column, values in sample.items():
        if column not in choices and column != question and not mostly(values, is_number):
            if all(names_choice(value, row) for value, row in zip(values, rows, strict=True)):
                return column
    return ""
