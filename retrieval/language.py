"""The language of a text (py3langid), and the terms that a lexical index holds of it.

The language decides on stop words, a stemmer and how far an English encoder is trusted.
"""

import re
import threading
import unicodedata

import Stemmer
from bm25s import stopwords
from py3langid.langid import MODEL_FILE, LanguageIdentifier

UNKNOWN = "und"
SAMPLE_CHARS = 20_000
# The share of the probability, over 139 languages, that the likeliest one needs; chosen on 2,700 sentences and 1,264
# questions (docs/log.md): 0.9 % of the sentences get a wrong language, 2.4 % get none.
MIN_PROBABILITY = 0.4
# Codes of py3langid that mean something simpler here: "zxx" is text in no language, "nn" is written Norwegian too.
ALIASES = {"zxx": UNKNOWN, "nn": "no"}
STEMMERS = {
    "en": "english", "fr": "french", "de": "german", "es": "spanish", "it": "italian", "pt": "portuguese",
    "nl": "dutch", "sv": "swedish", "no": "norwegian", "da": "danish", "ru": "russian", "tr": "turkish",
    "pl": "polish", "id": "indonesian", "el": "greek", "ar": "arabic", "hi": "hindi",
}  # fmt: skip
# The long English list (NLTK's) has the filler words of questions, which Lucene's short list for documents lacks.
STOP_WORDS = {
    "en": stopwords.STOPWORDS_EN_PLUS, "fr": stopwords.STOPWORDS_FRENCH, "de": stopwords.STOPWORDS_GERMAN,
    "es": stopwords.STOPWORDS_SPANISH, "it": stopwords.STOPWORDS_ITALIAN, "pt": stopwords.STOPWORDS_PORTUGUESE,
    "nl": stopwords.STOPWORDS_DUTCH, "sv": stopwords.STOPWORDS_SWEDISH, "no": stopwords.STOPWORDS_NORWEGIAN,
    "da": stopwords.STOPWORDS_DANISH, "ru": stopwords.STOPWORDS_RUSSIAN, "tr": stopwords.STOPWORDS_TURKISH,
}  # fmt: skip
_WORD = re.compile(r"[^\W\d_]+")
_TERM = re.compile(r"\w+")
# Scripts without spaces between words; their terms are pairs of characters.
_UNSPACED = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]+")


class _Detector:
    """py3langid's model, loaded at the first use (0.6 s of one core, 80 MB) and shared: classifying changes nothing."""

    def __init__(self) -> None:
        self._loading = threading.Lock()
        self._model: LanguageIdentifier | None = None

    def classify(self, text: str) -> str:
        """The code of the likeliest language, or "und" where none is likely enough."""
        with self._loading:
            if self._model is None:
                self._model = LanguageIdentifier.from_model_file(
                    MODEL_FILE, norm_probs=True, min_confidence=MIN_PROBABILITY
                )
        code, _ = self._model.classify(text)
        return ALIASES.get(code, code)


_DETECTOR = _Detector()


def detect_language(text: str) -> str:
    """ISO 639-1 code of the language of the first 20,000 characters (639-3 where there is none), or "und".

    "und" stands for text that is too short, or in too many languages, to tell. The same text always gives the same
    code; nothing is fetched.
    """
    return _DETECTOR.classify(text[:SAMPLE_CHARS])


class Terms:
    """Splits text into index terms: lower case, no stop words, stems; character pairs in scripts without spaces."""

    def __init__(self, language: str) -> None:
        self._stop = frozenset(STOP_WORDS.get(language, ()))
        self._stemmer = Stemmer.Stemmer(STEMMERS[language]) if language in STEMMERS else None

    def __call__(self, text: str) -> list[str]:
        """The terms in order; stop words stay if there is nothing else."""
        words = [part for word in _TERM.findall(unicodedata.normalize("NFC", text).lower()) for part in _parts(word)]
        content = [word for word in words if word not in self._stop] or words
        return self._stemmer.stemWords(content) if self._stemmer else content


def count_words(text: str) -> int:
    """How many words a text has; in a script without spaces, pairs of characters."""
    return sum(len(_parts(word)) for word in _TERM.findall(text))


def _parts(word: str) -> list[str]:
    """The overlapping character pairs of a script without spaces; any other word unchanged."""
    if not _UNSPACED.search(word):
        return [word]
    parts = [piece for piece in _UNSPACED.split(word) if piece]
    for run in _UNSPACED.findall(word):
        parts += [run[place : place + 2] for place in range(max(1, len(run) - 1))]
    return parts
