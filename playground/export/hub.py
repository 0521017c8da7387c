"""An export into a visitor's own repository on the Hugging Face Hub, with the visitor's own token and no other.

The token lives for one call: it is not kept, not logged, and stands in no sentence. huggingface_hub would fall back to
the host's token where none is given, so a missing one is refused before anything is asked.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi

from playground.errors import UserError

_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
REASONS = {
    401: "your login or token was not accepted; log in again, or make a token that may write",
    403: "your login or token may not do this; it needs the right to create repositories",
    409: "you have a repository of this name already; choose another name",
}


def push_to_hub(folder: Path, name: str, token: str | None, private: bool, connect: Callable[..., Any] = HfApi) -> str:
    """Make the repository `name` under the token's owner and put a folder's files into it; returns its address.

    Raises:
        UserError: no login, a name that cannot be used, or what the Hub refused.
    """
    token = (token or "").strip()
    if not token:
        raise UserError("Nothing was sent: log in with Hugging Face, or give a token of your own, then try again.")
    if not _NAME.fullmatch(name.strip()) or ".." in name or "--" in name:
        raise UserError(
            f"The Hub takes no repository called {name.strip()[:60]!r}. "
            "Use letters, digits, dots and dashes, at most 96 of them."
        )
    api = connect(token=token)
    try:
        owner = api.whoami(token=token)["name"]
        repository = f"{owner}/{name.strip()}"
        api.create_repo(repository, token=token, private=private, exist_ok=False)
        api.upload_folder(repo_id=repository, folder_path=folder, token=token, commit_message="Add the model")
    except Exception as fault:  # whatever its client or the HTTP library raise; their texts may quote the request
        raise UserError(f"The Hub did not take it: {_reason(fault)}. Nothing of yours here was lost.") from None
    return f"https://huggingface.co/{repository}"


def _reason(fault: Exception) -> str:
    response = vars(fault).get("response")
    status = response.status_code if response is not None else 0
    return REASONS.get(status, f"it answered {status}" if status else "it cannot be reached from here")
