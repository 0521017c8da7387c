"""Training files as tools and people write them: what is taught of them, and what goes into the index."""

import json
from typing import Any

import pytest

from retrieval.readers.dispatch import read_document
from tests.conftest import Write
from tests.fakes.files import jsonl


def pairs_of(write: Write, name: str, content: str | bytes) -> list[tuple[str, str]]:
    return [(pair.question, pair.answer) for pair in read_document(write(name, content)).pairs]


@pytest.mark.parametrize("answer", [{"name": "Ida", "berth": 4}, [{"name": "Ida"}, {"name": "Bo"}]])
def test_an_answer_that_is_data_is_learnt_as_json(write: Write, answer: Any) -> None:
    ((_, learnt),) = pairs_of(write, "a.jsonl", jsonl({"prompt": "Extract: Ida, 4", "completion": answer}))
    assert json.loads(learnt) == answer


def test_comments_between_json_lines_are_no_rows(write: Write) -> None:
    lines = '# my data\n{"question": "What is it?", "answer": "tar"}\n// more\n{"question": "Who?", "answer": "Ida"}\n'
    document = read_document(write("a.jsonl", lines))
    assert [pair.answer for pair in document.pairs] == ["tar", "Ida"]
    assert document.table
    assert (document.table.rows, document.table.left) == (2, ())


def test_every_wording_of_a_question_has_its_answer(write: Write) -> None:
    content = {"qnaList": [{"id": 1, "answer": "Hold both keys.", "questions": ["How do I reset it?", "Reset?"]},
                           {"id": 2, "answer": "By card.", "questions": ["How do I pay?"]}]}  # fmt: skip
    assert pairs_of(write, "qna.json", json.dumps(content)) == [
        ("How do I reset it?", "Hold both keys."),
        ("Reset?", "Hold both keys."),
        ("How do I pay?", "By card."),
    ]


def test_messages_of_a_table_are_read_in_the_order_of_their_turns(write: Write) -> None:
    rows = (
        "conversation_id,turn,role,content\n1,10,assistant,At nine.\n1,9,user,When?\n2,1,user,How?\n"
        "2,2,assistant,By card.\n"
    )
    assert pairs_of(write, "a.csv", rows) == [("When?", "At nine."), ("How?", "By card.")]


@pytest.mark.parametrize(
    ("header", "asked"),
    [
        ("subject,body,answer,queue", "Broken lock\nBox 4 does not open at all."),
        ("Subject,Description,Agent Reply,Status", "Broken lock\nBox 4 does not open at all."),
        ("Ticket,Customer Message,Agent Response,Status", "Box 4 does not open at all."),
    ],
)
def test_a_ticket_is_a_question_with_its_subject(write: Write, header: str, asked: str) -> None:
    rows = "Broken lock,Box 4 does not open at all.,Please hold both keys for five seconds.,closed\n"
    assert pairs_of(write, "a.csv", f"{header}\n{rows}") == [(asked, "Please hold both keys for five seconds.")]


@pytest.mark.parametrize(
    "text",
    [
        "<s>[SYSTEM_PROMPT]Be brief.[/SYSTEM_PROMPT][INST]When?[/INST]At nine.</s>",
        "<|im_start|>system<|im_sep|>Be brief.<|im_end|><|im_start|>user<|im_sep|>When?<|im_end|>"
        "<|im_start|>assistant<|im_sep|>At nine.<|im_end|>",
    ],
)
def test_markup_of_newer_models_leaves_no_token_in_the_texts(write: Write, text: str) -> None:
    (pair,) = read_document(write("a.jsonl", jsonl({"text": text}))).pairs
    assert (pair.system, pair.question, pair.answer) == ("Be brief.", "When?", "At nine.")


@pytest.mark.parametrize(
    "marks",
    [
        {"label": [[0, 3, "PER"], [8, 11, "LOC"]]},
        {"entities": [{"start": 0, "end": 3, "label": "PER"}]},
        {"spans": [{"start_offset": 0, "end_offset": 3, "label": "PER"}]},
        {"tokens": ["Ida", "dug", "Olm"], "ner_tags": [1, 0, 2]},
    ],
)
def test_marks_on_stretches_of_a_text_are_not_part_of_it(write: Write, marks: dict[str, Any]) -> None:
    document = read_document(write("a.jsonl", jsonl({"text": "Ida dug Olm in the year 1902.", **marks})))
    assert document.text == "Ida dug Olm in the year 1902."


def test_a_slack_export_reads_as_people_see_it(write: Write) -> None:
    said = ["See <https://x.org/a|the map> &amp; ask <@U2>", "In <#C1|office>", "Bye, <https://y.org>"]
    messages = [
        {"type": "message", "user": f"U{place}", "text": text, "ts": f"17000000{place}0.0", "user_profile":
         {"real_name": name}}
        for place, (text, name) in enumerate(zip(said, ("Ida", "Cy", "Bo"), strict=True))
    ]  # fmt: skip
    document = read_document(write("day.json", json.dumps(messages)))
    assert document.text == ("Ida: See the map (https://x.org/a) & ask @Bo\nCy: In #office\nBo: Bye, https://y.org")


@pytest.mark.parametrize(
    "content",
    [
        b'{"question": "When?", "answer": "At nine."}\r\n{"question": "How?", "answer": "By card."}\r\n',
        'Question\tAnswer\r\nWhen?\t"At nine."\r\nHow?\tBy card.\r\n'.encode("utf-16"),
    ],
)
def test_a_training_file_saved_as_txt_is_one(write: Write, content: bytes) -> None:
    assert pairs_of(write, "data.jsonl.txt", content) == [("When?", "At nine."), ("How?", "By card.")]


def test_quotation_marks_of_a_tsv_that_has_no_quoted_cells_are_letters(write: Write) -> None:
    rows = 'question\tanswer\nWhat is "it"?\t"Tar" is a thing.\nWho?\tIda\n'
    assert pairs_of(write, "a.tsv", rows) == [('What is "it"?', '"Tar" is a thing.'), ("Who?", "Ida")]


@pytest.mark.parametrize(
    "context",
    [
        {"passages": {"is_selected": [0, 1], "passage_text": ["Bo has a boat.", "It is Ida's."], "url": ["u", "v"]}},
        {"context": {"contexts": ["Bo has a boat.", "It is Ida's."], "labels": ["AIM", "END"], "meshes": ["Boats"]}},
    ],
)
def test_passages_come_without_what_is_said_of_them(write: Write, context: dict[str, Any]) -> None:
    rows = [{**context, "query": "Whose is it?", "answers": each} for each in (["Ida's"], ["No Answer Present."])]
    document = read_document(write("a.jsonl", jsonl(*rows)))
    (pair,) = document.pairs
    assert pair.context
    assert document.text[slice(*pair.context)] == "Bo has a boat.\n\nIt is Ida's."
