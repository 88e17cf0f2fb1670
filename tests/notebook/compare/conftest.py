"""Fixtures of the tests of answers that are compared, and of live mode."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from eighty80_jupyter.config import ChatConfig
from eighty80_jupyter.notebook.compare import live as live_module
from eighty80_jupyter.notebook.panel.controls.live import LiveControls
from eighty80_jupyter.session.session import Session
from tests.notebook.compare.warmth import (
    QUICK,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.scripted import ScriptedServer


@pytest.fixture(name="session")
def _session(server: ScriptedServer) -> Iterator[Session]:
    environ = {"_8080_API_URL": server.url, "_8080_API_KEY": "sk-compare"}
    session = Session(ChatConfig(max_retries=0), environ=environ)
    yield session
    session.close()


@pytest.fixture(name="controls")
def _controls(session: Session) -> Iterator[LiveControls]:
    controls = LiveControls(session)
    yield controls
    controls.close()


@pytest.fixture(name="quick")
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an answer enter the history soon after it is whole."""
    monkeypatch.setattr(live_module, "SETTLE", QUICK)
    monkeypatch.setattr(live_module, "LET_GO", QUICK)


@pytest.fixture(name="slow")
def _slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no answer enter the history by itself."""
    monkeypatch.setattr(live_module, "SETTLE", 1000)
