"""The playground without a browser: reads the command line, runs one of `commands/`, prints what it yields.

Knows the words of every command and imports nothing heavy, so that help and bad input are answered at once.
"""

import argparse
import json
import logging
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from playground.cli.commands import arguments
from playground.cli.commands.arguments import Line
from playground.errors import USER_FACING, UserError
from playground.settings import Settings

BAD_INPUT, INTERRUPTED = 2, 130
QUIET = {
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "TRANSFORMERS_VERBOSITY": "error",
}
UNCOMPILED = {"TORCHDYNAMO_DISABLE": "1"}  # bitsandbytes would load a compiler at every start that nobody uses
WAITING = {"GOMP_SPINCOUNT": "20000"}  # a thread that spins for longer stands in the way of all else that computes here
# One advises a package that is not needed here; the other tells a host why a file broke its reader.
QUIETER = ("bitsandbytes", "retrieval.readers.sandbox")
DOCUMENT_HELP = "a document, or a data set: hf://datasets/owner/name?config=…&split=…"
SWITCHES = ("-h", "--help", "--json", "--resume", "--drill", "--plan-only", "--ask-anyway", "--show-prompt")


def main(words: Sequence[str] | None = None) -> int:
    """Run one command: 0, 2 with a sentence on standard error for bad input, 130 after Ctrl-C.

    With --json, standard output carries one JSON object a line and nothing else.
    """
    for name, value in {**QUIET, **UNCOMPILED, **WAITING}.items():
        os.environ.setdefault(name, value)
    for name in QUIETER:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        asked = parse(sys.argv[1:] if words is None else words)
        _run(asked, Settings.from_environment())
    except USER_FACING as fault:
        print(" ".join(str(fault).split()), file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt as stop:
        print(str(stop) or "Interrupted.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # whoever read the lines has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def parse(words: Sequence[str]) -> argparse.Namespace:
    """The command's name and checked arguments; `options` are the flags that only a fine-tuning method can know.

    Raises:
        UserError: naming the argument that cannot be used.
    """
    parser = _parser()
    asked, unknown = parser.parse_known_args(_in_order(words))
    asked.options = {each[2:].partition("=")[0].replace("-", "_"): each.partition("=")[2] for each in unknown}
    if unknown and (asked.command != "train" or not all(each.startswith("--") for each in unknown)):
        parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    if asked.check:
        asked.check(asked)
    return asked


class _Parser(argparse.ArgumentParser):
    """A parser that knows no abbreviations and whose errors are one sentence."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message[0].upper()}{message[1:].rstrip('.')}; `{self.prog} --help` says what is expected.")


def _in_order(words: Sequence[str]) -> list[str]:
    """The command, its options as `--name=value`, then all else.

    So argparse takes no value of a flag that it does not know for a file, and finds files on both sides of an option.
    """
    waiting = list(words)
    options: list[str] = []
    rest: list[str] = []
    while waiting:
        word = waiting.pop(0)
        if not word.startswith("-"):
            rest.append(word)
        elif word in SWITCHES or "=" in word or not waiting or waiting[0].startswith("--"):
            options.append(word)
        else:
            options.append(f"{word}={waiting.pop(0)}")
    return rest[:1] + options + rest[1:]


def _run(asked: argparse.Namespace, settings: Settings) -> None:
    """Print every line as soon as it comes; whatever else a library prints goes to standard error."""
    screen = sys.stdout
    with redirect_stdout(sys.stderr), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what a library says to programmers
        lines: Iterator[Line] = import_module(f"playground.cli.commands.{asked.command}").run(asked, settings)
        for record, text in lines:
            if not asked.json:
                print(text, file=screen, flush=True)
            elif record is not None:
                print(json.dumps(arguments.finite(record), allow_nan=False), file=screen, flush=True)


def _parser() -> _Parser:
    parser = _Parser(prog="python -m playground", description=__doc__.partition(":")[0] + ".")
    _json(parser)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for add in (_models, _methods, _index, _search, _train, _bakeoff, _ask, _exam, _export):
        add(commands)
    return parser


def _json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON object a line on standard output")


def _add(commands: Any, name: str, what: str, check: Any = None, epilog: str = "") -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=what, description=what + ".", epilog=epilog)
    parser.set_defaults(check=check)
    _json(parser)
    return parser


def _models(commands: Any) -> None:
    _add(commands, "models", "which models can be used, where they come from, and how fast this machine is")


def _methods(commands: Any) -> None:
    _add(commands, "methods", "the ways to fine-tune, with their papers and options")


def _index(commands: Any) -> None:
    parser = _add(commands, "index", "file documents for look-up", arguments.check_index)
    _files(parser, "+")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the index")
    parser.add_argument(
        "--embedder",
        type=arguments.embedder,
        metavar="NAME|FOLDER",
        help="one that `models` lists, another of the Hub, or a folder (PLAYGROUND_EMBEDDER)",
    )


def _search(commands: Any) -> None:
    parser = _add(commands, "search", "look questions up in an index", arguments.check_search)
    parser.add_argument("index", type=arguments.index, metavar="DIR", help="folder of the index")
    parser.add_argument("words", nargs="*", default=[], metavar="QUESTION", help="a question, in quotation marks")
    parser.add_argument(
        "--questions", type=arguments.questions, default=[], metavar="F.jsonl", help='lines {"question": …}'
    )
    parser.add_argument("-k", type=arguments.whole, default=5, metavar="N", help="passages a question (5)")


def _train(commands: Any) -> None:
    epilog = "Every option that `methods` lists is a flag too, such as --rank 16 or --window 128."
    parser = _add(commands, "train", "fine-tune the chat model on documents", arguments.check_train, epilog)
    _files(parser, "*", default=[])
    parser.add_argument("--method", metavar="ID", help="one of those that `methods` lists")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the run")
    parser.add_argument("--preset", default="quick", help="sketch, quick (the default) or thorough")
    parser.add_argument("--max-steps", type=arguments.whole, metavar="N", help="at most so many of the planned steps")
    parser.add_argument("--max-seconds", type=arguments.seconds, metavar="S", help="plan for this time, and end then")
    parser.add_argument("--seed", type=arguments.seed, metavar="N", help="same seed, same run (0)")
    parser.add_argument("--resume", action="store_true", help="go on with the run in the folder, as it was planned")
    parser.add_argument("--plan-only", action="store_true", help="write the run's folder, and train nothing yet")


def _bakeoff(commands: Any) -> None:
    about = "fine-tune with several methods, equally long, and tell what each came to"
    parser = _add(commands, "bakeoff", about, arguments.check_bakeoff)
    _files(parser, "+")
    parser.add_argument("--methods", type=arguments.names, metavar="ID,ID", help="of those `methods` lists (five)")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder with a run a method in it")
    parser.add_argument("--preset", default="quick", help="sketch, quick (the default) or thorough")
    parser.add_argument("--max-steps", type=arguments.whole, metavar="N", help="at most so many of the planned steps")
    parser.add_argument("--seed", type=arguments.seed, metavar="N", help="same seed, same runs (0)")


def _ask(commands: Any) -> None:
    parser = _add(commands, "ask", "put one question to several ways of answering", arguments.check_ask)
    parser.add_argument("question", metavar="QUESTION", help="in quotation marks")
    parser.add_argument("--adapter", type=arguments.adapter, metavar="DIR", help="what `train` made")
    parser.add_argument("--other", type=arguments.adapter, metavar="DIR", help="another adapter, to set against it")
    parser.add_argument("--index", type=arguments.index, metavar="DIR", help="what `index` made")
    most = f"some of {','.join(arguments.ARMS)} (all that can be, but {','.join(arguments.ON_DEMAND)})"
    parser.add_argument("--arms", type=arguments.arms, help=most)
    parser.add_argument("--max-new-tokens", type=arguments.whole, metavar="N", help="tokens in an answer, at most")
    parser.add_argument("--temperature", type=arguments.number, metavar="T", help="0 (default): the likeliest tokens")
    parser.add_argument("--seed", type=arguments.seed, metavar="N", help="same seed, same answer, unless at 0 anyway")
    parser.add_argument("--ask-anyway", action="store_true", help="ask the model even where the index has no answer")
    parser.add_argument("--show-prompt", action="store_true", help="print what exactly was sent, too")


def _exam(commands: Any) -> None:
    parser = _add(commands, "exam", "ask every arm about a text, and say which serves it", arguments.check_exam)
    parser.add_argument("--adapter", type=arguments.adapter, metavar="DIR", help="what `train` made")
    parser.add_argument("--index", type=arguments.index, metavar="DIR", help="what `index` made")
    parser.add_argument(
        "--questions",
        type=arguments.file,
        metavar="F",
        help="JSONL or CSV: question, answer; else made by rules",
    )
    parser.add_argument(
        "--arms", type=arguments.exam_arms, help=f"some of {','.join(arguments.EXAM_ARMS)} (all that can be)"
    )
    parser.add_argument("--limit", type=arguments.whole, metavar="N", help="questions of the text, at most (60)")
    parser.add_argument("--seed", type=arguments.seed, metavar="N", help="same seed, same exam (0)")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the exam and its report")
    parser.add_argument("--judge", type=arguments.folder, metavar="DIR", help="folder of a stronger chat model")
    parser.add_argument("--drill", action="store_true", help="also change a fact, index and train anew, and ask again")
    parser.add_argument("--resume", action="store_true", help="go on with the exam in the folder")


def _export(commands: Any) -> None:
    parser = _add(commands, "export", "write an adapter for use elsewhere", arguments.check_export)
    parser.add_argument("adapter", type=arguments.adapter, metavar="DIR", help="what `train` made")
    parser.add_argument(
        "--form",
        required=True,
        choices=arguments.FORMS,
        help="the method's own files, a plain LoRA, a whole model with the adapter in its weights, or that as GGUF",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="a new folder")


def _files(parser: argparse.ArgumentParser, count: str, **more: Any) -> None:
    parser.add_argument("files", nargs=count, type=arguments.source, metavar="FILE", help=DOCUMENT_HELP, **more)
