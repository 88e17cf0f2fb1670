"""An MCP server of a session: its tools in the toolbox, its calls, and what its end leads to."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar

from mcp_types import CallToolResult

from eighty80_jupyter.errors import MCPServerError
from eighty80_jupyter.mcp.connection import Connection, LostError
from eighty80_jupyter.mcp.listing import Arguments, ListedTool, note, tool_names
from eighty80_jupyter.mcp.results import ServerToolError, result_of
from eighty80_jupyter.mcp.spec import ServerSpec
from eighty80_jupyter.tools.result import PictureText
from eighty80_jupyter.tools.tool import Tool
from eighty80_jupyter.tools.toolbox import ToolBox
from eighty80_jupyter.wire.secret import without_secret

T = TypeVar("T")
State = Literal["running", "stopped", "ended", "off"]


class Loop(Protocol):
    """The loop thread of the servers; the session's `Background` is one."""

    def start(self, coroutine: Coroutine[Any, Any, T], /) -> Future[T]:
        """Start a coroutine and return its future at once; from any thread."""

    def run(self, coroutine: Coroutine[Any, Any, T], /) -> T:
        """Run a coroutine and wait for it; an interrupt cancels it."""

    def close(self) -> None:
        """End the thread; the next use starts another."""


@dataclass(frozen=True, slots=True)
class ServerFunction:
    """Calls a tool of a server. Equal to another one if nothing that was agreed to differs.

    An "always" holds for what is equal: the same server's same name, description and schema.
    """

    server: Server = field(compare=False, repr=False)
    target: str
    name: str
    digest: str

    async def __call__(self, **arguments: Any) -> PictureText:
        """Call it. Raises MCPServerError and ServerToolError, whose texts are for the model."""
        return await asyncio.wrap_future(self.server.start_call(self, arguments))


