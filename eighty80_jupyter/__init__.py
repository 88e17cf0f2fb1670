"""Talk to a language model from a notebook.

    %load_ext eighty80_jupyter
    %%chat                                   in a cell: its text is the prompt
    %chat --panel                            the same conversation with a text box and sliders
    from eighty80_jupyter import chat        in Python: reply = chat.ask("Hello")

`chat` is the session of the running kernel, the same that the magics use; in a Python without
IPython it is the session of the process.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.errors import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APIStreamError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    ChatError,
    ChatInterrupted,
    ContextLengthError,
    EvaluationError,
    LocalModelError,
    MCPServerError,
    MissingKeyError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ReplyFormatError,
    RowsError,
    ServerError,
    UsageError,
)

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from eighty80_jupyter.api.code_blocks import CodeBlock
    from eighty80_jupyter.api.models import Model
    from eighty80_jupyter.api.reply import CallRecord, Choice, Reply, Usage
    from eighty80_jupyter.config import ChatConfig
    from eighty80_jupyter.conversation.branches import Conversations
    from eighty80_jupyter.conversation.conversation import Conversation
    from eighty80_jupyter.conversation.turn import Exchange, Turn
    from eighty80_jupyter.rows.comparison import RowComparison
    from eighty80_jupyter.rows.engines.function import RowFunction
    from eighty80_jupyter.rows.options import RowOptions
    from eighty80_jupyter.rows.progress import RowError
    from eighty80_jupyter.rows.run import Run
    from eighty80_jupyter.session.session import Session
    from eighty80_jupyter.tools.executor import Confirmer, Decision
    from eighty80_jupyter.tools.tool import Tool
    from eighty80_jupyter.tools.toolbox import ToolBox
    from eighty80_jupyter.turns.request import Place

    chat: Session

__version__ = "0.2.0"

__all__ = [
    "APIConnectionError",
    "APIError",
    "APIStatusError",
    "APIStreamError",
    "APITimeoutError",
    "AuthenticationError",
    "BadRequestError",
    "CallRecord",
    "ChatConfig",
    "ChatError",
    "ChatInterrupted",
    "Choice",
    "CodeBlock",
    "Confirmer",
    "ContextLengthError",
    "Conversation",
    "Conversations",
    "Decision",
    "EvaluationError",
    "Exchange",
    "LocalModelError",
    "MCPServerError",
    "MissingKeyError",
    "Model",
    "NotFoundError",
    "PermissionDeniedError",
    "Place",
    "RateLimitError",
    "Reply",
    "ReplyFormatError",
    "RowComparison",
    "RowError",
    "RowFunction",
    "RowOptions",
    "RowsError",
    "Run",
    "ServerError",
    "Session",
    "Tool",
    "ToolBox",
    "Turn",
    "Usage",
    "UsageError",
    "chat",
    "load_ipython_extension",
    "unload_ipython_extension",
]

# Public names that are imported when somebody asks for them.
_LATE = {
    "CallRecord": "eighty80_jupyter.api.reply",
    "ChatConfig": "eighty80_jupyter.config",
    "Choice": "eighty80_jupyter.api.reply",
    "CodeBlock": "eighty80_jupyter.api.code_blocks",
    "Confirmer": "eighty80_jupyter.tools.executor",
    "Conversation": "eighty80_jupyter.conversation.conversation",
    "Conversations": "eighty80_jupyter.conversation.branches",
    "Decision": "eighty80_jupyter.tools.executor",
    "Exchange": "eighty80_jupyter.conversation.turn",
    "Model": "eighty80_jupyter.api.models",
    "Place": "eighty80_jupyter.turns.request",
    "Reply": "eighty80_jupyter.api.reply",
    "RowComparison": "eighty80_jupyter.rows.comparison",
    "RowError": "eighty80_jupyter.rows.progress",
    "RowFunction": "eighty80_jupyter.rows.engines.function",
    "RowOptions": "eighty80_jupyter.rows.options",
    "Run": "eighty80_jupyter.rows.run",
    "Session": "eighty80_jupyter.session.session",
    "Tool": "eighty80_jupyter.tools.tool",
    "ToolBox": "eighty80_jupyter.tools.toolbox",
    "Turn": "eighty80_jupyter.conversation.turn",
    "Usage": "eighty80_jupyter.api.reply",
}


def __getattr__(name: str) -> Any:
    if name == "chat":
        from eighty80_jupyter.notebook.attach import current_session  # noqa: PLC0415  # late

        return current_session()
    if name in _LATE:
        return getattr(import_module(_LATE[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Register `%chat` and `%%chat`; IPython calls this for `%load_ext eighty80_jupyter`."""
    from eighty80_jupyter.notebook.extension import load  # noqa: PLC0415  # late

    load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Take the magics away and close the connections; the conversation stays for a reload."""
    from eighty80_jupyter.notebook.extension import unload  # noqa: PLC0415  # late

    unload(shell)
