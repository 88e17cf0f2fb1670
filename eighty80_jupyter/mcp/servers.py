"""The MCP servers of a session: agreed to, added, listed, stopped, and ended with the process."""

from __future__ import annotations

import asyncio
import atexit
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from eighty80_jupyter.errors import MCPServerError, UsageError
from eighty80_jupyter.mcp.approvals import Approvals
from eighty80_jupyter.mcp.configuration import config_specs
from eighty80_jupyter.mcp.naming import MOST_NAME
from eighty80_jupyter.mcp.server import Loop, Server
from eighty80_jupyter.mcp.spec import ServerSpec, server_spec
from eighty80_jupyter.text import unknown
from eighty80_jupyter.tools.toolbox import ToolBox
from eighty80_jupyter.wire.secret import Secret

# Asks the user; None: nobody can be asked.
Permit = Callable[[str], bool | None]


class Servers:
    """The servers by their names, in the order in which they came.

    A name is entered before its server starts, and so whatever happens to a start, nothing runs
    that is not in here. `loop` is for them alone: what a server sends must not hold up an answer.
    Any thread may call: `_lock` owns the names, for a moment only.
    """

    def __init__(
        self,
        toolbox: ToolBox,
        loop: Loop,
        *,
        say: Callable[[str], object],
        environ: Mapping[str, str],
        approvals: Approvals | None = None,
    ) -> None:
        self._toolbox = toolbox
        self._loop = loop
        self._say = say
        self._environ = environ
        self._approvals = approvals or Approvals()
        self._lock = threading.Lock()
        self._servers: dict[str, Server] = {}

    def __repr__(self) -> str:
        return f"<MCP servers: {', '.join(self.known) or 'none'}>"

    @property
    def known(self) -> dict[str, Server]:
        """The servers by their names."""
        return dict(self._servers)

    def start(self, target: Any, permit: Permit, secrets: tuple[Secret, ...], **how: Any) -> Server:
        """Start a server, or return the one that runs for the same; `server_spec` has the rest.

        `permit` is asked before a command runs that was never agreed to. Raises UsageError and
        MCPServerError.
        """
        spec = server_spec(target, environ=self._environ, secrets=secrets, **how)
        spec = self._with_free_name(spec)
        known = self._servers.get(spec.name)
        if known is not None and known.spec == spec and known.state == "running":
            return known
        self._agree(spec, permit)
        server = self._add(spec)
        self._open([server])
        return server

    def start_all(
        self,
        config: Any,
        permit: Permit,
        secrets: tuple[Secret, ...],
        *,
        confirm: bool | None = None,
    ) -> list[Server]:
        """Start the servers of a configuration side by side, and return them.

        Raises MCPServerError that names those that could not be started; the others run.
        """
        specs = config_specs(config, confirm=confirm, environ=self._environ, secrets=secrets)
        running = {name: one for name, one in self.known.items() if one.state == "running"}
        new = [s for s in specs if s.name not in running or running[s.name].spec != s]
        for spec in new:
            self._agree(spec, permit)
        servers = [self._add(spec) for spec in new]
        self._open(servers)
        found = running | {server.name: server for server in servers}
        return [found[spec.name] for spec in specs]

    def switch(self, name: str, *, on: bool) -> None:
        """Start a server anew that was agreed to before, or end it; its name stays either way.

        Raises MCPServerError.
        """
        server = self._named(name)
        if on:
            self._loop.run(server.reopen())
        else:
            server.withdraw()
            self._loop.run(server.close())

    def stop(self, name: str) -> None:
        """End a server, and take its tools away. Raises UsageError with the nearest name."""
        self._named(name).stop()

    def close(self) -> None:
        """End all servers and the thread; the next call of a tool starts its server again."""
        atexit.unregister(self.close)
        if any(server.is_open for server in self.known.values()):
            self._loop.run(self._close())
        self._loop.close()

    def _named(self, name: str) -> Server:
        known = self.known
        if name not in known:
            told = f"they are: {', '.join(known)}" if known else "there are none"
            raise UsageError(f"{unknown('MCP server', str(name), known)}; {told}")
        return known[name]

    def _agree(self, spec: ServerSpec, permit: Permit) -> None:
        """Ask before a command is started for the first time. Raises UsageError for a no."""
        if spec.url or spec in self._approvals:
            return
        said = permit(spec.question)
        if said is None:
            raise UsageError(
                f"nobody can be asked here whether {spec.target} may be started; run "
                "%chat --mcp with it in a notebook once, and agree to it"
            )
        if not said:
            raise UsageError(f"the MCP server {spec.name} was not started: you said no")
        self._approvals.add(spec)

    def _with_free_name(self, spec: ServerSpec) -> ServerSpec:
        """Give a server whose name nobody chose one that no other command or address has."""
        name, number, known = spec.name, 1, self.known
        while not spec.named and name in known and not known[name].spec.is_like(spec):
            number += 1
            name = f"{spec.name[: MOST_NAME - 3]}{number}"
        return replace(spec, name=name)

    def _add(self, spec: ServerSpec) -> Server:
        """Enter a server; one of the same name is ended, since cells are run again."""
        server = Server(spec, self._toolbox, self._loop, say=self._say, forget=self._forget)
        while (before := self._entered(server)) is not server:
            before.stop()
        return server

    def _entered(self, server: Server) -> Server:
        """Enter a server unless another one has its name; return which one has it now."""
        with self._lock:
            return self._servers.setdefault(server.name, server)

    def _forget(self, server: Server) -> None:
        with self._lock:
            if self._servers.get(server.name) is server:
                del self._servers[server.name]

    def _open(self, servers: Sequence[Server]) -> None:
        """Start servers side by side. Those that do not start, or an interrupt, are forgotten."""
        failures: list[tuple[Server, Exception]] = []

        async def open_one(server: Server) -> None:
            try:
                await server.open()
            except Exception as error:  # noqa: BLE001  # all of them are told below
                failures.append((server, error))

        async def open_all() -> None:
            await asyncio.gather(*map(open_one, servers))

        try:
            self._loop.run(open_all())
        except BaseException:
            for server in servers:
                server.withdraw()
                self._forget(server)
                self._loop.start(server.close())
            raise
        finally:
            # The loop thread has one of its own, which must run after this one.
            atexit.unregister(self.close)
            atexit.register(self.close)
        for server, _ in failures:
            server.withdraw()
            self._forget(server)
        if len(failures) == 1:
            raise failures[0][1]
        if failures:
            raise MCPServerError("; ".join(str(error) for _, error in failures))

    async def _close(self) -> None:
        closing: list[Coroutine[Any, Any, None]] = [s.close() for s in self.known.values()]
        with suppress(Exception):
            await asyncio.gather(*closing, return_exceptions=True)
