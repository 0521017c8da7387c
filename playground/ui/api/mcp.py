"""Whether assistants can be served: Gradio offers the endpoints as tools of the Model Context Protocol (MCP)."""

from importlib.util import find_spec

from playground.errors import UserError
from playground.settings import Settings

PACKAGE = "mcp"


def check(settings: Settings) -> None:
    """Refuse to start if assistants are to be served and the package is missing.

    Raises:
        UserError: the package is not installed.
    """
    if settings.mcp and find_spec(PACKAGE) is None:
        raise UserError(
            "PLAYGROUND_MCP is on, but the package mcp is not installed: `pip install 'mcp<2'`, or turn it off."
        )
