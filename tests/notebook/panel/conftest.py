"""Fixtures of the tests of the panel without a browser."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from eighty80_jupyter.notebook.panel.panel import Panel
from eighty80_jupyter.session.session import Session
from tests.notebook.panel.hearing import Browser, threads
from tests.support.replies import (
    models_reply,
)
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.scripted import ScriptedServer


@pytest.fixture(name="session")
def _session(server: ScriptedServer) -> Iterator[Session]:
    server.route("GET", "/v1/models", models_reply("one", "two"))
    session = Session(environ={"_8080_API_URL": server.url, "_8080_API_KEY": "k"})
    yield session
    wait_until(lambda: not threads("eighty80-models"), what="the end of the models' request")
    session.close()


@pytest.fixture(name="open_panel")
def _open_panel(session: Session) -> Iterator[Callable[[], Browser]]:
    """Give a function that opens a panel and says hello."""
    with contextlib.ExitStack() as stack:

        def open_() -> Browser:
            panel = Panel(session, publish=lambda **_: None)
            stack.callback(panel.close)
            browser = Browser(panel)
            browser.say("hello")
            return browser

        yield open_
