"""Fixtures of the client's tests."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from eighty80_jupyter.wire import client
from tests.support.waiting import wait_until
from tests.wire.asking import session_for

if TYPE_CHECKING:
    from eighty80_jupyter.session.session import Session
    from tests.support.scripted import ScriptedServer


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    """Check that a test ends every thread of ours that it began."""
    before = set(threading.enumerate())
    yield

    def left() -> list[threading.Thread]:
        new = set(threading.enumerate()) - before
        return [thread for thread in new if thread.name.startswith("eighty80")]

    wait_until(lambda: not left(), what="the end of the session's threads")


@pytest.fixture(autouse=True)
def _connections_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no stall of the scripted server cost the connection of a reply that is complete."""
    monkeypatch.setattr(client, "_DRAIN_SECONDS", 60.0)


@pytest.fixture(name="session")
def _session(server: ScriptedServer) -> Iterator[Session]:
    """Give a session that asks the scripted server; nothing of it is left after the test."""
    session = session_for(server.url)
    yield session
    session.close()
    server.wait_open(0)
