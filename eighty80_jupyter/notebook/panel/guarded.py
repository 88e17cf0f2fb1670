"""A flag of the running thread: what happens now is ours, and not the user's doing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Ours:
    """Tells a widget's observers that the program sets the value, in this thread, and no person.

    with ours.acting():
        slider.value = 1.0      # an observer sees `ours.active`
    """

    def __init__(self) -> None:
        self._local = threading.local()

    @property
    def active(self) -> bool:
        """Whether this thread is within `with ours.acting():`."""
        return getattr(self._local, "depth", 0) > 0

    @contextmanager
    def acting(self) -> Iterator[None]:
        """Mark what this thread does inside as ours."""
        self._local.depth = getattr(self._local, "depth", 0) + 1
        try:
            yield
        finally:
            self._local.depth -= 1
