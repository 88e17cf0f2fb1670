"""JSON in an event that is not all that the event holds, or not quite JSON. No I/O."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from eighty80_jupyter.text import clean

SHOWN_BYTES = 200
_DECODER = json.JSONDecoder(strict=False)  # tabs and the like, as they are, are read
_BETWEEN = re.compile(r"(?:\s|,|data:|\[DONE\])*")


def parts_of(text: str) -> list[str]:
    """Return the texts that an event holds: itself, or its lines where it makes no sense as one."""
    while text.startswith("data:"):
        text = text.removeprefix("data:").strip()
    lines = [line.removeprefix("data:").strip() for line in text.split("\n")]
    if len(lines) > 1 and not is_json(text) and any(map(_makes_sense, lines)):
        return lines
    return [text]


def _makes_sense(line: str) -> bool:
    return line == "[DONE]" or (line.startswith("{") and is_json(line))


def is_json(text: str | bytes) -> bool:
    """Tell whether all of a text is JSON."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def values_in(text: str) -> Iterator[Any]:
    """Yield the JSON values in a text, one after the other. Raises ValueError."""
    at = 0
    while at < len(text):
        try:
            value, at = _DECODER.raw_decode(text, at)
        except RecursionError:
            raise ValueError("it is nested too deeply") from None
        yield value
        between = _BETWEEN.match(text, at)
        at = between.end() if between else at


def decoded(data: bytes) -> str:
    """Decode an event; some servers write each half of a character as three bytes of its own."""
    try:
        return data.decode("utf-8", "surrogatepass").strip()
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace").strip()


def beginning(data: bytes | str) -> str:
    """Return the beginning of what came, for a message."""
    if isinstance(data, bytes):
        data = data[:SHOWN_BYTES].decode("utf-8", "replace")
    return repr(" ".join(clean(data[:SHOWN_BYTES]).split())[:80])
