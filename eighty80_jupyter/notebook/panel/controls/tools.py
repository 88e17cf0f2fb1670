"""The tools in the panel: a switch for each, which offers it, and one for each MCP server.

Both are the session's: a tool is offered where the setting `tools` names it, in cells as well. All
names are harmless ones; what a server says of its tools goes out as text.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from ipywidgets import HTML, Checkbox, VBox

from eighty80_jupyter.errors import ChatError
from eighty80_jupyter.notebook.cell.front_end import listen_where_it_is_sent
from eighty80_jupyter.notebook.panel.widgets import (
    Fold,
    Setting,
    close_all,
    line_html,
)
from eighty80_jupyter.tools.shown import visible

if TYPE_CHECKING:
    from eighty80_jupyter.session.session import Session
    from eighty80_jupyter.tools.tool import Tool

_MOST_TIP = 300  # characters of a description
_STATES = {
    "running": "",
    "stopped": "starts with the next call",
    "ended": "has ended",
    "off": "off",
}
_ON = ("running", "stopped")


class ToolPanel(VBox):  # type: ignore[misc]  # ipywidgets ships no types
    """The servers with their tools, and the functions; nothing where there are none.

    `wake` has `refresh` called soon, which draws where something is `stale`. `servers` and `tools`
    are the switches by name.
    """

    def __init__(self, session: Session, wake: Callable[[], None]) -> None:
        self._session = session
        self._wake = wake
        self._setting = Setting()
        self._lock = threading.Lock()  # owns what is drawn
        self.stale = True
        self._busy: dict[str, str] = {}  # what is done to a server, or went wrong
        self._offered: dict[str, tuple[str, ...]] = {}  # of a server that is off
        self.servers: dict[str, Any] = {}
        self.tools: dict[str, Any] = {}
        self._told: dict[str, Any] = {}
        self._rows = VBox()
        self._rows.add_class("e80-tools")
        super().__init__([Fold("Tools", self._rows)])
        self.add_class("e80-parameters")
        self.layout.display = "none"
        self._unwatch = session.tools.watch(self._changed)
        session.config.observe(self._changed, names="tools")
        self.refresh()

    def refresh(self) -> None:
        """Bring the switches in line with the session, in the thread that draws."""
        with self._lock:
            if not self.stale or self.comm is None:
                return
            self.stale = False
            session = self._session
            servers = dict(session.servers.known)
            named = {name for server in servers.values() for name in server.tools}
            functions = [name for name in session.tools if name not in named]
            layout = [(server.name, server.tools) for server in servers.values()]
            shown = [*layout, ("", tuple(functions))]
            self._arrange(shown)
            offered = _offered(session)
            with self._setting.values():
                for name, box in self.tools.items():
                    box.value = name in offered
                    box.tooltip = _tip(session.tools.get(name))
                for name, server in servers.items():
                    busy = self._busy.get(name, "")
                    self.servers[name].value = server.state in _ON or busy == "starts"
                    self.servers[name].tooltip = server.target
                    state = busy or _STATES[server.state]
                    self._told[name].value = line_html(state, status=True) if state else ""
            self.layout.display = None if servers or functions else "none"

    def close(self) -> None:
        """Follow the session no longer."""
        if self.comm is not None:
            self._unwatch()
            self._session.config.unobserve(self._changed, names="tools")
        super().close()

    def _changed(self, _change: object = None) -> None:
        self.stale = True
        self._wake()

    def _arrange(self, groups: Iterable[tuple[str, tuple[str, ...]]]) -> None:
        """Have a row for each server and each tool; those that stay are kept."""
        old = [*self.servers.values(), *self.tools.values(), *self._told.values()]
        rows: list[Any] = []
        servers, told, tools = self.servers, self._told, self.tools
        self.servers, self._told, self.tools = {}, {}, {}
        for server, names in groups:
            if server:
                box = servers.get(server) or self._box(server, self._server_switched)
                line = told.get(server) or HTML()
                self.servers[server], self._told[server] = box, line
                box.add_class("e80-server")
                rows += [box, line]
            elif names and self.servers:
                rows.append(told.get("") or HTML(line_html("Functions")))
                self._told[""] = rows[-1]
            for name in names:
                self.tools[name] = tools.get(name) or self._box(name, self._tool_switched)
                rows.append(self.tools[name])
        if tuple(rows) != self._rows.children:
            self._rows.children = tuple(rows)
            close_all(*(widget for widget in old if widget not in rows))

    def _box(self, name: str, switched: Callable[[str, bool], None]) -> Any:
        box = Checkbox(description=name, indent=False)
        box.observe(partial(self._switched, switched, name), "value")
        listen_where_it_is_sent(box)
        return box

    def _switched(self, switched: Callable[[str, bool], None], name: str, change: Any) -> None:
        if not self._setting.active:
            switched(name, change["new"])

    def _tool_switched(self, name: str, on: bool) -> None:  # noqa: FBT001  # called by place
        self._offer({name} if on else set(), set() if on else {name})

    def _server_switched(self, name: str, on: bool) -> None:  # noqa: FBT001  # called by place
        """Start or end a server in a thread of its own: both may take seconds."""
        known = self._session.servers.known
        if name not in known:
            return  # a cell has ended it meanwhile
        server = known[name]
        if not on:
            self._offered[name] = tuple(set(_offered(self._session)) & set(server.tools))
            self._offer(set(), set(server.tools))
        self._busy[name] = "starts" if on else "ends"
        self._changed()
        work = partial(self._switch, name, on=on)
        threading.Thread(target=work, name="eighty80-panel-server", daemon=True).start()

    def _switch(self, name: str, *, on: bool) -> None:
        told = ""
        try:
            self._session.servers.switch(name, on=on)
            if on:
                self._offer(set(self._offered.pop(name, ())), set())
        except ChatError as error:
            told = str(error)
        self._busy[name] = told
        self._changed()

    def _offer(self, more: set[str], less: set[str]) -> None:
        """Change which tools prompts offer; what is named and not there stays named."""
        before = _offered(self._session)
        if not more and not less & set(before):
            return
        after = [name for name in before if name not in less]
        after += [name for name in self._session.tools if name in more and name not in after]
        self._session.config.tools = after or None


def _offered(session: Session) -> list[str]:
    """Return the names of the tools that every prompt offers, in their order."""
    named = session.config.tools
    if named == "all":
        return list(session.tools)
    if isinstance(named, str):
        return [name for part in named.split(",") if (name := part.strip())]
    return list(named or ())


def _tip(tool: Tool | None) -> str:
    return "" if tool is None else visible(tool.description.split("\n")[0][:_MOST_TIP])
