"""What a follow-up question leaves out: words of the questions before it, found by rule. English and Vietnamese.

"And how do I remove one?" leaves out what "one" is. The rules read openings, pronouns and fragments; they know no
grammar and ask no model. Only questions are read, never answers, so every way to answer gets the same search.
"""

import re
import unicodedata
from collections.abc import Sequence

from retrieval.language import STOP_WORDS

MAX_WORDS = 16  # of earlier questions that are searched for
_WORD = re.compile(r"\w+(?:[-'’.]\w+)*")
# The lists of `language` have no Vietnamese: particles, pronouns, question words, and words that only join others.
_VIETNAMESE = frozenset(
    "ai anh ấy bà bao bị cả các cái chị cho chưa chúng có còn cô cũng của cứ cùng dù đã đang đâu đây đấy để đến đều do "
    "đó được gì giờ hay hãy hắn hoặc họ hơn khi kia là lại lên lúc mà mấy mình mọi mỗi một nào nên nếu này nó nơi "
    "những như nhưng nhiêu nhiều ông ở phải qua ra rằng rất rồi sao sau sẽ sự ta tại theo thì tôi tới trên trong từ "
    "tuy và vào vẫn vậy về vì với việc vừa xin".split()
)
_ENGLISH = frozenset(STOP_WORDS["en"]) | frozenset(
    "also could else explain describe many might much must name one ones please shall tell would".split()
)
_FUNCTION_WORDS = _ENGLISH | _VIETNAMESE
# "thế" and "không" are also parts of words ("thế kỷ", "hàng không"), so they go only where they ask.
_THE = r"thế\b(?! kỷ| giới| vận| hệ| chiến| lực)"
_ASKING = re.compile(
    rf"\blàm (?:thế nào|cách nào|sao)\b|\b(?:như )?thế nào\b|\bphải không\b|\bkhông(?=\W*$)|^\W*{_THE}", re.IGNORECASE
)
_OPENING = re.compile(
    r"^\W*(?:(?:and|but|also|then|or)\b|so\b(?! với| sánh)|(?:what|how) about\b|(?:what|who) else\b|why not\b"
    r"|which ones?\b(?! of)"
    rf"|(?:còn|và|vậy|nhưng|rồi|ngoài ra)\b|(?:ở|tại|trong|lúc|khi) (?:đó|đấy|ấy)\b|{_THE}(?! nào))|\bthì sao\W*$",
    re.IGNORECASE,
)
# Words that point at something before; a name earlier in the same question may be what they point at.
_POINTING = re.compile(
    r"\b(?:it|its|he|him|his|she|her|hers|they|them|their|theirs|these|those"
    r"|this(?! (?:year|season|century|week|month|day|time)\b)"
    r"|nó|hắn|họ(?! hàng| tên| của)|(?<!công )(?<!quần )(?<!dân )(?<!đại )chúng(?! ta| tôi)"
    r"|(?:ông|bà|anh|chị|cô) (?:ấy|ta)|(?:cái|điều|việc|thứ|người|nơi|chỗ) (?:đó|này|ấy|đấy))\b"
    r"|\b(?:is|was|do|does|did|about|of|for|with|after|before|like|than|to) that\b"
    r"|\b(?:that|one|ones|(?<!is )(?<!are )(?<!was )(?<!were )there|đó|đấy|ấy"
    r"|(?<!mùa )(?<!năm )(?<!tháng )(?<!tuần )(?<!ngày )này)(?=\W*$)",
    re.IGNORECASE,
)
# "Which university has its origins …": what is asked for is what "its" points at.
_OWN_NOUN = re.compile(
    r"^\W*(?:which|what|how many) \w+ .*(?<!\bdo )(?<!\bdoes )(?<!\bdid )(?<!\bis )(?<!\bare )(?<!\bwas )(?<!\bwere )"
    r"(?<!\bof )\b(?:its|his|her|their|them)\b",
    re.IGNORECASE,
)
_QUESTION_WORD = re.compile(
    r"^\W*(?:(?:in|on|at|by|for|from|to|of) )?(?:why|when|where|which|what|how)\b", re.IGNORECASE
)
_AUXILIARY = re.compile(
    r"\b(?:is|are|was|were|be|do|does|did|can|could|may|might|must|shall|should|will|would|has|have|had)\b",
    re.IGNORECASE,
)


def words_left_out(question: str, earlier: Sequence[str]) -> tuple[str, ...]:
    """The content words that a follow-up leaves out; none for a question that stands alone.

    Args:
        question: what is asked now.
        earlier: the questions before it, oldest first. They are read back to the last that stands alone.
    """
    if not depends_on_earlier(question):
        return ()
    own = {word.casefold() for word in content_words(question)}
    left_out: dict[str, str] = {}
    for before in reversed(earlier):
        for word in content_words(before):
            if word.casefold() not in own:
                left_out.setdefault(word.casefold(), word)
        if not depends_on_earlier(before):
            break
    return tuple(left_out.values())[:MAX_WORDS]


def depends_on_earlier(question: str) -> bool:
    """Whether a question shows by its wording that it leaves something out."""
    text = unicodedata.normalize("NFC", question)
    return bool(_OPENING.search(text)) or _points_back(text) or _is_fragment(text)


def content_words(text: str) -> list[str]:
    """The words of a text that say what it is about, as they are written."""
    asked = _ASKING.sub(" ", unicodedata.normalize("NFC", text))
    return [word for word in _WORD.findall(asked) if not _is_function_word(word)]


def _is_function_word(word: str) -> bool:
    return word.casefold() in _FUNCTION_WORDS


def _points_back(text: str) -> bool:
    """Whether a word points at something that no name before it in the question can be."""
    pointing = next((each for each in _POINTING.finditer(text) if not each.group().isupper()), None)  # "IT" is a name
    if pointing is None or _OWN_NOUN.search(text):
        return False
    before = _WORD.findall(text[: pointing.start()])[1:]  # the first word is capital anyway
    return not any(word[0].isupper() and not _is_function_word(word) for word in before)


def _is_fragment(text: str) -> bool:
    """Whether it names nothing, or one thing without a verb: "Why?", "How many members?"."""
    words = content_words(text)
    if not words:
        return True
    return len(words) == 1 and bool(_QUESTION_WORD.search(text)) and not _AUXILIARY.search(text)
