"""Ranks the readings of bytes that are not Unicode: in which code page they look most like some language.

The evidence is the advantage of the likeliest language over the mean of all (py3langid), per byte of the reading; a
reading loses what share of its words mixes scripts, capitals or signs as no language does.
"""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier

from retrieval.readers.vietnamese import decode_tcvn3, decode_viscii, decode_vni, syllable_share

SAMPLE_BYTES = 20_000
UNSURE_SHARE, UNSURE_NATS = 0.92, 15.0  # within which a second reading is about as likely (docs/log.md)
MAX_BROKEN = 0.02  # share of bytes that a code page may not know where none knows them all
# Those used more get an advantage, so that a few letters do not speak for a rare one.
_PAGES = {
    "cp1252": ("Windows-1252 (Western)", 1.06), "cp1250": ("Windows-1250 (Central European)", 1.03),
    "cp1251": ("Windows-1251 (Cyrillic)", 1.04), "cp1253": ("Windows-1253 (Greek)", 1.0),
    "cp1254": ("Windows-1254 (Turkish)", 1.0), "cp1255": ("Windows-1255 (Hebrew)", 1.0),
    "cp1256": ("Windows-1256 (Arabic)", 1.0), "cp1257": ("Windows-1257 (Baltic)", 1.0),
    "cp1258": ("Windows-1258 (Vietnamese)", 1.0), "cp874": ("Windows-874 (Thai)", 1.0),
    "iso8859-2": ("ISO 8859-2 (Central European)", 1.0), "koi8-u": ("KOI8 (Cyrillic)", 1.0),
    "cp866": ("DOS 866 (Cyrillic)", 1.0), "cp850": ("DOS 850 (Western)", 1.0), "mac-roman": ("Mac Roman", 1.0),
    "cp932": ("Shift JIS (Japanese)", 1.04), "euc-jp": ("EUC-JP (Japanese)", 1.0),
    "gb18030": ("GB 18030 (Chinese)", 1.04), "big5hkscs": ("Big5 (Chinese)", 1.02), "cp949": ("EUC-KR (Korean)", 1.04),
    "vni": ("VNI (Vietnamese)", 1.0), "tcvn3": ("TCVN3 (Vietnamese)", 1.0), "viscii": ("VISCII (Vietnamese)", 1.0),
}  # fmt: skip
_OWN: dict[str, Callable[[bytes], str]] = {"vni": decode_vni, "tcvn3": decode_tcvn3, "viscii": decode_viscii}
_VIETNAMESE = frozenset(("cp1258", *_OWN))
_EDGES = " \t\n\r.,;:!?¡¿()[]{}\"'«»„“”‘’‚‹›…–—-/*<>=+%&#@€£¥§°©®™、。，「」『』！？：；（）؟،؛·"
_SIGNS = frozenset("“”‘’‚„‹›–—…•€£§©®™°\u00a0")
_WITHIN = frozenset("’·‑–—/，、。・ー「」『』：（）！？")
_EAST_ASIAN = frozenset(("CJK", "HIRAGANA", "KATAKANA", "HANGUL"))
_SCRIPTS = _EAST_ASIAN | {"LATIN", "CYRILLIC", "GREEK", "HEBREW", "ARABIC", "THAI"}
_UNUSED = frozenset(("Cc", "Co", "Cn", "Cs"))


@dataclass(frozen=True)
class CodePageReading:
    """One reading of a file: the name of its code page, that page's name for people, the text, and the evidence."""

    encoding: str
    label: str
    text: str
    evidence: float

    def is_close(self, best: "CodePageReading") -> bool:
        """Whether the evidence for this reading is about that for the best, in relation and in nats."""
        missing = best.evidence - self.evidence
        return missing <= (1 - UNSURE_SHARE) * best.evidence and missing * len(best.text.encode()) < UNSURE_NATS


def is_typographic(data: bytes) -> bool:
    """Whether the bytes beyond ASCII are signs of Windows-1252 only, such as quotation marks and "€"."""
    beyond = {letter for letter in data.decode("cp1252", errors="replace") if letter > "\x7f"}
    return "\ufffd" not in beyond and beyond <= _SIGNS


def decode_page(data: bytes, encoding: str) -> str:
    """All bytes in one code page; a byte that it does not know becomes U+FFFD."""
    own = _OWN.get(encoding)
    return own(data) if own else unicodedata.normalize("NFC", data.decode(encoding, errors="replace"))


def rank_readings(data: bytes) -> list[CodePageReading]:
    """The readings that differ, likeliest first; empty where no code page knows the bytes."""
    sample = _sample(data)
    readings: dict[str, CodePageReading] = {}
    for encoding, (label, weight) in _PAGES.items():
        text = decode_page(sample, encoding)
        if text in readings or not _is_possible(text, encoding):
            continue
        evidence = weight * (1 - _odd_share(text)) * _language_evidence(text)
        readings[text] = CodePageReading(encoding, label, text, evidence)
    return sorted(readings.values(), key=lambda reading: -reading.evidence)


def _sample(data: bytes) -> bytes:
    """Lines with bytes beyond ASCII, whole, up to a limit: the others fit any code page."""
    lines: list[bytes] = []
    size = 0
    for line in data.splitlines(keepends=True):
        if not line.isascii() and size < SAMPLE_BYTES:
            lines.append(line[:SAMPLE_BYTES])
            size += len(line)
    return b"".join(lines) or data[:SAMPLE_BYTES]


def _is_possible(text: str, encoding: str) -> bool:
    """Whether a reading has hardly any character that no text has; Vietnamese pages must give its syllables."""
    broken = sum(unicodedata.category(letter) in _UNUSED for letter in text if letter not in "\t\n\r\f")
    if broken + text.count("\ufffd") > MAX_BROKEN * len(text):
        return False
    return encoding not in _VIETNAMESE or syllable_share(text, 1) >= 0.7


def _odd_share(text: str) -> float:
    """The share of the words with letters beyond ASCII that are built as in no language."""
    words = [word for word in text.split() if not word.isascii()]
    return sum(map(_is_odd, words)) / len(words) if words else 0.0


def _is_odd(word: str) -> bool:
    inner = word.strip(_EDGES)
    scripts: set[str] = set()
    before = ""
    for letter in inner:
        kind = unicodedata.category(letter)
        if letter > "\x7f" and kind[0] in "SNPC" and letter not in _WITHIN:
            return True
        if before == "Ll" and kind == "Lu":
            return True
        before = kind
        if kind[0] == "L":
            scripts.add(_script(letter))
    known = scripts & _SCRIPTS
    return len(known - _EAST_ASIAN) > 1 or bool("LATIN" in known and known & _EAST_ASIAN and not inner.isupper())


@cache
def _script(letter: str) -> str:
    return unicodedata.name(letter, "?").split()[0]


@cache
def _identifier() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=False)


def _language_evidence(text: str) -> float:
    """By how much the likeliest language is likelier than the mean of all, per byte of UTF-8, in nats."""
    scores = [float(score) for _, score in _identifier().rank(text)]
    return (max(scores) - sum(scores) / len(scores)) / max(1, len(text.encode()))
