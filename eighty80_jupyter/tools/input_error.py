"""The error for arguments that do not fit a tool."""

from __future__ import annotations

from eighty80_jupyter.errors import UsageError


class ToolInputError(UsageError):
    """The model's arguments do not fit a tool; the text says what the model can do about it."""
