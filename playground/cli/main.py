"""The playground without a browser: parses the command line, runs a command of `commands/` and prints what it yields.

Defines the arguments of every command and imports nothing heavy, so that help and errors appear at once.
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
from retrieval.mapping import ROLES

BAD_INPUT, INTERRUPTED = 2, 130
QUIET = {
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "TRANSFORMERS_VERBOSITY": "error",
}
UNCOMPILED = {"TORCHDYNAMO_DISABLE": "1"}  # else bitsandbytes loads a compiler at every start, which is never used
WAITING = {"GOMP_SPINCOUNT": "20000"}  # threads that spin for longer slow down everything else on the machine
# The first recommends a package that is not needed; the second logs for a host why a file could not be read.
QUIETER = ("bitsandbytes", "retrieval.readers.sandbox")
DOCUMENT_HELP = "a document, or a data set: hf://datasets/owner/name?config=…&split=…"
SWITCHES = ("-h", "--help", "--json", "--resume", "--drill", "--plan-only", "--ask-anyway", "--show-prompt")


def main(words: Sequence[str] | None = None) -> int:
    """Run one command; returns 0, 2 for bad input with a sentence on standard error, or 130 after Ctrl-C.

    With --json, standard output has one JSON object per line and nothing else.
    """
    for name, value in {**QUIET, **UNCOMPILED, **WAITING}.items():
        os.environ.setdefault(name, value)
    for name in QUIETER:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        args = parse(sys.argv[1:] if words is None else words)
        _run(args, Settings.from_environment())
    except USER_FACING as fault:
        print(" ".join(str(fault).split()), file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt as stop:
        print(str(stop) or "Interrupted.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of the pipe has closed it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def parse(words: Sequence[str]) -> argparse.Namespace:
    """The command's name and its checked arguments; `options` are the flags that only a fine-tuning method defines.

    Raises:
        UserError: an argument cannot be used; the sentence names it.
    """
    parser = _parser()
    args, unknown = parser.parse_known_args(_in_order(words))
    args.options = {each[2:].partition("=")[0].replace("-", "_"): each.partition("=")[2] for each in unknown}
    if unknown and (args.command != "train" or not all(each.startswith("--") for each in unknown)):
        parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    if args.check:
        args.check(args)
    return args


class _Parser(argparse.ArgumentParser):
    """A parser without abbreviations, whose errors are UserErrors of one sentence."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message[0].upper()}{message[1:].rstrip('.')}; `{self.prog} --help` says what is expected.")


