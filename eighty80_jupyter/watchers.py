"""Functions that are told of what happens."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

W = TypeVar("W", bound=Callable[..., object])


class Watchers(Generic[W]):
    """Those who want to be told, in the order in which they came.

    Who they are is changed under a lock, by any thread. Whoever iterates calls them without it: one
    of them may wait for another thread, which waits for that lock.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: tuple[W, ...] = ()

    def __iter__(self) -> Iterator[W]:
        return iter(self._all)

    def watch(self, watcher: W) -> Callable[[], None]:
        """Have `watcher` told from now on; returns the function that ends this."""
        with self._lock:
            self._all = (*self._all, watcher)

        def end() -> None:
            with self._lock:
                self._all = tuple(other for other in self._all if other is not watcher)

        return end


def at_fork(method: Callable[[], None]) -> None:
    """Have each process that is forked off call a method, if its object is still there."""
    if not hasattr(os, "register_at_fork"):
        return
    known = weakref.WeakMethod(method)

    def forked() -> None:
        if (call := known()) is not None:
            call()

    os.register_at_fork(after_in_child=forked)
