"""Reads subtitles (SRT, WebVTT, SBV) as sentences, without their numbers, time codes, marks and notices of sounds."""

import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from retrieval.document import DocumentBuilder

_TIME = r"(?:(\d{1,3}):)?(\d{1,2}):(\d{2})[.,](\d{1,3})"
_CUE = re.compile(rf"^\s*{_TIME}\s*(?:-->|,)\s*{_TIME}(?:\s.*)?$")
_VOICE = re.compile(r"<v(?:\.[\w.]+)?\s+([^>]{1,80})>")
_MARKS = re.compile(r"<(?=/?[A-Za-z]|\d+:)[^<>]{0,200}>|\{\\[^{}]{0,200}\}")
_SOUND = re.compile(r"^[-–]?\s*(?:\[[^\]]*\]|\([^)]*\)|[♪♫#\s]+|\*[^*]+\*)\s*$")
_NEW_VOICE = re.compile(r"^(?:[-–—]\s*\S|[^\W\d_][\w .'-]{0,30}:\s)")
_ENDS = re.compile(r"[.!?…。！？][\"'”’»)\]]*$")
_HEADER = re.compile(r"^(?:WEBVTT|NOTE|STYLE|REGION|X-TIMESTAMP-MAP)\b")
PAUSE = 4.0  # seconds between two cues from which a new paragraph begins
PARAGRAPH_CHARS = 600  # after which a paragraph ends with its sentence
LONGEST_PARAGRAPH = 2_400  # characters after which it ends anyway: captions made by machines have no full stops
SOUNDS, NOTES = "Notices of sounds", "Notes of the subtitles"


@dataclass
class _Cue:
    """One subtitle: its first and last second, and its lines."""

    start: float
    end: float
    lines: list[str] = field(default_factory=list)


def is_subtitles(text: str) -> bool:
    """Whether a text is subtitles: several time codes, each with a few lines."""
    lines = [line for line in text.splitlines() if line.strip()]
    cues = sum(bool(_CUE.match(line)) for line in lines)
    return cues >= 2 and 6 * cues >= len(lines)


def add_subtitles(text: str, builder: DocumentBuilder, clean: Callable[[str], str]) -> int:
    """Append the sentences of subtitles; returns the number of cues whose time codes are left out."""
    before: _Cue | None = None
    paragraph = ""
    cues = list(_cues(text, builder))
    for cue in cues:
        lines = _new_lines(cue, before)
        pause = before is not None and cue.start - before.end > PAUSE
        if paragraph and (pause or _is_full(paragraph)):
            builder.add(clean(paragraph))
            paragraph = ""
        for line in lines:
            joint = "\n" if _NEW_VOICE.match(line) else " "
            paragraph = f"{paragraph}{joint}{line}" if paragraph else line
        before = cue
    if paragraph:
        builder.add(clean(paragraph))
    return len(cues)


def _is_full(paragraph: str) -> bool:
    """Whether a paragraph is long and ends with a sentence, or is too long."""
    size = len(paragraph)
    return size > LONGEST_PARAGRAPH or (size > PARAGRAPH_CHARS and bool(_ENDS.search(paragraph[-8:])))


def _cues(text: str, builder: DocumentBuilder) -> Iterator[_Cue]:
    """The cues in order; notes and notices of sounds are left out."""
    cue: _Cue | None = None
    note = ""
    lines = text.splitlines()
    for place, line in enumerate(lines):
        match = _CUE.match(line)
        if match:
            if cue:
                yield cue
            cue, note = _Cue(_seconds(match.groups()[:4]), _seconds(match.groups()[4:])), ""
        elif _HEADER.match(line) and not (place and lines[place - 1].strip()):
            note = line.split(maxsplit=1)[0]
        elif not line.strip():
            note = "" if note in ("NOTE", "STYLE", "REGION") else note
        elif note:
            if note == "NOTE":
                builder.leave_out(NOTES, line)
        elif cue and not _is_label(lines, place):
            cue.lines += _spoken(line, builder)
    if cue:
        yield cue


def _is_label(lines: list[str], place: int) -> bool:
    """Whether a line is the number or name of the cue whose time code follows."""
    follows = place + 1 < len(lines) and _CUE.match(lines[place + 1])
    return bool(follows) and (lines[place].strip().isdigit() or (place > 0 and not lines[place - 1].strip()))


def _spoken(line: str, builder: DocumentBuilder) -> list[str]:
    """The words of one line without marks, or nothing for the notice of a sound."""
    words = html.unescape(_MARKS.sub("", _VOICE.sub(r"\1: ", line))).replace("\u00a0", " ").strip()
    if words and _SOUND.match(words):
        builder.leave_out(SOUNDS, words)
        return []
    return [words] if words else []


def _new_lines(cue: _Cue, before: _Cue | None) -> list[str]:
    """The lines of a cue without those that stay on the screen from the cue before, as in captions that roll."""
    if before is None or cue.start - before.end > 0.05 or not before.lines:
        return cue.lines
    kept = next((size for size in range(len(cue.lines), 0, -1) if before.lines[-size:] == cue.lines[:size]), 0)
    rolls = kept and (len(cue.lines) > kept or cue.end - cue.start < 0.1)
    return cue.lines[kept:] if rolls else cue.lines


def _seconds(parts: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, fraction = (part or "0" for part in parts)
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds) + float(f"0.{fraction}")
