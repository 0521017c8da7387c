"""The host's settings: limits, folders and models, read once from the environment."""

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from playground.errors import UserError

MEGABYTE = 1_000_000


NO_OCR = "none"
NOTHING = "none"  # is prepared, or offered beside the default


def setting(default: Any, *, env: str, help: str, choices: tuple[int, ...] = ()) -> Any:  # noqa: A002 - the field's word
    """A dataclass field with its environment variable, the sentence for the README, and the allowed numbers, if any."""
    return field(default=default, metadata={"env": env, "help": help, "choices": choices})


@dataclass(frozen=True)
class Settings:
    """What a host can set. Sizes are in bytes, times in seconds and lengths in characters, unless the name says so."""

    host: str = setting("127.0.0.1", env="HOST", help="Address the page is served on.")
    port: int = setting(7860, env="PORT", help="Port the page is served on.")
    origins: str = setting(
        "",
        env="PLAYGROUND_ORIGINS",
        help="Other sites whose pages may act for a visitor, such as `https://class.example.org`; blanks between them.",
    )
    frame_ancestors: str = setting(
        "",
        env="PLAYGROUND_FRAME_ANCESTORS",
        help="Sites that may show the page in a frame, as in a content security policy; when empty only its own, and "
        "in a Space the Hub.",
    )
    data: Path = setting(Path(".data"), env="PLAYGROUND_DATA", help="Folder for visitors' work and the database.")
    models: Path = setting(
        Path(), env="PLAYGROUND_MODELS", help="Folder for converted models; `models` inside the data folder when empty."
    )
    chat_model: str = setting(
        "HuggingFaceTB/SmolLM2-135M-Instruct",
        env="PLAYGROUND_CHAT_MODEL",
        help="A folder, a GGUF file, or a model id on the Hub.",
    )
    chat_models: str = setting(
        "",
        env="PLAYGROUND_CHAT_MODELS",
        help="Further chat models that a visitor may choose: folders, GGUF files and ids on the Hub, commas between "
        "them; when empty, known small ones that fit the memory; `none` for no choice.",
    )
    embedder: str = setting(
        "sentence-transformers/all-MiniLM-L6-v2", env="PLAYGROUND_EMBEDDER", help="A folder, or a model id on the Hub."
    )
    file_bytes: int = setting(10 * MEGABYTE, env="PLAYGROUND_FILE_BYTES", help="Largest single upload.")
    visitor_bytes: int = setting(30 * MEGABYTE, env="PLAYGROUND_VISITOR_BYTES", help="All uploads of one visitor.")
    upload_bytes: int = setting(
        1_000 * MEGABYTE, env="PLAYGROUND_UPLOAD_BYTES", help="Uploads that wait to be read, all visitors."
    )
    reserve_bytes: int = setting(
        300 * MEGABYTE,
        env="PLAYGROUND_RESERVE_BYTES",
        help="Free disk space below which the log warns, uploads are refused and paused runs wait.",
    )
    visitor_files: int = setting(20, env="PLAYGROUND_VISITOR_FILES", help="Files in one visitor's text.")
    adapter_bytes: int = setting(
        100 * MEGABYTE, env="PLAYGROUND_ADAPTER_BYTES", help="Largest adapter that a visitor may bring."
    )
    text_chars: int = setting(1_000_000, env="PLAYGROUND_TEXT_CHARS", help="Characters in one visitor's text.")
    pdf_pages: int = setting(1_000, env="PLAYGROUND_PDF_PAGES", help="Pages of one PDF.")
    read_bytes: int = setting(
        1_000 * MEGABYTE, env="PLAYGROUND_READ_BYTES", help="Memory of the process that reads one file."
    )
    read_seconds: int = setting(
        20, env="PLAYGROUND_READ_SECONDS", help="Processor time for reading one file; by the clock three times that."
    )
    ocr: str = setting(
        "eng+vie",
        env="PLAYGROUND_OCR",
        help="Languages for reading scanned pages where `tesseract` is installed; `none` for no such reading.",
    )
    ocr_seconds: int = setting(
        120, env="PLAYGROUND_OCR_SECONDS", help="Time by the clock for the scanned pages of one file."
    )
    question_chars: int = setting(2_000, env="PLAYGROUND_QUESTION_CHARS", help="Characters in one question.")
    max_steps: int = setting(2_000, env="PLAYGROUND_MAX_STEPS", help="Optimizer steps in one run.")
    max_rank: int = setting(256, env="PLAYGROUND_MAX_RANK", help="Rank of an adapter.")
    max_seconds: int = setting(3_600, env="PLAYGROUND_MAX_SECONDS", help="Wall time of one run.")
    max_new_tokens: int = setting(512, env="PLAYGROUND_MAX_NEW_TOKENS", help="Tokens in one answer.")
    answer_bits: int = setting(
        32,
        env="PLAYGROUND_ANSWER_BITS",
        help="Bits of the weights that answers are computed with: 32, or 16 for more speed on a CPU and 50 % more "
        "memory.",
        choices=(32, 16),
    )
    visitor_runs: int = setting(20, env="PLAYGROUND_VISITOR_RUNS", help="Training runs one visitor may keep.")
    queued_runs: int = setting(
        20, env="PLAYGROUND_QUEUED_RUNS", help="Runs, sweeps and exams waiting or running, all visitors."
    )
    queue_size: int = setting(200, env="PLAYGROUND_QUEUE_SIZE", help="Questions answered or waiting, all visitors.")
    lease_seconds: int = setting(
        180, env="PLAYGROUND_LEASE_SECONDS", help="How long a run goes on after its page was last seen."
    )
    spare_worker: bool = setting(
        True,
        env="PLAYGROUND_SPARE_WORKER",
        help="Keep a process ready that has imported what a run needs, so that runs begin sooner; it takes memory.",
    )
    ray: str = setting(
        "",
        env="PLAYGROUND_RAY",
        help="A Ray cluster for training runs, sweeps and exams: `auto`, `host:port` or `ray://host:port`; when empty, "
        "all runs stay on this machine. Needs the package `ray`, here and on the nodes.",
    )
    ray_cpus: int = setting(1, env="PLAYGROUND_RAY_CPUS", help="Cores of the Ray cluster that one run takes.")
    ray_gpu: bool = setting(
        False, env="PLAYGROUND_RAY_GPU", help="Whether a run takes a GPU of the Ray cluster, where a node has one."
    )
    prepare: str = setting(
        "lora exam vera",
        env="PLAYGROUND_PREPARE",
        help="What to prepare of each example text, in this order, while nobody trains: ids of methods, and `exam`; "
        "`none` for nothing.",
    )
    keep_days: int = setting(7, env="PLAYGROUND_KEEP_DAYS", help="Days an absent visitor's work is kept.")
    share_votes: bool = setting(
        False, env="PLAYGROUND_SHARE_VOTES", help="Show standings of all visitors' blind votes; never their texts."
    )
    end_seconds: int = setting(
        4,
        env="PLAYGROUND_END_SECONDS",
        help="How long answers may go on once the server is asked to end (SIGTERM, Ctrl-C); the rest are cut.",
    )
    metrics: bool = setting(
        False,
        env="PLAYGROUND_METRICS",
        help="Show figures for Prometheus at `/metrics` to whoever reaches the page; never a text.",
    )
    trackio: bool = setting(
        False, env="PLAYGROUND_TRACKIO", help="Log every run's losses with `trackio` in the data folder; never a text."
    )

    mcp: bool = setting(
        False,
        env="PLAYGROUND_MCP",
        help="Offer the endpoints to assistants as MCP tools, at `/gradio_api/mcp/`; needs the package `mcp`.",
    )

    def __post_init__(self) -> None:
        """Make the folders absolute, so that a worker with another working directory uses the same ones."""
        object.__setattr__(self, "data", self.data.expanduser().resolve())
        models = self.models.expanduser().resolve() if self.models != Path() else self.data / "models"
        object.__setattr__(self, "models", models)

    def line(self) -> str:
        """Every setting with its value in one line, to be logged; none of them is a secret."""
        values = ((each.metadata["env"], str(vars(self)[each.name])) for each in fields(self))
        return " ".join(f"{name}={shlex.quote(value)}" for name, value in values)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """Read all variables that are set.

        Raises:
            UserError: naming every value that cannot be used.
        """
        environment = os.environ if environment is None else environment
        values: dict[str, Any] = {}
        faults = []
        for each in fields(cls):
            name = each.metadata["env"]
            if not environment.get(name):
                continue
            try:
                values[each.name] = _parse_value(each.type, environment[name], each.metadata["choices"])
            except ValueError:
                wanted = " or ".join(map(str, each.metadata["choices"])) or "a whole number above 0"
                faults.append(f"{name} must be {wanted}, got {environment[name]!r}")
            except KeyError:
                faults.append(f"{name} must be yes or no, got {environment[name]!r}")
        if faults:
            raise UserError(
                f"The settings cannot be used: {'; '.join(faults)}. Correct the environment and start again."
            )
        return cls(**values)


def _parse_value(kind: Any, text: str, choices: tuple[int, ...]) -> Any:
    """One environment value as the field's type.

    Raises:
        ValueError: a number below 1, or none of the choices. KeyError: neither yes nor no.
    """
    if kind is int:
        number = int(text)
        if number < 1 or (choices and number not in choices):
            raise ValueError(text)
        return number
    if kind is bool:
        return _SWITCHES[text.lower()]
    return Path(text) if kind is Path else text


_SWITCHES = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
