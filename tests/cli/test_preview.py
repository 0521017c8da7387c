"""`preview`: what files are taken for, and every example as the model will see it."""

import json
from pathlib import Path

from tests.fakes.command_line import RunCommand
from tests.fakes.files import jsonl


def chat(tmp_path: Path, rows: int = 4) -> None:
    turns = [
        [
            {"role": "system", "content": "You are a keeper."},
            {"role": "user", "content": f"Where is lamp {n}?"},
            {"role": "assistant", "content": f"In tower {n}."},
            {"role": "user", "content": "And the next?"},
            {"role": "assistant", "content": f"In tower {n + 1}.", "weight": n % 2},
        ]
        for n in range(rows)
    ]
    (tmp_path / "chat.jsonl").write_text(jsonl(*({"messages": each, "id": n} for n, each in enumerate(turns))))


def test_every_example_is_a_line_and_the_last_one_counts(run: RunCommand, tmp_path: Path) -> None:
    chat(tmp_path)
    ran = run("preview", "chat.jsonl", "--json")
    assert ran.code == 0, ran.err
    *lines, counts = ran.lines
    assert all(list(line) == ["kind", "prompt", "learnt", "source", "heldout"] for line in lines)
    given = [line for line in lines if line["kind"] == "given"]
    assert sorted(line["learnt"] for line in given) == sorted(
        [*(f"In tower {n}." for n in range(4)), "In tower 2.", "In tower 4."]
    )
    later = next(line for line in given if "And the next?" in line["prompt"])
    assert "You are a keeper." in later["prompt"]
    assert later["source"].startswith("chat.jsonl:")
    assert counts["examples"] == len(lines)
    (file,) = counts["documents"]
    assert (file["taken_for"], file["rows"], file["rows_used"], file["pairs"]) == ("messages", 4, 4, 6)
    assert (file["left"], file["unread_columns"]) == ({"weightless": 2}, ["id"])


def test_a_mapping_changes_what_a_table_becomes(run: RunCommand, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(
        "title,body,reply,who\nBoat,Where is it?,At sea.,Ann\nMill,Who owns it?,Bob does.,Ben\n"
    )
    words = ("preview", "t.csv", "--json", "--mapping")
    plain = run(*words, "question=title+body,answer=reply,system=who").lines
    first = next(line for line in plain[:-1] if line["learnt"] == "At sea.")
    assert "Ann" in first["prompt"]
    assert "Boat\nWhere is it?" in first["prompt"]
    mapping = json.dumps({"question": ["title", "body"], "answer": "reply", "system": "who"})
    assert run(*words, mapping).lines == plain
    for wrong, reason in (
        ("question=title", "names question and answer"),
        ("answr=reply", "no role 'answr'"),
        ("x", "ROLE=COLUMN"),
    ):
        refused = run(*words, wrong)
        assert (refused.code, refused.out) == (2, "")
        assert reason in refused.err
    missing = run(*words, "question=title,answer=nope")
    assert (missing.code, missing.out) == (2, "")
    assert "t.csv has no column 'nope'" in missing.err


def test_for_a_person_it_says_what_files_were_taken_for(run: RunCommand, tmp_path: Path) -> None:
    chat(tmp_path)
    out = run("preview", "chat.jsonl").out
    assert "Taken for conversations (chat: messages): 4 of 4 rows became 6 answers to learn." in out
    assert ">>> learnt: In tower 0." in out
