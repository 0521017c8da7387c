"""The language of each section of a document: a document may have parts in several."""

from functools import lru_cache

from playground.data.sections import Section, cut_sections
from retrieval.document import Document
from retrieval.language import detect_language, language_of_part, languages_of


class SectionLanguages:
    """The languages of one document; `all` begins with that of most of it."""

    def __init__(self, document: Document) -> None:
        self._text = document.text
        self.all = _languages_of(document.text, tuple((each.start, each.end) for each in cut_sections(document)))
        self._whole = self.all[0]

    def of(self, section: Section) -> str:
        """The language of a section, that of the document where it is not surely in another."""
        found = language_of_part(self._words(section), self._whole) if len(self.all) > 1 else self._whole
        return found if found in self.all else self._whole

    def _words(self, section: Section) -> str:
        return self._text[section.start : section.end]


@lru_cache(maxsize=8)
def _languages_of(text: str, parts: tuple[tuple[int, int], ...]) -> tuple[str, ...]:
    """Asked several times while the examples of a text are made, and slow for a long one."""
    return languages_of([text[start:end] for start, end in parts], detect_language(text))
