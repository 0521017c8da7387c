"""Tables with the same text in two languages: who asks for a translation says into which language."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from retrieval.readers.shapes.columns import Column, mostly
from retrieval.readers.shapes.forms import is_words
from retrieval.readers.shapes.names import normal


@dataclass(frozen=True)
class _Language:
    """A language by the codes and names that columns have, and its name in an English and a Vietnamese request."""

    english: str
    vietnamese: str
    names: tuple[str, ...]


LANGUAGES = (
    _Language("English", "tiếng Anh", ("en", "eng", "english", "englisch", "anglais", "ingles", "tieng_anh")),
    _Language("Vietnamese", "tiếng Việt", ("vi", "vie", "vietnamese", "vn", "tieng_viet")),
    _Language("German", "tiếng Đức", ("de", "deu", "ger", "german", "deutsch", "tieng_duc")),
    _Language("French", "tiếng Pháp", ("fr", "fra", "fre", "french", "francais", "tieng_phap")),
    _Language("Spanish", "tiếng Tây Ban Nha", ("es", "spa", "spanish", "espanol", "tieng_tay_ban_nha")),
    _Language("Italian", "tiếng Ý", ("it", "ita", "italian", "italiano", "tieng_y")),
    _Language("Portuguese", "tiếng Bồ Đào Nha", ("pt", "por", "portuguese", "portugues")),
    _Language("Russian", "tiếng Nga", ("ru", "rus", "russian", "русский", "tieng_nga")),
    _Language("Chinese", "tiếng Trung", ("zh", "zho", "zh_cn", "chinese", "中文", "tieng_trung")),
    _Language("Japanese", "tiếng Nhật", ("ja", "jpn", "japanese", "日本語", "tieng_nhat")),
    _Language("Korean", "tiếng Hàn", ("ko", "kor", "korean", "한국어", "tieng_han")),
    _Language("Thai", "tiếng Thái", ("th", "tha", "thai")),
    _Language("Arabic", "tiếng Ả Rập", ("ar", "ara", "arabic")),
)
BEFORE = ("translation_", "text_", "sentence_", "src_", "tgt_", "source_", "target_")  # of a language in a name


def translated_columns(sample: Mapping[str, Column]) -> dict[str, tuple[str, ...]] | None:
    """The text and its translation, where just two columns are named by languages and both hold words."""
    named = [column for column in sample if _language(column)]
    if len(named) != 2 or _language(named[0]) == _language(named[1]):
        return None
    if not all(mostly(sample[column], _is_text) for column in named):
        return None
    return {"question": (named[0],), "answer": (named[1],)}


def translation_request(source: str, target: str) -> str:
    """What asks for a translation from one of such columns into the other; empty for other columns."""
    spoken, wanted = _language(source), _language(target)
    if not spoken or not wanted:
        return ""
    vietnamese = spoken.english == "Vietnamese"
    return f"Dịch sang {wanted.vietnamese}:" if vietnamese else f"Translate into {wanted.english}:"


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and is_words(value)


def _language(column: str) -> _Language | None:
    name = normal(column)
    for before in BEFORE:
        name = name.removeprefix(before)
    return next((each for each in LANGUAGES if name in each.names), None)
