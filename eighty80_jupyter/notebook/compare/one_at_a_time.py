"""Which live mode answers the moves of a session: two would ask, and keep an answer, twice."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakKeyDictionary, ref

if TYPE_CHECKING:
    from typing import Any

    from eighty80_jupyter.session.session import Session

T = TypeVar("T")

_latest: WeakKeyDictionary[Session, ref[Any]] = WeakKeyDictionary()
_taking_over = threading.Lock()  # it owns `_latest`


def take_over(session: Session, one: T) -> T | None:
    """Make `one` the one that answers, and return the one that did."""
    with _taking_over:
        known = _latest.get(session)
        _latest[session] = ref(one)
    before: T | None = known() if known is not None else None
    return before if before is not one else None
