"""The language of a text, from its script and its commonest words, and the terms that a lexical index holds of it.

A heuristic of fourteen word lists and the Unicode blocks: it serves to pick stop words and a stemmer, not to study
languages, and it does not tell apart languages of one script that have no list here.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

import Stemmer
from bm25s import stopwords

UNKNOWN = "und"
SAMPLE_CHARS = 20_000
MIN_WORDS = 2  # common words that must be found
MIN_SHARE = 0.06  # and their share of all words
COMMON_WORDS = {
    language: frozenset(words.split())
    for language, words in {
        "en": "the of and to in is that it was for on are with as his they be at this from have or by had not but what",
        "vi": "và của là các được không những một trong cho có người với này để khi từ đã vào như về theo tại cũng ở",
        "fr": "le la les de des et un une du est que dans qui pour au sur pas par plus ce il elle sont avec ne se aux",
        "de": "der die das und ist von den des mit dem im für nicht ein eine auf sich auch als es an werden aus wie zu",
        "es": "el la los las de que y en un una por con para es se del no su al lo como más pero sus fue este son",
        "it": "il di che la le e un una in per con non del della sono è da dei si al nel come più gli alla anche",
        "pt": "o a os as de que e do da em um uma para com não por mais dos se na no das foi como ao são pelo seu",
        "nl": "de het een van en in is dat op te zijn met voor niet aan er om door ook als bij maar worden naar dan",
        "sv": "och att det i en som på är av för med till den har de inte om ett var vid från eller kan men",
        "no": "og i det er som på en av for med til den har de ikke om et var ved fra eller kan men å",
        "da": "og i det er som på en af for med til den har de ikke om et var ved fra eller kan men at",
        "pl": "i w na z się nie do to jest że o jak za od przez po dla są jego oraz ale czy tylko być",
        "tr": "ve bir bu için ile da de olarak çok daha olan gibi en kadar ne sonra her o ya var değil",
        "id": "yang dan di ini dengan untuk dari dalam tidak itu pada adalah ke sebagai oleh akan juga atau bisa",
    }.items()
}
# A word of several languages speaks for each of them a little.
_SHARED_BY = Counter(word for common in COMMON_WORDS.values() for word in common)
# Letters that among living languages only Vietnamese has.
_VIETNAMESE = frozenset("ơưạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ")
# First code point, last code point, language: where the script alone decides.
SCRIPTS = (
    (0x3040, 0x30FF, "ja"),
    (0xAC00, 0xD7AF, "ko"),
    (0x4E00, 0x9FFF, "zh"),
    (0x0E00, 0x0E7F, "th"),
    (0x0600, 0x06FF, "ar"),
    (0x0590, 0x05FF, "he"),
    (0x0370, 0x03FF, "el"),
    (0x0900, 0x097F, "hi"),
    (0x0400, 0x04FF, "ru"),
)
STEMMERS = {
    "en": "english", "fr": "french", "de": "german", "es": "spanish", "it": "italian", "pt": "portuguese",
    "nl": "dutch", "sv": "swedish", "no": "norwegian", "da": "danish", "ru": "russian", "tr": "turkish",
    "pl": "polish", "id": "indonesian", "el": "greek", "ar": "arabic", "hi": "hindi",
}  # fmt: skip
# The long English list (NLTK's) has the words that fill questions, which Lucene's short one, made for documents, lacks.
STOP_WORDS = {
    "en": stopwords.STOPWORDS_EN_PLUS, "fr": stopwords.STOPWORDS_FRENCH, "de": stopwords.STOPWORDS_GERMAN,
    "es": stopwords.STOPWORDS_SPANISH, "it": stopwords.STOPWORDS_ITALIAN, "pt": stopwords.STOPWORDS_PORTUGUESE,
    "nl": stopwords.STOPWORDS_DUTCH, "sv": stopwords.STOPWORDS_SWEDISH, "no": stopwords.STOPWORDS_NORWEGIAN,
    "da": stopwords.STOPWORDS_DANISH, "ru": stopwords.STOPWORDS_RUSSIAN, "tr": stopwords.STOPWORDS_TURKISH,
}  # fmt: skip
_WORD = re.compile(r"[^\W\d_]+")
_TERM = re.compile(r"\w+")
# Scripts written without blanks between words, whose terms are pairs of characters.
_UNSPACED = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]+")


def detect_language(text: str) -> str:
    """ISO 639-1 code of the text's language, "und" where its first 20,000 characters show none clearly."""
    sample = unicodedata.normalize("NFC", text[:SAMPLE_CHARS]).lower()
    words = _WORD.findall(sample)
    found = Counter("".join(words))
    scripts: Counter[str] = Counter()
    for character, count in found.items():
        scripts[_script(character)] += count
    letters = found.total()
    del scripts["latin"]
    if scripts and sum(scripts.values()) > letters / 3:
        # Japanese mixes its own letters with Chinese ones, never the other way round.
        return "ja" if scripts["ja"] > 0.1 * letters else scripts.most_common(1)[0][0]
    if sum(found[character] for character in _VIETNAMESE) > 0.04 * letters:
        return "vi"
    return _by_words(words)


def _by_words(words: Sequence[str]) -> str:
    """The language whose common words are most of the words; a word of several languages counts in parts."""
    found = Counter(words)
    scores = {
        language: sum(found[word] / _SHARED_BY[word] for word in common) for language, common in COMMON_WORDS.items()
    }
    best = max(scores, key=lambda language: scores[language])
    return best if scores[best] >= max(MIN_WORDS, MIN_SHARE * len(words)) else UNKNOWN


def _script(character: str) -> str:
    point = ord(character)
    return next((language for first, last, language in SCRIPTS if first <= point <= last), "latin")


class Terms:
    """Text to index terms: lower case, no stop words, stems; pairs of characters where words are not parted."""

    def __init__(self, language: str) -> None:
        self._stop = frozenset(STOP_WORDS.get(language, ()))
        self._stemmer = Stemmer.Stemmer(STEMMERS[language]) if language in STEMMERS else None

    def __call__(self, text: str) -> list[str]:
        """The terms in order; all words where every word is a stop word."""
        words = [part for word in _TERM.findall(unicodedata.normalize("NFC", text).lower()) for part in _parts(word)]
        kept = [word for word in words if word not in self._stop] or words
        return self._stemmer.stemWords(kept) if self._stemmer else kept


def _parts(word: str) -> list[str]:
    """A run of an unspaced script as its overlapping pairs of characters, any other word as it is."""
    if not _UNSPACED.search(word):
        return [word]
    parts = [piece for piece in _UNSPACED.split(word) if piece]
    for run in _UNSPACED.findall(word):
        parts += [run[place : place + 2] for place in range(max(1, len(run) - 1))]
    return parts
