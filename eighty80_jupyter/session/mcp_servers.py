"""The MCP servers of a session; all that they need is imported with the first of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

from eighty80_jupyter import loading
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.session.loop_thread import Background
from eighty80_jupyter.tools.toolbox import ToolBox
from eighty80_jupyter.wire.secret import Secret

if TYPE_CHECKING:
    from eighty80_jupyter.mcp.server import Server
    from eighty80_jupyter.mcp.servers import Servers

# Asks the user a question that is answered with yes or no; None: nobody can be asked.
Permit = Callable[[str], bool | None]


class MCPServers:
    """The servers whose tools stand in `tools`, with a loop thread of their own.

    `permit` returns what asks the user, `secrets` the keys that no server gets. `known` are the
    servers so far, by their names.
    """

    def __init__(
        self,
        tools: ToolBox,
        environ: Mapping[str, str],
        *,
        say: Callable[[str], object],
        permit: Callable[[], Permit],
        secrets: Callable[[], tuple[Secret, ...]],
    ) -> None:
        self._tools = tools
        self._environ = environ
        self._say = say
        self._permit = permit
        self._secrets = secrets
        self._servers: Servers | None = None

    @property
    def known(self) -> Mapping[str, Server]:
        """The servers by their names."""
        return {} if self._servers is None else self._servers.known

    @overload
    def start(
        self,
        target: str | os.PathLike[str] | Sequence[str],
        *,
        name: str | None = None,
        env: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        tools: Sequence[str] | None = None,
        confirm: bool | None = None,
    ) -> Server: ...
    @overload
    def start(
        self,
        *,
        config: str | os.PathLike[str] | Mapping[str, Any],
        confirm: bool | None = None,
    ) -> list[Server]: ...
    def start(
        self,
        target: Any = None,
        *,
        config: Any = None,
        confirm: bool | None = None,
        **how: Any,
    ) -> Server | list[Server]:
        """Start an MCP server, and return it; the model can use its tools where they are offered.

        `target` is a command ("uvx mcp-server-fetch", or the list of its words) or the address of a
        server (https; on this machine also http). Its tools are named as `fetch__get`; `--tools` or
        `tools=` offer them. `name` stands before their names; None: a word of the command. `env`
        are variables for the process, which gets no others than it needs, `headers` go with each
        request; `$NAME` in them is a variable of the environment. `tools` are those that are
        wanted, by the server's names; None: all. `confirm` False: they run unasked until one
        changes. `config` is a file in the form that other clients use, or what it holds; then all
        servers in it are started, and returned as a list.

        The user is asked before a command runs that was never agreed to. Raises UsageError for
        what cannot be, also where nobody can be asked, and MCPServerError for a server that does
        not start; it has 60 seconds for that.
        """
        if (target is None) == (config is None):
            raise UsageError(
                'give a command or an address, as chat.mcp("uvx mcp-server-fetch"), or '
                'config="mcp.json"'
            )
        servers, permit, secrets = self._opened(), self._permit(), self._secrets()
        if config is None:
            return servers.start(target, permit, secrets, confirm=confirm, **how)
        if how:
            raise UsageError(f"{', '.join(how)} stand in the configuration, not beside it")
        return servers.start_all(config, permit, secrets, confirm=confirm)

    def stop(self, name: str) -> None:
        """End a server and take its tools away. Raises UsageError with the nearest name."""
        if self._servers is None:
            raise UsageError(f"there is no MCP server {name}; there are none")
        self._servers.stop(name)

    def switch(self, name: str, *, on: bool) -> None:
        """End a server whose name stays, or start it again. Raises MCPServerError."""
        if self._servers is not None:
            self._servers.switch(name, on=on)

    def close(self) -> None:
        """End all servers; the next call of one of their tools starts its server again."""
        if self._servers is not None:
            self._servers.close()

    def _opened(self) -> Servers:
        if self._servers is None:
            try:
                loading.require(*loading.MCP)
            except ImportError as error:
                raise UsageError(
                    "MCP servers need the package mcp, version 2: pip install "
                    f"'eighty80-jupyter[mcp]' ({error})"
                ) from None
            from eighty80_jupyter.mcp.servers import Servers  # noqa: PLC0415  # a door: mcp

            loading.begin(*loading.CHECKS)  # for the first call; a server takes longer to start
            self._servers = Servers(self._tools, Background(), say=self._say, environ=self._environ)
        return self._servers
