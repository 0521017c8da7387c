"""What is said of a link beside its words: the address that it leads to, as in print. Knows no file format."""

import re
from urllib.parse import parse_qs, urlsplit

MAX_ADDRESS = 200  # characters; longer addresses hold session data
_WEB = re.compile(r"https?://([^/?#\s]+)\S*$", re.IGNORECASE)
# Programs for documents and mail write these in place of a link's own address, which is in their query.
_DETOUR = re.compile(
    r"https?://(?:(?:www\.)?google\.[a-z.]{2,6}/url|[\w.-]+\.safelinks\.protection\.outlook\.com/|"
    r"(?:lm?|www)\.facebook\.com/l\.php|(?:www\.)?youtube\.com/redirect)\?",
    re.IGNORECASE,
)


def in_print(address: str, words: str, own: str = "") -> str:
    """What follows the words of a link to another host than `own`: " (https://…)"."""
    address, words = _target(address), words.strip()
    host = host_of(address)
    shown = words.rstrip("/") == address.rstrip("/")
    return "" if not host or host == own or not words or shown or len(address) > MAX_ADDRESS else f" ({address})"


def host_of(address: str | None) -> str:
    """The host of a web address in lower case; an empty string for any other address."""
    match = _WEB.match(address or "")
    return match[1].lower() if match else ""


def _target(address: str) -> str:
    """The address that a link leads to in the end."""
    if not _DETOUR.match(address):
        return address
    query = parse_qs(urlsplit(address).query)
    found = (query[key][0] for key in ("q", "url", "u") if key in query)
    return next(filter(host_of, found), address)
