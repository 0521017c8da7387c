"""Small files that become very large, or never end, or point outside: at least one for each reader."""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable

import docx
import pyarrow
import pyarrow.parquet

from retrieval.document import Limits
from tests.fakes.packed import book, open_document, packed, shape, slides, workbook
from tests.fakes.pdf import HELLO, deflated, pdf

LIMITS = Limits(seconds=5)
SMALL = Limits(seconds=5, memory_bytes=300_000_000)
SHORT = Limits(seconds=1)
SECONDS = "more than 1 processor seconds|more than 3 seconds"  # by the clock where the machine is busy
ENTITIES, DEEP = "declares XML entities", "nested too deeply"
LAUGHS = (
    '<!DOCTYPE a [<!ENTITY e0 "ha">'
    + "".join(f'<!ENTITY e{number} "{f"&e{number - 1};" * 10}">' for number in range(1, 10))
    + "]>"
)


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


def laughing(parts: dict[str, str], path: str) -> bytes:
    """A packed file one of whose parts declares entities that expand to a thousand million words."""
    return packed({**parts, path: LAUGHS + parts.get(path, "<a>&e9;</a>")})


def nested(tag: str, times: int) -> str:
    return f"<{tag}>" * times + "deep" + f"</{tag}>" * times


def message(body: bytes) -> bytes:
    return b"From: ann@example.org\nSubject: Bomb\n" + body


def parts_within_parts(depth: int) -> bytes:
    """Attachments inside attachments."""
    return message(b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(depth)))


