"""What is checked of a command line before anything heavy is imported; knows the shape of folders, not their content.

Functions that read one argument raise ArgumentTypeError, the `check_` ones UserError.
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
    ADAPTER,
    CHECKPOINT,
    CONFIG,
    DOCUMENTS,
    EVENTS,
    LEASE,
    STOP,
    WORKER_LOG,
    adapter_folder,
    adapter_weights,
    holds_run,
)
from retrieval.errors import RetrievalError
from retrieval.readers.hub_address import HubDataset, is_hub_address, parse_hub_address

Line = tuple[dict[str, Any] | None, str]  # what a command yields: an object for --json, or none, and text for a person

ARMS = ("base", "rag", "few_shot", "tuned", "both", "other", "other_both")
NEEDS = {
    "adapter": ("tuned", "both"),
    "other": ("other", "other_both"),
    "index": ("rag", "both", "other_both", "few_shot"),
}
ON_DEMAND = ("few_shot",)  # not every text has question–answer pairs
EXAM_ARMS = ("base", "few_shot", "rag", "tuned", "both", "gold")
EXAM_NEEDS = {"adapter": ("tuned", "both"), "index": ("few_shot", "rag", "both")}
EXAM_FILES = (
    CONFIG,
    DOCUMENTS,
    "questions.jsonl",
    "answers.jsonl",
    "report.html",
    "report.json",
    "answers.csv",
) + ("drill.json", EVENTS, LEASE, STOP, WORKER_LOG)
FORMS = ("native", "plain", "merged", "gguf")  # those of playground.export, which is heavy to import
INDEX_FILES = ("manifest.json", "passages.json", "vectors.npy", DOCUMENTS)
RUN_FILES = (CONFIG, DOCUMENTS, EVENTS, CHECKPOINT, ADAPTER, WORKER_LOG, LEASE, STOP)
ENCODER_FILES = ("model.safetensors", "tokenizer.json", "modules.json")
HUB_NAME = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*", re.ASCII)
BAKEOFF = "bakeoff.json"  # what marks a folder of one: the runs' common settings
LARGEST_SEED = 2**31 - 1


def whole(text: str) -> int:
    """A whole number from 1 on."""
    return _whole(text, 1)


def seed(text: str) -> int:
    """A whole number from 0 to 2³¹ − 1."""
    return _whole(text, 0, LARGEST_SEED)


def number(text: str) -> float:
    """A finite number from 0 on."""
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


def embedder(text: str) -> str:
    """A folder with a sentence encoder, in full, or what may be a model's name on the Hub."""
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
    """The adapter's own folder, given it or the run's."""
    for folder in (Path(text), adapter_folder(Path(text))):
        if adapter_weights(folder):
            return folder
    raise ArgumentTypeError(f"{text} holds no adapter, make one with `train FILE... --method ID --out {text}`")


def arms(text: str) -> list[str]:
    """Names of arms, in the order given, each once."""
    return _names(text, ARMS)


def exam_arms(text: str) -> list[str]:
    """The same of the arms that an exam can have."""
    return _names(text, EXAM_ARMS)


def questions(text: str) -> list[dict[str, Any]]:
    """The objects of a JSONL file, each with a question."""
    try:
        lines = file(text).read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as fault:
        raise ArgumentTypeError(f"{text} cannot be read as UTF-8 text ({fault})") from fault
    rows = [_question(text, place, line) for place, line in enumerate(lines, start=1) if line.strip()]
    if not rows:
        raise ArgumentTypeError(f"{text} has no question in it")
    return rows


def check_index(asked: Namespace) -> None:
    """No two documents of one name, and a folder that may be written."""
    _check_names(asked.files)
    _check_out(asked.out, INDEX_FILES)


def check_search(asked: Namespace) -> None:
    """At least one question, none of them blank."""
    asked.questions = [{"question": each} for each in asked.words] + asked.questions
    if not asked.questions or not all(each.strip() for each in asked.words):
        raise UserError("There is no question to look up; add one in quotation marks, or a file with --questions.")


