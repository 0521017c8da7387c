"""Reads YAML and XML whose text is mostly questions and answers or conversations; any other stays a program's text."""

import re
from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import Element, ParseError, fromstring

import yaml

try:  # every value is a text
    from yaml import CBaseLoader as Loader
except ImportError:  # built without its part in C
    from yaml import BaseLoader as Loader

from retrieval.document import Document, Limits
from retrieval.errors import RetrievalError
from retrieval.mapping import ColumnMapping
from retrieval.readers.encoding import decode_file
from retrieval.readers.packed_xml import local
from retrieval.readers.qa_records import read_records
from retrieval.readers.shapes.nesting import rows_in
from retrieval.readers.shapes.values import MAX_NESTING, is_deep
from retrieval.readers.tables import table_of_objects

DATA = (".yaml", ".yml", ".xml")
MAX_CHARS = 4_000_000
LEAST_READ = 0.4  # share of all texts of a file that are questions, answers and their contexts
_DECLARES = re.compile(r"<!DOCTYPE[^>]*\[|<!ENTITY")
_PROLOG = re.compile(r"^\s*<\?xml[^>]*\?>")


def read_data_markup(
    data: bytes, name: str, ending: str, limits: Limits, mapping: ColumnMapping | None
) -> Document | None:
    """The pairs of a file with this ending; None where it holds none, or much beside them.

    Raises:
        RetrievalError: the bytes are not text, or the mapping names what is not there.
        TooLong: more text than the limits allow.
    """
    decoded = decode_file(data, name)
    if len(decoded.text) > MAX_CHARS:
        return None
    value = _xml_value(decoded.text) if ending == ".xml" else _yaml_value(decoded.text)
    if not isinstance(value, dict | list) or is_deep(value, MAX_NESTING):
        return None
    rows = [row for row in rows_in(value) if row]
    try:
        found = read_records(table_of_objects(rows, 0, name), name, mapping, limits)
    except RetrievalError:
        if mapping:
            raise
        return None
    return found if mapping or (found.pairs and len(found.text) >= LEAST_READ * _length(value)) else None


def _length(value: Any) -> int:
    """The number of characters of all texts in a value."""
    if isinstance(value, dict | list):
        return sum(map(_length, value.values() if isinstance(value, dict) else value))
    return len(value) if isinstance(value, str) else 0


def _yaml_value(text: str) -> Any:
    """The value of a YAML text, of several documents their list; None for others and for aliases, which multiply."""
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=Loader)):
            return None
        values = list(yaml.load_all(text, Loader=Loader))
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    return values[0] if len(values) == 1 else values


def _xml_value(text: str) -> Any:
    """The elements of an XML text as nested values; None for other texts and for those that declare entities."""
    if _DECLARES.search(text):
        return None
    try:
        return _element_value(fromstring(_PROLOG.sub("", text)), MAX_NESTING)
    except (ParseError, ValueError, RecursionError):
        return None


def _element_value(element: Element, depth: int) -> Any:
    """The text of an element without parts; else its parts by their names, several of one name as a list."""
    text = (element.text or "").strip()
    parts: dict[str, Any] = {key.rpartition("}")[2]: each for key, each in element.items()}
    if not len(element):
        return {**parts, "text": text} if parts and text else parts or text
    if depth == 0 or _is_running_text(element):
        return " ".join("".join(element.itertext()).split())
    grouped: dict[str, list[Any]] = {}
    for each in element:
        grouped.setdefault(local(each), []).append(_element_value(each, depth - 1))
    return parts | _ungrouped(grouped)


def _is_running_text(element: Element) -> bool:
    """Whether words stand between the parts of an element."""
    return bool((element.text or "").strip() or any((each.tail or "").strip() for each in element))


def _ungrouped(grouped: Mapping[str, list[Any]]) -> dict[str, Any]:
    return {name: each if len(each) > 1 else each[0] for name, each in grouped.items()}
