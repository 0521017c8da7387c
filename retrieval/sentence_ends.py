"""Where sentences and list entries end, in several languages: by marks, not behind abbreviations."""

import re
from collections.abc import Iterator

MEANINGLESS = "•‣◦▪▫●○■▶►▸▹➢➤❖◆◇"  # signs before the entries of a list that say no more than "-"
BULLETS = f"{MEANINGLESS}□➔→⇒✓✔✗✘★☆☐☑–"  # all of them, beside those of ASCII
# A run of marks is looked at from its beginning only, as it may be as long as the text.
_SENTENCE_END = re.compile(
    r"(?<![.!?…])[.!?…]+[\"'”’»)\]]*(?=\s)|[。！？｡]+[」』”’）]*|[।॥۔؟။។።]+|"
    rf"\n(?=\s*(?:[-*+{BULLETS}]|\(?(?:\d{{1,3}}|[a-z])[.)])\s)"
)
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\"'“‘])(?:[A-ZĐА-ЯЁ]|Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|vs|etc|e\.g|i\.e|cf|Fig|No|Nr|Vol|pp?|ca|approx|Inc|Ltd|"
    r"bzw|z\.B|d\.h|u\.a|[A-Z]\.[A-Z]|Rev|Gen|Capt|Sgt|Lt|Col|Gov|Sen|Hon|Dept|vgl|sog|inkl|evtl|ggf|Dipl|Mme|Mlle|Sra|"
    r"Srta|Dra|sig|dott|avv|TS|ThS|PGS|GS|BS|TP|Tp|ул|им|проф)\.$|(?:^|\n)[ \t]*\d{1,3}\.$"
)
# Words that are short for something only before a number: "art. 5", but "a work of art. 300 people came" is rare.
_BEFORE_NUMBER = re.compile(
    r"(?:^|[\s(\"'“‘])(?:art|abs|sec|sect|ch|eq|ed|par|para|nos?|ziff|kap|abb|bd|tab|tel|str|hs|pag|pág|p[áa]gs|núm|chap|"
    r"fig|vol|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec|d|стр|рис|табл|гл|ст|тел|д|с)\.$",
    re.IGNORECASE,
)
_DAY = re.compile(r"(?:^|\s)\d{1,2}\.$")
# German months behind the point of a day; other languages write them small or without the point.
_MONTH = re.compile(r"\s+(?:Jan|Jän|Feb|Mär|Apr|Mai|Jun|Jul|Aug|Sep|Okt|Nov|Dez)\w*\b")


def sentence_ends(text: str, start: int, end: int) -> Iterator[int]:
    """The offsets behind the sentences and list entries of one paragraph, but for the last."""
    begin = start
    for match in _SENTENCE_END.finditer(text, start, end):
        before, after = text[max(begin, match.start() - 12) : match.end()], text[match.end() : match.end() + 40]
        if match[0][0] != "." or not _goes_on(before, after):
            yield match.end()
            begin = match.end()


def _goes_on(before: str, after: str) -> bool:
    """Whether a full stop ends no sentence, by the letters before it and those after it."""
    following = after.lstrip()[:1]
    if following.islower() or _ABBREVIATION.search(before):
        return True
    if following.isdigit() or following == "§":
        return bool(_BEFORE_NUMBER.search(before))
    return bool(_DAY.search(before) and _MONTH.match(after))
