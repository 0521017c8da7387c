"""The address of a data set on the Hub: `hf://datasets/owner/name?config=…&split=…`. Loads nothing heavy."""

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl

from retrieval.errors import RetrievalError

SCHEME = "hf://datasets/"
DEFAULT_SPLIT = "train"
_ADDRESS = re.compile(r"hf://datasets/(?P<id>[\w-][\w.-]*/[\w-][\w.-]*)(?:\?(?P<options>.*))?", re.ASCII)
_OPTIONS = frozenset({"config", "split"})


@dataclass(frozen=True)
class HubDataset:
    """A data set on the Hub; an empty configuration is the default one."""

    id: str
    config: str = ""
    split: str = DEFAULT_SPLIT

    @property
    def address(self) -> str:
        """The data set's own address, which `datasets` never takes for a local folder."""
        return f"{SCHEME}{self.id}"

    @property
    def name(self) -> str:
        """The name for the user, with the configuration and the split where they are not the default."""
        options = [self.config, "" if self.split == DEFAULT_SPLIT else self.split]
        return " ".join([self.id, *filter(None, options)])


def is_hub_address(text: str) -> bool:
    """Whether a text is meant as the address of a data set on the Hub."""
    return text.startswith(SCHEME)


def parse_hub_address(address: str) -> HubDataset:
    """The data set that an address names.

    Raises:
        RetrievalError: it is no such address, or has an option other than `config` and `split`.
    """
    match = _ADDRESS.fullmatch(address)
    options = dict(parse_qsl(match["options"] or "", keep_blank_values=True)) if match else {}
    if match is None or not _OPTIONS.issuperset(options):
        raise RetrievalError(
            f"{address} is not the address of a data set. Write {SCHEME}owner/name, then ?config=…&split=… if needed."
        )
    return HubDataset(match["id"], options.get("config", ""), options.get("split") or DEFAULT_SPLIT)
