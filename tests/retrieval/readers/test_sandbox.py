"""Reading in a child process: what comes back, and how it ends where nothing does."""

import io
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from playground.services.library import Library, reading_limits
from playground.settings import Settings
from playground.storage.store import Store, new_secret
from retrieval.document import Limits, NeedsMapping
from retrieval.errors import NeedsEncoding, RetrievalError
from retrieval.readers import sandbox
from retrieval.readers.dispatch import read_document
from retrieval.readers.sandbox import read_in_sandbox
from tests.conftest import Write
from tests.fakes.bombs import LIMITS, SHORT
from tests.fakes.pdf import HELLO, deflated, pdf

# The contract of `read_document`


def test_the_document_is_the_one_read_here(write: Write) -> None:
    path = write("upload", "# Café\n\nText of it.\n\n## Việt \u2028 Nam\n\nMore.")
    assert read_in_sandbox(path, "a.md", None, LIMITS) == read_document(path, "a.md", None, LIMITS)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.exe", "x"),
        ("a.txt", ""),
        ("a.txt", "ab" * 501),
        ("a.pdf", "no"),
        ("a.docx", b"\xd0\xcf\x11\xe0"),
        ("a.html", "<p>"),
    ],
)
def test_a_refusal_comes_back_word_for_word(write: Write, name: str, content: str | bytes) -> None:
    path, limits = write("upload", content), Limits(max_chars=1_000)
    with pytest.raises(RetrievalError) as here:
        read_document(path, name, None, limits)
    with pytest.raises(RetrievalError) as there:
        read_in_sandbox(path, name, None, limits)
    assert str(there.value) == str(here.value)
    assert type(there.value) is RetrievalError


def test_a_table_asks_for_its_columns_and_takes_them(write: Write) -> None:
    path = write("upload", "prompt,answer,two\nWhen does it open at all?,,At seven in the morning.\n")
    with pytest.raises(NeedsMapping, match="Choose other columns") as caught:
        read_in_sandbox(path, "a.csv", None, LIMITS)
    assert caught.value.columns == ("prompt", "answer", "two")
    assert caught.value.rows == (
        {"prompt": "When does it open at all?", "answer": "", "two": "At seven in the morning."},
    )
    (pair,) = read_in_sandbox(path, "a.csv", {"question": ["prompt"], "answer": "two"}, LIMITS).pairs
    assert pair.answer == "At seven in the morning."


def test_a_text_with_several_readings_asks_for_its_encoding_and_takes_it(write: Write) -> None:
    path = write("upload", "Привет".encode("cp1251"))
    with pytest.raises(NeedsEncoding, match="does not say its encoding") as caught:
        read_in_sandbox(path, "a.txt", None, LIMITS)
    assert ("cp1251", "Windows-1251 (Cyrillic)", "Привет") in caught.value.readings
    assert read_in_sandbox(path, "a.txt", None, LIMITS, "cp1251").text == "Привет"


def test_half_an_emoji_is_kept_as_a_sign_that_can_be_stored(write: Write) -> None:
    path = write("upload", '{"question": "Who \\ud83d", "answer": "Ann \\ud83d\\ude00", "\\udc00 note": "x"}')
    document = read_in_sandbox(path, "a.jsonl", None, LIMITS)
    assert document.columns == ("question", "answer", "\ufffd note")
    assert document.table
    assert document.table.sample == (("Who \ufffd", "Ann 😀", "x"),)
    json.dumps(document.to_dict(), ensure_ascii=False).encode()


def test_a_file_that_is_not_there_is_no_bad_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_in_sandbox(tmp_path / "nothing", "a.txt", None, LIMITS)


