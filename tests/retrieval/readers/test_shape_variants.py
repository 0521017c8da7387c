"""Cousins of the usual training files: ranked answers, exports of chats and of labelling tools, odd tables."""

import json
from typing import Any

import pytest

from retrieval.readers.dispatch import read_document
from tests.conftest import Write
from tests.fakes.files import jsonl
from tests.retrieval.readers.test_shapes import ASK, BAD, PAIR, SAY, Case, context_of, said

SAID = said("user", ASK), said("assistant", SAY)
NEXT, LAST = "Who owns it?", "The town owns it."


def node(parent: str | None, message: dict[str, Any] | None) -> dict[str, Any]:
    return {"parent": parent, "message": message}


def spoke(role: str, text: str, **more: Any) -> dict[str, Any]:
    return {"author": {"role": role}, "content": {"content_type": "text", "parts": [text]}, **more}


CASES = [
    Case("answers with scores", {"instruction": ASK, "completions": [{"response": BAD, "overall_score": 2.0},
         {"response": SAY, "overall_score": 9.0}]}, PAIR),
    Case("answers with ranks", {"prompt": ASK, "answers": [{"answer": BAD, "rank": 2.0}, {"answer": SAY, "rank": 1.0}]},
         PAIR),
    Case("an accepted answer", {"title": ASK, "answers": [{"body": BAD, "score": 9, "is_accepted": False},
         {"body": SAY, "score": 1, "is_accepted": True}]}, PAIR),
    Case("answers beside their scores", {"title": ASK, "document": "", "answers": {"text": [BAD, SAY],
         "score": [1, 9]}}, PAIR),
    Case("two answers with scores", {"question": {"full_text": ASK}, "answer_0": BAD, "answer_1": SAY, "score_0": -1,
         "score_1": 0.5}, PAIR),
    Case("how strongly the second is preferred", {"prompt": ASK, "response_1": SAY, "response_2": BAD,
         "preference_strength": -2}, PAIR),
    Case("marked choices", {"question": ASK, "mc1_targets": {"choices": ["boats", "cars"], "labels": [1, 0]}},
         [(f"{ASK}\nA. boats\nB. cars", "boats")]),
    Case("choices of several questions", {"article": "Bay 1 is old.", "questions": [ASK, NEXT], "options":
         [["cars", "boats"], ["the town", "Ann"]], "answers": ["B", "A"]}, [(f"{ASK}\nA. cars\nB. boats", "boats"),
         (f"{NEXT}\nA. the town\nB. Ann", "the town")], context="Bay 1 is old.", suffix="json"),
    Case("choices without a header", "What is it?,boat,car,A\nWho is it?,Ann,Ben,B\nWhere?,here,there,A\n",
         [("What is it?\nA. boat\nB. car", "boat"), ("Who is it?\nA. Ann\nB. Ben", "Ben"),
          ("Where?\nA. here\nB. there", "here")], suffix="csv"),
    Case("Vietnamese choices", "Câu hỏi,A,B,Đáp án\nLà gì?,tàu,xe,B\n", [("Là gì?\nA. tàu\nB. xe", "xe")],
         suffix="csv"),
    Case("Vietnamese names without marks", f"cau_hoi,cau_tra_loi,ngu_canh\n{ASK},{SAY},Bay 1 is old.\n", PAIR,
         context="Bay 1 is old.", suffix="csv"),
    Case("Vietnamese turns", {"hội thoại": [{"vai trò": "người dùng", "nội dung": ASK}, {"vai trò": "trợ lý",
         "nội dung": SAY}]}, PAIR),
    Case("a prompt of messages and its answer", {"messages": [said("user", ASK)], "reference_answer": SAY}, PAIR),
    Case("patterns of an intent", {"intents": [{"tag": "bay", "patterns": [ASK, NEXT], "responses": [SAY],
         "context": [""]}]}, [(ASK, SAY), (NEXT, SAY)], suffix="json"),
    Case("questions as keys", {ASK: SAY, NEXT: LAST}, [(ASK, SAY), (NEXT, LAST)], suffix="json"),
    Case("a page of questions", {"mainEntity": [{"@type": "Question", "name": ASK, "acceptedAnswer": {"@type": "Answer",
         "text": SAY}}]}, PAIR, suffix="json"),
    Case("numbers of tokens", {"inputs_pretokenized": ASK, "inputs": [5, 7], "targets_pretokenized": SAY,
         "targets": [9]}, PAIR),
    Case("a task with counterexamples", {"Definition": ["Say it."], "Negative Examples": [{"input": "x",
         "output": BAD}], "Instances": [{"input": ASK, "output": [SAY]}]}, [(f"Say it.\n{ASK}", SAY)], suffix="json"),
    Case("no input", {"instruction": ASK, "input": "<noinput>", "output": SAY}, PAIR),
    Case("calculations", {"question": ASK, "answer": "It holds 2*3=<<2*3=6>>6 boats."},
         [(ASK, "It holds 2*3=6 boats.")]),
    Case("thoughts before the answer", {"messages": [said("user", ASK), said("assistant",
         f"<think>hm</think>\n{SAY}")]},
         PAIR, note="Thoughts and calls beside an answer left out: 1"),
    Case("a call of a tool as text", {"conversations": [{"from": "human", "value": ASK}, {"from": "gpt",
         "value": "<tool_call>f()</tool_call>"}, {"from": "tool", "value": "boats"}, {"from": "gpt", "value": SAY}]},
         [(f"{ASK}\nTool call: f()\nTool result: boats", SAY)]),
    Case("ChatGPT calling a tool", {"current_node": "d", "mapping": {"a": node(None, spoke("user", ASK)), "b": node("a",
         spoke("assistant", "find('bay')", recipient="browser")), "c": node("b", spoke("tool", "boats")), "d": node("c",
         spoke("assistant", SAY, recipient="all"))}}, [(f"{ASK}\nTool call: find('bay')\nTool result: boats", SAY)],
         suffix="json"),
    Case("an export with notices and links", {"messages": [{"type": "service", "actor": "Ann", "text": ""}, {"type":
         "message", "from": "Ann", "text": ASK}, {"type": "message", "from": "Bob", "text": ["See ", {"type": "link",
         "text": "x.org"}, " now."]}]}, [(ASK, "See x.org now.")], suffix="json"),
    Case("an export with the newest first", {"messages": [{"sender_name": "Bob", "timestamp_ms": 2, "content": SAY},
         {"sender_name": "Ann", "timestamp_ms": 1, "content": ASK}]}, PAIR, suffix="json"),
    Case("a person told by a flag inside", {"msgs": [{"msg": ASK, "src": {"is_human": True}}, {"msg": SAY,
         "src": {"is_human": False}}]}, PAIR),
    Case("Baize", {"input": f"[|Human|] {ASK}\n[|AI|] {SAY}\n[|Human|] "}, PAIR),
    Case("MOSS", {"chat": {"turn_1": {"Human": f"<|Human|>: {ASK}<eoh>\n", "MOSS": f"<|MOSS|>: {SAY}<eom>\n"}}}, PAIR),
    Case("Argilla", {"fields": {"prompt": ASK}, "responses": {"response": [{"value": BAD, "status": "discarded"},
         {"value": SAY, "status": "submitted"}]}}, PAIR),
    Case("spans as answers", {"passage": "Bay 1 is old.", "question": ASK, "answers_spans": {"spans": ["1"]}},
         [(ASK, "1")], context="Bay 1 is old."),
    Case("a context by the end of its name", {"question": ASK, "answer": SAY, "wiki_passage":
         "Bay 1 of the port is old."}, PAIR, context="Bay 1 of the port is old."),
    Case("a form's questions as names", f"Time,What is your question?,Our answer\n2024/05/01,{ASK},{SAY}\n", PAIR,
         suffix="csv"),
    Case("quotation marks after a backslash", f'question,answer\n"The \\"bay\\"?","{SAY}"\n', [('The "bay"?', SAY)],
         suffix="csv"),
    Case("HTML in cells", {"question": f"<p>{ASK}</p>", "answer": "<p>Boats &amp; <em>cars</em>.</p>"},
         [(ASK, "Boats & cars.")], note="Cells of HTML read as their text: 2"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_cousin_of_a_usual_file_gives_the_pairs_that_its_owner_meant(write: Write, case: Case) -> None:
    content = case.content
    if not isinstance(content, str):
        content = json.dumps(content) if case.suffix == "json" else jsonl(content)
    document = read_document(write(f"a.{case.suffix}", content))
    assert [(pair.question, pair.answer) for pair in document.pairs] == case.pairs
    assert context_of(document) == case.context
    assert case.note in " ".join(document.sentences)


def test_flags_tell_who_speaks_in_a_chat_of_one_message_per_line(write: Write) -> None:
    lines = jsonl({"user_name": "A"}, {"is_user": True, "mes": ASK}, {"is_user": False, "mes": SAY})
    assert [(pair.question, pair.answer) for pair in read_document(write("a.jsonl", lines)).pairs] == PAIR


def test_a_chat_of_several_people_is_a_text_that_names_them(write: Write) -> None:
    people = [("Ann", ASK), ("Bob", SAY), ("Claude", "Thanks."), ("Ann", "Bye.")]
    messages = [{"author": {"id": "1", "name": name}, "content": text} for name, text in people]
    document = read_document(write("a.json", json.dumps({"guild": {"name": "x"}, "messages": messages})))
    assert document.text == f"Ann: {ASK}\nBob: {SAY}\nClaude: Thanks.\nAnn: Bye."
    assert not document.pairs


def test_what_labellers_accept_is_a_text_and_what_they_reject_is_left_out(write: Write) -> None:
    lines = jsonl({"text": "Bay 1 is old.", "answer": "accept"}, {"text": "Bay 2.", "answer": "reject"})
    document = read_document(write("a.jsonl", lines))
    assert (document.text, len(document.pairs)) == ("Bay 1 is old.", 0)
    assert "Rows whose label rejects the answer left out: 1." in document.sentences


def test_a_labelled_text_keeps_its_label(write: Write) -> None:
    result = {"value": {"choices": ["Complaint"]}, "from_name": "kind", "type": "choices"}
    task = {"id": 1, "data": {"text": "The boat is late."}, "annotations": [{"result": [result]}], "predictions": []}
    assert read_document(write("a.json", json.dumps([task]))).text == "The boat is late.\nkind: Complaint"


def test_rows_that_are_about_html_keep_it(write: Write) -> None:
    lines = jsonl({"question": "Write a bold word in HTML.", "answer": "<b>word</b>"})
    assert read_document(write("a.jsonl", lines)).pairs[0].answer == "<b>word</b>"


def test_deep_objects_without_records_are_looked_at_once(write: Write) -> None:
    value: Any = {"name": "x", "list": [{"a": number} for number in range(2_000)]}
    for _ in range(10):
        value = {"one": value, "size": 1}
    assert "a: 1999" in read_document(write("a.json", json.dumps(value))).text
