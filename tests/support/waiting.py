"""Waiting with a deadline instead of sleeping for a guessed time, and how slow the machine is."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_LOOPS, _SECONDS = 9_000_000, 0.1  # what they take where the bounds come from


def wait_until(
    predicate: Callable[[], T],
    *,
    timeout: float = 60.0,
    interval: float = 0.005,
    what: str = "the condition",
) -> T:
    """Call `predicate` until it returns something true, and return that.

    `timeout` and `interval` are in seconds; the default is for a machine that others keep busy.
    Raises `TimeoutError` naming `what` at the deadline.
    """
    deadline = time.monotonic() + timeout
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise TimeoutError(f"expected {what} within {timeout:g} s; last value: {value!r}")
        time.sleep(interval)


def slowness() -> float:
    """Return how many times longer a computation takes now than where the bounds come from.

    At least 1. Where a time is promised, a test allows that much more of it on a machine that is
    slow or that others keep busy.
    """
    started = time.perf_counter()
    for _ in range(_LOOPS):
        pass
    return max(1.0, (time.perf_counter() - started) / _SECONDS)
