"""Reads pictures of text (PNG, JPEG, TIFF, WEBP): each picture or frame is a page that is recognised."""

import io

from PIL import Image, ImageOps, ImageSequence

from retrieval.document import Document, DocumentBuilder, Limits
from retrieval.errors import RetrievalError
from retrieval.readers import pdf_layout
from retrieval.readers.cleaning import Cleaner
from retrieval.readers.ocr import DPI, HOW_TO_GET, LATE, POINTS, OutOfTime, Recogniser, ocr_note
from retrieval.readers.pdf import repair_lines
from retrieval.readers.pdf_layout import Page

KINDS = ("PNG", "JPEG", "TIFF", "WEBP")


def read_image(data: bytes, name: str, limits: Limits) -> Document:
    """The text on a picture; a frame that the time does not suffice for is left out and counted.

    Raises:
        RetrievalError: no readable picture, too large, without text, or there is nothing to recognise it with.
    """
    recogniser = Recogniser(limits)
    if not recogniser:
        raise RetrievalError(f"{name} is a picture. {HOW_TO_GET} on it first and add the text.")
    pages, late = _pages(data, name, limits, recogniser)
    if not any(pages):
        raise RetrievalError(f"{name} has no text on it that can be recognised. Add a sharper picture, or its text.")
    builder, cleaner = DocumentBuilder(limits.max_chars), Cleaner()
    for block in pdf_layout.blocks(repair_lines(pages, cleaner)):
        start = builder.heading(block.text, block.level) if block.level else builder.add(block.text, block.joint)
        builder.page(start, str(block.page))
    for number in range(late):
        builder.leave_out(LATE, place=str(len(pages) + number + 1))
    return builder.document(
        name, [*cleaner.notes(), ocr_note([number for number, page in enumerate(pages, start=1) if page])]
    )


def _pages(data: bytes, name: str, limits: Limits, recogniser: Recogniser) -> tuple[list[Page], int]:
    """The lines of every frame, and how many frames were too late."""
    pages: list[Page] = []
    try:
        with Image.open(io.BytesIO(data), formats=KINDS) as image:
            count = sum(1 for _ in ImageSequence.Iterator(image))
            for number, frame in enumerate(ImageSequence.Iterator(image)):
                if count > limits.max_pages:
                    raise RetrievalError(
                        f"{name} has {count} pages; the limit is {limits.max_pages}. Add a part of it."
                    )
                if frame.width * frame.height > limits.ocr_pixels:
                    size, most = frame.width * frame.height / 1e6, limits.ocr_pixels // 1_000_000
                    raise RetrievalError(
                        f"{name} has {size:.0f} million pixels; the limit is {most}. Add a smaller one."
                    )
                upright = ImageOps.exif_transpose(frame) or frame
                scale = POINTS / DPI
                try:
                    pages.append(recogniser.read(upright, upright.width * scale, upright.height * scale))
                except OutOfTime:
                    return pages, count - number
    except RetrievalError:
        raise
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise RetrievalError(f"{name} is not a readable picture: it is damaged. Save it again as PNG.") from error
    return pages, 0
