"""How a typed answer is asked for, and asked for again where it could not be read. No I/O."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from eighty80_jupyter.api.messages import Message
from eighty80_jupyter.api.reply import Choice
from eighty80_jupyter.errors import APIError, APIStatusError, APIStreamError
from eighty80_jupyter.structured.reading import read
from eighty80_jupyter.structured.shape import Shape

# How a server is asked: to enforce the schema, to enforce JSON, or not at all.
Mode = Literal["schema", "object", "prompt"]
MODES: tuple[Mode, ...] = ("schema", "object", "prompt")

_REFUSED = (400, 404, 415, 422, 500, 501)  # what servers answer to a field that they do not know
_NAMED = re.compile(
    r"response_?format|json_?schema|json_?object|structured|guided|grammar|\bschema\b|"
    r"\bjson[ _-]?mode\b|\btext[._]format\b",
    re.IGNORECASE,
)
_SHOWN = 5  # problems that the model is told


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TypedAnswer:
    """A typed answer as a turn asks for it.

    `returns` is the type as it was given. `modes` are the ways to ask, the first one first: the
    next one counts where a server refuses it, and `remember` is told. `repairs` is how often the
    model is asked to mend its answer. `wanted` is the first way of all, before anything was learned
    of the server.
    """

    shape: Shape
    modes: tuple[Mode, ...] = MODES
    wanted: Mode = MODES[0]
    repairs: int = 2
    remember: Callable[[Mode], None] = lambda _mode: None
    returns: Any = None

    def fields(self, mode: Mode) -> dict[str, Any]:
        """Return the fields of the body that ask for it."""
        match mode:
            case "schema":
                return {"response_format": self.shape.response_format()}
            case "object":
                return {"response_format": {"type": "json_object"}}
        return {}

    def instruction(self, mode: Mode) -> str:
        """Return what stands in the instruction message; it always says the whole shape."""
        return self.shape.instruction(as_json=mode != "prompt")

    def after(self, mode: Mode, error: APIError) -> Mode | None:
        """Return the way to ask after a server has refused one; None where it refused otherwise.

        Some say in the body of a success that they refuse.
        """
        rest = self.modes[self.modes.index(mode) + 1 :]
        if isinstance(error, APIStatusError):
            said, refused = f"{error.param} {error.message}", error.status_code in _REFUSED
        else:
            said, refused = "", isinstance(error, APIStreamError) and error.body is not None
        return rest[0] if rest and refused and _NAMED.search(f"{said} {error}") else None

    def read(self, choices: Sequence[Choice]) -> tuple[Any, ...]:
        """Return the value of each answer. Raises UnreadableError for the first that has none."""
        return tuple(
            read(self.shape, c.text, finish_reason=c.finish_reason, refusal=c.refusal)
            for c in choices
        )

    def correction(self, text: str, problems: Sequence[str], mode: Mode) -> list[Message]:
        """Return what asks the model to mend an answer: the answer, and what is wrong with it."""
        told = "\n".join(f"- {problem}" for problem in problems[:_SHOWN])
        request = f"That answer cannot be used:\n{told}\n\n{self.instruction(mode)}"
        answer = [Message("assistant", text)] if text.strip() else []
        return [*answer, Message("user", request)]
