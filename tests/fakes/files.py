"""Files of every type, made in code."""

import io
import json

from docx.document import Document as WordDocument

from retrieval.document import Document


def jsonl(*rows: object) -> str:
    return "\n".join(json.dumps(row) for row in rows)


def labels(document: Document) -> list[str]:
    return [span.label for span in document.headings]


def word_file(document: WordDocument) -> bytes:
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()
