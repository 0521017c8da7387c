"""Finds in the source of a package every sentence that it gives to an error for visitors, as a template with {}."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("playground", "retrieval", "adapters")
HOSTS = ("playground/cli/", "playground/surface/", "playground/settings.py")  # whose errors no page shows
FIELD = re.compile(r"\{\w+\}")  # of a sentence that `format` fills
ERRORS = ("UserError", "MethodError", "RetrievalError", "NeedsEncoding", "NeedsMapping", "IndexingStopped")


@dataclass
class Module:
    """One file: the expressions of its constants, and those that its functions return."""

    path: Path
    tree: ast.Module
    constants: dict[str, ast.expr] = field(default_factory=dict)
    returned: dict[str, list[ast.expr]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The path in the repository."""
        return self.path.relative_to(ROOT).as_posix()


@cache
def module(path: Path) -> Module:
    """A file, read and parsed."""
    found = Module(path, ast.parse(path.read_text(encoding="utf-8")))
    for node in found.tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found.constants[node.targets[0].id] = node.value
    for node in ast.walk(found.tree):
        if isinstance(node, ast.FunctionDef):
            values = [each.value for each in ast.walk(node) if isinstance(each, ast.Return) and each.value]
            found.returned.setdefault(node.name, []).extend(values)
    return found


def modules(*words: str) -> list[Module]:
    """Every file of the packages that a visitor meets and that has one of these words."""
    paths = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    seen = [path for path in paths if not path.relative_to(ROOT).as_posix().startswith(HOSTS)]
    return [module(path) for path in seen if any(each in path.read_text(encoding="utf-8") for each in words)]


def sentences(value: ast.expr, where: Module) -> list[str] | None:
    """What an expression can become, {} for each value filled in; None where that cannot be told."""
    match value:
        case ast.Constant(value=str(text)):
            return [FIELD.sub("{}", text)]
        case ast.JoinedStr(values=parts):
            return ["".join(each.value if isinstance(each, ast.Constant) else "{}" for each in parts)]
        case ast.IfExp(body=one, orelse=other):
            return _both(sentences(one, where), sentences(other, where))
        case ast.BinOp(left=one, op=ast.Add(), right=other):
            return _joined(sentences(one, where), sentences(other, where))
        case ast.Name(id=name) if name in where.constants:
            return sentences(where.constants[name], where)
        case ast.Call(func=ast.Name(id=name)) if name in where.returned:
            return _all(sentences(each, where) for each in where.returned[name])
        case ast.Call(func=ast.Name(id="say")):
            return []  # the page's own words, which have their own tests
    return None


def phrases(value: ast.expr) -> Iterator[str]:
    """The words that a condition inside a sentence chooses between."""
    for node in ast.walk(value):
        if isinstance(node, ast.FormattedValue) and isinstance(node.value, (ast.IfExp, ast.BoolOp)):
            yield from (
                each.value
                for each in ast.walk(node.value)
                if isinstance(each, ast.Constant) and isinstance(each.value, str) and each.value.strip()
            )


def raised(where: Module) -> Iterator[ast.expr]:
    """The first argument of every error for visitors that a file makes."""
    for node in ast.walk(where.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ERRORS:
            yield node.args[0]


def refusals(where: Module) -> Iterator[ast.expr]:
    """Every sentence that a reader's process sends instead of a document."""
    for node in ast.walk(where.tree):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == "refusal":
                    yield value


def _both(one: list[str] | None, other: list[str] | None) -> list[str] | None:
    return None if one is None or other is None else one + other


def _joined(one: list[str] | None, other: list[str] | None) -> list[str] | None:
    return None if one is None or other is None else ["".join(each) for each in product(one, other)]


def _all(found: Iterator[list[str] | None]) -> list[str] | None:
    total: list[str] | None = []
    for each in found:
        total = _both(total, each)
    return total
