"""Uploads an export to a visitor's own repository on the Hugging Face Hub, with the visitor's token and no other.

The token lives for one call: it is not stored, not logged, and in no message. Without one huggingface_hub would fall
back to the host's own token, so a missing token is refused before any request.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi

from playground.errors import UserError
from playground.models.compat import HUB_ERRORS

_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
# The transfer library reports its failures as RuntimeError.
UPLOAD_ERRORS: tuple[type[Exception], ...] = (*HUB_ERRORS, RuntimeError)
REASONS = {
    401: "your login or token was not accepted; log in again, or create a token with write access",
    403: "your login or token may not do this; it needs the right to create repositories",
    409: "you already have a repository of this name; choose another name",
}


def push_to_hub(folder: Path, name: str, token: str | None, private: bool, connect: Callable[..., Any] = HfApi) -> str:
    """Create the repository `name` of the token's owner and upload a folder's files; returns its address.

    Raises:
        UserError: no token, an invalid name, or the Hub refused or could not be reached.
    """
    token = (token or "").strip()
    if not token:
        raise UserError("Nothing was sent: log in with Hugging Face, or give a token of your own, then try again.")
    if not _NAME.fullmatch(name.strip()) or ".." in name or "--" in name:
        raise UserError(
            f"The Hub accepts no repository name like {name.strip()[:60]!r}. "
            "Use at most 96 letters, digits, dots and dashes."
        )
    api = connect(token=token)
    try:
        owner = api.whoami(token=token)["name"]
        repository = f"{owner}/{name.strip()}"
        api.create_repo(repository, token=token, private=private, exist_ok=False)
        api.upload_folder(repo_id=repository, folder_path=folder, token=token, commit_message="Add the model")
    except UPLOAD_ERRORS as fault:  # without their texts, which may quote the request and its token
        raise UserError(f"The Hub refused the upload: {_reason(fault)}. Your run here is unchanged.") from None
    return f"https://huggingface.co/{repository}"


def _reason(fault: Exception) -> str:
    response = vars(fault).get("response")
    status = response.status_code if response is not None else 0
    return REASONS.get(status, f"it answered {status}" if status else "it cannot be reached from here")
