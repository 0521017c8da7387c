"""Writes the stored number of a spreadsheet's cell as its format shows it: dates, percentages, currencies, decimals."""

import re
from datetime import datetime, timedelta

_BUILT_IN = {
    1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%", 37: "#,##0", 38: "#,##0", 39: "#,##0.00",
    40: "#,##0.00", 14: "yyyy-mm-dd", 15: "d-mmm-yy", 16: "d-mmm", 17: "mmm-yy", 18: "h:mm AM/PM", 19: "h:mm:ss AM/PM",
    20: "h:mm", 21: "h:mm:ss", 22: "m/d/yy h:mm", 45: "mm:ss", 46: "[h]:mm:ss", 47: "mm:ss.0",
}  # fmt: skip
_EAST_ASIAN_DATES = frozenset((*range(27, 37), *range(50, 59)))
_LITERAL = re.compile(r'"[^"]*"|\\.|_.|\*.')
_NUMBER = re.compile(r"^([^#0?]*)([#0?][#0?,]*)(?:\.([#0?]+))?([^#0?]*)$")
_CURRENCY = re.compile(r"\[\$([^\]-]*)(?:-[^\]]*)?\]")
_BRACKETS = re.compile(r"\[(?!h+\]|m+\]|s+\])[^\]]*\]", re.IGNORECASE)
MAX_SERIAL = 2_958_466  # 31 December 9999


def built_in_format(number: int) -> str:
    """The format code of a number below 164; an empty string for the general format."""
    return "yyyy-mm-dd" if number in _EAST_ASIAN_DATES else _BUILT_IN.get(number, "")


def format_number(stored: str, code: str, from_1904: bool = False) -> str:
    """A stored number as its format code shows it; dates in ISO 8601. What is no number stays as it is."""
    try:
        number = float(stored)
    except ValueError:
        return stored
    if number != number or abs(number) == float("inf"):
        return stored
    section = code.split(";")[0]
    bare = _BRACKETS.sub("", _LITERAL.sub("", _CURRENCY.sub("", section)))
    if bare.lower().strip() not in ("", "general", "@"):
        if re.search("[ymdhs]", bare, re.IGNORECASE) and 0 <= number < MAX_SERIAL:
            return _date(number, bare.lower(), from_1904)
        shown = _fixed(number, section)
        if shown:
            return shown
    return f"{number:.15g}" if "e" in stored.lower() or "." in stored else stored


def _date(serial: float, code: str, from_1904: bool) -> str:
    """A date, a time of day or a duration; Excel counts a 29 February 1900 that never was."""
    whole_seconds = round(serial * 86_400)
    hours, rest = divmod(whole_seconds, 3_600)
    minutes, seconds = divmod(rest, 60)
    tail = f":{seconds:02}" if "s" in code or seconds else ""
    if "[" in code:
        return f"{hours}:{minutes:02}{tail}"
    clock = f"{hours % 24:02}:{minutes:02}{tail}"
    if not re.search("[yd]|mmm", code):
        return clock
    start = datetime(1904, 1, 1) if from_1904 else datetime(1899, 12, 30 if serial >= 61 else 31)
    day = (start + timedelta(seconds=whole_seconds)).date().isoformat()
    day = day if "d" in code else day[:7]
    return f"{day} {clock}" if re.search("[hs]", code) else day


def _fixed(number: float, section: str) -> str:
    """A number with the decimals, the percent sign and the words of its format; "" for a format that is not known."""
    section = _CURRENCY.sub(lambda match: f'"{match[1]}"', section)
    section = _BRACKETS.sub("", section)
    literals: list[str] = []

    def keep(match: re.Match[str]) -> str:
        text = match[0]
        literals.append(text[1:-1] if text[0] == '"' else text[1] if text[0] == "\\" else "")
        return chr(0xE000 + len(literals) - 1)

    parts = _NUMBER.match(_LITERAL.sub(keep, section))
    if not parts or "/" in section or re.search(r"[eE]\+", section):
        return ""
    whole, behind = parts[2].rstrip(","), parts[4].lstrip(",")
    thousands = len(parts[2]) - len(whole) + len(parts[4]) - len(behind)  # a comma behind the digits divides by 1,000
    percent = "%" in (parts[1] + parts[4])
    least, most = (parts[3] or "").count("0"), len(parts[3] or "")
    grouped = "," if "," in whole else ""
    digits = f"{abs(number) * (100 if percent else 1) / 1_000 ** min(thousands, 9):{grouped}.{most}f}"
    while most > least and digits.endswith("0"):
        digits, most = digits[:-1], most - 1
    digits = digits.removesuffix(".").zfill(parts[2].replace(",", "").count("0"))
    before, after = (
        "".join(literals[ord(each) - 0xE000] if 0xE000 <= ord(each) < 0xE000 + len(literals) else each for each in part)
        for part in (parts[1], behind)
    )
    sign = "-" if number < 0 and any(map(str.isdigit, digits.strip("0.,"))) else ""
    return f"{sign}{before}{digits}{after}".strip()
