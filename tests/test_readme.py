"""The README says what is so: its table of settings is the code's, its file map names what exists."""

import re
from dataclasses import MISSING, fields
from pathlib import Path

import pytest

from playground.settings import Settings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def settings_table() -> str:
    """The table as it has to stand in the README."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for each in fields(Settings):
        assert each.default is not MISSING
        default = "" if each.default == Path() else f"`{each.default}`"
        rows.append(f"| `{each.metadata['env']}` | {default} | {each.metadata['help']} |")
    return "\n".join(rows)


def test_every_setting_stands_in_the_readme_with_its_default() -> None:
    assert settings_table() in README


@pytest.mark.parametrize(
    "name", sorted(set(re.findall(r"`((?:playground|adapters|retrieval)/[\w./]+|app\.py)`", README)))
)
def test_the_file_map_names_what_exists(name: str) -> None:
    assert (ROOT / name).exists()


def test_every_picture_is_there() -> None:
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README)
    assert pictures
    assert all((ROOT / picture).is_file() for picture in pictures)
