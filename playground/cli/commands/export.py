"""`export`: an adapter for use elsewhere, with PEFT, with plain transformers or with llama.cpp."""

from argparse import Namespace
from collections.abc import Iterator

from playground.cli.commands.arguments import Line
from playground.export import export
from playground.settings import Settings


def run(asked: Namespace, settings: Settings) -> Iterator[Line]:
    """One line, with the new folder and its files."""
    export.write_export(asked.form, asked.adapter, asked.out, settings)
    sizes = {each.name: each.stat().st_size for each in sorted(asked.out.iterdir())}
    record = {"form": asked.form, "out": str(asked.out), "files": list(sizes), "bytes": sum(sizes.values())}
    yield record, f"{asked.out}: {', '.join(sizes)} ({record['bytes'] / 1e6:.1f} MB)"
