"""The words of English and Vietnamese from which `pairs` makes questions: one table a language, no logic."""

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """What a sentence or heading looks like, and the question it answers; {subject} and the like are its groups."""

    pattern: re.Pattern[str]
    question: str


@dataclass(frozen=True)
class Language:
    """How one language defines, lists, heads and asks.

    A sentence that begins with one of the `pointing` words says nothing by itself; a subject begins with none of
    `not_subjects` either, and one of `not_inside` shows that it is more than a noun phrase. `topic`, `explain`,
    `continued` and `opening` are ways to ask for what the text says of something, for a section, for a later part of
    one, and for a part without a heading.
    """

    defining: tuple[Rule, ...]
    listing: tuple[Rule, ...]
    headings: tuple[Rule, ...]
    generic: re.Pattern[str]
    article: str
    article_about: str
    meaning: str
    cloze: str
    topic: tuple[str, ...]
    explain: tuple[str, ...]
    continued: tuple[str, ...]
    opening: str
    not_in_passages: str
    pointing: frozenset[str]
    not_subjects: frozenset[str]
    not_inside: frozenset[str]


def _rules(*pairs: tuple[str, str]) -> tuple[Rule, ...]:
    return tuple(Rule(re.compile(pattern), question) for pattern, question in pairs)


def _any(words: str) -> str:
    """A pattern for any of the words; an underscore stands for a blank."""
    return f"(?:{'|'.join(words.split())})".replace("_", " ")