def repeated_cell(chars: int, rows: int) -> bytes:
    """A Parquet file that holds one text once and shows it in every row."""
    texts = pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * rows, pyarrow.int32()), ["w " * (chars // 2)])
    return parquet(texts)


def parquet(column: pyarrow.Array) -> bytes:
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table({"text": column}), buffer, compression="zstd")
    return buffer.getvalue()


def png(side: int) -> bytes:
    """A white square; its pixels are packed without ever being whole."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    rows = deflated(b"\0" + b"\xff" * ((side + 7) // 8), side)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def jpeg(side: int) -> bytes:
    """A header that promises a square of so many pixels."""
    return b"\xff\xd8\xff\xc0\0\x0b\x08" + struct.pack(">HH", side, side) + b"\x01\x01\x11\0"


def tiff() -> bytes:
    """A picture of one pixel whose next page is itself."""
    tags = ((256, 1), (257, 1), (258, 1), (259, 1), (262, 1), (273, 8), (277, 1), (278, 1), (279, 1))
    page = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0" + struct.pack("<I", 8) + page + struct.pack("<I", 8)


def webp(side: int) -> bytes:
    """A header that promises a square of so many pixels."""
    frame = b"VP8L" + struct.pack("<IBI", 24, 0x2F, (side - 1) | (side - 1) << 14) + bytes(19)
    return b"RIFF" + struct.pack("<I", len(frame) + 4) + b"WEBP" + frame


def subtitles(line: str, times: int) -> bytes:
    return b"".join(b"00:00:01,000 --> 00:00:02,000\n%s\n\n" % line.encode() for _ in range(times))


PICTURE = "is not a readable picture|million pixels|is a picture|needs more than"
Bomb = tuple[Callable[[], bytes], Limits, str]

# By the file's name: what makes it, the limits it is read with, and the refusal.
BOMBS: dict[str, Bomb] = {
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
    "pages.pdf": (lambda: pdf(deflated(HELLO * 1_000, 20), 900), SHORT, SECONDS),
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
        LIMITS, "more than 1,000,000 characters|1,000 MB of memory|seconds",
    ),
    "entities.pptx": (
        lambda: packed({**slides(shape("a")), "ppt/slides/s0.xml": '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>'}),
        LIMITS, ENTITIES,
    ),
    "groups.rtf": (lambda: b"{\\rtf1" + b"{" * 5_000_000, LIMITS, "more than 10,000 deep, the limit"),
    "blanks.zip": (lambda: packed({"a.txt": b" " * 200_000_000}), LIMITS, "unpacks to 200 MB; the limit is 100 MB"),
    "nested.ipynb": (lambda: b"[" * 5_000_000, LIMITS, "it is no JSON"),
    "rows.csv": (lambda: b"question,answer\n" + b"a,b\n" * 2_000_000, SMALL, "300 MB of memory, the limit|seconds"),
    "long.csv": (lambda: b"text\n" + b"some more words\n" * 100_000, LIMITS, "more than 1,000,000 characters"),
    "garbled.txt": (lambda: "schÃ¶n ".encode() * 1_000_000, SHORT, SECONDS),
    "laughs.odt": (lambda: laughing(open_document("<text:p>&e9;</text:p>"), "content.xml"), LIMITS, ENTITIES),
    "sections.odt": (lambda: packed(open_document(nested("text:section", 50_000))), LIMITS, DEEP),
    "spans.odt": (
        lambda: packed(open_document(f"<text:p>{nested('text:span', 50_000)}</text:p>")), LIMITS, DEEP
    ),
    "laughs.odp": (lambda: laughing(open_document("<draw:page/>", "presentation"), "styles.xml"), LIMITS, ENTITIES),
    "groups.odp": (
        lambda: packed(open_document(f"<draw:page>{nested('draw:g', 50_000)}</draw:page>", "presentation")),
        LIMITS, DEEP,
    ),
    "pages.odp": (
        lambda: packed(open_document("<draw:page><text:p>a</text:p></draw:page>" * 900_000, "presentation")),
        SHORT, f"37 MB of XML|{SECONDS}|memory",
    ),
    "laughs.ods": (lambda: laughing(open_document("", "spreadsheet"), "content.xml"), LIMITS, ENTITIES),
    "laughs.xlsm": (lambda: laughing(workbook({"A": ""}), "xl/sharedStrings.xml"), LIMITS, ENTITIES),
    "laughs.epub": (lambda: laughing(book("<p>text"), "book.opf"), LIMITS, ENTITIES),
    "deep.epub": (lambda: packed(book("<div>" * 100_000 + "deep")), LIMITS, "more than 10,000 deep, the limit"),
    "blanks.epub": (lambda: packed(book(" " * 200_000_000)), LIMITS, "unpacks to 200 MB; the limit is 100 MB"),
    "paragraphs.epub": (lambda: packed(book("<p>" * 20_000_000)), SHORT, f"{SECONDS}|memory"),
    "itself.epub": (
        lambda: packed({"META-INF/container.xml": '<a><rootfile full-path="META-INF/container.xml"/></a>'}),
        LIMITS, "has no text in it",
    ),
    "parts.eml": (lambda: parts_within_parts(50_000), LIMITS, "more than 1,000 parts, the limit"),
    "forwarded.eml": (
        lambda: message(b"Content-Type: message/rfc822\n\nSubject: a\n" * 50_000),
        LIMITS, "more than 1,000 parts, the limit",
    ),
    "borders.eml": (
        lambda: message(b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\ntext\n" * 900_000), SHORT, SECONDS
    ),
    "sender.eml": (lambda: b"From: " + b"(" * 1_000_000 + b"\n\ntext", SMALL, "300 MB of memory|nested too deeply"),
    "page.eml": (
        lambda: message(b"Content-Type: text/html\n\n" + b"<div>" * 100_000), LIMITS, "more than 10,000 deep, the limit"
    ),
    "macros.tex": (lambda: rb"\def\a{\a\a}" * 100_000 + b"text", LIMITS, "characters"),
    "cues.srt": (lambda: subtitles("and no end of it", 80_000), LIMITS, "characters"),
    "sound.srt": (lambda: subtitles("♪" + " " * 1_000_000 + "x", 3), SHORT, SECONDS),
    "cues.vtt": (lambda: b"WEBVTT\n\n" + subtitles("and no end of it.", 80_000), LIMITS, "characters"),
    "repeated.parquet": (lambda: repeated_cell(2_000_000, 100_000), SMALL, "300 MB of memory, the limit"),
    "nothing.parquet": (lambda: parquet(pyarrow.nulls(3_000_000)), SHORT, f"{SECONDS}|memory"),
    "large.png": (lambda: png(20_000), LIMITS, PICTURE),
    "large.jpg": (lambda: jpeg(65_000), LIMITS, PICTURE),
    "itself.tif": (tiff, LIMITS, PICTURE),
    "large.webp": (lambda: webp(16_384), LIMITS, PICTURE),
    "deep.xhtml": (lambda: b"<div>" * 100_000 + b"deep", LIMITS, "more than 10,000 deep, the limit"),
    "deep.json": (lambda: b"[" * 5_000_000, LIMITS, "nested too deeply|no readable JSON"),
    "deep.jsonl": (lambda: b'{"text":' * 1_000_000, LIMITS, "nested too deeply|no readable JSON"),
    "rows.tsv": (lambda: b"question\tanswer\n" + b"a\tb\n" * 2_000_000, SMALL, "300 MB of memory, the limit|seconds"),
    **{
        f"long{ending}": (lambda: b"one more line\n" * 80_000, LIMITS, "characters")
        for ending in (".md", ".rst", ".py", ".xml")
    },
}  # fmt: skip
