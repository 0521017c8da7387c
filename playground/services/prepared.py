"""What the host has prepared of the example texts, for every visitor to use and for none to change."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from playground.data.examples import examples
from playground.services.library import Library
from playground.storage.run_folder import DOCUMENTS, has_adapter, read_documents
from playground.storage.store import RunRow, Store

EXAM = "exam"  # among what is prepared; all else are ids of methods


class Prepared:
    """Prepared examples: each has an owner in the store, whose text, index, adapters and exam visitors share."""

    def __init__(self, store: Store, library: Library) -> None:
        self._store = store
        self._library = library
        self._owners: dict[str, str] = {}

    def use(self, owners: Mapping[str, str]) -> None:
        """From now on these own what is prepared: an example's name -> its owner's id."""
        self._owners = dict(owners)

    def done(self, example: str) -> list[str]:
        """What is complete of an example, in the order it was made: ids of methods, and EXAM."""
        owner = self._owners.get(example)
        rows = self._store.runs.all(owner, kind=None) if owner else []
        return [EXAM if row.kind == EXAM else row.method for row in rows if row.state == "done"]

    def exam(self, example: str) -> RunRow | None:
        """The finished exam of an example."""
        return next(iter(self._finished(example, EXAM)), None) if example in self._owners else None

    def runs(self, visitor: str) -> list[RunRow]:
        """The prepared adapters of the examples in a visitor's text, the one made first at the end.

        Those of a text on which the visitor trained an adapter themselves are left out.
        """
        own = [row for row in self._store.runs.all(visitor) if has_adapter(row.folder)]
        taught = {name for row in own for name in _text_names(row.folder)}
        names = [name for name in self._names(visitor) if examples()[name].path.name not in taught]
        return [row for name in names for row in reversed(self._finished(name, "train"))]

    def exams(self, visitor: str) -> list[RunRow]:
        """The prepared exams of the examples in a visitor's text."""
        return [row for name in self._names(visitor) for row in self._finished(name, EXAM)]

    def give(self, visitor: str, example: str) -> bool:
        """Make an example a visitor's text: beside texts of their own, else in place of other examples.

        Returns whether another example was replaced.

        Raises:
            UserError: there is no such example, or it would pass a limit.
        """
        path, rows = self._library.example(example).path, self._library.rows(visitor)
        of_examples = {each.path.name: each.path.stat().st_size for each in examples().values()}
        replaced = [row for row in rows if row.name != path.name]
        if any(of_examples.get(row.name) != row.bytes for row in rows):
            replaced = []
        for row in replaced:
            self._library.remove(visitor, row.id)
        if all(row.name != path.name for row in rows):
            owned = self._library.rows(self._owners[example]) if example in self._owners else []
            if owned:
                self._library.add_copy(visitor, owned[0])
            else:
                self._library.add_example(visitor, example)
        return bool(replaced)

    def _names(self, visitor: str) -> list[str]:
        """The names of the examples in a visitor's text, as they were read when they were prepared."""
        texts = {(row.name, row.digest) for row in self._library.rows(visitor)}
        owned = {name: self._library.rows(owner) for name, owner in self._owners.items()} if texts else {}
        return [name for name, rows in owned.items() if any((row.name, row.digest) in texts for row in rows)]

    def _finished(self, example: str, kind: str) -> list[RunRow]:
        return [row for row in self._store.runs.all(self._owners[example], kind) if row.state == "done"]


@lru_cache(maxsize=256)
def _text_names(folder: Path) -> frozenset[str]:
    """The names of a run's documents, read once: its text never changes, and an imported adapter has none."""
    return frozenset(each.name for each in read_documents(folder)) if (folder / DOCUMENTS).exists() else frozenset()