_PERSON = _any(
    "inventor engineer writer author poet king queen president emperor philosopher scientist physicist mathematician "
    "politician general player coach singer actor actress composer painter theologian reformer leader founder "
    "geologist historian scholar artist preacher pastor missionary businessman developer programmer chemist priest "
    "monk duke bishop nobleman explorer lawyer teacher professor student member son daughter native pupil"
)
_NGUOI = _any(
    "người nhà_văn nhà_thơ nhà_khoa_học nhà_vật_lý nhà_toán_học nhà_triết_học nhà_sử_học nhà_hóa_học nhà_phát_minh "
    "nhà_thần_học nhà_chính_trị nhà_báo nhà_soạn_nhạc nhà_cải_cách nhà_lãnh_đạo nhà_địa_chất vua ông bà hoàng_đế ca_sĩ "
    "cầu_thủ kỹ_sư giáo_sư tướng linh_mục công_tước nghệ_sĩ tác_giả"
)
_VAT = _any(
    "một những các loại loài sự việc quá_trình tập_hợp thành_phố thủ_đô quốc_gia khu_vực cơ_quan hệ_thống phần nơi "
    "tổ_chức văn_bản trung_tâm"
)
ENGLISH = Language(
    defining=_rules(
        (
            rf"^(?P<subject>.+?) (?P<be>is|was) (?:an?|the|one of the) (?:\w+ ){{0,4}}?{_PERSON}s?\b",
            "Who {be} {subject}?",
        ),
        (
            r"^(?P<subject>.+?) (?P<be>is|are|was|were) (?:also |sometimes |often |commonly |usually |simply )?"
            r"(?:known as|called) ",
            "What {be} {subject} called?",
        ),
        (
            r"^(?P<subject>.+?) (?P<be>is|are|was|were) (?:composed|made up) of ",
            "What {be} {subject} composed of?",
        ),
        (r"^(?P<subject>.+?) (?P<be>shall|must|will) be composed of ", "What {be} {subject} be composed of?"),
        (r"^(?P<subject>.+?) (?P<be>shall|must|will) be vested in ", "In whom {be} {subject} be vested?"),
        (
            r"^(?P<subject>.+?) (?P<aux>shall |must )?(?P<verb>consist)(?P<s>s?) (?:only )?(?P<of>of|in) ",
            "What {do} {subject} {verb} {of}?",
        ),
        (
            r"^(?P<subject>.+?) (?P<aux>)(?P<verb>mean|denote|refer(?=s? to)|stand(?=s? for))(?P<s>s?)"
            r"(?P<of> to| for|) ",
            "What {do} {subject} {verb} {of}?",
        ),
        (
            r"^(?P<subject>.+?) (?P<be>is|are|was|were) (?:simply |just |basically |essentially |generally )?"
            r"(?:an?|the|one of|any|those|part of|a kind of) ",
            "What {be} {subject}?",
        ),
    ),
    listing=_rules(
        (
            r"\b[Tt]here (?P<be>are|were) (?:\w+ )?(?P<what>(?:(?!this\b|it\b)[\w/-]+ ?){1,8}):$",
            "What {what} {be} there?",
        ),
        (r"^The following (?P<what>[\w /-]+? (?:are|were|can|may|must|will|have|is) [^:]*):$", "Which {what}?"),
        (r"^Some (?P<what>[^:,]+?)(?: are)?:$", "What are some {what}?"),
        (r"^(?P<subject>The [^:,]+?) (?P<be>are|were):$", "What {be} {subject}?"),
        (r"^(?P<subject>[^:,]+?) can be used (?:to|for):$", "What can {subject} be used for?"),
        (
            r"^(?P<subject>[^:,]+?) (?P<aux>(?:can|may|must|shall|should|will) )?(?:usually )?"
            r"(?P<verb>include|comprise|contain|provide|offer|require|support|need)(?P<s>s?)(?: the following[^:]*)?:$",
            "What {do} {subject} {verb}?",
        ),
        (
            r"^(?P<subject>[^:,]+?) (?P<aux>)consist(?P<s>s?) of(?: the following[^:]*)?:$",
            "What {do} {subject} consist of?",
        ),
        (r"^(?:In order )?[Tt]o (?P<what>[^:,]+)(?:, [^:]*)?:$", "How does one {what}?"),
    ),
    headings=_rules(
        (r"^(?P<all>(?:What|Why|Who|When|Where|Which|How (?!to\b)|Is|Are|Can|Does|Do) ?\b.+)$", "{all}?"),
        (r"^How to (?P<what>.+)$", "How does one {what}?"),
        (r"^(?:The )?(?P<what>[Dd]ifferences? between .+)$", "What is the {what}?"),
        (
            r"^(?P<what>(?!During|King|Ring|String|Thing|Spring|Sibling|Ceiling|Building|Morning|Evening)[A-Z][a-z]{2,}ing"
            r" .+)$",
            "How does one go about {what}?",
        ),
        (r"^(?P<what>.+)$", "What should one know about {what}?"),
    ),
    generic=re.compile(
        r"(?i)^(?:introduction|overview|summary|conclusions?|references?|notes?|examples?|exercises?|preface|foreword"
        r"|miscellaneous|misc\b.*|others?|further reading|see also|acknowledge?ments|abstract|background|details?"
        r"|index|glossary|questions?|basics|general|general information|more on .*|more .*|about .*|a first .*"
        r"|a word .*|interlude.*|.*\bremarks|what now|odds and ends|brief tour.*)$"
    ),
    article="What does {name} say?",
    article_about="What does {name} say about {what}?",
    meaning="What does “{subject}” mean?",
    cloze="Fill in the blank: {sentence}",
    topic=(
        "What does the text say about {topic}?",
        "Tell me about {topic}.",
        "What should I know about {topic}?",
        "Can you explain {topic}?",
        "What is said about {topic}?",
        "Give me the facts about {topic}.",
        "I would like to know more about {topic}.",
    ),
    explain=(
        "Explain {title}.",
        "Can you explain {title} to me?",
        "What does the text say about {title}?",
        "Describe {title} in detail.",
        "Tell me everything about {title}.",
        "Give me an overview of {title}.",
    ),
    continued=(
        "What does the text say in the part on {title} that begins with “{opening}”?",
        "Explain the part on {title} that begins with “{opening}”.",
        "How does the text on {title} go on from “{opening}”?",
    ),
    opening="What does the text say in the part that begins with “{opening}”?",
    not_in_passages="The passages do not say this.",
    pointing=frozenset(
        "it this that these those there here he she they we you i his her its their our your such both another others "
        "thus however therefore also then so and but or otherwise instead likewise similarly finally moreover "
        "furthermore which who see now until one let's that's it's here's there's he's she's they're we're".split()
    ),
    not_subjects=frozenset(
        "what when where while if because since as although though unless until after before during in on at by for "
        "from with without under over of to into some many most all each every other my not no only even yet still "
        "perhaps maybe note see whether how why first second third next now later today currently once following "
        "nothing something everything anything someone everyone nobody neither either much more less".split()
    ),
    not_inside=frozenset(
        "is are was were be been has have had do does did will would can could should may might must shall which who "
        "whom that because if when while said says there this these those it he she they we you i such most following "
        "above below same first second last other only answer result reason problem effort".split()
    ),
)

