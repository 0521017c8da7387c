"""How much of real files is read, and what a decompression bomb costs: `python -m benchmarks.reading --data FOLDER`.

Needs a folder with `debian_faq/`. Every file is read as the app does, in a child process with the default limits.

The measure is the share of the TXT's words (with their counts) that come back, and of what was read that is in the TXT.
The TXT is the publisher's own. Words that only it prints count as lost all the same: an address twice over
("https://a (https://a)"), and after "see Section 4.4" that section's title, which the PDF leaves out. An HTML file is
one chapter, so it is compared with that chapter of the TXT, below the title.
"""

import argparse
import io
import re
import tempfile
import threading
import time
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import docx
import psutil

from retrieval.document import Document, Limits
from retrieval.errors import RetrievalError
from retrieval.readers.sandbox import read_in_sandbox

HTML_CHAPTERS = {"basic-defs": (1, 2), "choosing": (3, 4), "pkg-basics": (7, 8)}
SAMPLE_SECONDS = 0.005
SHOWN = b"BT /F1 10 Tf 72 700 Td (hello world) Tj ET\n"
_HEADING = re.compile(r"(?:Chapter\s|\d+(?:\.\d+)+\. )")


@dataclass
class Cost:
    """Wall-clock seconds, the child's peak memory and the growth of this process, in MB."""

    seconds: float = 0.0
    child: float = 0.0
    own: float = 0.0
    done: threading.Event = field(default_factory=threading.Event)


@contextmanager
def watched() -> Iterator[Cost]:
    """Measure what happens within."""
    cost, begun, before = Cost(), time.perf_counter(), _megabytes(psutil.Process())
    sampler = threading.Thread(target=_sample, args=(cost,))
    sampler.start()
    try:
        yield cost
    finally:
        cost.seconds = time.perf_counter() - begun
        cost.done.set()
        sampler.join()
        cost.own = _megabytes(psutil.Process()) - before


def _sample(cost: Cost) -> None:
    while not cost.done.wait(SAMPLE_SECONDS):
        for child in psutil.Process().children():
            try:
                cost.child = max(cost.child, _megabytes(child))
            except psutil.NoSuchProcess:
                continue


def _megabytes(process: psutil.Process) -> float:
    return process.memory_info().rss / 1e6


def texts(folder: Path, made: Path) -> Iterator[tuple[Path, str]]:
    """Files, each with the words that should be read from it."""
    truth = (folder / "debian-faq.en.txt").read_text(encoding="utf-8")
    yield folder / "debian-faq.en.txt", truth
    yield folder / "debian-faq.en.pdf", truth
    body = truth[truth.index("Chapter\xa01.") :]
    for name, (first, following) in HTML_CHAPTERS.items():
        chapter = body[body.index(f"Chapter\xa0{first}.") : body.index(f"\nChapter\xa0{following}.")]
        yield folder / f"{name}.en.html", chapter[chapter.index("\n") :]
    yield as_docx(truth, made / "debian-faq.en.docx"), truth


def as_docx(text: str, path: Path) -> Path:
    """A Word file of this text: its paragraphs, and its headings by their numbers."""
    word = docx.Document()
    for paragraph in re.split(r"\n\s*\n", text):
        said = " ".join(paragraph.split())
        if _HEADING.match(said) and len(said) < 200:
            word.add_heading(said, 1 if said.startswith("Chapter") else 2)
        elif said:
            word.add_paragraph(said)
    word.save(path)
    return path


def recovered(truth: str, document: Document) -> tuple[float, float]:
    """Recall and precision of the words read."""
    wanted, had = _words(truth), _words(document.text)
    both = sum((wanted & had).values())
    return both / sum(wanted.values()), both / sum(had.values())


def _words(text: str) -> Counter[str]:
    return Counter(re.findall(r"\w+", text.lower()))


def _word(change: Callable[[str, bytes], bytes]) -> bytes:
    plain, changed = io.BytesIO(), io.BytesIO()
    docx.Document().save(plain)
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return changed.getvalue()


def _body(xml: bytes) -> bytes:
    return _word(
        lambda name, data: data.replace(b"<w:body>", b"<w:body>" + xml) if name == "word/document.xml" else data
    )


def _deflated(unit: bytes, times: int) -> bytes:
    packer = zlib.compressobj(9)
    return b"".join([*(packer.compress(unit) for _ in range(times)), packer.flush()])