def _in_order(words: Sequence[str]) -> list[str]:
    """The command, then its options as `--name=value`, then everything else.

    So argparse does not take the value of an unknown flag for a file, and accepts files before and after options.
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


def _run(args: argparse.Namespace, settings: Settings) -> None:
    """Print each line at once; whatever a library prints goes to standard error."""
    screen = sys.stdout
    with redirect_stdout(sys.stderr), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they are meant for programmers
        lines: Iterator[Line] = import_module(f"playground.cli.commands.{args.command}").run(args, settings)
        for record, text in lines:
            if not args.json:
                print(text, file=screen, flush=True)
            elif record is not None:
                print(json.dumps(arguments.finite(record), allow_nan=False), file=screen, flush=True)


def _parser() -> _Parser:
    parser = _Parser(prog="python -m playground", description=__doc__.partition(":")[0] + ".")
    _json(parser)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for add in (_models, _methods, _preview, _index, _search, _train, _bakeoff, _ask, _exam, _export):
        add(commands)
    return parser


def _json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="write one JSON object per line to standard output")


def _add(commands: Any, name: str, what: str, check: Any = None, epilog: str = "") -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=what, description=what + ".", epilog=epilog)
    parser.set_defaults(check=check)
    _json(parser)
    return parser


def _models(commands: Any) -> None:
    _add(commands, "models", "list the models that can be used, their origin, and the speed of this machine")


def _methods(commands: Any) -> None:
    _add(commands, "methods", "list the fine-tuning methods with their papers and options")


def _preview(commands: Any) -> None:
    about = "show what documents are taken for and every training example as the model will see it"
    parser = _add(commands, "preview", about, arguments.check_files)
    _files(parser, "+")
    _mapping(parser)
    parser.add_argument("--seed", type=arguments.seed, default=0, metavar="N", help="of the run (default: 0)")


def _index(commands: Any) -> None:
    parser = _add(commands, "index", "build a search index of documents", arguments.check_index)
    _files(parser, "+")
    _mapping(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the index")
    parser.add_argument(
        "--embedder",
        type=arguments.embedder,
        metavar="NAME|FOLDER",
        help="one that `models` lists, another from the Hub, or a folder (default: PLAYGROUND_EMBEDDER)",
    )


def _search(commands: Any) -> None:
    parser = _add(commands, "search", "search an index for passages that answer questions", arguments.check_search)
    parser.add_argument("index", type=arguments.index, metavar="DIR", help="folder of the index")
    parser.add_argument("words", nargs="*", default=[], metavar="QUESTION", help="a question, in quotation marks")
    parser.add_argument(
        "--questions", type=arguments.questions, default=[], metavar="F.jsonl", help='lines {"question": …}'
    )
    parser.add_argument("-k", type=arguments.whole, default=5, metavar="N", help="passages per question (default: 5)")


def _train(commands: Any) -> None:
    epilog = "Every option that `methods` lists is a flag too, such as --rank 16 or --window 128."
    parser = _add(commands, "train", "fine-tune the chat model on documents", arguments.check_train, epilog)
    _files(parser, "*", default=[])
    _mapping(parser)
    parser.add_argument("--method", metavar="ID", help="one that `methods` lists")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the run")
    parser.add_argument("--preset", default="quick", help="sketch, quick (default) or thorough")
    parser.add_argument(
        "--teach",
        metavar="MIX",
        help="what comes out: sentences (answers in sentences), style (that of the text) or pairs (as the files of "
        "pairs say) (default: pairs where all files are such, else sentences)",
    )
    parser.add_argument("--max-steps", type=arguments.whole, metavar="N", help="do at most N of the planned steps")
    parser.add_argument(
        "--max-seconds", type=arguments.seconds, metavar="S", help="plan the run for S seconds, and end it then"
    )
    parser.add_argument(
        "--seed", type=arguments.seed, metavar="N", help="the same seed gives the same run (default: 0)"
    )
    parser.add_argument("--resume", action="store_true", help="continue the run in the folder as planned")
    parser.add_argument("--plan-only", action="store_true", help="write the run's folder without training")


def _bakeoff(commands: Any) -> None:
    about = "fine-tune with several methods for the same number of steps, and compare them"
    parser = _add(commands, "bakeoff", about, arguments.check_bakeoff)
    _files(parser, "+")
    _mapping(parser)
    parser.add_argument(
        "--methods", type=arguments.names, metavar="ID,ID", help="methods that `methods` lists (default: five)"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="output folder, one run per method")
    parser.add_argument("--preset", default="quick", help="sketch, quick (default) or thorough")
    parser.add_argument("--max-steps", type=arguments.whole, metavar="N", help="do at most N of the planned steps")
    parser.add_argument(
        "--seed", type=arguments.seed, metavar="N", help="the same seed gives the same runs (default: 0)"
    )


def _ask(commands: Any) -> None:
    parser = _add(commands, "ask", "ask several arms one question", arguments.check_ask)
    parser.add_argument("question", metavar="QUESTION", help="in quotation marks")
    parser.add_argument("--adapter", type=arguments.adapter, metavar="DIR", help="folder of an adapter or of its run")
    parser.add_argument("--other", type=arguments.adapter, metavar="DIR", help="another adapter to compare with")
    parser.add_argument("--index", type=arguments.index, metavar="DIR", help="folder of the index")
    most = f"some of {','.join(arguments.ARMS)} (default: all possible ones but {','.join(arguments.ON_DEMAND)})"
    parser.add_argument("--arms", type=arguments.arms, help=most)
    parser.add_argument(
        "--max-new-tokens", type=arguments.whole, metavar="N", help="maximum number of tokens per answer"
    )
    parser.add_argument(
        "--temperature", type=arguments.number, metavar="T", help="0 (default) always takes the likeliest token"
    )
    parser.add_argument("--thinking", action="store_true", help="let a model that can think do so before it answers")
    parser.add_argument(
        "--seed",
        type=arguments.seed,
        metavar="N",
        help="the same seed gives the same answer; not used at temperature 0",
    )
    parser.add_argument("--ask-anyway", action="store_true", help="ask the model even if the index has no answer")
    parser.add_argument("--show-prompt", action="store_true", help="also print the exact prompt")


def _exam(commands: Any) -> None:
    parser = _add(
        commands, "exam", "ask every arm questions about a text, and say which answers best", arguments.check_exam
    )
    parser.add_argument("--adapter", type=arguments.adapter, metavar="DIR", help="folder of an adapter or of its run")
    parser.add_argument("--index", type=arguments.index, metavar="DIR", help="folder of the index")
    parser.add_argument(
        "--questions",
        type=arguments.file,
        metavar="F",
        help="JSONL or CSV with question and answer (default: generated by rules)",
    )
    parser.add_argument(
        "--arms", type=arguments.exam_arms, help=f"some of {','.join(arguments.EXAM_ARMS)} (default: all possible ones)"
    )
    parser.add_argument(
        "--limit", type=arguments.whole, metavar="N", help="maximum number of questions about the text (default: 60)"
    )
    parser.add_argument(
        "--seed", type=arguments.seed, metavar="N", help="the same seed gives the same exam (default: 0)"
    )
    parser.add_argument(
        "--facts",
        type=arguments.seed,
        metavar="N",
        help="maximum number of sentences of the fact test, 0 for none (default: 60)",
    )
    parser.add_argument(
        "--orders",
        type=arguments.seed,
        metavar="N",
        help="instructions planted in passages, to count those that are followed, up to 30 (default: 0)",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the exam and its report")
    parser.add_argument(
        "--model",
        default="",
        metavar="NAME|FOLDER",
        help="the chat model, and that of the adapter: one that `models` lists, a folder or a GGUF file (default: "
        "that of PLAYGROUND_CHAT_MODEL)",
    )
    parser.add_argument(
        "--untuned-model",
        default="",
        metavar="NAME|FOLDER",
        help="the chat model of the arms without an adapter: one that `models` lists, a folder or a GGUF file "
        "(default: that of the adapter)",
    )
    parser.add_argument("--judge", type=arguments.folder, metavar="DIR", help="folder of a stronger chat model")
    parser.add_argument(
        "--drill", action="store_true", help="also change a fact, index and train again, and repeat the questions"
    )
    parser.add_argument("--resume", action="store_true", help="continue the exam in the folder")


def _export(commands: Any) -> None:
    parser = _add(commands, "export", "export an adapter for use elsewhere", arguments.check_export)
    parser.add_argument("adapter", type=arguments.adapter, metavar="DIR", help="folder of an adapter or of its run")
    parser.add_argument(
        "--form",
        required=True,
        choices=arguments.FORMS,
        help="the method's own files, a plain LoRA, a model with the adapter merged into it, or that model as GGUF",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="a new folder")


def _files(parser: argparse.ArgumentParser, count: str, **more: Any) -> None:
    parser.add_argument("files", nargs=count, type=arguments.source, metavar="FILE", help=DOCUMENT_HELP, **more)


def _mapping(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--mapping",
        type=arguments.mapping,
        metavar="ROLE=COLUMN,…",
        help="the columns of tables, such as question=title+body,answer=reply,context=article; "
        f"roles: {', '.join(ROLES)}; or the same as a JSON object",
    )
    parser.add_argument(
        "--encoding", metavar="NAME", help="the encoding of text files that do not say it, such as cp1251 or vni"
    )
