"""The only module here that uses version-bound parts of huggingface_hub; `check` tests them before a download."""

from contextlib import suppress
from functools import cache
from pathlib import Path

from huggingface_hub import constants, errors, file_download
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, HFValidationError

from adapters.errors import IncompatibleLibraryError

HUB = "2.4.0"  # the version that this module was written for
MODULE = "playground/models/compat.py"
# What the client raises where the Hub is out of reach or does not give a model. The bases of HfHubHTTPError are the
# HTTP library's own error, which differs by version. Before XetDownloadError, a failed transfer was a RuntimeError.
HUB_ERRORS: tuple[type[Exception], ...] = (
    OSError,
    *HfHubHTTPError.__bases__,
    EntryNotFoundError,
    HFValidationError,
    vars(errors).get("XetDownloadError", RuntimeError),
)


@cache
def check() -> None:
    """Test that the Hub's cache names its folders as `downloaded_bytes` expects.

    Raises:
        IncompatibleLibraryError: it does not.
    """
    if not _names_folders():
        missing = ["file_download.repo_folder_name, which names a model's folder in the cache"]
        raise IncompatibleLibraryError("huggingface_hub", HUB, missing, MODULE)


def downloaded_bytes(name: str) -> int:
    """How much of a model lies in the Hub's cache, parts of unfinished files included."""
    check()
    folder = Path(constants.HF_HUB_CACHE) / file_download.repo_folder_name(repo_id=name, repo_type="model") / "blobs"
    sizes = []
    for file in folder.glob("*"):
        with suppress(FileNotFoundError):  # a part that was just moved to its place
            sizes.append(file.stat().st_size)
    return sum(sizes)


def _names_folders() -> bool:
    try:
        return bool(file_download.repo_folder_name(repo_id="owner/model", repo_type="model") == "models--owner--model")
    except (AttributeError, TypeError):
        return False
