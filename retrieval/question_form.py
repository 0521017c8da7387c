"""What a question asks for, by its form: an explanation, or a name, number or choice. English and Vietnamese.

Rules on wording, no model. A question that neither rule knows may ask for anything.
"""

import re

_JOINED = r"^\W*(?:(?:and|but|so|then|or|thế|vậy|còn) )?"
_AUXILIARY = "is are was were do does did can could may must shall should will would has have had".replace(" ", "|")
# How to call or spell something asks for a name, in an explanation's form.
_NAMING = r"(?!.*\b(?:call(?:ed)?|name[ds]?|known as|spell(?:ed|t)?|pronounced?)\b)"
_EXPLAIN = r"(?:explain|describe|compare|summari[sz]e|outline|discuss|tell (?:me|us) (?:more )?about)"
_MEASURE = "many much long old far often tall high big large deep wide fast soon late".replace(" ", "|")
_MEASURED = "year date day month time century decade age number percentage percent name city country colou?r"
_NAMED = "name title number date year price cost fee capital population"

_EXPLANATION = re.compile(
    rf"{_JOINED}(?:why|how (?:to|{_AUXILIARY})\b{_NAMING}|(?:please )?{_EXPLAIN}"
    rf"|(?:can|could|would) you (?:please )?{_EXPLAIN}"
    r"|what(?:['’]s| is| are| was| were) the (?:\w+ )?(?:differences?|distinction|relationships?)"
    r"|(?:hãy |xin )?(?:giải thích|mô tả|trình bày|so sánh|tóm tắt)|tại sao|vì sao|làm (?:thế nào|cách nào|sao))\b"
    r"|\bkhác gì\b|\b(?:khác nhau|khác biệt) giữa\b|\bkhác nhau ở\b"
    r"|\b(?:thế nào|ra sao|tại sao|vì sao)\W*$",
    re.IGNORECASE,
)
_NAME_OR_NUMBER = re.compile(
    rf"{_JOINED}(?:(?:in|on|at|by|for|from|to|of|with|during|under|until|since) )?"
    rf"(?:who|whom|whose|when|where|which|how (?:{_MEASURE})|what (?:\w+ )?(?:{_MEASURED.replace(' ', '|')})"
    rf"|what(?:['’]s| is| are| was| were) the (?:\w+ )?(?:{_NAMED.replace(' ', '|')})|{_AUXILIARY})\b"
    r"|\b(?:ai|bao giờ|đâu|bao nhiêu|bao lâu|bao xa|mấy|tên (?:là )?gì|nào)\b|\bkhông\W*$",
    re.IGNORECASE,
)


def asks_for_explanation(question: str) -> bool:
    """Whether only a sentence can answer it: why, how to, what differs, explain."""
    return bool(_EXPLANATION.search(question))


def asks_for_name_or_number(question: str) -> bool:
    """Whether a name, a number, a place, a time, or yes or no may be the whole answer."""
    return bool(_NAME_OR_NUMBER.search(question)) and not asks_for_explanation(question)
