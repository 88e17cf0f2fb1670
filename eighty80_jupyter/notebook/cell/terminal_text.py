"""The door to a terminal: text without anything that it would obey."""

from __future__ import annotations

import sys

# A terminal obeys control characters: they could write to the clipboard, or over what is there.
_HARMLESS = {code: "\ufffd" for code in (*range(32), *range(127, 160)) if chr(code) not in "\t\n"}
_HARMLESS[ord("\r")] = ""


def harmless(text: str) -> str:
    """Return `text` without what a terminal would obey, or the standard output cannot write."""
    return writable(text.translate(_HARMLESS))


def writable(text: str) -> str:
    """Return `text` with `?` for what the standard output has no code for, as in a C locale."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return text.encode(encoding, "replace").decode(encoding)
