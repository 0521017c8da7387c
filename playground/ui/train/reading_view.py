"""What a run reads of the text, as HTML: the mix as a picture, and the sections where it cannot read them all.

Titles are the visitor's text, so every word is escaped.
"""

from collections.abc import Sequence
from html import escape

from playground.charts.shares import SharesRow, draw_shares
from playground.data.coverage import Chapter
from playground.data.mix import PARTS
from playground.data.reading import Reading
from playground.ui.shared.i18n import say

SHOWN_CHAPTERS, SHOWN_TITLES = 60, 12  # at most; the rest is counted


def mix_picture(language: str, reading: Reading) -> str:
    """The shares of the mix, of what is read and of what is trained on; empty where nothing is known."""
    if not reading.mix:
        return ""
    rows = [
        SharesRow(
            say(language, f"mix.bar.{counted}"),
            say(language, f"mix.column.{counted}"),
            {part: vars(tokens)[counted] for part, tokens in reading.mix.items()},
        )
        for counted in ("read", "learnt")
    ]
    title = say(language, "mix.title")
    names: dict[str, str] = {part: say(language, f"mix.part.{part}") for part in PARTS}
    return f"<h4>{escape(title)}</h4>{draw_shares(title, rows, names)}"


def part_report(language: str, sentence: str, reading: Reading) -> str:
    """A sentence about the part of the text that is read, and its sections by chapter to unfold."""
    listed = "".join(_chapter_item(language, each) for each in reading.chapters[:SHOWN_CHAPTERS])
    if more := len(reading.chapters) - SHOWN_CHAPTERS:
        listed += f"<li>{escape(say(language, 'part.more_chapters', count=more))}</li>" if more > 0 else ""
    summary = escape(say(language, "part.which"))
    return f"<p>{escape(sentence)}</p><details><summary>{summary}</summary><ul>{listed}</ul></details>"


def part_sentence(language: str, key: str, reading: Reading, **values: object) -> str:
    """One of the sentences `part.…` with the counts of sections and their share of the text in per cent."""
    counts = {"read": reading.sections, "all": reading.all_sections, "share": max(1, round(100 * reading.share))}
    return say(language, key, **counts, **values)


def _chapter_item(language: str, chapter: Chapter) -> str:
    head = say(language, "part.chapter", read=len(chapter.read), all=chapter.sections)
    named = f"<b>{escape(chapter.title or chapter.document)}</b> · {escape(head)}"
    return f"<li>{named}{_titles(language, list(dict.fromkeys(chapter.read)))}</li>"


def _titles(language: str, titles: Sequence[str]) -> str:
    if not titles:
        return ""
    listed = "; ".join(titles[:SHOWN_TITLES])
    if len(titles) > SHOWN_TITLES:
        listed += "; " + say(language, "part.more_titles", count=len(titles) - SHOWN_TITLES)
    return f"<br>{escape(listed)}"
