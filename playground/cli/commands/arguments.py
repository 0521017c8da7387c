"""Checks of the command line that run before anything heavy is imported: folders by their files' names only.

Functions for one argument raise ArgumentTypeError, the `check_` functions UserError.
"""

import json
import math
import re
from argparse import ArgumentTypeError, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from playground.errors import UserError
from playground.storage.run_folder import (
    CONFIG,
    DOCUMENTS,
    EXAM_FILES,
    RUN_FILES,
    adapter_folder,
    adapter_weights,
    holds_run,
)
from retrieval.errors import RetrievalError
from retrieval.mapping import ColumnMapping, read_mapping
from retrieval.readers.hub_address import HubDataset, is_hub_address, parse_hub_address

Line = tuple[dict[str, Any] | None, str]  # what a command yields: an object for --json or None, and text for a person

ARMS = ("base", "rag", "few_shot", "tuned", "both", "other", "other_both")
NEEDS = {
    "adapter": ("tuned", "both"),
    "other": ("other", "other_both"),
    "index": ("rag", "both", "other_both", "few_shot"),
}
ON_DEMAND = ("few_shot",)  # not every text has question–answer pairs
EXAM_ARMS = ("base", "few_shot", "rag", "tuned", "both", "gold")
EXAM_NEEDS = {"adapter": ("tuned", "both"), "index": ("few_shot", "rag", "both")}
FORMS = ("native", "plain", "merged", "gguf")  # those of playground.export, which is heavy to import
INDEX_FILES = ("manifest.json", "passages.json", "vectors.npy", DOCUMENTS)
ENCODER_FILES = ("model.safetensors", "tokenizer.json", "modules.json")
HUB_NAME = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*", re.ASCII)
BAKEOFF = "bakeoff.json"  # marks a bake-off's folder; holds the settings that all its runs share
LARGEST_SEED = 2**31 - 1


def whole(text: str) -> int:
    """A whole number of at least 1."""
    return _whole(text, 1)


def seed(text: str) -> int:
    """A whole number from 0 to 2³¹ − 1."""
    return _whole(text, 0, LARGEST_SEED)


def number(text: str) -> float:
    """A finite number of at least 0."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        raise ArgumentTypeError(f"must be a number from 0 on, got {text!r}")
    return value


def seconds(text: str) -> float:
    """A finite number above 0."""
    value = number(text)
    if value == 0:
        raise ArgumentTypeError(f"must be above 0, got {text!r}")
    return value


def file(text: str) -> Path:
    """A file that exists."""
    if not Path(text).is_file():
        raise ArgumentTypeError(f"{text} is {'a folder' if Path(text).is_dir() else 'missing'}, name a file")
    return Path(text)


def source(text: str) -> Path | HubDataset:
    """A file that exists, or the address of a data set on the Hub."""
    if not is_hub_address(text):
        return file(text)
    try:
        return parse_hub_address(text)
    except RetrievalError as error:
        raise ArgumentTypeError(str(error).rstrip(".")) from error


def mapping(text: str) -> ColumnMapping:
    """The columns of each role."""
    try:
        return read_mapping(text)
    except RetrievalError as error:
        raise ArgumentTypeError(str(error).rstrip(".")) from error


def embedder(text: str) -> str:
    """The absolute path of a folder with a sentence encoder, or a name that may be a model on the Hub."""
    folder = Path(text).expanduser()
    if folder.is_dir():
        if missing := [name for name in ENCODER_FILES if not (folder / name).is_file()]:
            raise ArgumentTypeError(f"{text} is no sentence encoder, it lacks {', '.join(missing)}")
        return str(folder.resolve())
    if not HUB_NAME.fullmatch(text):
        raise ArgumentTypeError(f"{text} is no folder, nor a name on the Hub like owner/model")
    return text


def folder(text: str) -> Path:
    """A folder that exists."""
    if not Path(text).is_dir():
        raise ArgumentTypeError(f"{text} is no folder, name one")
    return Path(text)


def index(text: str) -> Path:
    """A folder that `index` wrote."""
    if not (Path(text) / INDEX_FILES[0]).is_file():
        raise ArgumentTypeError(f"{text} holds no index, make one with `index FILE... --out {text}`")
    return Path(text)


def adapter(text: str) -> Path:
    """The adapter's own folder, given that folder or the run's."""
    for folder in (Path(text), adapter_folder(Path(text))):
        if adapter_weights(folder):
            return folder
    raise ArgumentTypeError(f"{text} holds no adapter, make one with `train FILE... --method ID --out {text}`")


def arms(text: str) -> list[str]:
    """Names of arms, in the order given, each once."""
    return _names(text, ARMS)


def exam_arms(text: str) -> list[str]:
    """Names of arms that an exam can have, in the order given, each once."""
    return _names(text, EXAM_ARMS)


def questions(text: str) -> list[dict[str, Any]]:
    """The objects of a JSONL file, each of which has a question."""
    try:
        lines = file(text).read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as fault:
        raise ArgumentTypeError(f"{text} cannot be read as UTF-8 text ({fault})") from fault
    rows = [_question(text, place, line) for place, line in enumerate(lines, start=1) if line.strip()]
    if not rows:
        raise ArgumentTypeError(f"{text} has no question in it")
    return rows


def check_files(args: Namespace) -> None:
    """Refuse two documents with the same name."""
    _check_names(args.files)


def check_index(args: Namespace) -> None:
    """Refuse two documents with the same name, and an output folder that holds something else."""
    _check_names(args.files)
    _check_out(args.out, INDEX_FILES)


def check_search(args: Namespace) -> None:
    """Refuse a missing or blank question."""
    args.questions = [{"question": each} for each in args.words] + args.questions
    if not args.questions or not all(each.strip() for each in args.words):
        raise UserError("There is no question to look up; add one in quotation marks, or a file with --questions.")


def check_train(args: Namespace) -> None:
    """Refuse a resumption without a run, and a new run without documents or method."""
    _check_names(args.files)
    if args.resume:
        if not holds_run(args.out):
            raise UserError(
                f"There is no run to resume in {args.out}: it lacks {CONFIG} or {DOCUMENTS}. "
                "Name the --out of a run, or leave --resume out."
            )
        return
    missing = ["a FILE"] * (not args.files) + ["--method"] * (args.method is None)
    if missing:
        raise UserError(f"To train, {' and '.join(missing)} must be given; `methods` lists the methods.")
    _check_out(args.out, RUN_FILES)


def check_bakeoff(args: Namespace) -> None:
    """Refuse an output folder that is neither new nor an earlier bake-off's."""
    _check_names(args.files)
    _check_out(args.out, (BAKEOFF, *(path.name for path in args.out.glob("*") if (path / CONFIG).is_file())))


