"""Slack's marks in a message -> what people see of them: names, channels, links."""

import html
import re
from collections.abc import Mapping

_MARK = re.compile(r"<([@#!]?)([^<>|\n]+)(?:\|([^<>\n]*))?>")
_LINK = re.compile(r"(?:https?://|mailto:|tel:)\S+")


def slack_text(text: str, names: Mapping[str, str]) -> str:
    """The text with the people of `names` by their names, channels as #name, links as they are, and no entities."""

    def shown(match: re.Match[str]) -> str:
        kind, target, title = match.groups()
        if kind == "@":
            return f"@{title or names.get(target, target)}"
        if kind == "#":
            return f"#{title or target}"
        if kind == "!":
            return title or f"@{target.partition('^')[0]}"
        if not _LINK.match(target):
            return match[0]
        bare = target.removeprefix("mailto:").removeprefix("tel:")
        return bare if title in (None, "", bare, target) else f"{title} ({bare})"

    return html.unescape(_MARK.sub(shown, text))
