"""Whether what visitors make outlives a restart of the host: on a Space without storage it does not."""

import os
from pathlib import Path

from playground.ui.shared.i18n import say


def loss_warning(data: Path, language: str) -> str:
    """A sentence where a restart takes the data folder with it; empty elsewhere."""
    return "" if not os.environ.get("SPACE_ID") or _on_storage(data) else say(language, "kept.space")


def _on_storage(data: Path) -> bool:
    """Whether the folder lies on something that is mounted into the Space, and not on the Space's own disk."""
    return any(each.is_mount() for each in (data, *data.parents) if each != each.parent)
