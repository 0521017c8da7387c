"""Reads drawings: their texts and their dots."""

from xml.etree import ElementTree


def texts(svg: str) -> list[str]:
    """Every text of a drawing, in order."""
    return ["".join(each.itertext()) for each in ElementTree.fromstring(svg).iter("text")]


def dots(svg: str) -> dict[str, list[tuple[float, float]]]:
    """The places of a line's points, by their class."""
    found: dict[str, list[tuple[float, float]]] = {}
    for each in ElementTree.fromstring(svg).iter("circle"):
        place = float(each.get("cx", 0)), float(each.get("cy", 0))
        found.setdefault(each.get("class", ""), []).append(place)
    return found
