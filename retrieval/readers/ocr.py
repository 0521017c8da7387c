"""Reads pictures of text with the `tesseract` command, where it is installed, as lines with their places on the page.

The picture that the command gets is made here, plain and bounded; it runs in the reading process's own group, with its
limits on memory and processor time, and is killed with it.
"""

import csv
import io
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from statistics import mean, median

from PIL import Image

from retrieval.document import Limits
from retrieval.notes import Note
from retrieval.readers.pdf_layout import Line, Page

HOW_TO_GET = "Install Tesseract on this machine (Debian: apt-get install tesseract-ocr), or run text recognition (OCR)"
LATE = "Pages left as pictures"
DPI = 300  # at which Tesseract reads best
LEAST_SURE = 30  # of 100: lines below are specks and pictures
TITLE = 1.4  # least height of a title, relative to the usual line: it depends on the letters
BROKEN = "\x02"  # stands for the hyphen of a word that the end of a line broke, as PDFium writes it
POINTS = 72
TAIL = 0.25  # of a line's height that hangs below its baseline
_WORD = "5"  # the level of a row of Tesseract's table


class OutOfTime(Exception):
    """The time for recognising the texts of this file is over."""


class Recogniser:
    """Recognises the pictures of one file, within one time limit for all of them."""

    def __init__(self, limits: Limits) -> None:
        self._languages = "+".join(known_languages(limits.ocr_languages))
        self._pixels = limits.ocr_pixels
        self._ends = time.monotonic() + limits.ocr_seconds

    def __bool__(self) -> bool:
        """Whether there is a command and a language to read with."""
        return bool(self._languages)

    def scale(self, width: float, height: float) -> float:
        """By how much to enlarge a page of this size in points, so that its picture stays within the limit."""
        return min(DPI / POINTS, (self._pixels / max(1.0, width * height)) ** 0.5)

    def read(self, picture: Image.Image, width: float, height: float) -> Page:
        """The lines of a picture of a page of this size in points.

        Raises:
            OutOfTime: the time was over before the end.
        """
        seconds = self._ends - time.monotonic()
        if seconds <= 0:
            raise OutOfTime
        file = io.BytesIO()
        picture.convert("L").save(file, "PPM")
        command = ["tesseract", "stdin", "stdout", "--dpi", str(DPI), "-l", self._languages, "tsv"]
        environment = {**os.environ, "OMP_THREAD_LIMIT": "1"}  # more threads take more time in all
        try:
            run = subprocess.run(command, input=file.getvalue(), capture_output=True, timeout=seconds, env=environment)
        except subprocess.TimeoutExpired as error:
            raise OutOfTime from error
        return list(_lines(run.stdout.decode("utf-8", "replace"), width / picture.width, height))


def ocr_note(pages: Sequence[int]) -> Note:
    """The note that names the pages that were recognised."""
    return Note("ocr", words=", ".join(map(str, pages)))


def is_installed() -> bool:
    """Whether the command is there."""
    return shutil.which("tesseract") is not None


def known_languages(wanted: str) -> list[str]:
    """Those of some languages, such as "eng+vie", that the command can read; none where it is not installed."""
    if not wanted or not is_installed():
        return []
    listed = subprocess.run(["tesseract", "--list-langs"], capture_output=True, text=True, timeout=10).stdout.split()
    return [each for each in wanted.split("+") if each in listed]


def _lines(table: str, scale: float, height: float) -> Iterator[Line]:
    """The lines of Tesseract's table of words, in its reading order; all but titles of the page's usual size."""
    rows = csv.DictReader(io.StringIO(table), delimiter="\t", quoting=csv.QUOTE_NONE)
    words = [row for row in rows if row["level"] == _WORD and row["text"].strip()]
    lines = [
        list(group) for _, group in groupby(words, lambda row: (row["block_num"], row["par_num"], row["line_num"]))
    ]
    lines = [line for line in lines if mean(float(word["conf"]) for word in line) >= LEAST_SURE]
    heights = [(_bottom(line) - _top(line)) * scale for line in lines]
    usual = median(heights) if heights else 0.0
    for line, own, text in zip(lines, heights, _joined_texts(lines), strict=True):
        left, right = int(line[0]["left"]), int(line[-1]["left"]) + int(line[-1]["width"])
        size = own if own > TITLE * usual else usual
        base = height - _bottom(line) * scale + TAIL * own
        yield Line(text, left * scale, height - _top(line) * scale, right * scale, base, round(size, 1))


def _joined_texts(lines: list[list[dict[str, str]]]) -> list[str]:
    """The texts of the lines; a word that the end of a line broke goes to the first, with a mark for its hyphen."""
    texts = [" ".join(word["text"] for word in line) for line in lines]
    for place, (one, two) in enumerate(pairwise(lines)):
        first, _, rest = texts[place + 1].partition(" ")
        same = one[0]["block_num"] == two[0]["block_num"] and one[0]["par_num"] == two[0]["par_num"]
        if same and rest and re.search(r"\w-$", texts[place]) and first[0].islower():
            texts[place], texts[place + 1] = f"{texts[place][:-1]}{BROKEN}{first}", rest
    return texts


def _top(line: list[dict[str, str]]) -> int:
    return min(int(word["top"]) for word in line)


def _bottom(line: list[dict[str, str]]) -> int:
    return max(int(word["top"]) + int(word["height"]) for word in line)
