"""Reads exported chats (WhatsApp, Telegram, Discord, LINE, Zoom, IRC) as "name: text"; notices are left out."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from retrieval.document import DocumentBuilder

_DATE = r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}"
_CLOCK = r"\d{1,2}[:.]\d{2}(?:[:.]\d{2})?(?:[\s\u202f]?[AaPp]\.?[\s\u202f]?[Mm]\.?)?"
_NAMED = r"(?P<name>[^:<>\n]{1,60}?):(?:[ \t]+(?P<text>.*)|[ \t]*)$"
_FORMS = tuple(
    re.compile(rf"^[\u200e\u200f\ufeff]*{form}")
    for form in (
        rf"\[(?P<date>{_DATE}),?[\s\u202f]+{_CLOCK}\][ \t]*(?P<rest>.*)$",
        rf"(?P<date>{_DATE}),?[\s\u202f]+{_CLOCK}[\s\u202f]+[-–][ \t]+(?P<rest>.*)$",
        rf"\[?(?:(?P<date>{_DATE})[,\s]+)?{_CLOCK}\]?[ \t]*<(?P<name>[^<>\n]{{1,40}})>[ \t]*(?P<text>.*)$",
        rf"\[{_CLOCK}\][ \t]*(?P<rest>.*)$",
        rf"{_CLOCK}\t(?P<name>[^\t\n]{{1,60}})\t(?P<text>.*)$",
        rf"{_CLOCK},?[ \t]+(?P<date>{_DATE})[ \t]+[-–][ \t]+(?P<rest>.*)$",
        rf"(?P<name>[^\[\n]{{1,60}}), \[(?P<date>{_DATE})[ \t]+{_CLOCK}\](?P<text>)$",
        r"\d{1,2}:\d{2}:\d{2}[ \t]+(?:From[ \t]+)?(?P<name>[^:\n]{1,60}?)(?:[ \t]+to[ \t]+[^:\n]{1,60})?"
        r"[ \t]*:(?:[ \t]+(?P<text>.*)|[ \t]*)$",
    )
)
_REST = re.compile(rf"^{_NAMED}")
_LOG_LEVELS = frozenset("info warn warning error debug trace fatal critical notice err severe".split())
_PLACEHOLDER = re.compile(
    r"^(?:<[^<>]{1,80}>|.{0,40}\b(?:omitted|weggelassen|omitid[oa]|omess[oa]|omis(?:e)?|bị bỏ qua|không được xuất)\W*|"
    r"(?:this message was deleted|you deleted this message|tin nhắn này đã bị xo[áa]|"
    r"diese nachricht wurde gelöscht|se eliminó este mensaje|ce message a été supprimé)\W*|"
    r"missed (?:voice|video) call.*|(?:messages and calls|nachrichten und anrufe|tin nhắn và cuộc gọi).{0,200}"
    r"(?:encrypt|verschlüsselt|mã hóa|mã hoá).*|\S+ \((?:file|tệp|datei)[^()]{0,20}attached\))$",
    re.IGNORECASE,
)
_EDITED = re.compile(r"\s*\u200e?<[^<>]{0,20}(?:edited|bearbeitet|chỉnh sửa|editado|modifié)[^<>]{0,20}>\s*$", re.I)
MIN_MESSAGES, MIN_SHARE = 4, 0.5
NOTICES = "Notices"


@dataclass
class _Message:
    """One message; a notice of the program has no name."""

    name: str
    text: str
    date: str


def is_chat(text: str) -> bool:
    """Whether a text is a chat: most lines begin with a time and a name, and two or more people speak."""
    lines = [line for line in text.splitlines() if line.strip()]
    found = [message for message in map(_message, lines) if message]
    names = Counter(message.name for message in found if message.name)
    enough = len(found) >= MIN_MESSAGES and len(found) >= MIN_SHARE * len(lines)
    several = 2 <= len(names) <= max(3, 0.6 * sum(names.values()))
    return enough and several and not any(name.strip("[]").lower() in _LOG_LEVELS for name in names)


def add_chat(text: str, builder: DocumentBuilder, clean: Callable[[str], str]) -> int:
    """Append the messages, those of one day in one paragraph; returns their number."""
    messages: list[_Message] = []
    for line in text.splitlines():
        message = _message(line)
        if message:
            messages.append(message)
        elif messages and line.strip():
            messages[-1].text += f"\n{line}"
    day = ""
    for message in messages:
        said = _EDITED.sub("", message.text)
        if not message.name or said.startswith("\u200e") or _PLACEHOLDER.match(said.strip()):
            builder.leave_out(NOTICES, message.text.lstrip("\u200e"))
        elif said.strip():
            builder.add(clean(f"{message.name}: {said.strip()}"), "\n" if message.date == day else "\n\n")
            day = message.date
    return len(messages)


def _message(line: str) -> _Message | None:
    """The message that begins with a line; None for the further lines of one."""
    for form in _FORMS:
        match = form.match(line)
        if not match:
            continue
        parts = match.groupdict()
        if "rest" not in parts:
            return _Message(parts["name"].strip(), parts["text"] or "", parts.get("date") or "")
        rest = _REST.match(parts["rest"])
        name = rest["name"].strip().lstrip("\u200e~ \u202f") if rest else ""
        return _Message(name, (rest["text"] or "") if rest else parts["rest"], parts.get("date") or "")
    return None
