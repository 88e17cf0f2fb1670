"""Sessions with a user who answers questions about commands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from eighty80_jupyter.config import ChatConfig
from eighty80_jupyter.session.session import Session
from tests.support.mcp.use import User
from tests.support.valid import check_history

if TYPE_CHECKING:
    from tests.support.scripted import ScriptedServer

KEY = "sk-tools-0123456789"


@pytest.fixture(name="make_session")
def _make_session(server: ScriptedServer) -> Iterator[Callable[..., Session]]:
    """Give a factory of sessions whose user gives the same answer to every question."""
    made: list[Session] = []

    def make(said: bool | None = True) -> Session:  # noqa: FBT001, FBT002  # the one answer
        environ = {"_8080_API_URL": server.url, "_8080_API_KEY": KEY}
        session = Session(ChatConfig(max_retries=0), environ=environ)
        session.confirmer = User(said)
        made.append(session)
        return session

    yield make
    for session in made:
        check_history(session.conversation)
        session.close()


@pytest.fixture(name="session")
def _session(make_session: Callable[..., Session]) -> Session:
    return make_session()
