"""Conversations in plain texts and in tables of messages whose speakers have roles or free names."""

import pytest

from retrieval.readers.dispatch import read_document
from tests.conftest import Write

OPEN, CARD = ("When do you open?", "At nine.\nWe close at five."), ("How do I pay?", "By card.")
LAST = ("Is a dog allowed?", "Yes.")
Found = list[tuple[str, str]]


def taught(write: Write, name: str, content: str) -> tuple[Found, list[int]]:
    """The pairs of a file, and the number of turns before each."""
    document = read_document(write(name, content))
    return [(pair.question, pair.answer) for pair in document.pairs], [len(pair.turns) for pair in document.pairs]


ROLES = [("Customer", "Agent"), ("USER", "ASSISTANT"), ("Khách hàng", "Nhân viên")]


@pytest.mark.parametrize(("asks", "answers"), ROLES)
def test_a_text_that_names_who_speaks_is_a_conversation(write: Write, asks: str, answers: str) -> None:
    turns = [f"{asks}: {asked}\n{answers}: {answer}\n" for asked, answer in (OPEN, CARD, LAST)]
    assert taught(write, "a.txt", "".join(turns)) == ([OPEN, CARD, LAST], [0, 1, 2])
    assert taught(write, "b.txt", "\n---\n".join(turns)) == ([OPEN, CARD, LAST], [0, 0, 0])


@pytest.mark.parametrize("preamble", ["", "Below is an instruction that describes a task. Write a response.\n\n"])
def test_a_text_of_instructions_with_responses_teaches_them(write: Write, preamble: str) -> None:
    parts = [f"{preamble}### Instruction:\n{asked}\n\n### Response:\n{answer}" for asked, answer in (OPEN, CARD, LAST)]
    parts[1] = parts[1].replace("\n\n### Response", "\n\n### Input:\nAt the door\n\n### Response")
    found = [OPEN, (f"{CARD[0]}\nAt the door", CARD[1]), LAST]
    assert taught(write, "a.txt", "\n\n".join(parts)) == (found, [0, 0, 0])


@pytest.mark.parametrize(
    "text",
    [
        "User: the one who logs in.\nSystem: the machine.\nAssistant: one who helps.\n",
        "Customer: Hi\nAgent: Yes\nCustomer: So?\nAgent: No\nCustomer: Bye\nAgent: Bye\n\n" + "It is a long day. " * 30,
        "### User\n\nRead it first.\n\n### Assistant\n\nHelps you.\n\n### Administration\n\nAsk Ida.\n",
    ],
)
def test_a_text_with_such_words_is_none(write: Write, text: str) -> None:
    assert taught(write, "a.txt", text) == ([], [])


@pytest.mark.parametrize(
    ("header", "rows", "turns"),
    [
        ("speaker,text", ["Ann,{0}", "Bo,{1}", "Ann,{2}", "Bo,{3}"], [0, 1]),
        ("chat_id,author,message", ["1,Ann,{0}", "1,Bo,{1}", "2,Eve,{2}", "2,Bo,{3}"], [0, 0]),
        ("Author,Date,Content", ["Bo,2024-03-02 10:01,{3}", "Ann,2024-03-02 10:01,{2}", "Bo,2024-03-01 10:01,{1}",
                                 "Ann,2024-03-01 10:01,{0}"], [0, 1]),
        ("sender,date,message", ["Bot,2024-03-02 10:01,{3}", "User,2024-03-02 10:01,{2}", "Bot,2024-03-01 10:01,{1}",
                                 "User,2024-03-01 10:01,{0}"], [0, 1]),
    ],
)  # fmt: skip
def test_a_table_of_what_two_say_is_their_conversation(
    write: Write, header: str, rows: list[str], turns: list[int]
) -> None:
    said = [f'"{each}"' for pair in (OPEN, CARD) for each in pair]
    assert taught(write, "a.csv", "\n".join([header, *rows]).format(*said)) == ([OPEN, CARD], turns)


@pytest.mark.parametrize(
    "rows",
    [
        "author,text\n" + "Ann,It is a saying.\n" * 3 + "Bo,It is another one.\n" * 3,
        "author,text\nAnn,It is so.\nBo,It is not so.\nEve,It may be so.\nAnn,Well then.\n",
        "author,text\nAnn,It is so.\nBo,It is not so.\n",
    ],
)
def test_a_table_of_sayings_is_no_conversation(write: Write, rows: str) -> None:
    assert taught(write, "a.csv", rows) == ([], [])
