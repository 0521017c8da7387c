"""What the host allows a visitor to add, how long it is kept, and whether scanned pages can be read, in words."""

from playground.services.app import Services
from playground.ui.shared.format import count
from playground.ui.shared.i18n import say
from playground.ui.shared.kept import loss_warning


def limits_words(services: Services, language: str) -> str:
    """Paragraphs for the small print below the upload; the first warns where nothing outlives a restart."""
    limits, known = services.settings, services.library.ocr_languages
    words = say(
        language,
        "text.limits",
        file_mb=limits.file_bytes // 1_000_000,
        visitor_mb=limits.visitor_bytes // 1_000_000,
        files=limits.visitor_files,
        chars=count(language, limits.text_chars),
        days=limits.keep_days,
    )
    recognised = say(language, "text.ocr", languages=", ".join(known)) if known else say(language, "text.no_ocr")
    return "\n\n".join(filter(None, (loss_warning(limits.data, language), words, recognised)))
