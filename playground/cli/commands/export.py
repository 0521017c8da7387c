"""`export`: writes an adapter for use with PEFT, plain transformers or llama.cpp."""

from argparse import Namespace
from collections.abc import Iterator

from playground.cli.commands.arguments import Line
from playground.export import export
from playground.settings import Settings


def run(args: Namespace, settings: Settings) -> Iterator[Line]:
    """One line with the new folder and its files."""
    export.write_export(args.form, args.adapter, args.out, settings)
    sizes = {each.name: each.stat().st_size for each in sorted(args.out.iterdir())}
    record = {"form": args.form, "out": str(args.out), "files": list(sizes), "bytes": sum(sizes.values())}
    yield record, f"{args.out}: {', '.join(sizes)} ({record['bytes'] / 1e6:.1f} MB)"
