"""Dates as people write them in many languages -> the form of ISO 8601, so that all are one term."""

import datetime
import re
from collections.abc import Iterator

MONTHS = (
    "january jan januar jänner janvier enero gennaio janeiro januari stycznia января",
    "february feb februar février febrero febbraio fevereiro februari lutego февраля",
    "march mar märz mars marzo março maart marca марта",
    "april apr avril abril aprile kwietnia апреля",
    "may mai mayo maggio maio mei maj maja мая",
    "june jun juni juin junio giugno junho czerwca июня",
    "july jul juli juillet julio luglio julho lipca июля",
    "august aug août agosto augustus augusti sierpnia августа",
    "september sept sep septembre septiembre setiembre settembre setembro września сентября",
    "october oct oktober okt octobre octubre ottobre outubro października октября",
    "november nov novembre noviembre novembro listopada ноября",
    "december dec dezember dez décembre diciembre dicembre dezembro grudnia декабря",
)
_NUMBERS = {name: number for number, names in enumerate(MONTHS, start=1) for name in names.split()}
_MONTH = rf"(?P<name>{'|'.join(sorted(_NUMBERS, key=len, reverse=True))})\b\.?"
_DAY_NUMBER = r"(?<![\d.,/:-])(?P<day>\d{1,2})"
_DAY = rf"{_DAY_NUMBER}(?:st|nd|rd|th|er|[.ºª])?"
_YEAR = r"(?P<year>\d{4})(?!\d)"
_DATES = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        rf"{_DAY}(?:[ -]+|(?<=\.))(?:of |de |di )?{_MONTH},?(?:[ -]+|(?<=\.))(?:of |de |del )?{_YEAR}",
        rf"\b(?P<name>[^\W\d_]{{3,10}}+)\.? ?{_DAY},? +{_YEAR}",
        rf"{_DAY} tháng (?P<month>\d{{1,2}})(?:,| năm) ?{_YEAR}",
        rf"(?<!\d){_YEAR}[年년] ?(?P<month>\d{{1,2}})[月월] ?(?P<day>\d{{1,2}})[日일]",
        rf"(?<![\d./-]){_YEAR}(?P<mark>[./-])(?P<month>\d{{1,2}})(?P=mark)(?P<day>\d{{1,2}})(?!\d)",
        rf"{_DAY_NUMBER}(?P<mark>[./-])(?P<month>\d{{1,2}})(?P=mark){_YEAR}",
    )
)
_HAS_YEAR = re.compile(r"\d{4}(?!\d)")
_EITHER_ORDER = ("/", "-")  # between numbers, after which some countries write the month first


def iso_dates(text: str) -> Iterator[str]:
    """Every date of a text as YYYY-MM-DD; both readings of one like 03/04/2021, and none of what is written so."""
    for form in _DATES if _HAS_YEAR.search(text) else ():
        for found in form.finditer(text):
            for iso in _readings(found.groupdict()):
                if iso != found[0]:
                    yield iso


def _readings(parts: dict[str, str | None]) -> list[str]:
    year, day = int(parts["year"] or 0), int(parts["day"] or 0)
    month = int(parts.get("month") or _NUMBERS.get((parts.get("name") or "").lower(), 0))
    either = parts.get("mark") in _EITHER_ORDER and not _begins_with_year(parts)
    orders = {(month, day), (day, month)} if either else {(month, day)}
    return sorted(filter(None, (_iso(year, *order) for order in orders)))


def _begins_with_year(parts: dict[str, str | None]) -> bool:
    return next(iter(parts)) == "year"


def _iso(year: int, month: int, day: int) -> str:
    """The date in ISO form; empty where there is no such day."""
    try:
        return datetime.date(year, month, day).isoformat()
    except ValueError:
        return ""
