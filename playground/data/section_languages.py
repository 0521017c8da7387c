"""The language of each section of a document: a document may have parts in several."""

from playground.data.sections import Section, cut_sections
from retrieval.document import Document
from retrieval.language import detect_language, language_of_part, languages_of


class SectionLanguages:
    """The languages of one document; `all` begins with that of most of it."""

    def __init__(self, document: Document) -> None:
        self._text = document.text
        self._whole = detect_language(document.text)
        parts = [self._words(each) for each in cut_sections(document)]
        self.all = languages_of(parts, self._whole)

    def of(self, section: Section) -> str:
        """The language of a section, that of the document where it is not surely in another."""
        found = language_of_part(self._words(section), self._whole) if len(self.all) > 1 else self._whole
        return found if found in self.all else self._whole

    def _words(self, section: Section) -> str:
        return self._text[section.start : section.end]
