"""A class of a user that says what is to be sent of it."""

from __future__ import annotations

from typing import Any


class Speaks:
    """A class that describes itself."""

    def __init__(self, text: Any) -> None:
        self.text = text

    def _repr_llm_(self) -> Any:
        return self.text

    def _repr_markdown_(self) -> str:
        return "not this"
