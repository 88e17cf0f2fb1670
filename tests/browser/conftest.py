"""One Jupyter server of each kind for the session, one browser a file, one page for each test.

While the browser is open, `asyncio.run` fails in the main thread: it must not outlast its tests.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.support.lab import (
    CHROMIUM_NAMES,
    App,
    JupyterServer,
    NotebookPage,
    find_chromium,
    make_notebook,
    open_browser,
)
from tests.support.scripted import ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser

API_KEY = "key-of-the-browser-tests"


@pytest.fixture(scope="module", name="browser")
def _browser() -> Iterator[Browser]:
    """Give one Chromium; without one the tests are skipped, but in CI they fail."""
    expect.set_options(timeout=60_000)  # its own 5 seconds are too few where others work too
    if find_chromium() is None:
        reason = f"expected one of {', '.join(CHROMIUM_NAMES)} on the search path"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with open_browser() as browser:
        yield browser


@pytest.fixture(scope="session", name="session_server")
def _session_server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        yield server


@pytest.fixture(name="server")
def _server(session_server: ScriptedServer) -> ScriptedServer:
    """Give the scripted server that every kernel of the Jupyter servers is pointed to, empty."""
    session_server.reset()
    return session_server


@pytest.fixture(scope="session", name="jupyter")
def _jupyter(session_server: ScriptedServer) -> Iterator[Callable[[App], JupyterServer]]:
    """Give the Jupyter server of a kind, started when first asked for."""
    env = {"_8080_API_URL": session_server.url, "_8080_API_KEY": API_KEY}
    running: dict[App, JupyterServer] = {}
    with contextlib.ExitStack() as stack:

        def get(app: App) -> JupyterServer:
            if app not in running:
                running[app] = stack.enter_context(JupyterServer(app, env=env))
            return running[app]

        yield get


@pytest.fixture(name="open_notebook")
def _open_notebook(
    request: pytest.FixtureRequest,
    browser: Browser,
    jupyter: Callable[[App], JupyterServer],
    server: ScriptedServer,  # noqa: ARG001 - empty before the first cell runs
) -> Iterator[Callable[..., NotebookPage]]:
    """Give a function that opens a notebook of the given cells: `open_notebook("1 + 1")`.

    `app="notebook"` opens it in Notebook 7. Every kernel has the address and a key of `server`.
    """
    with contextlib.ExitStack() as stack:
        count = 0

        def open_(*cells: str, app: App = "lab", **settings: Any) -> NotebookPage:
            nonlocal count
            count += 1
            stem = "".join(c if c.isalnum() else "-" for c in request.node.name)
            settings = {"name": f"{stem}-{count}.ipynb", **settings}
            page = NotebookPage.open(browser, jupyter(app), make_notebook(*cells), **settings)
            stack.callback(page.close)
            return page

        yield open_
