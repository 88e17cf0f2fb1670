"""The switches of tools and MCP servers, without a browser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from ipywidgets.widgets.widget import _instances

from eighty80_jupyter.notebook.panel.controls.tools import ToolPanel
from eighty80_jupyter.notebook.panel.widgets import close_all
from eighty80_jupyter.session.session import Session
from tests.support.mcp.use import User, odd
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(name="session")
def _session() -> Iterator[Session]:
    session = Session(environ={})
    session.confirmer = User()
    yield session
    session.close()


@pytest.fixture(name="panel")
def _panel(session: Session) -> Iterator[ToolPanel]:
    panel = ToolPanel(session, lambda: None)
    yield panel
    close_all(panel)


def offered(panel: ToolPanel) -> list[str]:
    """Return the tools whose switches are on."""
    panel.refresh()
    return [name for name, box in panel.tools.items() if box.value]


def test_nothing_is_shown_without_tools(session: Session, panel: ToolPanel) -> None:
    """Where there are no tools there is no fold; it comes with the first one, and goes again."""
    assert panel.layout.display == "none"
    session.tool(add)
    panel.refresh()
    assert panel.layout.display is None
    session.tools.remove("add")
    panel.refresh()
    assert panel.layout.display == "none"


def add(a: int) -> int:
    """Add."""
    return a


def test_switches_and_the_setting_agree(session: Session, panel: ToolPanel) -> None:
    """A switch changes the setting, the setting the switches, whatever form it has."""
    for name in ("one", "two", "three"):
        session.tool(add, name=name)
    assert offered(panel) == []
    panel.tools["two"].value = True
    panel.tools["one"].value = True
    assert session.config.tools == ["two", "one"]
    settings: list[tuple[Any, list[str]]] = [
        ("all", ["one", "two", "three"]),
        ("one, three", ["one", "three"]),
        (None, []),
        (["three", "gone"], ["three"]),
    ]
    for setting, names in settings:
        session.config.tools = setting
        assert offered(panel) == names
    panel.tools["three"].value = False
    assert session.config.tools == ["gone"]
    session.config.tools = "all"
    panel.refresh()
    panel.tools["two"].value = False
    assert session.config.tools == ["one", "three"]
    assert panel.tools["one"].tooltip == "Add."


def test_a_server_that_does_not_start_says_why(
    session: Session, panel: ToolPanel, tmp_path: Path
) -> None:
    """A server is switched off and on; where it does not start again its row says why."""
    once = tmp_path / "once"
    session.mcp(odd(f"once={once}"), name="odd")
    panel.refresh()
    panel.tools["odd__weather"].value = True
    panel.servers["odd"].value = False
    assert session.config.tools is None
    wait_until(lambda: told(panel) == "off", what="the end of the server")
    assert not panel.tools
    assert not session.tools
    panel.servers["odd"].value = True
    wait_until(lambda: "ended before it had said" in told(panel), what="the reason")
    assert panel.servers["odd"].value is False
    once.unlink()
    panel.servers["odd"].value = True
    wait_until(lambda: offered(panel) == ["odd__weather"], what="the switch as it was")
    assert told(panel) == ""
    session.servers.stop("odd")
    panel.refresh()
    assert not panel.servers


def told(panel: ToolPanel) -> str:
    """Return what stands below the server."""
    panel.refresh()
    html: str = panel._told["odd"].value
    return html.rpartition("</div>")[0].partition(">")[2]


def test_what_is_gone_is_closed(session: Session) -> None:
    """Switches of tools that are gone, and the panel, leave no widgets behind."""
    before = set(_instances)
    panel = ToolPanel(session, lambda: None)
    for _ in range(3):
        session.tool(add)
        panel.refresh()
        count = len(_instances)
        session.tools.remove("add")
        panel.refresh()
    assert len(_instances) < count
    close_all(panel)
    assert set(_instances) == before
    session.tool(add)
