"""The README says what is so: its table of settings is the code's, its file map names what exists."""

import json
import re
from dataclasses import MISSING, fields
from pathlib import Path

from playground.settings import Settings
from retrieval.readers.dispatch import FORMATS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def settings_table() -> str:
    """The table as it has to stand in the README."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for each in fields(Settings):
        assert each.default is not MISSING
        default = "" if each.default in (Path(), "") else f"`{each.default}`"
        rows.append(f"| `{each.metadata['env']}` | {default} | {each.metadata['help']} |")
    return "\n".join(rows)


def test_every_setting_stands_in_the_readme_with_its_default() -> None:
    assert settings_table() in README


def test_every_format_stands_in_the_readme_and_in_the_words_of_the_page() -> None:
    rows = [f"| {each.name} | {' '.join(each.endings)} |" for each in FORMATS]
    assert "\n".join(["| format | endings |", "|---|---|", *rows]) in README
    for language, own in (("en", "code"), ("vi", "mã nguồn")):
        words = json.loads((ROOT / f"playground/ui/shared/words/{language}.json").read_text(encoding="utf-8"))
        names = ", ".join(own if each.name == "code" else each.name for each in FORMATS)
        assert names in words["text.upload"]


def tree() -> set[str]:
    """Every path that the README's tree names."""
    (block,) = re.findall(r"```\n(app\.py .*?)```", README, re.DOTALL)
    found, folder = set(), ""
    for indent, name in re.findall(r"^( *)([\w./]+)", block, re.MULTILINE):
        folder = folder if indent else name
        found.add(f"{folder}{name}" if indent else name)
    return found


def test_the_tree_names_what_exists_and_every_package() -> None:
    named = tree()
    assert [name for name in named if not (ROOT / name).exists()] == []
    packages = {f"{folder.relative_to(ROOT)}/" for folder in (ROOT / "playground").iterdir() if folder.is_dir()}
    assert {each for each in packages if "__" not in each} - named == set()


def test_every_picture_is_there() -> None:
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README)
    assert pictures
    assert all((ROOT / picture).is_file() for picture in pictures)
