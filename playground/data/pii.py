"""Likely personal data in a text: addresses and numbers of a known form, with a right check digit where they have one.

A heuristic of forms, not of meaning: it knows no names, and a number of the same form may be harmless.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from stdnum import iban, luhn
from stdnum.us import ssn

_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,5}[A-Za-z]{2,24}(?![\w@])")
# +84 912 345 678, (555) 010-4477, 0912.345.678: an international or area prefix marks a phone number.
_PHONE = re.compile(
    r"(?<![\w.+/-])(?<!\d[ .-])(?:\+\d{1,3}[ .-]?(?:\(?\d{1,4}\)?[ .-]?){2,5}\d|\(\d{2,4}\) ?\d{3,4}[ .-]?\d{3,4}"
    r"|0\d{1,4}[ .-]\d{2,4}[ .-]\d{2,4}(?:[ .-]\d{2,4})?|0[35789]\d{8})(?![\w/-]| ?\d|\.\d)"
)
_CARD = re.compile(
    r"(?<![\w.-])[3-6]\d{3}(?:[ -]?\d{4}){2,3}(?:[ -]?\d{1,3})?(?![\w-]|\.\d)|(?<!\d)3\d{3} ?\d{6} ?\d{5}(?!\d)"
)
_IBAN = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?!\w)")
# Vietnam's citizen number (province 001–096, century and sex, year of birth), the United States' (123-45-6789).
_ID = re.compile(r"(?<![\w.-])(?:0(?:0[1-9]|[1-8]\d|9[0-6])[0-3]\d{8}|\d{3}-\d{2}-\d{4})(?![\w-]|\.\d)")


@dataclass(frozen=True)
class NumberForm:
    """What a kind of data looks like, and whether a match of the pattern is valid."""

    pattern: re.Pattern[str]
    is_valid: Callable[[str], bool]


def _is_card(number: str) -> bool:
    """Whether 13 to 19 digits, not all the same, carry the check digit of payment cards (ISO/IEC 7812-1, annex B)."""
    digits = "".join(filter(str.isdigit, number))
    return 13 <= len(digits) <= 19 and len(set(digits)) > 1 and luhn.is_valid(digits)


def _is_iban(number: str) -> bool:
    """Whether an IBAN's check digits and its country's form are right (ISO 13616); banks' own digits may be wrong."""
    return iban.is_valid(number, check_country=False)


def _is_phone(number: str) -> bool:
    """Whether a number has as many digits as a phone number (ITU-T E.164: 15 at most)."""
    return 8 <= sum(map(str.isdigit, number)) <= 15


def _is_citizen_number(number: str) -> bool:
    """Whether a number of the American form was ever issued; the Vietnamese form has no check digit."""
    return "-" not in number or ssn.is_valid(number)


FORMS: Mapping[str, NumberForm] = {
    "email": NumberForm(_EMAIL, lambda _: True),
    "phone": NumberForm(_PHONE, _is_phone),
    "card": NumberForm(_CARD, _is_card),
    "iban": NumberForm(_IBAN, _is_iban),
    "id_number": NumberForm(_ID, _is_citizen_number),
}


def find_pii(text: str, kind: str) -> Iterator[tuple[int, int]]:
    """Start and end of everything of one kind in FORMS."""
    form = FORMS[kind]
    return (match.span() for match in form.pattern.finditer(text) if form.is_valid(match[0]))
