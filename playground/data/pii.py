"""Likely personal data in a text: addresses and numbers with their form, checked by their checksum where they have one.

A heuristic of forms, not of meaning: it knows no names, and a number of the same form may be harmless.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,5}[A-Za-z]{2,24}(?![\w@])")
# +84 912 345 678, (555) 010-4477, 0912.345.678: an international or area prefix tells a phone from other numbers.
_PHONE = re.compile(
    r"(?<![\w.+/-])(?<!\d[ .-])(?:\+\d{1,3}[ .-]?(?:\(?\d{1,4}\)?[ .-]?){2,5}\d|\(\d{2,4}\) ?\d{3,4}[ .-]?\d{3,4}"
    r"|0\d{1,4}[ .-]\d{2,4}[ .-]\d{2,4}(?:[ .-]\d{2,4})?|0[35789]\d{8})(?![\w/-]| ?\d|\.\d)"
)
_CARD = re.compile(
    r"(?<![\w.-])[3-6]\d{3}(?:[ -]?\d{4}){2,3}(?:[ -]?\d{1,3})?(?![\w-]|\.\d)|(?<!\d)3\d{3} ?\d{6} ?\d{5}(?!\d)"
)
_IBAN = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?!\w)")
# Vietnam's citizen number (province 001–096, century and sex, year of birth), the United States' (never 000, 666, 9xx).
_ID = re.compile(
    r"(?<![\w.-])(?:0(?:0[1-9]|[1-8]\d|9[0-6])[0-3]\d{8}|(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4})(?![\w-]|\.\d)"
)


@dataclass(frozen=True)
class Form:
    """What a kind of data looks like, and whether a match is sound."""

    pattern: re.Pattern[str]
    sound: Callable[[str], bool]


def luhn(number: str) -> bool:
    """Whether 13 to 19 digits carry the check digit of payment cards (ISO/IEC 7812-1, annex B)."""
    digits = [int(character) for character in number if character.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) if place % 2 else digit for place, digit in enumerate(reversed(digits))]
    return 13 <= len(digits) <= 19 and len(set(digits)) > 1 and sum(doubled) % 10 == 0


def mod97(number: str) -> bool:
    """Whether an IBAN's check digits are right (ISO 13616: the number modulo 97 is 1)."""
    plain = "".join(number.split())
    turned = "".join(str(int(character, 36)) for character in plain[4:] + plain[:4])
    return 15 <= len(plain) <= 34 and int(turned) % 97 == 1


def phone(number: str) -> bool:
    """Whether a number has as many digits as a phone's (ITU-T E.164: 15 at most)."""
    return 8 <= sum(map(str.isdigit, number)) <= 15


FORMS: Mapping[str, Form] = {
    "email": Form(_EMAIL, lambda _: True),
    "phone": Form(_PHONE, phone),
    "card": Form(_CARD, luhn),
    "iban": Form(_IBAN, mod97),
    "id_number": Form(_ID, lambda _: True),
}


def find_pii(text: str, kind: str) -> Iterator[tuple[int, int]]:
    """Start and end of everything of one kind in FORMS."""
    form = FORMS[kind]
    return (match.span() for match in form.pattern.finditer(text) if form.sound(match[0]))
