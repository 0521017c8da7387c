"""The language of a text (py3langid), and the terms that a lexical index holds of it.

The language decides on stop words, a stemmer and how far an English encoder is trusted.
"""

import threading
from dataclasses import replace

import Stemmer
from bm25s import stopwords
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from retrieval.words import Word, fold, words_of

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
# A pronoun that the list lacks; as "US" it is a country.
_PRONOUNS = {"en": ("us",)}


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
    """Splits text into index terms: folded, no stop words, stems; character pairs in scripts without blanks.

    An abbreviation in capitals that is a stop word otherwise ("IT", "Vitamin A") is a term of its own, in capitals.
    """

    def __init__(self, language: str) -> None:
        self._stop = frozenset(fold(word) for word in STOP_WORDS.get(language, ()))
        self._named = self._stop.union(_PRONOUNS.get(language, ()))
        self._stemmer = Stemmer.Stemmer(STEMMERS[language]) if language in STEMMERS else None

    def __call__(self, text: str) -> list[str]:
        """The terms in order; stop words stay if there is nothing else."""
        return [term for word in self.words(text) for term in word.terms]

    def words(self, text: str) -> list[Word]:
        """The words in order with their forms as terms, stemmed; stop words stay if there is nothing else."""
        written = list(words_of(text))
        every = {word: self._named_word(word) for word in set(written)}
        content = {word: self._without_stop_words(named) for word, named in every.items()}
        kept = content if any(word.terms for word in content.values()) else every
        stems = {word: replace(each, parts=self._stems(each.parts)) for word, each in kept.items() if each.terms}
        return [stems[word] for word in written if word in stems]

    def _named_word(self, word: Word) -> Word:
        """The word in capitals where its small letters would be a stop word."""
        if word.capital and word.parts[0] in self._named:
            return replace(word, parts=(word.capital,), exact=len(word.capital) > 1 and word.parts[0] in self._stop)
        return word

    def _without_stop_words(self, word: Word) -> Word:
        if self._stop.isdisjoint(word.parts):
            return word
        return replace(word, parts=tuple(part for part in word.parts if part not in self._stop))

    def _stems(self, parts: tuple[str, ...]) -> tuple[str, ...]:
        if self._stemmer is None:
            return parts
        return tuple(part if part.isupper() else self._stemmer.stemWord(part) for part in parts)


def count_words(text: str) -> int:
    """How many words a text has; in a script without blanks, pairs of characters."""
    return sum(1 for _ in words_of(text))