def _pdf(stream: bytes, pages: int = 1, filters: bytes = b"/FlateDecode") -> bytes:
    """A PDF without an object table, so that PDFium has to rebuild it; every page shows the stream."""
    kids = b" ".join(b"%d 0 R" % (5 + page) for page in range(pages))
    page = b"/Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R /Resources << /Font << /F1 3 0 R >> >>"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count %d /Kids [%s] >>" % (pages, kids),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Length %d /Filter [%s] >>\nstream\n%s\nendstream" % (len(stream), filters, stream),
        *[b"<< %s >>" % page] * pages,
    ]
    numbered = b"".join(b"%d 0 obj\n%s\nendobj\n" % each for each in enumerate(objects, start=1))
    return b"%PDF-1.4\n" + numbered + b"trailer << /Root 1 0 R >>\n%%EOF"


BOMBS: dict[str, Callable[[], bytes]] = {
    "300 MB of blanks.docx": lambda: _word(
        lambda name, data: data + b" " * (300_000_000 * (name == "docProps/core.xml"))
    ),
    "9 M empty paragraphs.docx": lambda: _body(b"<w:p/>" * 9_000_000),
    "1 M table rows.docx": lambda: _body(b"<w:tbl>" + b"<w:tr><w:tc><w:p/></w:tc></w:tr>" * 1_000_000 + b"</w:tbl>"),
    "2 GB of blanks.pdf": lambda: _pdf(_deflated(b" " * 1_000_000, 2_000)),
    "4 GB deflated twice.pdf": lambda: _pdf(
        zlib.compress(_deflated(b" " * 1_000_000, 4_000), 9), filters=b"/FlateDecode /FlateDecode"
    ),
    "2.5 M lines on a page.pdf": lambda: _pdf(_deflated(SHOWN * 1_000, 2_500)),
    "20,000 lines on each of 900 pages.pdf": lambda: _pdf(_deflated(SHOWN * 1_000, 20), 900),
    "1,001 pages.pdf": lambda: _pdf(_deflated(SHOWN, 1), 1_001),
    "nested 100,000 deep.html": lambda: b"<div>" * 100_000 + b"deep",
    "1 M list entries.html": lambda: b"<ul>" + b"<li>a" * 1_000_000,
    "2.5 M rows.csv": lambda: b"question,answer\n" + b"a,b\n" * 2_490_000,
    "3 M instances in a row.jsonl": lambda: b'{"instances":[' + b"{}," * 3_000_000 + b'{"question":"a","answer":"b"}]}',
    "10 MB garbled.txt": lambda: "schÃ¶n und fÃ¼r ".encode() * 500_000,
    "9 MB of blanks.txt": lambda: b" " * 9_000_000 + b"x",
}


def text_rows(folder: Path) -> Iterator[str]:
    """One line per file."""
    yield "| file | words recovered | of what was read, in the TXT | seconds | peak memory of the child, MB |"
    yield "|---|---|---|---|---|"
    with tempfile.TemporaryDirectory() as made:
        for path, truth in texts(folder, Path(made)):
            with watched() as cost:
                document = read_in_sandbox(path, path.name, None, Limits())
            share, right = recovered(truth, document)
            yield f"| {path.name} | {share:.2%} | {right:.2%} | {cost.seconds:.2f} | {cost.child:.0f} |"


def bomb_rows() -> Iterator[str]:
    """One line per bomb, which is made and read in turn."""
    yield "| bomb | outcome | seconds | peak memory of the child, MB | this process grew by, MB |"
    yield "|---|---|---|---|---|"
    for name, make in BOMBS.items():
        with tempfile.TemporaryDirectory() as made:
            path = Path(made) / "bomb"
            path.write_bytes(make())
            with watched() as cost:
                outcome = _outcome(path, name)
        yield f"| {name} | {outcome} | {cost.seconds:.1f} | {cost.child:.0f} | {cost.own:.0f} |"


def _outcome(path: Path, name: str) -> str:
    try:
        return f"read: {len(read_in_sandbox(path, name, None, Limits()).text):,} characters"
    except RetrievalError as refusal:
        return str(refusal).removeprefix(name).strip()


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with debian_faq")
    options = parser.parse_args()
    for row in text_rows(options.data / "debian_faq"):
        print(row, flush=True)
    print()
    for row in bomb_rows():
        print(row, flush=True)


if __name__ == "__main__":
    main()
