"""A text: documents as the page reads them, and their search index."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from playground.errors import UserError
from playground.services.library import reading_limits
from playground.settings import Settings
from retrieval.document import Document
from retrieval.mapping import ColumnMapping
from retrieval.readers.hub_address import HubDataset, is_hub_address, parse_hub_address
from retrieval.readers.sandbox import read_hub_in_sandbox, read_in_sandbox

Source = Path | HubDataset


@dataclass(frozen=True)
class Text:
    """Documents that were read; `Text.read` and `Text.of` make one."""

    documents: tuple[Document, ...]

    @classmethod
    def read(cls, *files: Path | str, mapping: ColumnMapping | None = None, encoding: str | None = None) -> "Text":
        """Read files of the formats that the page reads, or data sets of the Hub (`hf://datasets/owner/name`).

        `mapping` names the columns of tables, `encoding` that of text files which do not say theirs.

        Raises:
            UserError: no file was named, or one is not there. RetrievalError: naming the first that cannot be read.
        """
        if not files:
            raise UserError("No file was named, so there is no text. Name at least one.")
        sources = [parse_hub_address(str(each)) if is_hub_address(str(each)) else Path(each) for each in files]
        if missing := [each for each in sources if isinstance(each, Path) and not each.is_file()]:
            raise UserError(f"{missing[0]} is {'a folder' if missing[0].is_dir() else 'missing'}. Name a file.")
        return cls(tuple(read_documents_of(sources, Settings.from_environment(), mapping, encoding)))

    @classmethod
    def of(cls, words: str, name: str = "text.txt") -> "Text":
        """A text that is at hand as a string. Raises RetrievalError where it is empty."""
        with TemporaryDirectory() as folder:
            path = Path(folder) / "text.txt"
            path.write_text(words, encoding="utf-8")
            return cls((read_in_sandbox(path, name, None, reading_limits(Settings.from_environment()), None),))


def read_documents_of(
    sources: Sequence[Source],
    settings: Settings,
    mapping: ColumnMapping | None = None,
    encoding: str | None = None,
) -> list[Document]:
    """The documents in the order given, each read in its own process, as on the page.

    Raises:
        RetrievalError: naming the first that cannot be read.
    """
    limits = reading_limits(settings)
    return [
        read_in_sandbox(each, each.name, mapping, limits, encoding)
        if isinstance(each, Path)
        else read_hub_in_sandbox(each, mapping, limits)
        for each in sources
    ]
