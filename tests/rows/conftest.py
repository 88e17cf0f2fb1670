"""Fixtures of the tests over rows: kept answers of the test's own, a session at a server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from eighty80_jupyter.config import ChatConfig
from eighty80_jupyter.session.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.scripted import ScriptedServer

KEY = "test-key-77f0a9"


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep answers in a folder of the test's own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture(name="make_session")
def _make_session(server: ScriptedServer) -> Iterator[Callable[..., Session]]:
    """Give a factory of sessions at the scripted server, ended with the test."""
    made: list[Session] = []

    def make(**settings: Any) -> Session:
        config = ChatConfig(**{"api_key": KEY, "base_url": server.url, **settings})
        session = Session(config, environ={})
        session.namespace = {}
        made.append(session)
        return session

    yield make
    for session in made:
        session.close()


@pytest.fixture(name="session")
def _session(make_session: Callable[..., Session]) -> Session:
    """Give a session at the scripted server."""
    return make_session()
