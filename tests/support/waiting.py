"""Waiting with a deadline instead of sleeping for a guessed time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def wait_until(
    predicate: Callable[[], T],
    *,
    timeout: float = 10.0,
    interval: float = 0.005,
    what: str = "the condition",
) -> T:
    """Call `predicate` until it returns something true, and return that.

    `timeout` and `interval` are in seconds. Raises `TimeoutError` naming `what` at the deadline.
    """
    deadline = time.monotonic() + timeout
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise TimeoutError(f"expected {what} within {timeout:g} s; last value: {value!r}")
        time.sleep(interval)
