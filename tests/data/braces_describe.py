"""A describer for tests: a value's text, its budget kept to the letter, secrets taken out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from eighty80_jupyter.api.messages import Part
from eighty80_jupyter.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """A description; a token has four characters."""

    text: str
    kind: str
    summary: str
    cut: str
    inline: bool
    part: Part | None
    tokens: int


@dataclass(slots=True)
class PlainDescriber:
    """Describes with `str`. `calls` keeps name, options and budget of each call.

    The option `full` cuts nothing, `image` gives a picture, `bad` is refused.
    """

    calls: list[tuple[str, str, int]] = field(default_factory=list)

    def __call__(
        self,
        value: Any,
        *,
        name: str,
        options: str,
        budget: int,
        scrub: Callable[[str], str] | None,
    ) -> Plain:
        """Return the description of `value`."""
        self.calls.append((name, options, budget))
        if options == "bad":
            raise UsageError(f"no option 'bad' for {{{{{name}:bad}}}}; it takes full, image")
        text = format(value, options) if options.startswith(".") else str(value)
        cut = ""
        if len(text) > 4 * budget and options != "full":
            text = scrub(text) if scrub is not None else text
            text, cut = text[: 4 * budget - 1] + "…", "the end"
        part: Part = {"type": "image_url", "image_url": {"url": "data:image/png;base64,"}}
        return Plain(
            text="" if options == "image" else text,
            kind=type(value).__name__,
            summary=f"{len(text)} characters",
            cut=cut,
            inline=len(text) <= 60 and "\n" not in text and options != "image",
            part=part if options == "image" else None,
            tokens=len(text) // 4,
        )
