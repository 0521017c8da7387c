"""Rows of labelling tools (Label Studio, Argilla): what was shown, and beside it what a person said of it."""

from collections.abc import Mapping
from typing import Any

from retrieval.readers.shapes.values import is_empty, text_of

Object = dict[str, Any]
VALUES = ("choices", "text", "labels", "rating", "taxonomy")


def annotated_row(value: Mapping[str, Any]) -> Object | None:
    """The fields of a record and the first answer to each question on it; None for any other object."""
    data, annotations = value.get("data"), value.get("annotations", value.get("completions"))
    if isinstance(data, dict) and isinstance(annotations, list):
        return {**data, **_label_studio(annotations)}
    fields, responses = value.get("fields"), value.get("responses")
    if isinstance(fields, dict) and isinstance(responses, dict | list):
        return {**fields, **_argilla(responses)}
    return None


def _label_studio(annotations: list[Any]) -> Object:
    """The values of the first annotation that was not cancelled, by the names of its controls; spans are no values."""
    kept = [each for each in annotations if isinstance(each, dict) and not each.get("was_cancelled")]
    results = kept[0].get("result", []) if kept else []
    found: Object = {}
    for result in results:
        said = result.get("value") if isinstance(result, dict) else None
        if isinstance(said, dict) and "start" not in said:
            value = next((said[key] for key in VALUES if not is_empty(said.get(key))), None)
            found[str(result.get("from_name"))] = text_of(value, "; ")
    return found


def _argilla(responses: Object | list[Any]) -> Object:
    """The first value of each question that was not discarded: of version 1 in one list, of version 2 by question."""
    if isinstance(responses, list):
        kept = [each.get("values") for each in responses if isinstance(each, dict) and _is_kept(each)]
        named = kept[0] if kept and isinstance(kept[0], dict) else {}
        return {key: each.get("value") if isinstance(each, dict) else each for key, each in named.items()}
    said = {
        key: [each for each in given if _is_kept(each)] for key, given in responses.items() if isinstance(given, list)
    }
    return {key: given[0].get("value") for key, given in said.items() if given}


def _is_kept(response: Any) -> bool:
    return isinstance(response, dict) and response.get("status") != "discarded"