def check_train(asked: Namespace) -> None:
    """A run to go on with, or documents and a method for a new one."""
    _check_names(asked.files)
    if asked.resume:
        if not holds_run(asked.out):
            raise UserError(
                f"There is no run to resume in {asked.out}: it lacks {CONFIG} or {DOCUMENTS}. "
                "Name the --out of a run, or leave --resume out."
            )
        return
    missing = ["a FILE"] * (not asked.files) + ["--method"] * (asked.method is None)
    if missing:
        raise UserError(f"To train, {' and '.join(missing)} must be given; `methods` lists the methods.")
    _check_out(asked.out, RUN_FILES)


def check_bakeoff(asked: Namespace) -> None:
    """Documents, and a folder that is new or holds an earlier bake-off."""
    _check_names(asked.files)
    _check_out(asked.out, (BAKEOFF, *(path.name for path in asked.out.glob("*") if (path / CONFIG).is_file())))


def names(text: str) -> list[str]:
    """Names with commas between them, in the order given, each once."""
    return list(dict.fromkeys(each.strip() for each in text.split(",")))


def check_ask(asked: Namespace) -> None:
    """Arms that what is given allows; all of those where none were chosen."""
    if not asked.question.strip():
        raise UserError("The question is empty; type one in quotation marks.")
    given = {"adapter": asked.adapter, "other": asked.other, "index": asked.index}
    for name, needing in NEEDS.items():
        lacking = [each for each in asked.arms or () if each in needing and given[name] is None]
        if lacking:
            raise UserError(f"The arm {lacking[0]} needs --{name} DIR; add it, or choose other --arms.")
    able = [arm for arm in ARMS if all(given[name] for name, needing in NEEDS.items() if arm in needing)]
    asked.arms = asked.arms or [arm for arm in able if arm not in ON_DEMAND]


def check_exam(asked: Namespace) -> None:
    """A text to ask about, arms that what is given allows, and a folder; or an exam to go on with."""
    if asked.resume:
        if not (asked.out / CONFIG).is_file():
            raise UserError(f"There is no exam to resume in {asked.out}. Name the --out of one, or leave --resume out.")
        return
    given = {"adapter": asked.adapter, "index": asked.index}
    if not any(given.values()) and not asked.questions:
        raise UserError("There is no text to ask about; give --index DIR or --adapter DIR, or --questions F.jsonl.")
    for name, needing in EXAM_NEEDS.items():
        lacking = [each for each in asked.arms or () if each in needing and given[name] is None]
        if lacking:
            raise UserError(f"The arm {lacking[0]} needs --{name} DIR; add it, or choose other --arms.")
    if asked.drill and not (asked.index and asked.adapter and holds_run(asked.adapter.parent)):
        raise UserError(
            "--drill changes the text of an index and of a run; give --index DIR and the --adapter DIR of a run."
        )
    _check_out(asked.out, EXAM_FILES)


def check_export(asked: Namespace) -> None:
    """A new folder."""
    _check_out(asked.out, ())


def finite(value: Any) -> Any:
    """The same for JSON, which has no word for a loss that became infinite or no number: null."""
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
    asked = row.get("question") if isinstance(row, dict) else None
    if not isinstance(row, dict) or not isinstance(asked, str) or not asked.strip():
        raise ArgumentTypeError(f'line {place} of {name} is not {{"question": "…"}} in JSON, got {line.strip()[:80]!r}')
    return row


def _refuse_constant(name: str) -> float:
    raise ValueError(name)


def _check_names(files: Sequence[Path | HubDataset]) -> None:
    """A passage names its document by the file's name alone."""
    names = [each.name for each in files]
    if twice := [each for each in names if names.count(each) > 1]:
        raise UserError(f"Two files are called {twice[0]}, so their passages could not be told apart; rename one.")


def _check_out(out: Path, ours: Sequence[str]) -> None:
    """Make the folder; one that exists must be empty or hold nothing but an earlier one of the same kind."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        names = {each.name for each in out.iterdir()}
    except OSError as fault:
        raise UserError(f"{out} cannot be written ({fault.strerror}); choose another --out.") from fault
    if names and not (ours and ours[0] in names and names <= set(ours)):
        raise UserError(f"{out} is not empty: it holds {min(names)}; choose a new folder for --out.")