def test_a_relative_path_is_found(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write("a.txt", "text")
    monkeypatch.chdir(tmp_path)
    assert read_in_sandbox(Path("a.txt"), "a.txt", None, LIMITS).text == "text"


def test_the_child_starts_fast_and_sees_no_secret(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "secret")
    given = []
    popen = sandbox.subprocess.Popen
    monkeypatch.setattr(sandbox.subprocess, "Popen", lambda *args, **more: given.append(more) or popen(*args, **more))
    read_in_sandbox(write("a.txt", "text"), "a.txt", None, LIMITS)  # compiles what was not yet
    before = os.times()
    read_in_sandbox(write("a.txt", "text"), "a.txt", None, LIMITS)
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    assert used < 0.4
    assert "HF_TOKEN" not in given[0]["env"]


@pytest.mark.usefixtures("untouched")
def test_a_reader_that_waits_is_ended_by_the_clock_with_all_it_started(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = "import subprocess, time; subprocess.Popen(['sleep', '60']); time.sleep(60)"
    popen, started = sandbox.subprocess.Popen, []

    def start(command: list[str], **more: object) -> object:
        started.append(popen([command[0], "-c", program], **more))
        return started[0]

    monkeypatch.setattr(sandbox.subprocess, "Popen", start)
    with pytest.raises(
        RetrievalError, match=r"a\.txt took more than 3 seconds to read, the limit\. Add a part of it\."
    ):
        read_in_sandbox(write("a.txt", "text"), "a.txt", None, SHORT)
    members = [each for each in psutil.process_iter() if each.status() != "zombie" and _group(each) == started[0].pid]
    _, left = psutil.wait_procs(members, timeout=5)  # what was killed may take a moment to be gone
    assert not left


def _group(process: psutil.Process) -> int | None:
    try:
        return os.getpgid(process.pid)
    except ProcessLookupError:
        return None


@pytest.mark.usefixtures("untouched")
def test_more_text_than_may_come_back_is_refused(write: Write) -> None:
    with pytest.raises(RetrievalError, match="becomes 2 MB of text with headings; the limit is 1 MB"):
        read_in_sandbox(write("a.txt", "中" * 800_000), "a.txt", None, replace(LIMITS, answer_bytes=1_000_000))


def test_a_fault_in_a_reader_is_logged_and_refuses_this_file_only(
    write: Write, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(request: bytes, out: io.BytesIO, *_: object) -> int:
        out.write(
            json.dumps(sandbox.read_or_refuse({"path": "a.txt", "name": "a.txt", "mapping": None}, None)).encode()
        )
        return 0

    monkeypatch.setattr(sandbox, "run_reader", broken)
    with pytest.raises(RetrievalError, match=r"a\.txt could not be read: it is damaged\."):
        read_in_sandbox(write("a.txt", "text"), "a.txt", None, LIMITS)
    assert "Traceback" in caplog.text


@pytest.mark.usefixtures("untouched")
def test_few_children_run_at_once(write: Write) -> None:
    path = write("a.txt", "text")
    most, others = 0, len(psutil.Process().children())
    with ThreadPoolExecutor(6) as pool:
        reading = [pool.submit(read_in_sandbox, path, "a.txt", None, LIMITS) for _ in range(6)]
        while not all(each.done() for each in reading):
            most = max(most, len(psutil.Process().children()) - others)
            time.sleep(0.01)
    assert [each.result().text for each in reading] == ["text"] * 6
    assert most <= 2


# The library


@pytest.mark.usefixtures("untouched")
def test_the_library_refuses_a_bomb_and_takes_the_other_files(write: Write, settings: Settings) -> None:
    small = replace(settings, read_bytes=300_000_000, read_seconds=5, pdf_pages=7)
    store = Store(small)
    library = Library(store, small)
    bomb = write("bomb", pdf(deflated(b" " * 1_000_000, 600)))
    many = write("many", pdf(deflated(HELLO, 1), 8))
    added = library.add(
        store.visitor(new_secret()),
        [(bomb, "bomb.pdf"), (many, "many.pdf"), (write("good", "A good text."), "good.txt")],
    )
    assert [row.name for row in added.documents] == ["good.txt"]
    first, second = added.refusals
    assert first.startswith("bomb.pdf broke its reader")
    assert second == "many.pdf has 8 pages; the limit is 7. Add a part of it."


def test_the_settings_are_the_limits(settings: Settings) -> None:
    limits = reading_limits(replace(settings, text_chars=1, pdf_pages=2, read_bytes=3, read_seconds=4))
    assert (limits.max_chars, limits.max_pages, limits.memory_bytes, limits.seconds) == (1, 2, 3, 4)


@pytest.mark.skipif(os.name != "posix", reason="signals are those of POSIX")
@pytest.mark.parametrize(("code", "words"), [(None, "15 seconds"), (-24, "5 processor seconds"), (-6, "1,000 MB")])
def test_every_end_has_its_sentence(code: int | None, words: str) -> None:
    assert words in sandbox.exit_refusal("a.pdf", code, LIMITS)
