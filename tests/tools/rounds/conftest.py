"""Fixtures of the tests of turns with tools."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from eighty80_jupyter.config import ChatConfig
from eighty80_jupyter.session.session import Session
from tests.support.valid import check_history

if TYPE_CHECKING:
    from tests.support.scripted import ScriptedServer


@pytest.fixture(name="session")
def _session(server: ScriptedServer) -> Iterator[Session]:
    environ = {"_8080_API_URL": server.url, "_8080_API_KEY": "sk-tools"}
    session = Session(ChatConfig(max_retries=0), environ=environ)
    yield session
    check_history(session.conversation)
    session.close()


@pytest.fixture(name="add")
def _add(session: Session) -> Callable[[int, int], int]:
    @session.tool(safe=True)
    def add(a: int, b: int = 1) -> int:
        """Add two numbers."""
        return a + b

    return add