class Server:
    """An MCP server. `name`, `target` and `tools` say what it is, `state` whether it runs.

    Its connection belongs to the loop, and to the process that has opened it: one that was forked
    off opens its own. Which of its tools are offered is changed by the loop and by the user's
    threads, under `_offers`. Once it is started again by itself. `say` shows the user a line,
    `forget` has the session forget it.
    """

    def __init__(
        self,
        spec: ServerSpec,
        toolbox: ToolBox,
        loop: Loop,
        *,
        say: Callable[[str], object],
        forget: Callable[[Server], object],
    ) -> None:
        self.spec = spec
        self._toolbox = toolbox
        self._loop = loop
        self._say = say
        self._forget = forget
        self._connection: Connection | None = None
        self._process = os.getpid()
        self._opening = asyncio.Lock()
        self._restarted = self._ended = False
        self._withdrawn = False
        self._first: dict[str, ListedTool] = {}  # as each tool was listed at first
        self._offers = threading.Lock()
        self._tools: Sequence[Tool] = ()  # as the toolbox has them

    def __repr__(self) -> str:
        return f"<MCP server {self.name}: {self.state}; {', '.join(self.tools) or 'no tools'}>"

    @property
    def name(self) -> str:
        """What stands before the names of its tools."""
        return self.spec.name

    @property
    def target(self) -> str:
        """Its command, or its address."""
        return self.spec.target

    @property
    def tools(self) -> tuple[str, ...]:
        """The names of its tools, as the model is told them."""
        return tuple(tool.name for tool in self._tools)

    @property
    def omitted(self) -> tuple[str, ...]:
        """Which of its tools cannot be offered, and why."""
        return () if self._connection is None else self._connection.omitted

    @property
    def state(self) -> State:
        """Whether it runs; "stopped" starts with the next call, "ended" does not any more.

        "off" has no tools until it is switched on.
        """
        if not self.is_open:
            return "off" if self._withdrawn else "stopped"
        if self._connection is not None and not self._connection.lost:
            return "running"
        return "ended" if self._restarted else "stopped"

    @property
    def is_open(self) -> bool:
        """Whether this process has a connection to it, alive or not."""
        return self._connection is not None and self._process == os.getpid()

    def start_call(self, function: ServerFunction, arguments: Mapping[str, Any]) -> Future[Any]:
        """Begin a call, from any thread, and return its future; cancelling that ends it."""
        return self._loop.start(self._call(function, arguments))

    def stop(self) -> None:
        """End it, take its tools away, and forget it."""
        self.withdraw()
        self._loop.run(self.close())
        self._forget(self)  # last: whatever interrupts this, it is still to be seen

    def withdraw(self) -> None:
        """Take its tools out of the toolbox; what the user has put in their place stays."""
        with self._offers:
            self._withdrawn = True
            self._tools = self._toolbox.exchange(self._tools, ())
        self._toolbox.tell()

    async def open(self) -> None:
        """Start it and put its tools into the toolbox; on the loop. Raises MCPServerError."""
        self._process = os.getpid()
        self._withdrawn = False
        connection = self._connection = Connection(self.spec, self._offer)
        await connection.open()
        self._offer()

    async def reopen(self) -> None:
        """Start it anew, on the loop. Raises MCPServerError, and then it is off."""
        await self.close()
        try:
            await self.open()
        except BaseException:
            self.withdraw()
            self._forget_connection()
            raise

    async def close(self) -> None:
        """End it, on the loop; the next call starts it again."""
        connection, is_ours = self._connection, self.is_open
        self._forget_connection()
        if connection is not None and is_ours:
            await connection.close()

    async def _call(self, function: ServerFunction, arguments: Mapping[str, Any]) -> PictureText:
        for attempt in range(2):
            connection = await self._connected()
            now = {tool.name: tool.digest for tool in connection.listed}
            if now.get(function.name) != function.digest:
                raise MCPServerError(
                    f"not run: the server {self.name} has changed this tool since it was offered"
                )
            try:
                return self._result(await connection.call(function.name, arguments))
            except LostError as lost:
                if not lost.unsent or attempt:
                    break
        raise MCPServerError(
            f"the MCP server {self.name} has ended during this call; whether it was carried out is "
            f"not known, and {await self._after_end()}"
        )

    def _result(self, result: CallToolResult) -> PictureText:
        """Return a result without what was given to the server as a secret."""
        try:
            found = result_of(result)
        except ServerToolError as error:
            raise ServerToolError(without_secret(str(error), self.spec.secrets)) from None
        return PictureText(without_secret(str(found), self.spec.secrets), found.pictures)

    async def _after_end(self) -> str:
        """Start the server again, and return what has become of it."""
        try:
            await self._connected()
        except MCPServerError:
            return "it does not run any more"
        return "it was started again"

    async def _connected(self) -> Connection:
        """Return a connection; one is opened where there is none, and once where it has ended."""
        if self._process != os.getpid():  # the parent's: not ours to use or to close
            self._forget_connection()
        async with self._opening:  # calls that run side by side lose the same connection
            old = self._connection
            if old is not None and not old.lost:
                return old
            if old is not None:
                await self._note_end(old)
            await self.open()
            assert self._connection is not None  # noqa: S101  # it was opened
            return self._connection

    def _forget_connection(self) -> None:
        """Begin anew: in another process, or on another loop, to which a lock would belong."""
        self._connection, self._process = None, os.getpid()
        self._opening = asyncio.Lock()
        self._restarted = self._ended = False

    async def _note_end(self, old: Connection) -> None:
        """Say that the server has ended by itself. Raises MCPServerError the second time."""
        await old.close()
        if self._ended:
            raise MCPServerError(f"not run: the MCP server {self.name} has ended")
        words = f" (the last it wrote: {old.last_words})" if old.last_words else ""
        if not self._restarted:
            self._restarted = True
            self._tell(f"The MCP server {self.name} has ended{words}; it is started again.")
            return
        self._ended = True
        self._tell(
            f"The MCP server {self.name} has ended again{words}; "
            f'%chat --mcp "{self.target}" starts it.'
        )
        raise MCPServerError(f"not run: the MCP server {self.name} has ended")

    def _tell(self, line: str) -> None:
        with suppress(Exception):  # the page may be gone; the result says it too
            self._say(line)

    def _offer(self) -> None:
        """Have the toolbox hold the tools as they are listed now."""
        connection = self._connection
        if connection is None:
            return
        names = tool_names(self.name, connection.listed)
        with self._offers:
            if not self._withdrawn:
                tools = [self._tool(one, names[one.name]) for one in connection.listed]
                self._tools = self._toolbox.exchange(self._tools, tools)
        self._toolbox.tell()

    def _tool(self, listed: ListedTool, name: str) -> Tool:
        first = self._first.setdefault(listed.name, listed)
        before = first if first.digest != listed.digest else None
        return Tool(
            name=name,
            description=listed.words,
            parameters=listed.parameters,
            function=ServerFunction(self, self.target, listed.name, listed.digest),
            # Who wants no questions has not seen what it is now.
            confirm=self.spec.confirm if before is None else None,
            inputs=Arguments(listed.schema),
            note=note(self.name, listed, before),
        )
