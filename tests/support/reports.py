"""Reports of tests, as they pass between the processes of pytest-xdist."""

from __future__ import annotations

from typing import Any


def escaped(data: Any) -> Any:
    r"""Return what a report holds with `\ud800` for half a character, which no UTF-8 can carry.

    A test that fails over such a text, skips or logs with it would else end its whole process.
    """
    match data:
        case str():
            return data.encode("utf-8", "backslashreplace").decode()
        case dict():
            return {escaped(key): escaped(value) for key, value in data.items()}
        case list() | tuple():
            return type(data)(escaped(value) for value in data)
        case _:
            return data
