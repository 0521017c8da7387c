"""PDF files made by hand, also very large ones."""

import re
import zlib

HELLO = b"BT /F1 10 Tf 72 700 Td (hello world) Tj ET\n"  # what a page shows


def deflated(unit: bytes, times: int) -> bytes:
    """So many times these bytes, compressed without ever being whole."""
    packer = zlib.compressobj(9)
    return b"".join([*(packer.compress(unit) for _ in range(times)), packer.flush()])


def pdf(stream: bytes, pages: int = 1) -> bytes:
    """A PDF whose pages all show this deflated stream."""
    kids = b" ".join(b"%d 0 R" % (5 + page) for page in range(pages))
    page = b"/Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R /Resources << /Font << /F1 3 0 R >> >>"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count %d /Kids [%s] >>" % (pages, kids),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream" % (len(stream), stream),
        *[b"<< %s >>" % page] * pages,
    ]
    data, offsets = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    trailer = b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, len(data))
    return data + b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + table + trailer


def text_pdf(pages: list[list[tuple[int, int, str]]], extra: str = "", size: int = 10) -> bytes:
    """A PDF whose pages hold lines of Helvetica at (x, y)."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", ""]
    objects.append("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    kids = []
    for lines in pages:
        stream = "".join(f"BT /F1 {size} Tf {x} {y} Td ({text}) Tj ET\n" for x, y, text in lines)
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}endstream")
        kids.append(f"{len(objects) + 1} 0 R")
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents {len(objects)} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>"
        )
    objects[1] = f"<< /Type /Pages /Count {len(kids)} /Kids [{' '.join(kids)}] >>"
    data, offsets = "%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(data))
        data += f"{number} 0 obj\n{content}\nendobj\n"
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    trailer = f"trailer << /Size {len(objects) + 1} /Root 1 0 R {extra} >>\nstartxref\n{len(data)}\n%%EOF"
    return f"{data}xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}{trailer}".encode("latin-1")


def with_stream(data: bytes, before: str) -> bytes:
    """A tiny PDF with more at the start of its first page; its table of offsets is off, which readers repair."""
    head, rest = data.split(b"stream\n", 1)
    length = int(re.search(rb"/Length (\d+)", head)[1])
    head = head.replace(b"/Length %d" % length, b"/Length %d" % (length + len(before)))
    return head + b"stream\n" + before.encode() + rest


def raw_pdf(stream: str, notes: list[str] | None = None) -> bytes:
    """A PDF of one page with this content, and these form fields and notes."""
    notes = notes or []
    numbers = " ".join(f"{6 + place} 0 R" for place in range(len(notes)))
    objects = [
        f"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [{numbers}] /DA (/F1 12 Tf 0 g) >> >>",
        "<< /Type /Pages /Count 1 /Kids [4 0 R] >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 5 0 R "
        f"/Resources << /Font << /F1 3 0 R >> >> /Annots [{numbers}] >>",
        f"<< /Length {len(stream)} >>\nstream\n{stream}endstream",
        *notes,
    ]
    numbered = "".join(f"{place} 0 obj\n{content}\nendobj\n" for place, content in enumerate(objects, start=1))
    return f"%PDF-1.4\n{numbered}trailer << /Root 1 0 R >>\n%%EOF".encode("latin-1")
