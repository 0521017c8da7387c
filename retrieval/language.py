"""The language of a text (py3langid), and the terms that a lexical index holds of it.

The language decides on stop words, a stemmer and how far an English encoder is trusted.
"""

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import Stemmer
from bm25s import stopwords
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from retrieval.korean import STOP_WORDS as KOREAN_STOP_WORDS
from retrieval.korean import KoreanStemmer
from retrieval.words import Word, fold, words_of

UNKNOWN = "und"
SAMPLE_CHARS = 20_000
# The share of the probability, over 139 languages, that the likeliest one needs; chosen on 2,700 sentences and 1,264
# questions (docs/log.md): 0.9 % of the sentences get a wrong language, 2.4 % get none.
MIN_PROBABILITY = 0.4
# A part of a text is in another language than the whole only where that is sure, so that no text in one language is
# taken for a mixed one.
PART_CHARS = 80
SURE, IMPROBABLE = 0.9, 0.01  # the least probability of the part's language, and the greatest of the whole's
LEAST_SHARE = 0.01  # of a text's characters that are in another language, from which on it is one of the text's
# Codes of py3langid that mean something simpler here: "zxx" is text in no language, "nn" is written Norwegian too.
ALIASES = {"zxx": UNKNOWN, "nn": "no"}
STEMMERS = {
    "en": "english", "fr": "french", "de": "german", "es": "spanish", "it": "italian", "pt": "portuguese",
    "nl": "dutch", "sv": "swedish", "no": "norwegian", "da": "danish", "ru": "russian", "tr": "turkish",
    "pl": "polish", "id": "indonesian", "el": "greek", "ar": "arabic", "hi": "hindi",
}  # fmt: skip
# Words of questions that the German list lacks.
_GERMAN_QUESTIONS = "wer wem wen wessen wann warum wieso weshalb wofür womit wohin woher bitte".split()
# The long English list (NLTK's) has the filler words of questions, which Lucene's short list for documents lacks.
STOP_WORDS = {
    "en": stopwords.STOPWORDS_EN_PLUS, "fr": stopwords.STOPWORDS_FRENCH,
    "de": (*stopwords.STOPWORDS_GERMAN, *_GERMAN_QUESTIONS),
    "es": stopwords.STOPWORDS_SPANISH, "it": stopwords.STOPWORDS_ITALIAN, "pt": stopwords.STOPWORDS_PORTUGUESE,
    "nl": stopwords.STOPWORDS_DUTCH, "sv": stopwords.STOPWORDS_SWEDISH, "no": stopwords.STOPWORDS_NORWEGIAN,
    "da": stopwords.STOPWORDS_DANISH, "ru": stopwords.STOPWORDS_RUSSIAN, "tr": stopwords.STOPWORDS_TURKISH,
    "ko": KOREAN_STOP_WORDS,
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
        code, _ = self._loaded().classify(text)
        return ALIASES.get(code, code)

    def probabilities(self, text: str) -> dict[str, float]:
        """The probability of every language, the likeliest first."""
        found: dict[str, float] = {}
        for code, probability in self._loaded().rank(text):
            name = ALIASES.get(code, code)
            found[name] = found.get(name, 0.0) + probability
        return found

    def _loaded(self) -> LanguageIdentifier:
        with self._loading:
            if self._model is None:
                self._model = LanguageIdentifier.from_model_file(
                    MODEL_FILE, norm_probs=True, min_confidence=MIN_PROBABILITY
                )
            return self._model


_DETECTOR = _Detector()


def detect_language(text: str) -> str:
    """ISO 639-1 code of the language of the first 20,000 characters (639-3 where there is none), or "und".

    "und" stands for text that is too short, or in too many languages, to tell. The same text always gives the same
    code; nothing is fetched.
    """
    return _DETECTOR.classify(text[:SAMPLE_CHARS])


def language_of_part(part: str, whole: str) -> str:
    """The language of a part of a text in `whole`: another one only where the part is long enough and that is sure."""
    if len(part) < PART_CHARS:
        return whole
    found = _DETECTOR.probabilities(part[:SAMPLE_CHARS])
    likeliest = next(iter(found))
    is_sure = found[likeliest] >= SURE and found.get(whole, 0.0) <= IMPROBABLE
    return likeliest if is_sure and likeliest != UNKNOWN else whole


def languages_of(parts: Sequence[str], whole: str) -> tuple[str, ...]:
    """The languages of a text that is in `whole`, the first, by its parts.

    Where no language of the whole can be told, it has others only if its parts are in several.
    """
    chars: Counter[str] = Counter()
    for part in parts:
        chars[language_of_part(part, whole)] += len(part)
    least = LEAST_SHARE * chars.total()
    others = [code for code, count in chars.most_common() if code != whole and count >= least]
    return (whole, *others) if whole != UNKNOWN or len(others) > 1 else (whole,)


class Terms:
    """Splits text into index terms: folded, no stop words, stems; character pairs in scripts without blanks.

    An abbreviation in capitals that is a stop word otherwise ("IT", "Vitamin A") is a term of its own, in capitals.
    """

    def __init__(self, language: str) -> None:
        self._stop = frozenset(fold(word) for word in STOP_WORDS.get(language, ()))
        self._named = self._stop.union(_PRONOUNS.get(language, ()))
        self._stemmer = _stemmer(language)

    def __call__(self, text: str) -> list[str]:
        """The terms in order; stop words stay if there is nothing else."""
        return [term for word in self.words(text) for term in word.terms]

    def words(self, text: str) -> list[Word]:
        """The words in order with their forms as terms, stemmed; stop words stay if there is nothing else."""
        written = list(words_of(text))
        every = {word: self._named_word(word) for word in set(written)}
        content = {word: self._without_stop_words(named) for word, named in every.items()}
        kept = content if any(word.terms for word in content.values()) else every
        stems = {word: self._stemmed(each) for word, each in kept.items() if each.terms}
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

    def _stemmed(self, word: Word) -> Word:
        """The word in stems; a compound is joined before, as one that is written without its hyphen."""
        whole = self._stems((word.whole,))[0] if word.whole.isalpha() else word.whole
        return replace(word, parts=self._stems(word.parts), whole=whole)

    def _stems(self, parts: tuple[str, ...]) -> tuple[str, ...]:
        if self._stemmer is None:
            return parts
        return tuple(part if part.isupper() else self._stemmer.stemWord(part) for part in parts)


def _stemmer(language: str) -> Stemmer.Stemmer | KoreanStemmer | None:
    if language == "ko":
        return KoreanStemmer()
    return Stemmer.Stemmer(STEMMERS[language]) if language in STEMMERS else None


class MixedTerms:
    """The terms of a text in several languages.

    A passage has its words as terms of each language, since a name or a command is asked for in any; a question has
    those of its own language, or of the first.
    """

    def __init__(self, languages: Sequence[str]) -> None:
        self._terms = {language: Terms(language) for language in languages}
        self._first = languages[0]

    def __call__(self, text: str) -> list[str]:
        """The terms of a passage: those of the first language in order, then what the others add."""
        first, *others = (terms(text) for terms in self._terms.values())
        known = set(first)
        return [*first, *(term for each in others for term in each if term not in known)]

    def words(self, question: str) -> list[Word]:
        """The words of a question, as `Terms.words` gives them."""
        return self._terms[self._language(question)].words(question)

    def _language(self, question: str) -> str:
        asked = detect_language(question) if len(self._terms) > 1 else self._first
        return asked if asked in self._terms else self._first


def count_words(text: str) -> int:
    """How many words a text has; in a script without blanks, pairs of characters."""
    return sum(not word.further for word in words_of(text))