def names(text: str) -> list[str]:
    """Names separated by commas, in the order given, each once."""
    return list(dict.fromkeys(each.strip() for each in text.split(",")))


def check_ask(args: Namespace) -> None:
    """Refuse arms that lack an adapter or index; without --arms choose all that lack none."""
    if not args.question.strip():
        raise UserError("The question is empty; type one in quotation marks.")
    folders = {"adapter": args.adapter, "other": args.other, "index": args.index}
    for name, needing in NEEDS.items():
        lacking = [each for each in args.arms or () if each in needing and folders[name] is None]
        if lacking:
            raise UserError(f"The arm {lacking[0]} needs --{name} DIR; add it, or choose other --arms.")
    able = [arm for arm in ARMS if all(folders[name] for name, needing in NEEDS.items() if arm in needing)]
    args.arms = args.arms or [arm for arm in able if arm not in ON_DEMAND]


def check_exam(args: Namespace) -> None:
    """Refuse an exam without a text, arms that lack something, and an output folder that holds something else."""
    if args.resume:
        if not (args.out / CONFIG).is_file():
            raise UserError(f"There is no exam to resume in {args.out}. Name the --out of one, or leave --resume out.")
        return
    folders = {"adapter": args.adapter, "index": args.index}
    if not any(folders.values()) and not args.questions:
        raise UserError("There is no text to ask about; give --index DIR or --adapter DIR, or --questions F.jsonl.")
    for name, needing in EXAM_NEEDS.items():
        lacking = [each for each in args.arms or () if each in needing and folders[name] is None]
        if lacking:
            raise UserError(f"The arm {lacking[0]} needs --{name} DIR; add it, or choose other --arms.")
    if args.drill and not (args.index and args.adapter and holds_run(args.adapter.parent)):
        raise UserError(
            "--drill changes the text of an index and of a run; give --index DIR and the --adapter DIR of a run."
        )
    _check_out(args.out, EXAM_FILES)


def check_export(args: Namespace) -> None:
    """Refuse an output folder that is not empty."""
    _check_out(args.out, ())


def finite(value: Any) -> Any:
    """The value with null for every infinity and NaN, which JSON cannot express."""
    if isinstance(value, dict):
        return {key: finite(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _names(text: str, known: Sequence[str]) -> list[str]:
    names = list(dict.fromkeys(each.strip() for each in text.split(",")))
    if unknown := [each for each in names if each not in known]:
        raise ArgumentTypeError(f"there is no arm {unknown[0]!r}, choose from {', '.join(known)}")
    return names


def _whole(text: str, low: int, high: int | None = None) -> int:
    value = int(text) if text.isdecimal() else low - 1
    if value < low or (high is not None and value > high):
        limits = f"from {low} on" if high is None else f"from {low} to {high}"
        raise ArgumentTypeError(f"must be a whole number {limits}, got {text!r}")
    return value


def _question(name: str, place: int, line: str) -> dict[str, Any]:
    try:
        row = json.loads(line, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        row = None
    question = row.get("question") if isinstance(row, dict) else None
    if not isinstance(row, dict) or not isinstance(question, str) or not question.strip():
        raise ArgumentTypeError(f'line {place} of {name} is not {{"question": "…"}} in JSON, got {line.strip()[:80]!r}')
    return row


def _refuse_constant(name: str) -> float:
    raise ValueError(name)


def _check_names(files: Sequence[Path | HubDataset]) -> None:
    """Refuse two files with the same name, since passages name their document by it."""
    names = [each.name for each in files]
    if repeated := [each for each in names if names.count(each) > 1]:
        raise UserError(f"Two files are called {repeated[0]}, so their passages could not be told apart; rename one.")


def _check_out(out: Path, ours: Sequence[str]) -> None:
    """Make the folder; an existing one must be empty or hold only files that the same command wrote earlier."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        names = {each.name for each in out.iterdir()}
    except OSError as fault:
        raise UserError(f"{out} cannot be written ({fault.strerror}); choose another --out.") from fault
    if names and not (ours and ours[0] in names and names <= set(ours)):
        raise UserError(f"{out} is not empty: it holds {min(names)}; choose a new folder for --out.")
