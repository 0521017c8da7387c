"""Personal data is found by its form and its check digits, which are those of the standards."""

import random
from collections.abc import Callable

import pytest

from playground.data import pii

IBANS = [
    "DE89 3704 0044 0532 0130 00",
    "GB82 WEST 1234 5698 7654 32",
    "FR14 2004 1010 0505 0001 3M02 606",
    "NL91ABNA0417164300",
    "NO93 8601 1117 947",
]
CARDS = ["4111 1111 1111 1111", "5500-0055-5555-5559", "3782 822463 10005", "6011000990139424"]


def found(text: str, kind: str) -> list[str]:
    return [text[start:end] for start, end in pii.find_pii(text, kind)]


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        ("card", "4111 1111 1111 1112"),
        ("card", "1234567812345678"),
        ("iban", "DE89 3704 0044 0532 0130 01"),
        ("id_number", "000-12-3456"),
        ("id_number", "999999999999"),
        ("phone", "2024-11-25"),
        ("phone", "1,000,000"),
        ("phone", "3.14159265358979"),
        ("email", "name@host"),
    ],
)
def test_a_number_of_another_form_or_with_a_wrong_checksum_is_left_alone(kind: str, number: str) -> None:
    assert list(pii.find_pii(f"It says {number} there.", kind)) == []


def luhn_by_hand(number: str) -> bool:
    """ISO/IEC 7812-1, annex B."""
    digits = [int(character) for character in number if character.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) if place % 2 else digit for place, digit in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0


def mod97_by_hand(number: str) -> bool:
    """ISO 13616: the rearranged number modulo 97 is 1."""
    plain = "".join(number.split())
    return int("".join(str(int(character, 36)) for character in plain[4:] + plain[:4])) % 97 == 1


def changed(number: str, generator: random.Random) -> str:
    """The number with some of its digits drawn anew."""
    return "".join(
        str(generator.randrange(10)) if each.isdigit() and generator.random() < 0.2 and place > 3 else each
        for place, each in enumerate(number)
    )


@pytest.mark.parametrize(
    ("kind", "numbers", "by_hand"), [("card", CARDS, luhn_by_hand), ("iban", IBANS, mod97_by_hand)]
)
def test_check_digits_are_those_of_the_standard(kind: str, numbers: list[str], by_hand: Callable[[str], bool]) -> None:
    generator = random.Random(0)
    for number in numbers:
        assert found(f"It says {number} there.", kind) == [number]
        for _ in range(200):
            other = changed(number, generator)
            assert found(f"It says {other} there.", kind) == ([other] if by_hand(other) else [])


def test_an_iban_has_its_countrys_form() -> None:
    unknown_country = "XX82 WEST 1234 5698 7654 32"
    digits = next(f"{n:02}" for n in range(100) if mod97_by_hand(f"XX{n:02}{unknown_country[4:]}"))
    assert found(f"It says XX{digits}{unknown_country[4:]} there.", "iban") == []


@pytest.mark.parametrize(
    ("number", "issued"),
    [
        ("536-90-4399", True),
        ("001-01-0001", True),
        ("666-12-3456", False),
        ("900-12-3456", False),
        ("123-00-4567", False),
        ("123-45-0000", False),
    ],
)
def test_american_numbers_that_are_never_issued_are_left_alone(number: str, issued: bool) -> None:
    assert found(f"Her number is {number}.", "id_number") == ([number] if issued else [])
