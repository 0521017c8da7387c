"""Removes characters that nobody sees (NUL, zero-width, direction marks, tags) and counts them."""

import re

# Zero-width spaces and joiners, soft hyphens, direction marks, fillers, and letters that only mark a language.
_UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0]|"
    # Joiners belong to the letters of Arabic and Indic scripts and to emoji.
    "(?<![\u0590-\u1cff\u2190-\u2bff\ua800-\uabff\ufe0f\U0001f000-\U0001faff])[\u200c\u200d]|"
    "(?<![\U0001f3f4\U000e0000-\U000e007f])[\U000e0000-\U000e007f]+"
)
# What a person takes for a space; digit groups are often set apart by them.
_SPACES = re.compile("[\u00a0\u2000-\u200a\u202f\u205f]")
_CONTROLS = re.compile("[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")


def remove_unseen(text: str) -> tuple[str, int, int]:
    """The text, the number of invisible characters and the number of control characters removed; spaces are plain."""
    text, unseen = _UNSEEN.subn("", text)
    text, controls = _CONTROLS.subn("", text)
    return _SPACES.sub(" ", text), unseen, controls
