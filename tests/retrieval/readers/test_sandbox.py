"""Reading in a child process: what comes back, and that a bomb costs one sentence and the app nothing."""

import io
import json
import os
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import docx
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
from tests.fakes.packed import open_document, packed, shape, slides, workbook
from tests.fakes.pdf import HELLO, deflated, pdf

LIMITS = Limits(seconds=5)
SMALL = Limits(seconds=5, memory_bytes=300_000_000)
SHORT = Limits(seconds=1)


@pytest.fixture
def untouched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Afterwards no new process and no temporary file is left, and this process has not grown."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setenv("TMPDIR", str(temporary))
    before, children = psutil.Process().memory_info().rss, set(psutil.Process().children(recursive=True))
    yield
    assert psutil.Process().memory_info().rss - before < 60_000_000
    assert not list(temporary.iterdir())
    assert not set(psutil.Process().children(recursive=True)) - children


def word(change: Callable[[str, bytes], bytes]) -> bytes:
    """A Word file whose parts went through `change`."""
    plain, changed = io.BytesIO(), io.BytesIO()
    document = docx.Document()
    document.add_paragraph("hello")
    document.save(plain)
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return changed.getvalue()


def in_body(xml: bytes) -> Callable[[str, bytes], bytes]:
    return lambda name, data: data.replace(b"<w:body>", b"<w:body>" + xml) if name == "word/document.xml" else data


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


# Bombs


BOMBS = {
    "text.docx": (
        lambda: word(lambda name, data: data + b" " * 200_000_000 if name == "docProps/core.xml" else data),
        LIMITS, "unpacks to 200 MB; the limit is 100 MB",
    ),
    "paragraphs.docx": (lambda: word(in_body(b"<w:p/>" * 9_000_000)), LIMITS, "unpacks to 54 MB of XML; .* 40 MB"),
    "rows.docx": (
        lambda: word(in_body(b"<w:tbl>" + b"<w:tr><w:tc><w:p/></w:tc></w:tr>" * 1_000_000 + b"</w:tbl>")),
        SMALL, "damaged, or holds too much|300 MB of memory",
    ),
    "blanks.pdf": (lambda: pdf(deflated(b" " * 1_000_000, 600)), SMALL, "300 MB of memory, the limit"),
    "words.pdf": (lambda: pdf(deflated(HELLO * 1_000, 2_000)), SMALL, "300 MB of memory, the limit"),
    "pages.pdf": (lambda: pdf(deflated(HELLO * 1_000, 20), 900), SHORT, "more than 1 processor seconds"),
    "many.pdf": (lambda: pdf(deflated(HELLO, 1), 1_001), LIMITS, "has 1001 pages; the limit is 1000"),
    "deep.html": (lambda: b"<div>" * 100_000 + b"deep", LIMITS, "more than 10,000 deep, the limit"),
    "cells.xlsx": (
        lambda: packed(workbook({"A": "<sheetData>" + "<row><c/></row>" * 2_500_000 + "</sheetData>"})),
        LIMITS, "37 MB of XML|more than fits into 1,000 MB of memory",
    ),
    "far.ods": (
        lambda: packed(open_document(
            '<table:table><table:table-row table:number-rows-repeated="99999999"><table:table-cell '
            'table:number-columns-repeated="99999999"><text:p>text</text:p></table:table-cell></table:table-row>'
            "</table:table>", "spreadsheet",
        )),
        LIMITS, "more than 1,000,000 characters|1,000 MB of memory",
    ),
    "entities.pptx": (
        lambda: packed({**slides(shape("a")), "ppt/slides/s0.xml": '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>'}),
        LIMITS, "declares XML entities",
    ),
    "groups.rtf": (lambda: b"{\\rtf1" + b"{" * 5_000_000, LIMITS, "more than 10,000 deep, the limit"),
    "blanks.zip": (lambda: packed({"a.txt": b" " * 200_000_000}), LIMITS, "unpacks to 200 MB; the limit is 100 MB"),
    "nested.ipynb": (lambda: b"[" * 5_000_000, LIMITS, "it is no JSON"),
    "rows.csv": (lambda: b"question,answer\n" + b"a,b\n" * 2_000_000, SMALL, "300 MB of memory, the limit"),
    "long.csv": (lambda: b"text\n" + b"some more words\n" * 100_000, LIMITS, "more than 1,000,000 characters"),
    "garbled.txt": (lambda: "schÃ¶n ".encode() * 1_000_000, SHORT, "more than 1 processor seconds"),
}  # fmt: skip


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_costs_one_sentence_and_nothing_else(write: Write, name: str) -> None:
    make, limits, message = BOMBS[name]
    path = write("upload", make())
    begun, own = time.monotonic(), time.process_time()
    with pytest.raises(RetrievalError, match=rf"^{name} .*({message}).*\.$"):
        read_in_sandbox(path, name, None, limits)
    assert time.monotonic() - begun < limits.clock_seconds + 2
    assert time.process_time() - own < 0.5


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
        read_in_sandbox(write("a.txt", "é" * 400_000), "a.txt", None, replace(LIMITS, answer_bytes=1_000_000))


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
