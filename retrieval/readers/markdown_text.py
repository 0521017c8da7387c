"""Markdown as its reader sees it where it is HTML: comments are left out, and entities such as &nbsp; are letters."""

import re
from collections.abc import Iterator
from html import unescape

_TOKEN = re.compile(
    r"\\[\\`&<]|^ {0,3}(?P<fence>```+(?=[^`\n]*$)|~~~+)|(?P<code>`+)|(?P<comment><!--)"
    r"|^\[(?://|comment)\]:[ \t]*(?:#|<>)[ \t]*(?P<note>\([^\n]*\)|\"[^\n]*\")[ \t]*$"
    r"|(?P<entity>&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});)",
    re.MULTILINE,
)

_END_OF_LINE = re.compile(r"[ \t]*(?:\n|\Z)")


def shown_text(text: str) -> tuple[str, int]:
    """The text without comments, with its entities as letters outside code, and the number of comments."""
    return _Shown(text).read() if "<!--" in text or "&" in text or "]:" in text else (text, 0)


class _Shown:
    """Reads a text from its start to its end; searches that found nothing are not made again."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.removed = 0
        self._closing = -1  # the place of the next end of a comment
        self._end_found = 0  # the end of the paragraph
        self._unclosed: set[str] = set()  # the marks in it that begin no code

    def read(self) -> tuple[str, int]:
        """The text as it is seen, and the number of comments."""
        return "".join(self._pieces()), self.removed

    def _pieces(self) -> Iterator[str]:
        place = 0
        while match := _TOKEN.search(self.text, place):
            end = self._end(match)
            left_out = match["note"] or (match["comment"] and end > match.end())
            if left_out:
                self.removed += 1
                begin, end = self._around(match.start(), end)
                yield self.text[place:begin]
            else:
                shown = unescape(match[0]) if match["entity"] else self.text[match.start() : end]
                yield self.text[place : match.start()] + shown
            place = end
        yield self.text[place:]

    def _end(self, match: re.Match[str]) -> int:
        """Where the code or comment that begins here ends; where its mark ends if nothing closes it."""
        if match["fence"]:
            fence = match["fence"]
            closing = re.compile(rf"^ {{0,3}}{fence}{fence[0]}*[ \t]*$", re.MULTILINE).search(self.text, match.end())
            return closing.end() if closing else len(self.text)
        if match["comment"]:
            return self._end_of_comment(match)
        return self._end_of_code(match) if match["code"] else match.end()

    def _end_of_comment(self, match: re.Match[str]) -> int:
        """Where a comment ends; one that does not begin its line ends in its paragraph."""
        if self._closing < match.end():
            found = self.text.find("-->", match.end())
            self._closing = found if found >= 0 else len(self.text)
        if self._closing == len(self.text):
            return match.end()
        before = self.text[max(0, match.start() - 4) : match.start()]
        begins = not before.rpartition("\n")[2].strip() and (len(before) < 4 or "\n" in before)
        return self._closing + 3 if begins or self._closing < self._paragraph_end(match.end()) else match.end()

    def _paragraph_end(self, place: int) -> int:
        """Where the paragraph around a place ends."""
        if self._end_found <= place:
            found = self.text.find("\n\n", place)
            self._end_found = found if found >= 0 else len(self.text) + 1
            self._unclosed.clear()
        return self._end_found

    def _end_of_code(self, match: re.Match[str]) -> int:
        """Where code within a paragraph ends: at as many marks as it begins with."""
        end = self._paragraph_end(match.end())
        if match[0] in self._unclosed:
            return match.end()
        closing = re.compile(rf"(?<!`){match[0]}(?!`)").search(self.text, match.end(), end)
        if closing is None:
            self._unclosed.add(match[0])
        return closing.end() if closing else match.end()

    def _around(self, begin: int, end: int) -> tuple[int, int]:
        """The ends of a comment with the line break behind it, where it fills its lines."""
        behind = _END_OF_LINE.match(self.text, end)
        before = self.text[max(0, begin - 1) : begin]
        return (begin, behind.end()) if behind and before in ("", "\n") else (begin, end)
