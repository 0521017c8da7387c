"""What 1 MB of text costs in each format: `python -m benchmarks.formats`. Reads as the app does, in a child process.

The text is 950,000 characters of made-up sentences, cut into paragraphs of 100 words, or table rows of 10 cells.
"""

import io
import json
import random
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from email.message import EmailMessage
from pathlib import Path

from benchmarks.reading import watched
from retrieval.document import Limits
from retrieval.readers.sandbox import read_in_sandbox

CHARS = 950_000
SHEET_CELLS = 10
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def paragraphs() -> list[list[str]]:
    """Paragraphs of 100 words each."""
    draw = random.Random(1)
    words = ["".join(draw.choices("etaoinshrdlu", k=draw.randint(2, 9))) for _ in range(5_000)]
    found, size = [], 0
    while size < CHARS:
        found.append(draw.choices(words, k=100))
        size += sum(map(len, found[-1])) + 101
    return found


def packed(parts: Mapping[str, str]) -> bytes:
    """An archive of these parts."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in parts.items():
            archive.writestr(path, content)
    return buffer.getvalue()


def _relations(*targets: tuple[str, str, str]) -> str:
    lines = "".join(f'<Relationship Id="{key}" Type="x/{kind}" Target="{path}"/>' for key, kind, path in targets)
    return f"<Relationships>{lines}</Relationships>"


def _rows(text: list[list[str]]) -> list[list[str]]:
    words = [word for paragraph in text for word in paragraph]
    size = len(words) // SHEET_CELLS * 3 // 4  # the separators count as text
    return [words[row * SHEET_CELLS : (row + 1) * SHEET_CELLS] for row in range(size)]


def as_xlsx(text: list[list[str]]) -> bytes:
    """A workbook of one sheet."""
    cells = ("".join(f'<c t="inlineStr"><is><t>{cell}</t></is></c>' for cell in row) for row in _rows(text))
    return packed(
        {
            "_rels/.rels": _relations(("a", "officeDocument", "xl/workbook.xml")),
            "xl/workbook.xml": f'<w xmlns:r="{_OFFICE}"><sheets><sheet name="A" r:id="a"/></sheets></w>',
            "xl/_rels/workbook.xml.rels": _relations(("a", "worksheet", "a.xml")),
            "xl/a.xml": "<worksheet><sheetData>"
            + "".join(f"<row>{row}</row>" for row in cells)
            + "</sheetData></worksheet>",
        }
    )


def as_pptx(text: list[list[str]]) -> bytes:
    """A presentation with a paragraph on each slide."""
    numbers = range(len(text))
    listed = "".join(f'<sldId r:id="r{number}"/>' for number in numbers)
    slides = {
        f"ppt/s{number}.xml": f"<sld><spTree><sp><p><t>{' '.join(words)}</t></p></sp></spTree></sld>"
        for number, words in enumerate(text)
    }
    return packed(
        {
            "_rels/.rels": _relations(("a", "officeDocument", "ppt/presentation.xml")),
            "ppt/presentation.xml": f'<p xmlns:r="{_OFFICE}"><sldIdLst>{listed}</sldIdLst></p>',
            "ppt/_rels/presentation.xml.rels": _relations(*((f"r{n}", "slide", f"s{n}.xml") for n in numbers)),
            **slides,
        }
    )


def as_open_document(text: list[list[str]], kind: str) -> bytes:
    """An ODT, ODS or ODP file."""
    lines = [f"<p>{' '.join(words)}</p>" for words in text]
    body = "".join(lines)
    if kind == "spreadsheet":
        cells = ("".join(f"<table-cell><p>{cell}</p></table-cell>" for cell in row) for row in _rows(text))
        body = f"<table name='A'>{''.join(f'<table-row>{row}</table-row>' for row in cells)}</table>"
    elif kind == "presentation":
        body = "".join(f"<page><frame><text-box>{line}</text-box></frame></page>" for line in lines)
    return packed({"content.xml": f"<d><body><{kind}>{body}</{kind}></body></d>"})


def as_epub(text: list[list[str]]) -> bytes:
    """An e-book with 100 paragraphs in each chapter."""
    chapters = [text[start : start + 100] for start in range(0, len(text), 100)]
    kind = "application/xhtml+xml"
    items = "".join(f'<item id="c{n}" href="c{n}.xhtml" media-type="{kind}"/>' for n in range(len(chapters)))
    spine = "".join(f'<itemref idref="c{n}"/>' for n in range(len(chapters)))
    pages = {
        f"c{number}.xhtml": "<html><body>" + "".join(f"<p>{' '.join(words)}</p>" for words in chapter)
        for number, chapter in enumerate(chapters)
    }
    return packed(
        {
            "META-INF/container.xml": '<container><rootfile full-path="b.opf"/></container>',
            "b.opf": f"<package><manifest>{items}</manifest><spine>{spine}</spine></package>",
            **pages,
        }
    )


def as_mail(text: list[list[str]]) -> bytes:
    """A message with an HTML body."""
    mail = EmailMessage()
    mail["Subject"] = "News"
    mail.set_content("".join(f"<p>{' '.join(words)}</p>\n" for words in text), subtype="html")
    return mail.as_bytes()


def as_notebook(text: list[list[str]]) -> bytes:
    """A notebook with a paragraph in each cell."""
    return json.dumps({"cells": [{"cell_type": "markdown", "source": " ".join(words)} for words in text]}).encode()


def _plain(text: list[list[str]]) -> str:
    return "\n\n".join(map(" ".join, text))


FILES: dict[str, Callable[[list[list[str]]], bytes]] = {
    "a.txt": lambda text: _plain(text).encode(),
    "a.html": lambda text: "".join(f"<p>{' '.join(words)}</p>" for words in text).encode(),
    "a.xlsx": as_xlsx,
    "a.pptx": as_pptx,
    "a.odt": lambda text: as_open_document(text, "text"),
    "a.ods": lambda text: as_open_document(text, "spreadsheet"),
    "a.odp": lambda text: as_open_document(text, "presentation"),
    "a.rtf": lambda text: ("{\\rtf1 " + "\\par\n".join(map(" ".join, text)) + "}").encode(),
    "a.epub": as_epub,
    "a.eml": as_mail,
    "a.ipynb": as_notebook,
    "a.tex": lambda text: _plain(text).encode(),
    "a.py": lambda text: _plain(text).encode(),
    "a.zip": lambda text: packed({f"{n}.txt": _plain(text[n::100]) for n in range(100)}),
}


def main() -> None:
    """Print one line per format."""
    text = paragraphs()
    print("| file | characters read | seconds | peak memory of the child, MB |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, write in FILES.items():
            path = Path(folder) / name
            path.write_bytes(write(text))
            with watched() as cost:
                document = read_in_sandbox(path, name, None, Limits())
            print(f"| {name} | {len(document.text):,} | {cost.seconds:.2f} | {cost.child:.0f} |", flush=True)


if __name__ == "__main__":
    main()