VIETNAMESE = Language(
    defining=_rules(
        (r"^(?P<subject>.+?) (?:có nghĩa là|nghĩa là) ", "{subject} có nghĩa là gì?"),
        (r"^(?P<subject>.+?) (?:còn |thường |cũng )?được (?:gọi|biết đến) là ", "{subject} được gọi là gì?"),
        (r"^(?P<subject>.+?) (?:bao gồm|gồm có|gồm) ", "{subject} gồm những gì?"),
        (rf"^(?P<subject>.+?) (?:đã |từng |cũng )*là (?:một |vị |trong những )*{_NGUOI} ", "{subject} là ai?"),
        (rf"^(?P<subject>.+?) (?:cũng )?là {_VAT} ", "{subject} là gì?"),
    ),
    listing=_rules(
        (
            r"^(?P<subject>[^:,]+?) (?:bao gồm|gồm có|gồm)(?: các .*| những .*)?(?: sau(?: đây)?)?:$",
            "{subject} gồm những gì?",
        ),
        (r"^(?:Các|Những) (?P<subject>[^:,]+?) sau(?: đây)?(?P<rest> [^:,]+)?:$", "Những {subject} nào {rest}?"),
        (r"^(?P<subject>[^:,]+?) (?:như sau|sau đây):$", "{subject} như thế nào?"),
        (r"^Để (?P<subject>[^:,]+)(?:, [^:]*)?:$", "Làm thế nào để {subject}?"),
    ),
    headings=_rules(
        (
            r"(?i)^(?P<all>(?:tại sao|vì sao|làm thế nào|làm sao|khi nào|ai|thế nào)\b.+|.+ (?:là gì|thế nào|ra sao))$",
            "{all}?",
        ),
        (r"^[Cc]ách (?P<what>.+)$", "Làm thế nào để {what}?"),
        (r"^(?P<what>.+)$", "Cần biết gì về {what}?"),
    ),
    generic=re.compile(
        r"(?i)^(?:giới thiệu|tổng quan|tóm tắt|kết luận|tài liệu tham khảo|ghi chú|chú thích|ví dụ|bài tập|lời nói đầu"
        r"|lời mở đầu|lời cảm ơn|phụ lục|mở đầu|khác|xem thêm|chi tiết|điều khoản chung|quy định chung)$"
    ),
    article="{name} quy định những gì?",
    article_about="{name} quy định gì về {what}?",
    meaning="“{subject}” có nghĩa là gì?",
    cloze="Điền vào chỗ trống: {sentence}",
    topic=(
        "Văn bản nói gì về {topic}?",
        "Hãy cho biết về {topic}.",
        "Cần biết gì về {topic}?",
        "Bạn có thể giải thích về {topic} không?",
        "Có thông tin gì về {topic}?",
        "Hãy nêu những điều chính về {topic}.",
        "Tôi muốn biết thêm về {topic}.",
    ),
    explain=(
        "Hãy giải thích {title}.",
        "Bạn có thể giải thích {title} cho tôi không?",
        "Văn bản nói gì về {title}?",
        "Hãy mô tả chi tiết {title}.",
        "Hãy trình bày tổng quan về {title}.",
        "Hãy cho tôi biết mọi điều về {title}.",
    ),
    continued=(
        "Văn bản nói gì trong phần về {title} bắt đầu bằng “{opening}”?",
        "Hãy giải thích phần về {title} bắt đầu bằng “{opening}”.",
        "Văn bản về {title} tiếp tục thế nào từ “{opening}”?",
    ),
    opening="Văn bản nói gì trong phần bắt đầu bằng “{opening}”?",
    not_in_passages="Các đoạn văn không nói điều này.",
    pointing=frozenset("đây đó điều nó họ ông bà anh chị chúng ta tôi bạn và nhưng hoặc vậy thì cũng như".split()),
    not_subjects=frozenset(
        "nếu khi theo trong ngoài tại từ sau trước với vì do tuy mặc dù hầu phần nhiều một số mỗi mọi cả các những ở "
        "để bằng hiện ngày vào kể rồi sự việc kết".split()
    ),
    not_inside=frozenset("là được bị đã đang sẽ có không rằng mà thì khi nếu vì nên này đó vẫn hiện còn đều".split()),
)
LANGUAGES: Mapping[str, Language] = {"en": ENGLISH, "und": ENGLISH, "vi": VIETNAMESE}
# Words of several parts that name a numbered article, chapter or the like, with what may follow the number.
NUMBERED = re.compile(
    r"^(?P<name>(?P<kind>part|book|title|chapter|article|amendment|section|phần|chương|điều|mục)\s+(?:[ivxlcdm]+|\d{1,3}|[a-z]))"
    r"\b[.:]?\s*(?:\([^)]*\))?\s*[-–—]?\s*(?P<rest>.*)$",
    re.IGNORECASE,
)
