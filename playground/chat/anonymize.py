"""Removes from an answer the marks that tell how it was found: passage numbers, "according to the text". Knows no arm.

The patterns are English and Vietnamese. No more than the mark is removed: the sentence stays.
"""

import re

_EARLIER = r"(?:the |these |those |this |your |above |following |given |provided |quoted |retrieved )*"
_SOURCE = _EARLIER + r"(?:passages?|texts?|documents?|excerpts?|context|sources?|information)"
_LATER = r"(?: (?:above|below|provided|given|quoted))*"
_NGUON = r"(?:các |những )?(?:đoạn(?: trích| văn)?|văn bản|tài liệu|ngữ cảnh|nguồn|thông tin)"
_SAU = r"(?: (?:ở trên|trên|dưới đây|đã cho|được cung cấp|này))*"
_THEO = r"(?:theo|dựa (?:trên|vào|theo)|như (?:đã )?(?:nêu|nói|viết) (?:ở|trong))"
_TELLS = r"(?:says?|states?|mentions?|tells? us|shows?|notes?|explains?)(?: that)?,? "
_NUMBER = r"(?: ?[\[(]?\d+[\])]?)?"
_BEGIN = r"(?:^|(?<=[.!?:] )|(?<=\n))"
_MARKS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf",? ?\b(?:according to|based on|as \w+ (?:in|by)) {_SOURCE}{_LATER}{_NUMBER}(?!\w),?",
        rf"{_BEGIN}(?:in|from|per) {_SOURCE}{_LATER}{_NUMBER}, ",
        rf"{_BEGIN}{_SOURCE}{_LATER}{_NUMBER} {_TELLS}",
        rf",? ?\b{_THEO} {_NGUON}{_SAU}{_NUMBER}(?!\w),?",
        rf"{_BEGIN}{_NGUON}{_SAU}{_NUMBER} (?:nói|viết|nêu|cho biết|cho thấy)(?: rằng)?,? ",
        r"(?: |(?<=\w\w)|(?<=[.!?,;]))\[\d+(?: ?[,;–-] ?\d+)*\](?!\w)",
        r" ?[\[(](?:(?:see|xem) )?(?:passages?|sources?|đoạn|nguồn) ?\[?\d+\]?(?: ?[,;–-] ?\d+)*[\])]",
    )
)


def anonymize(text: str) -> str:
    """The answer without marks, its spacing and capitals mended where one was removed."""
    clean = text
    for mark in _MARKS:
        clean = mark.sub("", clean)
    if clean == text:
        return text
    clean = re.sub(r" +([.,;:!?])", r"\1", re.sub(r"[ \t]{2,}", " ", clean))
    return re.sub(r"(?:^|(?<=[.!?] )|(?<=\n))[a-zà-ỹ]", lambda letter: letter.group().upper(), clean.strip())
