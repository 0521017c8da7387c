"""Reads EML: sender, date and subject, the text of the message, and a list of what is attached."""

from email import message_from_bytes, policy
from email.message import EmailMessage

from retrieval.document import Document, DocumentBuilder, Limits
from retrieval.errors import RetrievalError
from retrieval.notes import Note, sum_notes
from retrieval.readers.cleaning import Cleaner
from retrieval.readers.encoding import decode, refuse_disguised
from retrieval.readers.flowed import unflowed
from retrieval.readers.html import read_html
from retrieval.readers.merge import add_document

HEADERS = ("Date", "From", "To", "Cc")
ATTACHMENTS, ALTERNATIVES = "Attachments", "Second forms of the same text"
MAX_PARTS, MAX_DEPTH = 1_000, 20


def read_mail(data: bytes, name: str, limits: Limits) -> Document:
    """The text of a message and of those forwarded in it; an HTML body is read as a page. Attachments are counted.

    Raises:
        RetrievalError: no message, encrypted, or with too many parts.
        TooLong: more text than the limits allow.
    """
    refuse_disguised(data, name, "a message (EML)")
    if data.lower().count(b"content-type:") > MAX_PARTS:
        raise RetrievalError(f"{name} has more than {MAX_PARTS:,} parts, the limit. Add a part of it.")
    message = message_from_bytes(data, policy=policy.default)
    if not isinstance(message, EmailMessage) or not (message["From"] or message["Subject"] or message["Received"]):
        raise RetrievalError(f"{name} has no sender and no subject, so it is no message (EML). Save it again as EML.")
    writer = _MailWriter(name, limits, DocumentBuilder(limits.max_chars), Cleaner())
    writer.add_message(message)
    return writer.builder.document(name, sum_notes([*writer.cleaner.notes(), *writer.notes]))


class _MailWriter:
    """Adds the parts of a message to a document."""

    def __init__(self, name: str, limits: Limits, builder: DocumentBuilder, cleaner: Cleaner) -> None:
        self.name, self.limits, self.builder, self.cleaner = name, limits, builder, cleaner
        self.notes: list[Note] = []
        self.texts = 0  # texts that were added

    def add_message(self, message: EmailMessage, level: int = 1) -> None:
        """Add the subject as a heading, the header lines, and the parts."""
        subject = self.cleaner.clean(_header(message, "Subject"))
        if subject.strip():
            self.builder.heading(subject, level)
        lines = [f"{key}: {_header(message, key)}" for key in HEADERS if message[key]]
        if lines:
            self.builder.add(self.cleaner.clean("\n".join(lines)))
        self._add_part(message, level)

    def _add_part(self, part: EmailMessage, level: int) -> None:
        kind = part.get_content_type()
        if level > MAX_DEPTH:
            self.builder.leave_out("Parts nested too deeply", kind)
        elif kind in ("multipart/encrypted", "application/pkcs7-mime"):
            raise RetrievalError(f"{self.name} is encrypted. Open it in your mail program and save its text.")
        elif kind == "message/rfc822":
            for inner in _parts(part):
                self.add_message(inner, level + 1)
        elif kind == "multipart/alternative":
            self._add_alternative(_parts(part), level)
        elif part.is_multipart():
            for inner in _parts(part):
                self._add_part(inner, level + 1)
        elif part.is_attachment() or part.get_content_maintype() != "text":
            self.builder.leave_out(ATTACHMENTS, part.get_filename() or kind)
        else:
            self._add_text(part)

    def _add_alternative(self, parts: list[EmailMessage], level: int) -> None:
        """Add the richest form that has text and is for people; the others say the same."""
        order = sorted(parts, key=_rank)
        for place, part in enumerate(order):
            before = self.texts
            self._add_part(part, level + 1)
            if self.texts > before:
                for other in order[place + 1 :]:
                    self.builder.leave_out(ALTERNATIVES, other.get_content_type())
                return

    def _add_text(self, part: EmailMessage) -> None:
        payload = part.get_payload(decode=True)
        content = payload if isinstance(payload, bytes) else b""
        if not content.strip():
            return
        charset = part.get_content_charset()
        if part.get_content_type() == "text/html":
            page = read_html(_as_utf8(content, charset), self.name, self.limits)
            if any(map(str.isalnum, page.text)):
                add_document(self.builder, page)
                self.notes += page.notes
                self.texts += 1
            return
        text = decode(_as_utf8(content, charset), self.name).replace("\r\n", "\n")
        if str(part.get_param("format") or "").lower() == "flowed":
            text = unflowed(text, str(part.get_param("delsp") or "").lower() == "yes")
        text = self.cleaner.clean(text)
        if any(map(str.isalnum, text)):
            self.builder.add(text)
            self.texts += 1


def _rank(form: EmailMessage) -> int:
    """A page comes first, also with its pictures, then plain text; of AMP or a calendar only the source is text."""
    kind = form.get_content_type()
    return 0 if kind == "text/html" or form.is_multipart() else 1 if kind == "text/plain" else 2


def _header(message: EmailMessage, key: str) -> str:
    return " ".join(str(message[key] or "").split())


def _parts(part: EmailMessage) -> list[EmailMessage]:
    return [each for each in part.iter_parts() if isinstance(each, EmailMessage)]


def _as_utf8(content: bytes, charset: str | None) -> bytes:
    """The text in UTF-8 with a byte order mark, if its charset is known; else as it is, to be guessed."""
    try:
        return content.decode(charset or "utf-8").encode("utf-8-sig")
    except (LookupError, UnicodeError):
        return content
